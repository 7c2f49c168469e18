"""Messages of rollouts to the staff, until a node has sent them.

A message is written in the transaction of what it tells.  Of several nodes one takes it; where that
node does not send it, another takes it later.  When it was taken is told by PostgreSQL's clock,
which is the same for all nodes: one whose own is ahead would take at once what another is sending.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from copdns.provider.rollout.messages import RolloutMessage, RolloutNews
from copdns.provider.rollout.reasons import load_reason, store_reason
from copdns.store.postgres.connection import PostgresConnection, PostgresPool

AGAIN_AFTER: Final = 300  # seconds after which one that was taken and not sent is taken again
MESSAGE_KEPT: Final = 7 * 86_400  # seconds; where nobody sends them, too
CLOCK_OF_ALL: Final = "cast(extract(epoch from clock_timestamp()) as bigint)"  # PostgreSQL's
# Nobody took it lately, by that clock; what a later one wrote does not count for ever.
IS_FREE: Final = (
    f"taken not between {CLOCK_OF_ALL} - {AGAIN_AFTER - 1} and {CLOCK_OF_ALL} + {AGAIN_AFTER - 1}"
)


class TakenMessage(NamedTuple):
    """number: of the row."""

    number: int
    message: RolloutMessage


def put_message(connection: PostgresConnection, message: RolloutMessage | None) -> None:
    """Store a message in the caller's transaction, and delete old ones."""
    if message is None:
        return
    connection.execute(
        """
        insert into rollout_message
            (at, what, subject, kind, label, stage, by, why, ends, because)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            *(message.at, str(message.what), message.subject, message.kind, message.label),
            *(message.stage, message.by, message.why, message.ends),
            store_reason(message.because),
        ),
    )
    connection.execute(  # by both clocks: one that is ahead would delete what nobody has sent yet
        """
        delete from rollout_message
         where at < least(cast(? as bigint), extract(epoch from now()) - ?)
        """,
        (message.at - MESSAGE_KEPT, MESSAGE_KEPT),
    )


class RolloutMessages:
    """The messages.  Methods block, and raise StoreError.  pool: lent; its tables are made."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    def take(self, now: int) -> TakenMessage | None:
        """Return the oldest that is due, which no other node takes meanwhile; None for none.

        One of more than a week ago is none: rows are deleted with the next message only.  now: by
        which that is counted.
        """
        with self._pool.connection() as connection:
            row = connection.execute(
                f"""
                update rollout_message set taken = {CLOCK_OF_ALL} where number = (
                    select number from rollout_message
                     where told = 0 and {IS_FREE} and at > ?
                     order by number limit 1 for update skip locked)
                    returning number, at, what, subject, kind, label, stage, by, why, ends, because
                """,  # noqa: S608 - texts of this module
                (now - MESSAGE_KEPT,),
            ).fetchone()
        if row is None:
            return None
        number, at, what, *rest, because = row
        message = RolloutMessage(at, RolloutNews(what), *rest)
        return TakenMessage(int(number), replace(message, because=load_reason(because)))

    def note_told(self, number: int, now: int) -> None:
        """Note that a message was sent."""
        with self._pool.connection() as connection:
            connection.execute(
                "update rollout_message set told = ? where number = ?", (now, number)
            )
