"""Profiles, devices and rules as JSON objects."""

from __future__ import annotations

from copdns.as_json.plain import plain, utc
from copdns.as_json.times import pause_json, texts
from copdns.model.device_tokens import short_token
from copdns.model.household import Device, Household, NameRewrite, Profile, Rule
from copdns.model.times import Grant, PauseSpan
from copdns.network.unknown_devices import UnknownDevice
from copdns.time.plan import in_scope


def profile_json(profile: Profile, household: Household, now: float) -> dict[str, object]:
    """Return a profile as stored, what of it is in force now, and its devices and rules."""
    full, change = profile.full_log, profile.band_change
    pause = running_pause(household, profile.id, now)
    return {
        "id": profile.id,
        "name": profile.name,
        "band": profile.band,
        "band_now": profile.band_at(now),
        "band_change": {"band": change.band, "at": utc(change.at)} if change else None,
        "tags": plain(profile.tags),
        "security": profile.security,
        "categories": plain(profile.categories),
        "services": plain(profile.services),
        "contacts": plain(profile.contacts),
        "contact_exceptions": plain(profile.contact_exceptions),
        "safe_search": dict(profile.safe_search),
        "no_safe_search": profile.no_safe_search,
        "bypass": profile.bypass,
        "bypass_signs": profile.bypass_signs,
        "canaries": plain(profile.canaries),
        "default": profile.default,
        "block_mode": profile.block_mode,
        "privacy": profile.privacy,
        "privacy_now": profile.privacy_at(now),
        "full_log": {"start": utc(full.start), "end": utc(full.end)} if full else None,
        "max_ttl": profile.max_ttl,
        "always": texts(profile.always),
        "homework": texts(profile.homework),
        "timezone": profile.timezone,
        "devices": [each.id for each in household.devices if each.profile == profile.id],
        "rules": [each.id for each in in_scope(household.rules, profile)],
        "schedules": [each.id for each in in_scope(household.schedules, profile)],
        "budgets": [each.id for each in in_scope(household.budgets, profile)],
        "pause": pause_json(pause) if pause else None,
        "grants": [each.id for each in household.grants if _holds(each, profile, now)],
    }


def running_pause(household: Household, profile_id: str, now: float) -> PauseSpan | None:
    """Return the pause of a profile, None where there is none or it is over."""
    return next(
        (
            each
            for each in household.pauses
            if each.profile == profile_id and (each.end is None or now < each.end)
        ),
        None,
    )


def _holds(grant: Grant, profile: Profile, now: float) -> bool:
    """Tell whether a permission is a profile's, and not over."""
    return grant.profile == profile.id and now < grant.end


def device_json(device: Device) -> dict[str, object]:
    """Return a device.

    addresses: also networks in CIDR form; macs: in normal form; tokens: the short names of those
    that it has, by which they can be revoked.
    """
    return {
        "id": device.id,
        "name": device.name,
        "profile": device.profile,
        "addresses": list(device.addresses),
        "macs": list(device.macs),
        "kind": device.kind,
        "tokens": [short_token(each) for each in device.tokens],
    }


def rule_json(rule: Rule) -> dict[str, object]:
    """Return a rule.  for: a profile's id, a #tag, or "" for everyone; created: perhaps null."""
    return {
        "id": rule.id,
        "action": rule.action,
        "target": str(rule.target),
        "for": rule.scope,
        "over_security": rule.over_security,
        "unsafe_search": rule.unsafe_search,
        "note": rule.note,
        "created": utc(rule.created) if rule.created else None,
    }


def visitor_json(visitor: UnknownDevice) -> dict[str, object]:
    """Return an unknown device.  private: its MAC address is random; device: the known one at
    whose address it was seen, "" for none."""
    return {
        "id": visitor.id,
        "mac": visitor.mac,
        "private": visitor.is_private,
        "address": visitor.address,
        "name": visitor.name,
        "first": utc(visitor.first),
        "last": utc(visitor.last),
        "device": visitor.device,
    }


def rewrite_json(rewrite: NameRewrite) -> dict[str, object]:
    """Return a rewrite.  name: as in a rule."""
    return {"name": str(rewrite.matcher), "target": rewrite.target}
