"""Read the bundled data and the user's own lists from disk into a `Catalogue`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from functools import cache, lru_cache
from ipaddress import ip_network
from itertools import chain

from copdns.household.check import KnownIds
from copdns.household.presets import Preset, preset
from copdns.list_files.facts import SHIPPED, Facts
from copdns.list_files.list_text import read_text
from copdns.list_files.resources import find_folder, read_bundled
from copdns.lists.catalogue import BundledFiles, Catalogue, read_files
from copdns.lists.drafts import build_small_catalogue
from copdns.lists.index import ListKind
from copdns.lists.keys import find_key, find_new_key
from copdns.lists.shapes import (
    DiscreetShape,
    InfrastructureShape,
    KnownResolverShape,
    ResolversShape,
    ScoresShape,
)
from copdns.lists.source import ListSource
from copdns.model import yaml_text
from copdns.model.addresses import Network, UpstreamAddress
from copdns.model.household import Band, Contact
from copdns.model.matchers import Matcher
from copdns.settings.config import ListFile

# The kinds of lists that a schedule, a budget or a permission can be about.
SUBJECT_KINDS = frozenset({ListKind.CATEGORY, ListKind.SERVICE, ListKind.BYPASS})


def load_catalogue(sources: Sequence[ListSource], facts: Facts = SHIPPED) -> Catalogue:
    """Return the catalogue with its index built in memory: for small lists.

    A list that cannot be read has the error in its status.
    """
    return build_small_catalogue(facts.read, sources, read_text, files_of(facts))


def bundled_text(file: str) -> str:
    """Return the text of a file below `blocklists/`; raise ListError."""
    return read_bundled("blocklists", file)


@lru_cache(maxsize=1)
def bundled_files() -> BundledFiles:
    """Return the bundled data files, read once; raise ConfigError or ListError.

    A server calls `bundled_files.cache_clear()` when its lists are in force, to free 2 MB.
    """
    return read_files(bundled_text)


def files_of(facts: Facts) -> BundledFiles:
    """Return the data files with these facts; raise ConfigError or ListError."""
    return read_files(facts.read) if facts.digest else bundled_files()


def own_sources(lists: Iterable[ListFile]) -> tuple[ListSource, ...]:
    """Return the user's own lists, without reading them."""
    return tuple(
        ListSource(
            *(each.slug, each.category, each.format, each.match),
            path=each.path,
            opens=each.opens,
            keeps_name=is_free_name(each.slug, each.category),
        )
        for each in lists
    )


def is_free_name(slug: str, category: str) -> bool:
    """Tell whether nothing that ships is called as a list or its category: if newer facts have
    something of that name, it comes later than the list."""
    return _shipped_names().isdisjoint((slug, category))


@cache
def _shipped_names() -> frozenset[str]:
    found = bundled_files()
    signals = (f"canary-{each}" for each in found.bypass.canaries)
    return frozenset((*found.services.services, *found.protected.groups, *signals))


@cache
def bundled_presets() -> dict[Band, Preset]:
    """Return the bundled preset of each band; raise ConfigError for a broken file."""
    presets = {}
    for path in sorted((find_folder("config") / "presets").glob("*.yaml")):
        found = preset(path.read_text(encoding="utf-8"), str(path))
        presets[found.band] = found
    return presets


@cache
def catalogue_slugs() -> frozenset[str]:
    """Return the slugs of all lists of the catalogue, fetched or not."""
    return frozenset(each.slug for each in bundled_files().catalogue.sources)


@cache
def discreet_names() -> frozenset[str]:
    """Return the names that guardians see masked, as "other" (`privacy/masked_names.py`)."""
    file = "discreet.yaml"
    found = yaml_text.read(bundled_text(file), f"blocklists/{file}", DiscreetShape)
    return frozenset(name for names in found.groups.values() for name in names)


@cache
def _resolvers() -> ResolversShape:
    file = "resolvers.yaml"
    return yaml_text.read(bundled_text(file), f"blocklists/{file}", ResolversShape)


@cache
def measured_scores() -> ScoresShape:
    """Return how lists of the catalogue did when they were measured for copdns."""
    file = "scores.yaml"
    return yaml_text.read(bundled_text(file), f"blocklists/{file}", ScoresShape)


def known_resolvers() -> tuple[KnownResolverShape, ...]:
    """Return the public resolvers that a household can choose."""
    return _resolvers().known


def is_known_to_filter(upstream: UpstreamAddress) -> bool:
    """Tell whether an upstream is a public resolver that blocks some names of its own accord."""
    return not {upstream.host, upstream.name}.isdisjoint(filtering_resolvers())


@cache
def filtering_resolvers() -> frozenset[str]:
    """Return addresses and names of public resolvers that are known to filter."""
    found = _resolvers()
    return frozenset(text for each in found.filtering for text in (*each.names, *each.addresses))


@cache
def resolver_networks() -> frozenset[Network]:
    """Return the networks of all public resolvers that are known; most are single addresses."""
    found = _resolvers()
    texts = [each.addresses for each in found.filtering]
    texts += [each.addresses for each in found.known]
    texts += [each.addresses for each in found.public]
    return frozenset(map(ip_network, chain.from_iterable(texts)))


@lru_cache(maxsize=1)
def _needed_names(facts: Facts) -> frozenset[str]:
    file = "infrastructure.yaml"
    shape = yaml_text.read(facts.read(file), f"blocklists/{file}", InfrastructureShape)
    return shape.needed_names()


def find_needed_name(about: Matcher, facts: Facts) -> str:
    """Return a name that many sites need and that a rule about this blocks; "" for none.

    The shortest one where there are several.  Slow at the first call.
    """
    blocked = filter(about.covers, _needed_names(facts))
    return min(blocked, key=lambda name: (len(name), name), default="")


def _is_protected(found: Catalogue, protected: Container[int], name: str) -> bool:
    entries = [each for each in found.index.find(name) if each.list in protected]
    return bool(entries) and not any(each.allow for each in entries)


def known_ids(found: Catalogue) -> KnownIds:
    """Return the ids and slugs that a household may refer to."""
    infos = found.index.infos
    protected = {info.number for info in infos if info.kind is ListKind.PROTECTED}
    strong = {each.slug for each in found.protected.values() if each.beats_time}
    beats_time = {number for number in protected if infos[number].subject in strong}
    return KnownIds(
        categories=frozenset(found.categories),
        services=frozenset(found.services),
        meeting=frozenset(
            slug for slug, each in found.services.items() if each.contact is not Contact.NONE
        ),
        engines={each.id: frozenset(each.modes) for each in found.engines.values()},
        canaries=frozenset(found.canaries),
        lists=lambda: (
            catalogue_slugs() | {each.slug for each in infos if each.kind in SUBJECT_KINDS}
        ),
        protected=lambda name: _is_protected(found, protected, name),
        beats_time=lambda name: _is_protected(found, beats_time, name),
        key=lambda name: find_new_key(name, found) or "",
        has_effect=lambda name: find_key(name, found) is None,
        presets=bundled_presets(),
    )
