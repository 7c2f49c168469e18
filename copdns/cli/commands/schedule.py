"""`copdns schedule`: when things are blocked, and the school calendar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import click

from copdns.as_json.times import budget_json, calendar_json, schedule_json, texts
from copdns.cli.base import ID, ParsedParam, json_option, not_text_message
from copdns.cli.changes import print_changes
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, printable
from copdns.cli.params import (
    about_option,
    grace_option,
    note_option,
    number_option,
    profile_option,
    required_profile_option,
    scope_of,
    tag_option,
    warn_of_unused_tag,
)
from copdns.cli.time_words import (
    budget_text,
    calendar_text,
    schedule_text,
    subjects_text,
    time_item_text,
)
from copdns.household.edits import set_household, suggest_times
from copdns.household.suggestions import plan_times
from copdns.household.time_dump import stretch_text
from copdns.household.time_edits import add_period, remove_period, set_days
from copdns.household.time_shape import ONE_DAY, Stretch, day, stretch
from copdns.list_files.load import bundled_presets
from copdns.model.errors import CalendarError, HouseholdError
from copdns.model.household import Household
from copdns.model.sentences import literal
from copdns.model.times import DayType, Schedule, SchoolCalendar, Slot, Subject, Weeks, parse_weeks
from copdns.time.days import DateRange, add_holidays, local_time, starts_at, zone_of
from copdns.time.ics_text import CalendarEvent, ics_text
from copdns.time.plan import in_scope
from copdns.time.preview import ClosedSpan, build_week, week_span
from copdns.time.schedule import closed_spans, parse_slots

USUAL = "usual"
_MAX_OCTETS = 1 << 22  # of a calendar file: more than the characters that are read can take
_AHEAD = timedelta(days=2 * 366)  # what is imported of a calendar file


def _parse_first_day(text: str) -> date:
    found = day(text)
    if not 1970 < found.year < 9000:
        raise ValueError(f"{text!r} is out of range; write a date such as 2026-11-24")
    return found


@click.group()
def schedule() -> None:
    """Set when things are blocked, and keep the school calendar.

    Schedules block at set times. For minutes a day, use `copdns budget`.
    """


@schedule.command()
@profile_option("Only what applies to one person.")
@json_option
@pass_home
def show(home: Home, profile: str, as_json: bool) -> None:
    """Show the calendar, schedules and daily limits.

    Also what is always allowed, and what is allowed in homework mode.

    \b
    Example:  copdns schedule show --profile mia
    """
    household = home.household
    people = (home.profile(profile),) if profile else household.profiles
    schedules, budgets = household.schedules, household.budgets
    if profile:
        schedules = in_scope(schedules, people[0])
        budgets = in_scope(budgets, people[0])
    if as_json:
        print_json(
            {
                **calendar_json(household),
                "schedules": [schedule_json(each) for each in schedules],
                "budgets": [budget_json(each) for each in budgets],
                "always": {each.id: texts(each.always) for each in people},
                "homework": {each.id: texts(each.homework) for each in people},
            }
        )
        return
    _print_block("Calendar", calendar_text(household.calendar, household.day_starts))
    _print_block("Schedules", (f"{each.id}: {schedule_text(each)}" for each in schedules))
    _print_block("Daily limits", (f"{each.id}: {budget_text(each)}" for each in budgets))
    _print_block("Always allowed", _subject_lines((each.id, each.always) for each in people))
    _print_block(
        "Also allowed in homework mode", _subject_lines((each.id, each.homework) for each in people)
    )


def _print_block(title: str, lines: Iterable[str]) -> None:
    click.echo(title)
    for line in list(lines) or ["none"]:
        click.echo(f"  {printable(line)}")


def _subject_lines(of_people: Iterable[tuple[str, tuple[Subject, ...]]]) -> Iterator[str]:
    for profile_id, about in of_people:
        if about:
            yield f"{profile_id}: {subjects_text(about)}"


@schedule.command()
@profile_option("Only schedules that apply to one person.")
@click.option(
    "--week",
    "first",
    metavar="DATE",
    type=ParsedParam("date", _parse_first_day),
    help="The week that starts on DATE, such as 2026-12-24. Default: today.",
)
@json_option
@pass_home
def preview(home: Home, profile: str, first: date | None, as_json: bool) -> None:
    """Show what schedules block in the next week.

    One line a day, clock changes included. Temporary access, daily limits and pauses are not shown;
    `copdns check NAME --week` shows them for one domain.

    \b
    Example:  copdns schedule preview --profile mia --week 2026-12-21
    """
    household = home.household
    zone = zone_of(home.local(profile).timezone)
    begins = first or local_time(home.now, zone).date()
    found = household.schedules
    if profile:
        found = in_scope(found, home.profile(profile))
    span = week_span(zone, begins)
    closed = (
        ClosedSpan(_schedule_name(each, with_scope=not profile), start, end)
        for each in found
        for start, end in closed_spans(each, household.calendar, zone, *span)
    )
    table = build_week(closed, zone, begins)
    if as_json:
        print_json({"profile": profile, **table.as_json()})
        return
    for line in str(table).splitlines():
        click.echo(printable(line))


def _schedule_name(schedule: Schedule, *, with_scope: bool) -> str:
    """Return "mia-games (category:games)"; with_scope: also for whom."""
    about = [subjects_text(schedule.about)] if schedule.about else []
    parts = [*about, *([f"for {schedule.scope or 'everyone'}"] if with_scope else [])]
    return f"{schedule.id} ({' '.join(parts)})" if parts else schedule.id


@schedule.command()
@click.argument("schedule", metavar="ID", type=ID)
@click.argument("times", metavar="SLOTS...", nargs=-1, required=True)
@profile_option("For one person. Without --profile and --tag: for everyone.")
@tag_option
@about_option
@click.option(
    "--open", "opens", is_flag=True, help="Allow at these times only, and block at all others."
)
@click.option(
    "--weeks",
    metavar="WEEKS",
    type=ParsedParam("weeks", parse_weeks),
    help="Only in even or odd weeks of the year, or every second week from a date: even, odd, or "
    "2026-11-30. Default: every week.",
)
@click.option(
    "--learning", is_flag=True, help="Keep learning sites on: those that homework mode allows."
)
@grace_option
@note_option
@pass_home
def add(
    home: Home,
    schedule: str,
    times: tuple[str, ...],
    profile: str,
    tag: str,
    about: tuple[Subject, ...],
    opens: bool,
    weeks: Weeks | None,
    learning: bool,
    grace: int,
    note: str,
) -> None:
    """Block something at set times.

    SLOTS are days and times: school_night 21:00-07:00 is every evening before a school day. Other
    days are mon-fri, school, weekend, holiday and daily; docs/time.md lists them all.

    \b
    Example:  copdns schedule add mia-bedtime school_night 21:00-07:00 --profile mia
              copdns schedule add mia-games school 13:00-17:00 --profile mia --about category:games
    """
    new = Schedule(
        schedule,
        scope_of(profile, tag),
        _parse_slots(times),
        tuple(dict.fromkeys(about)),
        opens,
        grace,
        note,
        weeks,
        learning,
    )
    edit = partial(add_period, made=new, known=home.known_ids)
    home.change(f"schedule {schedule} added: {schedule_text(new)}", edit)
    warn_of_unused_tag(home.household, new.scope)


def _parse_slots(times: tuple[str, ...]) -> tuple[Slot, ...]:
    try:
        return parse_slots(" ".join(times))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="SLOTS") from None


@schedule.command()
@click.argument("schedule", metavar="ID")
@pass_home
def remove(home: Home, schedule: str) -> None:
    """Remove a schedule.

    \b
    Example:  copdns schedule remove mia-bedtime
    """
    home.change(f"schedule {schedule} removed", partial(remove_period, kind=Schedule, key=schedule))


@schedule.command("day")
@click.argument("dates", metavar="DATE[..DATE]", type=ParsedParam("date", stretch))
@click.argument("kind", type=click.Choice([*map(str, DayType), USUAL]))
@pass_home
def day_(home: Home, dates: Stretch, kind: str) -> None:
    """Mark dates as school days, weekend or holidays.

    `usual` makes them normal days for their weekday again.

    \b
    Example:  copdns schedule day 2026-12-24..2027-01-06 holiday
              copdns schedule day 2026-11-28 school
    """
    first, last = dates
    day_type = None if kind == USUAL else DayType(kind)
    days = {first + number * ONE_DAY: day_type for number in range((last - first).days + 1)}
    home.change(f"calendar: {stretch_text(first, last)} {kind}", partial(set_days, days=days))


@schedule.command("import")
@click.argument("file", metavar="FILE.ics", type=click.Path(path_type=Path))
@pass_home
def import_(home: Home, file: Path) -> None:
    """Import holidays from a calendar file.

    Covers two years from today. All-day events become holidays. Dates already in the calendar stay
    as they are. Events shorter than a day are skipped, and the output says so.

    \b
    Example:  copdns schedule import holidays.ics
    """
    from copdns.time import ics  # imported here: its library takes ten megabytes

    text = _read_calendar_file(file)
    today = local_time(home.now, zone_of(home.household.timezone)).date()
    zone = zone_of(home.household.timezone)
    try:
        dates = ics.read_dates(text, zone, today, today + _AHEAD)
    except CalendarError as error:
        raise CalendarError(literal(f"{file}: {error}")) from error

    def edit(before: Household) -> Household:
        return set_household(before, calendar=add_holidays(before.calendar, dates))

    before, after = home.apply_change(f"calendar: holidays imported from {file.name}", edit)
    print_changes(before, after)
    for line in _ignored_lines(dates, before.calendar):
        click.echo(printable(line))
    for name in ics.unknown_zones(text):
        warning = f"unknown time zone {name}: its times were read as {zone}"
        click.echo(printable(warning), err=True)
    if not dates:
        click.echo(printable(f"{file.name} has no events from {today} to {today + _AHEAD}"))


def _ignored_lines(dates: Iterable[DateRange], calendar: SchoolCalendar) -> Iterator[str]:
    """Yield a line for each event, or day of one, that became no holiday, with the reason."""
    named = dict(calendar.days)
    for each in dates:
        if not each.is_whole:
            span = stretch_text(each.first, each.last)
            yield f"skipped, not an all-day event: {span} {each.name}"
            continue
        for number in range((each.last - each.first).days + 1):
            day = each.first + number * ONE_DAY
            if named.get(day, DayType.HOLIDAY) is not DayType.HOLIDAY:
                yield f"kept as in the calendar: {day} is {named[day]}, not {each.name}"


def _read_calendar_file(path: Path) -> str:
    """Return the text of a calendar file; raise CalendarError."""
    try:
        with path.open("rb") as file:
            octets = file.read(_MAX_OCTETS + 1)
    except OSError as error:
        raise CalendarError(
            literal(f"{path}: {error.strerror}; choose a calendar file (ICS)")
        ) from error
    if len(octets) > _MAX_OCTETS:
        raise CalendarError(literal(f"{path}: too large for a calendar file; use a smaller one"))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise CalendarError(literal(not_text_message(path))) from None


@schedule.command()
@required_profile_option("The person.")
@number_option("--days", 1, 366, 56, "For how many days from today.")
@pass_home
def export(home: Home, profile: str, days: int) -> None:
    """Print one person's schedules as a calendar file.

    For other calendars, such as that of a phone. Each time is an event, in every week in which it
    holds. Pauses, daily limits, temporary access and a bedtime that was moved for one night are not
    in it.

    \b
    Example:  copdns schedule export --profile mia > mia.ics
    """
    person, local = home.profile(profile), home.local(profile)
    zone = zone_of(local.timezone)
    first = local_time(home.now, zone).date()
    start, end = (starts_at(each, 0, zone) for each in (first, first + days * ONE_DAY))
    events = (
        CalendarEvent(each.id, *span, _schedule_name(each, with_scope=False))
        for each in in_scope(local.schedules, person)
        for span in closed_spans(each, local.calendar, zone, start, end)
    )
    click.echo(ics_text(events, person.name, home.now), nl=False)


@schedule.command()
@required_profile_option("The person.")
@click.option("--dry-run", is_flag=True, help="Print what it would do, and change nothing.")
@pass_home
def suggest(home: Home, profile: str, *, dry_run: bool) -> None:
    """Apply the times suggested for a person's age group.

    Adds the schedules and daily limits of the age preset, each with a reason for the child. They
    replace times that a preset suggested before and that nobody changed since. What you wrote
    stays, and a suggestion that it stands in the way of is not used.

    \b
    Example:  copdns schedule suggest --profile mia --dry-run
    """
    band = home.profile(profile).band_at(home.now)
    preset = bundled_presets()[band]
    if not any(preset.times(profile)):
        raise HouseholdError(
            "no times are suggested for the age group %(band)s; add your own with "
            "`copdns schedule add` and `copdns budget add`",
            band=band,
        )
    edit = partial(suggest_times, profile_id=profile, known=home.known_ids, preset=preset)
    before = home.household
    plan = plan_times(before, profile, preset, home.known_ids.presets)
    if dry_run:
        print_changes(before, edit(before))
    else:
        home.change(f"times suggested for {band} applied for {profile}", edit)
    for said, periods in (
        ("stays, because you wrote it", plan.kept),
        ("not used, because yours stays", plan.unused),
    ):
        for each in periods:
            click.echo(printable(f"{said}: {time_item_text(each, before.timezone)}"))
