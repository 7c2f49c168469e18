"""Keep copies of other people's lists: `<data>/lists/<slug>.txt`, with what is known beside it.

A copy is there whole or not at all: it is written under another name, and renamed.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from copdns.list_files.choose import Chosen
from copdns.lists.download import CopyState, dump_state, read_state
from copdns.lists.source import ListSource
from copdns.model.errors import FetchError

LOCK = "lock"
NOT_HERE = "it has not been downloaded yet"
RAW, TEXT, NOTE = ".part", ".new", ".tmp"  # what is not finished yet: as it comes, unpacked, state


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Mark(NamedTuple):
    """Differs once another copy took the place."""

    inode: int
    octets: int
    changed: int  # nanoseconds since the epoch


class Copies:
    """The copies of one installation.  folder: made when the first one comes."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "lists"

    def text(self, slug: str) -> Path:
        """Return where the copy of a list is, or would be."""
        return self.folder / f"{slug}.txt"

    def state(self, slug: str) -> CopyState:
        """Return what is known of a copy; one that is gone, or was changed by hand, is none."""
        try:
            found = read_state(self._note(slug).read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return CopyState()
        mark = self.mark(slug)
        whole = mark is not None and mark.octets == found.octets
        return found if whole else found.without_copy()

    def states(self, slugs: Iterable[str]) -> dict[str, CopyState]:
        return {slug: self.state(slug) for slug in slugs}

    def marks(self, slugs: Iterable[str]) -> tuple[Mark | None, ...]:
        return tuple(map(self.mark, slugs))

    def mark(self, slug: str) -> Mark | None:
        """Return what tells a copy from the next; None without one."""
        try:
            found = self.text(slug).stat()
        except OSError:
            return None
        return Mark(found.st_ino, found.st_size, found.st_mtime_ns)

    def _note(self, slug: str) -> Path:
        return self.folder / f"{slug}.json"

    # --- changing -----------------------------------------------------------------------------

    @contextmanager
    def changing(self, *, wait: bool) -> Iterator[bool]:
        """Hold the right to change copies; give False when another process has it.

        wait: until it is ours.  The kernel takes it back when this process ends, however it does.
        Raises FetchError where no copies can be kept.
        """
        with self._lock() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def not_written(self, error: OSError) -> str:
        """Return for people why no copy could be written, and what to do."""
        what = f"the copy could not be saved ({error.strerror})"
        if error.errno in _FULL:
            return f"{what}; free some space on the disk of {self.folder}"
        if error.errno == errno.EROFS:
            return f"{what}; mount the disk of {self.folder} so that it can be written"
        return (
            f"{what}; make the user that runs copdns the owner of {self.folder} and everything "
            "in it"
        )

    def _lock(self) -> IO[str]:
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True)
                self._own(self.folder)
            file = (self.folder / LOCK).open("a")
            self._own(self.folder / LOCK)
        except OSError as error:
            raise FetchError(self.not_written(error)) from error
        return file

    def _own(self, path: Path) -> None:
        """Let a file belong to the owner of the folder above, where root makes it for a service."""
        if os.geteuid() == 0:
            owner = self.folder.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def scratch(self, slug: str, suffix: str) -> Path:
        """Return the path of an unfinished file that is not there; a killed process left it."""
        path = self.folder / f"{slug}{suffix}"
        path.unlink(missing_ok=True)
        return path

    def put(self, slug: str, state: CopyState) -> None:
        """Let the unfinished text take the place of the copy, for good even if power is cut."""
        new = self.folder / f"{slug}{TEXT}"
        with new.open("rb") as file:
            os.fsync(file.fileno())
        self._own(new)
        note = self._written(slug, state)  # first, as the disk may be full
        new.replace(self.text(slug))
        note.replace(self._note(slug))

    def note(self, slug: str, state: CopyState) -> None:
        """Write what is known of a copy."""
        self._written(slug, state).replace(self._note(slug))

    def _written(self, slug: str, state: CopyState) -> Path:
        new = self.scratch(slug, NOTE)
        with new.open("x", encoding="utf-8") as file:
            file.write(dump_state(state))
            file.flush()
            os.fsync(file.fileno())
        self._own(new)
        return new

    def clear(self, slug: str) -> None:
        """Remove what is not finished; what cannot be removed now will be at the next try."""
        for suffix in (RAW, TEXT, NOTE):
            with suppress(OSError):
                self.scratch(slug, suffix)

    def others(self, slugs: Collection[str]) -> tuple[str, ...]:
        """Return copies of what is not among some slugs, by their slugs."""
        try:
            found = sorted(each.stem for each in self.folder.glob("*.txt"))
        except OSError:
            return ()
        return tuple(each for each in found if each not in slugs)


def on_disk(
    chosen: Chosen, copies: Copies, states: Mapping[str, CopyState]
) -> tuple[ListSource, ...]:
    """Return the chosen lists, to be read and compiled; one that is not here says so.

    That way a category that only such a list is about is known from the start.
    """
    return tuple(
        ListSource(
            slug=each.slug,
            category=each.category,
            format=each.format,
            match=each.match,
            title=each.title,
            path=str(copies.text(each.slug)) if state.has_copy else "",
            licence=each.licence,
            maintainer=each.maintainer,
            report=each.report,
            fetched_at=int(state.fetched_at or 0),
            catalogued=each.slug not in chosen.own,
            error="" if state.has_copy else NOT_HERE,
        )
        for each in chosen.sources
        for state in (states.get(each.slug, CopyState()),)
    )
