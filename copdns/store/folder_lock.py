"""Let one copdns at a time serve a data folder: two would both fetch, purge and count.

Commands need no lock: they share the databases with the server.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from copdns.model.errors import StoreError
from copdns.store.db import store_error
from copdns.store.read_only_access import is_unwritable

LOCK_FILE = "server.lock"


@contextmanager
def hold_server_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made where needed; StoreError where another holds it.

    The kernel releases it when this process ends, however it does; the file stays.  Where the disk
    cannot be written there is no lock: a copdns that writes nothing disturbs no other.
    """
    with _open_lock_file(folder) or nullcontext() as file:
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
        with suppress(OSError):  # a full disk: the number of the process is then missing
            file.truncate(0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())  # so closing writes nothing
        yield


def _open_lock_file(folder: Path) -> IO[str] | None:
    path = folder / LOCK_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(folder)
        path.touch(mode=0o600)
        file = path.open("r+", encoding="ascii", errors="replace")
    except OSError as error:
        if is_unwritable(error):
            return None  # opening the databases reports what is wrong
        raise store_error(path, error) from error
    owner = folder.stat()
    if owner.st_uid != os.geteuid():  # made by root: the owner must be able to open it as well
        with suppress(OSError):
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    return file


def _make_private(folder: Path) -> None:
    """Let only the owner into a folder that was there before, perhaps for everybody to read.

    Not where others have a part in it: it belongs to another user, or has folders in it that are
    not ours, such as a home folder, /srv or /tmp.
    """
    state = folder.stat()
    if not state.st_mode & _OTHERS or state.st_uid != os.geteuid() or state.st_mode & stat.S_ISVTX:
        return
    if any(each.is_dir() and each.name not in _SUBFOLDERS for each in folder.iterdir()):
        return
    folder.chmod(stat.S_IMODE(state.st_mode) & ~_OTHERS)


_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SUBFOLDERS = ("lists", "lost+found")  # of copies of lists, and of a disk of its own


def _holder(file: IO[str]) -> str:
    """Return the number of the process that serves, for people; "" where it is not in the file."""
    number = file.read(20).strip()
    return f" (process {number})" if number.isdecimal() else ""
