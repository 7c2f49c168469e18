"""Rows of claims, written in the transaction of what they announce, and read for new browsers."""

from __future__ import annotations

from copdns.accounts.claims import WATCHED_FOR, Claim, ClaimKind, device_claims, kept_claims
from copdns.accounts.codes import make_short_id
from copdns.model.household import Household
from copdns.store.connection import SqlConnection
from copdns.store.household_db.moves import read_moves

COLUMNS = "household, id, profile, device, kind, author, at, pairing, objected"


def note_claim(
    connection: SqlConnection,
    household: str,
    profile: str,
    kind: ClaimKind,
    author: str,
    now: int,
    *,
    device: str = "",
    pairing: str = "",
) -> None:
    """Store a claim.  Parameters: as of `Claim`."""
    new = (household, make_short_id(), profile, device, kind, author, now, pairing, None)
    connection.execute(
        f"insert into claim ({COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        new,
    )


def note_device_claims(
    connection: SqlConnection, before: Household | None, after: Household, author: str, at: int
) -> None:
    """Store what a change of the household gives its people; after `note_moves`.

    before: None for a household that is new: nobody had anything that could be taken.
    """
    if before is None:
        return
    moves = read_moves(connection, after.id)
    given = device_claims(before, after) + kept_claims(before, after, moves, at)
    for each in dict.fromkeys(given):
        note_claim(connection, after.id, each.profile, each.kind, author, at, device=each.device)


def recent_claims(
    connection: SqlConnection, household: str, device: str, now: int
) -> tuple[Claim, ...]:
    """Return the claims about a device that may still matter for a new browser of it."""
    rows = connection.execute(
        f"select {COLUMNS} from claim where household = ? and device = ? and at > ?",  # noqa: S608
        (household, device, now - WATCHED_FOR),
    )
    return tuple(map(claim_from_row, rows))


def claim_from_row(
    row: tuple[str, str, str, str, str, str, int, str, int | None],
) -> Claim:
    """Return a claim of a row with COLUMNS."""
    household, claim, profile, device, kind, author, at, pairing, objected = row
    return Claim(household, claim, profile, device, ClaimKind(kind), author, at, pairing, objected)
