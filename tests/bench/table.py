"""Turn samples into tables: medians, ranges, and ratios within each round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.workloads import Sample


@dataclass(frozen=True, slots=True)
class Column:
    """key: of the samples' values.  how: `median`, `range`, `sum` or `worst` over the rounds."""

    heading: str
    key: str
    how: str = "median"
    digits: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """How a workload is shown.  ratio: the key that is compared with the peers, round by round."""

    workload: str
    title: str
    columns: Sequence[Column]
    ratio: str


def _paced(*columns: Column) -> tuple[Column, ...]:
    return (*columns, *(Column(each, each, "sum") for each in ("lost", "late", "wrong")))


VIEWS = (
    View(
        "hot",
        "hot set: 10,000 names, Zipf, 30 % blocked, 100 outstanding",
        _paced(
            Column("questions/s", "rate"),
            Column("range", "rate", "range"),
            Column("p50 us", "p50"),
            Column("p99 us", "p99"),
        ),
        "rate",
    ),
    View(
        "cold",
        "names never seen: each once, 100 outstanding",
        _paced(
            Column("questions/s", "rate"),
            Column("range", "rate", "range"),
            Column("p50 us", "p50"),
            Column("p99 us", "p99"),
        ),
        "rate",
    ),
    View(
        "latency",
        "hot set at 5,000 questions a second; of ...: p99",
        _paced(
            Column("p99 us", "p99"),
            Column("range", "p99", "range"),
            Column("p50 us", "p50"),
            Column("p99.9 us", "p999"),
            Column("worst us", "max", "worst"),
        ),
        "p99",
    ),
    View(
        "reload",
        "a changed list at 5,000 questions a second; late: over 50 ms",
        _paced(
            Column("in force s", "in_force", digits=2),
            Column("range", "in_force", "range", 2),
            Column("worst us", "max", "worst"),
        ),
        "in_force",
    ),
    View(
        "decide",
        "one decision in microseconds: 50 schedules, 10 budgets, 200 rules; the worst moment",
        (
            Column("no list", "unlisted", digits=1),
            Column("service", "service", digits=1),
            Column("rule", "rule", digits=1),
            Column("list", "listed", digits=1),
            Column("always", "always", digits=1),
            Column("worst", "worst", digits=1),
            Column("range", "worst", "range", 1),
        ),
        "worst",
    ),
    View(
        "memory",
        "memory in MB, list loaded and caches warm; of ...: RSS",
        (
            Column("when ready", "ready", digits=1),
            Column("RSS", "rss", digits=1),
            Column("PSS", "pss", digits=1),
        ),
        "rss",
    ),
    View(
        "memory_after",
        "memory in MB after all of the above; of ...: RSS",
        (Column("RSS", "rss", digits=1), Column("PSS", "pss", digits=1)),
        "rss",
    ),
    View(
        "start",
        "start in seconds, from exec to the first block; of ...: again",
        (
            Column("again", "again", digits=2),
            Column("range", "again", "range", 2),
            Column("first", "first", digits=2),
        ),
        "again",
    ),
)


def values(samples: Iterable[Sample], workload: str, server: str, key: str) -> dict[int, float]:
    """Return a number by round."""
    return {
        each.round: each.values[key]
        for each in samples
        if (each.workload, each.server) == (workload, server) and key in each.values
    }


def ratio(samples: Sequence[Sample], workload: str, key: str, server: str, to: str) -> float | None:
    """Return the median of the ratios of each round; None without rounds that both were in."""
    ours, theirs = (values(samples, workload, each, key) for each in (server, to))
    ratios = [ours[each] / theirs[each] for each in ours if theirs.get(each)]
    return median(ratios) if ratios else None


HELD_UP = 10_000  # microseconds: in a quiet machine sending is never so late


def held_up(samples: Sequence[Sample]) -> str:
    """Say so when the load generator itself could not run in time; "" when it could."""
    late = [each for each in samples if each.values.get("behind", 0) > HELD_UP]
    if not late:
        return ""
    worst = max(each.values["behind"] for each in late) / 1000
    where = ", ".join(dict.fromkeys(each.workload for each in late))
    return (
        f"in {_rounds(len(late))} ({where}) the load generator was held up, by {worst:.0f} ms "
        "at worst: other work runs on this machine, and late and lost may be its doing"
    )


def tables(samples: Sequence[Sample], peers: Sequence[str]) -> str:
    """Return what was measured, in the order of `VIEWS`; peers: whom the ratios are to."""
    parts = [_table(view, samples, peers) for view in VIEWS]
    return "\n\n".join(part for part in parts if part)


def _table(view: View, samples: Sequence[Sample], peers: Sequence[str]) -> str:
    mine = [each for each in samples if each.workload == view.workload]
    servers = list(dict.fromkeys(each.server for each in sorted(mine, key=_order)))
    if not servers:
        return ""
    others = [each for each in peers if each in servers]
    head = ["", *(column.heading for column in view.columns), *(f"of {each}" for each in others)]
    rows = [
        [
            server,
            *(
                _cell(column, values(mine, view.workload, server, column.key))
                for column in view.columns
            ),
            *(_ratio_cell(ratio(mine, view.workload, view.ratio, server, each)) for each in others),
        ]
        for server in servers
    ]
    rounds = _rounds(1 + max(each.round for each in mine))
    return f"{view.title} ({rounds})\n{aligned([head, *rows])}"


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


def _ratio_cell(found: float | None) -> str:
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
