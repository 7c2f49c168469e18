"""`copdns profile show`: all that applies to one person, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from copdns.as_json.household import running_pause
from copdns.cli.changes import rule_text
from copdns.cli.home import Home
from copdns.cli.output import local, pairs, safe
from copdns.cli.time_words import (
    budget_text,
    grant_text,
    pause_text,
    schedule_text,
    subjects_text,
)
from copdns.model.household import Default, PrivacyMode, Profile
from copdns.policy.order import rules_in_scope
from copdns.time.plan import in_scope

_KEPT = {
    PrivacyMode.OFF: "nothing, not even counts",
    PrivacyMode.COUNTS: "how many look-ups by hour and category; no names",
    PrivacyMode.BLOCKED: "counts, and the names that were blocked, by five minutes",
    PrivacyMode.FULL: "every name, with time and device",
}


def show_profile(home: Home, profile: Profile) -> None:
    """Print all that applies to somebody, in the order in which a parent would ask for it."""
    zone = home.household.timezone
    change = profile.band_change
    devices = [each for each in home.household.devices if each.profile == profile.id]
    pairs(
        [
            ("profile", f"{profile.name} ({profile.id})"),
            ("age", str(profile.band_at(home.now))),
            ("announced", f"{change.band} from {local(change.at, zone)} on" if change else ""),
            ("tags", ", ".join(sorted(profile.tags))),
            ("devices", ", ".join(each.name for each in devices)),
            ("unknown devices", "count as this profile" if _is_guest(home, profile) else ""),
        ]
    )
    _block("What is closed", _closed(home, profile))
    _block("What is made safe", (f"{engine}: {mode}" for engine, mode in profile.safe_search))
    rules = rules_in_scope(profile, home.household.rules)
    _block("Rules", (f"{each.id}: {rule_text(each)}" for each in rules))
    _block("When", _times(home, profile, zone))
    _block("How it is answered", _answered(home, profile))
    _block("What is kept", _kept(home, profile, zone))


def _is_guest(home: Home, profile: Profile) -> bool:
    guest = home.household.guest
    return profile.id == guest or (not guest and home.household.profile(profile.id) is None)


def _block(title: str, lines: Iterable[str]) -> None:
    shown = list(lines)
    if shown:
        click.echo(f"\n{title}")
        for line in shown:
            click.echo(f"  {safe(line)}")


def _closed(home: Home, profile: Profile) -> Iterator[str]:
    if profile.security:
        yield "malware and phishing"
    if profile.categories:
        yield f"categories: {_names(profile.categories)}"
    if profile.services:
        yield f"services: {_names(profile.services)}"
    for contact in sorted(profile.contacts):
        own = {each.slug: each.contact for each in home.household.services}
        every = {each.slug: each.contact for each in home.library.services.values()} | own
        slugs = (slug for slug, kind in every.items() if kind is contact)
        yield f"services that put in touch with {contact}: {_names(slugs)}"
    if profile.no_safe_search:
        yield "search engines without a safe mode"
    if profile.bypass:
        yield "ways round these rules: other resolvers, VPNs, proxies"
    if profile.default is Default.ALLOWLIST:
        yield "every name that no rule allows"


def _times(home: Home, profile: Profile, zone: str) -> Iterator[str]:
    household = home.household
    if pause := running_pause(household, profile.id, home.now):
        yield f"paused {pause_text(pause, zone)}"
    for schedule in in_scope(household.schedules, profile):
        yield f"{schedule.id}: {schedule_text(schedule)}"
    for budget in in_scope(household.budgets, profile):
        yield f"{budget.id}: {budget_text(budget)}"
    for grant in household.grants:
        if grant.profile == profile.id and home.now < grant.end:
            yield f"grant {grant.id}: {grant_text(grant, zone)}"
    if profile.always:
        yield f"always open: {subjects_text(profile.always)}"
    if profile.homework:
        yield f"open for homework too: {subjects_text(profile.homework)}"


def _answered(home: Home, profile: Profile) -> Iterator[str]:
    yield f"blocked names: {profile.block_mode}"
    by_age = home.settings.dns.child_max_ttl if profile.band_at(home.now).is_child else None
    ttl = profile.max_ttl or by_age
    yield f"devices may keep an answer for {ttl} s" if ttl else "answers are kept as they came"
    if profile.canaries:
        yield f"signals that are sent: {_names(profile.canaries)}"


def _kept(home: Home, profile: Profile, zone: str) -> Iterator[str]:
    now = profile.privacy_at(home.now)
    yield f"{now}: {_KEPT[now]}"
    full = profile.full_log
    if full is not None and home.now < full.start:
        yield f"announced: every name from {local(full.start, zone)} to {local(full.end, zone)}"
    elif full is not None and home.now < full.end:
        yield f"until {local(full.end, zone)}; then {profile.privacy} again"
    if now is not PrivacyMode.OFF:
        log = home.settings.log
        yield f"names for {log.rows_days} days, counts for {log.counts_days}"
        if log.reason:
            yield f"kept longer than usual, because: {log.reason}"
    yield "look-ups of help names (helplines, crisis, abuse ...) are never recorded, in no mode"


def _names(slugs: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, slugs))) or "none"
