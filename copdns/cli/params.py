"""Arguments and options that several commands share, and how people write times in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from copdns.cli.base import Options, Read
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
    return click.option(
        "--profile", metavar="ID", default="", help=about, shell_complete=complete_profile
    )


def required_profile_option(about: str) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(
        "--profile", metavar="ID", required=True, help=about, shell_complete=complete_profile
    )


def profile_argument(command: AnyCommand) -> AnyCommand:
    return click.argument("profile", metavar="ID", shell_complete=complete_profile)(command)


def number_option(
    name: str, smallest: int, largest: int, default: int, about: str
) -> Callable[[AnyCommand], AnyCommand]:
    return click.option(
        name,
        metavar="N",
        type=click.IntRange(smallest, largest),
        default=default,
        help=f"{about} Default: {default}.",
    )


def tag_option(command: AnyCommand) -> AnyCommand:
    return click.option(
        "--tag", metavar="TAG", default="", help="Everyone whose profile has this tag."
    )(command)


def both_given(one: str, other: str) -> click.UsageError:
    return click.UsageError(f"{one} and {other} cannot be combined; give one")


def scope_of(profile: str, tag: str) -> str:
    """Return what --profile and --tag mean as the scope of a rule."""
    if profile and tag:
        raise both_given("--profile", "--tag")
    return f"#{tag.removeprefix('#')}" if tag else profile


def warn_of_nobody(household: Household, scope: str) -> None:
    """Say so where nobody has the tag that something is for: it is kept, and does nothing yet."""
    tags = {tag for each in household.profiles for tag in each.tags}
    if scope.startswith("#") and scope[1:] not in tags:
        there = f"; existing tags: {', '.join(sorted(tags))}" if tags else ""
        click.echo(
            f"nobody has the tag {scope[1:]} yet, so this applies to nobody{there}", err=True
        )


# --- what times are about, and when ---------------------------------------------------------------


def duration(text: str) -> int:
    """Return the minutes of `30m`, `2h`, `1h30m`, `7d`, or of `45`; raise ValueError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise ValueError(
            f"{text!r} is not a valid length of time; write 45 (minutes), 30m, 2h or 1h30m"
        )
    days, hours, minutes = (int(each or 0) for each in found.groups())
    return days * DAY_MINUTES + hours * 60 + minutes


def some_time(text: str) -> int:
    """Return the minutes of a duration of one minute and more; raise ValueError."""
    minutes = duration(text)
    if not minutes:
        raise ValueError(f"{text!r} is too short; write at least 1")
    return minutes


def minutes_of_a_day(text: str) -> int:
    """Return 1 to 1440 minutes; raise ValueError."""
    minutes = some_time(text)
    if minutes > DAY_MINUTES:
        raise ValueError(f"{text!r} is more than a day; write at most {DAY_MINUTES}")
    return minutes


SUBJECT = Read("subject", parse_subject)
DURATION = Read("length of time", some_time)
MINUTES = Read("minutes", minutes_of_a_day)

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
    type=Read("minutes", duration),
    default="0",
    help="Grace period: how long what is in use keeps working when time is up; 0 to 60.",
)


def note(text: str) -> str:
    """Return why something is so, in a person's words on one line; raise ValueError."""
    short = " ".join(text.split())
    if len(short) > MOST_NOTE:
        raise ValueError(f"has {len(short)} characters; shorten it to {MOST_NOTE}")
    return short


NOTE = Read("note", note)
note_option = click.option(
    "--note", metavar="TEXT", type=NOTE, default="", help="The reason; the child can read it."
)


def moment(text: str, timezone: str, now: float, option: str) -> float:
    """Return what a text means (`when.moment`).

    option: by which name a text that says no time is refused.
    """
    try:
        return moments.moment(text, timezone, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def ending(
    lasts: int | None, until: str | None, timezone: str, start: float, now: float
) -> float | None:
    """Return the end that --for (minutes) or --until means; None: neither was given."""
    if lasts is not None and until is not None:
        raise both_given("--for", "--until")
    if lasts is not None:
        return start + lasts * 60
    if until is None:
        return None
    end = int(moment(until, timezone, max(start, now), "--until"))
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
