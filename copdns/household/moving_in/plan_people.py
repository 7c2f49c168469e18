"""Plan who comes over: people, what is blocked for them, and their devices.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from copdns.household.edit_checks import free_slug
from copdns.household.edits import add_device, add_profile, set_device, set_profile
from copdns.household.moving_in.draft import NOBODY, REFUSALS, PlanDraft, PlannedPerson, Result
from copdns.household.moving_in.wishes import (
    EVERYONE,
    NO_COUNTERPART,
    DeviceWish,
    FileEntry,
    FoundSettings,
    LineWish,
    ListWish,
    PersonWish,
    SettingKind,
    SettingWish,
    Switch,
    show,
)
from copdns.household.safeguards import default_mode
from copdns.household.time_edits import add_period
from copdns.model.addresses import KnownBy, known_by, network
from copdns.model.household import Band, Device, Profile
from copdns.model.sentences import Sentence, sentence
from copdns.model.times import Schedule, Topic, TopicKind
from copdns.time.schedule import parse_slots

BYPASS: Final = "bypass"  # what lists about ways around the filter call their category
SECURITY: Final = frozenset({"malware", "phishing"})
_STRICT: Final = "strict"
_BROAD: Final = {4: 16, 6: 48}  # a shorter prefix has devices of more than one person
_TOO_BROAD: Final = sentence("this covers too many devices to belong to one person")


def plan_people(draft: PlanDraft, entries: Sequence[FileEntry]) -> None:
    """Add the people for whom something comes over, or find them here by their names."""
    wanted = set(_wanted_scopes(entries))
    if not draft.household.profiles and any(isinstance(e.wish, LineWish) for e in entries):
        wanted.add(EVERYONE)  # a list needs somebody for whom it blocks
    for entry in entries:
        wish = entry.wish
        if not isinstance(wish, PersonWish):
            continue
        if not wanted & {EVERYONE, wish.key, *(f"#{each}" for each in wish.groups)}:
            draft.tell(entry, Result.LEFT, sentence("nothing here is for them"))
            continue
        person = _here(draft, wish.name)
        if person is None:
            person = _add(draft, wish)
            said = sentence("a new person, with the age group %(band)s", band=person.band)
            if wish.is_child and not person.band.is_child:
                said = sentence("a new person, marked as a child there: choose their age group")
        else:
            said = sentence("%(name)s, who is here already", name=person.name)
        is_new = draft.around.household.profile(person.id) is None
        draft.planned.append(
            PlannedPerson(person.id, person.name, person.band, is_new, wish.is_child)
        )
        draft.people[wish.key] = person.id
        for group in wish.groups:
            draft.groups.setdefault(group, []).append(person.id)
        draft.tell(entry, Result.TAKEN if is_new else Result.THERE, said)


def _wanted_scopes(entries: Iterable[FileEntry]) -> Iterable[str]:
    for entry in entries:
        match entry.wish:
            case DeviceWish():
                yield entry.wish.person
            case SettingWish() | ListWish():
                yield from entry.wish.scopes
            case _:
                scopes = getattr(entry.wish, "scopes", (getattr(entry.wish, "scope", EVERYONE),))
                yield from (each for each in scopes if each != EVERYONE)


def _here(draft: PlanDraft, name: str) -> Profile | None:
    wanted = name.strip().casefold()
    profiles = draft.household.profiles
    return next((e for e in profiles if wanted in (e.id, e.name.casefold())), None)


def _add(draft: PlanDraft, wish: PersonWish) -> Profile:
    household, around = draft.household, draft.around
    name = show(" ".join(wish.name.split()))
    taken = [each.id for each in household.profiles]
    person_id = free_slug(name, taken, "person")
    band = around.ages.get(person_id, Band.ADULT)
    profile = Profile(person_id, name, band, privacy=default_mode(band))
    preset = around.known.presets.get(band) if band.is_child else None
    draft.household = add_profile(household, profile, around.known, preset)
    return draft.household.profiles[-1]


# --- what is blocked ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Wanted:
    """What is to be set for one person, besides what is."""

    categories: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    engines: dict[str, str] = field(default_factory=dict)
    switches: set[Switch] = field(default_factory=set)


def plan_settings(draft: PlanDraft, found: FoundSettings) -> None:
    """Set what is blocked for people, on top of what is: nothing becomes open by that."""
    wanted: dict[str, _Wanted] = {}
    timed: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[FileEntry, Topic]]] = {}
    for entry in found.entries:
        wish = entry.wish
        if not isinstance(wish, SettingWish):
            continue
        people = draft.members(wish.scopes)
        problem = _problem(draft, wish)
        if problem is not None:
            draft.tell(entry, Result.LEFT, problem)
        elif not people:
            draft.tell(entry, Result.LEFT, NOBODY)
        elif wish.times is not None:
            kind = TopicKind(wish.kind)
            times = timed.setdefault((tuple(people), wish.times), [])
            times.append((entry, Topic(kind, wish.id)))
        else:
            for each in people:
                _note(wanted.setdefault(each, _Wanted()), wish)
            draft.tell(entry, Result.TAKEN, _describe(draft, wish, people))
    for person, values in wanted.items():
        _set(draft, person, values)
    for (people_ids, slots), about in timed.items():
        _add_times(draft, found, people_ids, slots, about)


def _problem(draft: PlanDraft, wish: SettingWish) -> Sentence | None:
    known = draft.around.known
    is_here = {
        SettingKind.CATEGORY: wish.id in known.categories,
        SettingKind.SERVICE: wish.id in known.services,
        SettingKind.SEARCH: _STRICT in known.engines.get(wish.id, ()),
        SettingKind.SWITCH: True,
    }
    return None if is_here[wish.kind] else NO_COUNTERPART


def _note(wanted: _Wanted, wish: SettingWish) -> None:
    match wish.kind:
        case SettingKind.SEARCH:
            wanted.engines[wish.id] = _STRICT
        case SettingKind.SWITCH:
            wanted.switches.add(Switch(wish.id))
        case SettingKind.SERVICE:
            wanted.services.add(wish.id)
        case SettingKind.CATEGORY:
            wanted.categories.add(wish.id)


def _describe(draft: PlanDraft, wish: SettingWish, people: list[str]) -> Sentence:
    whom = draft.names(people)
    match wish.kind:
        case SettingKind.SEARCH:
            return sentence("safe search of %(what)s for %(whom)s", what=wish.id, whom=whom)
        case SettingKind.SWITCH if wish.id == Switch.SECURITY:
            return sentence("malware and phishing are blocked for %(whom)s", whom=whom)
        case SettingKind.SWITCH:
            return sentence("ways to get around the filter are blocked for %(whom)s", whom=whom)
        case SettingKind.SERVICE:
            return sentence("the service %(what)s is blocked for %(whom)s", what=wish.id, whom=whom)
        case SettingKind.CATEGORY:
            return sentence(
                "the category %(what)s is blocked for %(whom)s", what=wish.id, whom=whom
            )


def block_category(draft: PlanDraft, people: Iterable[str], category: str) -> None:
    """Block a category for people, or what lists of security and bypass are blocked by."""
    for person in people:
        wanted = _Wanted()
        if category == BYPASS:
            wanted.switches.add(Switch.BYPASS)
        elif category in SECURITY:
            wanted.switches.add(Switch.SECURITY)
        else:
            wanted.categories.add(category)
        _set(draft, person, wanted)


def _set(draft: PlanDraft, person: str, wanted: _Wanted) -> None:
    old = draft.household.profile(person)
    assert old is not None  # people are added first
    values: dict[str, Any] = {
        "categories": old.categories | wanted.categories,
        "services": old.services | wanted.services,
        "safe_search": tuple(sorted({**wanted.engines, **dict(old.safe_search)}.items())),
        **{str(each): True for each in wanted.switches},
    }
    draft.household = set_profile(draft.household, person, draft.around.known, **values)


def _add_times(
    draft: PlanDraft,
    found: FoundSettings,
    people: tuple[str, ...],
    times: tuple[str, ...],
    about: list[tuple[FileEntry, Topic]],
) -> None:
    """Add a schedule for each of some people: what it is about is open at these times only."""
    zone = found.timezone
    is_other = zone not in ("", draft.household.timezone)
    try:
        slots = parse_slots(times)
        for person in people:
            taken = [each.id for each in draft.household.schedules]
            schedule = Schedule(
                free_slug(f"{person} open times", taken, "open-times"),
                person,
                slots,
                tuple(dict.fromkeys(topic for _, topic in about)),
                opens=True,
            )
            draft.household = add_period(draft.household, schedule, draft.around.known)
    except REFUSALS as error:
        for entry, _ in about:
            draft.refuse(entry, error)
        return
    said = sentence(
        "open at these times only, for %(whom)s: %(times)s",
        whom=draft.names(people),
        times=", ".join(times),
    )
    if is_other:
        said = sentence(
            "open at these times only, for %(whom)s: %(times)s; the time zone %(zone)s is not "
            "copied, so they are by the clock of this household",
            whom=draft.names(people),
            zone=zone,
            times=", ".join(times),
        )
    for entry, _ in about:
        draft.tell(entry, Result.PARTLY if is_other else Result.TAKEN, said)


# --- devices --------------------------------------------------------------------------------------


def plan_devices(draft: PlanDraft, entries: Iterable[FileEntry]) -> None:
    """Add devices; what an earlier device of the same file is known by too is added to that one."""
    ours: set[str] = set()
    for entry in entries:
        if isinstance(entry.wish, DeviceWish):
            _plan_device(draft, entry, entry.wish, ours)


def _plan_device(draft: PlanDraft, entry: FileEntry, wish: DeviceWish, ours: set[str]) -> None:
    person = draft.people.get(wish.person)
    if person is None:
        draft.tell(entry, Result.LEFT, NOBODY)
        return
    try:
        found = known_by(" ".join(wish.known_by))
    except REFUSALS as error:
        draft.refuse(entry, error)
        return
    networks = [network(each) for each in found.addresses]
    if any(each.prefixlen < _BROAD[each.version] for each in networks):
        draft.tell(entry, Result.LEFT, _TOO_BROAD)
        return
    owners = {
        text: each
        for each in draft.household.devices
        for text in (*each.addresses, *each.macs)
        if text in (*found.addresses, *found.macs)
    }
    free = KnownBy(
        tuple(each for each in found.addresses if each not in owners),
        tuple(each for each in found.macs if each not in owners),
    )
    twin = next((each for each in owners.values() if each.id in ours), None)
    try:
        if twin is not None:
            _add_to(draft, entry, twin, wish, free)
        elif not any(free):
            _tell_owner(draft, entry, next(iter(owners.values())), person)
        else:
            ours.add(_add_device(draft, person, wish, free))
            _tell_device(draft, entry, person, list(owners))
    except REFUSALS as error:
        draft.refuse(entry, error)


def _add_device(draft: PlanDraft, person: str, wish: DeviceWish, free: KnownBy) -> str:
    taken = [each.id for each in draft.household.devices]
    device_id = free_slug(wish.name, taken, "device")
    name = show(" ".join(wish.name.split()))
    draft.household = add_device(
        draft.household, device_id, person, free.addresses, name, free.macs, wish.kind
    )
    return device_id


def _add_to(
    draft: PlanDraft, entry: FileEntry, twin: Device, wish: DeviceWish, free: KnownBy
) -> None:
    name = wish.name if twin.name in (*twin.addresses, *twin.macs) else twin.name
    draft.household = set_device(
        draft.household,
        twin.id,
        name=show(" ".join(name.split())),
        addresses=(*twin.addresses, *free.addresses),
        macs=(*twin.macs, *free.macs),
    )
    draft.tell(entry, Result.TAKEN, sentence("added to the device %(device)s", device=name))


def _tell_owner(draft: PlanDraft, entry: FileEntry, owner: Device, person: str) -> None:
    if owner.profile == person:
        draft.tell(entry, Result.THERE, sentence("the device is here already"))
        return
    said = sentence(
        "it is the device %(device)s of %(whom)s here",
        device=owner.name,
        whom=draft.names([owner.profile]),
    )
    draft.tell(entry, Result.LEFT, said)


def _tell_device(draft: PlanDraft, entry: FileEntry, person: str, owned: list[str]) -> None:
    whom = draft.names([person])
    if owned:
        said = sentence(
            "a device of %(whom)s, without %(owned)s, which another device here has",
            whom=whom,
            owned=", ".join(owned),
        )
        draft.tell(entry, Result.PARTLY, said)
    else:
        draft.tell(entry, Result.TAKEN, sentence("a device of %(whom)s", whom=whom))
