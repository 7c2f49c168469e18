"""What is known of categories, services, protected groups, engines and signals.

Together with the index over all lists (`drafts.py` says which those are) it makes a `Library`:
everything that names are judged by, besides what a household decides itself.  Pure: the caller
reads the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from copdns.lists.index import Index
from copdns.lists.shapes import (
    BeaconsShape,
    BypassShape,
    CatalogueShape,
    ProtectedShape,
    SafeSearchShape,
    ServicesShape,
    Shape,
)
from copdns.lists.small_index import ListStatus
from copdns.lists.source import ListSource
from copdns.model import yaml_text
from copdns.model.household import Contact
from copdns.model.matchers import Matcher

SAFE_SEARCH_TARGETS = "safe_search_targets"  # the protected group that is made from the engines
TARGETS_TITLE = "Hosts used by safe search"
BYPASS = "bypass"  # as the category of a user's list: more ways round the filter
SECURITY, CONTENT = "security", "content"  # the layers of a category

Read = Callable[[str], str]
AShape = TypeVar("AShape", bound=Shape)


@dataclass(frozen=True, slots=True)
class Category:
    """What lists are about.  layer: "security" or "content".  about: a sentence for parents.

    low_harm: a name of it opens when nobody answered an appeal in time, until somebody does.
    """

    slug: str
    title: str
    about: str
    layer: str
    low_harm: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """What people know by a name.  affects: a name to what else stops when it is blocked."""

    slug: str
    title: str
    contact: Contact
    matchers: tuple[Matcher, ...]
    affects: Mapping[str, str]
    group: str


@dataclass(frozen=True, slots=True)
class ProtectedGroup:
    """Names that nothing may block.

    help: look-ups leave no trace.  beats_time: wins over pause, schedules and budgets too.
    """

    slug: str
    title: str
    help: bool
    beats_time: bool


@dataclass(frozen=True, slots=True)
class Engine:
    """A search engine with a safe mode.

    hosts: exactly these are rewritten.  modes: the mode to the name whose data is given.
    """

    id: str
    title: str
    hosts: frozenset[str]
    modes: Mapping[str, str]
    for_children: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Canary:
    """A signal to devices.  names: these, and all below, do not exist where it is sent."""

    id: str
    title: str
    about: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that names are judged by.  statuses: one for each list, by its number."""

    index: Index
    categories: Mapping[str, Category]
    services: Mapping[str, Service]
    protected: Mapping[str, ProtectedGroup]
    engines: Mapping[str, Engine]
    canaries: Mapping[str, Canary]
    statuses: tuple[ListStatus, ...]

    @property
    def in_force(self) -> frozenset[str]:
        """The slugs of the lists that could be read."""
        return frozenset(each.info.slug for each in self.statuses if not each.error)


class Files(NamedTuple):
    """The bundled data files, as they are written."""

    catalogue: CatalogueShape
    services: ServicesShape
    protected: ProtectedShape
    safe_search: SafeSearchShape
    bypass: BypassShape
    beacons: BeaconsShape


def files(read: Read) -> Files:
    """Return the bundled data files; raise ConfigError for one that is broken.

    read: gives the text of a file below `blocklists/`.
    """
    return Files(
        _file(read, "catalogue.yaml", CatalogueShape),
        _file(read, "services.yaml", ServicesShape),
        _file(read, "protected.yaml", ProtectedShape),
        _file(read, "safesearch.yaml", SafeSearchShape),
        _file(read, "bypass.yaml", BypassShape),
        _file(read, "beacons.yaml", BeaconsShape),
    )


def assembled(
    found: Files,
    sources: Iterable[ListSource],
    index: Index,
    statuses: tuple[ListStatus, ...],
) -> Catalogue:
    """Return the library of the data files and an index over all lists, made elsewhere."""
    return Catalogue(
        index=index,
        categories={**categories(found), **_own_categories(found, sources)},
        services=_services(found.services),
        protected=_protected_groups(found.protected),
        engines=_engines(found.safe_search),
        canaries=_canaries(found.bypass),
        statuses=statuses,
    )


def _file(read: Read, file: str, shape: type[AShape]) -> AShape:
    return yaml_text.read(read(file), f"blocklists/{file}", shape)


def categories(found: Files) -> dict[str, Category]:
    """Return the categories that ship."""
    return {
        slug: Category(slug, each.title, each.about, each.layer, each.low_harm)
        for slug, each in found.catalogue.categories.items()
    }


def _own_categories(found: Files, sources: Iterable[ListSource]) -> dict[str, Category]:
    """Return the categories that only a user's lists are about."""
    known = {*found.catalogue.categories, *found.services.services, BYPASS}
    return {
        slug: Category(slug, slug, "Lists of your own.", CONTENT)
        for slug in (source.category for source in sources)
        if slug not in known
    }


def _services(file: ServicesShape) -> dict[str, Service]:
    return {
        slug: Service(slug, each.title, each.contact, each.names, each.affects, each.group)
        for slug, each in file.services.items()
    }


def _protected_groups(file: ProtectedShape) -> dict[str, ProtectedGroup]:
    groups = {
        slug: ProtectedGroup(slug, each.title, each.help, each.beats_time)
        for slug, each in file.groups.items()
    }
    # Safe search needs its targets against lists; at bedtime nobody searches.
    groups[SAFE_SEARCH_TARGETS] = ProtectedGroup(
        SAFE_SEARCH_TARGETS, TARGETS_TITLE, help=False, beats_time=False
    )
    return groups


def _engines(file: SafeSearchShape) -> dict[str, Engine]:
    return {
        slug: Engine(slug, each.title, each.all_hosts(), each.modes, each.for_children, each.note)
        for slug, each in file.engines.items()
    }


def _canaries(file: BypassShape) -> dict[str, Canary]:
    return {
        slug: Canary(slug, each.title, each.about, frozenset(each.names))
        for slug, each in file.canaries.items()
    }
