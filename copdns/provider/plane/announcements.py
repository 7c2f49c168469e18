"""Decide whether a node's addresses are announced to the network.

An address is withdrawn for one reason alone: this dnsdist does not answer, and another node that
does has addresses of the same family.  What dnsdist is asked for it answers from its tables, so
dead resolvers, a PostgreSQL that is away and lists that are late change nothing.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from copdns.model.matchers import Matcher
from copdns.provider.plane.snapshot import Layer, ListedNames, NameList
from copdns.provider.rollout.rollouts import FleetNode

ALIVE_NAME: Final = "alive.copdns.invalid"  # nobody has it (RFC 6761); dnsdist answers it itself
ALIVE_LIST: Final = "alive"
FALLS: Final = 3  # looks in a row without an answer
RISES: Final = 2  # with one
KNOWN_FOR: Final = 600  # seconds for which what was known of other nodes counts


@dataclass(frozen=True, slots=True)
class AddressWatch:
    """What was seen so far.  announced: addresses.  failures, successes: looks in a row."""

    addresses: tuple[str, ...]
    announced: frozenset[str] = frozenset()
    failures: int = 0
    successes: int = 0

    @property
    def is_failing(self) -> bool:
        """Tell whether dnsdist counts as silent."""
        return self.failures >= FALLS


def after_look(watch: AddressWatch, covered: frozenset[int], *, answers: bool) -> AddressWatch:
    """Return the watch after a look.

    covered: 4 and 6, the families of which another node has an address that answers.
    """
    if answers:
        successes = watch.successes + 1
        announced = frozenset(watch.addresses) if successes >= RISES else watch.announced
        return AddressWatch(watch.addresses, announced, 0, successes)
    failures = watch.failures + 1
    announced = watch.announced
    if failures >= FALLS:
        announced = frozenset(each for each in announced if family_of(each) not in covered)
    return AddressWatch(watch.addresses, announced, failures, 0)


def covered_families(
    nodes: Iterable[FleetNode], name: str, known_at: int, now: int
) -> frozenset[int]:
    """Return the families that other nodes answer on; none where that is not known.

    known_at: when it was; a node that had been silent by then covers nothing.
    """
    if not 0 <= now - known_at <= KNOWN_FOR:  # a clock that was set back tells nothing
        return frozenset()
    return frozenset().union(
        *(
            each.families
            for each in nodes
            if each.name != name and each.is_live(known_at) and each.answers and not each.is_failing
        )
    )


def family_of(address: str) -> int:
    """Return 4 or 6."""
    return ip_address(address).version


def with_alive_name(listed: ListedNames) -> ListedNames:
    """Return lists with the name by which dnsdist shows that it answers and has its tables."""
    alive = NameList(ALIVE_LIST, Layer.SECURITY, (Matcher(ALIVE_NAME),))
    return replace(listed, lists=(*listed.lists, alive))
