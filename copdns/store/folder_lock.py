"""Let one copdns at a time serve a data folder: two would fetch, purge and count beside each other.

Commands do not ask: they share the databases with whoever serves.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from copdns.model.errors import StoreError
from copdns.store.db import store_error
from copdns.store.read_only import is_unwritable

LOCK = "server.lock"


@contextmanager
def sole_server(folder: Path) -> Iterator[None]:
    """Hold the right to serve a folder, which is made if need be; raise StoreError.

    The kernel takes it back when this process ends, however it does; the file stays.  Where the
    disk takes no file there is nothing to hold, and what cannot write is in nobody's way.
    """
    with _opened(folder) or nullcontext() as file:
        if file is None:
            yield
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"{folder}: another copdns{_holder(file)} is using this folder; stop it, or "
                "choose another folder with --data DIR"
            ) from None
        with suppress(OSError):  # a full disk: who it is cannot be told then
            file.truncate(0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())  # nothing is left to be written
        yield


def _opened(folder: Path) -> IO[str] | None:
    path = folder / LOCK
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        file = path.open("r+", encoding="ascii", errors="replace")
    except OSError as error:
        if is_unwritable(error):
            return None  # whoever opens the databases tells what is wrong
        raise store_error(path, error) from error
    owner = folder.stat()
    if owner.st_uid != os.geteuid():  # root came first, and the owner must get in as well
        with suppress(OSError):
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    return file


def _holder(file: IO[str]) -> str:
    """Return the number of the process that serves, for people; "" when it did not note it."""
    number = file.read(20).strip()
    return f" (process {number})" if number.isdecimal() else ""
