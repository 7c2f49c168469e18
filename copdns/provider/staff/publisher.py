"""What a provider publishes: the statement of this moment and the report of a quarter, signed.

Made from the register, the desk's cases and what the provider offers.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from copdns.provider.law.chain import RegisterHead
from copdns.provider.law.figures import suppress_with_rests
from copdns.provider.law.measurements import Measured
from copdns.provider.law.register import Register
from copdns.provider.law.statement import (
    Dispute,
    public_statement,
    quarter_bounds,
    quarterly_report,
    sign_document,
    utc_text,
)
from copdns.provider.law.statement_shapes import (
    FamilyListPart,
    HotlinePart,
    OpenedPart,
    OperatorFigures,
    QuarterlyReport,
)
from copdns.provider.law.tenant_view import tenant_report, without_small_rests
from copdns.provider.staff.desk import CaseOrigin, CaseReason, CaseState, DeskCase


@dataclass(frozen=True, slots=True)
class Publisher:
    """lists: those that a subscriber can choose.  hotlines: of the country.

    public_key, sign: of the provider's key; both raise RegisterError where it is missing.
    """

    lists: Sequence[FamilyListPart]
    hotlines: Sequence[HotlinePart]
    public_key: Callable[[], bytes]
    sign: Callable[[bytes], bytes]

    def statement(
        self, register: Register, head: RegisterHead, cases: Iterable[DeskCase], now: int
    ) -> dict[str, Any]:
        """Return what is filtered now, signed (`SignedStatement`); raise RegisterError."""
        opened = [
            OpenedPart(list=each.list, entry=each.entry, until=utc_text(each.opened_until))
            for each in cases
            if each.state(now) is CaseState.OPENED
        ]
        document = public_statement(register, head, self.lists, opened, self.hotlines, now)
        return sign_document(document, self.public_key(), self.sign)

    def report(
        self,
        register: Register,
        head: RegisterHead,
        cases: Collection[DeskCase],
        quarter: str,
        figures: OperatorFigures,
        measured: Measured,
        now: int,
    ) -> dict[str, Any]:
        """Return the report of a quarter, signed (`SignedReport`); raise RegisterError.

        figures: what copdns cannot know.  measured: of this quarter.
        """
        document = quarterly_report(
            register, head, quarter, map(_dispute, cases), figures, measured, now
        )
        others = {
            tenant: [each for each in cases if each.tenant != tenant]
            for tenant in {each.tenant for each in register.staff.values() if each.tenant}
        }
        disputes = {tenant: list(map(_dispute, each)) for tenant, each in others.items()}
        safe = without_small_rests(document.disputes, disputes, quarter)
        document = document.model_copy(update={"disputes": safe})
        document = _with_complaints(document, cases, list(others.values()))
        return sign_document(document, self.public_key(), self.sign)

    def tenant_report(
        self,
        register: Register,
        tenant: str,
        cases: Sequence[DeskCase],
        quarter: str,
        measured: Measured,
        now: int,
    ) -> dict[str, Any]:
        """Return the report of a quarter for one tenant, signed (`SignedTenantReport`); raise
        RegisterError.  cases, measured: of all."""
        own = [_dispute(each) for each in cases if each.tenant == tenant]
        others = [_dispute(each) for each in cases if each.tenant != tenant]
        document = tenant_report(
            register, tenant, quarter, own, others, measured.filters or {}, now
        )
        return sign_document(document, self.public_key(), self.sign)


def _with_complaints(
    report: QuarterlyReport, cases: Iterable[DeskCase], rests: Iterable[Iterable[DeskCase]]
) -> QuarterlyReport:
    """Return a report with the complaints of its quarter, small numbers left out.

    rests: the cases that are not of a tenant, for each one whose staff know its own.
    """
    since, until = quarter_bounds(report.quarter)

    def count(found: Iterable[DeskCase]) -> tuple[dict[str, int], dict[str, int]]:
        asked = [each for each in found if since <= each.asked < until and _complains(each)]
        return (
            {str(e): sum(each.origin is e for each in asked) for e in _COMPLAINING},
            {str(e): sum(each.reason is e for each in asked) for e in CaseReason},
        )

    origins, reasons = count(cases)
    left = [count(each) for each in rests]
    total = {"all": sum(origins.values())}
    totals = [{"all": sum(each.values())} for each, _ in left]
    return report.model_copy(
        update={
            "complaints": suppress_with_rests(total, totals)["all"],
            "complaints_by_origin": suppress_with_rests(origins, [each for each, _ in left]),
            "complaints_by_reason": suppress_with_rests(reasons, [each for _, each in left]),
        }
    )


_COMPLAINING: Final = (CaseOrigin.GUARDIAN, CaseOrigin.SITE_OWNER)


def _complains(case: DeskCase) -> bool:
    return case.origin in _COMPLAINING


def _dispute(case: DeskCase) -> Dispute:
    return Dispute(
        *(case.asked, case.due, case.decided_at),
        is_accepted=bool(case.decisions) and case.decisions[-1].opens,
    )
