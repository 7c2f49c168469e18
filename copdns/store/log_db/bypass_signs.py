"""Signs of bypass in `log.db`: read them, and change them with what a look at devices found.

All functions block and raise StoreError.  Reading makes no file: it may run as root, whose files
the server could not write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from copdns.model.bypass_signs import Habit, Sign
from copdns.store.db import open_database, store_error, transaction
from copdns.store.log_db import sign_rows
from copdns.store.log_db.migrations import LOG
from copdns.store.log_db.querylog import FILE
from copdns.store.log_db.sign_rows import Device

BUSY = 2.0  # seconds to wait for another process; what is not saved now is lost, and little


class KeptSigns(NamedTuple):
    """What is stored of devices: weeks with the first first, and signs with the oldest first."""

    habits: tuple[Habit, ...] = ()
    signs: tuple[Sign, ...] = ()


class ChangedSigns(NamedTuple):
    """What is to be stored, in place of the same device's same week or hour."""

    habits: Iterable[Habit]
    signs: Iterable[Sign]


def load_signs(folder: Path, household: str, profile: str | None = None) -> KeptSigns:
    """Return what is kept of somebody's devices.  profile: None for everybody's."""
    path = folder / FILE
    if not path.exists():
        return KeptSigns()
    try:
        with closing(open_database(path, LOG)) as connection, transaction(connection):
            return KeptSigns(
                sign_rows.habits(connection, household, profile),
                sign_rows.signs(connection, household, profile),
            )
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def update_signs(
    folder: Path,
    devices: Collection[Device],
    change: Callable[[KeptSigns], ChangedSigns],
) -> KeptSigns:
    """Change what is stored in one transaction, so that nothing that was deleted comes back; return
    what is stored then.

    devices: those that are looked at; all of every other device is deleted.
    change: returns what is to be stored; called once, with what is there.
    """
    path = folder / FILE
    if not devices and not path.exists():
        return KeptSigns()
    try:
        with (
            closing(open_database(path, LOG, busy=BUSY)) as connection,
            transaction(connection),
        ):
            sign_rows.keep_only(connection, devices)
            stored = KeptSigns(sign_rows.habits(connection), sign_rows.signs(connection))
            sign_rows.write(connection, *change(stored))
            return KeptSigns(sign_rows.habits(connection), sign_rows.signs(connection))
    except sqlite3.Error as error:
        raise store_error(path, error) from error
