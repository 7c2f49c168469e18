"""Look a database of the data folder over, without making, migrating or changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from copdns.store.db import BUSY, store_error
from copdns.store.read_only import copied, is_unwritable

_CHECK = "pragma quick_check(5)"


def page_faults(path: Path) -> tuple[str, ...]:
    """Return what SQLite finds wrong inside a file, () when it is whole; raise StoreError.

    The file must be there.  A large log takes a second or two.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY)) as connection:
            rows = connection.execute(_CHECK).fetchall()
    except sqlite3.Error as error:
        if not path.exists() or not is_unwritable(error):
            raise store_error(path, error) from error
        with closing(copied(path)) as copy:
            rows = copy.execute(_CHECK).fetchall()
    return tuple(text for (text,) in rows if text != "ok")
