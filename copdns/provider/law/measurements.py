"""What copdns itself measures for the report of a quarter: families' choices, blocks, outages.

No household, no name and no hour of a look-up is in it.  Numbers of households were made safe
(`step_down`) before they were stored.  Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from copdns.provider.law.figures import round_down
from copdns.provider.plane.block_counts import BlockCount
from copdns.provider.plane.snapshot import Layer

DAY: Final = 86_400  # seconds
MINUTES: Final = 1_440  # of a day, in UTC
ALL: Final = ""  # as a tenant: all subscribers


@dataclass(frozen=True, slots=True)
class NodeDay:
    """In which minutes of a day a node answered.

    day: since 1970, in UTC.  answered, failing: a bit for each minute, the lowest one for the
    first; in failing ones of these too many of its answers were SERVFAIL.
    """

    node: str
    site: str
    day: int
    answered: int
    failing: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Of a quarter.

    blocks: all of it added up.  filters: by tenant, how many households have a filter, at least;
    None where nobody counted them at its end.  choosers: the same, of those that chose a category.
    nodes: their minutes, also of after the quarter, so that one that came back shows how long it
    was away.
    """

    blocks: Mapping[BlockCount, int] = field(default_factory=dict)
    filters: Mapping[str, int] | None = None
    choosers: Mapping[str, int] = field(default_factory=dict)
    nodes: Sequence[NodeDay] = ()


class SiteOutage(NamedTuple):
    """A day of a site on which something did not answer; minutes.

    down: no node of it answered as it should.  silent, failing: of its nodes, added up.
    """

    day: int
    site: str
    down: int
    silent: int
    failing: int


def safe_layers(measured: Measured) -> dict[str, int | None]:
    """Return blocks by layer; that of families where enough of them have a filter.  {} where
    nobody counted any."""
    if not any(each.is_layer for each in measured.blocks):
        return {}
    told = {str(each): round_down(measured.blocks.get(BlockCount(True, each), 0)) for each in Layer}
    if not (measured.filters or {}).get(ALL):
        told[Layer.FAMILY] = None
    return told


def safe_categories(measured: Measured) -> dict[str, int | None]:
    """Return blocks by category.

    One that too few families chose is not there, however many blocks it has: that it is there
    would say that somebody chose it.
    """
    found = {
        each.label: round_down(number)
        for each, number in sorted(measured.blocks.items())
        if not each.is_layer and measured.choosers.get(each.label)
    }
    return {label: number for label, number in found.items() if number is not None}


def find_outages(
    days: Sequence[NodeDay], since: int, until: int
) -> tuple[int | None, tuple[SiteOutage, ...]]:
    """Return how often a site was down in a time, and the days on which something did not answer.

    None where nothing is known of the time.  since, until: seconds since 1970, of whole days.  A
    node is looked at between the first and the last minute in which it answered: one that was
    never heard of again may have been taken away.
    """
    begin, end = since // DAY, until // DAY
    if not any(begin <= each.day < end for each in days):
        return None, ()
    first, sites = min(each.day for each in days), _by_site(days)
    window = _bits((begin - first) * MINUTES, (end - first) * MINUTES)
    many, found = 0, []
    for site, nodes in sorted(sites.items()):
        answered = [_join(each, first, "answered") for each in nodes]
        failing = [_join(each, first, "failing") for each in nodes]
        silent = [_between(each) & ~each & window for each in answered]
        works = 0
        for ran, odd in zip(answered, failing, strict=True):
            works |= ran & ~odd
        down = _between(_union(answered)) & ~works & window
        many += (down & ~(down << 1)).bit_count()
        for day in _days(_union([down, *silent, *(each & window for each in failing)]), first):
            of_day = _bits((day - first) * MINUTES, (day - first + 1) * MINUTES)
            found.append(
                SiteOutage(
                    *(day, site, (down & of_day).bit_count()),
                    sum((each & of_day).bit_count() for each in silent),
                    sum((each & of_day).bit_count() for each in failing),
                )
            )
    return many, tuple(sorted(found))


def _by_site(days: Iterable[NodeDay]) -> dict[str, list[list[NodeDay]]]:
    nodes: dict[tuple[str, str], list[NodeDay]] = defaultdict(list)
    for each in days:
        nodes[each.site, each.node].append(each)
    sites: dict[str, list[list[NodeDay]]] = defaultdict(list)
    for (site, _), found in nodes.items():
        sites[site].append(found)
    return sites


def _join(days: Iterable[NodeDay], first: int, name: str) -> int:
    """Return the minutes of all days as one number, from that of the first day on."""
    found = 0
    for each in days:
        found |= int(getattr(each, name)) << ((each.day - first) * MINUTES)
    return found


def _bits(start: int, end: int) -> int:
    start, end = max(start, 0), max(end, 0)
    return (1 << end) - (1 << start) if end > start else 0


def _between(minutes: int) -> int:
    """Return all bits from the lowest to the highest one that is set."""
    return (1 << minutes.bit_length()) - (minutes & -minutes) if minutes else 0


def _union(found: Iterable[int]) -> int:
    union = 0
    for each in found:
        union |= each
    return union


def _days(minutes: int, first: int) -> Iterator[int]:
    """Yield the days that have a bit."""
    number = 0
    while minutes:
        if minutes & ((1 << MINUTES) - 1):
            yield first + number
        minutes >>= MINUTES
        number += 1
