"""Read a hosts file: names that lead nowhere become blocks, others become local names.  Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from copdns.household.moving_in.rule_lines import rule_for, why_skipped
from copdns.household.moving_in.wishes import (
    WRONG_SHAPE,
    EntryCollector,
    FoundSettings,
    LocalWish,
    Product,
)
from copdns.lists.line import ListedName, ListFormat, SkipReason, read_line
from copdns.model.addresses import is_address
from copdns.model.errors import MoveInError
from copdns.model.matchers import MatchKind

_LOOKED_AT: Final = 200  # lines, to tell whether it is a hosts file


def is_hosts(text: str) -> bool:
    """Tell whether most lines of a text are an address and names."""
    lines = [each.partition("#")[0].split() for each in text.split("\n", _LOOKED_AT)[:_LOOKED_AT]]
    lines = [each for each in lines if each]
    fitting = sum(len(each) > 1 and is_address(each[0]) for each in lines)
    return fitting * 2 > len(lines)


def read_hosts(text: str) -> FoundSettings:
    """Return what a hosts file says; raise MoveInError for another text."""
    if not is_hosts(text):
        raise MoveInError(
            "copdns cannot read this file; choose AdGuardHome.yaml, an archive or gravity.db of "
            "Pi-hole, a profile of NextDNS as JSON, or a hosts file",
            name="file",
        )
    out = EntryCollector()
    for number, line in enumerate(text.splitlines(), 1):
        _line(out, f"line {number}", line)
    return FoundSettings(Product.HOSTS, tuple(out.entries))


def _line(out: EntryCollector, place: str, line: str) -> None:
    fields = line.partition("#")[0].split()
    if not fields:
        return
    if len(fields) < 2 or not is_address(fields[0]):
        out.leave(place, line, WRONG_SHAPE)
        return
    found = ip_address(fields[0])
    leads_nowhere = found.is_unspecified or found.is_loopback
    for name in fields[1:]:
        for named in read_line(f"{fields[0]} {name}", ListFormat.HOSTS, MatchKind.EXACT):
            text = f"{fields[0]} {name}"
            if not leads_nowhere and named in (SkipReason.SUFFIX, SkipReason.PATTERN):
                out.add(place, text, LocalWish(name, fields[0]))
            elif isinstance(named, SkipReason):
                out.leave(place, text, why_skipped(named))
            elif not leads_nowhere:
                out.add(place, text, LocalWish(name, fields[0]))
            elif isinstance(named, ListedName):
                out.add(place, text, rule_for(named.name, named.match, allow=False))
