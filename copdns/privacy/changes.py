"""What changed for a person, as their own page tells it: who, when, and about what.

Read off the lines of the audit, whichever page or command wrote them.  A page shows what each was
about; the line itself is for the person's file, where it says that it is theirs: another may name
somebody else's rules.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, Protocol

from copdns.model.household import Profile
from copdns.model.undo_prefix import UNDONE

TOLD_FOR = 30 * 86_400  # seconds: longer nobody looks for what changed
MOST = 20
TOGETHER = 3_600  # seconds: one after the other by somebody, about the same, is one to read


class ChangeTopic(StrEnum):
    """What a change was about."""

    CLOSED = "closed"  # categories, services, contacts, ways round, what is open without a rule
    SEARCH = "search"
    RULES = "rules"
    TIMES = "times"
    EXTRA = "extra"  # more minutes than the times say, for once
    AGE = "age"
    KEPT = "kept"  # what is written down of look-ups
    ERASED = "erased"  # what was written down is gone
    DEVICES = "devices"
    ANSWERS = "answers"  # how a block is answered, and for how long devices keep it
    NAME = "name"
    HOUSE = "house"  # what holds for all
    ASKED = "asked"  # of the person, on a page of their own: nothing changed yet


OF_RULES = frozenset(
    {
        ChangeTopic.CLOSED,
        ChangeTopic.SEARCH,
        ChangeTopic.RULES,
        ChangeTopic.TIMES,
        ChangeTopic.EXTRA,
    }
)


class DeviceChange(StrEnum):
    """What was done to a person's devices."""

    ADDED = "added"
    LENT = "lent"  # theirs for a while
    REMOVED = "removed"
    MOVED = "moved"  # it belongs to someone else than before
    BROWSER = "browser"  # one more can be linked
    NO_BROWSER = "no_browser"
    PIN = "pin"
    NO_PIN = "no_pin"
    TRIED = "tried"  # without the filter, for some minutes
    TRIED_NO_MORE = "tried_no_more"
    OTHER = "other"


class HasLine(Protocol):
    """A line of the audit."""

    @property
    def at(self) -> int: ...
    @property
    def author(self) -> str: ...
    @property
    def what(self) -> str: ...


class Changed(NamedTuple):
    """A change to a person's settings, as that person reads it.

    at: seconds since the epoch.  author: in people's words.  about: its topics, at least one.
    what: the line of the audit; "" where the line does not say whose settings they are.
    device: what was done to one of theirs; None where nothing was.
    """

    at: int
    author: str
    about: tuple[ChangeTopic, ...]
    what: str = ""
    device: DeviceChange | None = None

    @property
    def is_of_devices(self) -> bool:
        """Whether it was about their devices, and nothing else."""
        return self.about == (ChangeTopic.DEVICES,)

    @property
    def gives(self) -> bool:
        """Whether the person got something; undoing that takes it away again."""
        return not self.what.startswith(UNDONE)

    @property
    def is_of_rules(self) -> bool:
        """Whether it was about what they can use and when, and nothing else."""
        return set(self.about) <= OF_RULES


def changes_for(
    profile: Profile, changes: Iterable[HasLine], now: float, devices: Collection[str] = ()
) -> tuple[Changed, ...]:
    """Return what changed for a person in the last 30 days, the newest first, 20 at most.

    What somebody changed again within the hour is told once, by its last moment.  devices: the
    ids of theirs.
    """
    late = (each for each in changes if now - TOLD_FOR < each.at)
    found = all_changes_for(profile, late, devices)
    settled = [each for each in found if each.about != (ChangeTopic.ASKED,)]
    return tuple(_merge_repeated(_without_told_links(settled)))[:MOST]


def _without_told_links(found: Collection[Changed]) -> Iterator[Changed]:
    """Leave out that a browser was linked where a guardian had let it within the hour before."""
    let = [each for each in found if each.device is DeviceChange.BROWSER]
    for each in found:
        is_link = each.what in _LINKED or each.what.startswith(_LINKED_FOR)
        if not is_link or not any(
            one.what.startswith(f"{each.author}:") and 0 <= each.at - one.at <= TOGETHER
            for one in let
        ):
            yield each


def _merge_repeated(found: Iterable[Changed]) -> Iterator[Changed]:
    """Leave out a change that its author repeated within the hour; the newest comes first."""
    told: dict[tuple[str, tuple[ChangeTopic, ...], DeviceChange | None], int] = {}
    for each in found:
        key = each.author, each.about, each.device
        if key not in told or told[key] - each.at > TOGETHER:
            told[key] = each.at
            yield each


def all_changes_for(
    profile: Profile, changes: Iterable[HasLine], devices: Collection[str] = ()
) -> tuple[Changed, ...]:
    """Return all that changed for a person and what was asked of them, the newest first."""
    found = []
    for each in changes:
        undone = _without_undone(each.what)
        by_name = tuple(_by_name(profile, devices, each.author, undone))
        about = tuple(dict.fromkeys(by_name or _about(profile, undone)))
        if about:
            says = by_name or _says_whose(undone)
            what = each.what if says else ""
            is_of_device = ChangeTopic.DEVICES in about or _TRIED.match(undone)
            device = device_change(each.what) if is_of_device else None
            found.append(Changed(each.at, each.author, about, what, device))
    return tuple(sorted(found, key=lambda each: -each.at))


_SETTINGS = {
    ChangeTopic.CLOSED: "security category categories service services contact contacts bypass "
    "contact-exception contact_exceptions default canary canaries preset",
    ChangeTopic.SEARCH: "safe-search safe_search youtube no-safe-search no_safe_search preset",
    ChangeTopic.TIMES: "always homework times timezone",
    ChangeTopic.RULES: "tag tags",
    ChangeTopic.AGE: "band preset",
    ChangeTopic.KEPT: "privacy days full-log bypass-signs bypass_signs preset",
    ChangeTopic.ANSWERS: "block-mode block_mode max-ttl max_ttl",
    ChangeTopic.NAME: "name",
}
_NOUNS = {
    "rule": ChangeTopic.RULES,
    "schedule": ChangeTopic.TIMES,
    "budget": ChangeTopic.TIMES,
    "times": ChangeTopic.TIMES,
    "calendar": ChangeTopic.TIMES,
    "device": ChangeTopic.DEVICES,
    "household": ChangeTopic.HOUSE,
    "imported": ChangeTopic.HOUSE,
    "moved": ChangeTopic.HOUSE,  # in from another filter
    "local": ChangeTopic.HOUSE,  # a local name
    "rewrite": ChangeTopic.HOUSE,
    "conditional": ChangeTopic.HOUSE,  # a domain that another server is asked for
    "split": ChangeTopic.HOUSE,  # the same, as the version before wrote it
    "service": ChangeTopic.HOUSE,
    "DNS": ChangeTopic.HOUSE,  # whom all names are asked of
    "own": ChangeTopic.HOUSE,  # a list that somebody pasted
}
# A device without the filter: what can be opened is another, so it is about rules too.
_TRIED = re.compile(r"device \S+: (?:everything but .+ allowed until |the test of the filter )")
_FOR = re.compile(r" for (\S+)(?: on \S+)?$")
_ALL = re.compile(r" for everyone$")


# Lines that name a person, or a device, in their own ways; `store/` and the desk write them.  Some
# stand twice: the version before wrote them in other words.
_PERSON, _DEVICE = r"(?P<who>\S+)", r"(?P<device>\S+)"
_BY_NAME = tuple(
    (about, re.compile(form))
    for about, *forms in (
        (
            ChangeTopic.DEVICES,
            rf"a device added for {_PERSON}",
            rf"a device assigned to {_PERSON} for a while",
            rf"a device is {_PERSON} for a while",
            rf"setup: device \S+ assigned to {_PERSON}",
            rf"set-up: device \S+ is {_PERSON}'s",
            rf"device {_DEVICE} changed: now belongs to {_PERSON}",
            rf"device {_DEVICE} changed: now {_PERSON}'s",
            rf"device {_DEVICE} (?:changed|removed|has a new MAC address)",
            rf"device {_DEVICE} is known by another MAC address",
            rf"device {_DEVICE}: token (?:added|revoked)",
            rf"{_DEVICE}: (?:another browser can be linked|a linked browser was removed)",
            rf"{_DEVICE}: (?:another browser may be paired|a paired browser was removed)",
            rf"browser linked to this device for {_PERSON}",
            rf"\S+: (?:another browser can be linked|a linked browser was removed) for {_PERSON}",
            rf"{_PERSON}: PIN (?:set|removed|taken away)",
            rf"{_PERSON}: the change before this was made with a PIN from a guardian",
            rf"{_PERSON}: objected to a linked browser or PIN",
        ),
        (
            ChangeTopic.HOUSE,
            rf"two homes for {_PERSON}: .+",
        ),
        (
            ChangeTopic.TIMES,
            rf"{_PERSON} paused .+",
            rf"pause of {_PERSON} ended",
            rf"tonight's bedtime of {_PERSON} (?:at .+|as usual)",
            rf"\S+ of .+ for {_PERSON} on \S+",
            rf"{_PERSON} (?:can use|may have) .+",
            rf".*tickets? .+ (?:created|made) for {_PERSON}",
            rf"ticket redeemed by {_PERSON}",
        ),
        (ChangeTopic.EXTRA, rf"\S+ more minutes for {_PERSON} .+"),
        (
            ChangeTopic.RULES,
            rf"device {_DEVICE}: everything but viruses and scam sites allowed until .+",
            rf"device {_DEVICE}: the test of the filter ended",
        ),
        (
            ChangeTopic.ASKED,
            rf"full log of .+ (?:requested from|asked of) {_PERSON}",
            rf"full log (?:declined|not agreed to) by {_PERSON}",
        ),
    )
    for form in forms
)
# The device itself is the author; before, the line did not say whose it is.
_LINKED = ("browser linked to this device", "browser paired with this device")
_LINKED_FOR = "browser linked to this device for "


# An id has no space, so no id looks like one of these.
_DEVICE_CHANGES = (
    (DeviceChange.LENT, re.compile(r" for a while$")),
    (DeviceChange.ADDED, re.compile(r" (added for|assigned to) |: device \S+ is \S+'s$")),
    (DeviceChange.MOVED, re.compile(r" changed: now ")),
    (DeviceChange.BROWSER, re.compile(r": another browser (can|may) be ")),
    (DeviceChange.NO_BROWSER, re.compile(r": a (linked|paired) browser was removed( for \S+)?$")),
    (DeviceChange.PIN, re.compile(r": PIN set$")),
    (DeviceChange.NO_PIN, re.compile(r": PIN (removed|taken away)$")),
    (DeviceChange.TRIED, re.compile(r"^device \S+: everything but .+ allowed until ")),
    (DeviceChange.TRIED_NO_MORE, re.compile(r"^device \S+: the test of the filter ended$")),
    (DeviceChange.REMOVED, re.compile(r"^device \S+ removed$")),
)


def device_change(what: str) -> DeviceChange:
    """Return what a line of the audit about devices says was done to them; undoing it is OTHER."""
    if what.startswith(UNDONE):
        return DeviceChange.OTHER
    found = (change for change, form in _DEVICE_CHANGES if form.search(what))
    return next(found, DeviceChange.OTHER)


def _without_undone(what: str) -> str:
    """Return the line of the change that was undone: undoing it is about the same."""
    while what.startswith(UNDONE):
        what = what.removeprefix(UNDONE)
    return what


def _by_name(
    profile: Profile, devices: Collection[str], author: str, what: str
) -> Iterator[ChangeTopic]:
    if what in _LINKED and author in devices:
        yield ChangeTopic.DEVICES
    if profile.id not in what and not any(each in what for each in devices):
        return  # most lines of a house are of others
    for about, form in _BY_NAME:
        found = form.fullmatch(what)
        named = found.groupdict() if found else {}
        if named.get("who") == profile.id or named.get("device") in devices:
            yield about


def _says_whose(what: str) -> bool:
    """Tell whether a line says for whom it is: for somebody, or for all."""
    noun = what.partition(" ")[0].rstrip(":")
    return noun in ("profile", "household", "calendar") or bool(
        _ALL.search(what) or _FOR.search(what)
    )


def _about(profile: Profile, what: str) -> Iterator[ChangeTopic]:
    noun, _, rest = what.partition(" ")
    noun = noun.rstrip(":")
    if noun == "profile":
        who, _, said = rest.partition(" ")
        if who.rstrip(":") == profile.id:
            yield from _of_profile(said)
    elif noun in _NOUNS and _is_for(profile, what, noun):
        yield _NOUNS[noun]


def _of_profile(said: str) -> Iterator[ChangeTopic]:
    if said.startswith(("records deleted", "erased")):
        yield ChangeTopic.ERASED
    _, is_set, settings = said.partition("set: ")
    for setting in settings.split(", ") if is_set else ():
        name = setting.split(" ")[0]
        names = {name, name.removeprefix("no-")}
        yield from (about for about, ours in _SETTINGS.items() if names & set(ours.split()))


def _is_for(profile: Profile, what: str, noun: str) -> bool:
    """Tell whether a line is about a person: one that names nobody is about all, but for a
    device's, which is always somebody's."""
    named = None if _ALL.search(what) else _FOR.search(what)
    if named is None:
        return noun != "device"
    return named[1] == profile.id or named[1].removeprefix("#") in profile.tags
