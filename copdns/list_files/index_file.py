"""Write a compiled index so that it is there whole or not at all, and map it.

A file is never changed once it has its name: whoever has it mapped goes on with what there was.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from copdns.lists.compiled import HEADER_SIZE, Compiled, checksum, read_header, unpack
from copdns.model.errors import ListError

SUFFIX, UNFINISHED = ".index", ".part"
_CHUNK = 64 << 10


def write(path: Path, parts: Iterable[bytes]) -> None:
    """Write an index; raise ListError where that cannot be done, and leave nothing then."""
    unfinished = path.with_suffix(UNFINISHED)
    try:
        unfinished.unlink(missing_ok=True)  # a killed process left it
        with unfinished.open("xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise ListError(f"{path.parent}: {error.strerror}") from error


def read(path: Path) -> Compiled:
    """Map an index; raise ListError for one that is not there, torn, or not for this program."""
    try:
        with path.open("rb") as file:
            return _mapped(file)
    except OSError as error:
        raise ListError(f"{path}: {error.strerror}") from error
    except ListError as error:
        raise ListError(f"{path} {error}") from error


def _mapped(file: IO[bytes]) -> Compiled:
    size = os.fstat(file.fileno()).st_size
    header = read_header(file.read(HEADER_SIZE), size)
    # Read and not mapped for this: pages that are only looked at once are not ours to hold.
    if checksum(_chunks(file)) != header.checksum:
        raise ListError("is damaged on disk: its checksum is wrong")
    return unpack(memoryview(mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)))


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
