"""A list as it is after it was fetched, in a data folder, for tests."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from copdns.list_files.copies import Copies
from copdns.lists.download import CopyState, dump_state


def put_list(data: Path, text: str, slug: str = "casinos", tried: float = 5.0) -> None:
    """Write the copy of a list, and a compiled list.  tried: when it was asked for."""
    folder = Copies(data).folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{slug}.txt").write_text(text)
    digest, names = sha256(text.encode()).hexdigest(), len(text.split())
    state = CopyState(
        *("", "", "", 1.0, tried, tried, len(text)),
        sha256=digest,
        names=names,
    )
    (folder / f"{slug}.json").write_text(dump_state(state))
    (folder / "index").mkdir(exist_ok=True)
    (folder / "index" / "compiled.idx").write_text("of this machine")
