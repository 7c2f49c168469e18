"""Write a compiled index, complete or not at all, and map it.

A file never changes once it has its name: a process that has it mapped keeps its content.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from copdns.lists.compiled_index import HEADER_SIZE, CompiledIndex, checksum, read_header, unpack
from copdns.model.errors import ListError

SUFFIX, UNFINISHED = ".index", ".part"
_CHUNK = 64 << 10


def write(path: Path, parts: Iterable[bytes]) -> None:
    """Write an index; raise ListError where it cannot be written, and leave no file then."""
    unfinished = path.with_suffix(UNFINISHED)
    try:
        unfinished.unlink(missing_ok=True)  # one that a killed process left
        with unfinished.open("xb") as file:
            for part in parts:
                write_in_pieces(file, part)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise ListError(f"{path.parent}: {error.strerror}") from error


def read(path: Path) -> CompiledIndex:
    """Map an index; raise ListError for one that is missing, damaged, or of another program."""
    try:
        with path.open("rb") as file:
            return _map_file(file)
    except OSError as error:
        raise ListError(f"{path}: {error.strerror}") from error
    except ListError as error:
        raise ListError(f"{path} {error}") from error


def is_damaged(path: Path) -> bool:
    """Tell whether a file is there and differs from what was written; an unreadable one is."""
    try:
        with path.open("rb") as file:
            header = read_header(file.read(HEADER_SIZE), os.fstat(file.fileno()).st_size)
            return checksum(_chunks(file)) != header.checksum
    except FileNotFoundError:
        return False
    except (OSError, ListError):
        return True


def _map_file(file: IO[bytes]) -> CompiledIndex:
    size = os.fstat(file.fileno()).st_size
    header = read_header(file.read(HEADER_SIZE), size)
    # Read, not mapped: mapped pages would count as memory of this process, though used once.
    if checksum(_chunks(file)) != header.checksum:
        raise ListError("is damaged on disk: its checksum is wrong")
    return unpack(memoryview(mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)))


def write_in_pieces(file: IO[bytes], octets: bytes) -> None:
    """Write in pieces: where one comes at once, Linux holds it in blocks of up to 2 MiB, and
    whoever reads one octet of a mapped block then has the whole block in memory."""
    view = memoryview(octets)
    for begin in range(0, len(view), _CHUNK):
        file.write(view[begin : begin + _CHUNK])


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
