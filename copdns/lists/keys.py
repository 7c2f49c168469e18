"""Names that a household cannot protect: what it protects is a school, not a key.

A protected name wins over blocked services, bypass prevention and lists.  So one guardian could
free a service, a search engine or a VPN from what the other blocks, and a top-level domain or
another public suffix would free everything.  What counts is the bundled data: a list that is
downloaded may name a school by mistake.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from copdns.lists.catalogue import Catalogue
from copdns.lists.index import ListKind, find_shown
from copdns.model.broad_names import is_broad
from copdns.model.matchers import Matcher, MatchKind


class KeyKind(StrEnum):
    """What a name opens, so that no household can protect it."""

    TOP = "top"  # everybody's sites end in it
    SERVICE = "service"
    ENGINE = "engine"
    BYPASS = "bypass"


def find_key(name: str, library: Catalogue) -> KeyKind | None:
    """Return what a name in normal form opens; None for one that a household can protect.

    A name below one of a service counts as the service's, and so does one above it.
    """
    if "." not in name or is_broad(name):
        return KeyKind.TOP
    if _meets(name, (one for each in library.services.values() for one in each.matchers)):
        return KeyKind.SERVICE
    hosts = (Matcher(host, MatchKind.EXACT) for e in library.engines.values() for host in e.hosts)
    if _meets(name, hosts) or _meets(name, library.no_safe_search):
        return KeyKind.ENGINE
    return KeyKind.BYPASS if _meets(name, library.bypass) else None


def find_new_key(name: str, library: Catalogue) -> KeyKind | None:
    """Return the same for a name that somebody wants to protect now.

    Downloaded lists of VPNs and proxies count too: an allow rule is enough for a mistake of theirs.
    """
    found = find_key(name, library)
    if found is not None:
        return found
    entries = find_shown(library.index, name)
    listed = any(each.info.kind is ListKind.BYPASS and not each.entry.allow for each in entries)
    return KeyKind.BYPASS if listed else None


def _meets(name: str, matchers: Iterable[Matcher]) -> bool:
    """Tell whether a name is covered by one of these, or has one of their names at or below it."""
    end = f".{name}"
    return any(
        each.covers(name) or each.name == name or each.name.endswith(end) for each in matchers
    )
