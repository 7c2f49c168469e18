"""Estimate for how many minutes something was used, from the minutes in which it was looked up.

DNS shows only that a device asked for a name.  So a day is two bitmaps with one bit for each
minute: in which minutes names were asked for at all, and in which several different ones.  The
caller leaves out names that devices ask for by themselves (`blocklists/beacons.yaml`).  All devices
of a profile share the bitmaps, so two screens at once cost one minute, and the bitmaps of two nodes
are merged with OR.  A third bitmap says in which minutes it was closed: a silence then is no use.
docs/usage.md says how wrong the estimate can be; tests/traces measures it.

Marking more look-ups never makes any number smaller.  Pure.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

MINUTE: Final = 60
DAY_BITS: Final = 1500  # the longest day of a clock change has 25 hours

NEAR: Final = 2  # minutes to either side in which other look-ups support one
HOLD: Final = 6  # minutes of silence that still count as use: a film asks for no new names
LONG_HOLD: Final = 12  # the same for `high`

MAX_ADDED: Final = HOLD + 1  # by how much `likely` can grow when the newest minute is marked


class UseCriteria(NamedTuple):
    """What shows that something is in use.

    A device that wakes for a message asks for a name or two and sleeps again, so no single minute
    shows use.
    several: how many different names in a minute show use if a minute close to it has a look-up.
    single: a minute with fewer names shows use too, if two minutes close to it have a look-up.
    """

    several: int
    single: bool


NARROW: Final = UseCriteria(several=2, single=True)  # a service, a category, some names
# All names: devices ask for some by themselves that no list of beacons has.
WIDE: Final = UseCriteria(several=5, single=False)


class Minutes(NamedTuple):
    """Minutes of use: certain, probable, and at most.  low <= likely <= high."""

    low: int = 0
    likely: int = 0
    high: int = 0


NO_MINUTES: Final = Minutes()


def fieldwise_max(one: Minutes, other: Minutes) -> Minutes:
    """Return the greater value of each field."""
    return Minutes(*map(max, one, other))


class DayBitmaps(NamedTuple):
    """A day as bitmaps; bit i is the minute that begins i minutes after the start of the day.

    some: a name was asked for.  several: several different names were.  closed: all names were
    closed; only noted within LONG_HOLD of a look-up, since elsewhere it changes no estimate.
    """

    some: int = 0
    several: int = 0
    closed: int = 0

    def __or__(self, other: DayBitmaps) -> DayBitmaps:
        return DayBitmaps(
            self.some | other.some, self.several | other.several, self.closed | other.closed
        )

    def with_later_start(self, minutes: int) -> DayBitmaps:
        """Return the bitmaps of a day that starts this much later (or earlier), cut to it."""
        return DayBitmaps(*(_shift(bits, minutes) for bits in self))

    def before(self, minute: int) -> DayBitmaps:
        """Return the bitmaps without a minute and all after it."""
        earlier = (1 << max(minute, 0)) - 1
        return DayBitmaps(*(bits & earlier for bits in self))

    def with_closed(self, minute: int) -> DayBitmaps:
        """Return the bitmaps with a minute, 0 or later, marked as closed."""
        recent = (self.some | self.several) >> max(minute - LONG_HOLD, 0)
        bit = (1 << minute) & _WHOLE_DAY
        return self._replace(closed=self.closed | bit) if recent else self


NO_MARKS: Final = DayBitmaps()


class DayStart(NamedTuple):
    """A day of a budget.  date: its name.  start: seconds since the epoch."""

    date: date
    start: int


class Usage(NamedTuple):
    """The use of one budget on one day, as it is stored and loaded.

    start: of the day, seconds since the epoch.  marks: empty once the day is over.
    minutes: at least these; still there when the marks are gone.
    own: at some moment of the day they were the person's alone to see (`privacy/own_numbers.py`).
    """

    household: str
    profile: str
    budget: str
    day: date
    start: int
    marks: DayBitmaps = NO_MARKS
    minutes: Minutes = NO_MINUTES
    own: bool = False


def minute_bitmaps(minute: int, names: int, criteria: UseCriteria = NARROW) -> DayBitmaps:
    """Return bitmaps with one minute, 0 or later, in which this many different names came."""
    bit = (1 << minute) & _WHOLE_DAY
    return DayBitmaps(bit if names else 0, bit if names >= criteria.several else 0)


def estimate(marks: DayBitmaps, criteria: UseCriteria = NARROW) -> Minutes:
    """Return the minutes of use of a day.

    low: minutes that show use by themselves.
    likely: those, and what follows each for as long as silences are at most HOLD minutes.
    high: every minute with a look-up, and silences of at most LONG_HOLD minutes between two.
    In silences, minutes in which it was closed do not count.
    """
    some = marks.some | marks.several
    in_use = _minutes_in_use(some, marks.several, criteria)
    could_be = ~marks.closed | some
    return Minutes(
        in_use.bit_count(),
        _runs_from(in_use, _fill_silences(some, HOLD) & could_be).bit_count(),
        (_fill_silences(some, LONG_HOLD) & could_be).bit_count(),
    )


def max_added(marks: DayBitmaps, minute: int, criteria: UseCriteria = NARROW) -> int:
    """Return by how much `likely` grows at most when one more minute is marked.

    At most MAX_ADDED where nothing later is marked yet.
    """
    more = marks | minute_bitmaps(minute, criteria.several, criteria)
    return estimate(more, criteria).likely - estimate(marks, criteria).likely


def _minutes_in_use(some: int, several: int, criteria: UseCriteria) -> int:
    one, two = _with_neighbours(some)
    return several & one | (some & two if criteria.single else 0)


def _with_neighbours(some: int) -> tuple[int, int]:
    """Return the minutes with at least one, and with at least two, others marked close by."""
    one = two = 0
    for distance in range(1, NEAR + 1):
        for other in (some << distance, some >> distance):
            two |= one & other
            one |= other
    return one, two


def _fill_silences(marked: int, silence: int) -> int:
    """Return the bitmap with every silence of at most this many minutes filled.

    A silence lies between two marked minutes.
    """
    filled, before, reach = marked, 0, marked
    for distance in range(1, silence + 1):
        reach <<= 1
        before |= reach  # a minute was marked at most `distance` minutes before
        filled |= before & (marked >> silence + 1 - distance)
    return filled


def _runs_from(begins: int, runs: int) -> int:
    """Return the part of each run of ones from the first bit of `begins` in it.

    The sum carries from that bit to the end of its run, and no further.
    """
    return (runs & ~(runs + begins)) | begins


def _shift(bits: int, minutes: int) -> int:
    bits = bits >> minutes if minutes >= 0 else bits << -minutes
    return bits & _WHOLE_DAY


_WHOLE_DAY: Final = (1 << DAY_BITS) - 1


def encode_bitmap(bits: int) -> bytes:
    """Return a bitmap as octets, the first minutes first; no octets for an empty one."""
    return bits.to_bytes(-(-bits.bit_length() // 8), "little")


def decode_bitmap(octets: bytes) -> int:
    """Return the bitmap of `encode_bitmap`; bits beyond a day are dropped."""
    return int.from_bytes(octets, "little") & _WHOLE_DAY
