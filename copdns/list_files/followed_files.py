"""Bring the files of lists and facts to a second box, as they are at the first one.

They are in `lists`, `own-lists` and `facts` of the data folder.  A file is complete or as it was
before; what the first box has no more goes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from copdns.household.second_box.bundle import FileNote
from copdns.list_files.copies import LOCK, NOTE, RAW, TEXT
from copdns.model.errors import FollowingError

FOLDERS: Final = ("lists", "own-lists", "facts")
MAX_FILES: Final = 2000
MAX_FILE: Final = 1 << 30  # octets
_PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{{0,120}}){{1,3}}")
_UNFINISHED: Final = (RAW, TEXT, NOTE, ".brought")
Mark = tuple[int, int, int]


class FollowedFiles:
    """complete: the files that are all here; () before the first.

    travels: tells of a path whether the file is one of them; others stay as they are.
    """

    def __init__(self, data: Path, travels: Callable[[str], bool] = lambda _: True) -> None:
        self.complete: tuple[FileNote, ...] = ()
        self._data = data
        self._travels = travels
        self._known: dict[str, tuple[Mark, str]] = {}  # digests by path, while the mark is the same

    def notes(self) -> tuple[FileNote, ...]:
        """Return what is here, by path; blocks."""
        found = []
        for path in _files_below(self._data):
            with suppress(OSError):
                name = path.relative_to(self._data).as_posix()
                if not (is_path(name) and self._travels(name)):
                    continue
                state = path.stat()
                mark = state.st_ino, state.st_size, state.st_mtime_ns
                known = self._known.get(name)
                if known is None or known[0] != mark:
                    known = self._known[name] = mark, _digest(path)
                found.append(FileNote(name, state.st_size, known[1]))
        return tuple(sorted(found)[:MAX_FILES])

    async def bring(
        self, files: tuple[FileNote, ...], fetch: Callable[[str, int], Awaitable[bytes]]
    ) -> bool:
        """Fetch what differs, and delete what is gone; tell whether anything was.

        fetch: returns the octets of a file from an offset on, at least one.  Raises FollowingError.
        """
        here = {each.path: each for each in await asyncio.to_thread(self.notes)}
        wanted = {each.path: each for each in files}
        differing = [each for each in files if here.get(each.path) != each]
        # States of lists come after their texts: without them a text does not count.
        for each in sorted(differing, key=lambda one: (one.path.endswith(".json"), one.path)):
            await self._bring_one(each, fetch)
        gone = here.keys() - wanted.keys()
        for path in gone:
            await asyncio.to_thread((self._data / path).unlink, missing_ok=True)
        self.complete = files
        return bool(differing or gone)

    async def _bring_one(
        self, note: FileNote, fetch: Callable[[str, int], Awaitable[bytes]]
    ) -> None:
        fits = is_path(note.path) and self._travels(note.path)
        if not (fits and 0 <= note.octets <= MAX_FILE):
            raise FollowingError(
                f"the bundle names the file {note.path!r}, which has no place here"
            )
        target = self._data / note.path
        new = target.with_name(f"{target.name}.brought")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            digest, offset = hashlib.sha256(), 0
            with new.open("wb") as file:
                while offset < note.octets:
                    part = await fetch(note.path, offset)
                    if not part:
                        raise FollowingError(f"{note.path} changed while it was fetched")
                    await asyncio.to_thread(file.write, part)
                    digest.update(part)
                    offset += len(part)
                file.flush()
                os.fsync(file.fileno())
            if digest.hexdigest() != note.sha256:
                new.unlink()
                raise FollowingError(f"{note.path} changed while it was fetched")
            new.replace(target)
        except OSError as error:
            raise FollowingError(f"{target}: it cannot be written ({error.strerror})") from error

    def read_part(self, path: str, offset: int, most: int) -> bytes:
        """Return a part of a file, for a follower; b"" where there is none.  Blocks."""
        if not is_path(path):
            return b""
        try:
            with (self._data / path).open("rb") as file:
                file.seek(offset)
                return file.read(most)
        except OSError:
            return b""


def is_path(text: str) -> bool:
    """Tell whether a text is the path of a file that travels."""
    return _PATH.fullmatch(text) is not None and not text.endswith((*_UNFINISHED, f"/{LOCK}"))


def _files_below(data: Path) -> Iterable[Path]:
    for folder in FOLDERS:
        for path in (data / folder).rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
