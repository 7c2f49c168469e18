"""Write a zone of rules (RPZ) for unbound: what holds for everybody holds for responses, too.

dnsdist looks at the name that is asked for.  Where a CNAME record leads from it to another one,
only the resolver sees that.  It knows no subscriber, so this is for a layer that nobody lifts: the
law.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from copdns.model.names import from_wire
from copdns.provider.plane.name_sets import HELP, PROTECTED, NameSet, compile_names, sets_by_part
from copdns.provider.plane.snapshot import Layer, ListedNames

_HEAD: Final = """$TTL 60
@ SOA localhost. nobody.invalid. 1 3600 600 86400 60
@ NS localhost."""
_NO_SUCH_NAME: Final = "CNAME ."
_PASS: Final = "CNAME rpz-passthru."  # noqa: S105 - no secret


def response_zone(listed: ListedNames, layers: frozenset[Layer] = frozenset({Layer.LAW})) -> str:
    """Return the zone: names on lists of these layers do not exist, what is protected passes."""
    lists = tuple(each for each in listed.lists if each.layer in layers)
    slugs = frozenset(each.slug for each in lists)
    # Others have no say in it, and a million of their names would take seconds.
    return "\n".join([_HEAD, *_rules(ListedNames(lists, listed.special), slugs)]) + "\n"


def _rules(listed: ListedNames, slugs: frozenset[str]) -> Iterator[str]:
    for wire, value in sorted(compile_names(listed).items()):
        name = from_wire(wire)
        for owner, names in zip((name, f"*.{name}"), sets_by_part(value), strict=True):
            if action := _action(names, slugs):
                yield f"{owner} {action}"


def _action(names: NameSet, slugs: frozenset[str]) -> str:
    if names & {HELP, PROTECTED}:
        return _PASS
    return _NO_SUCH_NAME if names & slugs else ""
