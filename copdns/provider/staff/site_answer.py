"""What a site's owner is told: is the site blocked by us, by whose decision, and what to do.

Confidential orders and lists of hashes are not looked at here at all, so neither the words nor the
time that an answer takes tells them from what is not blocked.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from copdns.lists.index import FoundEntry, ListKind
from copdns.model.matchers import parse_matcher
from copdns.provider.law.events import HandLayer
from copdns.provider.law.register import OrderState, Register
from copdns.provider.law.register_in_force import blocks_name, special_in_force
from copdns.provider.law.statement import utc_text
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.staff.desk import CaseState, DeskCase

_FAMILY = frozenset({ListKind.CATEGORY, ListKind.BYPASS})


class SiteBlock(NamedTuple):
    """A reason why a site is blocked for some or for all.

    layer: law, security or family.  by: the authority, or the list's maintainer.  what: its
    reference, the category or the reason.  list, entry, version: "" for what is no list.
    since, until: in UTC, "" where it is not known.  contact: where to object, beside our review.
    """

    layer: str
    by: str
    what: str
    list: str = ""
    entry: str = ""
    version: str = ""
    since: str = ""
    until: str = ""
    contact: str = ""


def blocks_of(
    name: str,
    register: Register,
    found: Iterable[FoundEntry],
    cases: Iterable[DeskCase],
    special: SpecialNames,
    now: int,
) -> tuple[SiteBlock, ...]:
    """Return why a name, in normal form, is blocked; () where nothing that may be told blocks it.

    found: what the lists of families and feeds have of the name.  What reviewers opened is out of
    the tables of the nodes, but not yet out of the lists of `copdns run`.
    """
    if _is_open_anyway(name, register, special, now):
        return ()
    opened = {(each.list, each.entry) for each in cases if each.state(now) is CaseState.OPENED}
    return (
        *_by_law(name, register, now),
        *_by_hand(name, register, now),
        *(
            block
            for each in found
            if (block := _by_list(each)) and (block.list, block.entry) not in opened
        ),
    )


def _is_open_anyway(name: str, register: Register, special: SpecialNames, now: int) -> bool:
    """Tell whether a name is protected, but for what was decided about orders that may be told."""
    told = {
        number: each for number, each in register.orders.items() if not each.entered.is_confidential
    }
    holds = special_in_force(special, replace(register, orders=told), now)
    is_help = any(each.covers(name) for each in holds.help)
    is_untraced = any(each.covers(name) for each in holds.untraced)
    return (is_help and not is_untraced) or any(each.covers(name) for each in holds.protected)


def _by_law(name: str, register: Register, now: int) -> Iterable[SiteBlock]:
    for order in register.orders.values():
        entered = order.entered
        if entered.is_confidential or order.state(now) is not OrderState.IN_FORCE:
            continue
        if blocks_name(order, name):
            yield SiteBlock(
                "law",
                entered.authority,
                entered.reference,
                since=utc_text(max(entered.begins, order.confirmed_at)),
                until=utc_text(entered.ends),
                contact=entered.link,
            )


def _by_hand(name: str, register: Register, now: int) -> Iterable[SiteBlock]:
    for each in register.names_by_hand(HandLayer.SECURITY, now):
        if parse_matcher(each.added.name).covers(name):
            yield SiteBlock(
                "security",
                "two people who work here",
                each.added.why,
                since=utc_text(each.confirmed_at),
                until=utc_text(each.added.ends),
            )


def _by_list(found: FoundEntry) -> SiteBlock | None:
    info = found.info
    if found.entry.allow or info.kind not in _FAMILY | {ListKind.SECURITY}:
        return None
    return SiteBlock(
        "family" if info.kind in _FAMILY else "security",
        info.maintainer,
        info.subject,
        list=info.slug,
        entry=found.text,
        version=info.version,
        contact=info.report,
    )
