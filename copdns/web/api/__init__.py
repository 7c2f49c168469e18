"""The API for programs, below /api/v1: `table.py` has every operation, `serve.py` answers."""
