"""The guardians' pages: one module a subject."""
