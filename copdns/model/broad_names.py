"""Names that no household may answer itself or send to resolvers of its own.

Everybody's sites lie below the root, a top-level domain or another public suffix (such as co.uk or
github.io).  Whoever answers or receives the queries for all of them sees everything and can change
everything, and a child could not tell.  Private zones (lan, home.arpa, internal ...) and reverse
zones are no such names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from typing import NamedTuple

from copdns.model.household import Household
from copdns.model.names import normalize

_PRIVATE = ("home.arpa", "in-addr.arpa", "ip6.arpa")  # public suffixes by the list, but local


def is_broad(name: str) -> bool:
    """Tell whether a name, in normal form, is the root or a listed public suffix."""
    return bool(_broad(frozenset((name,))))


def broad_names(household: Household) -> frozenset[str]:
    """Return which of the names that a household answers or forwards are too broad.

    An older household, or a file, may have some; they have no effect.
    """
    return _broad(frozenset(_names(household)))


def listed_suffixes() -> Iterator[str]:
    """Yield the public suffixes, in normal form; of a pattern of them what stands above it."""
    for line in _list_text().split("\n"):
        name = line.strip().removeprefix("*.")
        if name and not name.startswith(("//", "!")):
            yield name if name.isascii() else normalize(name)


class AnsweredSite(NamedTuple):
    """A public site that a household answers itself.  name: as written.  place: where it leads."""

    name: str
    place: tuple[str, ...]


def answered_sites(household: Household) -> tuple[AnsweredSite, ...]:
    """Return the public sites that a household leads elsewhere by a local name or a rewrite."""
    broad = broad_names(household)
    ways = [(each.domain, each.name, each.addresses) for each in household.local_names]
    ways += [(each.matcher.name, str(each.matcher), (each.target,)) for each in household.rewrites]
    return tuple(
        AnsweredSite(written, place)
        for name, written, place in ways
        if is_public(name) and name not in broad
    )


def _names(household: Household) -> Iterable[str]:
    yield from (each.domain for each in household.local_names)
    yield from (each.matcher.name for each in household.rewrites)
    yield from (each.name for each in household.split_upstreams)


@lru_cache(maxsize=256)
def is_public(name: str) -> bool:
    """Tell whether a name, in normal form, can be a site on the internet.

    It is none below a private zone (home.arpa), a reverse zone, or a top-level domain that the
    Public Suffix List does not have, as lan, internal and home; and none with a single label.
    """
    if "." not in name or any(name == each or name.endswith(f".{each}") for each in _PRIVATE):
        return False
    top = name.rpartition(".")[2]
    text = _list_text()
    return not text or top.startswith("xn--") or f"\n{top}\n" in text or f".{top}\n" in text


@lru_cache(maxsize=64)
def _broad(names: frozenset[str]) -> frozenset[str]:
    candidates = {each for each in names if not each or _may_be_listed(each)}.difference(_PRIVATE)
    if not candidates:
        return frozenset()
    # Imported here and not kept: the list takes 5 MB, and hardly any household has such names.
    from publicsuffixlist import PublicSuffixList

    suffixes = PublicSuffixList(accept_unknown=False)
    return frozenset(name for name in candidates if not name or suffixes.publicsuffix(name) == name)


def _may_be_listed(name: str) -> bool:
    """Tell whether a name may be on the list, without making an object of each of its lines.

    To look into the text takes a hundredth of the time, and nearly all names end here.
    """
    if "xn--" in name:
        return True  # the list has it in letters
    text, above = _list_text(), name.partition(".")[2]
    return not text or f"\n{name}\n" in text or f"\n*.{above}\n" in text


def _list_text() -> str:
    """Return the Public Suffix List; "" where it is no file."""
    spec = find_spec("publicsuffixlist")
    if spec is None or not isinstance(spec.loader, SourceFileLoader) or not spec.origin:
        return ""
    folder = spec.origin.rpartition("/")[0]
    return spec.loader.get_data(f"{folder}/public_suffix_list.dat").decode()
