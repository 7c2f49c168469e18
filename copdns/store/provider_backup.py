"""Move a household between a home's file and a provider's PostgreSQL: by a backup, both ways.

A backup is the same file either way (`archive.py`), and has no sessions and no codes.  A household
that is restored where it was before keeps what stays as at home (`backup.py`), by the same code:
its rows are laid out as a data folder's database, restored into, and taken back.  What the provider
keeps beside a household and no file has stays too: its code, its tenant, what was passed on.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from copdns.model.errors import BackupError
from copdns.store.backup import RestoreResult, copy_database, restore_household
from copdns.store.connection import SqlConnection
from copdns.store.db import store_error, transaction
from copdns.store.household_db.condition import FILE
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.household_db.moves import See, see_nothing
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresConnection
from copdns.store.postgres.rows import replace_rows, save_rows

# Tables that hang on the rows of a household, so that they go with them.
_BESIDE = ("family_code", "household_tenant", "passed_on")
Beside = Mapping[str, Sequence[tuple[object, ...]]]  # rows by table


async def copy_from_provider(store: ProviderStore, household: str, into: Path) -> dict[str, Path]:
    """Copy a household into a folder, as a backup has it; return the copies by name.

    Raises StoreError; BackupError where there is no such household.
    """

    def save(connection: SqlConnection) -> None:
        with tempfile.TemporaryDirectory(dir=into, prefix=".backup-") as folder:
            _lay_out(connection, household, Path(folder) / FILE)
            copy_database(Path(folder) / FILE, into / FILE)

    await store.run(save)
    return {FILE: into / FILE}


async def restore_to_provider(
    store: ProviderStore, household: str, copy: Path, made: int, now: int, see: See = see_nothing
) -> RestoreResult:
    """Replace a household of a provider by a copy, or add it; raise StoreError and BackupError.

    household: whose it must be; "" for that of the copy.  copy: a database out of a backup; it is
    moved.  made, now: as of `restore_household`.
    """
    household = household or _household_of(copy)

    def restore(connection: SqlConnection) -> RestoreResult:
        with (
            tempfile.TemporaryDirectory(dir=copy.parent, prefix=".restore-") as folder,
            transaction(connection, household),
        ):
            there = Path(folder)
            if _is_there(connection, household):
                _lay_out(connection, household, there / FILE)
            done = restore_household(there, copy, made, now, see)
            with closing(sqlite3.connect(there / FILE)) as restored:
                ids = [each for (each,) in restored.execute("select household from household")]
                if ids != [household]:
                    raise BackupError(
                        "this backup is of another household, so it was not restored; use a "
                        "backup of this household"
                    )
                beside = _beside(connection, household)
                replace_rows(restored, household, _of_postgres(connection))
                _put_back(connection, household, beside)
        return RestoreResult(done.differences, None)

    return await store.run(restore)


def _beside(connection: SqlConnection, household: str) -> Beside:
    """Return what the provider keeps beside a household, where there are such tables."""
    found = {}
    for table in _BESIDE:
        is_there = connection.execute("select to_regclass(?)", (table,)).fetchone()
        if is_there is not None and is_there[0] is not None:
            select = f"select * from {table} where household = ?"  # noqa: S608  # of _BESIDE
            found[table] = connection.execute(select, (household,)).fetchall()
    return found


def _put_back(connection: SqlConnection, household: str, beside: Beside) -> None:
    """Insert the rows of `beside` for a household that was restored.

    A question that was passed on to reviewers comes back only with the request that it is about.
    """
    rows = connection.execute("select id from appeal where household = ?", (household,))
    appeals = {each for (each,) in rows.fetchall()}
    for table, kept in beside.items():
        for row in kept:
            if table != "passed_on" or row[1] in appeals:
                marks = ", ".join("?" for _ in row)
                insert = f"insert into {table} values ({marks})"  # noqa: S608  # of _BESIDE
                connection.execute(insert, row)


def _household_of(copy: Path) -> str:
    try:
        with closing(sqlite3.connect(copy)) as connection:
            ids = [each for (each,) in connection.execute("select household from household")]
    except sqlite3.Error as error:
        raise store_error(copy, error) from error
    if len(ids) != 1:
        raise BackupError("this backup is not of one household; choose another")
    return str(ids[0])


def _lay_out(connection: SqlConnection, household: str, path: Path) -> None:
    if not _is_there(connection, household):
        raise BackupError(
            f"there is no household {household!r} here yet, so there is nothing to back up"
        )
    try:
        path.touch(mode=0o600)
        with closing(sqlite3.connect(path)) as into:
            save_rows(_of_postgres(connection), household, into, HOUSEHOLD)
            into.commit()
    except (sqlite3.Error, OSError) as error:
        raise store_error(path, error) from error


def _is_there(connection: SqlConnection, household: str) -> bool:
    found = connection.execute("select 1 from household where household = ?", (household,))
    return found.fetchone() is not None


def _of_postgres(connection: SqlConnection) -> PostgresConnection:
    assert isinstance(connection, PostgresConnection)  # a ProviderStore has no others
    return connection
