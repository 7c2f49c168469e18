"""Say a snapshot, or a change of it, in the keys and values of the tables that dnsdist looks into.

Every table is a file of its own (`files.py`).  Keys of names are in wire form; all else is text.
A group stands in its table twice: with `-` behind its number, and with `p` for those of its
subscribers that have rules of their own, so that one table tells who they are.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

from copdns.provider.plane.hashed_names import hashed_rows
from copdns.provider.plane.name_sets import NameSet, compile_names, sets_of, suffix_key
from copdns.provider.plane.snapshot import (
    NO_CLASS,
    SHARED,
    Group,
    Layer,
    ListedNames,
    PlaneChange,
    PlaneSnapshot,
    PolicyClass,
    Subscriber,
    TokenOwner,
)
from copdns.provider.plane.verdicts import verdict_rows

PERSONAL: Final = "p"  # behind a group's number, and before a class's
CLOSED: Final = "x"  # before the number of a class that blocks names on no list
SOON: Final = "t"  # before the number of a class that ends soon
ASKS: Final = "a"  # before the number of a class of a group about which copdns decides

BY_PORT: Final = b"port"  # in place of a group
_OF_PORTS: Final = 8  # octets

Row = tuple[bytes, bytes]


class PlaneTable(StrEnum):
    """The tables, in the order in which new rows are written.

    A row stands before the first that leads to it; what is gone leaves in the reverse order.  So a
    query between two of these writes finds what held before, or what holds now.
    """

    VERDICTS = "verdicts"  # class and set: what happens
    EXCEPTIONS = "exceptions"  # name: copdns decides, for whom rules of their own hold
    PERSONAL = "personal"  # address: the id of a household with rules of its own
    PERSONAL_PORTS = "personal_ports"  # the same by ports of a shared address
    GROUPS = "groups"  # group: its class at this moment
    PORTS = "ports"  # address and last port: address and first port, then the group
    SUBSCRIBERS = "subscribers"  # address: group
    TOKENS = "tokens"  # digest: the group of the household that has it, then its id
    HASHED = "hashed"  # hash of a name: it is on a list, or protected; how names are hashed
    NAMES = "names"  # name: the lists that it is on, or what protects it
    STATE = "state"  # the revision


def table_file(table: PlaneTable) -> str:
    """Return the name of a table's file."""
    return f"{table}.mdb"


REVISION_KEY: Final = b"revision"


@dataclass(frozen=True, slots=True)
class PlaneRows:
    """New rows and gone keys, by table.  whole: tables of which all other rows are gone, too."""

    new: Mapping[PlaneTable, Iterable[Row]]
    gone: Mapping[PlaneTable, Iterable[bytes]] = field(default_factory=dict)
    whole: frozenset[PlaneTable] = frozenset()


@dataclass(frozen=True, slots=True)
class PlaneState:
    """What later changes are made from: all but the large tables.

    layers, told: of each slug.  sets: all that occur in the table of names.
    """

    revision: int
    groups: Mapping[int, Group]
    classes: Mapping[int, PolicyClass]
    layers: Mapping[str, Layer]
    sets: frozenset[NameSet]
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdicts(self) -> list[Row]:
        """The rows of verdicts."""
        return self.verdicts_of(self.classes)

    def verdicts_of(self, classes: Mapping[int, PolicyClass]) -> list[Row]:
        """Return the rows of verdicts of some classes."""
        return list(verdict_rows(classes, self.sets, self.layers, self.told))


def snapshot_rows(snapshot: PlaneSnapshot) -> tuple[PlaneRows, PlaneState]:
    """Return all rows, and what changes are made from later."""
    names = compile_names(snapshot.listed)
    state = PlaneState(
        snapshot.revision,
        snapshot.groups,
        snapshot.classes,
        _layers(snapshot.listed),
        frozenset(sets_of(names.values())),
        _reasons(snapshot.listed),
    )
    new: dict[PlaneTable, Iterable[Row]] = {
        PlaneTable.VERDICTS: state.verdicts,
        PlaneTable.GROUPS: group_rows(state.groups, state.classes),
        PlaneTable.NAMES: names.items(),
        PlaneTable.HASHED: hashed_rows(snapshot.listed),
        PlaneTable.STATE: _state_rows(snapshot.revision),
    }
    if snapshot.exceptions is not None:
        new[PlaneTable.EXCEPTIONS] = exception_rows(snapshot.exceptions)
    if snapshot.tokens is not None:
        new[PlaneTable.TOKENS] = token_rows(snapshot.tokens)
    if snapshot.subscribers is not None:
        new.update(_subscriber_rows(snapshot.subscribers))
    return PlaneRows(new, whole=frozenset(new)), state


def change_rows(change: PlaneChange, before: PlaneState) -> tuple[PlaneRows, PlaneState]:
    """Return the rows of a change, and what the next one is made from."""
    subscribers = list(change.subscribers)
    gone = list(change.gone_addresses)
    gone_groups = set(change.gone_groups)
    groups = {**before.groups, **change.groups}
    after = PlaneState(
        change.revision,
        {number: group for number, group in groups.items() if number not in gone_groups},
        before.classes if change.classes is None else change.classes,
        before.layers,
        before.sets,
        before.told,
    )
    changed = change.groups if change.classes is None else after.groups
    new: dict[PlaneTable, Iterable[Row]] = {
        PlaneTable.EXCEPTIONS: exception_rows(change.new_exceptions),
        PlaneTable.GROUPS: group_rows(changed, after.classes),
        **_subscriber_rows(subscribers),
        PlaneTable.TOKENS: token_rows(change.tokens),
        PlaneTable.STATE: _state_rows(change.revision),
    }
    whole = set()
    if change.listed is not None:
        names = compile_names(change.listed)
        sets = frozenset(sets_of(names.values()))
        layers, told = _layers(change.listed), _reasons(change.listed)
        after = replace(after, layers=layers, sets=sets, told=told)
        new[PlaneTable.NAMES] = names.items()
        new[PlaneTable.HASHED] = hashed_rows(change.listed)
        whole |= {PlaneTable.NAMES, PlaneTable.HASHED}
    gone_verdicts: list[bytes] = []
    if change.listed is not None:
        new[PlaneTable.VERDICTS] = after.verdicts
        whole.add(PlaneTable.VERDICTS)
    elif change.classes is not None:
        new[PlaneTable.VERDICTS], gone_verdicts = _changed_verdicts(before, after)
    plain = [each.address for each in subscribers if not each.household]
    addresses, ports = _split([*plain, *gone])
    gone, gone_ports = _split(gone)
    old: dict[PlaneTable, Iterable[bytes]] = {
        PlaneTable.VERDICTS: gone_verdicts,
        PlaneTable.EXCEPTIONS: map(suffix_key, change.gone_exceptions),
        PlaneTable.PERSONAL: addresses,
        PlaneTable.PERSONAL_PORTS: ports,
        PlaneTable.PORTS: gone_ports,
        PlaneTable.GROUPS: [key for each in gone_groups for key in _group_keys(each)],
        PlaneTable.SUBSCRIBERS: gone,
        PlaneTable.TOKENS: change.gone_tokens,
    }
    return PlaneRows(new, old, frozenset(whole)), after


def _subscriber_rows(subscribers: Iterable[Subscriber]) -> dict[PlaneTable, Iterable[Row]]:
    """Return the rows that tell who is behind an address, and of which household that is."""
    found: dict[PlaneTable, list[Row]] = {
        each: []
        for each in (
            *(PlaneTable.PERSONAL, PlaneTable.PERSONAL_PORTS),
            *(PlaneTable.SUBSCRIBERS, PlaneTable.PORTS),
        )
    }
    plain, personal = found[PlaneTable.SUBSCRIBERS], found[PlaneTable.PERSONAL]
    for address, group, household in subscribers:
        if group == SHARED:
            plain.append((address, BY_PORT))
        elif len(address) == _OF_PORTS:
            key, first = _port_row(address)
            found[PlaneTable.PORTS].append((key, first + _group_keys(group)[bool(household)]))
            if household:
                found[PlaneTable.PERSONAL_PORTS].append((key, first + household.encode()))
        else:
            plain.append((address, _group_keys(group)[bool(household)]))
            if household:
                personal.append((address, household.encode()))
    return dict(found)


def _split(addresses: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the keys of addresses, and those of ports."""
    plain: list[bytes] = []
    ports: list[bytes] = []
    for each in addresses:
        if len(each) == _OF_PORTS:
            ports.append(_port_row(each)[0])
        else:
            plain.append(each)
    return plain, ports


def _port_row(octets: bytes) -> tuple[bytes, bytes]:
    """Return the key of some ports, and what their value begins with: dnsdist looks for the first
    key that is not below what it has, and then at that beginning."""
    address, first, last = octets[:4], octets[4:6], octets[6:]
    return address + last, address + first


def _changed_verdicts(before: PlaneState, after: PlaneState) -> tuple[list[Row], list[bytes]]:
    """Return the rows of classes that are new or other, and keys of what those have no longer."""

    def only(state: PlaneState, other: PlaneState) -> list[Row]:
        classes = state.classes.items()
        return state.verdicts_of({k: v for k, v in classes if other.classes.get(k) != v})

    new = only(after, before)
    return new, list({key for key, _ in only(before, after)} - {key for key, _ in new})


def _layers(listed: ListedNames) -> dict[str, Layer]:
    return {each.slug: each.layer for each in listed.lists}


def _reasons(listed: ListedNames) -> dict[str, str]:
    return {each.slug: each.told for each in listed.lists if each.told}


def group_rows(groups: Mapping[int, Group], classes: Mapping[int, PolicyClass]) -> Iterator[Row]:
    """Yield the class of each group, twice, with what dnsdist must know of it before its number."""
    for number, group in groups.items():
        # A class without verdicts would open all that lists have.
        policy_class = group.policy_class if group.policy_class in classes else NO_CLASS
        policy = classes.get(policy_class)
        marks = (
            (CLOSED if policy and policy.closed else "")
            + (SOON if group.is_closing_soon else "")
            + (ASKS if group.asks_copdns else "")
        )
        plain, personal = _group_keys(number)
        yield plain, f"{marks}{policy_class}".encode()
        yield personal, f"{PERSONAL}{marks}{policy_class}".encode()


def exception_rows(names: Iterable[str]) -> Iterator[Row]:
    """Yield a row for each name."""
    for name in names:
        yield suffix_key(name), b"1"


def token_rows(tokens: Iterable[TokenOwner]) -> Iterator[Row]:
    """Yield a row for each token."""
    for digest, group, household in tokens:
        yield digest, _group_keys(group)[bool(household)] + household.encode()


def _state_rows(revision: int) -> list[Row]:
    return [(REVISION_KEY, str(revision).encode())]


@lru_cache(maxsize=100_000)
def _group_keys(number: int) -> tuple[bytes, bytes]:
    """Return the key of a group, and that for subscribers with rules of their own.

    Of one length, so that a subscriber's row never grows, which would split full pages.
    """
    return f"{number:03}-".encode(), f"{number:03}{PERSONAL}".encode()
