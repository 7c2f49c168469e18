"""Turn numbers into bars: where each stands and how high it is, for an SVG that a template draws.

Pure; moments are seconds since the epoch, lengths the SVG's own units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from copdns.time.days import local_time, starts_at, zone_of

WIDTH, HEIGHT = 720, 200
HOUR = 3600
GAP = 0.2  # of a bar's place


class Bucket(NamedTuple):
    """A stretch of time that has one bar.  end: exclusive."""

    start: float
    end: float


def hours(now: float, count: int = 24) -> tuple[Bucket, ...]:
    """Return the last hours, this one among them."""
    last = int(now) // HOUR
    return tuple(Bucket(h * HOUR, (h + 1) * HOUR) for h in range(last - count + 1, last + 1))


def days(now: float, count: int, zone: str) -> tuple[Bucket, ...]:
    """Return the last days by the household's clock, today among them."""
    return tuple(
        Bucket(
            starts_at(day, 0, zone_of(zone)), starts_at(day + timedelta(days=1), 0, zone_of(zone))
        )
        for day in dates(now, count, zone)
    )


def dates(now: float, count: int, zone: str) -> tuple[date, ...]:
    """Return so many dates, the last one today in a zone.  now: seconds since the epoch."""
    today = local_time(now, zone_of(zone)).date()
    return tuple(today - timedelta(days=back) for back in reversed(range(count)))


class Part(NamedTuple):
    """A part of a bar, drawn in the colour of its number."""

    colour: int
    y: float
    height: float


class Bar(NamedTuple):
    x: float
    width: float
    parts: tuple[Part, ...]


class Plot(NamedTuple):
    """top: what the highest bar stands for, 0 where there is nothing to draw."""

    bars: tuple[Bar, ...]
    top: int


def stacked(values: Sequence[Sequence[int]]) -> Plot:
    """Return bars of which each part stands on the one before."""
    top = max((sum(each) for each in values), default=0)
    place = WIDTH / max(1, len(values))
    bars = (
        Bar(
            round(at * place + place * GAP / 2, 1),
            round(place * (1 - GAP), 1),
            tuple(_parts(each, top)),
        )
        for at, each in enumerate(values)
    )
    return Plot(tuple(bars), top)


def _parts(values: Sequence[int], top: int) -> Iterable[Part]:
    below = 0
    for colour, value in enumerate(values):
        if value > 0:
            low, high = HEIGHT * below / top, HEIGHT * (below + value) / top
            yield Part(colour, round(HEIGHT - high, 1), round(high - low, 1))
            below += value


class Table(NamedTuple):
    """Numbers by stretch of time and by what they count.  kinds: "" for what has no name."""

    buckets: tuple[Bucket, ...]
    kinds: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]

    @property
    def plot(self) -> Plot:
        return stacked(self.values)

    @property
    def totals(self) -> tuple[int, ...]:
        return tuple(sum(column) for column in zip(*self.values, strict=True))


REST = "*"  # the kind of all that has no column of its own


def tabled(
    buckets: tuple[Bucket, ...],
    counted: Iterable[tuple[float, str, int]],
    first: tuple[str, ...] = (),
    most: int = 5,
) -> Table:
    """Return how many of each kind there were in each stretch of time.

    counted: moment, kind and number; what is before the first stretch is left out.  first: kinds
    that have their column in any case.  most: kinds that have one, then the largest; all others
    share one.
    """
    counts = [(moment, kind, n) for moment, kind, n in counted if moment >= buckets[0].start]
    sums: dict[str, int] = dict.fromkeys(first, 0)
    for _, kind, n in counts:
        sums[kind] = sums.get(kind, 0) + n
    largest = sorted(
        sums, key=lambda kind: (kind not in first, -sums[kind] * (kind not in first), kind)
    )
    kinds = (*largest[:most], *([REST] if len(largest) > most else []))
    column = {kind: min(at, most) for at, kind in enumerate(largest)}
    values = [[0] * len(kinds) for _ in buckets]
    at = 0
    for moment, kind, n in sorted(counts):
        while at + 1 < len(buckets) and moment >= buckets[at].end:
            at += 1
        values[at][column[kind]] += n
    return Table(buckets, kinds, tuple(map(tuple, values)))
