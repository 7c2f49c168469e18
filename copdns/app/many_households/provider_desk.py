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
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.passed_on import PassedOnRow, PassedOnRows
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
        there = self._answers(household, now)
        if question.appeal in there:
            return True  # sent twice
        if sum(each.state == "waiting" for each in there.values()) >= MOST_WAITING:
            return False
        tenant = self._tenants.of(household)
        new = DeskCase(
            *(0, tenant, CaseOrigin.GUARDIAN, question.name, question.list, question.entry),
            *(CaseReason(question.reason), now, 0, ()),
        )
        case = case_for(self._desk.about(question.list, question.entry), tenant, now)
        try:
            case = case or self._desk.add(with_target(new))
        except RegisterError:  # too many of all families wait
            return False
        self._rows.add(household, question.appeal, case.number, question.by, now)
        return True


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
