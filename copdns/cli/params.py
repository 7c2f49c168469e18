"""Arguments and options that several commands share, and how times are written in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from copdns.cli.base import Options, ParsedParam
from copdns.model.errors import CopdnsError
from copdns.model.household import Household
from copdns.model.times import DAY_MINUTES, MOST_NOTE, parse_subject
from copdns.time import moments

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])

_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m?)?", re.ASCII)


def complete_profile(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the profiles that begin as typed; none where they cannot be read."""
    from copdns.cli.home import Home

    outermost = context.find_root().params
    try:
        household = Home(Options(outermost.get("file"), outermost.get("data")).settings()).household
    except CopdnsError:
        return []
    return [
        CompletionItem(each.id, help=each.name)
        for each in household.profiles
        if each.id.startswith(incomplete)
    ]


def profile_option(about: str) -> Callable[[AnyCommand], AnyCommand]:
    """Give a command --profile, "" where it is left out.  about: its help."""
    return click.option(
        "--profile", metavar="ID", default="", help=about, shell_complete=complete_profile
    )


def required_profile_option(about: str) -> Callable[[AnyCommand], AnyCommand]:
    """Give a command --profile, without which it is a usage error.  about: its help."""
    return click.option(
        "--profile", metavar="ID", required=True, help=about, shell_complete=complete_profile
    )


def profile_argument(command: AnyCommand) -> AnyCommand:
    """Give a command an argument `profile`; whether there is such a one, the command checks."""
    return click.argument("profile", metavar="ID", shell_complete=complete_profile)(command)


def number_option(
    name: str, smallest: int, largest: int, default: int, about: str
) -> Callable[[AnyCommand], AnyCommand]:
    """Give a command an option for a whole number.  name: with its dashes; smallest, largest: both
    allowed."""
    return click.option(
        name,
        metavar="N",
        type=click.IntRange(smallest, largest),
        default=default,
        help=f"{about} Default: {default}.",
    )


def tag_option(command: AnyCommand) -> AnyCommand:
    """Give a command --tag, "" where it is left out."""
    return click.option(
        "--tag", metavar="TAG", default="", help="Everyone whose profile has this tag."
    )(command)


def conflict_error(one: str, other: str) -> click.UsageError:
    """Return the error for two options, named with their dashes, of which only one may be given."""
    return click.UsageError(f"{one} and {other} cannot be combined; give one")


def scope_of(profile: str, tag: str) -> str:
    """Return --profile or --tag as a scope: a profile's id, "#TAG", or "" for everyone."""
    if profile and tag:
        raise conflict_error("--profile", "--tag")
    return f"#{tag.removeprefix('#')}" if tag else profile


def warn_of_unused_tag(household: Household, scope: str) -> None:
    """Print a warning where nobody has the tag of a scope."""
    tags = {tag for each in household.profiles for tag in each.tags}
    if scope.startswith("#") and scope[1:] not in tags:
        there = f"; existing tags: {', '.join(sorted(tags))}" if tags else ""
        click.echo(
            f"nobody has the tag {scope[1:]} yet, so this applies to nobody{there}", err=True
        )


# --- times and subjects ---------------------------------------------------------------


def parse_duration(text: str) -> int:
    """Return the minutes of `30m`, `2h`, `1h30m`, `7d`, or of `45`; raise ValueError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise ValueError(
            f"{text!r} is not a valid length of time; write 45 (minutes), 30m, 2h or 1h30m"
        )
    days, hours, minutes = (int(each or 0) for each in found.groups())
    return days * DAY_MINUTES + hours * 60 + minutes


def parse_positive_duration(text: str) -> int:
    """Return the minutes of a duration of one minute and more; raise ValueError."""
    minutes = parse_duration(text)
    if not minutes:
        raise ValueError(f"{text!r} is too short; write at least 1")
    return minutes


def parse_day_minutes(text: str) -> int:
    """Return 1 to 1440 minutes; raise ValueError."""
    minutes = parse_positive_duration(text)
    if minutes > DAY_MINUTES:
        raise ValueError(f"{text!r} is more than a day; write at most {DAY_MINUTES}")
    return minutes


SUBJECT = ParsedParam("subject", parse_subject)
DURATION = ParsedParam("length of time", parse_positive_duration)
MINUTES = ParsedParam("minutes", parse_day_minutes)

about_option = click.option(
    "--about",
    metavar="SUBJECT",
    type=SUBJECT,
    multiple=True,
    help="category:games, service:youtube, list:some-list, or a domain as in a rule. Can be "
    "repeated. Default: everything.",
)
grace_option = click.option(
    "--grace",
    metavar="MINUTES",
    type=ParsedParam("minutes", parse_duration),
    default="0",
    help="Grace period: how long what is in use keeps working when time is up; 0 to 60.",
)


def parse_note(text: str) -> str:
    """Return a note as one line; raise ValueError where it is too long."""
    short = " ".join(text.split())
    if len(short) > MOST_NOTE:
        raise ValueError(f"has {len(short)} characters; shorten it to {MOST_NOTE}")
    return short


NOTE = ParsedParam("note", parse_note)
note_option = click.option(
    "--note", metavar="TEXT", type=NOTE, default="", help="The reason; the child can read it."
)


def parse_moment(text: str, timezone: str, now: float, option: str) -> float:
    """Return the moment that a text means (`time/moments.py`), in seconds since the epoch.

    option: its name, for the usage error.
    """
    try:
        return moments.parse_moment(text, timezone, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def parse_end(
    lasts: int | None, until: str | None, timezone: str, start: float, now: float
) -> float | None:
    """Return the end by --for (minutes) or --until, in seconds since the epoch; None: neither."""
    if lasts is not None and until is not None:
        raise conflict_error("--for", "--until")
    if lasts is not None:
        return start + lasts * 60
    if until is None:
        return None
    end = int(parse_moment(until, timezone, max(start, now), "--until"))
    if end <= max(start, now):
        raise click.BadParameter(
            f"{until!r} is in the past or before the start; choose a later time",
            param_hint="--until",
        )
    return end


def ending_options(command: AnyCommand) -> AnyCommand:
    """Add --for and --until, as `lasts` and `until`."""
    for_ = click.option(
        "--for",
        "lasts",
        metavar="TIME",
        type=DURATION,
        help="How long: 30m, 2h, 1h30m, or 45 for minutes.",
    )
    until = click.option(
        "--until",
        metavar="TIME",
        help="Until when: 20:00 (the next time it is 20:00 for the household) or 2026-11-24T20:00.",
    )
    return for_(until(command))
