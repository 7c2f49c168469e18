"""Families' way to a provider's reviewers: which request was passed on, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from copdns.model.errors import RegisterError
from copdns.provider.staff.desk import (
    CaseOrigin,
    CaseReason,
    CaseState,
    DeskCase,
    case_for,
    with_target,
)
from copdns.store.postgres.connection import PostgresConnection, PostgresPool
from copdns.store.provider_db.desk_rows import DeskStore, add_case, cases_about, some_cases
from copdns.store.provider_db.passed_on_rows import PassedOnRow, PassedOnRows
from copdns.store.provider_db.tenants import HouseholdTenants
from copdns.web.many_households.review_desk import ListQuestion, PassedOn

MOST_WAITING = 20  # of one household
_WAITS = (CaseState.WAITING, CaseState.SECOND)


class ProviderDesk:
    """`ReviewDesk` over PostgreSQL.  now: seconds since 1970."""

    def __init__(self, pool: PostgresPool) -> None:
        self._rows = PassedOnRows(pool)
        self._desk = DeskStore(pool)
        self._tenants = HouseholdTenants(pool)

    async def answers(self, household: str, now: int) -> Mapping[str, PassedOn]:
        """As in `ReviewDesk`."""
        return await asyncio.to_thread(self._answers, household, now)

    async def pass_on(self, household: str, question: ListQuestion, now: int) -> bool:
        """As in `ReviewDesk`."""
        return await asyncio.to_thread(self._pass_on, household, question, now)

    def _answers(self, household: str, now: int) -> dict[str, PassedOn]:
        rows = self._rows.of(household)
        cases = {each.number: each for each in self._desk.some({row.case for row in rows})}
        return {row.appeal: _answer(row, cases[row.case], now) for row in rows if row.case in cases}

    def _pass_on(self, household: str, question: ListQuestion, now: int) -> bool:
        tenant = self._tenants.of(household)
        new = DeskCase(
            *(0, tenant, CaseOrigin.GUARDIAN, question.name, question.list, question.entry),
            *(CaseReason(question.reason), now, 0, ()),
        )

        def find_case(connection: PostgresConnection, there: tuple[PassedOnRow, ...]) -> int | None:
            """Return the case of this question, a new one if need be; None where too many wait.

            there: what the household has passed on.
            """
            asked = some_cases(connection, {each.case for each in there})
            states = {each.number: each.state(now) for each in asked}
            if sum(states.get(each.case) in _WAITS for each in there) >= MOST_WAITING:
                return None
            case = case_for(cases_about(connection, new.list, new.entry), tenant, now)
            try:
                return (case or add_case(connection, with_target(new))).number
            except RegisterError:  # too many of all families wait
                return None

        return self._rows.add(household, question.appeal, question.by, now, find_case)


def _answer(row: PassedOnRow, case: DeskCase, now: int) -> PassedOn:
    """Return what a guardian is told of a case; who reviews it is not among that."""
    state = case.state(now)
    return PassedOn(
        row.by,
        row.at,
        "waiting" if state in _WAITS else str(state),
        case.due,
        case.opened_until if case.decisions else 0,
        str(case.decisions[-1].reason) if case.decisions and state not in _WAITS else "",
    )
