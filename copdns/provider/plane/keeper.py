"""All that a node's tables are made from: who is behind which address, in which group, and what
that group's class is now.

Whoever follows the store tells it what changed; it adds that up to one `PlaneChange`.  Numbers of
groups and classes are given once and not used again, since rows that a query reads one after the
other may be of before and after a change.  Pure; moments are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from ipaddress import ip_address
from math import inf
from typing import Final, NamedTuple

from copdns.model.addresses import Network
from copdns.model.household import Household
from copdns.provider.plane.line_shares import LineShare, group_at, share_of
from copdns.provider.plane.list_slugs import ListSlugs
from copdns.provider.plane.snapshot import (
    NO_CLASS,
    SHARED,
    Group,
    ListedNames,
    PlaneChange,
    PlaneSnapshot,
    PolicyClass,
    Subscriber,
    TokenOwner,
    ports_key,
)

STRANGERS: Final = 0  # the group of an address that no binding names
# The same where a tenant's default, or another network's, has no security lists.  No household's
# group has a number so large, also none in tables of a version that knew nothing of it.
LAW_ALONE: Final = 2**31 - 1
_Shape = tuple[Household, bool]  # and whether copdns decides about all
_Key = tuple[str, bool]  # of the shape (`LineShare.key`)


class _Home:
    """A household that has a line, or may have one."""

    __slots__ = ("group", "is_personal", "lines", "names", "tokens")

    def __init__(self) -> None:
        self.group = -1
        self.is_personal = False
        self.names: frozenset[str] = frozenset()
        self.tokens: frozenset[str] = frozenset()
        self.lines: set[str] = set()


class PlaneLines(NamedTuple):
    """Whose each line is, and which has which address, block around one or part of one, and ports
    of one."""

    homes: Mapping[str, str]
    owners: Mapping[bytes, str]
    others: Mapping[bytes, Mapping[str, str]]
    ports: Mapping[bytes, Mapping[tuple[int, int], str]]

    @property
    def addresses(self) -> set[bytes]:
        return {*self.owners, *self.others, *self.ports}


class PlaneKeeper:
    """What the tables are to have, and what of it changed since it was taken last.

    without_family: networks in which nobody has a household's rules, whose line it may be.
    has_macs_told: routers tell the MAC addresses of devices here.  has_law_alone: some network's
    strangers have no security lists.
    """

    def __init__(
        self,
        slugs: ListSlugs,
        now: float,
        without_family: Sequence[Network] = (),
        *,
        has_macs_told: bool = False,
        has_law_alone: bool = False,
    ) -> None:
        self._has_macs_told = has_macs_told
        self._without_family = tuple(without_family)
        self.revision = 0
        self._slugs = slugs
        self._homes: dict[str, _Home] = {}
        self._line_homes: dict[str, str] = {}
        # By line: the household to which a backup gives it, which is not believed.
        self._doubted: dict[str, str] = {}
        self._owners: dict[bytes, str] = {}  # lines, by address
        self._addresses: dict[str, set[bytes]] = {}  # by line
        # What has more than such an address, or a part of one: lines, by address and block.
        self._others: dict[bytes, dict[str, str]] = {}
        # What has some ports of an address: lines, by address and ports.
        self._ports: dict[bytes, dict[tuple[int, int], str]] = {}
        self._shown_ports: dict[bytes, dict[int, bytes]] = {}  # in the tables: by the last port
        self._next_number = STRANGERS
        self._numbers: dict[_Key, int] = {}
        self._shapes: dict[int, _Shape] = {}
        self._keys: dict[int, _Key] = {}
        self._members: dict[int, int] = {}  # how many households a group has
        self._groups: dict[int, Group] = {}
        self._classes: dict[int, PolicyClass] = {}
        self._class_numbers: dict[PolicyClass, int] = {}
        self._due: list[tuple[float, int]] = []  # a heap: when a group is another
        self._due_homes: list[tuple[float, str]] = []  # and when a household wants something else
        self._names: dict[str, int] = {}  # how many households have each exception
        self._tokens: dict[str, set[str]] = {}  # the households that have each; one, as it should
        # What changed since the last `take_change`.
        self._moved_tokens: set[str] = set()
        self._moved: set[bytes] = set()
        self._moved_groups: set[int] = set()
        self._moved_names: set[str] = set()
        self._has_new_classes = False
        self._has_moved = False
        self._give_number(share_of(Household("", ""), now), now)  # STRANGERS
        if has_law_alone:
            self._groups[LAW_ALONE] = Group(self._class_of(PolicyClass(has_security=False)))

    def __len__(self) -> int:
        """How many households are known."""
        return len(self._homes)

    # --- what the store tells ---

    def put_household(self, household: str, share: LineShare, now: float) -> None:
        """Take in what a household wants."""
        share = share.with_macs_told() if self._has_macs_told else share
        home = self._homes.setdefault(household, _Home())
        group = self._give_number(share, now)
        self._members[group] = self._members.get(group, 0) + 1
        if home.group >= 0:
            self._leave(home.group)
        self._count_names(home.names, share.names)
        if (home.group, home.is_personal) != (group, share.is_personal):
            self._note_addresses(home)
            self._moved_tokens |= home.tokens
        self._give_tokens(household, home, share.tokens)
        home.group, home.is_personal, home.names = group, share.is_personal, share.names
        if share.until < inf:
            heappush(self._due_homes, (share.until, household))
        self._has_moved = True

    def restore_group(self, number: int, share: LineShare, now: float) -> None:
        """Take in a group that the tables have, of households that are not known here."""
        if number == STRANGERS:
            return
        self._shapes[number] = share.shape, share.asks_copdns
        self._keys[number] = share.key, share.asks_copdns
        self._members[number] = 1
        self._settle(number, now)

    @property
    def shapes(self) -> Mapping[int, tuple[Household, bool]]:
        """What each group is made from, and whether copdns decides about all."""
        return self._shapes

    def drop_household(self, household: str) -> None:
        """Take in that there is no such household any more: its lines are strangers'."""
        home = self._homes.get(household)
        if home is None or home.group < 0:
            return
        self._leave(home.group)
        self._count_names(home.names, frozenset())
        self._note_addresses(home)
        self._give_tokens(household, home, frozenset())
        home.group, home.is_personal, home.names = -1, False, frozenset()
        if not home.lines:
            del self._homes[household]
        self._has_moved = True

    def put_line(self, line: str, household: str, *, is_again: bool = False) -> None:
        """Take in whose a line is; "": nobody's.  is_again: it was told since the backup."""
        if is_again or self._doubted.get(line, "") != household:
            self._doubted.pop(line, None)
        elif household:
            household = ""
        before = self._line_homes.pop(line, "")
        if before and before in self._homes:
            self._homes[before].lines.discard(line)
        if household:
            self._line_homes[line] = household
            self._homes.setdefault(household, _Home()).lines.add(line)
        self._moved |= self._addresses.get(line, set())
        self._has_moved = True

    def bind_other(self, address: bytes, block: str, line: str) -> None:
        """Take in which line has a block that is more than an address, or a part of it; "": none.

        Where that is not the line that has the address, or is a part of it, nobody has it.
        """
        there = self._others.setdefault(address, {})
        before = there.pop(block, "")
        if line:
            there[block] = line
        if not there:
            del self._others[address]
        self._note_line(address, before, line)

    def bind_ports(self, address: bytes, first: int, last: int, line: str) -> None:
        """Take in which line has some ports of an IPv4 address, both included; "": none."""
        there = self._ports.setdefault(address, {})
        before = there.pop((first, last), "")
        if line:
            there[first, last] = line
        if not there:
            del self._ports[address]
        self._note_line(address, before, line)

    def bind(self, address: bytes, line: str) -> None:
        """Take in which line has an address; "": none."""
        before = self._owners.pop(address, "")
        if line:
            self._owners[address] = line
        self._note_line(address, before, line)

    def _note_line(self, address: bytes, before: str, line: str) -> None:
        """Remember where lines are, so that what moves with one of them is found."""
        if before and line != before and before not in self._lines_at(address):
            there = self._addresses[before]
            there.discard(address)
            if not there:
                del self._addresses[before]
        if line:
            self._addresses.setdefault(line, set()).add(address)
        self._moved.add(address)
        self._has_moved = True

    def has(self, address: bytes, line: str, ports: tuple[int, int] | None = None) -> bool:
        """Tell whether a line has an address, or all around it; or just these ports of it, the
        first and the last."""
        if ports is not None:
            return self._ports.get(address, {}).get(ports) == line
        return line in (self._owners.get(address), *self._others.get(address, {}).values())

    def _lines_at(self, address: bytes) -> set[str]:
        return {
            self._owners.get(address, ""),
            *self._others.get(address, {}).values(),
            *self._ports.get(address, {}).values(),
        }

    # --- what another database has, as one from a backup ---

    @property
    def households(self) -> frozenset[str]:
        """The households that are known."""
        return frozenset(each for each, home in self._homes.items() if home.group >= 0)

    def begin_lines(self) -> PlaneLines:
        """Forget whose lines are and who has which address; return it, for `doubt_others` and
        `doubt_homes`."""
        before = PlaneLines(self._line_homes, self._owners, self._others, self._ports)
        self._moved |= before.addresses
        self._owners, self._others, self._ports = {}, {}, {}
        self._addresses, self._line_homes = {}, {}
        for household, home in list(self._homes.items()):
            home.lines.clear()
            if home.group < 0:
                del self._homes[household]
        self._has_moved = True
        return before

    def doubt_homes(self, before: PlaneLines, again: Collection[str] = ()) -> None:
        """Let each line be nobody's that another household had before, or nobody, until it is told
        of anew: what was told after a backup is not in it, and a line may be a new family's.

        again: lines that were told since."""
        for line, household in list(self._line_homes.items()):
            if before.homes.get(line) != household and line not in again:
                self.put_line(line, "")
                self._doubted[line] = household

    def doubt_others(self, before: PlaneLines) -> None:
        """Let each address be nobody's that had another line before: which of both is newer is not
        known, and no family may get the rules of another one."""
        for address, line in list(self._owners.items()):
            if before.owners.get(address) != line:
                self.bind(address, "")
        for address, there in list(self._others.items()):
            for block, line in list(there.items()):
                if before.others.get(address, {}).get(block) != line:
                    self.bind_other(address, block, "")
        for address, parts in list(self._ports.items()):
            for (first, last), line in list(parts.items()):
                if before.ports.get(address, {}).get((first, last)) != line:
                    self.bind_ports(address, first, last, "")

    def use_lists(self, slugs: ListSlugs, now: float) -> None:
        """Decide by other lists from now on."""
        self._slugs = slugs
        for number in list(self._shapes):
            self._settle(number, now)

    # --- what time does ---

    def take_due(self, now: float) -> tuple[str, ...]:
        """Let groups be what they are now; return households that want something else by now."""
        while self._due and self._due[0][0] <= now:
            _, number = heappop(self._due)
            if number in self._shapes:
                self._settle(number, now)
        due = []
        while self._due_homes and self._due_homes[0][0] <= now:
            due.append(heappop(self._due_homes)[1])
        return tuple(dict.fromkeys(due))

    # --- what the tables get ---

    def take_change(self, revision: int) -> PlaneChange | None:
        """Return what changed since the last call, or since `snapshot`; None where nothing did.

        revision: of what was told.
        """
        if not (self._has_moved or self._moved_groups or revision != self.revision):
            return None
        gone_groups = self._forget_groups()
        subscribers: list[Subscriber] = []
        gone: list[bytes] = []
        for address in self._moved:
            found = self._subscribers_at(address)
            subscribers += found
            if not found:
                gone.append(address)
            gone += self._note_ports(address, found)
        tokens = {each: self._token_owner(each) for each in self._moved_tokens}
        names = self._moved_names
        change = PlaneChange(
            revision,
            subscribers=subscribers,
            gone_addresses=gone,
            groups={
                each: self._groups[each] for each in self._moved_groups if each in self._groups
            },
            gone_groups=gone_groups,
            new_exceptions=[each for each in names if each in self._names],
            gone_exceptions=[each for each in names if each not in self._names],
            classes=dict(self._classes) if self._has_new_classes else None,
            tokens=[found for found in tokens.values() if found is not None],
            gone_tokens=[bytes.fromhex(each) for each, found in tokens.items() if found is None],
        )
        self._forget_changes(revision)
        return change

    def snapshot(self, revision: int, listed: ListedNames) -> PlaneSnapshot:
        """Return everything; what changed so far is in it."""
        self._forget_groups()
        self._forget_changes(revision)
        return PlaneSnapshot(
            revision,
            self._subscribers(),
            dict(self._groups),
            dict(self._classes),
            listed,
            list(self._names),
            [found for each in self._tokens if (found := self._token_owner(each)) is not None],
        )

    @property
    def classes(self) -> Mapping[int, PolicyClass]:
        """The classes by number."""
        return self._classes

    def _subscribers(self) -> Iterator[Subscriber]:
        self._shown_ports = {}
        others = (self._others.keys() | self._ports.keys()) - self._owners.keys()
        for address in (*self._owners, *others):
            found = self._subscribers_at(address)
            self._note_ports(address, found)
            yield from found

    def _owner(self, address: bytes) -> str:
        line = self._owners.get(address, "")
        others = self._others.get(address)
        if others is None:
            return line
        lines = set(others.values()) | ({line} if line else set())
        return lines.pop() if len(lines) == 1 else ""

    def _subscribers_at(self, address: bytes) -> list[Subscriber]:
        """Return who is behind an address: nobody, one, or SHARED and one for each of its ports."""
        if self._without_family and _is_in(address, self._without_family):
            return []
        ports = self._ports.get(address)
        if ports is None:
            found = self._subscriber(address, self._owner(address))
            return [] if found is None else [found]
        if address in self._owners or address in self._others:
            return []  # of one of them it is not true
        by_port = [
            each
            for (first, last), line in ports.items()
            if not _overlaps_any((first, last), ports)
            and (each := self._subscriber(ports_key(address, first, last), line)) is not None
        ]
        return [Subscriber(address, SHARED), *by_port] if by_port else []

    def _note_ports(self, address: bytes, found: list[Subscriber]) -> list[bytes]:
        """Remember what the tables have of an address' ports; return what they no longer have.

        A row is found by its last port: where that is another block's by now, it stays.
        """
        before = self._shown_ports.pop(address, {})
        now = {int.from_bytes(each.address[-2:]): each.address for each in found[1:]}
        if now:
            self._shown_ports[address] = now
        return [octets for last, octets in before.items() if last not in now]

    def _subscriber(self, address: bytes, line: str) -> Subscriber | None:
        household = self._line_homes.get(line, "")
        home = self._homes.get(household)
        if home is None or home.group < 0:
            return None
        return Subscriber(address, home.group, household if home.is_personal else "")

    def _forget_changes(self, revision: int) -> None:
        self._moved, self._moved_groups, self._moved_names = set(), set(), set()
        self._moved_tokens = set()
        self._has_new_classes = self._has_moved = False
        self.revision = revision

    # --- groups and classes ---

    def _give_number(self, share: LineShare, now: float) -> int:
        key = share.key, share.asks_copdns
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._next_number
            self._next_number += 1
            self._shapes[number], self._keys[number] = (share.shape, share.asks_copdns), key
            self._settle(number, now)
        return number

    def _settle(self, number: int, now: float) -> None:
        """Work out what a group is now."""
        shape, asks = self._shapes[number]
        found = group_at(shape, self._slugs, now)
        group = found.as_group(self._class_of(found.policy), asks_copdns=asks)
        if self._groups.get(number) != group:
            self._groups[number] = group
            self._moved_groups.add(number)
        if found.until < inf:
            heappush(self._due, (found.until, number))

    def _class_of(self, policy: PolicyClass) -> int:
        number = self._class_numbers.get(policy)
        if number is None:
            number = max(self._classes, default=NO_CLASS - 1) + 1
            self._class_numbers[policy] = number
            self._classes[number] = policy
            self._has_new_classes = True
        return number

    def _leave(self, group: int) -> None:
        self._members[group] -= 1
        if not self._members[group]:
            self._moved_groups.add(group)

    def _forget_groups(self) -> list[int]:
        """Forget groups that no household has any more; return them."""
        gone = [
            each
            for each in self._moved_groups
            if each != STRANGERS and not self._members.get(each) and each in self._shapes
        ]
        for each in gone:
            del self._numbers[self._keys.pop(each)], self._shapes[each], self._groups[each]
            self._members.pop(each, None)
        return gone

    def _count_names(self, before: frozenset[str], after: frozenset[str]) -> None:
        for name in after - before:
            self._names[name] = self._names.get(name, 0) + 1
        for name in before - after:
            self._names[name] -= 1
            if not self._names[name]:
                del self._names[name]
        self._moved_names |= before ^ after

    def _give_tokens(self, household: str, home: _Home, tokens: frozenset[str]) -> None:
        for each in home.tokens - tokens:
            owners = self._tokens[each]
            owners.discard(household)
            if not owners:
                del self._tokens[each]
        for each in tokens - home.tokens:
            self._tokens.setdefault(each, set()).add(household)
        self._moved_tokens |= home.tokens ^ tokens
        home.tokens = tokens

    def _token_owner(self, token: str) -> TokenOwner | None:
        """Return whose a token is; None where nobody has it, or several, as after a copy."""
        owners = self._tokens.get(token, set())
        if len(owners) != 1:
            return None
        (household,) = owners
        return TokenOwner(bytes.fromhex(token), self._homes[household].group, household)

    def _note_addresses(self, home: _Home) -> None:
        for line in home.lines:
            self._moved |= self._addresses.get(line, set())


def _is_in(address: bytes, networks: Iterable[Network]) -> bool:
    """Tell whether an address, or the first one of a prefix, is in some network."""
    found = ip_address(address)
    return any(found in each for each in networks)


def _overlaps_any(ports: tuple[int, int], others: Collection[tuple[int, int]]) -> bool:
    return any(each != ports and each[0] <= ports[1] and ports[0] <= each[1] for each in others)
