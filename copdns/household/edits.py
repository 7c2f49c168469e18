"""Changes to a household: each takes one, gives the changed one, or says why it cannot be.

For the command line and the dashboard alike; `rule_edits.py`, `time_edits.py` and `name_edits.py`
have those of rules and services, of times, and of DNS records.  Pure: `created` is given, `store/`
keeps the result, which also applies the privacy rules for full logs and lower bands
(`safeguards.adopt`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any

from copdns.household.check import KnownIds
from copdns.household.edit_checks import (
    check_fields,
    free_id,
    parse_field,
    remove_one,
    require_profile,
    validate,
    validate_references,
    without_idle_signs,
    without_orphans,
)
from copdns.household.presets import Preset, apply
from copdns.household.rule_edits import refuse_network
from copdns.household.suggestions import plan_settings, plan_times, with_times
from copdns.model.addresses import device_address, domain, mac_address
from copdns.model.broad_names import is_broad
from copdns.model.errors import HouseholdError
from copdns.model.household import Contact, Device, DeviceKind, Household, Profile, Rule, RuleAction
from copdns.model.violations import no_such

NO_IDS = KnownIds()

_SETTABLE = {
    *("name", "timezone", "guest", "protected", "language", "country", "helplines"),
    *("calendar", "day_starts", "failures"),
}


def set_household(household: Household, known: KnownIds = NO_IDS, **values: Any) -> Household:
    """Set name, timezone, guest, protected (names in any spelling), language, country, helplines,
    calendar, day_starts or failures.

    known: says which names cannot be protected; those that are protected already stay.
    """
    if "protected" in values:
        values["protected"] = [parse_field(domain, each) for each in values["protected"]]
        for each in values["protected"]:
            if each not in household.protected:
                _refuse_key(each, known)
    for key in ("protected", "helplines"):
        if key in values:
            values[key] = tuple(dict.fromkeys(values[key]))
    check_fields(values, _SETTABLE, "household")
    return validate(replace(household, **values))


def set_guest_rules(
    household: Household, choice: str, built_in: Profile, known: KnownIds = NO_IDS
) -> Household:
    """Choose what applies to unknown devices.

    choice: the id of a profile; that of built_in is a profile that begins as the rules of guests
    do; "": as copdns has them, so a profile with this id is set back to them, with its rules and
    times removed.
    built_in: the profile of unknown devices where a household has none for them.
    """
    there = household.profile(built_in.id)
    if choice == built_in.id and there is None:
        household = add_profile(household, built_in, known)
    if choice or there is None:
        return set_household(household, known, guest=choice)
    back = replace(built_in, name=there.name, tags=there.tags)
    return validate(
        replace(
            household,
            guest="",
            profiles=tuple(back if each is there else each for each in household.profiles),
            rules=tuple(each for each in household.rules if each.scope != there.id),
            schedules=tuple(each for each in household.schedules if each.scope != there.id),
            budgets=tuple(each for each in household.budgets if each.scope != there.id),
        )
    )


def replace_household(before: Household, found: Household) -> Household:
    """Return what a household from a file becomes in place of the stored one.

    Pauses, permissions, bonuses and tickets, which no file holds, stay for people who stay.

    HouseholdError for another household, and for a new rule about a network that is too broad.
    """
    if before.id != found.id:
        raise HouseholdError(
            "the file describes the household '%(found)s', but '%(before)s' is stored here; to "
            "replace it, write `id: %(before)s` in the file",
            found=found.id,
            before=before.id,
        )
    known = {each.target for each in before.rules}
    for rule in found.rules:
        if rule.target not in known:
            refuse_network(rule.target)
    kept = replace(
        found,
        pauses=before.pauses,
        grants=before.grants,
        bonuses=before.bonuses,
        tickets=before.tickets,
        moved_bedtimes=before.moved_bedtimes,
        filter_breaks=before.filter_breaks,
    )
    return without_orphans(kept)


def add_profile(
    household: Household,
    profile: Profile,
    known: KnownIds,
    preset: Preset | None = None,
    *,
    times: bool = False,
) -> Household:
    """Add a person or group; a preset sets its values and adds its allowed names as rules.

    times: the preset's schedules and budgets are taken over too, which nobody gets unasked.
    """
    if household.profile(profile.id):
        raise HouseholdError(
            "the profile '%(profile)s' already exists; choose another id", profile=profile.id
        )
    if preset is not None:
        profile = apply(preset, profile)
    added = replace(household, profiles=(*household.profiles, profile))
    return _with_preset(added, profile.id, known, preset, times)


def set_profile(
    household: Household,
    profile_id: str,
    known: KnownIds,
    preset: Preset | None = None,
    *,
    times: bool = False,
    anew: bool = False,
    **values: Any,
) -> Household:
    """Set fields of a profile, after a preset when one is given; its id stays.

    times: the preset's schedules and budgets take the place of those that came from a preset.
    What a person set or wrote themselves stays (`household/suggestions.py`).  anew: of the
    settings nothing stays, but for what no preset is about.
    """
    old = require_profile(household, profile_id)
    check_fields(values, {each.name for each in fields(Profile)} - {"id"}, "profile")
    if preset is None:
        taken = old
    else:
        taken = apply(preset, old) if anew else plan_settings(old, preset, known.presets).profile
    new = without_idle_signs(replace(taken, **values), asked=bool(values.get("bypass_signs")))
    _refuse_idle_exceptions(household, new.contact_exceptions - old.contact_exceptions, known)
    profiles = tuple(new if each is old else each for each in household.profiles)
    changed = replace(household, profiles=profiles)
    return _with_preset(changed, profile_id, known, preset, times)


def suggest_times(
    household: Household, profile_id: str, known: KnownIds, preset: Preset
) -> Household:
    """Take over the schedules and budgets of a preset, and nothing else of it.

    They take the place of those that came from a preset and that nobody changed since; all others
    stay (`plan_times`).  Raises HouseholdError where the preset has none.
    """
    require_profile(household, profile_id)
    if not any(preset.times(profile_id)):
        raise HouseholdError("nothing is suggested for this age group; add times of your own")
    return validate_references(
        _with_preset_times(household, profile_id, known, preset), "profiles", profile_id, known
    )


def remove_profile(household: Household, profile_id: str) -> Household:
    """Remove a profile and all that is its own; devices and guests must have gone before."""
    gone = require_profile(household, profile_id)
    devices = [each.id for each in household.devices if each.profile == profile_id]
    if devices:
        raise HouseholdError(
            "%(devices)s would belong to nobody; give each device to someone else, or remove "
            "it, before you remove %(profile_id)s",
            devices=", ".join(devices),
            profile_id=profile_id,
        )
    if household.guest == profile_id:
        raise HouseholdError(
            "unknown devices use the profile %(profile_id)s; choose another guest profile first",
            profile_id=profile_id,
        )
    rest = replace(
        household,
        profiles=tuple(each for each in household.profiles if each is not gone),
        rules=tuple(each for each in household.rules if each.scope != profile_id),
        schedules=tuple(each for each in household.schedules if each.scope != profile_id),
        budgets=tuple(each for each in household.budgets if each.scope != profile_id),
        local_names=tuple(each for each in household.local_names if each.scope != profile_id),
        split_upstreams=tuple(
            each for each in household.split_upstreams if each.scope != profile_id
        ),
    )
    return without_orphans(rest)


def add_device(
    household: Household,
    device_id: str,
    profile_id: str,
    addresses: Iterable[str] = (),
    name: str = "",
    macs: Iterable[str] = (),
    kind: DeviceKind = DeviceKind.OTHER,
    *,
    needs_address: bool = True,
) -> Household:
    """Add a device, known by MAC addresses, addresses or prefixes, of which the longer decides.

    needs_address: not at a provider, where a device can be known by its token alone.
    """
    require_profile(household, profile_id)
    if any(each.id == device_id for each in household.devices):
        raise HouseholdError(
            "the device '%(device_id)s' already exists; choose another id", device_id=device_id
        )
    device = Device(
        device_id,
        name or device_id,
        profile_id,
        _each(device_address, addresses),
        _each(mac_address, macs),
        kind,
    )
    if needs_address:
        device = _reachable(device)
    return validate(replace(household, devices=(*household.devices, device)))


def set_device(household: Household, device_id: str, **values: Any) -> Household:
    """Set name, profile, addresses, macs or kind of a device: the new ones in place of the old."""
    check_fields(values, {"name", "profile", "addresses", "macs", "kind"}, "device")
    if "profile" in values:
        require_profile(household, values["profile"])
    for key, parse in (("addresses", device_address), ("macs", mac_address)):
        if key in values:
            values[key] = _each(parse, values[key])
    old = next((each for each in household.devices if each.id == device_id), None)
    if old is None:
        there = [each.id for each in household.devices]
        raise HouseholdError(no_such("device", device_id, there))
    new = replace(old, **values)
    if old.addresses or old.macs:
        new = _reachable(new)
    devices = tuple(new if each is old else each for each in household.devices)
    return validate(replace(household, devices=devices))


def _reachable(device: Device) -> Device:
    if not (device.addresses or device.macs or device.tokens):
        raise HouseholdError(
            "%(device)s has no address to recognise it by; add a MAC address such as "
            "02:00:00:00:00:01, or an IP address such as 192.168.1.20",
            device=device.id,
        )
    return device


def _each(parse: Callable[[str], str], texts: Iterable[str]) -> tuple[str, ...]:
    """Return the normal forms of what a person wrote, each once."""
    return tuple(dict.fromkeys(parse_field(parse, text) for text in texts))


def remove_device(household: Household, device_id: str) -> Household:
    """Remove a device, which is an unknown one from then on; HouseholdError where there is none."""
    devices = remove_one(household.devices, "id", device_id, "device")
    return replace(household, devices=devices)


def _with_preset(
    household: Household, profile_id: str, known: KnownIds, preset: Preset | None, times: bool
) -> Household:
    household = _with_preset_rules(household, profile_id, preset)
    if preset is not None and times:
        household = _with_preset_times(household, profile_id, known, preset)
    return validate_references(household, "profiles", profile_id, known)


def _with_preset_times(
    household: Household, profile_id: str, known: KnownIds, preset: Preset
) -> Household:
    """Return the household with the preset's times in place of those that came from any preset."""
    plan = plan_times(household, profile_id, preset, known.presets)
    return without_orphans(with_times(household, plan))


def _with_preset_rules(household: Household, profile_id: str, preset: Preset | None) -> Household:
    """Return the household with the preset's allowed names as rules, but for those it has."""
    for name, why in preset.allowed_names if preset else ():
        if not any(each.target == name and each.scope == profile_id for each in household.rules):
            rule_id = free_id("r", household.rules)
            rule = Rule(rule_id, RuleAction.ALLOW, name, profile_id, note=why)
            household = replace(household, rules=(*household.rules, rule))
    return household


def _refuse_idle_exceptions(household: Household, slugs: frozenset[str], known: KnownIds) -> None:
    """Raise HouseholdError for services where nobody can write to a child: there is nothing to make
    an exception from.  Unknown ones are found by `validate_references`."""
    own = {each.slug: each.contact is not Contact.NONE for each in household.services}
    for slug in sorted(slugs):
        meets = own.get(slug, slug in known.meeting or slug not in known.services)
        if not meets:
            raise HouseholdError(
                "in %(service)s nobody can send messages, so no exception is needed",
                name="contact_exceptions",
                service=slug,
            )


def _refuse_key(name: str, known: KnownIds) -> None:
    """Raise HouseholdError for a name that no household can protect (`lists/keys.py`)."""
    if "." not in name or is_broad(name):
        raise HouseholdError(
            "this would cover every site ending in .%(domain)s, which is too many; enter a "
            "single site, such as school.%(domain)s",
            name="protected",
            domain=name,
        )
    match known.key(name):
        case "service":
            raise HouseholdError(
                "%(domain)s belongs to an app or service, which someone else at home may want to "
                "block; protect only schools and the like, and write an allow rule for this",
                name="protected",
                domain=name,
            )
        case "engine":
            raise HouseholdError(
                "%(domain)s belongs to a search engine, which leads anywhere; protect only schools "
                "and the like, and write an allow rule for this",
                name="protected",
                domain=name,
            )
        case "bypass":
            raise HouseholdError(
                "%(domain)s is a way around the filter, such as a VPN; protect only schools and "
                "the like, and write an allow rule for this",
                name="protected",
                domain=name,
            )
