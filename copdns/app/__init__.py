"""The running program: `parts.py` makes its parts, `app.py` runs them; the rest is their chores."""
