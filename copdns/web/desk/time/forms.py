"""Read the forms about time, as values of `model/times.py`.  Pure.

Every field is text, perhaps not from our form: where it means nothing, HouseholdError has a
sentence for whoever typed it.  The edits check whether ids exist and whether values fit together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from copdns.household.time_shape import LONGEST, ONE_DAY, day, day_word
from copdns.model.addresses import slug
from copdns.model.errors import HouseholdError, NameTextError, TextError
from copdns.model.household import Profile
from copdns.model.times import (
    DAY_MINUTES,
    EVERY_DAY,
    WEEKDAYS,
    DayType,
    Extra,
    Slot,
    Subject,
    Weeks,
    parse_subject,
    parse_weeks,
)
from copdns.model.violations import sentence_of
from copdns.time.moments import parse_moment
from copdns.time.nights import PLAY, Night, Nights, can_be_night, night_slots
from copdns.time.schedule import parse_slots
from copdns.web.desk.form import Form

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=StrEnum)

MAX_ROWS = 12  # slots, or minutes by day, of a form
FROM_A_DATE = "from"  # of a schedule: every second week, from a date in a field of its own
USUAL_DAY = "usual"  # of a date: as its day of the week
_MAX_GRANT = 31 * DAY_MINUTES  # minutes; for longer there are rules
_MAX_TICKET_DAYS = 366  # days until it expires


def is_bedtime(form: Form) -> bool:
    """Tell whether a form about a schedule asks for the nights of a bedtime."""
    return form.one("way") == "bedtime"


def schedule_values(form: Form, profile: Profile) -> dict[str, Any]:
    """Return the fields of a schedule, except its id; the form is that of a bedtime or the free
    one."""
    what: dict[str, Any] = (
        {
            "slots": _parse_nights(form),
            "about": _parse_bedtime_subjects(form),
            "opens": False,
            "learning": form.one("off") == "learning",
        }
        if is_bedtime(form)
        else {
            "slots": _parse_slots(form),
            "about": parse_subjects(form),
            "opens": form.one("how") == "open",
            "learning": form.one("how") == "learning",
        }
    )
    return {
        "scope": parse_scope(form, profile),
        **what,
        "grace": form.number("grace", 0, 60, 0),
        "note": form.note(),
        "weeks": _parse_weeks(form),
    }


def _parse_nights(form: Form) -> tuple[Slot, ...]:
    found = night_slots(Nights(_parse_night(form, "school"), _parse_night(form, "free")))
    if not found:
        raise HouseholdError("add a start and an end, such as 21:00 and 07:00", name="school_start")
    return found


def _parse_night(form: Form, kind: str) -> Night | None:
    """Return one kind of nights; None where both its fields are empty."""
    start, end = form.one(f"{kind}_start"), form.one(f"{kind}_end")
    if not start and not end:
        return None
    if not start or not end:
        raise HouseholdError(
            "each time needs a start and an end, such as 21:00 and 07:00",
            name=f"{kind}_end" if start else f"{kind}_start",
        )
    (slot,) = read_field(parse_slots, f"{start}-{end}", f"{kind}_start")
    night = Night(slot.start, (slot.start + slot.length) % DAY_MINUTES)
    if not can_be_night(*night):
        raise HouseholdError(
            "a bedtime begins between noon and 05:59, and ends by noon; for other times, add a "
            "schedule",
            name=f"{kind}_start",
        )
    return night


def _parse_bedtime_subjects(form: Form) -> tuple[Subject, ...]:
    chosen = form.one("off")
    if chosen not in ("", "all", "learning", "play"):
        raise HouseholdError("choose one of the answers on the page", name="off")
    return PLAY if chosen == "play" else ()


def _parse_weeks(form: Form) -> Weeks | None:
    """Return in which weeks a schedule holds; None for every week."""
    if form.one("weeks") != FROM_A_DATE:
        return read_field(parse_weeks, form.one("weeks"), "weeks")
    return read_field(day, form.one("weeks_from"), "weeks_from")


def budget_values(form: Form, profile: Profile) -> dict[str, Any]:
    """Return the fields of a budget, except its id."""
    return {
        "scope": parse_scope(form, profile),
        "minutes": _parse_minutes(form),
        "about": parse_subjects(form),
        "carry_over": form.has("carry_over"),
        "grace": form.number("grace", 0, 60, 0),
        "note": form.note(),
    }


def parse_scope(form: Form, profile: Profile) -> str:
    """Return whom something is for: this person, a tag of theirs, or "" for everyone."""
    chosen = form.one("scope")
    tags = [f"#{each}" for each in profile.tags]
    if chosen in ("", profile.id):
        return profile.id
    if chosen == "everyone":
        return ""
    if chosen in tags:
        return chosen
    raise HouseholdError("choose who it applies to", name="scope")


def parse_subjects(form: Form) -> tuple[Subject, ...]:
    """Return what was chosen and typed as subjects; () for everything."""
    written = re.split(r"[\s,]+", form.one("names"))
    texts = [each for each in (form.one("what"), *written) if each]
    return tuple(dict.fromkeys(read_field(parse_subject, each, "names") for each in texts))


def parse_one_subject(form: Form) -> Subject | None:
    """Return the subject of a grant or ticket; None for everything."""
    found = parse_subjects(form)
    if len(found) > 1:
        raise HouseholdError(
            "choose one thing at a time; add temporary access for each", name="names"
        )
    return found[0] if found else None


def new_id(form: Form, profile: Profile, subjects: Iterable[Subject], usual: str) -> str:
    """Return an id made of the name or else of what it is about.

    It may be in use: the same form sent twice makes one thing.
    """
    name = _as_slug(form.one("name"))
    if name:
        return read_field(slug, name, "name")
    parts = [_as_slug(str(each).rpartition(":")[2]) for each in subjects][:1] or [usual]
    return read_field(slug, f"{profile.id}-{parts[0] or usual}"[:64].rstrip("-_"), "name")


def _as_slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")


def _parse_slots(form: Form) -> tuple[Slot, ...]:
    found = tuple(_slot_rows(form))
    if not found:
        raise HouseholdError("add a start and an end, such as 21:00 and 07:00", name="start0")
    return found


def _slot_rows(form: Form) -> Iterator[Slot]:
    for row in range(MAX_ROWS):
        start, end = form.one(f"start{row}"), form.one(f"end{row}")
        if not start and not end:
            continue
        if not start or not end:
            raise HouseholdError(
                "each time needs a start and an end, such as 21:00 and 07:00",
                name=f"end{row}" if start else f"start{row}",
            )
        days = [read_field(day_word, each, f"days{row}") for each in form.all(f"days{row}")]
        yield from read_field(parse_slots, f"{' '.join(days)} {start}-{end}", f"start{row}")


def _parse_minutes(form: Form) -> tuple[tuple[str, int], ...]:
    found = {}
    for row in range(MAX_ROWS):
        if form.one(f"minutes{row}"):
            word = read_field(day_word, form.one(f"day{row}") or EVERY_DAY, f"day{row}")
            if word in found:
                raise HouseholdError(
                    "%(about)s is there twice; keep only one", name=f"day{row}", about=word
                )
            found[word] = form.number(f"minutes{row}", 0, DAY_MINUTES)
    if not found:
        raise HouseholdError("write how many minutes a day, such as 60", name="minutes0")
    # "Every day" comes last, since the first match for a date counts.
    return tuple(sorted(found.items(), key=lambda each: each[0] == EVERY_DAY))


def parse_end(form: Form, timezone: str, now: int) -> int | None:
    """Return when something ends, in seconds since the epoch; None: when somebody ends it."""
    if form.one("until"):
        return int(
            read_field(lambda text: parse_moment(text, timezone, now), form.one("until"), "until")
        )
    if form.one("lasts"):
        return now + 60 * form.number("lasts", 1, _MAX_GRANT)
    return None


def require_end(form: Form, timezone: str, now: int) -> int:
    """Return when a grant ends; raise HouseholdError for none, or one in the past or far away."""
    end = parse_end(form, timezone, now)
    if end is None:
        raise HouseholdError(
            "temporary access needs an end; choose how long, or until when", name="lasts"
        )
    if not now < end <= now + 60 * _MAX_GRANT:
        raise HouseholdError(
            "temporary access lasts at most 31 days; to allow something for good, add a rule",
            name="until",
        )
    return end


def parse_lifts(form: Form) -> tuple[bool, bool]:
    """Return whether a grant lifts content rules, and whether it lifts time rules."""
    chosen = form.one("lifts")
    if chosen not in ("", "content", "time", "both"):
        raise HouseholdError(
            "choose what to lift: limits and schedules, blocks, or both", name="lifts"
        )
    return chosen in ("content", "both"), chosen in ("", "time", "both")


def parse_extra(form: Form) -> Extra:
    """Return which minutes are given: a credit where that is chosen, else a bonus."""
    return Extra.CREDIT if form.one("kind") == Extra.CREDIT else Extra.BONUS


def parse_expiry(form: Form, now: int) -> int:
    """Return until when a ticket can be redeemed, in seconds since the epoch."""
    return now + 86_400 * form.number("days", 1, _MAX_TICKET_DAYS, 7)


def parse_dates(form: Form) -> dict[date, DayType | None]:
    """Return the kind of day for each date of a range; None: as its day of the week."""
    first = read_field(day, form.one("first"), "first")
    last = read_field(day, form.one("last"), "last") if form.one("last") else first
    if not 0 <= (last - first).days < LONGEST:
        raise HouseholdError(
            "the last day must not be before the first, and at most a year after it", name="last"
        )
    kind = form.one("kind")
    day_type = None if kind == USUAL_DAY else read_field(_day_type, kind, "kind")
    return {first + number * ONE_DAY: day_type for number in range((last - first).days + 1)}


def parse_weekend(form: Form) -> frozenset[int]:
    """Return the days of the week that are the weekend; 0 is Monday."""
    chosen = form.all("weekend")
    if not set(chosen) <= set(WEEKDAYS):
        raise HouseholdError("choose days of the week", name="weekend")
    return frozenset(WEEKDAYS.index(each) for each in chosen)


def _day_type(text: str) -> DayType:
    try:
        return DayType(text)
    except ValueError:
        raise TextError("choose what kind of days these are") from None


def read_choice(kind: type[Choice], text: str, name: str) -> Choice:
    """Return the value of an enum that a field has; raise HouseholdError for none of its values."""
    try:
        return kind(text)
    except ValueError:
        raise HouseholdError("choose one of the answers on the page", name=name) from None


def read_field(parse: Callable[[str], Value], text: str, name: str) -> Value:
    """Return what a parser makes of a text; raise its error as one about this field."""
    try:
        return parse(text)
    except (ValueError, NameTextError) as error:
        raise HouseholdError(sentence_of(error), name=name) from None
