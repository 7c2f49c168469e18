"""Turn samples into tables: medians, ranges, and ratios within each round."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Protocol

from tests.bench.workloads import WORKLOADS, Sample


class Shown(Protocol):
    """What a table of a workload needs: key is what servers are compared by, round by round."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Column:
    """key: of the samples' values.  how: `median`, `range`, `sum` or `worst` over the rounds.

    always: False for what not every workload of its kind gives.
    """

    heading: str
    key: str
    how: str = "median"
    digits: int = 0
    always: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """A workload that is measured without a server."""

    name: str
    title: str
    key: str


DECISIONS = View(
    "decide",
    "one decision in microseconds: 50 schedules, 10 budgets, 200 rules; the worst moment",
    "worst",
)
VIEWS: Sequence[Shown] = (DECISIONS, *WORKLOADS.values())
_COUNTS = tuple(Column(each, each, "sum") for each in ("lost", "late", "wrong"))
COLUMNS: Mapping[str, Sequence[Column]] = {
    "rate": (
        Column("questions/s", "rate"),
        Column("range", "rate", "range"),
        Column("p50 us", "p50"),
        Column("p99 us", "p99"),
        Column("p99.9 us", "p999"),
        *_COUNTS,
    ),
    "p99": (
        Column("p99 us", "p99"),
        Column("range", "p99", "range"),
        Column("p50 us", "p50"),
        Column("p99.9 us", "p999"),
        Column("worst us", "max", "worst"),
        *_COUNTS,
    ),
    "in_force": (
        Column("in force s", "in_force", digits=2),
        Column("range", "in_force", "range", 2),
        Column("worst us", "max", "worst", always=False),
        Column("peak MB", "peak", "worst", 1, always=False),
        *(replace(each, always=False) for each in _COUNTS),
    ),
    "rss": (
        Column("when ready", "ready", digits=1, always=False),
        Column("RSS", "rss", digits=1),
        Column("PSS", "pss", digits=1),
    ),
    "again": (
        Column("again", "again", digits=2),
        Column("range", "again", "range", 2),
        Column("any answer", "again_answer", digits=2),
        Column("first", "first", digits=2),
        Column("any answer", "first_answer", digits=2),
    ),
    "worst": (
        Column("no list", "unlisted", digits=1),
        Column("service", "service", digits=1),
        Column("rule", "rule", digits=1),
        Column("list", "listed", digits=1),
        Column("always", "always", digits=1),
        Column("worst", "worst", digits=1),
        Column("range", "worst", "range", 1),
    ),
}
SHORT = {"rate": "questions/s", "p99": "p99", "in_force": "in force", "rss": "RSS"}


FASTER = ("unbound", "dnsdist")  # the faster of them, in each round


def values(samples: Iterable[Sample], workload: str, server: str, key: str) -> dict[int, float]:
    """Return a number by round."""
    return {
        each.round: each.values[key]
        for each in samples
        if (each.workload, each.server) == (workload, server) and key in each.values
    }


def ratio(
    samples: Sequence[Sample], workload: str, key: str, server: str, *to: str
) -> float | None:
    """Return the median of the ratios of each round; None without rounds that all were in.

    to: a server, or several: then the one with the largest number in that round.
    """
    ours = values(samples, workload, server, key)
    theirs = [values(samples, workload, each, key) for each in to]
    ratios = []
    for number, mine in ours.items():
        others = [each.get(number, 0.0) for each in theirs]
        if all(others):
            ratios.append(mine / max(others))
    return median(ratios) if ratios else None


@dataclass(frozen=True, slots=True)
class Table:
    """Cells with a heading for each column; the first column is words, the rest numbers."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def plain(table: Table) -> str:
    return f"{table.title}\n{aligned([table.head, *table.rows])}"


def markdown(table: Table) -> str:
    """Return a table as docs/performance.md has them."""
    line = "|---|" + "---:|" * (len(table.head) - 1)
    rows = [_in_pipes(row) for row in (table.head, *table.rows)]
    return "\n".join([f"**{table.title}**", "", rows[0], line, *rows[1:]])


def _in_pipes(row: Sequence[str]) -> str:
    return f"| {' | '.join(row)} |"


Style = Callable[[Table], str]


def tables(samples: Sequence[Sample], peers: Sequence[str], style: Style = plain) -> str:
    """Return what was measured, in the order of `VIEWS`; peers: whom the ratios are to."""
    found = [_table(view, samples, peers) for view in VIEWS]
    return "\n\n".join(style(each) for each in found if each.rows)


def _table(view: Shown, samples: Sequence[Sample], peers: Sequence[str]) -> Table:
    mine = [each for each in samples if each.workload == view.name]
    servers = _servers(mine)
    of = partial(values, mine, view.name)
    columns = [
        column
        for column in COLUMNS[view.key]
        if column.always or any(of(server, column.key) for server in servers)
    ]
    others = [each for each in peers if each in servers]
    compared = f"; of ...: {SHORT.get(view.key, view.key)}" if others else ""
    return Table(
        f"{view.title}{compared} ({_rounds(1 + max((each.round for each in mine), default=0))})",
        ["", *(column.heading for column in columns), *(f"of {each}" for each in others)],
        [
            [
                server,
                *(_cell(column, of(server, column.key)) for column in columns),
                *(_share(ratio(mine, view.name, view.key, server, each)) for each in others),
            ]
            for server in servers
        ],
    )


def _servers(samples: Iterable[Sample]) -> list[str]:
    return list(dict.fromkeys(each.server for each in sorted(samples, key=_order)))


def glance(samples: Sequence[Sample], style: Style = plain) -> str:
    """Return all rates in one table: a line for each workload, a column for each server."""
    mine = [each for each in samples if "rate" in each.values]
    servers = _servers(mine)
    compared = "copdns" in servers and {*FASTER} <= {*servers}
    rows = []
    for view in (each for each in WORKLOADS.values() if each.key == "rate"):
        found = [values(mine, view.name, server, "rate").values() for server in servers]
        if any(found):
            cells = [f"{median(each):,.0f}" if each else "-" for each in found]
            share = _share(ratio(mine, view.name, "rate", "copdns", *FASTER))
            rows.append([view.name, *cells, *([share] if compared else [])])
    title = "questions a second, medians"
    if compared:
        title += f"; last: copdns of the faster of {' and '.join(FASTER)}, in each round"
    head = ["", *servers, *(["of the faster"] if compared else [])]
    return style(Table(title, head, rows)) if rows else ""


MORE = frozenset({"rate"})  # keys of which more is better
SAME = 0.03  # by how much two builds may differ: rounds of the same one do


def side_by_side(samples: Sequence[Sample], builds: Sequence[str], style: Style = plain) -> str:
    """Return how this copdns stands to other builds of it, each with the like: a line a workload.

    builds: their names, as after the @ in the names of their servers.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}  # by workload and key, then by pair
    worse = []
    for (workload, server, key), build in itertools.product(_comparable(samples), builds):
        share = ratio(samples, workload, key, server, f"{server}@{build}")
        if share is None:
            continue
        pair = f"{server} of {build}"
        found.setdefault((workload, key), {})[pair] = share
        if share < 1 - SAME if key in MORE else share > 1 + SAME:
            worse.append(f"{workload} {key}, {pair}: {share:.2f}")
    if not found:
        return ""
    pairs = list(dict.fromkeys(pair for each in found.values() for pair in each))
    rows = [
        [f"{workload} {key}", "more" if key in MORE else "less", *map(_share, map(each.get, pairs))]
        for (workload, key), each in found.items()
    ]
    title = "beside other builds: median of the ratios of each round"
    table = style(Table(title, ["", "better", *pairs], rows))
    return f"{table}\n\nworse by more than {SAME:.0%}: {'; '.join(worse) or 'nothing'}"


def _comparable(samples: Sequence[Sample]) -> Iterator[tuple[str, str, str]]:
    """Yield workload, server and key of what a build can be compared by with another."""
    for view in WORKLOADS.values():
        for server in _servers(each for each in samples if each.workload == view.name):
            if server.startswith("copdns") and "@" not in server:
                yield view.name, server, view.key
                if view.key == "p99":
                    yield view.name, server, "p999"


def log_rows(samples: Sequence[Sample], style: Style = plain) -> str:
    """Return how many rows of the log were dropped, and up to which rate none was."""
    mine = [each for each in samples if "dropped" in each.values]
    rows = []
    for server in _servers(mine):
        rounds = [each.values for each in mine if each.server == server]
        kept = [each.get("rate", 0) for each in rounds if not each["dropped"]]
        lost = [each.get("rate", 0) for each in rounds if each["dropped"]]
        dropped = sum(each["dropped"] for each in rounds)
        asked = sum(each["sent"] for each in rounds)
        rows.append(
            [
                server,
                f"{dropped:,.0f}",
                f"{asked:,.0f}",
                f"{max(kept):,.0f}" if kept else "-",
                f"{min(lost):,.0f}" if lost else "-",
            ]
        )
    head = ["", "log rows dropped", "of questions", "none at up to", "some from"]
    table = Table("rows of the log, and questions a second in a round", head, rows)
    return style(table) if rows else ""


def _rounds(count: int) -> str:
    return f"{count} round{'s' * (count > 1)}"


def _order(sample: Sample) -> tuple[bool, str]:
    return not sample.server.startswith("copdns"), sample.server


def _cell(column: Column, found: dict[int, float]) -> str:
    numbers = list(found.values())
    if not numbers:
        return "-"
    shown = f"{{:,.{column.digits}f}}".format
    match column.how:
        case "range":
            return f"{shown(min(numbers))}-{shown(max(numbers))}"
        case "sum":
            return shown(sum(numbers))
        case "worst":
            return shown(max(numbers))
        case _:
            return shown(median(numbers))


def _share(found: float | None) -> str:
    return "-" if found is None else f"{found:.2f}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Lay cells out in columns, the first to the left and the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
