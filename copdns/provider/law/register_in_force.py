"""What of a provider's register holds at a moment, for the data plane.

An order is one list of the law's layer; what was added by hand is one list of the security layer.
An order's block ends at its second because nothing here is stored: each moment is worked out, and
`next_change` says when it has to be worked out again.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from copdns.model.matchers import Matcher, MatchKind, parse_matcher
from copdns.provider.law.events import HandLayer
from copdns.provider.law.hashed_list import HashedList
from copdns.provider.law.register import ORDER, LegalOrder, OrderState, Register
from copdns.provider.plane.name_sets import names_in_rows
from copdns.provider.plane.snapshot import Layer, ListedNames, NameList, SpecialNames

BY_HAND: Final = "by-hand"  # slug of the list of names that people added to the security layer


def lists_in_force(register: Register, now: int) -> tuple[NameList, ...]:
    """Return the lists of the layers of law and security that the register has.

    Feeds of the security layer are not among them: those are files, of the versions that the
    register names.
    """
    lists = [
        NameList(order.slug, Layer.LAW, names)
        for order in register.orders.values()
        if order.state(now) is OrderState.IN_FORCE
        # With the protected parts, each by itself: a protected name above takes no order along.
        and (names := tuple(map(parse_matcher, ordered_names(order).blocked)))
    ]
    if by_hand := register.names_by_hand(HandLayer.SECURITY, now):
        names = tuple(parse_matcher(each.added.name) for each in by_hand)
        lists.append(NameList(BY_HAND, Layer.SECURITY, names))
    return tuple(lists)


def left_in_tables(rows: Iterable[tuple[bytes, bytes]], register: Register) -> tuple[NameList, ...]:
    """Return the law and security that tables have, and that an older register knows nothing of.

    rows: of the table of names.  When that ends is not known either, so it stays.
    """
    orders = {each.slug for each in register.orders.values()}
    known = {parse_matcher(each.added.name).name for each in register.by_hand.values()}

    def is_wanted(slug: str) -> bool:
        return slug == BY_HAND or (slug.startswith(ORDER) and slug not in orders)

    marks = ORDER.encode(), BY_HAND.encode()
    some = (row for row in rows if any(mark in row[1] for mark in marks))  # of a million names
    found = names_in_rows(some, is_wanted)
    by_hand = tuple(each for each in found.pop(BY_HAND, ()) if each.name not in known)
    lists = [NameList(slug, Layer.LAW, names) for slug, names in sorted(found.items())]
    if by_hand:
        lists.append(NameList(BY_HAND, Layer.SECURITY, by_hand))
    return tuple(lists)


def special_in_force(special: SpecialNames, register: Register, now: int) -> SpecialNames:
    """Return the protected names, less what a named person decided to have blocked.

    A help name still leaves no trace then (`SpecialNames.untraced`).
    """
    untraced: list[Matcher] = []
    gone: set[Matcher] = set()
    for order in register.orders.values():
        if order.state(now) is not OrderState.IN_FORCE:
            continue
        for held in (parse_matcher(each.name) for each in order.holds if each.is_blocked):
            if held in special.help:
                untraced += _lower_parts(order, held)
            else:
                gone.add(held)
    if not (untraced or gone):
        return special
    return replace(
        special,
        untraced=(*special.untraced, *untraced),
        protected=tuple(each for each in special.protected if each not in gone),
    )


class OrderedNames(NamedTuple):
    """What an order does with the names that it covers, each as it is written in a rule.

    A name counts for all that it covers, but for what a longer name here covers, or the same one
    with a mark.  blocked_so: those of `blocked` that are protected, of which a person decided so.
    held: protected, open until a person decides.  open_so: protected, open since one decided so.
    """

    blocked: tuple[str, ...]
    blocked_so: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    open_so: tuple[str, ...] = ()


def ordered_names(order: LegalOrder) -> OrderedNames:
    """Return what an order in force does with each of its names, and with protected ones below.

    Each name of the order is in one of `blocked`, `held` and `open_so`.
    """
    if not order.holds:  # nearly always, and there can be many thousand names
        return OrderedNames(order.entered.names)
    parts: dict[bool | None, set[str]] = {True: set(), False: set(), None: set()}
    names, to_block = tuple(map(parse_matcher, order.entered.names)), tuple(_names_to_block(order))
    for hold in order.holds:
        protected = parse_matcher(hold.name)
        # A name that still waits for another decision blocks nothing of this one.
        for each in to_block if hold.is_blocked else names:
            if meet(each, protected):
                part = protected if len(each.name) < len(protected.name) else each
                parts[hold.is_blocked].add(str(part))
    # What two protected names cover is open where one of both decisions says so.
    open_so, held = parts[False], parts[None] - parts[False]
    blocked_so = parts[True] - parts[False] - parts[None]
    blocked = {*map(str, to_block), *blocked_so}
    return OrderedNames(*(tuple(sorted(each)) for each in (blocked, blocked_so, held, open_so)))


def blocks_name(order: LegalOrder, name: str) -> bool:
    """Tell whether an order that is in force blocks a name, in normal form."""
    found = ordered_names(order)
    return _nearest(name, found.blocked) > _nearest(name, (*found.held, *found.open_so))


def _nearest(name: str, rules: Iterable[str]) -> tuple[int, bool]:
    """Return the octets of the longest rule that covers a name, and whether it has a mark; less
    than any where none does."""
    covering = (each for each in map(parse_matcher, rules) if each.covers(name))
    places = ((len(each.name), each.match is not MatchKind.SUBTREE) for each in covering)
    return max(places, default=(-1, False))


def can_be_blocked(order: LegalOrder, held: str, special: SpecialNames) -> bool:
    """Tell whether the data plane can block what an order says of a protected name."""
    name = parse_matcher(held)
    return name in special.help or _lower_parts(order, name) == [name]


def open_below(order: LegalOrder, held: str, special: SpecialNames) -> str | None:
    """Return a help name that the data plane would block together with this one above it, and of
    which nobody decided so; None for none.

    Of several the first by name.  One that became known after the order was confirmed is among
    them, and one that waits by itself, since the order names it or a part of it alone, is not.
    """
    upper = parse_matcher(held)
    if upper not in special.help:
        return None
    names = tuple(map(parse_matcher, order.entered.names))
    blocked = {each.name for each in order.holds if each.is_blocked}
    below = (each for each in special.help if each.name.endswith(f".{upper.name}"))
    taken = (
        str(each)
        for each in below
        if any(len(name.name) < len(each.name) and meet(name, each) for name in names)
    )
    return min((each for each in taken if each not in blocked), default=None)


def with_register(listed: ListedNames, register: Register, now: int) -> ListedNames:
    """Return a provider's lists with those of the register."""
    return ListedNames(
        (*listed.lists, *lists_in_force(register, now)),
        special_in_force(listed.special, register, now),
        choose_hashed(listed.hashed, register, now),
    )


def choose_hashed(
    found: Iterable[HashedList], register: Register, now: int
) -> tuple[HashedList, ...]:
    """Return the lists of hashes that a confidential order in force names by their checksum."""
    ordered = {
        each.entered.document
        for each in register.orders.values()
        if each.entered.is_confidential and each.state(now) is OrderState.IN_FORCE
    }
    return tuple(each for each in found if each.checksum in ordered and now < each.expires)


def orders_without_list(
    found: Iterable[HashedList], register: Register, now: int
) -> tuple[int, ...]:
    """Return the orders in force that name no sites and no list of hashes that is here, and holds
    anything."""
    here = {each.checksum for each in found if now < each.expires}
    return tuple(
        each.number
        for each in register.orders.values()
        if each.state(now) is OrderState.IN_FORCE
        and not each.entered.names
        and each.entered.document not in here
    )


def anchors_in_force(register: Register, now: int) -> tuple[str, ...]:
    """Return the domains that are answered without validation."""
    found = register.names_by_hand(HandLayer.ANCHOR, now)
    return tuple(sorted({parse_matcher(each.added.name).name for each in found}))


def next_change(register: Register, now: int) -> int | None:
    """Return the next second at which, without a new entry, something else holds; None: never."""
    return min((each for each in _moments(register) if each > now), default=None)


def protected_by(names: Iterable[Matcher], special: SpecialNames) -> Iterator[Matcher]:
    """Yield the protected names that rules would touch: those they cover, and those above them."""
    protected = (*special.help, *special.protected)
    by_name: dict[str, list[Matcher]] = {}
    for each in protected:
        by_name.setdefault(each.name, []).append(each)
    below: dict[str, list[Matcher]] = {}
    for each in protected:
        for name in _self_and_above(each.name):
            below.setdefault(name, []).append(each)
    for rule in names:
        for name in _self_and_above(rule.name):
            yield from (each for each in by_name.get(name, ()) if meet(each, rule))
        yield from (each for each in below.get(rule.name, ()) if meet(each, rule))


def meet(one: Matcher, other: Matcher) -> bool:
    """Tell whether there is a name that both mean."""
    if one.name == other.name:
        return MatchKind.SUBTREE in (one.match, other.match) or one.match is other.match
    upper, lower = (one, other) if len(one.name) < len(other.name) else (other, one)
    return upper.match is not MatchKind.EXACT and lower.name.endswith(f".{upper.name}")


def _names_to_block(order: LegalOrder) -> Iterator[Matcher]:
    """Yield the names of an order that nobody has to decide about any more.

    A name that lies below a protected one waits as a whole.  Of a name above one the rest is
    blocked at once; the protected part stays open, which the data plane sees to.
    """
    open_ = [parse_matcher(each.name) for each in order.holds if not each.is_blocked]
    for each in map(parse_matcher, order.entered.names):
        if not _lies_below_any(each, open_):
            yield each


def _lower_parts(order: LegalOrder, held: Matcher) -> list[Matcher]:
    """Return what an order and a protected name have in common: the lower of each two names."""
    parts = []
    for each in map(parse_matcher, order.entered.names):
        if meet(each, held):
            is_above = len(each.name) < len(held.name)
            is_whole = each.name == held.name and each.match is MatchKind.SUBTREE
            parts.append(held if is_above or is_whole else each)
    return parts


def _lies_below_any(rule: Matcher, others: Sequence[Matcher]) -> bool:
    return any(
        (rule.name == each.name or rule.name.endswith(f".{each.name}")) and meet(each, rule)
        for each in others
    )


def _self_and_above(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.partition(".")[2]


def _moments(register: Register) -> Iterator[int]:
    for order in register.orders.values():
        if order.confirmed_by and not order.withdrawn_by:
            yield order.entered.begins
            yield order.entered.ends
    for each in register.by_hand.values():
        if each.confirmed_by and not each.withdrawn_by:
            yield each.added.ends
    for opening in register.openings.values():
        yield opening.ends
