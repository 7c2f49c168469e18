"""Find out whether `household.db` is what was stored last, and choose the file to work with.

That is `household.db` itself, or a stand-in made from its copy (`household_copy`) while it is
damaged, missing, older or another household's.  Everything that is stored meanwhile goes to the
stand-in and to the copy.  `repair` makes the stand-in the new `household.db`, when a guardian says
so; nothing else does.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from copdns.model.errors import DamagedHouseholdError, StoreError
from copdns.store.db import DAMAGED, lock_folder, store_error
from copdns.store.household_copy import HouseholdCopy, sync_folder, write_whole
from copdns.store.page_records import database_image, open_image, same_content
from copdns.store.read_only_access import copy_to_memory, open_readable

FILE = "household.db"
STAND_IN = "household.db.stand-in"

MISSING = "it is missing"
EMPTY = "it is empty"
UNREADABLE = "it cannot be read: %s"
FOREIGN = "it is of another household"
OLDER = "it is older than what was saved last"
DIFFERENT = "it differs from what was saved last"


Connect = Callable[[Path], sqlite3.Connection]


class Settled(NamedTuple):
    """path: the database to work with.  damage: why it is not `household.db`, for people; else
    ""."""

    path: Path
    damage: str = ""


def settle(folder: Path) -> Settled:
    """Return the database of a folder to work with; make a stand-in or the copy where needed.

    Raises DamagedHouseholdError where `household.db` cannot be used and there is no copy;
    StoreError where the disk cannot be written.  Blocks.
    """
    path = folder / FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _holding(folder) as copy:
            damage = _find_damage(path, copy, repairs=True)
            if not damage:
                _remove(folder / STAND_IN)
                return Settled(path)
            return Settled(_ready_stand_in(folder, copy), damage)
    except (OSError, sqlite3.Error) as error:
        raise store_error(path, error) from error


def find_household_damage(folder: Path) -> str:
    """Return why `household.db` is not worked with, for people; "" where it is; write nothing.

    Raises DamagedHouseholdError as `settle` does, and StoreError.
    """
    path = folder / FILE
    if not folder.exists():
        return ""
    try:
        with _holding(folder, makes=False) as copy:
            if not (copy.exists or path.exists()):
                return ""
            return _find_damage(path, copy, repairs=False)
    except (OSError, sqlite3.Error) as error:
        raise store_error(path, error) from error


def is_as_stored(path: Path) -> bool:
    """Tell whether a database is what its copy says, and the copy is whole; blocks."""
    copy = HouseholdCopy(path.parent)
    with closing(copy), copy.hold(makes=False):
        if not copy.exists:
            return False
        copy.reread()
        image, _ = _read_image(path)
        return (
            copy.is_whole
            and copy.says(image)
            and (path.name == FILE or not copy.says(_read_image(path.with_name(FILE))[0]))
        )


def current_path(folder: Path) -> Path:
    """Return the database that was worked with last; it is not looked at."""
    stand_in = folder / STAND_IN
    return stand_in if stand_in.exists() else folder / FILE


def good_image(folder: Path) -> bytes:
    """Return what to answer from where nothing can be written; b"" where nothing was stored yet.

    Raises DamagedHouseholdError as `settle` does, and StoreError.
    """
    path = folder / FILE
    if not folder.exists():
        return b""
    try:
        with _holding(folder, makes=False) as copy:
            if not (copy.exists or path.exists()):
                return b""
            if _find_damage(path, copy, repairs=False, connect=_copy_to_memory):
                return copy.read()
            return _read_image(path, _copy_to_memory)[0]
    except (OSError, sqlite3.Error) as error:
        raise store_error(path, error) from error


def repair(folder: Path) -> Path | None:
    """Make what is worked with the new `household.db`; return where the damaged one is now.

    Raises StoreError, also where nothing is damaged, and DamagedHouseholdError.  Blocks.
    """
    path = folder / FILE
    try:
        with _holding(folder) as copy:
            if not _find_damage(path, copy, repairs=True):
                raise StoreError("household.db is not damaged, so nothing was changed")
            image = copy.read()
            _ready_stand_in(folder, copy)  # if this is interrupted, it goes on from there
            aside = move_aside(path)
            write_whole(path, image)
            _remove(folder / STAND_IN)
            return aside
    except (OSError, sqlite3.Error) as error:
        raise store_error(path, error) from error


def take_file(folder: Path) -> None:
    """Work with `household.db` as it is from now on, although it is not what was stored last.

    The former copy is deleted.  Raises StoreError, also where the file cannot be used at all, and
    where it is what was stored last.  Blocks.
    """
    path = folder / FILE
    try:
        with _holding(folder) as copy:
            image, why = _read_image(path)
            if why or (why := _find_faults(image)):
                raise StoreError(f"{path} cannot be used ({why}); restore a backup instead")
            if copy.has_pages and copy.says(image):
                raise StoreError("household.db is not damaged, so nothing was changed")
            copy.replace(image)
            _remove(folder / STAND_IN)
    except (OSError, sqlite3.Error) as error:
        raise store_error(path, error) from error


@contextmanager
def replacing(folder: Path, new: Path) -> Iterator[None]:
    """Let a database that somebody restores be the one that was stored last.

    new: in one file, without a -wal.  The caller renames it to `household.db` meanwhile; if that
    is interrupted, its copy is worked with.  Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(new)) as connection:
        image = database_image(connection)
    with _holding(folder, makes=True) as copy:
        with copy.hold():
            copy.replace(image)
            yield
        _remove(folder / STAND_IN)


def move_aside(path: Path) -> Path | None:
    """Rename a database, with its -wal and -shm; at most three are kept.  None: there is none."""
    names = [path.with_name(f"{path.name}{DAMAGED}{n}") for n in (1, 2, 3)]
    free = next((each for each in names if not each.exists()), names[-1])
    was_there = path.exists()
    for suffix in ("-shm", "-wal", ""):  # SQLite would apply an old -wal to a new database
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(free.with_name(free.name + suffix))
    if not was_there:
        return None
    os.utime(free)  # `purge_moved_aside` deletes it by its age
    sync_folder(path.parent)
    return free


@contextmanager
def _holding(folder: Path, *, makes: bool = True) -> Iterator[HouseholdCopy]:
    """Hold the folder and its copy.

    makes: an empty copy is made at a first start, before anything else is.
    """
    copy = HouseholdCopy(folder)
    is_first = not (folder / FILE).exists() and not (folder / STAND_IN).exists()
    with closing(copy), lock_folder(folder), copy.hold(makes=makes and is_first):
        if copy.exists:
            copy.reread()
        yield copy


def _find_damage(
    path: Path, copy: HouseholdCopy, *, repairs: bool, connect: Connect | None = None
) -> str:
    """Return what is wrong with `household.db`, for people; "" for nothing.

    repairs: the copy is brought up to date where that is what is wrong.
    """
    image, why = _read_image(path, connect)
    if copy.has_pages and not why:
        if copy.says(image):
            if not copy.is_whole:
                _adopt(copy, image, repairs)  # without the rest of a transaction that failed
            return ""
        if copy.is_unfinished(image):
            if repairs:
                copy.take_back()
            return ""
    if copy.is_new and (not image and why in ("", MISSING, EMPTY)):
        return ""  # a first start
    why = why or _find_faults(image)
    if not copy.has_pages and (path.with_name(STAND_IN)).exists():
        return why or DIFFERENT  # the copy was lost while there was a stand-in
    if not why and not copy.has_pages:
        _adopt(copy, image, repairs)  # it was stored by an older version, or the copy was lost
        return ""
    if not copy.has_pages:
        raise DamagedHouseholdError(path, why)
    if why:
        return why
    kept = copy.read()
    here, there = _household_ids(image), _household_ids(kept)
    if there and here != there:  # none there: of a copy that is damaged, the first records
        return FOREIGN if here else DIFFERENT
    if not copy.is_whole or same_content(image, kept):
        _adopt(copy, image, repairs)  # the copy is the damaged one, or only places changed
        return ""
    return OLDER if _last_changes(image) < _last_changes(kept) else DIFFERENT


def _adopt(copy: HouseholdCopy, image: bytes, repairs: bool) -> None:
    if repairs and image:
        with copy.hold():
            copy.replace(image)


def _ready_stand_in(folder: Path, copy: HouseholdCopy) -> Path:
    """Return a stand-in that is as the copy says, made from it where needed."""
    stand_in = folder / STAND_IN
    if stand_in.exists():
        image, why = _read_image(stand_in)
        if not why and copy.has_pages and copy.says(image):
            return stand_in
        if not why and copy.has_pages and copy.is_unfinished(image):
            copy.take_back()
            return stand_in
        if not why and not (copy.has_pages and copy.is_whole) and not _find_faults(image):
            _adopt(copy, image, repairs=True)
            return stand_in
        if not copy.has_pages:
            raise DamagedHouseholdError(folder / FILE, why or DIFFERENT)
    _remove(stand_in)
    write_whole(stand_in, copy.read())
    return stand_in


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _read_image(path: Path, connect: Connect | None = None) -> tuple[bytes, str]:
    """Return all pages of a database, and what keeps them from being read, for people."""
    try:
        if not path.exists():
            return b"", MISSING
        wal = path.with_name(f"{path.name}-wal")
        if not path.stat().st_size and not (wal.exists() and wal.stat().st_size):
            return b"", EMPTY
        with closing((connect or _connect_readable)(path)) as connection:
            image = database_image(connection)
        return image, "" if image else EMPTY
    except sqlite3.Error as error:
        if _is_of_others(error):
            raise
        return b"", UNREADABLE % error


_NOT_THE_FILE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY}
_NOT_THE_FILE |= {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_NOT_THE_FILE |= {sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM}


def _is_of_others(error: sqlite3.Error) -> bool:
    """Tell whether an error says nothing about the file itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_THE_FILE


def _connect_readable(path: Path) -> sqlite3.Connection:
    return open_readable(path, _copy_to_memory)


def _copy_to_memory(path: Path) -> sqlite3.Connection:
    """Read a file, and its -wal, without touching either."""
    try:
        return copy_to_memory(path, is_locked=True)
    except StoreError as error:
        if isinstance(error.__cause__, sqlite3.Error):
            raise error.__cause__ from error
        raise


def _find_faults(image: bytes) -> str:
    """Return what SQLite finds damaged, or a table that is missing, for people; "" for nothing."""
    try:
        with open_image(image) as connection:
            (found,) = connection.execute("pragma integrity_check(1)").fetchone()
            return "" if found == "ok" else UNREADABLE % " ".join(found.split())
    except sqlite3.Error as error:
        return UNREADABLE % error


def _household_ids(image: bytes) -> tuple[str, ...]:
    """Return the households of an image; () where it is too damaged to tell."""
    with suppress(sqlite3.Error), open_image(image) as connection:
        rows = connection.execute("select household from household order by household")
        return tuple(str(each) for (each,) in rows)
    return ()


def _last_changes(image: bytes) -> tuple[int, ...]:
    """Return numbers that only grow, by which a newer image is known; (0,) of a damaged one."""
    with suppress(sqlite3.Error), open_image(image) as connection:
        (revisions,) = connection.execute("select coalesce(sum(revision), 0) from household")
        (changes,) = connection.execute("select coalesce(max(id), 0) from change")
        return int(revisions[0]), int(changes[0])
    return (0,)
