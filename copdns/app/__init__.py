"""The running program: `app.py` builds it from the settings; the other modules are its chores."""
