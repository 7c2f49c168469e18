"""Make a provider's public statement and its quarterly report from the register.  Pure."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

from pydantic import BaseModel

from copdns.model.errors import RegisterError
from copdns.provider.law.chain import RegisterHead
from copdns.provider.law.events import HandLayer
from copdns.provider.law.figures import K, suppress, suppress_table
from copdns.provider.law.measurements import (
    ALL,
    Measured,
    SiteOutage,
    find_outages,
    safe_categories,
    safe_layers,
)
from copdns.provider.law.register import (
    FamilyOpening,
    HandName,
    LegalOrder,
    OrderState,
    Register,
)
from copdns.provider.law.register_in_force import ordered_names
from copdns.provider.law.statement_shapes import (
    ByHandCount,
    ByHandPart,
    DisputesCount,
    FamilyListPart,
    FamilyOpeningPart,
    FamilyPart,
    FeedPart,
    FigureSource,
    HotlinePart,
    LawPart,
    OpenedPart,
    OperatorFigures,
    OperatorPart,
    OrderPart,
    OrdersCount,
    OutagePart,
    PublicStatement,
    QuarterlyReport,
    RegisterPart,
    SecurityPart,
)

# What is kept of subscribers, and for how long.  docs/authorities.md says the same.
RETENTION: Final = {
    "bindings": "as long as the session lasts",
    "look-ups": "a day at most, as each family chose",
    "legal orders": "as long as the register",
    "decisions about lists": "two years",
    "figures by day": "a year",
}

_QUARTER = re.compile(r"(\d{4})-Q([1-4])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dispute:
    """A question whether a list is right.  decided: None while it is open.  Seconds since 1970."""

    asked: int
    due: int
    decided: int | None = None
    is_accepted: bool = False


def public_statement(
    register: Register,
    head: RegisterHead,
    lists: Sequence[FamilyListPart],
    opened: Sequence[OpenedPart],
    hotlines: Sequence[HotlinePart],
    now: int,
) -> PublicStatement:
    """Return what is filtered at this moment; raise RegisterError where nobody says it.

    head: of the register as the day began.  What may not be named is counted as the quarter began:
    from two statements one after the other nobody learns when a single one came or went.
    """
    settled = quarter_begin(now)
    in_force = [each for each in register.orders.values() if each.state(now) is OrderState.IN_FORCE]
    return PublicStatement(
        made=utc_text(now),
        operator=operator_part(register),
        register=RegisterPart(entries=head.size, checksum=head.digest),
        law=LawPart(
            orders=tuple(_order(each) for each in in_force if not each.entered.is_confidential),
            confidential=sum(
                each.entered.is_confidential and each.was_in_force(settled, settled + 1)
                for each in register.orders.values()
            ),
        ),
        security=SecurityPart(
            feeds=_feeds(register, now, now),
            by_hand=tuple(map(_by_hand, register.names_by_hand(HandLayer.SECURITY, now))),
            unvalidated=tuple(map(_by_hand, register.names_by_hand(HandLayer.ANCHOR, now))),
        ),
        family=FamilyPart(
            lists=tuple(lists),
            opened=tuple(opened),
            open_for_all=_opening(open_now) if (open_now := register.open_family(now)) else None,
        ),
        hotlines=tuple(hotlines),
        preservation_requests=sum(
            each.kept_at(settled) for each in register.preservations.values()
        ),
    )


def quarter_bounds(text: str) -> tuple[int, int]:
    """Return when a quarter such as 2026-Q4 begins, and when the next one does, in UTC.

    Raise RegisterError for anything else.
    """
    found = _QUARTER.fullmatch(text)
    if not found or not 1971 <= int(found[1]) <= 9000:
        raise RegisterError("'%(text)s' is no quarter; write one such as 2026-Q4", text=text)
    year, first = int(found[1]), int(found[2]) * 3 - 2
    begins = datetime(year, first, 1, tzinfo=UTC)
    ends = datetime(year + first // 10, (first + 2) % 12 + 1, 1, tzinfo=UTC)
    return int(begins.timestamp()), int(ends.timestamp())


def quarter_begin(at: int) -> int:
    """Return when the quarter of a moment began; both in seconds since 1970, in UTC."""
    found = datetime.fromtimestamp(at, UTC)
    return int(datetime(found.year, (found.month - 1) // 3 * 3 + 1, 1, tzinfo=UTC).timestamp())


def quarterly_report(
    register: Register,
    head: RegisterHead,
    quarter: str,
    disputes: Iterable[Dispute],
    figures: OperatorFigures,
    measured: Measured,
    now: int,
) -> QuarterlyReport:
    """Return the report of a quarter, small numbers left out; raise RegisterError.

    disputes: all that there are, of any time.  figures: what the provider says.  measured: of this
    quarter.  Complaints are added by `Publisher`, which knows the cases.
    """
    since, until = quarter_bounds(quarter)
    require_over(quarter, until, now)
    outages, outage_days = find_outages(measured.nodes, since, until)
    filters = measured.filters or {}
    by_hand = [
        each
        for each in register.by_hand.values()
        if each.confirmed_by and since <= each.confirmed_at < until
    ]
    return QuarterlyReport(
        quarter=quarter,
        made=utc_text(now),
        operator=operator_part(register),
        register=RegisterPart(entries=head.size, checksum=head.digest),
        legal_orders=_count_orders(list(register.orders.values()), since, until),
        by_hand=ByHandCount(
            blocked=tuple(_by_hand(each) for each in _of_layer(by_hand, HandLayer.SECURITY)),
            unvalidated=tuple(_by_hand(each) for each in _of_layer(by_hand, HandLayer.ANCHOR)),
        ),
        feeds=_feeds(register, since, until),
        preservation_requests=sum(
            since <= each.entered_at < until for each in register.preservations.values()
        ),
        disputes=count_disputes(disputes, since, until),
        family_open_for_all=tuple(
            _opening(each)
            for each in register.openings.values()
            if each.opened_at < until and each.ends > since
        ),
        blocks_by_layer=safe_layers(measured),
        blocks_by_category=safe_categories(measured),
        subscribers_with_filtering=filters.get(ALL) or None,
        filtering_by_tenant={
            tenant: number or None for tenant, number in sorted(filters.items()) if tenant != ALL
        },
        complaints=None,
        help_desk_complaints=suppress(figures.help_desk_complaints or 0),
        outages=outages,
        outage_days=tuple(map(_outage, outage_days)),
        network_outages=figures.network_outages,
        sources=_sources(figures, measured, has_outages=outages is not None),
        retention=RETENTION,
    )


def _sources(
    figures: OperatorFigures, measured: Measured, *, has_outages: bool
) -> dict[str, FigureSource]:
    """Return where the figures come from that are not those of the register."""

    def name_if(source: FigureSource, *, when: bool) -> FigureSource:
        return source if when else "unknown"

    layers = any(each.is_layer for each in measured.blocks)
    return {
        "disputes": "desk",
        "complaints": "desk",
        "help_desk_complaints": name_if("operator", when=figures.help_desk_complaints is not None),
        "blocks_by_layer": name_if("nodes", when=layers),
        "blocks_by_category": name_if("nodes", when=layers),
        "subscribers_with_filtering": name_if("families", when=measured.filters is not None),
        "outages": name_if("nodes", when=has_outages),
        "network_outages": name_if("operator", when=figures.network_outages is not None),
    }


def _outage(found: SiteOutage) -> OutagePart:
    return OutagePart(
        day=utc_text(found.day * 86_400)[:10],
        site=found.site,
        down_minutes=found.down,
        silent_node_minutes=found.silent,
        failing_node_minutes=found.failing,
    )


def require_over(quarter: str, until: int, now: int) -> None:
    """Raise RegisterError for a quarter that is not over; until: when it is."""
    if now < until:
        raise RegisterError("%(quarter)s is not over yet", quarter=quarter)


def canonical_json(document: BaseModel | Mapping[str, Any]) -> bytes:
    """Return the octets that are signed: keys sorted, no spaces, UTF-8.

    document: of a file that is checked, its JSON as it was read: an earlier version signed it
    without fields that were added since.
    """
    value = document
    if isinstance(document, BaseModel):
        value = document.model_dump(mode="json", by_alias=True)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign_document(
    document: BaseModel, public_key: bytes, sign: Callable[[bytes], bytes]
) -> dict[str, Any]:
    """Return a document with its signature, as JSON has it (`SignedStatement`, `SignedReport`)."""
    return {
        "document": document.model_dump(mode="json", by_alias=True),
        "signature": {
            "algorithm": "Ed25519",
            "public_key": b64encode(public_key).decode(),
            "value": b64encode(sign(canonical_json(document))).decode(),
        },
    }


def utc_text(at: int) -> str:
    """Return a moment as a text in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def utc_seconds(text: str) -> int:
    """Return the moment of a text in UTC, in seconds since 1970."""
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())


def operator_part(register: Register) -> OperatorPart:
    """Return who the provider is; raise RegisterError where nobody has said it."""
    if (found := register.operator) is None:
        raise RegisterError(
            "nobody has said yet who the provider is; use copdns provider operator set"
        )
    return OperatorPart(name=found.name, country=found.country, contact=found.contact)


def _order(order: LegalOrder) -> OrderPart:
    entered, names = order.entered, ordered_names(order)
    due = max((each.deadline for each in order.holds if each.is_blocked is None), default=None)
    return OrderPart(
        number=order.number,
        authority=entered.authority,
        reference=entered.reference,
        country=entered.country,
        scope=entered.scope,
        since=utc_text(max(entered.begins, order.confirmed_at)),
        until=utc_text(entered.ends),
        document=entered.document,
        link=entered.link,
        blocked=names.blocked,
        blocked_after_decision=names.blocked_so,
        held=names.held,
        decide_by=utc_text(due) if due is not None and names.held else None,
        open_after_decision=names.open_so,
    )


def _by_hand(found: HandName) -> ByHandPart:
    return ByHandPart(
        name=found.added.name,
        why=found.added.why,
        since=utc_text(found.confirmed_at),
        until=utc_text(found.withdrawn_at or found.added.ends),
    )


def _opening(found: FamilyOpening) -> FamilyOpeningPart:
    return FamilyOpeningPart(
        why=found.opened.why, since=utc_text(found.opened_at), until=utc_text(found.ends)
    )


def _of_layer(found: Iterable[HandName], layer: HandLayer) -> list[HandName]:
    return [each for each in found if each.added.layer is layer]


def _feeds(register: Register, since: int, until: int) -> tuple[FeedPart, ...]:
    """Return the versions that were in force at some moment of a time; until: included."""
    return tuple(
        FeedPart(
            feed=each.taken.slug,
            source=each.taken.source,
            version=each.taken.version,
            checksum=each.taken.digest,
            names=each.taken.names,
            since=utc_text(each.at),
        )
        for versions in register.feeds.values()
        for place, each in enumerate(versions)
        if each.at <= until and not (place + 1 < len(versions) and versions[place + 1].at <= since)
    )


def _count_orders(orders: list[LegalOrder], since: int, until: int) -> OrdersCount:
    confirmed = [each for each in orders if each.confirmed_by]
    in_force = [each for each in confirmed if each.was_in_force(since, until)]
    # Of public orders: theirs stand in statements, and a difference would tell those of the others.
    public = [each for each in in_force if not each.entered.is_confidential]
    holds = [each for order in public for each in order.holds]
    return OrdersCount(
        entered=sum(since <= each.entered_at < until for each in orders),
        in_force=len(in_force),
        ended=sum(
            since <= each.entered.ends < until and not each.withdrawn_by for each in confirmed
        ),
        withdrawn=sum(since <= each.withdrawn_at < until for each in confirmed),
        confidential_in_force=sum(each.entered.is_confidential for each in in_force),
        held_names=len(holds),
        held_open=sum(each.is_blocked is False for each in holds),
        held_blocked=sum(each.is_blocked is True for each in holds),
        held_overdue=sum(
            each.is_overdue(until) if each.is_blocked is None else each.decided_at > each.deadline
            for each in holds
        ),
    )


def count_disputes(disputes: Iterable[Dispute], since: int, until: int) -> DisputesCount:
    """Return what became of the questions of a time, small numbers left out."""
    found = [each for each in disputes if since <= each.asked < until]
    decided = [each for each in found if each.decided is not None and each.decided < until]
    accepted = sum(each.is_accepted for each in decided)
    cells = {
        "accepted": accepted,
        "refused": len(decided) - accepted,
        "open": len(found) - len(decided),
    }
    safe = suppress_table(cells)
    hours = [(each.decided - each.asked) / 3600 for each in decided if each.decided is not None]
    late = sum((until if each.decided is None else each.decided) > each.due for each in found)
    return DisputesCount(
        received=suppress(len(found)),
        accepted=safe["accepted"],
        refused=safe["refused"],
        overdue=suppress(late) if len(found) - late >= K or late == len(found) else None,
        median_hours=round(median(hours), 1) if len(hours) >= K else None,
    )
