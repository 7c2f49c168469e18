"""Choose which lists of other people are used: those that households need and the machine has
memory for.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from copdns.lists.catalogue import BYPASS, SECURITY, BundledFiles, Catalogue
from copdns.lists.download import MIB
from copdns.lists.parse import ListFormat
from copdns.lists.source import Source, sources_of
from copdns.model.household import Contact, Household, Profile
from copdns.model.matchers import MatchKind
from copdns.model.times import Topic
from copdns.policy.guest import guest_profile
from copdns.settings.config import AUTO, OwnSource, SourceSettings

NAMES_PER_MIB = 2000  # of memory: lists are compiled while the server runs


@dataclass(frozen=True, slots=True)
class ChosenLists:
    """The lists that are used.

    sources: those to fetch.  own: slugs of those that the settings define.
    too_large: those left out, because all together have more than max_names.
    unknown: slugs in the settings that no list has.  max_names: the bound that was applied.
    """

    sources: tuple[Source, ...] = ()
    own: frozenset[str] = frozenset()
    too_large: tuple[Source, ...] = ()
    unknown: tuple[str, ...] = ()
    max_names: int = 0

    def missing_categories(self, catalogue: Catalogue) -> frozenset[str]:
        """Return the categories of which a chosen list is not in force."""
        here = catalogue.in_force
        return frozenset(each.category for each in self.sources if each.slug not in here)


def choose(
    catalogue: Iterable[Source],
    own: Sequence[Source],
    wanted: Collection[str],
    needed: Collection[str],
    max_names: int,
    known: Mapping[str, int],
) -> ChosenLists:
    """Return the lists that are used.

    own: always wanted; each replaces a list of the catalogue with the same slug.
    wanted: slugs, and AUTO for the default lists of what is needed.
    needed: categories and services.
    known: the real number of names of a list, by slug; else the number its source states counts.
    """
    by_slug = {each.slug: each for each in catalogue}
    used = {slug: each for slug, each in by_slug.items() if _is_wanted(each, wanted, needed)}
    used |= {each.slug: each for each in own}
    sizes = {slug: known.get(slug) or each.names for slug, each in used.items()}
    fitting = _choose_fitting(sizes, max_names)
    return ChosenLists(
        sources=tuple(each for slug, each in used.items() if slug in fitting),
        own=frozenset(each.slug for each in own),
        too_large=tuple(each for slug, each in used.items() if slug not in fitting),
        unknown=tuple(sorted({*wanted} - {*by_slug, *used, AUTO})),
        max_names=max_names,
    )


def _is_wanted(source: Source, wanted: Collection[str], needed: Collection[str]) -> bool:
    by_itself = AUTO in wanted and source.default and source.category in needed
    return by_itself or source.slug in wanted


def _choose_fitting(sizes: Mapping[str, int], room: int) -> set[str]:
    """Return the slugs of the lists that fit; the smallest go first, so that many fit."""
    fitting = set()
    for slug, size in sorted(sizes.items(), key=lambda pair: pair[1]):
        if size <= room:
            fitting.add(slug)
            room -= size
    return fitting


def _own_source(own: OwnSource) -> Source:
    return Source(
        slug=own.slug,
        title=own.title or own.slug,
        category=own.category,
        url=own.url,
        format=ListFormat(own.format),
        match=MatchKind(own.match),
        licence=own.licence,
        maintainer=own.maintainer,
        homepage=own.homepage,
        report=own.report,
        names=own.names,
        default=True,
        about="",
        member=own.member,
        opens=own.opens,
    )


@dataclass(frozen=True, slots=True)
class AvailableLists:
    """The bundled data that lists are chosen by.

    sources: all of the catalogue.  security: the categories that `security` of a profile blocks.
    contacts: the kind of contact of each service, by its slug.
    """

    sources: tuple[Source, ...]
    security: frozenset[str]
    contacts: Mapping[str, Contact]


def available_lists(found: BundledFiles) -> AvailableLists:
    """Return the lists that can be chosen, from the bundled files."""
    shipped = found.catalogue.categories.items()
    return AvailableLists(
        sources_of(found.catalogue),
        frozenset(slug for slug, each in shipped if each.layer == SECURITY),
        {slug: each.contact for slug, each in found.services.services.items()},
    )


def choose_for(
    settings: SourceSettings,
    offered: AvailableLists,
    households: Iterable[Household],
    memory: int,
    known: Mapping[str, int],
) -> ChosenLists:
    """Return the lists that a machine uses.  memory: octets.  known: as for `choose`."""
    return choose(
        offered.sources,
        tuple(map(_own_source, settings.own)),
        settings.chosen_names,
        needed_subjects(households, offered),
        settings.max_names or memory // MIB * NAMES_PER_MIB,
        known,
    )


def needed_subjects(households: Iterable[Household], offered: AvailableLists) -> frozenset[str]:
    """Return the categories, services and BYPASS that a profile blocks or a time setting names."""
    households = tuple(households)
    profiles = [profile for each in households for profile in _profiles(each)]
    needed = {each.slug for household in households for each in _time_topics(household)}
    contacts: set[Contact] = set()
    for each in profiles:
        needed |= each.categories | each.services
        contacts |= each.contacts
    needed |= {slug for slug, kind in offered.contacts.items() if kind in contacts}
    needed |= offered.security if any(each.security for each in profiles) else set()
    needed |= {BYPASS} if any(each.bypass for each in profiles) else set()
    return frozenset(needed)


def _time_topics(household: Household) -> Iterator[Topic]:
    """Yield the topics of the time settings of a household."""
    about = [each.about for each in household.schedules]
    about += [each.about for each in household.budgets]
    about += [open_ for each in household.profiles for open_ in (each.always, each.homework)]
    for subjects in about:
        yield from (each for each in subjects if isinstance(each, Topic))


def _profiles(household: Household) -> Iterator[Profile]:
    yield from household.profiles
    if not household.guest:
        yield guest_profile()


def missing_message(absent: Sequence[str], of: int, uncompiled: Sequence[str] = ()) -> str:
    """Return a message that lists are missing; "" where none is.

    absent: slugs of chosen lists that are not here.  of: how many were chosen.
    uncompiled: slugs of those that are here but not in force.
    """
    parts = [
        _few_text(absent, of, "not downloaded yet"),
        _few_text(uncompiled, of, "downloaded but not ready yet"),
    ]
    return f"not fully protected yet: {'; '.join(filter(None, parts))}" if any(parts) else ""


def _few_text(slugs: Sequence[str], of: int, how: str) -> str:
    if not slugs:
        return ""
    few = ", ".join(slugs[:5]) + (" ..." if len(slugs) > 5 else "")
    verb = "is" if len(slugs) == 1 else "are"
    return f"{len(slugs)} of {of} lists {verb} {how} ({few})"
