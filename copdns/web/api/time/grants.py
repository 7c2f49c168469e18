"""Temporary access: grants, which end by themselves."""

from __future__ import annotations

from enum import StrEnum
from functools import partial

from copdns.accounts.roles import Permission
from copdns.as_json.plain import utc
from copdns.as_json.times import grant_json
from copdns.household.edit_checks import parse_field
from copdns.household.time_edits import end_grant, give_grant
from copdns.model.errors import HouseholdError
from copdns.model.times import Grant, Origin, parse_subject
from copdns.time.days import DAY_SECONDS
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import About, Id, Long, Moment, Text, When, parse_end, parse_moment

_MAX_LENGTH = 366 * DAY_SECONDS


class GrantShown(Given):
    """about: null is every name.  content: lifts rules, lists and services; time: schedules,
    budgets, and a pause that began before it was given."""

    id: str
    profile: str
    about: str | None
    start: Moment
    end: Moment
    given: Moment
    content: bool
    time: bool
    origin: Origin
    author: str
    note: str


class Lifts(StrEnum):
    """What a permission lifts: what sites are about, times, or both."""

    CONTENT = "content"
    TIME = "time"
    BOTH = "both"


class GrantWanted(Sent):
    """For some minutes, or until a moment; it begins now unless start says when.

    about: null is every name, of which only time can be lifted.  lifts: content where nothing is
    said, and for every name time.
    """

    about: About | None = None
    minutes: Long | None = None
    until: When | None = None
    start: When | None = None
    lifts: Lifts | None = None
    note: Text = ""


class GrantsAsked(Sent):
    """profile: only those of one person.  all: also those that are over."""

    profile: Id | None = None
    all: bool = False


async def grants(call: Call) -> object:
    """Return permissions; without `all` those not over.  Raises HouseholdError: no such profile."""
    query: GrantsAsked = call.query
    if query.profile is not None:
        call.profile_of(query.profile)
    return [
        grant_json(each)
        for each in call.household.grants
        if query.profile in (None, each.profile) and (query.all or each.end > call.now)
    ]


async def give(call: Call) -> object:
    """Give a permission, and return it; raise HouseholdError.

    Unless told, one about something lifts what blocks it, and one about everything lifts times.
    """
    wanted: GrantWanted = call.body
    about = None if wanted.about is None else parse_field(parse_subject, wanted.about)
    lifts = wanted.lifts or (Lifts.TIME if about is None else Lifts.CONTENT)
    if about is None and lifts is not Lifts.TIME:
        raise HouseholdError(
            "temporary access to everything lifts only limits and schedules; choose what to allow"
        )
    start, end = _parse_span(wanted, call.now)
    edit = partial(
        give_grant,
        grant=Grant(
            about,
            start=start,
            end=end,
            given=call.now,
            content=lifts is not Lifts.TIME,
            time=lifts is not Lifts.CONTENT,
            author=call.actor.name,
            note=wanted.note,
            profile=call.person.id,
        ),
        known=call.context.known_ids(),
    )
    what = f"{call.person.id} may have {about or 'everything'} until {utc(end)} ({lifts})"
    after = await call.change(what, edit)
    return grant_json(after.grants[-1])


def _parse_span(wanted: GrantWanted, now: int) -> tuple[int, int]:
    start = now if wanted.start is None else parse_moment(wanted.start)
    end = parse_end(wanted.minutes, wanted.until, start)
    if end is None:
        raise HouseholdError("temporary access needs an end: give minutes, or until")
    if end <= now:
        raise HouseholdError("that is over already; name a later time")
    if end - start > _MAX_LENGTH:
        raise HouseholdError(
            "temporary access lasts at most 366 days; to allow something for good, add a rule"
        )
    return start, end


async def end(call: Call) -> object:
    """End a grant now; one that has not begun is removed."""
    grant = call.find("grant", call.household.grants)
    if grant.end > call.now:
        edit = partial(end_grant, grant_id=grant.id, now=call.now)
        await call.change(f"temporary access {grant.id} ended", edit)
    return None


OPERATIONS = (
    Operation(
        "GET",
        "/grants",
        Permission.SEE_PROFILES,
        "Permissions that hold, or will",
        grants,
        list[GrantShown],
        query=GrantsAsked,
    ),
    Operation(
        "POST",
        "/profiles/{profile}/grants",
        Permission.GIVE_TIME,
        "Permit something for a while",
        give,
        GrantShown,
        body=GrantWanted,
        status=201,
    ),
    Operation(
        "DELETE", "/grants/{grant}", Permission.GIVE_TIME, "End a permission now", end, status=204
    ),
)
