"""The child's pages: what is allowed, why something is blocked, and how to ask.  No login."""
