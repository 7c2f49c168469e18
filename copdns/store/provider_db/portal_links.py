"""Which links of a provider's portals were used: each opens a door once."""

from __future__ import annotations

from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresPool


def use_link(pool: PostgresPool, digest: str, expires: int, now: int) -> bool:
    """Note that a link is used; tell whether it was the first time.  Blocks; raises StoreError."""
    with pool.connection() as connection, transaction(connection, "=portal"):
        connection.execute("delete from portal_link where expires < ?", (now,))
        done = connection.execute(
            "insert into portal_link values (?, ?) on conflict do nothing", (digest, expires)
        )
        return done.rowcount == 1
