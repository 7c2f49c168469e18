"""How a line of the history begins that tells of a change which was undone."""

from __future__ import annotations

UNDONE = "undone: "
