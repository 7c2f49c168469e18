"""Kinds of values that several operations take or give."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from copdns.model.errors import HouseholdError
from copdns.model.sentences import literal
from copdns.model.times import DAY_MINUTES

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Scope = Annotated[
    str,
    Field(
        pattern=r"^(#?[a-z0-9][a-z0-9_-]{0,63})?$",
        description='A profile\'s id, "#tag" for all with the tag, "" for everyone.',
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=300, description="A domain name.")]
About = Annotated[
    str,
    Field(
        min_length=1,
        max_length=300,
        description="category:games, service:youtube, list:some-list, or a name as in a rule.",
    ),
]
Address = Annotated[str, Field(min_length=1, max_length=60, description="IP or MAC address.")]
Code = Annotated[str, Field(min_length=1, max_length=40)]
Text = Annotated[str, Field(max_length=300)]
# Last of its annotations: what stands behind it, the document would not know.
WHOLE = BeforeValidator(lambda value: _whole(value))
Minutes = Annotated[int, Field(ge=1, le=DAY_MINUTES), WHOLE]
Long = Annotated[int, Field(ge=1, le=366 * DAY_MINUTES, description="Minutes."), WHOLE]
Limit = Annotated[int, Field(ge=1, le=1000, description="How many at most."), WHOLE]
Date = Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
When = Annotated[
    str,
    Field(
        pattern=rf"^20[0-9]{{2}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T{_CLOCK}Z$",
        description="A moment in UTC, such as 2026-11-24T18:00:00Z.",
    ),
]
# What is given; None is no such moment.
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


def _whole(value: object) -> object:
    """In JSON 30.0 is a whole number, too (JSON Schema, section 6.1.1 of its validation)."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def moment(text: str) -> int:
    """Return the seconds since the epoch of a `When`; raise HouseholdError."""
    try:
        return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())
    except ValueError:
        raise HouseholdError(
            literal(f"{text!r} is no moment: the calendar has no such day")
        ) from None


def day(text: str) -> date:
    """Return a `Date`; raise HouseholdError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HouseholdError(literal(f"{text!r} is no day of the calendar")) from None


def ending(minutes: int | None, until: str | None, start: int) -> int | None:
    """Return the end that one of the two means; None for neither.  Raises HouseholdError."""
    if minutes is not None and until is not None:
        raise HouseholdError("minutes and until exclude each other; give one")
    if minutes is not None:
        return start + minutes * 60
    end = None if until is None else moment(until)
    if end is not None and end <= start:
        raise HouseholdError(literal(f"{until} is over before it begins; name a later time"))
    return end
