"""What a node of a provider must know of all households at one revision, and what changes in it.

Whoever keeps the households makes these values; `rows.py` says what dnsdist gets of them.  A
subscriber belongs to a group: all that have the same preset and the same times.  A group has one
class at a moment, and the class says what is blocked.  So a bedtime of 300,000 children is a change
of a few hundred groups.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

from copdns.model.matchers import Matcher
from copdns.model.verdict import Reason
from copdns.provider.law.hashed_list import HashedList

IPV6_PREFIX: Final = 56  # bits that a subscriber has to itself
SHARED: Final = -1  # in place of a group: its ports tell who is behind an address
NO_CLASS: Final = 0  # the class of a group that is not known; every snapshot has it
CLOSING: Final = frozenset({Reason.PAUSED, Reason.SCHEDULE, Reason.BUDGET, Reason.NOT_ON_ALLOWLIST})


class Layer(StrEnum):
    """Who wants a block: the law, the security of all, or the family.  They never mix."""

    LAW = "law"
    SECURITY = "security"
    FAMILY = "family"


class Subscriber(NamedTuple):
    """Who is behind an address.

    address: octets, as `address_key` gives them; of some ports of an IPv4 address eight, as
        `ports_key` does.  group: a number from 0, or SHARED.  household: the id of one
    that has rules of its own; "" for one that its group says all about.
    """

    address: bytes
    group: int
    household: str = ""


class TokenOwner(NamedTuple):
    """Whose a device's token is.

    digest: 32 octets, of `token_digest`.  group: of the household's line, which decides while no
    copdns is there.  household: its id; "" while copdns is asked about nothing.
    """

    digest: bytes
    group: int
    household: str


class Group(NamedTuple):
    """What holds for a group at this moment.

    is_closing_soon: its class changes within minutes, so clients must not keep answers for long.
    asks_copdns: its class cannot say all that its households want, so copdns decides about every
        name, as long as it is there.
    """

    policy_class: int
    is_closing_soon: bool = False
    asks_copdns: bool = False


@dataclass(frozen=True, slots=True)
class PolicyClass:
    """What is blocked.

    blocks: slugs of lists of the family layer.  has_security: lists of the security layer count.
    closed: one of CLOSING where nothing is open but what is protected and what `always_open` lists
    name.  timed: lists that time closes now, each with its reason; `always_open` lists are stronger
    there, too.  safe_search: ids of the engines whose safe mode is on.
    """

    blocks: frozenset[str] = frozenset()
    timed: frozenset[tuple[str, Reason]] = frozenset()
    has_security: bool = True
    closed: Reason | None = None
    always_open: frozenset[str] = frozenset()
    safe_search: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for reason in (self.closed, *(each for _, each in self.timed)):
            if reason is not None and reason not in CLOSING:
                raise ValueError(f"{reason} closes nothing")


@dataclass(frozen=True, slots=True)
class NameList:
    """Names, and the layer that they are blocked in.

    slug: of a list, a category or a legal register.  opens: its exceptions, which beat its names
    above and below them.  told: why it blocks, for an extended error; "" for what its layer says.
    """

    slug: str
    layer: Layer
    names: tuple[Matcher, ...]
    opens: tuple[Matcher, ...] = ()
    told: str = ""


@dataclass(frozen=True, slots=True)
class SpecialNames:
    """Names that are no list's.

    help: nothing blocks them, and look-ups leave no trace.  protected: nothing blocks them.
    reference: no list of the family layer blocks them.  untraced: hosts below help names that lists
    may block; look-ups leave no trace either.  engines: by id, the hosts of a search engine.
    """

    help: tuple[Matcher, ...] = ()
    protected: tuple[Matcher, ...] = ()
    reference: tuple[Matcher, ...] = ()
    untraced: tuple[Matcher, ...] = ()
    engines: Mapping[str, tuple[Matcher, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListedNames:
    """All lists and special names of a provider: they change together, a few times a day.

    hashed: lists of hashes, of the law's layer.
    """

    lists: tuple[NameList, ...] = ()
    special: SpecialNames = field(default_factory=SpecialNames)
    hashed: tuple[HashedList, ...] = ()


@dataclass(frozen=True, slots=True)
class PlaneSnapshot:
    """Everything at one revision.

    subscribers: read once, in any order; a million need not be in memory.  exceptions: names that
    some household has a rule about, each with all below it; dnsdist asks copdns about these, for
    households with rules of their own.  tokens: of all devices that have one.  Where one of the
    three is None, the tables keep what they have.
    """

    revision: int
    subscribers: Iterable[Subscriber] | None = ()
    groups: Mapping[int, Group] = field(default_factory=dict)
    classes: Mapping[int, PolicyClass] = field(default_factory=lambda: {NO_CLASS: PolicyClass()})
    listed: ListedNames = field(default_factory=ListedNames)
    exceptions: Iterable[str] | None = ()
    tokens: Iterable[TokenOwner] | None = ()

    def __post_init__(self) -> None:
        check_classes(self.classes)


@dataclass(frozen=True, slots=True)
class PlaneChange:
    """What a later revision has otherwise.

    To do it twice is harmless.  Mappings hold what is new; subscribers, groups and tokens that are
    gone stand in the others.  classes, listed: the whole, None where nothing of it changed.
    """

    revision: int
    subscribers: Iterable[Subscriber] = ()
    gone_addresses: Iterable[bytes] = ()
    groups: Mapping[int, Group] = field(default_factory=dict)
    gone_groups: Iterable[int] = ()
    new_exceptions: Iterable[str] = ()
    gone_exceptions: Iterable[str] = ()
    classes: Mapping[int, PolicyClass] | None = None
    listed: ListedNames | None = None
    tokens: Iterable[TokenOwner] = ()
    gone_tokens: Iterable[bytes] = ()

    def __post_init__(self) -> None:
        if self.classes is not None:
            check_classes(self.classes)

    def with_lists(self, listed: ListedNames, classes: Mapping[int, PolicyClass]) -> PlaneChange:
        """Return it with other lists as well, and all classes."""
        return replace(self, listed=listed, classes=dict(classes))


def check_classes(classes: Mapping[int, PolicyClass]) -> None:
    """Raise ValueError where there is no class for a group that is not known."""
    if NO_CLASS not in classes:
        raise ValueError(f"class {NO_CLASS}, that of groups that are not known, is missing")


def ports_key(address: bytes, first: int, last: int) -> bytes:
    """Return the octets of some ports of an IPv4 address, both included."""
    return address + first.to_bytes(2) + last.to_bytes(2)


def address_key(text: str) -> bytes:
    """Return the octets of a subscriber's IPv4 address, or of its IPv6 prefix of 56 bits.

    An IPv6 address stands for its prefix.  Raise ValueError for any other prefix, or no address.
    """
    if "/" not in text:
        address = ip_address(text)
        if address.version == 4:
            return address.packed
        return IPv6Network((address, IPV6_PREFIX), strict=False).network_address.packed
    network = ip_network(text)
    if network.prefixlen != (32 if network.version == 4 else IPV6_PREFIX):
        raise ValueError(f"{text}: a subscriber has an IPv4 address, or a prefix of 56 bits")
    return network.network_address.packed
