"""What a second box asks the first one, and what it is told: JSON, sealed (`seal.py`)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from copdns.appeals.appeal import Appeal, AppealRequest
from copdns.time.minutes import DayBitmaps, Minutes, Usage

PATH: Final = "/follow/{pairing}"
PART: Final = 1 << 18  # octets of a file that are sent at a time
_SHAPE = ConfigDict(frozen=True, extra="ignore")  # a newer box may say more
_HEX = Field(pattern=r"^[0-9a-f]{0,400}$")


class SentUsage(BaseModel):
    """The use of one budget on one day (`time.minutes.Usage`), its bitmaps in hexadecimal."""

    model_config = _SHAPE

    profile: str
    budget: str
    day: date
    start: int
    some: str = _HEX
    several: str = _HEX
    closed: str = _HEX
    minutes: tuple[int, int, int]
    own: bool = False

    def to_usage(self, household: str) -> Usage:
        """Return the value, of a household."""
        marks = DayBitmaps(
            *(int(each or "0", 16) for each in (self.some, self.several, self.closed))
        )
        return Usage(
            household,
            self.profile,
            self.budget,
            self.day,
            self.start,
            marks,
            Minutes(*self.minutes),
            self.own,
        )


def send_usage(usage: Usage) -> SentUsage:
    """Return what is sent of the use of a budget."""
    some, several, closed = (f"{bits:x}" for bits in usage.marks)
    return SentUsage(
        profile=usage.profile,
        budget=usage.budget,
        day=usage.day,
        start=usage.start,
        some=some,
        several=several,
        closed=closed,
        minutes=(usage.minutes.low, usage.minutes.likely, usage.minutes.high),
        own=usage.own,
    )


class SentAsk(BaseModel):
    """A child's request that was written at the second box.  id: the one that it has there."""

    model_config = _SHAPE

    id: str = Field(pattern=r"^[0-9a-z]{4,32}$")
    ask: AppealRequest


class FilePart(BaseModel):
    """path: of a file of the bundle.  offset: octets."""

    model_config = _SHAPE

    path: str
    offset: int = Field(ge=0, le=1 << 40)


class FollowerRequest(BaseModel):
    """have: the number of the bundle that is there; 0 for none.  wait: seconds for which the reply
    may wait for a newer one.  about: requests whose state is wanted, as `FiledAsk.appeal`.  file: a
    part that is wanted.  usage: the minutes that were counted there; wants_minutes: those of all
    boxes are wanted.  mark: the one that the first box gave last; "" for none."""

    model_config = _SHAPE

    mark: str = ""
    have: int = 0
    wait: float = 0.0
    asks: Annotated[tuple[SentAsk, ...], Field(max_length=100)] = ()
    about: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    file: FilePart | None = None
    usage: Annotated[tuple[SentUsage, ...], Field(max_length=2000)] = ()
    wants_minutes: bool = False


class FiledAsk(BaseModel):
    """What became of a request.  id: as sent.  appeal: what the first box calls it to this box
    (`seal.appeal_handle`); "" where it was refused, or what it asked for was opened at once."""

    model_config = _SHAPE

    id: str
    appeal: str = ""


class FirstBoxReply(BaseModel):
    """ended: the pairing is over, and all else is empty.  bundle: in base64, where there is a newer
    one.  part: of the file, in base64.  usage: the minutes of all boxes.  appeals: without what a
    child wrote, each with its handle in place of its id.  mark: the request has to be sent again
    with this one, and nothing of it was done; "" where it was taken (`taken_requests.py`)."""

    model_config = _SHAPE

    mark: str = ""
    ended: bool = False
    bundle: str = ""
    filed: tuple[FiledAsk, ...] = ()
    appeals: tuple[Appeal, ...] = ()
    part: str = ""
    usage: tuple[SentUsage, ...] = ()
