"""In a process of tests, a new `household.db` is a copy of one that was made by its migrations.

To make one takes longer than many a test does for all else, and some thousand are made.  Where a
folder has anything of a database already, it is settled and opened as ever.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from copdns.store.household_copy import FILE as COPY
from copdns.store.household_db import household
from copdns.store.household_db.condition import FILE, STAND_IN, Settled, settle

_KNOWN = (FILE, STAND_IN, COPY)


def keep_new_databases() -> None:
    """Put this module's function in place of what settles a folder for `HouseholdStore.open`."""
    household.settle = settle_quickly


def settle_quickly(folder: Path) -> Settled:
    """Put a database of no household into a folder that has none; return it."""
    if any(found.name.startswith(_KNOWN) for found in _files(folder)):
        return settle(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    put_empty_database(folder)
    return Settled(folder / FILE)


def _files(folder: Path) -> list[Path]:
    return [*folder.iterdir()] if folder.is_dir() else []


def put_empty_database(folder: Path) -> None:
    """Put a database of no household into a folder, as its first start leaves it."""
    for name, octets in _empty_database().items():
        (folder / name).write_bytes(octets)
        (folder / name).chmod(0o600)


@cache
def _empty_database() -> dict[str, bytes]:
    """Return the files of a new database."""
    with TemporaryDirectory() as folder:
        household.HouseholdStore(
            Path(folder, FILE), household._open(settle(Path(folder))), in_memory=False
        ).close()
        return {each.name: each.read_bytes() for each in Path(folder).iterdir()}
