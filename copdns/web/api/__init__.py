"""The API for programs, below /api/v1: a table of operations, and a module for each subject.

`table.py` is the API: its routes and its OpenAPI document are both made from that.  Each operation
has its permission, which `serve.py` asks for before anything else is done.
"""
