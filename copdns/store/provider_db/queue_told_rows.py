"""What the staff were told of their queue, so that each is told once.

Of several nodes one takes a message; where that node does not send it, another takes it later.
When it was taken is told by PostgreSQL's clock, which is the same for all nodes.
"""

from __future__ import annotations

from typing import Final

from copdns.provider.staff.queue_news import TOLD_FOR, QueueMessage
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.rollout_messages import CLOCK_OF_ALL, IS_FREE

KEPT_AFTER: Final = 4 * TOLD_FOR  # seconds after a target; nothing is told so late


class QueueTold:
    """Methods block, and raise StoreError.  pool: lent; its tables are made."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    def database_now(self) -> int:
        """Return what PostgreSQL's clock says; seconds since 1970."""
        with self._pool.connection() as connection:
            return int(connection.execute(f"select {CLOCK_OF_ALL}").fetchone()[0])

    def take(self, message: QueueMessage) -> bool:
        """Tell whether a message is to be sent by who asks: it was not sent, and no other node
        took it within AGAIN_AFTER seconds."""
        with self._pool.connection() as connection:
            row = connection.execute(
                f"""
                insert into queue_told (kind, number, due, what, taken)
                values (?, ?, ?, ?, {CLOCK_OF_ALL})
                    on conflict (kind, number, due, what) do update set taken = excluded.taken
                        where queue_told.told = 0 and queue_told.{IS_FREE}
                    returning number
                """,  # noqa: S608 - texts of this project
                _key(message),
            ).fetchone()
        return row is not None

    def note_told(self, message: QueueMessage, now: int) -> None:
        """Note that a message was sent, and delete what is no longer needed."""
        with self._pool.connection() as connection:
            connection.execute(
                """
                update queue_told set told = ?
                 where kind = ? and number = ? and due = ? and what = ?
                """,
                (now, *_key(message)),
            )
            connection.execute(  # by both clocks: by one that is ahead all would be told again
                """
                delete from queue_told
                 where due < least(cast(? as bigint), extract(epoch from now()) - ?)
                """,
                (now - KEPT_AFTER, KEPT_AFTER),
            )


def _key(message: QueueMessage) -> tuple[str, int, int, str]:
    return str(message.kind), message.number, message.due, str(message.what)
