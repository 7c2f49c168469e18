"""Categories, services, protected groups, search engines and signals, from the bundled files.

With the index over all lists (`drafts.py` says which those are) they make a `Catalogue`: all that
names are judged by, besides what a household decides itself.  Pure: the caller reads the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
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
from copdns.model.bypass_signs import SignKind
from copdns.model.household import Contact
from copdns.model.matchers import Matcher
from copdns.model.sentences import sentence

TIME_SERVERS = "os_time"  # the protected group of their names
SAFE_SEARCH_TARGETS = "safe_search_targets"  # the protected group that is made from the engines
TARGETS_TITLE = sentence("Sites used by safe search").text
BYPASS = "bypass"  # the category of lists of VPNs, proxies and other resolvers
SECURITY, CONTENT = "security", "content"  # the layers of a category

ReadText = Callable[[str], str]
AnyShape = TypeVar("AnyShape", bound=Shape)


@dataclass(frozen=True, slots=True)
class Category:
    """A category of lists.  layer: "security" or "content".  about: a sentence for parents.

    low_harm: if nobody answers an appeal in time, its name opens until somebody does.
    """

    slug: str
    title: str
    about: str
    layer: str
    low_harm: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service such as a video site.

    affects: by name, what else stops when that is blocked.  called: other spellings of its title.
    spares: names of `affects` that may stay allowed: what needs them works, and not the service.
    """

    slug: str
    title: str
    contact: Contact
    matchers: tuple[Matcher, ...]
    affects: Mapping[str, str]
    group: str
    called: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProtectedGroup:
    """Names that nothing may block.

    help: help names, whose look-ups leave no trace.  beats_time: no pause, schedule or budget
    closes them either.
    """

    slug: str
    title: str
    help: bool
    beats_time: bool
    is_recorded: bool = True
    names: tuple[Matcher, ...] = ()

    @property
    def is_untraced(self) -> bool:
        """Tell whether look-ups of its names leave no trace."""
        return self.help or not self.is_recorded


@dataclass(frozen=True, slots=True)
class Engine:
    """A search engine with a safe mode.

    hosts: these names alone are rewritten, none below them.  modes: by mode, the name whose
    addresses are answered.
    """

    id: str
    title: str
    hosts: frozenset[str]
    modes: Mapping[str, str]
    for_children: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Canary:
    """A signal to devices: while it is sent, these names and all below them do not exist."""

    id: str
    title: str
    about: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that names are judged by.

    statuses: one for each list, by the number of the list.
    unopened: help names that are safe from lists, but not protected until a person has opened them.
    bypass: bundled names of VPNs, proxies and resolvers; ways_round: what each of them is, by the
    name.  no_safe_search: of search engines without a safe mode.
    left_out: titles of services that are called as a list of the household's own.
    """

    index: Index
    categories: Mapping[str, Category]
    services: Mapping[str, Service]
    protected: Mapping[str, ProtectedGroup]
    engines: Mapping[str, Engine]
    canaries: Mapping[str, Canary]
    statuses: tuple[ListStatus, ...]
    unopened: frozenset[str] = frozenset()
    bypass: tuple[Matcher, ...] = ()
    no_safe_search: tuple[Matcher, ...] = ()
    ways_round: Mapping[str, SignKind] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def help_names(self) -> tuple[Matcher, ...]:
        """Return the names of the help groups, without those that nobody has opened yet."""
        groups = self.protected.values()
        names = (matcher for group in groups if group.help for matcher in group.names)
        return tuple(matcher for matcher in names if matcher.name not in self.unopened)

    @property
    def in_force(self) -> frozenset[str]:
        """Return the slugs of the lists that could be read."""
        return frozenset(each.info.slug for each in self.statuses if not each.error)


class BundledFiles(NamedTuple):
    """The bundled data files, validated against their shapes."""

    catalogue: CatalogueShape
    services: ServicesShape
    protected: ProtectedShape
    safe_search: SafeSearchShape
    bypass: BypassShape
    beacons: BeaconsShape


def read_files(read: ReadText) -> BundledFiles:
    """Return the bundled data files; raise ConfigError for one that is broken.

    read: returns the text of a file below `blocklists/`.
    """
    return BundledFiles(
        _read_file(read, "catalogue.yaml", CatalogueShape),
        _read_file(read, "services.yaml", ServicesShape),
        _read_file(read, "protected.yaml", ProtectedShape),
        _read_file(read, "safesearch.yaml", SafeSearchShape),
        _read_file(read, "bypass.yaml", BypassShape),
        _read_file(read, "beacons.yaml", BeaconsShape),
    )


def build_catalogue(
    found: BundledFiles,
    sources: Iterable[ListSource],
    index: Index,
    statuses: tuple[ListStatus, ...],
) -> Catalogue:
    """Return the catalogue of the data files and an index over all lists."""
    sources = tuple(sources)
    known = found.services.services
    found = without_taken_names(found, sources)
    kept = found.services.services
    return Catalogue(
        index=index,
        categories={**bundled_categories(found), **_own_categories(found, sources)},
        services=_services(found.services),
        protected=_protected_groups(found.protected),
        engines=_engines(found.safe_search),
        canaries=_canaries(found.bypass),
        statuses=statuses,
        unopened=frozenset(each.name.name for each in found.protected.unopened_names()),
        bypass=tuple(each.name for each in found.bypass.names),
        no_safe_search=tuple(each.name for each in found.safe_search.no_safe_search),
        ways_round={
            each.name.name: SignKind.RESOLVER if each.kind == "resolver" else SignKind.VPN
            for each in found.bypass.names
        },
        left_out=tuple(each.title for slug, each in known.items() if slug not in kept),
    )


def without_taken_names(found: BundledFiles, sources: Iterable[ListSource]) -> BundledFiles:
    """Return the files without services that are called as a list of the household's own.

    Newer facts may bring such a service, and a list that somebody made stays what it was.
    """
    own = (each for each in sources if each.keeps_name)
    taken = {name for each in own for name in (each.slug, each.category)}
    services = found.services.services
    if taken.isdisjoint(services):
        return found
    kept = {slug: each for slug, each in services.items() if slug not in taken}
    return found._replace(services=found.services.model_copy(update={"services": kept}))


def _read_file(read: ReadText, file: str, shape: type[AnyShape]) -> AnyShape:
    return yaml_text.read(read(file), f"blocklists/{file}", shape)


def bundled_categories(found: BundledFiles) -> dict[str, Category]:
    """Return the bundled categories, by slug."""
    return {
        slug: Category(slug, each.title, each.about, each.layer, each.low_harm)
        for slug, each in found.catalogue.categories.items()
    }


def _own_categories(found: BundledFiles, sources: Iterable[ListSource]) -> dict[str, Category]:
    """Return the categories that only a user's own lists have, by slug.

    One with the slug of a list has that list's title.
    """
    known = {*found.catalogue.categories, *found.services.services, BYPASS}
    sources = tuple(sources)
    titles = {each.slug: each.title for each in sources if each.slug == each.category}
    return {
        slug: Category(slug, titles.get(slug) or slug, "Lists of your own.", CONTENT)
        for slug in (source.category for source in sources)
        if slug not in known
    }


def _services(file: ServicesShape) -> dict[str, Service]:
    return {
        slug: Service(
            slug,
            each.title,
            each.contact,
            each.names,
            each.affects,
            each.group,
            each.called,
            each.spares,
        )
        for slug, each in file.services.items()
    }


def _protected_groups(file: ProtectedShape) -> dict[str, ProtectedGroup]:
    groups = {
        slug: ProtectedGroup(
            slug,
            each.title,
            each.help,
            each.beats_time,
            each.recorded,
            tuple(named.name for named in each.names),
        )
        for slug, each in file.groups.items()
    }
    # Safe search needs its targets whatever lists say; a schedule may close them.
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
