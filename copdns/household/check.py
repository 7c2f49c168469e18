"""What must hold in every household, and what it may refer to.

`violations` needs the household alone: unique ids, addresses that belong to one device, profiles
that exist.  `check` also compares it with the data that copdns has: categories, services, engines.
Each violation names the part of the household, so that the reader of a file can give the line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from unicodedata import bidirectional, category
from zoneinfo import available_timezones

from copdns.household.presets import Preset
from copdns.household.time_check import time_faults
from copdns.model.addresses import (
    UpstreamAddress,
    device_address,
    mac_address,
    slug,
)
from copdns.model.device_tokens import stored_token
from copdns.model.encrypted_addresses import split_address
from copdns.model.household import LANGUAGES, Band, Device, Household, PrivacyMode, Profile, Rule
from copdns.model.local_records import local_value
from copdns.model.names import suffixes
from copdns.model.sentences import Sentence, sentence
from copdns.model.times import Subject, Topic, TopicKind, is_timezone
from copdns.model.violations import Violation as Violation
from copdns.model.violations import no_such as no_such
from copdns.model.violations import parse_problem

_COUNTRY = re.compile("[A-Z]{2}")  # ISO 3166
_HAVE_IDS = frozenset({"profiles", "devices", "rules", "services", "schedules", "budgets"})


@dataclass(frozen=True, slots=True)
class KnownIds:
    """The ids that a household may refer to.

    categories, services: slugs.  meeting: slugs of the services with a contact kind.
    engines: modes by the id of a safe-search engine.
    canaries: ids of signals.
    lists: returns the slugs of all lists that are here or could be fetched; called only when a
        household names one.
    protected: tells whether nothing may block a name.  beats_time: whether no pause, schedule or
        budget does either.
    key: returns what a name opens, so that it cannot be protected now: a value of
        `lists.keys.KeyKind`, "" for nothing.  has_effect: tells whether one that a household
        protects already is protected.
    presets: by age band, for `preset: 7-9` in a household file.
    is_copdns: tells whether copdns itself listens at an upstream's address and port.
    filters: tells whether an upstream is known to block names of its own accord.
    """

    categories: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    meeting: frozenset[str] = frozenset()
    engines: Mapping[str, frozenset[str]] = field(default_factory=dict)
    canaries: frozenset[str] = frozenset()
    lists: Callable[[], frozenset[str]] = frozenset
    protected: Callable[[str], bool] = lambda _name: False
    beats_time: Callable[[str], bool] = lambda _name: False
    key: Callable[[str], str] = lambda _name: ""
    has_effect: Callable[[str], bool] = lambda _name: True
    presets: Mapping[Band, Preset] = field(default_factory=dict)
    is_copdns: Callable[[UpstreamAddress], bool] = lambda _upstream: False
    filters: Callable[[UpstreamAddress], bool] = lambda _upstream: False


def check(household: Household, known: KnownIds) -> list[str]:
    """Return everything that is wrong with a household, each with where; [] when it is sound."""
    return [str(fault) for fault in (*violations(household), *unknown_references(household, known))]


def unknown_references(household: Household, known: KnownIds) -> Iterator[Violation]:
    """Yield references to categories, services, lists, engines and signals that are not there.

    Permissions are left out: they end by themselves, and were looked at when they were given.
    """
    services = known.services | {each.slug for each in household.services}
    for profile in household.profiles:
        references = (
            ("categories", "category", profile.categories, known.categories),
            ("services", "service", profile.services, services),
            ("contact_exceptions", "service", profile.contact_exceptions, services),
            ("canaries", "signal", profile.canaries, known.canaries),
            ("safe_search", "search engine", dict(profile.safe_search), known.engines.keys()),
        )
        for where, noun, wanted, there in references:
            for missing in sorted(set(wanted) - set(there)):
                yield Violation("profiles", profile.id, where, no_such(noun, missing, there))
        yield from _unknown_modes(profile, known)
    yield from _unknown_subjects(household, known)


def _unknown_subjects(household: Household, known: KnownIds) -> Iterator[Violation]:
    places: list[tuple[str, str, str, tuple[Subject, ...]]] = [
        *(("schedules", each.id, "about", each.about) for each in household.schedules),
        *(("budgets", each.id, "about", each.about) for each in household.budgets),
    ]
    for profile in household.profiles:
        places.append(("profiles", profile.id, "always", profile.always))
        places.append(("profiles", profile.id, "homework", profile.homework))
    for part, key, name, about in places:
        for what in unknown_topics(about, household, known):
            yield Violation(part, key, name, what)


def unknown_topics(
    about: Iterable[Subject], household: Household, known: KnownIds
) -> Iterator[Sentence]:
    """Yield what is wrong with subjects that name a category, a service or a list."""
    for each in about:
        if isinstance(each, Topic) and each.slug not in (
            there := _there(each.kind, household, known)
        ):
            yield no_such(str(each.kind), each.slug, there)


def _there(kind: TopicKind, household: Household, known: KnownIds) -> frozenset[str]:
    match kind:
        case TopicKind.CATEGORY:
            return known.categories
        case TopicKind.SERVICE:
            return known.services | {each.slug for each in household.services}
        case TopicKind.LIST:
            return known.lists()


def _unknown_modes(profile: Profile, known: KnownIds) -> Iterator[Violation]:
    for engine, mode in profile.safe_search:
        modes = known.engines.get(engine, {mode})
        if mode not in modes:
            what = sentence(
                "%(engine)s: %(what)s", engine=engine, what=no_such("mode", mode, modes)
            )
            yield Violation("profiles", profile.id, "safe_search", what)


def violations(household: Household) -> Iterator[Violation]:
    """Yield what is wrong with a household whatever data copdns has."""
    yield from _household_faults(household)
    for profile in household.profiles:
        yield from _profile_faults(profile)
    yield from _device_faults(household)
    yield from _rule_faults(household)
    yield from _own_faults(household)
    yield from _text_faults(household)
    yield from time_faults(household)


def _unknown_zone(zone: str) -> Sentence:
    """Return what is wrong with a zone that nobody knows, and which may be meant."""
    known = available_timezones()
    by_place = {each.rpartition("/")[2]: each for each in sorted(known)}
    if close := get_close_matches(zone, known, n=1, cutoff=0.75):
        near = close[0]
    elif places := get_close_matches(zone.rpartition("/")[2].title(), by_place, n=1, cutoff=0.75):
        near = by_place[places[0]]
    else:
        return sentence(
            "'%(zone)s' is not a valid time zone; write one such as Europe/Paris", zone=zone
        )
    return sentence(
        "'%(zone)s' is not a valid time zone; did you mean %(near)s?", zone=zone, near=near
    )


def _household_faults(household: Household) -> Iterator[Violation]:
    if problem := parse_problem(slug, household.id):
        yield Violation("id", "", "", problem)
    if not is_timezone(household.timezone):
        yield Violation("timezone", "", "", _unknown_zone(household.timezone))
    for profile in household.profiles:
        if profile.timezone and not is_timezone(profile.timezone):
            what = _unknown_zone(profile.timezone)
            yield Violation("profiles", profile.id, "timezone", what)
    if household.language and household.language not in LANGUAGES:
        yield Violation("language", "", "", no_such("language", household.language, LANGUAGES))
    if household.country and not _COUNTRY.fullmatch(household.country):
        what = sentence(
            "'%(country)s' is not a valid country; write its two letters, such as FR",
            country=household.country,
        )
        yield Violation("country", "", "", what)
    for each in household.helplines:
        if problem := parse_problem(slug, each):
            yield Violation("helplines", each, "", problem)
    people = [each.id for each in household.profiles]
    if household.guest and household.guest not in people:
        yield Violation("guest", "", "", no_such("profile", household.guest, people))
    parts: dict[str, Iterable[str]] = {
        "profiles": people,
        "devices": [each.id for each in household.devices],
        "rules": [each.id for each in household.rules],
        "services": [each.slug for each in household.services],
        "schedules": [each.id for each in household.schedules],
        "budgets": [each.id for each in household.budgets],
        "pauses": [each.profile for each in household.pauses],
        "grants": [each.id for each in household.grants],
        "bonuses": [each.id for each in household.bonuses],
        "tickets": [each.id for each in household.tickets],
        "moved_bedtimes": [each.profile for each in household.moved_bedtimes],
        "filter_breaks": [each.device for each in household.filter_breaks],
        "local_names": [each.key for each in household.local_names],
        "rewrites": [str(each.matcher) for each in household.rewrites],
        "split_upstreams": [each.key for each in household.split_upstreams],
    }
    for part, ids in parts.items():
        for key, times in Counter(ids).items():
            if times > 1:
                yield Violation(part, key, "", sentence("is there twice; rename or remove one"))
            if part in _HAVE_IDS and (problem := parse_problem(slug, key)):
                yield Violation(part, key, "", problem)


# What is no letter, and what turns a line around (Unicode UAX 9): a text must look like what it
# says, wherever it is shown.  Notes may have lines.
_NO_LETTERS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_LINES = "\t\n"


def _text_faults(household: Household) -> Iterator[Violation]:
    names = [
        ("name", "", "", household.name),
        *(("profiles", each.id, "name", each.name) for each in household.profiles),
        *(("devices", each.id, "name", each.name) for each in household.devices),
        *(("services", each.slug, "title", each.title) for each in household.services),
        *(("tickets", each.id, "label", each.label) for each in household.tickets),
    ]
    notes = [
        *(("rules", each.id, "note", each.note) for each in household.rules),
        *(("schedules", each.id, "note", each.note) for each in household.schedules),
        *(("budgets", each.id, "note", each.note) for each in household.budgets),
        *(("grants", each.id, "note", each.note) for each in household.grants),
    ]
    for texts, besides in ((names, ""), (notes, _LINES)):
        for part, key, where, text in texts:
            if wrong_letter := next((e for e in text if e not in besides and _hides(e)), ""):
                what = sentence(
                    "contains a character that cannot be shown: U+%(code)s; remove it",
                    code=f"{ord(wrong_letter):04X}",
                )
                yield Violation(part, key, where, what)


def printable(text: str) -> str:
    """Return a name that nobody here wrote, such as a device's own, as one that may be kept."""
    return "".join(each for each in text if not _hides(each))


def _hides(letter: str) -> bool:
    if letter.isprintable():
        return False
    return category(letter) in _NO_LETTERS or bidirectional(letter) in _TURNS


def _profile_faults(profile: Profile) -> Iterator[Violation]:
    if profile.privacy is PrivacyMode.FULL:
        what = sentence(
            "full cannot be set permanently; start a full log instead, which ends on time"
        )
        yield Violation("profiles", profile.id, "privacy", what)
    full = profile.full_log
    if full is not None and full.end <= full.start:
        yield Violation(
            "profiles",
            profile.id,
            "full_log",
            sentence("ends before it starts; swap the two, or choose a later end"),
        )
    for tag in sorted(profile.tags):
        if problem := parse_problem(slug, tag):
            yield Violation("profiles", profile.id, "tags", problem)


def _device_faults(household: Household) -> Iterator[Violation]:
    people = [each.id for each in household.profiles]
    owner: dict[str, Device] = {}
    for device in household.devices:
        if device.profile not in people:
            what = no_such("profile", device.profile, people)
            yield Violation("devices", device.id, "profile", what)
        for field_name, parse, texts in (
            ("addresses", device_address, device.addresses),
            ("macs", mac_address, device.macs),
            ("tokens", stored_token, device.tokens),
        ):
            for text in texts:
                if problem := parse_problem(parse, text):
                    yield Violation("devices", device.id, field_name, problem)
                elif (other := owner.setdefault(text, device)) is not device:
                    what = sentence(
                        "%(address)s already belongs to %(other)s; give each device its own "
                        "address",
                        address=text,
                        other=other.id,
                    )
                    yield Violation("devices", device.id, field_name, what)


def _rule_faults(household: Household) -> Iterator[Violation]:
    first: dict[tuple[str, str], Rule] = {}
    for rule in household.rules:
        yield from _scope_faults(household, "rules", rule.id, rule.scope)
        other = first.setdefault((str(rule.target), rule.scope), rule)
        if other is not rule:
            what = sentence(
                "rule %(other)s (%(action)s) is also about %(target)s; keep only one",
                other=other.id,
                target=str(rule.target),
                action=other.action,
            )
            yield Violation("rules", rule.id, "target", what)


def _own_faults(household: Household) -> Iterator[Violation]:
    for service in household.services:
        if not service.names:
            yield Violation(
                "services", service.slug, "names", sentence("is empty; add at least one")
            )
    for local in household.local_names:
        for text in local.values:
            if problem := parse_problem(local_value, text):
                yield Violation("local_names", local.key, "addresses", problem)
        yield from _scope_faults(household, "local_names", local.key, local.scope)
    for rewrite in household.rewrites:
        if rewrite.matcher.covers(rewrite.target):
            what = sentence(
                "points to itself: %(target)s; choose another target", target=rewrite.target
            )
            yield Violation("rewrites", str(rewrite.matcher), "target", what)
    for split in household.split_upstreams:
        if not split.upstreams:
            yield Violation(
                "split_upstreams", split.key, "", sentence("is empty; add a DNS server")
            )
        for text in split.upstreams:
            if problem := parse_problem(split_address, text):
                yield Violation("split_upstreams", split.key, "upstreams", problem)
        yield from _scope_faults(household, "split_upstreams", split.key, split.scope)


def _scope_faults(household: Household, part: str, key: str, scope: str) -> Iterator[Violation]:
    people = [each.id for each in household.profiles]
    if scope and not scope.startswith("#") and scope not in people:
        yield Violation(part, key, "scope", no_such("profile", scope, people))


def is_protected(household: Household, known: KnownIds, name: str) -> bool:
    """Tell whether a household may not answer or forward a name: by copdns's data or its own."""
    return known.protected(name) or any(
        each in household.protected and known.has_effect(each) for each in suffixes(name)
    )


def find_vain_protections(household: Household, known: KnownIds) -> tuple[str, ...]:
    """Return what a household protects without effect; an older one, or a file, may have some."""
    return tuple(each for each in household.protected if not known.has_effect(each))
