"""`copdns profile show`: all that applies to one person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from copdns.as_json.household import running_pause
from copdns.cli.changes import rule_text
from copdns.cli.home import Home
from copdns.cli.output import local_text, print_pairs, printable
from copdns.cli.people_records import age_confirmation
from copdns.cli.time_words import (
    budget_text,
    grant_text,
    pause_text,
    schedule_text,
    subjects_text,
)
from copdns.household.ages import asks_guardians
from copdns.model.household import Default, PrivacyMode, Profile
from copdns.time.plan import in_scope

_MODE_TEXT = {
    PrivacyMode.OFF: "nothing, not even counts",
    PrivacyMode.COUNTS: "counts of queries by hour and category; no domains",
    PrivacyMode.BLOCKED: "counts, and blocked domains with the time to five minutes",
    PrivacyMode.FULL: "every domain, with time and device",
}


def print_profile(home: Home, profile: Profile) -> None:
    """Print all that applies to a person, what parents look for first at the top."""
    zone = home.household.local_to(profile).timezone
    change = profile.band_change
    devices = [each for each in home.household.devices if each.profile == profile.id]
    print_pairs(
        [
            ("profile", f"{profile.name} ({profile.id})"),
            ("age", str(profile.band_at(home.now))),
            ("confirmed", _confirmed_text(home, profile, zone)),
            ("announced", f"{change.band} from {local_text(change.at, zone)}" if change else ""),
            ("time zone", profile.timezone),
            ("tags", ", ".join(sorted(profile.tags))),
            ("devices", ", ".join(each.name for each in devices)),
            ("unknown devices", "use this profile" if _is_guest(home, profile) else ""),
        ]
    )
    _print_block("Blocked", _blocked_lines(home, profile))
    _print_block("Safe search", (f"{engine}: {mode}" for engine, mode in profile.safe_search))
    rules = in_scope(home.household.rules, profile)
    _print_block("Rules", (f"{each.id}: {rule_text(each)}" for each in rules))
    _print_block("Time", _time_lines(home, profile, zone))
    _print_block("DNS answers", _answer_lines(home, profile))
    _print_block("Recorded", _recorded_lines(home, profile, zone))


def _confirmed_text(home: Home, profile: Profile, zone: str) -> str:
    found = age_confirmation(home, profile.id)
    if found is None:
        return ""
    asks = " (more than a year ago)" if asks_guardians(profile, found, home.now) else ""
    return f"{local_text(found.at, zone)}{asks}"


def _is_guest(home: Home, profile: Profile) -> bool:
    guest = home.household.guest
    return profile.id == guest or (not guest and home.household.profile(profile.id) is None)


def _print_block(title: str, lines: Iterable[str]) -> None:
    texts = list(lines)
    if texts:
        click.echo(f"\n{title}")
        for line in texts:
            click.echo(f"  {printable(line)}")


def _blocked_lines(home: Home, profile: Profile) -> Iterator[str]:
    if profile.security:
        yield "malware and phishing"
    if profile.categories:
        yield f"categories: {_slugs_text(profile.categories)}"
    if profile.services:
        yield f"services: {_slugs_text(profile.services)}"
    for contact in sorted(profile.contacts):
        own = {each.slug: each.contact for each in home.household.services}
        every = {each.slug: each.contact for each in home.catalogue.services.values()} | own
        slugs = {slug for slug, kind in every.items() if kind is contact}
        excepted = slugs & profile.contact_exceptions
        but = f" (exceptions: {_slugs_text(excepted)})" if excepted else ""
        yield f"services where contact is {contact}: {_slugs_text(slugs - excepted)}{but}"
    if profile.no_safe_search:
        yield "search engines without a safe mode"
    if profile.bypass:
        noticed = "; signs of it are noticed" if profile.notices_signs_at(home.now) else ""
        yield f"bypass: VPNs, proxies and other DNS services{noticed}"
    if profile.default is Default.ALLOWLIST:
        yield "every domain that no rule allows"


def _time_lines(home: Home, profile: Profile, zone: str) -> Iterator[str]:
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
        yield f"always allowed: {subjects_text(profile.always)}"
    if profile.homework:
        yield f"also allowed in homework mode: {subjects_text(profile.homework)}"


def _answer_lines(home: Home, profile: Profile) -> Iterator[str]:
    yield f"blocked domains: {profile.block_mode}"
    by_age = home.settings.dns.child_max_ttl if profile.band_at(home.now).is_child else None
    ttl = by_age if profile.max_ttl is None else profile.max_ttl
    if ttl is None:
        yield "caching times are not changed"
    else:
        yield f"devices may cache an answer for {ttl} s"
    if profile.canaries:
        yield f"canary domains: {_slugs_text(profile.canaries)}"


def _recorded_lines(home: Home, profile: Profile, zone: str) -> Iterator[str]:
    now = profile.privacy_at(home.now)
    yield f"{now}: {_MODE_TEXT[now]}"
    full = profile.full_log
    if full is not None and home.now < full.start:
        start, end = local_text(full.start, zone), local_text(full.end, zone)
        yield f"announced: every domain from {start} to {end}"
    elif full is not None and home.now < full.end:
        yield f"until {local_text(full.end, zone)}; then {profile.privacy} again"
    if now is not PrivacyMode.OFF:
        log = home.settings.log
        yield f"domains for {log.rows_days} days, counts for {log.counts_days} days"
        if log.reason:
            yield f"kept longer than usual, because: {log.reason}"
    yield "queries for help sites (helplines, crisis, abuse ...) are never recorded"


def _slugs_text(slugs: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, slugs))) or "none"
