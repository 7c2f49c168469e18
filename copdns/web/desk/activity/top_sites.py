"""What stands in the rows of the log most often: sites, services and devices.  Pure.

Rows have names only of people in the modes `blocked` and `full`, and devices only of a full log
(docs/privacy.md), so of others there is nothing to add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from copdns.model.verdict import Action
from copdns.privacy.retention import LogRow

MOST = 5  # of each kind

_Kind = tuple[str, str, str]  # profile, reason and target: what decides whether a row may be shown


class Site(NamedTuple):
    """A site and its number of rows.  service: a slug, "" for none."""

    name: str
    service: str
    n: int


class TopSites(NamedTuple):
    """What has the most rows, each with its number, the most first.

    blocked, opened: sites.  services: blocked ones, by slug.  devices: by id.
    rows: how many rows were added up.
    """

    blocked: tuple[Site, ...] = ()
    opened: tuple[Site, ...] = ()
    services: tuple[tuple[str, int], ...] = ()
    devices: tuple[tuple[str, int], ...] = ()
    rows: int = 0


def top_sites(
    rows: Iterable[LogRow],
    may_show: Callable[[LogRow], bool],
    hides_service: Callable[[str], bool],
    most: int = MOST,
) -> TopSites:
    """Return what has the most rows.

    may_show: tells whether a row may be shown with its name.  A site is left out where one of its
    rows may not: beside the others it would tell that there is one more.  hides_service: tells
    whether guardians may not read of a service.
    """
    sites: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    by_name: dict[str, dict[_Kind, LogRow]] = {}
    services: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    total = 0
    for row in rows:
        total += 1
        is_blocked = row.action == Action.BLOCK
        if is_blocked or row.action in (Action.ALLOW, Action.REWRITE):
            sites[is_blocked][row.qname] += 1
            by_name.setdefault(row.qname, {})[row.profile, row.reason, row.via] = row
        if is_blocked and row.service:
            services[row.service] += 1
        if row.device:
            devices[row.device] += 1
    return TopSites(
        _first(sites[True], by_name, may_show, most),
        _first(sites[False], by_name, may_show, most),
        tuple((each, n) for each, n in _most_first(services) if not hides_service(each))[:most],
        tuple(_most_first(devices)),
        total,
    )


def _first(
    counts: Counter[str],
    by_name: dict[str, dict[_Kind, LogRow]],
    may_show: Callable[[LogRow], bool],
    most: int,
) -> tuple[Site, ...]:
    found: list[Site] = []
    for name, n in _most_first(counts):
        kinds = by_name[name].values()
        if all(map(may_show, kinds)):
            found.append(Site(name, max(each.service for each in kinds), n))
        if len(found) == most:
            break
    return tuple(found)


def _most_first(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
