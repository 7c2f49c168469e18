"""Arguments and options that several commands share, and how people write times in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click
from click.shell_completion import CompletionItem

from copdns.cli.base import Options, Read
from copdns.days import ends_at, local, starts_at, zone_of
from copdns.errors import CopdnsError
from copdns.times import DAY_MINUTES, subject

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])

_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m?)?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)


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


def profile_argument(command: AnyCommand) -> AnyCommand:
    return click.argument("profile", metavar="ID", shell_complete=complete_profile)(command)


def tag_option(command: AnyCommand) -> AnyCommand:
    return click.option(
        "--tag", metavar="TAG", default="", help="All people whose profile has this tag."
    )(command)


def scope_of(profile: str, tag: str) -> str:
    """Return what --profile and --tag mean as the scope of a rule."""
    if profile and tag:
        raise click.UsageError("--profile and --tag exclude each other; give one")
    return f"#{tag.removeprefix('#')}" if tag else profile


# --- what times are about, and when ---------------------------------------------------------------


def duration(text: str) -> int:
    """Return the minutes of `30m`, `2h`, `1h30m`, `7d`, or of `45`; raise ValueError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise ValueError(f"{text!r} is no length of time; write 45 (minutes), 30m, 2h or 1h30m")
    days, hours, minutes = (int(each or 0) for each in found.groups())
    return days * DAY_MINUTES + hours * 60 + minutes


def some_time(text: str) -> int:
    """Return the minutes of a duration of one minute and more; raise ValueError."""
    minutes = duration(text)
    if not minutes:
        raise ValueError(f"{text!r} is no time at all; write at least 1")
    return minutes


def minutes_of_a_day(text: str) -> int:
    """Return 1 to 1440 minutes; raise ValueError."""
    minutes = some_time(text)
    if minutes > DAY_MINUTES:
        raise ValueError(f"{text!r} is more than a day has; write at most {DAY_MINUTES}")
    return minutes


SUBJECT = Read("subject", subject)
DURATION = Read("length of time", some_time)
MINUTES = Read("minutes", minutes_of_a_day)

about_option = click.option(
    "--about",
    metavar="SUBJECT",
    type=SUBJECT,
    multiple=True,
    help="category:games, service:youtube, list:some-list, or a name as in a rule; may be given "
    "more than once.  Without it every name.",
)
grace_option = click.option(
    "--grace",
    metavar="MINUTES",
    type=Read("minutes", duration),
    default="0",
    help="For how long names that are in use stay open when time is up; 0 to 60.",
)
note_option = click.option("--note", metavar="TEXT", default="", help="Why; the child can read it.")


def moment(text: str, timezone: str, now: float, option: str) -> float:
    """Return the moment of `2026-11-24T20:15`, `2026-11-24T19:15Z`, or of the next `20:15`.

    option: by which name a text that says no time is refused.
    """
    if clock := _CLOCK.fullmatch(text):
        hour, minute = int(clock[1]), int(clock[2])
        if hour < 24 and minute < 60:
            return _next(hour * 60 + minute, zone_of(timezone), now)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or not 1970 < at.year < 9999:
        raise click.BadParameter(
            f"{text!r} is no time; write 20:15, 2026-11-24T20:15 or 2026-11-24T19:15Z",
            param_hint=option,
        )
    return at.timestamp() if at.tzinfo else _written(at, zone_of(timezone), now)


def _written(at: datetime, zone: ZoneInfo, now: float) -> float:
    """Return when the clock shows a written time; of one that comes twice the next, else the
    first."""
    minute, rest = at.hour * 60 + at.minute, at.second + at.microsecond / 1e6
    moments = [when(at.date(), minute, zone) + rest for when in (starts_at, ends_at)]
    return next((each for each in moments if each > now), moments[0])


def _next(minute: int, zone: ZoneInfo, now: float) -> float:
    """Return when the clock next shows a time of day; the same minute is tomorrow's."""
    today = local(now, zone).date()
    days = [today + timedelta(days=number) for number in (-1, 0, 1, 2)]
    moments = [when(day, minute, zone) for day in days for when in (starts_at, ends_at)]
    return min(each for each in moments if each > now)


def ending(
    lasts: int | None, until: str | None, timezone: str, start: float, now: float
) -> float | None:
    """Return the end that --for (minutes) or --until means; None: neither was given."""
    if lasts is not None and until is not None:
        raise click.UsageError("--for and --until exclude each other; give one")
    if lasts is not None:
        return start + lasts * 60
    if until is None:
        return None
    end = int(moment(until, timezone, max(start, now), "--until"))
    if end <= max(start, now):
        raise click.BadParameter(
            f"{until!r} is over before it begins; name a later time", param_hint="--until"
        )
    return end


def ending_options(command: AnyCommand) -> AnyCommand:
    """Add --for and --until, as `lasts` and `until`."""
    for_ = click.option(
        "--for",
        "lasts",
        metavar="TIME",
        type=DURATION,
        help="For how long: 30m, 2h, 1h30m, or 45 for minutes.",
    )
    until = click.option(
        "--until",
        metavar="TIME",
        help="Until when: 20:00 (the next time that the household's clock shows it) or "
        "2026-11-24T20:00.",
    )
    return for_(until(command))
