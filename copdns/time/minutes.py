"""Estimate for how many minutes something was used, from the minutes in which it was looked up.

DNS does not see use, only that a device asked for a name.  So a day is two bitmaps, one bit a
minute: in which minutes names were asked for at all, and in which several different ones.  Names
that devices ask for by themselves are left out before (`blocklists/beacons.yaml`).  All devices of
a profile share the bitmaps, so two screens at once cost one minute, and what two nodes saw is
merged with OR.  A third bitmap says in which minutes it was closed: a silence then is no use.
docs/usage.md says how wrong it can be; tests/traces measures it.

Marking more look-ups never makes any number smaller.  Pure.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

MINUTE = 60
DAY_BITS = 1500  # the longest day of a clock change has 25 hours

NEAR = 2  # minutes to either side in which other look-ups support one
HOLD = 6  # minutes without a look-up that use is taken to go on for: films ask for nothing new
LONG_HOLD = 12  # the same, where the most that may have been is asked for

MOST_ADDED = HOLD + 1  # what `likely` can grow by when a newest minute is marked


class UseCriteria(NamedTuple):
    """What shows that something is in use.  A device that wakes for a message asks for a name or
    two and sleeps again, so no minute shows it all alone.

    several: how many different names in a minute show use when another close to it has a look-up.
    single: a minute with fewer shows it as well, when two close to it have a look-up.
    """

    several: int
    single: bool


NARROW = UseCriteria(several=2, single=True)  # a service, a category, some names
# All names: there are some that devices ask for by themselves and no list of beacons knows.
WIDE = UseCriteria(several=5, single=False)


class Minutes(NamedTuple):
    """Minutes of use: those that show it, probably, and at most.  low <= likely <= high."""

    low: int = 0
    likely: int = 0
    high: int = 0


NO_MINUTES = Minutes()


def fieldwise_max(one: Minutes, other: Minutes) -> Minutes:
    """Return the greater of each."""
    return Minutes(*map(max, one, other))


class DayBitmaps(NamedTuple):
    """A day as bitmaps; bit i is the minute that begins i minutes after the day.

    some: a name was asked for.  several: different ones were.  closed: nothing could be used; of
    the minutes right after a look-up only, since elsewhere it tells nothing.
    """

    some: int = 0
    several: int = 0
    closed: int = 0

    def __or__(self, other: DayBitmaps) -> DayBitmaps:
        return DayBitmaps(
            self.some | other.some, self.several | other.several, self.closed | other.closed
        )

    def moved(self, minutes: int) -> DayBitmaps:
        """Return the same for a day that begins later by that much; what lies outside goes."""
        return DayBitmaps(*(_moved(bits, minutes) for bits in self))

    def before(self, minute: int) -> DayBitmaps:
        """Return the same without a minute and all after it."""
        earlier = (1 << max(minute, 0)) - 1
        return DayBitmaps(*(bits & earlier for bits in self))

    def with_closed(self, minute: int) -> DayBitmaps:
        """Return the same with a minute, 0 or later, in which nothing could be used."""
        recent = (self.some | self.several) >> max(minute - LONG_HOLD, 0)
        bit = (1 << minute) & _WHOLE_DAY
        return self._replace(closed=self.closed | bit) if recent else self


NO_MARKS = DayBitmaps()


class Day(NamedTuple):
    """A day of a budget.  date: how it is called.  start: seconds since the epoch."""

    date: date
    start: int


class UsedName(NamedTuple):
    """A name that was looked up, and the budgets that it counts for."""

    household: str
    profile: str
    budgets: tuple[str, ...]
    qname: str


class Usage(NamedTuple):
    """What was used of one budget on one day, as it is stored and loaded.

    start: of the day, seconds since the epoch.  marks: gone when the day is over.
    minutes: at least this much; also when the marks are gone.
    """

    household: str
    profile: str
    budget: str
    day: date
    start: int
    marks: DayBitmaps = NO_MARKS
    minutes: Minutes = NO_MINUTES


def minute_bitmaps(minute: int, names: int, sense: UseCriteria = NARROW) -> DayBitmaps:
    """Return one minute of a day, 0 or later, in which so many different names were asked for."""
    bit = (1 << minute) & _WHOLE_DAY
    return DayBitmaps(bit if names else 0, bit if names >= sense.several else 0)


def estimate(marks: DayBitmaps, sense: UseCriteria = NARROW) -> Minutes:
    """Return the minutes of use of a day.

    low: minutes that show it themselves.
    likely: from such a minute on, for as long as something is asked for every few minutes.
    high: every minute with a look-up, and longer silences between two.
    Of silences those minutes do not count in which it was closed.
    """
    some = marks.some | marks.several
    shown = _shown(some, marks.several, sense)
    could_be = ~marks.closed | some
    return Minutes(
        shown.bit_count(),
        _followed(shown, _filled(some, HOLD) & could_be).bit_count(),
        (_filled(some, LONG_HOLD) & could_be).bit_count(),
    )


def most_added(marks: DayBitmaps, minute: int, sense: UseCriteria = NARROW) -> int:
    """Return by how much `likely` grows at most when one minute more is marked.

    At most MOST_ADDED where nothing later is marked yet.
    """
    more = marks | minute_bitmaps(minute, sense.several, sense)
    return estimate(more, sense).likely - estimate(marks, sense).likely


def _shown(some: int, several: int, sense: UseCriteria) -> int:
    one, two = _close(some)
    return several & one | (some & two if sense.single else 0)


def _close(some: int) -> tuple[int, int]:
    """Return which minutes have at least one, and at least two, others marked close by."""
    one = two = 0
    for distance in range(1, NEAR + 1):
        for other in (some << distance, some >> distance):
            two |= one & other
            one |= other
    return one, two


def _filled(marked: int, silence: int) -> int:
    """Return the same with every stretch of at most that many empty minutes filled.

    A minute is filled when one is marked before and one after it, with no more between.
    """
    filled, before, reach = marked, 0, marked
    for distance in range(1, silence + 1):
        reach <<= 1
        before |= reach  # something was marked at most `distance` minutes before
        filled |= before & (marked >> silence + 1 - distance)
    return filled


def _followed(begins: int, runs: int) -> int:
    """Return each run of ones from its first beginning on.

    Adding carries from the lowest beginning through to the end of its run, and no further.
    """
    return (runs & ~(runs + begins)) | begins


def _moved(bits: int, minutes: int) -> int:
    bits = bits >> minutes if minutes >= 0 else bits << -minutes
    return bits & _WHOLE_DAY


_WHOLE_DAY = (1 << DAY_BITS) - 1


def encode_bitmap(bits: int) -> bytes:
    """Return a bitmap as octets, the first minutes first; nothing for an empty one."""
    return bits.to_bytes(-(-bits.bit_length() // 8), "little")


def decode_bitmap(octets: bytes) -> int:
    """Return a bitmap that was encoded; what does not fit into a day is left out."""
    return int.from_bytes(octets, "little") & _WHOLE_DAY
