"""A list as it is after it was fetched, in a data folder, for tests."""

from __future__ import annotations

from pathlib import Path

from copdns.list_files.copies import Copies
from copdns.lists.download import CopyState, dump_state


def put_list(data: Path, text: str, tried: float = 5.0) -> None:
    """Write the copy of a list `casinos`, and a compiled list.  tried: when it was asked for."""
    folder = Copies(data).folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "casinos.txt").write_text(text)
    state = CopyState(fetched_at=1.0, checked_at=tried, tried_at=tried, octets=len(text))
    (folder / "casinos.json").write_text(dump_state(state))
    (folder / "index").mkdir(exist_ok=True)
    (folder / "index" / "compiled.idx").write_text("of this machine")
