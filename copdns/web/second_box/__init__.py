"""A second box: what the first one tells it, and what its own pages leave to the first one."""
