"""Open a database that anybody may have made, such as one of a backup, and believe nothing of it.

It has our tables and no others, no trigger that could undo what is written later, and in each
column what copdns writes there, or it is refused.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from copdns.accounts.roles import Role
from copdns.model.errors import BackupError
from copdns.store.db import close_on_error, transaction
from copdns.store.schema_steps import SchemaSteps


def open_untrusted(path: Path, steps: SchemaSteps) -> sqlite3.Connection:
    """Open a database of a backup, and migrate it to the newest schema.

    Raises BackupError for one that is damaged, or has a table, trigger, view or value that ours has
    not.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    with close_on_error(connection):
        try:
            _migrate_untrusted(connection, path, steps)
        except sqlite3.DatabaseError as error:
            raise BackupError(
                f"the {path.name} in this backup is not a complete database ({error}); use another "
                "backup"
            ) from error
    return connection


def _migrate_untrusted(connection: sqlite3.Connection, path: Path, steps: SchemaSteps) -> None:
    for pragma in ("trusted_schema = off", "cell_size_check = on", "secure_delete = on"):
        connection.execute(f"pragma {pragma}")
    connection.execute("pragma journal_mode = delete")
    if connection.execute("pragma integrity_check(1)").fetchone() != ("ok",):
        raise BackupError(f"the {path.name} in this backup is damaged; use another backup")
    newer = steps.read_applied(connection) - steps.names
    if newer:
        raise BackupError(
            "this backup was made by a newer version of copdns "
            f"({', '.join(sorted(newer))}); install that version and restore it there"
        )
    connection.execute("pragma foreign_keys = on")
    try:
        with transaction(connection):
            steps.apply(connection)
    except Exception as error:  # a migration of tables that are not ours fails in any way
        raise BackupError(
            f"the {path.name} in this backup is not a copdns database; use another backup"
        ) from error
    if _read_schema(connection) != _our_schema(steps):
        raise BackupError(
            f"the {path.name} in this backup does not have the tables of copdns, so it was "
            "not restored; use another backup"
        )
    if connection.execute("pragma foreign_key_check").fetchone() is not None:
        raise BackupError(f"the {path.name} in this backup is incomplete; use another backup")
    if odd := _odd_column(connection) or _odd_role(connection):
        raise BackupError(
            f"the {path.name} in this backup has invalid values in {odd}, so it was not "
            "restored; use another backup"
        )


_CELL_CHECK_BY_TYPE = {  # SQLite lets a column hold any type, whatever is declared
    "integer": "typeof({0}) = 'integer' and {0} between -{1} and {1}",
    "real": "typeof({0}) in ('real', 'integer') and {0} between -{1} and {1}",
    "text": "typeof({0}) = 'text'",
    "blob": "typeof({0}) = 'blob'",
}
_MAX_NUMBER = 1 << 37  # as a moment the year 6325, well before calendars end


def _odd_column(connection: sqlite3.Connection) -> str:
    """Return the first column with a value that copdns never writes there; "" for none."""
    tables = "select name from sqlite_master where type = 'table' and name not like 'sqlite%'"
    for (table,) in connection.execute(tables).fetchall():
        for _, column, declared, *_ in connection.execute(f'pragma table_info("{table}")'):
            fits = _CELL_CHECK_BY_TYPE[declared.lower() or "blob"].format(
                f'"{column}"', _MAX_NUMBER
            )
            odd = f'select 1 from "{table}" where "{column}" is not null and not ({fits}) limit 1'  # noqa: S608
            if connection.execute(odd).fetchone() is not None:
                return f"{table}.{column}"
    return ""


def _odd_role(connection: sqlite3.Connection) -> str:
    """Return the column of roles if it has an unknown one, which nothing could read; else "".

    A log has no accounts.
    """
    accounts = "select 1 from sqlite_master where type = 'table' and name = 'account'"
    if connection.execute(accounts).fetchone() is None:
        return ""
    roles = {role for (role,) in connection.execute("select distinct role from account")}
    return "account.role" if roles - {str(each) for each in Role} else ""


def _read_schema(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    rows = connection.execute("select type, name, coalesce(sql, '') from sqlite_master")
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in rows}


def _our_schema(steps: SchemaSteps) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        steps.apply(connection)
        return _read_schema(connection)
