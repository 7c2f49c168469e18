"""What a provider publishes: the statement of this moment and the report of a quarter, signed.

Made from the register, the desk's cases and what the provider offers.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from copdns.provider.law.register import Register
from copdns.provider.law.statement import (
    Dispute,
    public_statement,
    quarterly_report,
    sign_document,
    utc_text,
)
from copdns.provider.law.statement_shapes import (
    FamilyListPart,
    HotlinePart,
    OpenedPart,
    OperatorFigures,
)
from copdns.provider.law.tenant_view import tenant_report, without_small_rests
from copdns.provider.staff.desk import CaseState, DeskCase


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
        self, register: Register, checksum: str, cases: Iterable[DeskCase], now: int
    ) -> dict[str, Any]:
        """Return what is filtered now, signed (`SignedStatement`); raise RegisterError."""
        opened = [
            OpenedPart(list=each.list, entry=each.entry, until=utc_text(each.opened_until))
            for each in cases
            if each.state(now) is CaseState.OPENED
        ]
        document = public_statement(register, checksum, self.lists, opened, self.hotlines, now)
        return sign_document(document, self.public_key(), self.sign)

    def report(
        self,
        register: Register,
        checksum: str,
        cases: Collection[DeskCase],
        quarter: str,
        figures: OperatorFigures,
        now: int,
    ) -> dict[str, Any]:
        """Return the report of a quarter, signed (`SignedReport`); raise RegisterError.

        figures: what only the provider's monitoring and help desk know.
        """
        document = quarterly_report(register, checksum, quarter, map(_dispute, cases), figures, now)
        others = {
            tenant: [_dispute(each) for each in cases if each.tenant != tenant]
            for tenant in {each.tenant for each in register.staff.values() if each.tenant}
        }
        safe = without_small_rests(document.disputes, others, quarter)
        document = document.model_copy(update={"disputes": safe})
        return sign_document(document, self.public_key(), self.sign)

    def tenant_report(
        self, register: Register, tenant: str, cases: Sequence[DeskCase], quarter: str, now: int
    ) -> dict[str, Any]:
        """Return the report of a quarter for one tenant, signed (`SignedTenantReport`); raise
        RegisterError.  cases: of all."""
        own = [_dispute(each) for each in cases if each.tenant == tenant]
        others = [_dispute(each) for each in cases if each.tenant != tenant]
        document = tenant_report(register, tenant, quarter, own, others, now)
        return sign_document(document, self.public_key(), self.sign)


def _dispute(case: DeskCase) -> Dispute:
    return Dispute(
        *(case.asked, case.due, case.decided_at),
        is_accepted=bool(case.decisions) and case.decisions[-1].opens,
    )
