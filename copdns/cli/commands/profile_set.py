"""`copdns profile set`: its options; `profile_edit.py` has what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from copdns.cli.base import BAND, ID, AnyCommand, ParsedParam
from copdns.cli.changes import print_changes
from copdns.cli.commands.profile_edit import BY_BAND, OFF, ProfileOptions, build_edit
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local_text
from copdns.cli.params import SUBJECT, profile_argument
from copdns.cli.people_records import follow_band, full_logs
from copdns.household.edit_checks import require_profile
from copdns.model.household import Band, BlockMode, Contact, Default, PrivacyMode


def _parse_switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError(f"{text!r} is not valid; write on or off")
    return text == "on"


def _parse_engine_mode(text: str) -> tuple[str, str]:
    engine, _, mode = text.partition("=")
    if not (engine and mode):
        raise ValueError(f"{text!r} has no mode; write google=strict, or google=off")
    return engine, mode


def _parse_max_ttl(text: str) -> int | str:
    if text == BY_BAND:
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 86_400):
        raise ValueError(f"{text!r} is not valid; write seconds from 1 to 86400, or `{BY_BAND}`")
    return int(text)


_SWITCH = ParsedParam("on|off", _parse_switch)


def _choice_option(
    name: str, values: Iterable[str], about: str, *, many: bool = False
) -> Callable[[AnyCommand], AnyCommand]:
    kind = click.Choice([str(each) for each in values])
    return click.option(name, type=kind, multiple=many, help=about)


def _many_option(name: str, metavar: str, about: str) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(name, metavar=metavar, multiple=True, help=about)


def _subjects_option(name: str, about: str) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(name, metavar="SUBJECT", type=SUBJECT, multiple=True, help=about)


def _switch_option(name: str, about: str) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(name, metavar="on|off", type=_SWITCH, help=about)


@click.command("set")
@profile_argument
@click.option("--name", metavar="TEXT", help="The person's name.")
@click.option(
    "--band", type=BAND, help="The age group. From 13 on, a lower one is announced a day before."
)
@click.option("--preset", type=BAND, help="Reset to the preset for this age group.")
@click.option("--tag", metavar="TAG", type=ID, multiple=True, help="Add a tag.")
@_many_option("--no-tag", "TAG", "Remove a tag.")
@_switch_option("--security", "Block malware and phishing.")
@_many_option("--category", "ID", "Block a category, such as games (`copdns lists status`).")
@_many_option("--no-category", "ID", "Unblock a category.")
@_many_option("--service", "ID", "Block a service, such as roblox (`copdns service list`).")
@_many_option("--no-service", "ID", "Unblock a service.")
@_choice_option("--contact", Contact, "Block services by who can contact a child there.", many=True)
@_choice_option("--no-contact", Contact, "Unblock them.", many=True)
@_many_option("--contact-exception", "ID", "Allow a service that --contact would block.")
@_many_option("--no-contact-exception", "ID", "Stop allowing it.")
@click.option(
    "--safe-search",
    metavar="ENGINE=MODE",
    type=ParsedParam("ENGINE=MODE", _parse_engine_mode),
    multiple=True,
    help="Turn on safe search, such as google=strict; google=off turns it off.",
)
@_choice_option("--youtube", [OFF, "moderate", "strict"], "YouTube's restricted mode.")
@_switch_option("--no-safe-search", "Block search engines that have no safe mode.")
@_switch_option("--bypass", "Block VPNs, proxies and other DNS services that bypass these rules.")
@_switch_option(
    "--bypass-signs", "Notice signs that a device does not use copdns; below 16 (docs/bypass.md)."
)
@_many_option(
    "--canary", "ID", "Use a canary domain that turns off other DNS, such as firefox_doh."
)
@_many_option("--no-canary", "ID", "Stop using it.")
@_choice_option(
    "--default", Default, "All other domains: allow, or allowlist (only what rules allow)."
)
@_choice_option("--block-mode", BlockMode, "The DNS answer for blocked domains (docs/blocking.md).")
@_choice_option(
    "--privacy", PrivacyMode, "What is recorded of queries; full is for a few days only."
)
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, 7),
    help="With --privacy full: for how many days. Default: 7.",
)
@click.option(
    "--max-ttl",
    metavar="SECONDS",
    type=ParsedParam("SECONDS", _parse_max_ttl),
    help="How long devices may cache an answer; `band` uses the value for the age group.",
)
@click.option(
    "--timezone",
    metavar="ZONE",
    help="The time zone of this person, such as Europe/Paris; `household` uses the household's.",
)
@_subjects_option("--always", "Allow during every pause, schedule and limit.")
@_subjects_option("--no-always", "Stop allowing it always.")
@_subjects_option("--homework", "Also allow in homework mode.")
@_subjects_option("--no-homework", "Stop allowing it in homework mode.")
@click.option(
    "--times",
    is_flag=True,
    default=None,
    help="With --preset: also use its bedtime and daily limits.",
)
@pass_home
def set_(home: Home, /, profile: str, **options: Any) -> None:
    """Change what applies to one person.

    What you do not name stays as it is. Options that can be repeated add to what is there; their
    --no- forms remove. --privacy full records every domain for a few days. It is possible once in
    30 days; from 13 on it is announced a day before, and from 16 on the person has to agree on
    their own device. Any other mode ends it. From 13 on, a lower age group is announced as well,
    and the rules of its --preset are planned for that day.

    \b
    Example:  copdns profile set mia --category games --no-service roblox --youtube strict
              copdns profile set tom --privacy full --days 3
    """
    given = ProfileOptions(**options)
    if not given.given_options.keys() - {"days"}:
        raise click.UsageError("nothing to set: give at least one option")
    if given.days is not None and given.privacy != PrivacyMode.FULL:
        raise click.UsageError("--days needs --privacy full")
    if given.times and not given.preset:
        raise click.UsageError(
            "--times needs --preset; `copdns schedule suggest` applies only the times"
        )
    history = full_logs(home, profile) if given.privacy == PrivacyMode.FULL else ()
    edit = build_edit(profile, given, home.known_ids, history, home.now)
    before, after = home.apply_change(f"profile {profile} set: {given}", edit)
    print_changes(before, after)
    if band := given.preset or given.band:
        old = require_profile(before, profile)
        later = follow_band(home, old, Band(band), rules=given.preset is not None)
        if later is not None:
            click.echo(
                f"profile {profile}: the rules of {band} are planned for "
                f"{local_text(later.since, after.timezone)}; apply them then, with this command "
                "or on the dashboard"
            )
