"""Read the text of a list from disk.

It imports next to nothing: the process that compiles lists (`compiling.py`) reads them by it, and
starts anew for each change of a list.
"""

from __future__ import annotations

from pathlib import Path
from stat import S_ISREG
from typing import Final

from copdns.lists.source import ListSource
from copdns.model.errors import ListError

MAX_LIST: Final = 256 << 20  # octets: a larger file is a mistake, or an attack on memory


def read_text(source: ListSource) -> str:
    """Return the text of a list on disk; raise ListError."""
    path = Path(source.path)
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):  # a pipe or a device might never end
            raise ListError(f"{path}: this is a folder, pipe or device; name a file")
        if status.st_size > MAX_LIST:
            raise ListError(
                f"{path}: this file is larger than {MAX_LIST >> 20} MiB; use a smaller one"
            )
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as failure:
        raise ListError(f"{path}: {failure.strerror}") from failure
