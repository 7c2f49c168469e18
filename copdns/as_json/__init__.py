"""Values of the model as programs get them: what commands print with --json, and the API gives.

One name for one thing in both.  docs/commands.md and docs/api.md show them.
"""
