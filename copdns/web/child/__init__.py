"""The pages of a device's own: what is allowed, why not, and how to ask."""
