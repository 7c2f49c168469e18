"""Choose which lists of other people are used: what the household needs, and the machine can
carry.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from copdns.config import AUTO, OwnSource, SourceSettings
from copdns.lists.catalogue import BYPASS, SECURITY, Catalogue, Files
from copdns.lists.download import MIB
from copdns.lists.parse import ListFormat
from copdns.lists.source import Source, sources_of
from copdns.model.household import Contact, Household, Profile
from copdns.model.matchers import Match
from copdns.model.times import Topic
from copdns.policy.snapshot import guest_profile

NAMES_PER_MIB = 2000  # of a machine's memory, while all of them are compiled beside the answering


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is used.

    sources: those to fetch.  own: which of them the settings brought, by slug.
    too_large: those that would be fetched if memory were larger.
    unknown: names in the settings that no list has.  max_names: the bound that held.
    """

    sources: tuple[Source, ...] = ()
    own: frozenset[str] = frozenset()
    too_large: tuple[Source, ...] = ()
    unknown: tuple[str, ...] = ()
    max_names: int = 0

    def missing_categories(self, library: Catalogue) -> frozenset[str]:
        """Return the categories of which a chosen list is not in force."""
        here = library.in_force
        return frozenset(each.category for each in self.sources if each.slug not in here)


def choose(
    catalogue: Iterable[Source],
    own: Sequence[Source],
    wanted: Collection[str],
    needed: Collection[str],
    max_names: int,
    known: Mapping[str, int],
) -> Chosen:
    """Return which lists are used.

    own: always wanted; one takes the place of the catalogue's of the same name.
    wanted: slugs, AUTO among them for those of what is needed.  needed: categories and services.
    known: how many names a list has for sure, by slug; else its source's word counts.
    """
    offered = {each.slug: each for each in catalogue}
    used = {slug: each for slug, each in offered.items() if _is_wanted(each, wanted, needed)}
    used |= {each.slug: each for each in own}
    sizes = {slug: known.get(slug) or each.names for slug, each in used.items()}
    fitting = _fitting(sizes, max_names)
    return Chosen(
        sources=tuple(each for slug, each in used.items() if slug in fitting),
        own=frozenset(each.slug for each in own),
        too_large=tuple(each for slug, each in used.items() if slug not in fitting),
        unknown=tuple(sorted({*wanted} - {*offered, *used, AUTO})),
        max_names=max_names,
    )


def _is_wanted(source: Source, wanted: Collection[str], needed: Collection[str]) -> bool:
    by_itself = AUTO in wanted and source.default and source.category in needed
    return by_itself or source.slug in wanted


def _fitting(sizes: Mapping[str, int], room: int) -> set[str]:
    """Return what fits, the smallest first, so that many subjects have a list."""
    fitting = set()
    for slug, size in sorted(sizes.items(), key=lambda pair: pair[1]):
        if size <= room:
            fitting.add(slug)
            room -= size
    return fitting


def _source(own: OwnSource) -> Source:
    return Source(
        slug=own.slug,
        title=own.title or own.slug,
        category=own.category,
        url=own.url,
        format=ListFormat(own.format),
        match=Match(own.match),
        licence=own.licence,
        maintainer=own.maintainer,
        homepage=own.homepage,
        report=own.report,
        names=own.names,
        default=True,
        about="",
        member=own.member,
    )


@dataclass(frozen=True, slots=True)
class AvailableLists:
    """What ships that lists can be chosen from and for.

    security: the categories that `security` of a profile stands for.  contacts: of each service.
    """

    sources: tuple[Source, ...]
    security: frozenset[str]
    contacts: Mapping[str, Contact]


def offer(found: Files) -> AvailableLists:
    """Return what there is to choose, from the files that ship."""
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
) -> Chosen:
    """Return what a machine uses.  memory: of the machine, octets.  known: as for `choose`."""
    return choose(
        offered.sources,
        tuple(map(_source, settings.own)),
        settings.chosen_names,
        needed_by(households, offered),
        settings.max_names or memory // MIB * NAMES_PER_MIB,
        known,
    )


def needed_by(households: Iterable[Household], offered: AvailableLists) -> frozenset[str]:
    """Return the categories and services, and BYPASS, that somebody has blocked or gave times."""
    households = tuple(households)
    profiles = [profile for each in households for profile in _profiles(each)]
    needed = {each.slug for household in households for each in _timed(household)}
    contacts: set[Contact] = set()
    for each in profiles:
        needed |= each.categories | each.services
        contacts |= each.contacts
    needed |= {slug for slug, kind in offered.contacts.items() if kind in contacts}
    needed |= offered.security if any(each.security for each in profiles) else set()
    needed |= {BYPASS} if any(each.bypass for each in profiles) else set()
    return frozenset(needed)


def _timed(household: Household) -> Iterator[Topic]:
    """Yield what a household's times are about, besides names."""
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
    """Return how plainly we say that lists are missing; "" when none is.

    uncompiled: those that are here, but not in force.
    """
    said = [
        _few(absent, of, "not here yet"),
        _few(uncompiled, of, "here and yet to be compiled"),
    ]
    return f"not protecting fully yet: {'; '.join(filter(None, said))}" if any(said) else ""


def _few(slugs: Sequence[str], of: int, how: str) -> str:
    if not slugs:
        return ""
    few = ", ".join(slugs[:5]) + (" ..." if len(slugs) > 5 else "")
    verb = "is" if len(slugs) == 1 else "are"
    return f"{len(slugs)} of {of} lists {verb} {how} ({few})"
