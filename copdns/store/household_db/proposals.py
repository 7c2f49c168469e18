"""New rules that were proposed for a person who grows out of an age band.

No birth date is kept, so a guardian says from when on.  Nothing switches by itself: a guardian
takes them over, and until then both sides can read what would be different.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.roles import Actor
from copdns.household.safeguards import NOTICE, is_announced
from copdns.model.household import Band, Profile
from copdns.store.household_db.notes import audit, notify
from copdns.store.household_db.thread import StoreThread

_COLUMNS = "household, profile, band, since, author, at"


_NOT_REMINDED = """
    select household, profile, since, author from proposal
     where since <= :now
       and not exists (select 1 from notice
                        where notice.household = proposal.household and kind = :kind
                          and about = proposal.profile and starts = proposal.since)
    """


class Proposal(NamedTuple):
    """since: from when on it should hold, seconds since the epoch.  author: in people's words."""

    household: str
    profile: str
    band: Band
    since: int
    author: str
    at: int


class Proposals:
    """One a person at most.  Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def of(self, household: str, profile: str) -> Proposal | None:
        def work(connection: sqlite3.Connection) -> Proposal | None:
            row = connection.execute(
                f"select {_COLUMNS} from proposal where household = ? and profile = ?",  # noqa: S608
                (household, profile),
            ).fetchone()
            return None if row is None else _proposal(row)

        return await self._thread.read(work)

    async def all(self, household: str) -> tuple[Proposal, ...]:
        """Return those of all people, what should hold first first."""

        def work(connection: sqlite3.Connection) -> tuple[Proposal, ...]:
            rows = connection.execute(
                f"select {_COLUMNS} from proposal where household = ? order by since, profile",  # noqa: S608
                (household,),
            )
            return tuple(map(_proposal, rows))

        return await self._thread.read(work)

    async def due(self, household: str, now: int) -> tuple[Proposal, ...]:
        """Return those whose day has come, the longest due first."""

        def work(connection: sqlite3.Connection) -> tuple[Proposal, ...]:
            rows = connection.execute(
                f"""
                select {_COLUMNS} from proposal where household = ? and since <= ?
                 order by since
                """,  # noqa: S608
                (household, now),
            )
            return tuple(map(_proposal, rows))

        return await self._thread.read(work)

    async def remind(self, now: int) -> None:
        """Keep a notice for all guardians of each proposal whose day has come, of all households.

        Each comes once for as long as notices are kept.  now: of a clock that is right.
        """

        def work(connection: sqlite3.Connection) -> None:
            rows = connection.execute(_NOT_REMINDED, {"now": now, "kind": NoticeKind.PROPOSAL_DUE})
            for household, profile, since, author in rows.fetchall():
                kind = NoticeKind.PROPOSAL_DUE
                notify(connection, GuardianNotice(0, household, kind, profile, author, now, since))

        await self._thread.write(work)

    async def propose(self, proposal: Proposal) -> None:
        """Keep a proposal in the place of an earlier one; nothing of a person who is not there."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"""
                insert or replace into proposal ({_COLUMNS})
                select ?, ?, ?, ?, ?, ? where exists
                       (select 1 from profile where household = ? and id = ?)
                """,  # noqa: S608
                (*proposal, proposal.household, proposal.profile),
            )
            what = f"profile {proposal.profile} set: band {proposal.band} proposed"
            audit(connection, proposal.household, proposal.author, what, proposal.at)

        await self._thread.write(work)

    async def follow(
        self, actor: Actor, profile: Profile, band: Band, now: int, *, rules: bool
    ) -> Proposal | None:
        """Propose the rules of an age that was just announced, or be done with proposals.

        profile: as it was before.  rules: they are wanted, and not the age alone.
        """
        if not rules or not is_announced(profile, band, now):
            await self.drop(actor.household, profile.id)
            return None
        later = Proposal(actor.household, profile.id, band, now + NOTICE, actor.name, now)
        await self.propose(later)
        return later

    async def drop(self, household: str, profile: str) -> None:
        """Take a proposal back, or be done with it; twice is harmless."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "delete from proposal where household = ? and profile = ?", (household, profile)
            )

        await self._thread.write(work)


def _proposal(row: tuple[str, str, str, int, str, int]) -> Proposal:
    household, profile, band, since, author, at = row
    return Proposal(household, profile, Band(band), since, author, at)
