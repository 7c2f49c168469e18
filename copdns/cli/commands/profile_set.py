"""`copdns profile set`: its options; what they mean stands in `profile_edit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from copdns.cli.base import BAND, ID, AnyCommand, Read
from copdns.cli.commands.profile_edit import BY_BAND, OFF, Wanted, edit_for
from copdns.cli.home import Home, pass_home, tell
from copdns.cli.output import local
from copdns.cli.params import SUBJECT, profile_argument
from copdns.household.edit_checks import require_profile
from copdns.model.household import Band, BlockMode, Contact, Default, PrivacyMode


def _on_or_off(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError(f"{text!r} is not valid; write on or off")
    return text == "on"


def _engine_and_mode(text: str) -> tuple[str, str]:
    engine, _, mode = text.partition("=")
    if not (engine and mode):
        raise ValueError(f"{text!r} has no mode; write google=strict, or google=off")
    return engine, mode


def _max_ttl(text: str) -> int | str:
    if text == BY_BAND:
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 86_400):
        raise ValueError(f"{text!r} is not valid; write seconds from 1 to 86400, or `{BY_BAND}`")
    return int(text)


_SWITCH = Read("on|off", _on_or_off)


def _choice(
    name: str, values: Iterable[str], about: str, *, many: bool = False
) -> Callable[[AnyCommand], AnyCommand]:
    kind = click.Choice([str(each) for each in values])
    return click.option(name, type=kind, multiple=many, help=about)


def _several(name: str, metavar: str, about: str) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(name, metavar=metavar, multiple=True, help=about)


def _open_set(name: str, about: str) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(name, metavar="SUBJECT", type=SUBJECT, multiple=True, help=about)


def _switch(name: str, about: str) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(name, metavar="on|off", type=_SWITCH, help=about)


@click.command("set")
@profile_argument
@click.option("--name", metavar="TEXT", help="The person's name.")
@click.option(
    "--band", type=BAND, help="The age group. From 13 on, a lower one is announced a day before."
)
@click.option("--preset", type=BAND, help="Reset to the preset for this age group.")
@click.option("--tag", metavar="TAG", type=ID, multiple=True, help="Add a tag.")
@_several("--no-tag", "TAG", "Remove a tag.")
@_switch("--security", "Block malware and phishing.")
@_several("--category", "ID", "Block a category, such as games (`copdns lists status`).")
@_several("--no-category", "ID", "Unblock a category.")
@_several("--service", "ID", "Block a service, such as roblox (`copdns service list`).")
@_several("--no-service", "ID", "Unblock a service.")
@_choice("--contact", Contact, "Block services by who can contact a child there.", many=True)
@_choice("--no-contact", Contact, "Unblock them.", many=True)
@click.option(
    "--safe-search",
    metavar="ENGINE=MODE",
    type=Read("ENGINE=MODE", _engine_and_mode),
    multiple=True,
    help="Turn on safe search, such as google=strict; google=off turns it off.",
)
@_choice("--youtube", [OFF, "moderate", "strict"], "YouTube's restricted mode.")
@_switch("--no-safe-search", "Block search engines that have no safe mode.")
@_switch("--bypass", "Block VPNs, proxies and other DNS services that bypass these rules.")
@_several("--canary", "ID", "Use a canary domain that turns off other DNS, such as firefox_doh.")
@_several("--no-canary", "ID", "Stop using it.")
@_choice("--default", Default, "All other domains: allow, or allowlist (only what rules allow).")
@_choice("--block-mode", BlockMode, "The DNS answer for blocked domains (docs/blocking.md).")
@_choice("--privacy", PrivacyMode, "What is recorded of queries; full is for a few days only.")
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, 7),
    help="With --privacy full: for how many days. Default: 7.",
)
@click.option(
    "--max-ttl",
    metavar="SECONDS",
    type=Read("SECONDS", _max_ttl),
    help="How long devices may cache an answer; `band` uses the value for the age group.",
)
@_open_set("--always", "Allow during every pause, schedule and limit.")
@_open_set("--no-always", "Stop allowing it always.")
@_open_set("--homework", "Also allow in homework mode.")
@_open_set("--no-homework", "Stop allowing it in homework mode.")
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
    wanted = Wanted(**options)
    if not wanted.given.keys() - {"days"}:
        raise click.UsageError("nothing to set: give at least one option")
    if wanted.days is not None and wanted.privacy != PrivacyMode.FULL:
        raise click.UsageError("--days needs --privacy full")
    if wanted.times and not wanted.preset:
        raise click.UsageError(
            "--times needs --preset; `copdns schedule suggest` applies only the times"
        )
    history = home.full_logs(profile) if wanted.privacy == PrivacyMode.FULL else ()
    edit = edit_for(profile, wanted, home.known, history, home.now)
    before, after = home.changed(f"profile {profile} set: {wanted}", edit)
    tell(before, after)
    if band := wanted.preset or wanted.band:
        old = require_profile(before, profile)
        later = home.follow_band(old, Band(band), rules=wanted.preset is not None)
        if later is not None:
            click.echo(
                f"profile {profile}: the rules of {band} are planned for "
                f"{local(later.since, after.timezone)}; apply them then, with this command "
                "or on the dashboard"
            )
