"""Claims: by what somebody counts as a person since a guardian's change, told to that person.

`accounts/claims.py` says what follows from them, and `claim_rows.py` writes them.
"""

from __future__ import annotations

from typing import NamedTuple

from copdns.accounts.claims import ANNOUNCED_FOR, SHOWN_FOR, WATCHED_FOR, Claim
from copdns.accounts.codes import secret_digest
from copdns.accounts.moves import Move
from copdns.store.connection import SqlConnection
from copdns.store.household_db.claim_rows import COLUMNS, claim_from_row
from copdns.store.household_db.moves import agree, forget_moves, read_moves
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread

CLAIMS_LAST = max(SHOWN_FOR, WATCHED_FOR) + ANNOUNCED_FOR


class KnownBrowser(NamedTuple):
    """A browser that is, or was, linked to a device of somebody, wherever it is now."""

    household: str
    profile: str
    device: str
    pairing: str


class Claims:
    """The claims of all households.  Methods raise StoreError.  now: seconds since the epoch."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def of(
        self, household: str, profile: str, now: int, cookie: str = ""
    ) -> tuple[Claim, ...]:
        """Return the claims to show to a person, the newest first.

        cookie: of a browser: those of whoever it was linked for are shown there as well.
        """

        def work(connection: SqlConnection) -> tuple[Claim, ...]:
            browser = _find_browser(connection, household, cookie)
            people = (profile, browser.profile if browser is not None else profile)
            rows = connection.execute(
                f"""
                select {COLUMNS} from claim
                 where household = ? and profile in (?, ?) and at > ?
                 order by at desc, id
                """,  # noqa: S608
                (household, *people, now - SHOWN_FOR),
            )
            own = browser.pairing if browser is not None else ""
            found = map(claim_from_row, rows)
            return tuple(
                each for each in found if each.is_shown(now) and not (own and each.pairing == own)
            )

        return await self._thread.read(work)

    async def moves(
        self, household: str, profile: str, now: int, cookie: str = ""
    ) -> tuple[Move, ...]:
        """Return the moves away from a person that wait, the oldest first.  cookie: as in `of`."""

        def work(connection: SqlConnection) -> tuple[Move, ...]:
            browser = _find_browser(connection, household, cookie)
            people = (profile, browser.profile if browser is not None else profile)
            found = read_moves(connection, household)
            return tuple(each for each in found if each.profile in people and each.is_open(now))

        return await self._thread.read(work)

    async def all_moves(self, household: str) -> tuple[Move, ...]:
        """Return all moves of a household."""
        return await self._thread.read(lambda connection: read_moves(connection, household))

    async def agree(self, household: str, profile: str, move: str, author: str, now: int) -> None:
        """Let a move of a person's device take effect, by their own yes; nothing changes where it
        is not there (any more)."""

        def work(connection: SqlConnection) -> None:
            for each in read_moves(connection, household):
                if (each.id, each.profile) == (move, profile) and each.to:
                    agree(connection, each, author, now)

        await self._thread.write(work, household)

    async def object(self, household: str, profile: str, now: int, cookie: str = "") -> bool:
        """Note that somebody at a person's device objects to what was announced there; tell whether
        there was anything.

        The browsers and the PIN that are not proof yet never become it, and a first browser that
        counted at once no longer is.  cookie: of the browser that objects: its own pairing stays as
        it is, and whoever it was linked for counts too.  Where it counts at once itself, it waits
        for a day from then on, as it may be the one that is in somebody's place.
        """

        def work(connection: SqlConnection) -> bool:
            browser = _find_browser(connection, household, cookie)
            whose = browser.profile if browser is not None else profile
            done = 0
            for person in {profile, whose}:
                done += _object(
                    connection, household, person, browser.pairing if browser else "", now
                )
            return done > 0

        return await self._thread.write(work, household)

    async def tidy(self, now: int) -> int:
        """Delete what is over, of all households; return how many rows."""

        def work(connection: SqlConnection) -> int:
            sql = "delete from claim where at <= ?"
            done = connection.execute(sql, (now - CLAIMS_LAST,)).rowcount
            return done + forget_moves(connection, now)

        return await self._thread.write(work)


def _find_browser(connection: SqlConnection, household: str, cookie: str) -> KnownBrowser | None:
    """Return the browser of a device's cookie; None for that of a guest, who is told nothing."""
    if not cookie:
        return None
    row = connection.execute(
        """
        select household, profile, device, id from pairing
         where digest = :digest and device not like '%:%'
        union all
        select household, profile, device, '' from former_browser where digest = :digest
        """,
        {"digest": secret_digest(cookie)},
    ).fetchone()
    return KnownBrowser(*row) if row is not None and row[0] == household else None


def _object(connection: SqlConnection, household: str, profile: str, own: str, now: int) -> int:
    """Return how many browsers and PINs were objected to."""
    values = {
        "household": household,
        "profile": profile,
        "own": own,
        "now": now,
        "day": ANNOUNCED_FOR,
    }
    done = connection.execute(
        """
        update pairing set proof = null
         where household = :household and profile = :profile and id <> :own
           and (proof > :now
                or proof is not null
                   and id in (select pairing from claim
                               where household = :household and profile = :profile
                                 and kind = 'first' and objected is null and at > :now - :day))
        """,
        values,
    ).rowcount
    if done:
        connection.execute(
            """
            update pairing set proof = :now + :day
             where household = :household and id in
                   (select pairing from claim
                     where household = :household and pairing = :own and kind = 'first'
                       and objected is null and at > :now - :day)
            """,
            values,
        )
        connection.execute(
            """
            update claim set kind = 'pairing', at = :now
             where household = :household and pairing = :own and kind = 'first'
               and objected is null and at > :now - :day
            """,
            values,
        )
    done += connection.execute(
        "update pin set proof = null where household = :household and profile = :profile"
        " and proof > :now",
        values,
    ).rowcount
    if done:
        connection.execute(
            """
            update claim set objected = :now
             where household = :household and profile = :profile
               and kind in ('pairing', 'first', 'pin') and objected is null
               and pairing <> :own and at > :now - :day
            """,
            {**values, "own": own or "none"},
        )
        audit(
            connection, household, profile, f"{profile}: objected to a linked browser or PIN", now
        )
    return done
