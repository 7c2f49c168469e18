"""The appeals of `household.db`: each of their steps is one transaction.

An answer, what it opens, the household's revision and the line of the audit are written together: a
process that is killed leaves all of it or nothing.  `appeals/life.py` and `appeals/opening.py` say
what each step does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeVar

from copdns.accounts.roles import Balance
from copdns.appeals import life
from copdns.appeals.appeal import (
    WAITING,
    Appeal,
    AppealAnswer,
    AppealKind,
    AppealRequest,
    AppealState,
    ContestedVerdict,
    Decider,
)
from copdns.appeals.life import PATIENCE, AppealDeadlines, Due, Filed
from copdns.appeals.list_errors import WrongEntry, day_of, open_for_everyone
from copdns.appeals.news import mark
from copdns.appeals.opening import ApprovalResult, Decision, Services, carry_out, close_provisional
from copdns.appeals.review import VERSION, DecisionReason
from copdns.household.check import KnownIds
from copdns.model.errors import AppealError, StoreError
from copdns.model.household import Household, Rule
from copdns.store.connection import SqlConnection
from copdns.store.db import read_transaction, rewrite
from copdns.store.household_db.account_codes import read_voices
from copdns.store.household_db.appeal_rows import save, select
from copdns.store.household_db.appeal_steps import (
    PROGRAM,
    add_list_error,
    apply_answer,
    draw_free_id,
    households_with_appeals,
    households_with_errors,
    limiting_appeals,
    open_meanwhile,
    require_appeal,
    require_asker,
    require_own_appeal,
)
from copdns.store.household_db.edit import apply_edit
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.notes import Change, audit
from copdns.store.household_db.thread import StoreThread

T = TypeVar("T")

FORGET_AFTER = 365 * life.DAY  # from its end; then an appeal is deleted (docs/privacy.md)


class UntoldAppeal(NamedTuple):
    """An appeal that changed since its last event.  before: its mark at that event (`news.mark`);
    "" for none yet."""

    household: str
    appeal: Appeal
    before: str


class AppealStore:
    """The appeals of all households, on the connection and in the thread of the HouseholdStore.

    All methods raise StoreError; those that take an id raise AppealError where there is none.
    now: seconds since the epoch.
    """

    def __init__(self, store: HouseholdStore) -> None:
        self._store = store
        self._thread = StoreThread(store)

    # --- what a child does ---

    async def file(
        self, household: str, ask: AppealRequest, now: int, wanted_id: str = ""
    ) -> Filed:
        """Store an appeal, or find the one about the same; AppealError as in `life.file_appeal`.

        wanted_id: the id that it has at another box; sent again, it is filed once.
        """

        def work(connection: SqlConnection) -> Filed:
            require_asker(connection, household, ask.profile)
            if wanted_id and (sent := select(connection, household, appeal=wanted_id)):
                if _what_is_asked(sent[0].ask) != _what_is_asked(ask):
                    raise AppealError("there is no request '%(appeal)s'", appeal=wanted_id)
                return Filed(sent[0], merged=True)
            there = limiting_appeals(connection, household, ask, now)
            new_id = wanted_id or draw_free_id(connection, household)
            found = life.file_appeal(there, ask, new_id, now)
            if found.appeal not in there:
                save(connection, household, found.appeal)
            return found

        return await self._thread.write(work, household)

    async def open_list_error(
        self, household: str, name: str, to: ContestedVerdict, known: KnownIds, now: int
    ) -> Rule:
        """Open a wrongly listed name for everyone; nothing shows who looked it up."""

        def work(connection: SqlConnection) -> Rule:
            made: list[Rule] = []

            def edit(before: Household) -> Household:
                after, rule = open_for_everyone(before, name, known, now)
                made.append(rule)
                return after

            change = Change(0, day_of(now), PROGRAM, f"blocked by mistake: {name}")
            apply_edit(connection, household, edit, change)
            add_list_error(connection, household, name, to)
            return made[0]

        return await self._thread.write(work, household)

    async def withdraw(self, household: str, appeal: str, profile: str, now: int) -> Appeal:
        """Withdraw an appeal, which must be of this profile."""

        def work(connection: SqlConnection) -> Appeal:
            before = require_own_appeal(connection, household, appeal, profile)
            after = life.withdraw(before, now)
            change = Change(0, now, PROGRAM, f"request {appeal} cancelled")
            apply_edit(
                connection, household, lambda home: close_provisional(home, before, now), change
            )
            return _save(connection, household, after)

        return await self._thread.write(work, household)

    async def disagree(
        self, household: str, appeal: str, profile: str, words: str, now: int, *, second: bool
    ) -> Appeal:
        """Note "I still disagree".  profile: as in `withdraw`; second: as in `add_disagreement`."""

        def work(connection: SqlConnection) -> Appeal:
            before = require_own_appeal(connection, household, appeal, profile)
            return _save(
                connection, household, life.add_disagreement(before, words, now, second=second)
            )

        return await self._thread.write(work, household)

    async def replace(self, household: str, appeal: Appeal) -> None:
        """Store an appeal as it stands at the first box, in the memory of a second one."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                "delete from appeal where household = ? and id = ?", (household, appeal.id)
            )
            save(connection, household, appeal)

        await self._thread.write(work, household)

    async def drop(self, household: str, appeal: str) -> None:
        """Forget an appeal of a second box that the first one does not have."""
        await self._thread.write(
            lambda connection: connection.execute(
                "delete from appeal where household = ? and id = ?", (household, appeal)
            ),
            household,
        )

    # --- what is looked at ---

    async def appeals(
        self,
        household: str,
        *,
        profile: str = "",
        states: Collection[AppealState] = (),
        limit: int = 500,
    ) -> tuple[Appeal, ...]:
        """Return appeals, the newest first.  profile: "" for everyone's; states: () for any."""
        return await self._read(
            lambda connection: select(
                connection, household, profile=profile, states=states, limit=limit
            )
        )

    async def appeal(self, household: str, appeal: str) -> Appeal | None:
        """Return an appeal; None where the household has none of that id."""

        def read(connection: SqlConnection) -> Appeal | None:
            found = select(connection, household, appeal=appeal)
            return found[0] if found else None

        return await self._read(read)

    async def count_waiting(self, household: str) -> int:
        """Return how many requests wait for an answer."""

        def read(connection: SqlConnection) -> int:
            states = json.dumps(sorted(WAITING))
            (found,) = connection.execute(
                """
                select count(*) from appeal
                 where household = ? and state in (select value from json_each(?))
                """,
                (household, states),
            ).fetchone()
            return int(found)

        return await self._read(read)

    async def counts(self) -> Mapping[AppealState, int]:
        """Return how many appeals there are in each state, of all households."""

        def read(connection: SqlConnection) -> Mapping[AppealState, int]:
            rows = connection.execute("select state, count(*) from appeal group by state")
            return {AppealState(state): count for state, count in rows}

        return await self._read(read)

    async def kind_counts(self) -> Mapping[AppealKind, int]:
        """Return how many appeals there are of each kind, of all households."""

        def read(connection: SqlConnection) -> Mapping[AppealKind, int]:
            rows = connection.execute("select kind, count(*) from appeal group by kind")
            return {AppealKind(kind): count for kind, count in rows}

        return await self._read(read)

    async def households_with_errors(self) -> tuple[str, ...]:
        """Return the ids of the households that found mistakes in lists."""
        return await self._read(households_with_errors)

    async def list_errors(self, household: str) -> tuple[WrongEntry, ...]:
        """Return the names that were found to be listed wrongly here, sorted by name."""

        def read(connection: SqlConnection) -> tuple[WrongEntry, ...]:
            rows = connection.execute(
                "select name, list, category from list_error where household = ? order by 1, 2",
                (household,),
            )
            return tuple(WrongEntry(*row) for row in rows)

        return await self._read(read)

    # --- what a guardian does ---

    async def mark_seen(self, household: str, appeal: str, now: int) -> Appeal:
        """Note that a guardian has seen an appeal; return it."""

        def work(connection: SqlConnection) -> Appeal:
            return _save(
                connection,
                household,
                life.mark_seen(require_appeal(connection, household, appeal), now),
            )

        return await self._thread.write(work, household)

    async def decide(
        self,
        household: str,
        appeal: str,
        decision: Decision,
        by: Decider,
        known: KnownIds,
        services: Services,
        now: int,
        balance: Balance | None = None,
    ) -> Appeal:
        """Answer an appeal, and open what a yes opens, in one transaction.

        services: those that ship, by slug.  balance: of a guardian, for the settings of an age
        group (`HouseholdStore.change`).  Raises AppealError and HouseholdError; nothing is changed
        then.
        """

        def work(connection: SqlConnection) -> Appeal:
            before = require_appeal(connection, household, appeal)
            voices = read_voices(connection, household, before.asked)
            life.require_answerable(before, by, voices)
            kind = before.ask.kind
            reason, text = life.check_reason(
                before.ask, decision.state, decision.reason, decision.text
            )

            def edit(home: Household) -> ApprovalResult:
                if decision.state is AppealState.GRANTED:
                    return carry_out(home, before, decision.yes, known, services, by, now)
                return ApprovalResult(
                    close_provisional(home, before, now), (), None, decision.state
                )

            what = f"request {appeal} from {before.ask.profile}: {decision.state}"
            change = Change(0, now, by.name, what)
            weighed = balance if kind is AppealKind.AGE else None
            with self._store.forgetting(connection, household, now):
                done = apply_answer(connection, household, edit, change, weighed)
            if done.made and kind is AppealKind.AGE:  # told as any other change of it
                settings = "band" if decision.yes.only_age else "preset"
                told = f"profile {before.ask.profile} set: {settings} {done.made[0].split()[1]}"
                audit(connection, household, by.name, told, now)
            if decision.state is AppealState.GRANTED and reason is DecisionReason.LIST_ERROR:
                add_list_error(connection, household, before.ask.name, before.ask.to)
            answer = AppealAnswer(now, done.state, reason, by, text, done.made, done.until, VERSION)
            return _save(connection, household, life.add_answer(before, answer))

        return await self._thread.write(work, household)

    async def erase(self, household: str, profile: str) -> int:
        """Delete the closed appeals of a profile; return how many rows were deleted or changed.

        An appeal that waits, or is to be talked about, stays without the child's words, so that
        erasing leaves no question unanswered.  What was granted stays.  Afterwards the file holds
        no trace of what was deleted.
        """

        def work(connection: SqlConnection) -> int:
            whose = (household, profile)
            gone = connection.execute(
                """
                delete from appeal
                 where household = ? and profile = ? and closed is not null
                """,
                whose,
            ).rowcount
            bare = connection.execute(
                """
                update appeal set words = '', more_words = ''
                 where household = ? and profile = ? and (words <> '' or more_words <> '')
                """,
                whose,
            ).rowcount
            return gone + bare

        touched = await self._thread.write(work, household)
        if touched:
            await self._store.run(rewrite)
        if self._store.damage:
            raise StoreError(
                "everything was deleted from the copy that copdns works with, but the damaged "
                "household.db may still hold it; make a new one (copdns household repair), and "
                "delete again"
            )
        return touched

    # --- what the clock does ---

    async def raise_overdue(
        self,
        low_harm: Collection[str],
        known: KnownIds,
        services: Services,
        now: int,
        deadlines: AppealDeadlines = PATIENCE,
    ) -> tuple[tuple[str, Due], ...]:
        """Remind of the appeals of all households that wait too long; return them, each once.

        low_harm: as in `life.overdue_appeals`; what that opens is open when this returns.
        services: as in `decide`.
        """

        def work(connection: SqlConnection) -> tuple[tuple[str, Due], ...]:
            found = []
            for household in households_with_appeals(connection, _OVERDUE_STATES):
                waiting = select(connection, household, states=_OVERDUE_STATES)
                for each in life.overdue_appeals(waiting, low_harm, now, deadlines):
                    grant = ""
                    if each.open_meanwhile:
                        grant = open_meanwhile(connection, household, each, known, services, now)
                    save(connection, household, life.mark_reminded(each, now, grant))
                    found.append((household, each))
            return tuple(found)

        return await self._thread.write(work)

    async def find_untold(self) -> tuple[UntoldAppeal, ...]:
        """Return the appeals that changed since their last event, of all households."""

        def read(connection: SqlConnection) -> tuple[UntoldAppeal, ...]:
            rows = connection.execute(
                "select household, id, told from appeal where mark <> told order by since, id"
            ).fetchall()
            return tuple(
                UntoldAppeal(household, require_appeal(connection, household, each), before)
                for household, each, before in rows
            )

        return await self._read(read)

    async def mark_told(self, untold: UntoldAppeal) -> None:
        """Note that the event of an appeal was published; a change since then needs another."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                "update appeal set told = ? where household = ? and id = ?",
                (mark(untold.appeal), untold.household, untold.appeal.id),
            )

        await self._thread.write(work, untold.household)

    async def tidy(self, now: int, deadlines: AppealDeadlines = PATIENCE) -> int:
        """Delete the texts of appeals that ended some time ago, and an appeal after a year.

        Return how many appeals that was.  now: of a clock that is right.
        """

        def work(connection: SqlConnection) -> int:
            gone = connection.execute(
                "delete from appeal where closed < ?", (now - FORGET_AFTER,)
            ).rowcount
            rows = connection.execute(
                "select household, id from appeal where closed < ? and tidied = 0",
                (now - deadlines.texts,),
            ).fetchall()
            for household, each in rows:
                save(
                    connection,
                    household,
                    life.without_texts(require_appeal(connection, household, each)),
                )
                connection.execute(
                    "update appeal set tidied = 1 where household = ? and id = ?",
                    (household, each),
                )
            return gone + len(rows)

        return await self._thread.write(work)

    async def _read(self, read: Callable[[SqlConnection], T]) -> T:
        def in_transaction(connection: SqlConnection) -> T:
            with read_transaction(connection):
                return read(connection)

        return await self._store.run(in_transaction)


_OVERDUE_STATES = (*WAITING, AppealState.TALK)


def _what_is_asked(ask: AppealRequest) -> tuple[str, ...]:
    return ask.profile, ask.device, ask.kind, ask.name


def _save(connection: SqlConnection, household: str, appeal: Appeal) -> Appeal:
    save(connection, household, appeal)
    return appeal


async def move_appeals(old: HouseholdStore, new: HouseholdStore, household: str) -> None:
    """Copy the appeals of a second box into the store that replaces the old one, for people who are
    still there."""
    found = await old.run(lambda connection: select(connection, household))

    def write(connection: SqlConnection) -> None:
        people = connection.execute("select id from profile where household = ?", (household,))
        known = {str(each) for (each,) in people}
        for each in found:
            if each.ask.profile in known:
                save(connection, household, each)

    if found:
        await StoreThread(new).write(write, household)
