"""Proposals: the rules of the next age band, for a person who grows out of theirs.

No birth date is stored, so a guardian names the day.  No rule changes by itself: a guardian accepts
the proposal, and until then guardian and child can read what would be different.
"""

from __future__ import annotations

from typing import NamedTuple

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.roles import Actor
from copdns.household.safeguards import NOTICE, is_announced
from copdns.model.household import Band, Profile
from copdns.store.connection import SqlConnection
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
    """The rules of a band, proposed for a person.

    since: from when they should apply; at: when they were proposed; both seconds since the epoch.
    author: in people's words.
    """

    household: str
    profile: str
    band: Band
    since: int
    author: str
    at: int


class Proposals:
    """The proposals of all households, one a person at most.  Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def of(self, household: str, profile: str) -> Proposal | None:
        """Return the proposal for a person; None for none."""

        def work(connection: SqlConnection) -> Proposal | None:
            row = connection.execute(
                f"select {_COLUMNS} from proposal where household = ? and profile = ?",  # noqa: S608
                (household, profile),
            ).fetchone()
            return None if row is None else _proposal_from_row(row)

        return await self._thread.read(work)

    async def all(self, household: str) -> tuple[Proposal, ...]:
        """Return the proposals for all people, by the day from which they should apply."""

        def work(connection: SqlConnection) -> tuple[Proposal, ...]:
            rows = connection.execute(
                f"select {_COLUMNS} from proposal where household = ? order by since, profile",  # noqa: S608
                (household,),
            )
            return tuple(map(_proposal_from_row, rows))

        return await self._thread.read(work)

    async def due(self, household: str, now: int) -> tuple[Proposal, ...]:
        """Return the proposals whose day has come, the longest due first."""

        def work(connection: SqlConnection) -> tuple[Proposal, ...]:
            rows = connection.execute(
                f"""
                select {_COLUMNS} from proposal where household = ? and since <= ?
                 order by since, profile
                """,  # noqa: S608
                (household, now),
            )
            return tuple(map(_proposal_from_row, rows))

        return await self._thread.read(work)

    async def remind(self, now: int) -> None:
        """Write a notice for all guardians of each proposal whose day has come, of all households.

        Each comes once for as long as notices are kept.  now: seconds since the epoch, of a clock
        that is right.
        """

        def work(connection: SqlConnection) -> None:
            rows = connection.execute(_NOT_REMINDED, {"now": now, "kind": NoticeKind.PROPOSAL_DUE})
            for household, profile, since, author in rows.fetchall():
                kind = NoticeKind.PROPOSAL_DUE
                notify(connection, GuardianNotice(0, household, kind, profile, author, now, since))

        await self._thread.write(work)

    async def propose(self, proposal: Proposal) -> None:
        """Store a proposal in place of an earlier one, if the household has the profile."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                f"""
                insert into proposal ({_COLUMNS})
                select ?, ?, ?, ?, ?, ? where exists
                       (select 1 from profile where household = ? and id = ?)
                    on conflict (household, profile) do update
                   set band = excluded.band, since = excluded.since, author = excluded.author,
                       at = excluded.at
                """,  # noqa: S608
                (*proposal, proposal.household, proposal.profile),
            )
            what = f"profile {proposal.profile} set: band {proposal.band} proposed"
            audit(connection, proposal.household, proposal.author, what, proposal.at)

        await self._thread.write(work, proposal.household)

    async def propose_or_drop(
        self, actor: Actor, profile: Profile, band: Band, now: int, *, rules: bool
    ) -> Proposal | None:
        """Propose the rules of a band that was just announced, or delete the proposal.

        profile: as it was before.  rules: False to change the band alone.  Return the proposal;
        None where there is none.
        """
        if not rules or not is_announced(profile, band, now):
            await self.drop(actor.household, profile.id)
            return None
        later = Proposal(actor.household, profile.id, band, now + NOTICE, actor.name, now)
        await self.propose(later)
        return later

    async def drop(self, household: str, profile: str) -> None:
        """Delete the proposal for a person, if there is one."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                "delete from proposal where household = ? and profile = ?", (household, profile)
            )

        await self._thread.write(work, household)


def _proposal_from_row(row: tuple[str, str, str, int, str, int]) -> Proposal:
    household, profile, band, since, author, at = row
    return Proposal(household, profile, Band(band), since, author, at)
