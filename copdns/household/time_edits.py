"""Changes to what a household says about time, in the manner of `household/edits.py`.

Schedules, budgets and the calendar stay until somebody changes them; pauses, grants, bonuses,
tickets and moved bedtimes end by themselves, and are left in place then until the store tidies up.
Pure: moments are given, in seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from datetime import date
from typing import Any, TypeVar

from copdns.household.check import KnownIds, unknown_topics
from copdns.household.edit_checks import (
    check_fields,
    free_id,
    remove_one,
    require_profile,
    validate,
    validate_references,
    without_orphans,
)
from copdns.model.errors import HouseholdError, UnknownCodeError
from copdns.model.household import Household
from copdns.model.matchers import Matcher
from copdns.model.sentences import Sentence, sentence
from copdns.model.times import (
    DAY_MINUTES,
    Bonus,
    Budget,
    DayType,
    Extra,
    FilterBreak,
    Grant,
    MovedBedtime,
    Origin,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Subject,
    Ticket,
)
from copdns.model.violations import Violation, no_such
from copdns.time.bedtime import MOST_MOVED, tonights_bedtime
from copdns.time.budget import has_effect
from copdns.time.moments import moment_text
from copdns.time.plan import in_scope

FILTER_BREAK_LASTS = 600  # seconds

# A period closes something for somebody: a schedule or a budget, by its kind.
Period = TypeVar("Period", bound=Schedule | Budget)


def add_period(household: Household, made: Period, known: KnownIds) -> Household:
    """Add a schedule or a budget; its id must be free among those."""
    kind = type(made)
    there = periods(household, kind)
    if any(each.id == made.id for each in there):
        raise HouseholdError(_id_taken(kind, made.id))
    changed = _with_periods(household, kind, (*there, made))
    return _validate_period(changed, made, known)


def set_period(
    household: Household, kind: type[Period], key: str, known: KnownIds, **values: Any
) -> Household:
    """Set fields of a schedule or budget; its id stays, and so do minutes that were used or
    given."""
    noun = _NOUNS[kind]
    check_fields(values, {each.name for each in fields(kind)} - {"id"}, noun)
    there = {each.id: each for each in periods(household, kind)}
    if key not in there:
        raise HouseholdError(no_such(noun, key, there))
    there[key] = replace(there[key], **values)
    changed = _with_periods(household, kind, tuple(there.values()))
    return _validate_period(changed, there[key], known)


def _validate_period(household: Household, period: Period, known: KnownIds) -> Household:
    """Return the household when a schedule or budget of it is sound, and not without effect."""
    part = f"{_NOUNS[type(period)]}s"
    found = validate_references(household, part, period.id, known)
    idle = find_idle(household, period, known) if isinstance(period, Budget) else None
    if idle is not None:
        wrong = idle.what
        raise HouseholdError(wrong, name=idle.field)
    return found


def find_idle(household: Household, budget: Budget, known: KnownIds) -> Violation | None:
    """Return why a budget could never turn anything off; None where it can.

    It would only measure, and a household may not watch somebody by a limit that limits nothing.
    """
    if not has_effect(budget.minutes):
        what = sentence(
            "%(minutes)s minutes are a whole day, so this limit could never turn anything off; "
            "write fewer, or leave those days out",
            minutes=DAY_MINUTES,
        )
        return Violation("budgets", budget.id, "minutes", what)
    about = ", ".join(map(str, budget.about))
    if budget.about and all(
        isinstance(each, Matcher) and known.beats_time(each.name) for each in budget.about
    ):
        what = sentence(
            "%(about)s is protected and works at every hour, so this limit could never turn "
            "anything off; choose something else",
            about=about,
        )
        return Violation("budgets", budget.id, "about", what)
    people = [each for each in household.profiles if in_scope((budget,), each)]
    if budget.about and people and all({*budget.about} <= {*each.always} for each in people):
        what = sentence(
            "%(about)s is always allowed, so this limit could never turn anything off; remove it "
            "from what is always allowed first",
            about=about,
        )
        return Violation("budgets", budget.id, "about", what)
    return None


def remove_period(household: Household, kind: type[Period], key: str) -> Household:
    """Remove a schedule, or a budget with the minutes that were added to it."""
    rest = remove_one(periods(household, kind), "id", key, _NOUNS[kind])
    return without_orphans(_with_periods(household, kind, rest))


def periods(household: Household, kind: type[Period]) -> tuple[Period, ...]:
    """Return the schedules or the budgets."""
    found: tuple[Period, ...] = getattr(household, f"{_NOUNS[kind]}s")
    return found


def _with_periods(household: Household, kind: type[Period], there: tuple[Period, ...]) -> Household:
    values: dict[str, Any] = {f"{_NOUNS[kind]}s": there}
    return replace(household, **values)


_NOUNS: Mapping[type, str] = {Schedule: "schedule", Budget: "budget"}


def _id_taken(kind: type[Period], taken: str) -> Sentence:
    if kind is Schedule:
        return sentence("the schedule '%(id)s' already exists; choose another id", id=taken)
    return sentence("the daily limit '%(id)s' already exists; choose another id", id=taken)


def set_days(household: Household, days: Mapping[date, DayType | None]) -> Household:
    """Say of dates what they are; None is what the day of the week says."""
    there = {**dict(household.calendar.days), **days}
    kept = sorted((day, kind) for day, kind in there.items() if kind is not None)
    calendar = SchoolCalendar(household.calendar.weekend, tuple(kept))
    return validate(replace(household, calendar=calendar))


def pause(
    household: Household,
    profile_id: str,
    start: int,
    end: int | None = None,
    *,
    homework: bool = False,
    author: str = "",
) -> Household:
    """Pause a profile until a moment, or until `unpause`; an earlier pause gives way."""
    require_profile(household, profile_id)
    made = PauseSpan(profile_id, start, end, homework, author)
    others = (each for each in household.pauses if each.profile != profile_id)
    return validate(replace(household, pauses=(*others, made)))


def unpause(household: Household, profile_id: str, now: float) -> Household:
    """End the pause of a profile; raise HouseholdError when none is running or to come."""
    require_profile(household, profile_id)
    paused = [each for each in household.pauses if each.profile == profile_id]
    if not paused or (paused[0].end is not None and paused[0].end <= now):
        raise HouseholdError(
            "%(profile_id)s is not paused; there is nothing to end", profile_id=profile_id
        )
    return replace(
        household, pauses=tuple(each for each in household.pauses if each.profile != profile_id)
    )


def pause_all(
    household: Household, profile_ids: Collection[str], start: int, end: int, *, author: str = ""
) -> Household:
    """Pause several profiles until a moment.

    Who is paused for longer already stays so; any other pause, homework mode too, gives way.
    """
    for each in profile_ids:
        there = next((one for one in household.pauses if one.profile == each), None)
        if there is None or not _outlasts(there, start, end):
            household = pause(household, each, start, end, author=author)
    return household


def _outlasts(there: PauseSpan, start: int, end: int) -> bool:
    # A second tap changes nothing, so that undoing once is enough.
    lasts = there.end is None or there.end > end - 60
    return lasts and there.start <= start and not there.homework


def unpause_all(household: Household, profile_ids: Collection[str]) -> Household:
    """End the pauses of several profiles; without one nothing changes."""
    left = tuple(each for each in household.pauses if each.profile not in profile_ids)
    return replace(household, pauses=left)


def begin_filter_break(
    household: Household, device_id: str, now: int, *, author: str = ""
) -> Household:
    """Let a device open everything but what is dangerous for ten minutes; a tap more begins anew.

    Raises HouseholdError where the device is nobody's.
    """
    device = next((each for each in household.devices if each.id == device_id), None)
    if device is None or not device.profile:
        raise HouseholdError(
            "%(device_id)s is no device of a person; choose another", device_id=device_id
        )
    made = FilterBreak(device.id, device.profile, now, now + FILTER_BREAK_LASTS, author)
    others = (each for each in household.filter_breaks if each.device != device_id)
    return validate(replace(household, filter_breaks=(*others, made)))


def filter_break_line(household: Household, device_id: str, now: int) -> str:
    """Return the line of the history that a device is tried from now on."""
    when = moment_text(now + FILTER_BREAK_LASTS, household.timezone, now)
    return f"device {device_id}: everything but viruses and scam sites allowed until {when}"


def filter_break_end_line(device_id: str) -> str:
    """Return the line of the history that this was ended."""
    return f"device {device_id}: the test of the filter ended"


def end_filter_break(household: Household, device_id: str) -> Household:
    """End the break of a device; without one nothing changes."""
    left = tuple(each for each in household.filter_breaks if each.device != device_id)
    return replace(household, filter_breaks=left)


def end_future_break(household: Household, device_id: str, now: float) -> Household:
    """End the break of a device if it begins later than now: the clock was set back since it
    began, and it would open everything once more when the clock comes there again."""
    is_over = any(each.device == device_id and each.start > now for each in household.filter_breaks)
    return end_filter_break(household, device_id) if is_over else household


def move_bedtime(
    household: Household, profile_id: str, at: int, *, now: int, author: str = ""
) -> Household:
    """Let tonight's bedtime of a profile begin earlier or later, this night only.

    at: when it is to begin, seconds since the epoch; the usual time puts it back.  Raises
    HouseholdError where there is none tonight, or it cannot begin then.
    """
    tonight = tonights_bedtime(household, require_profile(household, profile_id), now)
    if tonight is None:
        raise HouseholdError("there is no bedtime tonight, so there is nothing to move")
    others = tuple(each for each in household.moved_bedtimes if each.profile != profile_id)
    if at == tonight.usual:
        return replace(household, moved_bedtimes=others)
    if at <= now:
        raise HouseholdError("this time is over already; choose a later one", name="at")
    if at >= tonight.end or abs(at - tonight.usual) > MOST_MOVED:
        raise HouseholdError(
            "bedtime can be moved by %(hours)s hours at most, and not past its end; choose a time "
            "that is nearer",
            hours=MOST_MOVED // 3600,
            name="at",
        )
    made = MovedBedtime(profile_id, tonight.usual, at, tonight.end, author)
    there = next((e for e in household.moved_bedtimes if e.profile == profile_id), None)
    if there is not None and replace(there, author=author) == made:
        return household
    return validate(replace(household, moved_bedtimes=(*others, made)))


def add_bonus(
    household: Household,
    profile_id: str,
    budget_id: str,
    day: date,
    minutes: int,
    *,
    kind: Extra = Extra.BONUS,
    author: str = "",
    at: int = 0,
) -> Household:
    """Give a profile more minutes of a budget that holds for it, on one day.

    day: as budgets count, so before `day_starts` it is the day before.
    """
    profile = require_profile(household, profile_id)
    scopes = {"", profile_id, *(f"#{tag}" for tag in profile.tags)}
    theirs = [each.id for each in household.budgets if each.scope in scopes]
    if budget_id not in theirs:
        raise HouseholdError(
            no_such(sentence("budget of %(person)s", person=profile_id), budget_id, theirs)
        )
    bonus_id = free_id("b", household.bonuses)
    made = Bonus(bonus_id, profile_id, budget_id, day, minutes, kind, author, at)
    return validate(replace(household, bonuses=(*household.bonuses, made)))


def give_grant(household: Household, grant: Grant, known: KnownIds) -> Household:
    """Give a permission, the last of grants, with a fresh id.  grant: its id is left out."""
    require_profile(household, grant.profile)
    _refuse_unknown(household, grant.about, known)
    made = replace(grant, id=free_id("g", household.grants))
    return validate(replace(household, grants=(*household.grants, made)))


def end_grant(household: Household, grant_id: str, now: float) -> Household:
    """End a permission now; one that has not begun is taken back."""
    found = next((each for each in household.grants if each.id == grant_id), None)
    if found is None:
        raise HouseholdError(no_such("grant", grant_id, (each.id for each in household.grants)))
    if found.end <= now:
        raise HouseholdError(
            "the temporary access %(grant_id)s has already ended", grant_id=grant_id
        )
    ended = (replace(found, end=now),) if found.start < now else ()
    at = household.grants.index(found)
    grants = (*household.grants[:at], *ended, *household.grants[at + 1 :])
    return replace(household, grants=grants)


def add_ticket(
    household: Household,
    digest: str,
    known: KnownIds,
    *,
    minutes: int,
    made: int,
    expires: int,
    profile_id: str = "",
    about: Subject | None = None,
    label: str = "",
    author: str = "",
) -> Household:
    """Add a ticket, the last of tickets, with a fresh id.

    digest: `accounts.codes.ticket_digest` of its code.  Other values: as of a Ticket.
    """
    if profile_id:
        require_profile(household, profile_id)
    _refuse_unknown(household, about, known)
    ticket = Ticket(
        free_id("t", household.tickets),
        digest,
        minutes,
        made,
        expires,
        profile_id,
        about,
        label,
        author,
    )
    return validate(replace(household, tickets=(*household.tickets, ticket)))


def remove_ticket(household: Household, ticket_id: str) -> Household:
    """Take a ticket back.  What was redeemed before is a grant, and stays."""
    return replace(household, tickets=remove_one(household.tickets, "id", ticket_id, "ticket"))


def redeem(household: Household, digest: str, profile_id: str, now: int) -> Household:
    """Turn a ticket into a grant of time that starts now; raise HouseholdError, in kind words, and
    UnknownCodeError where there is none (`HouseholdStore.redeem` counts these).

    It was given when the ticket was made: a pause that began since then holds.
    """
    require_profile(household, profile_id)
    ticket = _redeemable(household, digest, profile_id, now)
    used = replace(ticket, redeemed=now, redeemed_by=profile_id)
    grant = Grant(
        ticket.about,
        start=now,
        end=now + ticket.minutes * 60,
        given=ticket.made,
        content=False,
        time=True,
        id=free_id("g", household.grants),
        profile=profile_id,
        origin=Origin.TICKET,
        author=ticket.author,
        note=ticket.label,
    )
    tickets = tuple(used if each is ticket else each for each in household.tickets)
    return validate(replace(household, tickets=tickets, grants=(*household.grants, grant)))


def _redeemable(household: Household, digest: str, profile_id: str, now: int) -> Ticket:
    ticket = next((each for each in household.tickets if each.digest == digest), None)
    if ticket is None:
        raise UnknownCodeError("we do not know this code; please check it and try again")
    if ticket.profile not in ("", profile_id):
        raise HouseholdError("this code is for someone else; ask the person who gave it to you")
    if ticket.redeemed is not None:
        raise HouseholdError(
            "this code has been used before, and each code works only once; ask for a new one"
        )
    if ticket.expires <= now:
        raise HouseholdError("this code has expired; ask for a new one")
    return ticket


def _refuse_unknown(household: Household, about: Subject | None, known: KnownIds) -> None:
    if about is not None and (wrong := list(unknown_topics((about,), household, known))):
        raise HouseholdError(*wrong)
