"""Turn numbers into bars with their places and heights, which a template draws as SVG.  Pure.

Moments are seconds since the epoch, lengths are units of the SVG.  `templates/desk/charts.html`
draws them: classes for colours and attributes for sizes, so that no page needs inline style, with a
sentence and a table beside each.  (A library such as pygal styles inside its SVG, which the
Content-Security-Policy of our pages refuses, and its colours and words would be its own.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from copdns.time.days import local_time, starts_at, zone_of

WIDTH, HEIGHT = 720, 200
HOUR = 3600
WEEK = 7  # bars that have room for a word each
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


class PlotLimit(NamedTuple):
    """A line that a bar may reach or pass.  x, end, y: in units of the drawing."""

    x: float
    end: float
    y: float


class Plot(NamedTuple):
    """Bars of one scale.  top: the value at the end of the axis; 0 where there is nothing to
    draw.  limits: of the bars that have one."""

    bars: tuple[PlotBar, ...]
    top: int
    limits: tuple[PlotLimit, ...] = ()

    @property
    def marks(self) -> tuple[int, ...]:
        """Return the values that are written beside the axis, the highest first."""
        return (self.top, self.top // 2, 0) if self.top else (0,)


def axis_top(value: int) -> int:
    """Return where an axis ends that reaches a value: an even number that is easy to read."""
    step = 1
    while value > 10 * step:
        step *= 10
    return next(each * step for each in (2, 4, 6, 8, 10) if each * step >= value) if value else 0


def stack_bars(values: Sequence[Sequence[int]], limits: Sequence[int | None] = ()) -> Plot:
    """Return a bar for each sequence of values; its parts are stacked.

    limits: of each bar; None for none.  Without a bar there is nothing to draw.
    """
    highest = max((sum(each) for each in values), default=0)
    top = axis_top(max([highest, *(each for each in limits if each is not None)]) * bool(highest))
    place = WIDTH / max(1, len(values))
    bars = (
        PlotBar(
            round(at * place + place * GAP / 2, 1),
            round(place * (1 - GAP), 1),
            tuple(_parts(each, top)),
        )
        for at, each in enumerate(values)
    )
    lines = (
        PlotLimit(
            round(at * place, 1), round((at + 1) * place, 1), round(HEIGHT * (1 - each / top), 1)
        )
        for at, each in enumerate(limits)
        if each is not None and top
    )
    return Plot(tuple(bars), top, tuple(lines))


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
    def peak(self) -> tuple[Bucket, int]:
        """Return the first bucket with the most, and how much it is."""
        sums = [sum(each) for each in self.values]
        at = sums.index(max(sums))
        return self.buckets[at], sums[at]

    @property
    def totals(self) -> tuple[int, ...]:
        return tuple(sum(column) for column in zip(*self.values, strict=True))


def by_hour_of_day(
    counted: Iterable[tuple[float, str, int]], kinds: tuple[str, ...], zone: str
) -> PlotTable:
    """Return what was counted in each hour of the day by the household's clock, all days together.

    The buckets are seconds after midnight.
    """
    sums = [dict.fromkeys(kinds, 0) for _ in range(24)]
    where = zone_of(zone)
    hour_at: dict[float, int] = {}
    for moment, kind, n in counted:
        if moment not in hour_at:
            hour_at[moment] = local_time(moment, where).hour
        sums[hour_at[moment]][kind] += n
    return PlotTable(
        tuple(Bucket(h * HOUR, (h + 1) * HOUR) for h in range(24)),
        kinds,
        tuple(tuple(each.values()) for each in sums),
    )


def tick_places(count: int, most: int = 5) -> tuple[int, ...]:
    """Return which of so many bars have a word below them: all, or a few as far from each other."""
    if count <= WEEK:
        return tuple(range(count))
    return tuple(round(at * (count - 1) / (most - 1)) for at in range(most))


OTHER_KINDS = "*"  # the kind of all without a column


def build_table(
    buckets: tuple[Bucket, ...],
    counted: Iterable[tuple[float, str, int]],
    first: tuple[str, ...] = (),
    most: int = 5,
) -> PlotTable:
    """Return the number of each kind in each bucket.

    counted: moment, kind and number; moments before the first bucket are left out.  first: kinds
    that always have a column, in this order.  most: how many kinds have a column, then the largest;
    all others share one, OTHER_KINDS.
    """
    counts = [(moment, kind, n) for moment, kind, n in counted if moment >= buckets[0].start]
    sums: dict[str, int] = dict.fromkeys(first, 0)
    for _, kind, n in counts:
        sums[kind] = sums.get(kind, 0) + n
    order = {kind: at for at, kind in enumerate(first)}
    largest = sorted(
        sums,
        key=lambda kind: (order.get(kind, len(order)), -sums[kind] * (kind not in order), kind),
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
