"""copdns: a DNS filter for families that says why, and lets the child answer back."""

__version__ = "0.1.0"
