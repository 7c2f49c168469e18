"""What the staff of one tenant see of the register and of figures: what is about this tenant.

Orders, feeds and names by hand hold for all tenants and stand in the public statement.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from copdns.model.errors import RegisterError
from copdns.provider.law.events import (
    PortalKeySet,
    RegisterEvent,
    StaffAdded,
    StaffRemoved,
    TenantAdded,
)
from copdns.provider.law.figures import K
from copdns.provider.law.register import Register
from copdns.provider.law.statement import (
    Dispute,
    count_disputes,
    operator_part,
    quarter_bounds,
    require_over,
    utc_text,
)
from copdns.provider.law.statement_shapes import DisputesCount, TenantPart, TenantReport


def concerns(event: RegisterEvent, tenant: str, register: Register) -> bool:
    """Tell whether an entry is about one tenant: itself, its portal, its staff.

    register: with the entry; an id of the staff belongs to one tenant for good.
    """
    match event:
        case TenantAdded() | PortalKeySet() | StaffAdded():
            return event.tenant == tenant
        case StaffRemoved():
            found = register.staff.get(event.staff)
            return found is not None and found.tenant == tenant
        case _:
            return False


def tenant_report(
    register: Register,
    tenant: str,
    quarter: str,
    disputes: Iterable[Dispute],
    others: Iterable[Dispute],
    filters: Mapping[str, int],
    now: int,
) -> TenantReport:
    """Return the report of a quarter for one tenant; raise RegisterError.

    disputes: of this tenant, of any time.  others: those of everybody else.  filters: by tenant,
    made safe.
    """
    if (found := register.tenants.get(tenant)) is None:
        raise RegisterError("there is no tenant %(tenant)s", tenant=tenant)
    since, until = quarter_bounds(quarter)
    require_over(quarter, until, now)
    return TenantReport(
        quarter=quarter,
        made=utc_text(now),
        operator=operator_part(register),
        tenant=TenantPart(id=tenant, name=found.name, country=found.country),
        disputes=_apart(
            count_disputes(disputes, since, until), count_disputes(others, since, until)
        ),
        subscribers_with_filtering=filters.get(tenant) or None,
    )


def without_small_rests(
    figures: DisputesCount, disputes: Mapping[str, Collection[Dispute]], quarter: str
) -> DisputesCount:
    """Return the figures of a quarter of all together without those from which the staff of a
    tenant, who know its own, would learn a small rest.

    disputes: of any time, those of everybody else, by each tenant that has staff of its own.  No
    rest at all is nobody's.
    """
    since, until = quarter_bounds(quarter)
    for others in disputes.values():
        if any(since <= each.asked < until for each in others):
            rest = count_disputes(others, since, until)
            hours = None if rest.received is None else figures.median_hours
            figures = _apart(figures, rest).model_copy(update={"median_hours": hours})
    return figures


def _apart(own: DisputesCount, rest: DisputesCount) -> DisputesCount:
    """Return the figures of one tenant where those of the rest are safe, too: all together are
    published, and a difference would tell a small rest."""

    def safe(number: int | None, other: int | None) -> int | None:
        return None if other is None else number

    return DisputesCount(
        received=safe(own.received, rest.received),
        accepted=safe(own.accepted, rest.accepted),
        refused=safe(own.refused, rest.refused),
        overdue=safe(own.overdue, rest.overdue),
        median_hours=own.median_hours if (own.received or 0) >= K else None,
    )
