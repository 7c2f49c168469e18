"""Lines of a chain in PostgreSQL: the register's, and those of the reviewers' desk."""

from __future__ import annotations

from base64 import b64decode

from copdns.provider.law.chain import StoredEntry
from copdns.store.postgres.connection import PostgresConnection


def read_chain(connection: PostgresConnection, table: str) -> list[StoredEntry]:
    """Return the lines of a table of ours, in their order."""
    rows = connection.execute(
        f"select number, at, by, kind, body, digest, shell from {table} order by number"  # noqa: S608
    )
    return [StoredEntry(*row) for row in rows]


def add_to_chain(connection: PostgresConnection, table: str, line: StoredEntry) -> None:
    """Store a line."""
    connection.execute(
        f"""
        insert into {table} (number, at, by, kind, body, digest, shell)
        values (?, ?, ?, ?, ?, ?, ?)
        """,  # noqa: S608 - a name of ours
        (line.number, line.at, line.by, line.kind, line.body, line.digest, line.shell),
    )


def signature_octets(text: str) -> bytes:
    """Return a signature as it is stored; none of what is no such text."""
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
