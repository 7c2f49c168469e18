"""Make the drafts of all lists, bundled, fetched and a user's own, and send them past the gate.

Generators yield each `Draft`, so that the text of a big list is released before the next one is
read.  Pure: the caller reads the files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from copdns.lists.catalogue import (
    BYPASS,
    SAFE_SEARCH_TARGETS,
    SECURITY,
    TARGETS_TITLE,
    BundledFiles,
    Catalogue,
    Category,
    ReadText,
    build_catalogue,
    bundled_categories,
    read_files,
    without_taken_names,
)
from copdns.lists.gate import Gate, GateRules, KnownMistake
from copdns.lists.index import ListKind
from copdns.lists.parse import ListFormat, parse_list
from copdns.lists.shapes import (
    BeaconsShape,
    BypassShape,
    CatalogueShape,
    InfrastructureShape,
    MistakesShape,
    ProtectedShape,
    SafeSearchShape,
    ServicesShape,
    TopShape,
)
from copdns.lists.small_index import Draft, build_index, names_of
from copdns.lists.source import ListSource
from copdns.model import yaml_text
from copdns.model.errors import ListError
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.sentences import sentence

NO_SAFE_SEARCH = "no-safe-search"
BEACONS = "beacons"
SERVICES_TITLE = "Services that belong to this category"

TextOf = Callable[[ListSource], str]


def build_small_catalogue(
    read: ReadText,
    sources: Sequence[ListSource] = (),
    text_of: TextOf | None = None,
    found: BundledFiles | None = None,
) -> Catalogue:
    """Return a catalogue whose index is built in memory: for small lists.

    The arguments are those of `read_files` and `all_drafts`.  found: the bundled files, where they
    were read already.  Raises ConfigError or ListError for a bundled file that is broken; a broken
    list of the user's is a status with its error.
    """
    found = found or read_files(read)
    drafts = list(all_drafts(found, read, sources, text_of))
    return build_catalogue(found, sources, *build_index(drafts))


def all_drafts(
    found: BundledFiles,
    read: ReadText,
    sources: Iterable[ListSource],
    text_of: TextOf | None = None,
) -> Iterator[Draft]:
    """Yield every list past the gate, the bundled ones first; raise ListError for a broken one.

    text_of: as for `added_drafts`.
    """
    sources = tuple(sources)
    found = without_taken_names(found, sources)
    taken = {each.slug for each in sources if each.keeps_name}
    bundled = [_give_free_slug(each, taken) for each in bundled_drafts(found, read)]
    gate = Gate(bundled, read_gate_rules(found, read))
    # `map` keeps no list, so that a big one is freed before the next one is read.
    return map(gate.let_through, chain(bundled, added_drafts(found, sources, text_of)))


def _give_free_slug(draft: Draft, taken: Collection[str]) -> Draft:
    """Return a protected group or a signal, which newer facts may bring, under a slug that no list
    of the household's own has."""
    slug = draft.slug
    while slug in taken and draft.kind in (ListKind.PROTECTED, ListKind.CANARY):
        slug = f"copdns-{slug}"
    return draft if slug == draft.slug else replace(draft, slug=slug)


def read_gate_rules(found: BundledFiles, read: ReadText) -> GateRules:
    """Return what the gate refuses; raise ConfigError for a broken file.

    Read here and not by `read_files`: a start with a compiled index needs none of it.
    """
    file = "infrastructure.yaml"
    groups = yaml_text.read(read(file), f"blocklists/{file}", InfrastructureShape).groups.values()
    file = "mistakes.yaml"
    mistakes = yaml_text.read(read(file), f"blocklists/{file}", MistakesShape).mistakes
    file = "top.yaml"
    top = yaml_text.read(read(file), f"blocklists/{file}", TopShape).groups.values()
    claims = {name: frozenset(by) for each in groups for name, by in each.claimed_by.items()}
    nobody: frozenset[str] = frozenset()
    return GateRules(
        whole={name: claims.get(name, nobody) for each in groups for name in each.all_whole()},
        below={name: claims.get(name, nobody) for each in groups for name in each.below},
        mistakes=tuple(KnownMistake(each.name, frozenset(each.not_in)) for each in mistakes),
        unopened=tuple(each.name for each in found.protected.unopened_names()),
        top={name: frozenset(each.not_in) for each in top for name in each.names},
    )


def bundled_drafts(found: BundledFiles, read: ReadText) -> Iterator[Draft]:
    """Yield the bundled lists, the protected ones first; raise ListError for a broken one."""
    yield from _protected_lists(found.protected, found.safe_search)
    yield from _canary_lists(found.bypass)
    yield from _starter_lists(found.catalogue, read)
    yield from _bypass_and_service_lists(found.bypass, found.services)
    yield from _lists_of_services(found.catalogue, found.services)
    yield _no_safe_search_list(found.safe_search)
    yield _beacon_list(found.beacons, found.services)


def _protected_lists(file: ProtectedShape, safe_search: SafeSearchShape) -> Iterator[Draft]:
    for slug, group in file.groups.items():
        opened = [each for each in group.names if not each.unopened]
        draft = _bundled_draft(
            slug, ListKind.PROTECTED, slug, group.title, (each.name for each in opened)
        )
        listable = (Matcher(name) for each in opened for name in each.but_not)
        yield replace(draft, allows=names_of(listable))
    targets = _exact(name for each in safe_search.engines.values() for name in each.modes.values())
    slug = SAFE_SEARCH_TARGETS
    yield _bundled_draft(slug, ListKind.PROTECTED, slug, TARGETS_TITLE, targets)


def _canary_lists(file: BypassShape) -> Iterator[Draft]:
    for slug, each in file.canaries.items():
        # As subtrees: NXDOMAIN for a name also denies all names below it (RFC 8020 section 2), so
        # those must get the same answer.
        names = map(Matcher, each.names)
        yield _bundled_draft(f"canary-{slug}", ListKind.CANARY, slug, each.title, names)


def _starter_lists(file: CatalogueShape, read: ReadText) -> Iterator[Draft]:
    for each in file.lists:
        try:
            parsed = parse_list(read(each.file), each.format, MatchKind(each.match))
        except ListError as error:
            raise ListError(f"blocklists/{each.file}: {error}") from None
        secures = file.categories[each.category].layer == SECURITY
        yield Draft(
            slug=each.slug,
            kind=ListKind.SECURITY if secures else ListKind.CATEGORY,
            subject=each.category,
            title=each.title,
            blocks=parsed.blocks,
            allows=parsed.allows,
            unused=parsed.unused,
            problems=parsed.problems,
            special=parsed.special,
            licence=each.licence,
            maintainer=each.maintainer,
            report=each.report,
        )


def _bypass_and_service_lists(bypass: BypassShape, services: ServicesShape) -> Iterator[Draft]:
    names = (each.name for each in bypass.names)
    yield _bundled_draft(BYPASS, ListKind.BYPASS, BYPASS, "Ways to get around the filter", names)
    for slug, each in services.services.items():
        yield _bundled_draft(slug, ListKind.SERVICE, slug, each.title, each.names)


def _lists_of_services(file: CatalogueShape, services: ServicesShape) -> Iterator[Draft]:
    """Yield a list of each category that has groups of services, with the names of all of them."""
    for category, each in file.categories.items():
        if each.services:
            names = (
                name
                for service in services.services.values()
                if service.group in each.services
                for name in service.names
            )
            slug = services_slug(category)
            yield _bundled_draft(slug, ListKind.CATEGORY, category, SERVICES_TITLE, names)


def services_slug(category: str) -> str:
    """Return the slug of the list of a category's services."""
    return f"services-{category}"


def _no_safe_search_list(file: SafeSearchShape) -> Draft:
    names = (each.name for each in file.no_safe_search)
    title = sentence("Search engines without safe search").text
    return _bundled_draft(NO_SAFE_SEARCH, ListKind.NO_SAFE_SEARCH, NO_SAFE_SEARCH, title, names)


def _beacon_list(file: BeaconsShape, services: ServicesShape) -> Draft:
    """Return one list of all beacons, of groups and of services."""
    names = [name for each in file.groups.values() for name in each.names]
    names += [name for each in services.services.values() for name in each.beacons]
    title = sentence("Sites that devices open automatically in the background").text
    return _bundled_draft(BEACONS, ListKind.BEACON, BEACONS, title, names)


def _exact(names: Iterable[str]) -> Iterator[Matcher]:
    return (Matcher(name, MatchKind.EXACT) for name in names)


def _bundled_draft(
    slug: str, kind: ListKind, subject: str, title: str, names: Iterable[Matcher]
) -> Draft:
    return Draft(
        slug=slug,
        kind=kind,
        subject=subject,
        title=title,
        blocks=names_of(names),
        licence="Apache-2.0",
        maintainer="copdns",
        report="the people who make copdns",
    )


def added_drafts(
    found: BundledFiles, sources: Iterable[ListSource], text_of: TextOf | None = None
) -> Iterator[Draft]:
    """Yield the lists that were added to the bundled ones, in their order.

    text_of: reads the text of a source from disk, and may raise ListError; None: each source has
    its text.
    """
    sources = tuple(sources)
    known = bundled_categories(found)
    named = (*found.protected.groups, *(f"canary-{each}" for each in found.bypass.canaries))
    kept = {each.slug for each in sources if each.keeps_name}
    taken = _bundled_slugs(found) - kept.intersection(named)
    for source in sources:
        draft = Draft(
            source.slug,
            _kind_of(source, found, known),
            source.category,
            source.title or source.slug,
            error=_placement_error(source, found, taken) or source.error,
            licence=source.licence,
            maintainer=source.maintainer,
            report=source.report,
            opens=source.opens,
        )
        yield draft if draft.error else _with_names(draft, source, text_of)
        taken.add(source.slug)


def _bundled_slugs(found: BundledFiles) -> set[str]:
    lists = (each.slug for each in found.catalogue.lists)
    canaries = (f"canary-{slug}" for slug in found.bypass.canaries)
    groups = found.protected.groups
    ours = SAFE_SEARCH_TARGETS, BYPASS, NO_SAFE_SEARCH, BEACONS
    of_services = (
        services_slug(slug) for slug, each in found.catalogue.categories.items() if each.services
    )
    return {*ours, *groups, *canaries, *lists, *of_services, *found.services.services}


def _placement_error(source: ListSource, found: BundledFiles, taken: Collection[str]) -> str:
    """Return why a source cannot be one of the lists, or ""."""
    if source.slug in taken:
        return f"another list is already called {source.slug}; give this one another slug"
    if source.category in found.services.services and not source.is_catalogued:
        return f"{source.category} is the name of a service; choose another category for this list"
    category = bundled_categories(found).get(source.category)
    if source.opens and category is not None and category.layer == SECURITY:
        return (
            f"no list opens what is listed as {source.category}; write an allow rule that says so "
            "(over_security) for each domain"
        )
    return ""


def _kind_of(source: ListSource, found: BundledFiles, known: Mapping[str, Category]) -> ListKind:
    if source.category == BYPASS:
        return ListKind.BYPASS
    if source.category in found.services.services and source.is_catalogued:
        return ListKind.SERVICE
    category = known.get(source.category)
    secures = category is not None and category.layer == SECURITY
    return ListKind.SECURITY if secures else ListKind.CATEGORY


def _with_names(draft: Draft, source: ListSource, text_of: TextOf | None) -> Draft:
    try:
        text = source.text if text_of is None else text_of(source)
        parsed = parse_list(text, ListFormat(source.format), MatchKind(source.match))
    except ListError as failure:
        return replace(draft, error=str(failure))
    if draft.opens:  # `@@` before a rule says the same there
        names = (parsed.allows, parsed.blocks)
        allows = names_of(Matcher(*pair) for each in names for pair in each.items())
        parsed = replace(parsed, blocks={}, allows=allows, special=parsed.special.as_exceptions())
    return replace(
        draft,
        blocks=parsed.blocks,
        allows=parsed.allows,
        unused=parsed.unused,
        problems=parsed.problems,
        special=parsed.special,
    )
