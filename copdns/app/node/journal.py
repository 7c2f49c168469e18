"""What the network told of lines while PostgreSQL was away: a file of this machine.

Each line is on the disk before the network gets its answer, so nothing that was confirmed is lost
with a program.  Once PostgreSQL has it, the file is deleted.  The node on this machine reads in it
which addresses went to another line meanwhile.  It tells who was where, as the tables do: its owner
alone can read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

from copdns.model.errors import StoreError
from copdns.provider.address_blocks import AddressError, read_block
from copdns.provider.bindings import SessionChange, SessionEvent
from copdns.provider.radius_accounting import Restart

FILE: Final = "bindings.journal"
MOST_OCTETS: Final = 256 << 20  # some million events
AT_ONCE: Final = 16 << 20  # octets that are read; no entry is as long
RESTART: Final = "restart"
_SINCE: Final = b'{"since": '  # begins a line
_HEAD: Final = 64  # octets, in which the first line has its moment

Told = SessionEvent | Restart


class MovedBlock(NamedTuple):
    """A block of addresses whose owner is another.  line: "" for nobody.

    is_certain: another line, or none, had it before; else the line may have it, or no more, as for
    the first news of a session after a start.
    """

    block: str
    line: str
    is_certain: bool


class JournalEntry(NamedTuple):
    """What was told at once, and whose blocks are another's by it."""

    told: tuple[Told, ...]
    moved: tuple[MovedBlock, ...]


class BindingJournal:
    """The file, for the one program of this machine that writes it.  Raises StoreError; blocks.

    since: seconds since 1970 from which on all is in it that this machine was told; None where
    there is no file.  heard: until when; that is the time of the file, too.
    """

    def __init__(self, folder: Path, most: int = MOST_OCTETS) -> None:
        self.path = folder / FILE
        self._most = most
        self._has_lost = False
        self.heard = 0.0
        self.since = self._read_since()

    @property
    def is_empty(self) -> bool:
        """Whether there is no file."""
        return self.since is None

    def begin(self, since: float) -> None:
        """Make the file where there is none.  since: see above."""
        if self.since is None:
            self._append([{"since": since}], os.O_CREAT | os.O_EXCL)
            self.since = self.heard = since

    def append(self, entry: JournalEntry) -> None:
        """Put something at the end, on the disk.  Nothing of it is there where this fails.

        After a loss, that stands there too: a program that starts reads it.
        """
        loss = [{"since": self.since}] if self._has_lost and self.since is not None else []
        self._append([*loss, _as_json(entry)])
        self._has_lost = False

    def note_loss(self, now: float) -> None:
        """Note that something could not be put there.  now: seconds since 1970."""
        self._has_lost = True
        if self.since is not None:
            self.since = now

    def touch(self, now: float) -> None:
        """Say that this program takes in what is told, unless some of that was lost; so another one
        sees it, too.  now: seconds since 1970."""
        if self._has_lost:
            return
        try:
            os.utime(self.path, (now, now))
            self.heard = now
        except OSError as error:
            raise self._error(error) from error

    def read(self) -> Iterator[JournalEntry]:
        """Yield all entries in their order; a last line that was cut off was not confirmed."""
        if self.since is None:
            return
        reader = JournalReader(self.path.parent)
        while reader.has_more:
            yield from reader.take()

    def clear(self) -> None:
        """Delete it: PostgreSQL has all that is in it."""
        self.since, self._has_lost = None, False
        self.path.unlink(missing_ok=True)

    def _append(self, values: Iterable[Mapping[str, Any]], flags: int = 0) -> None:
        octets = b"".join(json.dumps(each).encode() + b"\n" for each in values)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | flags, 0o600)
            try:
                size = os.fstat(handle).st_size
                if size + len(octets) > self._most:
                    raise StoreError(
                        f"{self.path} is full: what the network tells is not taken in until "
                        "PostgreSQL is back"
                    )
                try:
                    _write_whole(handle, octets)
                except OSError:
                    os.ftruncate(handle, size)
                    raise
            finally:
                os.close(handle)
        except OSError as error:
            raise self._error(error) from error

    def _read_since(self) -> float | None:
        try:
            with self.path.open("r+b") as file:
                self.heard = os.fstat(file.fileno()).st_mtime
                octets = file.read()
                end = octets.rfind(b"\n") + 1
                if end < len(octets):
                    file.truncate(end)  # what was cut off was not confirmed
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error(error) from error
        if not end:
            return 0.0  # nothing was confirmed
        last = octets.rfind(b"\n" + _SINCE, 0, end) + 1  # the first line, or one after a loss
        # Where it is damaged, it is not known from when on all is there.
        found = _read_since(octets[last : octets.find(b"\n", last)])
        return self.heard if found is None else found

    def _error(self, error: OSError) -> StoreError:
        return StoreError(f"{self.path}: {error.strerror}")


class JournalReader:
    """Follows a journal, for another program.

    is_there: there was one at the last look, so PostgreSQL has not all that is in it.
    heard: until when it was kept, as of the last look, in seconds since 1970.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / FILE
        self._file = (0, b"")  # which one it is: a number is given again to a later file
        self._at = 0  # where it goes on
        self.is_there = False
        self.has_more = True
        self.heard = 0.0

    def take(self) -> list[JournalEntry]:
        """Return what is new since the last call, or a part of it, so that `has_more`."""
        try:
            with self._path.open("rb") as file:
                head = file.read(_HEAD).partition(b"\n")[0]
                found = os.fstat(file.fileno())
                there, self.heard = (found.st_ino, head), found.st_mtime
                at = self._at if there == self._file else 0
                file.seek(at)
                octets = file.read(AT_ONCE)
        except OSError:
            self._file, self._at = (0, b""), 0
            self.is_there = self.has_more = False
            return []
        self.has_more = len(octets) == AT_ONCE
        end = octets.rfind(b"\n") + 1 or (AT_ONCE if self.has_more else 0)  # no entry is as long
        self._file, self._at, self.is_there = there, at + end, True
        entries = (_from_json(line) for line in octets[:end].splitlines())
        return [each for each in entries if each is not None]


def _write_whole(handle: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(handle, octets) :]
    os.fsync(handle)


def news_as_json(told: Told) -> dict[str, Any]:
    """Return an event as a value of JSON."""
    if isinstance(told, Restart):
        return {"kind": RESTART, "machine": told.machine, "at": told.at}
    blocks = None if told.blocks is None else [str(each) for each in told.blocks]
    named = {"machine": told.machine, "session": told.session, "line": told.line}
    return {"kind": told.kind.value, **named, "at": told.at, "blocks": blocks}


def parse_news(value: Mapping[str, Any]) -> Told:
    """Return the event of a value; raise KeyError, TypeError, ValueError or AddressError."""
    if value["kind"] == RESTART:
        return Restart(str(value["machine"]), float(value["at"]))
    blocks = value["blocks"]
    return SessionEvent(
        SessionChange(value["kind"]),
        *(str(value["machine"]), str(value["session"]), str(value["line"]), float(value["at"])),
        None if blocks is None else tuple(map(read_block, blocks)),
    )


def _as_json(entry: JournalEntry) -> dict[str, Any]:
    return {"told": [news_as_json(each) for each in entry.told], "moved": entry.moved}


def _from_json(line: bytes) -> JournalEntry | None:
    """Return the entry of a line; None for the first one, and for what is none."""
    try:
        value = json.loads(line)
        told = tuple(map(parse_news, value["told"]))
        return JournalEntry(told, tuple(_read_moved(*each) for each in value["moved"]))
    except (KeyError, TypeError, ValueError, AddressError, AttributeError, RecursionError):
        return None


def _read_moved(block: str, line: str, is_certain: bool) -> MovedBlock:
    """Return what a line says; raise AddressError, TypeError or ValueError for what is damaged."""
    if not isinstance(line, str):
        raise TypeError("a line is a text")
    line.encode()  # raises for half of a character
    return MovedBlock(str(read_block(block)), line, bool(is_certain))


def _read_since(line: bytes) -> float | None:
    """Return the moment of a line; None where it has none."""
    try:
        found = float(json.loads(line)["since"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return found if isfinite(found) else None
