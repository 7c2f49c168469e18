"""Keep copies of other people's lists: `<data>/lists/<slug>.txt`, each with its state beside it.

A copy is complete or absent: it is written under another name, and renamed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from copdns.list_files.choose import ChosenLists
from copdns.list_files.load import is_free_name
from copdns.lists.download import CopyState, dump_state, read_state
from copdns.lists.source import ListSource
from copdns.model.errors import FetchError

LOCK = "lock"
NOT_HERE = "it has not been downloaded yet"
# Unfinished files: as received, unpacked, state, and compressed texts (`versions.py`).
RAW, TEXT, NOTE, PACKED, PACKED_BEFORE = ".part", ".new", ".tmp", ".gz", ".before.gz"


_CHUNK = 1 << 20  # octets
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileMark(NamedTuple):
    """Identifies a version of a file: another copy has another mark."""

    inode: int
    octets: int
    changed: int  # nanoseconds since the epoch


class Copies:
    """The copies of one installation.  folder: created with the first copy."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "lists"

    def text_path(self, slug: str) -> Path:
        """Return the path of the copy of a list, which need not exist."""
        return self.folder / f"{slug}.txt"

    def state(self, slug: str) -> CopyState:
        """Return the state of a copy; a copy of another size than noted counts as gone."""
        found, mark = self.read_noted_state(slug), self.mark(slug)
        whole = mark is not None and mark.octets == found.octets
        return found if whole else found.without_copy()

    def read_noted_state(self, slug: str) -> CopyState:
        """Return what was noted of a copy, whether or not its text is whole."""
        found, mark = _read_note(self._state_path(slug)), self.mark(slug)
        if mark is not None and mark.octets != found.octets:
            # A process was killed when the text had its place, and the note was to follow.
            waiting = _read_note(self._unfinished_path(slug, NOTE))
            if waiting.has_copy and waiting.octets == mark.octets:
                return waiting
        return found

    def digest(self, slug: str) -> str:
        """Return the SHA-256 of a copy; "" without one."""
        digest = hashlib.sha256()
        try:
            with self.text_path(slug).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except OSError:
            return ""
        return digest.hexdigest()

    def states(self, slugs: Iterable[str]) -> dict[str, CopyState]:
        """Return what is known of the copies of lists, by slug."""
        return {slug: self.state(slug) for slug in slugs}

    def marks(self, slugs: Iterable[str]) -> tuple[FileMark | None, ...]:
        """Return what tells one content of a copy from another, in this order; None for no copy."""
        return tuple(map(self.mark, slugs))

    def mark(self, slug: str) -> FileMark | None:
        """Return the mark of a copy; None without a copy."""
        try:
            found = self.text_path(slug).stat()
        except OSError:
            return None
        return FileMark(found.st_ino, found.st_size, found.st_mtime_ns)

    def _state_path(self, slug: str) -> Path:
        return self.folder / f"{slug}.json"

    # --- changing -----------------------------------------------------------------------------

    @contextmanager
    def hold_lock(self, *, wait: bool) -> Iterator[bool]:
        """Hold the lock for changing copies; yield False when another process has it.

        wait: wait for it.  The kernel releases it when this process ends, however it ends.
        Raises FetchError where copies cannot be written.
        """
        with self._open_lock() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def write_error(self, error: OSError) -> str:
        """Return, for people, why a copy could not be written, and what to do."""
        what = f"the copy could not be saved ({error.strerror})"
        if error.errno in _FULL:
            return f"{what}; free some space on the disk of {self.folder}"
        if error.errno == errno.EROFS:
            return f"{what}; mount the disk of {self.folder} so that it can be written"
        return (
            f"{what}; make the user that runs copdns the owner of {self.folder} and everything "
            "in it"
        )

    def _open_lock(self) -> IO[str]:
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True)
                self.give_to_owner(self.folder)
            file = (self.folder / LOCK).open("a")
            self.give_to_owner(self.folder / LOCK)
        except OSError as error:
            raise FetchError(self.write_error(error)) from error
        return file

    def give_to_owner(self, path: Path) -> None:
        """Give a file to the owner of the data folder, if root wrote it."""
        if os.geteuid() == 0:
            owner = self.folder.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def scratch_path(self, slug: str, suffix: str) -> Path:
        """Return the path of an unfinished file; delete one that a killed process left."""
        path = self._unfinished_path(slug, suffix)
        path.unlink(missing_ok=True)
        return path

    def _unfinished_path(self, slug: str, suffix: str) -> Path:
        return self.folder / f"{slug}{suffix}"

    def replace_copy(self, slug: str, state: CopyState) -> None:
        """Replace the copy by the unfinished text, synced to disk against power cuts."""
        new = self._unfinished_path(slug, TEXT)
        with new.open("rb") as file:
            os.fsync(file.fileno())
        self.give_to_owner(new)
        note = self._write_note(slug, state)  # before the rename, as the disk may be full
        new.replace(self.text_path(slug))
        note.replace(self._state_path(slug))

    def finish_replacing(self, slug: str) -> None:
        """Give the note of a new copy its place, where a process was killed before it could."""
        note = self._unfinished_path(slug, NOTE)
        waiting = _read_note(note)
        is_newer = waiting.has_copy and waiting != _read_note(self._state_path(slug))
        if is_newer and self.digest(slug) == waiting.sha256:
            note.replace(self._state_path(slug))

    def write_state(self, slug: str, state: CopyState) -> None:
        """Write the state of a copy."""
        self._write_note(slug, state).replace(self._state_path(slug))

    def _write_note(self, slug: str, state: CopyState) -> Path:
        new = self.scratch_path(slug, NOTE)
        self._write_synced(new, dump_state(state))
        return new

    def write_whole(self, path: Path, text: str) -> None:
        """Write a file below the folder, so that it is there as a whole or as it was before."""
        new = path.with_suffix(NOTE)
        new.unlink(missing_ok=True)
        self._write_synced(new, text)
        new.replace(path)

    def _write_synced(self, path: Path, text: str) -> None:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self.give_to_owner(path)

    def make_folder(self, path: Path) -> None:
        """Make a folder below the folder of copies."""
        for each in (
            *reversed(path.relative_to(self.folder).parents),
            path.relative_to(self.folder),
        ):
            folder = self.folder / each
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                self.give_to_owner(folder)

    def clear(self, slug: str) -> None:
        """Remove unfinished files; one that cannot be removed is removed at the next try."""
        for suffix in (RAW, TEXT, NOTE, PACKED, PACKED_BEFORE):
            with suppress(OSError):
                self._unfinished_path(slug, suffix).unlink(missing_ok=True)


def _read_note(path: Path) -> CopyState:
    try:
        return read_state(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return CopyState()


def sources_on_disk(
    chosen: ChosenLists, copies: Copies, states: Mapping[str, CopyState]
) -> tuple[ListSource, ...]:
    """Return the chosen lists as sources on disk; one without a copy has an error.

    Thus a category that only such a list is about is known from the start.
    """
    return tuple(
        ListSource(
            slug=each.slug,
            category=each.category,
            format=each.format,
            match=each.match,
            title=each.title,
            path=str(copies.text_path(each.slug)) if state.has_copy else "",
            licence=each.licence,
            maintainer=each.maintainer,
            report=each.report,
            fetched_at=int(state.fetched_at or 0),
            is_catalogued=each.slug not in chosen.own,
            opens=each.opens,
            keeps_name=each.slug in chosen.own and is_free_name(each.slug, each.category),
            error="" if state.has_copy else NOT_HERE,
        )
        for each in chosen.sources
        for state in (states.get(each.slug, CopyState()),)
    )
