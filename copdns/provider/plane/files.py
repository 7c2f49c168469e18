"""The tables as LMDB files, which a running dnsdist reads at its next query.

dnsdist keeps a file open by its path and does not notice another one in its place.  So a file is
made once, and from then on changed by transactions.  Each table has a file: LMDB forbids a process
to open one twice, and dnsdist opens one for each table.  A commit is not synced to the disk; the
folder belongs on one in memory (`/run`), and after a crash of the machine it is made anew.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar

import lmdb

from copdns.model.errors import PlaneError
from copdns.provider.plane.rows import REVISION_KEY, PlaneRows, PlaneTable, Row, table_file
from copdns.provider.plane.short_cut_layout import ADDRESSES_FILE, FILTER_FILE, PREFIXES_FILE
from copdns.provider.plane.short_cuts import AddressGroups, NameFilter, PrefixGroups

MAP_SIZE: Final = 8 << 30  # octets: what a file may grow to; address space, not memory
MAX_READERS: Final = 1024  # threads of dnsdist, at most
AT_ONCE: Final = 500  # rows of a large table in one transaction
MODE: Final = 0o660  # dnsdist writes to the lock file beside it
WRITER_FILE: Final = "writer.lock"


NAMED: Final = (PlaneTable.NAMES, PlaneTable.EXCEPTIONS)  # tables of names

_SMALL: Final = frozenset({PlaneTable.VERDICTS, PlaneTable.GROUPS, PlaneTable.STATE})
AnyRow = TypeVar("AnyRow")


class PlaneFiles:
    """All tables of a node.  One process writes them.  Raises PlaneError."""

    def __init__(self, folder: Path) -> None:
        with _raise_for_people(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._tables = {table: _open(folder / table_file(table)) for table in PlaneTable}
            self._addresses = AddressGroups(folder / ADDRESSES_FILE, self._read_subscribers)
            self._prefixes = PrefixGroups(folder / PREFIXES_FILE, self._read_subscribers)
            self._filter = NameFilter(folder / FILTER_FILE, self._read_names)
        self._folder = folder

    def _read_subscribers(self) -> Iterator[Row]:
        with self._tables[PlaneTable.SUBSCRIBERS].begin() as transaction:
            yield from transaction.cursor().iternext()

    def _read_names(self) -> Iterator[bytes]:
        for table in NAMED:
            with self._tables[table].begin() as transaction:
                yield from transaction.cursor().iternext(keys=True, values=False)

    def read_revision(self) -> int | None:
        """Return the revision of what is there; None for new files."""
        with _raise_for_people(self._folder), self._tables[PlaneTable.STATE].begin() as transaction:
            text = transaction.get(REVISION_KEY)
        return int(text) if text else None

    def read(self, table: PlaneTable) -> Iterator[Row]:
        """Yield the rows of a table, in the order of their keys."""
        with _raise_for_people(self._folder), self._tables[table].begin() as transaction:
            yield from transaction.cursor()

    def write(self, rows: PlaneRows) -> int:
        """Write new rows, then take away what is gone; return how many rows were written."""
        written = 0
        with _raise_for_people(self._folder):
            for each in self._tables.values():
                each.reader_check()  # a dnsdist that was killed would hold old pages for ever
            gone = {table: list(rows.gone.get(table, ())) for table in PlaneTable}
            for table in PlaneTable:
                new = sorted(rows.new.get(table, ()))
                if table in rows.whole:
                    count, others = self._put_differences(table, new)
                    written += count
                    gone[table] += others
                else:
                    written += self._put(table, new)
            for table in reversed(PlaneTable):
                written += self._delete(table, gone[table])
            if gone[PlaneTable.NAMES]:
                self._filter.forget()
        return written

    def _put_differences(self, table: PlaneTable, rows: list[Row]) -> tuple[int, list[bytes]]:
        """Write what is not there as it should be; return how many, and keys of all other rows.

        rows: all that the table is to have, in the order of their keys.  Only what differs is
        written: a whole new table would leave the file twice as large.
        """
        with self._tables[table].begin() as transaction:
            cursor = transaction.cursor()
            is_new = not cursor.first()
            new, gone = ([], []) if is_new else _differences(cursor.iternext(), rows)
        if is_new:
            self._put_names(table, rows)
            with self._tables[table].begin(write=True) as transaction:
                count = int(transaction.cursor().putmulti(rows, append=True)[1])
            self._put_addresses(table, rows)
            return count, []
        return self._put(table, new), gone

    def _put(self, table: PlaneTable, rows: list[Row]) -> int:
        self._put_names(table, rows)
        for some in _parts(table, rows):
            with self._tables[table].begin(write=True) as transaction:
                transaction.cursor().putmulti(some)
        self._put_addresses(table, rows)
        return len(rows)

    def _put_names(self, table: PlaneTable, rows: list[Row]) -> None:
        if table in NAMED:
            self._filter.add(key for key, _ in rows)

    def _put_addresses(self, table: PlaneTable, rows: list[Row]) -> None:
        if table is PlaneTable.SUBSCRIBERS:
            self._addresses.put(rows)
            self._prefixes.put(rows)

    def _delete(self, table: PlaneTable, keys: list[bytes]) -> int:
        if table is PlaneTable.SUBSCRIBERS:
            self._addresses.delete(keys)
            self._prefixes.delete(keys)
        for some in _parts(table, keys):
            with self._tables[table].begin(write=True) as transaction:
                for key in some:
                    transaction.delete(key)
        return len(keys)

    def octets(self) -> dict[PlaneTable, int]:
        """Return how large each file is."""
        return {table: (self._folder / table_file(table)).stat().st_size for table in PlaneTable}

    def close(self) -> None:
        """Close the files; dnsdist goes on reading them."""
        self._addresses.close()
        self._prefixes.close()
        self._filter.close()
        for each in self._tables.values():
            each.close()


def _open(path: Path) -> lmdb.Environment:
    return lmdb.open(
        str(path),
        subdir=False,
        map_size=MAP_SIZE,
        max_readers=MAX_READERS,
        mode=MODE,
        sync=False,
        metasync=False,
    )


def _parts(table: PlaneTable, all_rows: list[AnyRow]) -> Iterator[list[AnyRow]]:
    """Yield rows in the transactions in which they are written.

    Small tables change as a whole.  Rows of the large ones do not depend on each other, and a
    page that a transaction writes is a new one until the next but one: so many at a time keep the
    file small.
    """
    most = len(all_rows) if table in _SMALL else AT_ONCE
    for start in range(0, len(all_rows), most or 1):
        yield all_rows[start : start + most]


def _differences(old: Iterator[Row], new: Iterable[Row]) -> tuple[list[Row], list[bytes]]:
    """Return rows that are new or other, and keys that are gone; both sides are in order."""
    other: list[Row] = []
    gone: list[bytes] = []
    have = next(old, None)
    for row in chain(new, (None,)):
        while have is not None and (row is None or have[0] < row[0]):
            gone.append(have[0])
            have = next(old, None)
        if row is None:
            break
        if have is None or have[0] != row[0]:
            other.append(row)
        else:
            if have[1] != row[1]:
                other.append(row)
            have = next(old, None)
    return other, gone


@contextmanager
def hold_writer_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of whoever writes the tables; raise PlaneError where another process has it.

    Of two, one would take bits out of the filter that the other had just put in for a new name, and
    write old rows over new ones.  The kernel releases it when this process ends, however it does.
    """
    with _raise_for_people(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / WRITER_FILE).open("a", encoding="ascii")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PlaneError(
                f"{folder}: another `copdns node run` writes these tables; stop it, or choose "
                "another folder (node.folder)"
            ) from None
        yield


@contextmanager
def _raise_for_people(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, lmdb.Error) as error:
        raise PlaneError(
            f"{folder}: {error}; if the files are damaged, delete them and restart this program, "
            "then dnsdist"
        ) from error
