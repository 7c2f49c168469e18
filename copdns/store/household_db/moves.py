"""Moves of devices that wait for their day or for a yes (`accounts/moves.py`)."""

from __future__ import annotations

import json
from collections.abc import Callable

from copdns.accounts.codes import make_short_id
from copdns.accounts.moves import (
    REMEMBERED_FOR,
    Move,
    Seen,
    end_of_move,
    is_undone,
    new_owner,
    wanted_moves,
)
from copdns.model.household import Household
from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import Change, audit
from copdns.store.statements import upsert

# By the id of a household: what the network shows at its addresses.  Whoever opens the store
# gives the function.
See = Callable[[str], Seen]


def see_nothing(_household: str) -> Seen:
    """Return what is seen where nobody knows the network."""
    return ()


_COLUMNS = "household, id, profile, device, name, known_by, target, author, at, until, by_sight"


def read_moves(connection: SqlConnection, household: str) -> tuple[Move, ...]:
    """Return all moves of a household, the oldest first."""
    rows = connection.execute(
        f"select {_COLUMNS} from device_move where household = ? order by at, id",  # noqa: S608
        (household,),
    )
    return tuple(_move_from_row(row) for row in rows)


def note_moves(
    connection: SqlConnection,
    before: Household | None,
    after: Household,
    change: Change,
    see: See,
) -> None:
    """Store what a change moves, and forget what it moves back; in its transaction.

    before: None for a household that is new.
    """
    if before is None:
        return
    _limit_moves(connection, before, after, change.at)
    if before.devices == after.devices:
        return
    unlinked = _unlinked_devices(connection, before)
    for each in read_moves(connection, after.id):
        person, to = after.profile(each.profile), new_owner(after, each)
        if is_undone(after, each):
            _forget(connection, each)
        elif person is None:
            _store(connection, each._replace(to=to))
        elif to != each.to:  # to somebody else, or nobody: it begins anew
            until = end_of_move(person, each.device, to, change.at, unlinked)
            _store(connection, each._replace(to=to, until=until, at=change.at))
    seen = see(after.id)
    for new in wanted_moves(before, after, change.author, change.at, unlinked, seen):
        if not any(_says_the_same(each, new) for each in read_moves(connection, after.id)):
            _store(connection, new._replace(id=make_short_id()))


def _limit_moves(connection: SqlConnection, before: Household, after: Household, now: int) -> None:
    """Give an end to the moves that wait for a yes of somebody who is removed."""
    gone = {each.id for each in before.profiles} - {each.id for each in after.profiles}
    if not gone:
        return
    for each in read_moves(connection, after.id):
        if each.profile in gone and each.until is None:
            _store(connection, each._replace(until=now + REMEMBERED_FOR))


def _says_the_same(move: Move, new: Move) -> bool:
    return move.profile == new.profile and set(new.known_by) <= set(move.known_by)


def agree(connection: SqlConnection, move: Move, author: str, now: int) -> None:
    """Let a move take effect now, since its person said yes; in a transaction of the caller."""
    _forget(connection, move)
    connection.execute(
        "update household set revision = revision + 1 where household = ?", (move.household,)
    )
    what = f"device {move.device} changed: now belongs to {move.to}"
    audit(connection, move.household, author, what, now)


def forget_moves(connection: SqlConnection, now: int) -> int:
    """Delete the moves that took effect; return how many."""
    return connection.execute("delete from device_move where until <= ?", (now,)).rowcount


def _store(connection: SqlConnection, move: Move) -> None:
    connection.execute(
        upsert("device_move", "household, id", _COLUMNS),
        move._replace(known_by=json.dumps(move.known_by)),  # type: ignore[arg-type]
    )


def _forget(connection: SqlConnection, move: Move) -> None:
    connection.execute(
        "delete from device_move where household = ? and id = ?", (move.household, move.id)
    )


def _unlinked_devices(connection: SqlConnection, household: Household) -> list[str]:
    rows = connection.execute(
        """
        select device from pairing where household = :household
        union select device from former_browser where household = :household
        """,
        {"household": household.id},
    )
    linked = {device for (device,) in rows}
    return [each.id for each in household.devices if each.id not in linked]


def _move_from_row(
    row: tuple[str, str, str, str, str, str, str, str, int, int | None, int],
) -> Move:
    household, move, profile, device, name, known_by, to, author, at, until, by_sight = row
    texts = tuple(json.loads(known_by))
    who = household, move, profile, device, name
    return Move(*who, texts, to, author, at, until, bool(by_sight))
