"""Turn numbers into bars with their places and heights, which a template draws as SVG.  Pure.

Moments are seconds since the epoch, lengths are units of the SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from copdns.time.days import local_time, starts_at, zone_of

WIDTH, HEIGHT = 720, 200
HOUR = 3600
GAP = 0.2  # between bars, as a part of a bar's place


class Bucket(NamedTuple):
    """The time that a bar stands for.  end: exclusive."""

    start: float
    end: float


def hours(now: float, count: int = 24) -> tuple[Bucket, ...]:
    """Return the last hours, with the current one."""
    last = int(now) // HOUR
    return tuple(Bucket(h * HOUR, (h + 1) * HOUR) for h in range(last - count + 1, last + 1))


def days(now: float, count: int, zone: str) -> tuple[Bucket, ...]:
    """Return the last days by the household's clock, with today."""
    return tuple(
        Bucket(
            starts_at(day, 0, zone_of(zone)), starts_at(day + timedelta(days=1), 0, zone_of(zone))
        )
        for day in dates(now, count, zone)
    )


def dates(now: float, count: int, zone: str) -> tuple[date, ...]:
    """Return the last dates in a zone, with today.  now: seconds since the epoch."""
    today = local_time(now, zone_of(zone)).date()
    return tuple(today - timedelta(days=back) for back in reversed(range(count)))


class BarPart(NamedTuple):
    """A part of a bar.  colour: a number, for the style sheet."""

    colour: int
    y: float
    height: float


class PlotBar(NamedTuple):
    """A bar of a plot.  x, width: in units of the drawing; parts: stacked, the lowest first."""

    x: float
    width: float
    parts: tuple[BarPart, ...]


class Plot(NamedTuple):
    """Bars of one scale.  top: the value of the highest bar; 0 where there is nothing to draw."""

    bars: tuple[PlotBar, ...]
    top: int


def stack_bars(values: Sequence[Sequence[int]]) -> Plot:
    """Return a bar for each sequence of values; its parts are stacked."""
    top = max((sum(each) for each in values), default=0)
    place = WIDTH / max(1, len(values))
    bars = (
        PlotBar(
            round(at * place + place * GAP / 2, 1),
            round(place * (1 - GAP), 1),
            tuple(_parts(each, top)),
        )
        for at, each in enumerate(values)
    )
    return Plot(tuple(bars), top)


def _parts(values: Sequence[int], top: int) -> Iterable[BarPart]:
    below = 0
    for colour, value in enumerate(values):
        if value > 0:
            low, high = HEIGHT * below / top, HEIGHT * (below + value) / top
            yield BarPart(colour, round(HEIGHT - high, 1), round(high - low, 1))
            below += value


class PlotTable(NamedTuple):
    """Numbers by bucket and kind.  kinds: "" for what has no name."""

    buckets: tuple[Bucket, ...]
    kinds: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]

    @property
    def plot(self) -> Plot:
        return stack_bars(self.values)

    @property
    def totals(self) -> tuple[int, ...]:
        return tuple(sum(column) for column in zip(*self.values, strict=True))


OTHER_KINDS = "*"  # the kind of all without a column


def build_table(
    buckets: tuple[Bucket, ...],
    counted: Iterable[tuple[float, str, int]],
    first: tuple[str, ...] = (),
    most: int = 5,
) -> PlotTable:
    """Return the number of each kind in each bucket.

    counted: moment, kind and number; moments before the first bucket are left out.  first: kinds
    that always have a column.  most: how many kinds have a column, then the largest; all others
    share one, OTHER_KINDS.
    """
    counts = [(moment, kind, n) for moment, kind, n in counted if moment >= buckets[0].start]
    sums: dict[str, int] = dict.fromkeys(first, 0)
    for _, kind, n in counts:
        sums[kind] = sums.get(kind, 0) + n
    largest = sorted(
        sums, key=lambda kind: (kind not in first, -sums[kind] * (kind not in first), kind)
    )
    kinds = (*largest[:most], *([OTHER_KINDS] if len(largest) > most else []))
    column = {kind: min(at, most) for at, kind in enumerate(largest)}
    values = [[0] * len(kinds) for _ in buckets]
    at = 0
    for moment, kind, n in sorted(counts):
        while at + 1 < len(buckets) and moment >= buckets[at].end:
            at += 1
        values[at][column[kind]] += n
    return PlotTable(buckets, kinds, tuple(map(tuple, values)))
