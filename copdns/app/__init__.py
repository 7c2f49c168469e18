"""The running program: `app.py` builds it from the settings; the rest is its chores."""
