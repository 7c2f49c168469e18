"""Put the bundled data and a user's own lists together into one `Library`.

It holds everything that names are judged by, besides what a household decides itself: the index
over all lists, and what is known of categories, services, protected groups, engines and
signals.  Pure: the caller reads the files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from copdns import yaml_text
from copdns.errors import ListError
from copdns.lists.index import Index, ListKind
from copdns.lists.parse import Form, parse
from copdns.lists.shapes import (
    BypassShape,
    CatalogueShape,
    ProtectedShape,
    SafeSearchShape,
    ServicesShape,
    Shape,
)
from copdns.lists.shelf import Draft, ListStatus, shelve
from copdns.model import Contact, Match, Matcher

SAFE_SEARCH_TARGETS = "safe_search_targets"  # the protected group that is made from the engines
BYPASS = "bypass"  # as the category of a user's list: more ways round the filter
NO_SAFE_SEARCH = "no-safe-search"
SECURITY, CONTENT = "security", "content"  # the layers of a category

Read = Callable[[str], str]
AShape = TypeVar("AShape", bound=Shape)


@dataclass(frozen=True, slots=True)
class Category:
    """What lists are about.  layer: "security" or "content".  about: a sentence for parents."""

    slug: str
    title: str
    about: str
    layer: str


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
class ListSource:
    """A user's own list, as its file was read.

    format, match: as in the settings.  error: why there is no text; title: "" takes the slug.
    """

    slug: str
    category: str
    format: str
    match: str
    text: str = ""
    error: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Library:
    """Everything that names are judged by.  statuses: one for each list, by its number."""

    index: Index
    categories: Mapping[str, Category]
    services: Mapping[str, Service]
    protected: Mapping[str, ProtectedGroup]
    engines: Mapping[str, Engine]
    canaries: Mapping[str, Canary]
    statuses: tuple[ListStatus, ...]


def library(read: Read, extra: Sequence[ListSource] = ()) -> Library:
    """Return the library of the bundled files and a user's own lists.

    read: gives the text of a file below `blocklists/`.  Raises ConfigError or ListError for a
    bundled file that is broken; a broken list of the user's is a status with its error.
    """
    catalogue = _file(read, "catalogue.yaml", CatalogueShape)
    services = _file(read, "services.yaml", ServicesShape)
    protected = _file(read, "protected.yaml", ProtectedShape)
    safe_search = _file(read, "safesearch.yaml", SafeSearchShape)
    bypass = _file(read, "bypass.yaml", BypassShape)
    drafts = [
        *_protected_lists(protected, safe_search),
        *_canary_lists(bypass),
        *_starter_lists(catalogue, read),
        *_bypass_and_service_lists(bypass, services),
        _no_safe_search_list(safe_search),
    ]
    categories = {**_categories(catalogue), **_own_categories(catalogue, services, extra)}
    drafts += _own_lists(extra, categories, {draft.slug for draft in drafts})
    index, statuses = shelve(drafts)
    return Library(
        index=index,
        categories=categories,
        services=_services(services),
        protected=_protected_groups(protected),
        engines=_engines(safe_search),
        canaries=_canaries(bypass),
        statuses=statuses,
    )


def _file(read: Read, file: str, shape: type[AShape]) -> AShape:
    return yaml_text.read(read(file), f"blocklists/{file}", shape)


def _categories(file: CatalogueShape) -> dict[str, Category]:
    return {
        slug: Category(slug, each.title, each.about, each.layer)
        for slug, each in file.categories.items()
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
        SAFE_SEARCH_TARGETS, _TARGETS_TITLE, help=False, beats_time=False
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


_TARGETS_TITLE = "Hosts that safe search leads to"


def _protected_lists(file: ProtectedShape, safe_search: SafeSearchShape) -> Iterator[Draft]:
    for slug, group in file.groups.items():
        names = (each.name for each in group.names)
        yield _bundled(slug, ListKind.PROTECTED, slug, group.title, names)
    targets = _exact(name for each in safe_search.engines.values() for name in each.modes.values())
    slug = SAFE_SEARCH_TARGETS
    yield _bundled(slug, ListKind.PROTECTED, slug, _TARGETS_TITLE, targets)


def _canary_lists(file: BypassShape) -> Iterator[Draft]:
    for slug, each in file.canaries.items():
        # With all below: a client that is told "no such name" may take it for the whole subtree
        # (RFC 8020 section 2), so nothing below it may get another answer.
        names = map(Matcher, each.names)
        yield _bundled(f"canary-{slug}", ListKind.CANARY, slug, each.title, names)


def _starter_lists(file: CatalogueShape, read: Read) -> Iterator[Draft]:
    for each in file.lists:
        try:
            parsed = parse(read(each.file), each.format, Match(each.match))
        except ListError as error:
            raise ListError(f"blocklists/{each.file}: {error}") from None
        secures = file.categories[each.category].layer == SECURITY
        yield Draft(
            slug=each.slug,
            kind=ListKind.SECURITY if secures else ListKind.CATEGORY,
            subject=each.category,
            title=each.title,
            pairs=tuple(parsed.entries),
            unused=parsed.unused,
            problems=parsed.problems,
            licence=each.licence,
            maintainer=each.maintainer,
            report=each.report,
        )


def _bypass_and_service_lists(bypass: BypassShape, services: ServicesShape) -> Iterator[Draft]:
    names = (each.name for each in bypass.names)
    yield _bundled(BYPASS, ListKind.BYPASS, BYPASS, "Ways round the filter", names)
    for slug, each in services.services.items():
        yield _bundled(slug, ListKind.SERVICE, slug, each.title, each.names)


def _no_safe_search_list(file: SafeSearchShape) -> Draft:
    names = (each.name for each in file.no_safe_search)
    title = "Search sites without a safe mode"
    return _bundled(NO_SAFE_SEARCH, ListKind.NO_SAFE_SEARCH, NO_SAFE_SEARCH, title, names)


def _exact(names: Iterable[str]) -> Iterator[Matcher]:
    return (Matcher(name, Match.EXACT) for name in names)


def _bundled(
    slug: str, kind: ListKind, subject: str, title: str, names: Iterable[Matcher]
) -> Draft:
    return Draft(
        slug=slug,
        kind=kind,
        subject=subject,
        title=title,
        pairs=tuple((matcher, False) for matcher in dict.fromkeys(names)),
        licence="Apache-2.0",
        maintainer="copdns",
        report="the issue tracker of copdns",
    )


def _own_categories(
    catalogue: CatalogueShape, services: ServicesShape, sources: Iterable[ListSource]
) -> dict[str, Category]:
    """Return the categories that only a user's lists are about."""
    known = {*catalogue.categories, *services.services, BYPASS}
    return {
        slug: Category(slug, slug, "Lists of your own.", CONTENT)
        for slug in (source.category for source in sources)
        if slug not in known
    }


def _own_lists(
    sources: Iterable[ListSource], categories: Mapping[str, Category], taken: Collection[str]
) -> list[Draft]:
    drafts: list[Draft] = []
    for source in sources:
        error = source.error
        if source.slug in {*taken, *(draft.slug for draft in drafts)}:
            error = f"another list is called {source.slug} already; give this one another slug"
        elif source.category not in (*categories, BYPASS):
            error = f"{source.category} is a service; give this list a category of another name"
        drafts.append(_own_list(source, _own_kind(source, categories), error))
    return drafts


def _own_kind(source: ListSource, categories: Mapping[str, Category]) -> ListKind:
    if source.category == BYPASS:
        return ListKind.BYPASS
    category = categories.get(source.category)
    secures = category is not None and category.layer == SECURITY
    return ListKind.SECURITY if secures else ListKind.CATEGORY


def _own_list(source: ListSource, kind: ListKind, error: str) -> Draft:
    draft = Draft(source.slug, kind, source.category, source.title or source.slug, (), error=error)
    if error:
        return draft
    try:
        parsed = parse(source.text, Form(source.format), Match(source.match))
    except ListError as failure:
        return replace(draft, error=str(failure))
    return replace(
        draft, pairs=tuple(parsed.entries), unused=parsed.unused, problems=parsed.problems
    )
