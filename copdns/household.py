"""Changes to a household: each takes one, gives the changed one, or says why it cannot be.

For the command line and the desk alike.  Pure: `created` is given, `store/` keeps the result,
and the privacy rules about full logs and lower bands are asked there (`privacy.adopt`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any, TypeVar

from copdns.addresses import address, device_address, domain, mac_address, upstream_address
from copdns.errors import HouseholdError
from copdns.household_check import Known, faults, is_protected, no_such, unknown
from copdns.matchers import Matcher, matcher, target
from copdns.model import (
    Contact,
    Device,
    Household,
    LocalName,
    NameRewrite,
    OwnService,
    Profile,
    Rule,
    RuleAction,
    SplitUpstream,
)
from copdns.names import normal
from copdns.presets import Preset, apply

Value = TypeVar("Value")


def set_household(household: Household, **values: Any) -> Household:
    """Set name, timezone, guest or protected (names in any spelling)."""
    if "protected" in values:
        values["protected"] = tuple(dict.fromkeys(map(domain, values["protected"])))
    allowed = {"name", "timezone", "guest", "protected"}
    _only(values, allowed, "household")
    return _sound(replace(household, **values))


def add_profile(
    household: Household, profile: Profile, known: Known, preset: Preset | None = None
) -> Household:
    """Add a person or group; a preset sets its values and adds its allowed names as rules."""
    if household.profile(profile.id):
        raise HouseholdError(f"there is a profile {profile.id!r} already; choose another id")
    if preset is not None:
        profile = apply(preset, profile)
    added = replace(household, profiles=(*household.profiles, profile))
    return _referring(_with_preset_rules(added, profile.id, preset), profile.id, known)


def set_profile(
    household: Household,
    profile_id: str,
    known: Known,
    preset: Preset | None = None,
    **values: Any,
) -> Household:
    """Set fields of a profile, after a preset when one is given; its id stays."""
    old = _profile(household, profile_id)
    _only(values, {each.name for each in fields(Profile)} - {"id"}, "profile")
    new = replace(apply(preset, old) if preset else old, **values)
    profiles = tuple(new if each is old else each for each in household.profiles)
    changed = replace(household, profiles=profiles)
    return _referring(_with_preset_rules(changed, profile_id, preset), profile_id, known)


def remove_profile(household: Household, profile_id: str) -> Household:
    """Remove a profile and its rules; devices and guests must have gone elsewhere before."""
    gone = _profile(household, profile_id)
    devices = [each.id for each in household.devices if each.profile == profile_id]
    if devices:
        raise HouseholdError(
            f"{', '.join(devices)} would belong to nobody; give each another profile, or "
            f"remove it, before {profile_id} goes"
        )
    if household.guest == profile_id:
        raise HouseholdError(f"unknown devices count as {profile_id}; choose another guest first")
    return replace(
        household,
        profiles=tuple(each for each in household.profiles if each is not gone),
        rules=tuple(each for each in household.rules if each.scope != profile_id),
    )


def add_device(
    household: Household,
    device_id: str,
    profile_id: str,
    addresses: Iterable[str] = (),
    name: str = "",
    macs: Iterable[str] = (),
) -> Household:
    """Add a device, known by MAC addresses, addresses or prefixes, of which the longer decides."""
    _profile(household, profile_id)
    if any(each.id == device_id for each in household.devices):
        raise HouseholdError(f"there is a device {device_id!r} already; choose another id")
    device = Device(
        device_id,
        name or device_id,
        profile_id,
        _each(device_address, addresses),
        _each(mac_address, macs),
    )
    return _sound(replace(household, devices=(*household.devices, _reachable(device))))


def set_device(household: Household, device_id: str, **values: Any) -> Household:
    """Set name, profile, addresses or macs of a device: the new ones in place of the old."""
    _only(values, {"name", "profile", "addresses", "macs"}, "device")
    if "profile" in values:
        _profile(household, values["profile"])
    for key, parse in (("addresses", device_address), ("macs", mac_address)):
        if key in values:
            values[key] = _each(parse, values[key])
    old = next((each for each in household.devices if each.id == device_id), None)
    if old is None:
        there = [each.id for each in household.devices]
        raise HouseholdError(no_such("device", device_id, there))
    new = _reachable(replace(old, **values))
    devices = tuple(new if each is old else each for each in household.devices)
    return _sound(replace(household, devices=devices))


def _reachable(device: Device) -> Device:
    if not device.addresses and not device.macs:
        raise HouseholdError(
            f"{device.id}: a device is known by something; give a MAC address, such as "
            "02:00:00:00:00:01, or an address, such as 192.168.1.20"
        )
    return device


def _each(parse: Callable[[str], str], texts: Iterable[str]) -> tuple[str, ...]:
    """Return the normal forms of what a person wrote, each once."""
    return tuple(dict.fromkeys(_read(parse, text) for text in texts))


def remove_device(household: Household, device_id: str) -> Household:
    devices = _without(household.devices, "id", device_id, "device")
    return replace(household, devices=devices)


def add_rule(
    household: Household,
    action: RuleAction,
    text: str,
    known: Known,
    *,
    scope: str = "",
    over_security: bool = False,
    unsafe_search: bool = False,
    note: str = "",
    created: int = 0,
) -> Household:
    """Add a rule for a name (`games.example`, `*.…`, `=…`) or a network; it is the last of rules.

    text: what the person wrote.  scope: a profile's id, "#tag", or "" for everyone.
    """
    about = target(text)
    if action is RuleAction.BLOCK:
        _refuse_protected(household, about, known)
        if over_security or unsafe_search:
            raise HouseholdError("only an allow rule can lift security lists or safe search")
    rule = Rule(
        free_rule_id(household.rules),
        action,
        about,
        scope,
        over_security=over_security,
        unsafe_search=unsafe_search,
        note=note,
        created=created,
    )
    return _sound(replace(household, rules=(*household.rules, rule)))


def remove_rule(household: Household, rule_id: str) -> Household:
    return replace(household, rules=_without(household.rules, "id", rule_id, "rule"))


def rules_about(household: Household, text: str) -> tuple[Rule, ...]:
    """Return the rules whose target is what the person wrote, for every scope."""
    about = target(text)
    return tuple(each for each in household.rules if each.target == about)


def free_rule_id(rules: Iterable[Rule]) -> str:
    """Return "r1", "r2" ..., one above the highest number in use, so that none comes back soon."""
    numbers = [0]
    for rule in rules:
        digits = rule.id.removeprefix("r")
        if rule.id.startswith("r") and digits.isascii() and digits.isdigit():
            numbers.append(int(digits))
    return f"r{max(numbers) + 1}"


def add_service(
    household: Household,
    slug: str,
    title: str,
    names: Iterable[str],
    known: Known,
    contact: Contact = Contact.NONE,
) -> Household:
    """Add a service of the household's own, which profiles can block by its slug."""
    if slug in known.services or any(each.slug == slug for each in household.services):
        raise HouseholdError(f"there is a service {slug!r} already; choose another name")
    matchers = tuple(dict.fromkeys(map(matcher, names)))
    service = OwnService(slug, title or slug, matchers, contact)
    return _sound(replace(household, services=(*household.services, service)))


def remove_service(household: Household, slug: str) -> Household:
    """Remove an own service; profiles that block it must be changed before."""
    services = _without(household.services, "slug", slug, "service of this household")
    users = [each.id for each in household.profiles if slug in each.services]
    if users:
        raise HouseholdError(f"{', '.join(users)} would still block {slug}; change that first")
    return replace(household, services=services)


def set_local_name(household: Household, name: str, addresses: Iterable[str]) -> Household:
    """Give a name of this house its addresses, in place of those it had."""
    texts = tuple(dict.fromkeys(str(_read(address, text)) for text in addresses))
    local = LocalName(_read(domain, name), texts)
    others = tuple(each for each in household.local_names if each.name != local.name)
    return _sound(replace(household, local_names=(*others, local)))


def remove_local_name(household: Household, name: str) -> Household:
    names = _without(household.local_names, "name", normal(name), "local name")
    return replace(household, local_names=names)


def set_rewrite(household: Household, text: str, target_name: str) -> Household:
    """Answer a name (or `*.name`, `=name`) with another name's data."""
    rewrite = NameRewrite(matcher(text), _read(domain, target_name))
    others = tuple(each for each in household.rewrites if each.matcher != rewrite.matcher)
    return _sound(replace(household, rewrites=(*others, rewrite)))


def remove_rewrite(household: Household, text: str) -> Household:
    rewrites = _without(household.rewrites, "matcher", matcher(text), "rewrite of")
    return replace(household, rewrites=rewrites)


def set_split_upstream(household: Household, name: str, upstreams: Iterable[str]) -> Household:
    """Ask other upstreams ("address[:port]") for a domain and all below it."""
    texts = tuple(dict.fromkeys(str(_read(upstream_address, text)) for text in upstreams))
    split = SplitUpstream(_read(domain, name), texts)
    others = tuple(each for each in household.split_upstreams if each.name != split.name)
    return _sound(replace(household, split_upstreams=(*others, split)))


def remove_split_upstream(household: Household, name: str) -> Household:
    splits = _without(household.split_upstreams, "name", normal(name), "split upstream for")
    return replace(household, split_upstreams=splits)


def _with_preset_rules(household: Household, profile_id: str, preset: Preset | None) -> Household:
    """Return the household with the preset's allowed names as rules, but for those it has."""
    for name, why in preset.allowed if preset else ():
        if not any(each.target == name and each.scope == profile_id for each in household.rules):
            rule_id = free_rule_id(household.rules)
            rule = Rule(rule_id, RuleAction.ALLOW, name, profile_id, note=why)
            household = replace(household, rules=(*household.rules, rule))
    return household


def _refuse_protected(household: Household, about: Matcher | str, known: Known) -> None:
    if isinstance(about, Matcher) and is_protected(household, known, about.name):
        raise HouseholdError(
            f"{about.name} is protected and stays open: help, learning and the safety of devices "
            "must work for everyone, so a rule against it would do nothing (docs/household.md)"
        )


def _profile(household: Household, profile_id: str) -> Profile:
    profile = household.profile(profile_id)
    if profile is None:
        people = [each.id for each in household.profiles]
        raise HouseholdError(no_such("profile", profile_id, people))
    return profile


def _without(
    values: tuple[Value, ...], attribute: str, wanted: object, noun: str
) -> tuple[Value, ...]:
    """Return the values but the one whose attribute is as wanted; raise when there is none."""
    rest = tuple(each for each in values if getattr(each, attribute) != wanted)
    if len(rest) == len(values):
        there = [str(getattr(each, attribute)) for each in values]
        raise HouseholdError(no_such(noun, str(wanted), there))
    return rest


def _only(values: dict[str, Any], allowed: set[str], noun: str) -> None:
    for key in values:
        if key not in allowed:
            raise HouseholdError(no_such(f"field of a {noun}", key, allowed))


def _read(parse: Callable[[str], Value], text: str) -> Value:
    try:
        return parse(text)
    except ValueError as error:
        raise HouseholdError(str(error)) from None


def _referring(household: Household, profile_id: str, known: Known) -> Household:
    """Return the household when it is sound and the profile refers to what there is."""
    wrong = [each for each in unknown(household, known) if each.key == profile_id]
    if wrong:
        raise HouseholdError("\n".join(map(str, wrong)))
    return _sound(household)


def _sound(household: Household) -> Household:
    wrong = list(faults(household))
    if wrong:
        raise HouseholdError("\n".join(map(str, wrong)))
    return household
