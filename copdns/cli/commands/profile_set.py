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
        raise ValueError(f"{text!r} is neither; write on or off")
    return text == "on"


def _engine_and_mode(text: str) -> tuple[str, str]:
    engine, _, mode = text.partition("=")
    if not (engine and mode):
        raise ValueError(f"{text!r} lacks its mode; write google=strict, or google=off")
    return engine, mode


def _max_ttl(text: str) -> int | str:
    if text == BY_BAND:
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 86_400):
        raise ValueError(f"{text!r}: write seconds from 1 to 86400, or `{BY_BAND}`")
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
@click.option("--name", metavar="TEXT", help="What the person is called.")
@click.option("--band", type=BAND, help="The age; a lower one from 13 on is announced for a day.")
@click.option("--preset", type=BAND, help="Begin anew with what is fair for this age.")
@click.option("--tag", metavar="TAG", type=ID, multiple=True, help="Add a word for rules.")
@_several("--no-tag", "TAG", "Take a word away.")
@_switch("--security", "Block malware and phishing.")
@_several("--category", "ID", "Block a category, such as games (`copdns lists status`).")
@_several("--no-category", "ID", "Open a category again.")
@_several("--service", "ID", "Block a service, such as roblox (`copdns service list`).")
@_several("--no-service", "ID", "Open a service again.")
@_choice("--contact", Contact, "Block all services that put a child in touch so.", many=True)
@_choice("--no-contact", Contact, "Open them again.", many=True)
@click.option(
    "--safe-search",
    metavar="ENGINE=MODE",
    type=Read("ENGINE=MODE", _engine_and_mode),
    multiple=True,
    help="Make a search engine safe, such as google=strict; google=off ends it.",
)
@_choice("--youtube", [OFF, "moderate", "strict"], "How much YouTube leaves out.")
@_switch("--no-safe-search", "Block search engines that have no safe mode.")
@_switch("--bypass", "Block resolvers, VPNs and proxies that lead round these rules.")
@_several("--canary", "ID", "Send a signal that turns other DNS off, such as firefox_doh.")
@_several("--no-canary", "ID", "Send it no more.")
@_choice("--default", Default, "Names that nothing knows: allow, or only what rules allow.")
@_choice("--block-mode", BlockMode, "How a blocked name is answered (docs/blocking.md).")
@_choice("--privacy", PrivacyMode, "What is kept of look-ups; full is for some days only.")
@click.option(
    "--days", metavar="N", type=click.IntRange(1, 7), help="With --privacy full: for how long; 7."
)
@click.option(
    "--max-ttl",
    metavar="SECONDS",
    type=Read("SECONDS", _max_ttl),
    help="How long devices may keep an answer; `band` is what fits the age.",
)
@_open_set("--always", "Keep open through every pause, schedule and budget.")
@_open_set("--no-always", "Keep it open no more.")
@_open_set("--homework", "Open it in homework mode too.")
@_open_set("--no-homework", "Open it no more.")
@click.option(
    "--times",
    is_flag=True,
    default=None,
    help="With --preset: take over its bedtime and budgets as well.",
)
@pass_home
def set_(home: Home, /, profile: str, **options: Any) -> None:
    """Change what applies to one person.

    What is not named stays as it is.  Options that can be given several times add to what there is;
    their --no- forms take away. --privacy full keeps every name for some days.  It is possible once
    in 30 days, is announced a day before from 13 on, and from 16 on the person has to agree on
    their own device; any other mode ends it.  A lower age from 13 on is announced as well, and the
    rules of its --preset are proposed for then.

    \b
    Example:  copdns profile set mia --category games --no-service roblox --youtube strict
              copdns profile set tom --privacy full --days 3
    """
    wanted = Wanted(**options)
    if not wanted.given.keys() - {"days"}:
        raise click.UsageError("nothing to set: name at least one option")
    if wanted.days is not None and wanted.privacy != PrivacyMode.FULL:
        raise click.UsageError("--days belongs to --privacy full")
    if wanted.times and not wanted.preset:
        raise click.UsageError(
            "--times belongs to --preset; `copdns schedule suggest` takes over the times alone"
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
                f"profile {profile}: the rules of {band} are proposed for "
                f"{local(later.since, after.timezone)}; take them over then, with this command "
                "again or on the desk"
            )
