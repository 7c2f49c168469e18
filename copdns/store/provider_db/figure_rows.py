"""Figures for the quarterly report, by day: blocks, minutes of nodes, how many have a filter.

Blocks are added up as nodes hand them over.  Households are counted once, after a quarter's end,
and only what may be published of that is stored (`step_down`): nobody can ask again and compare.

By day there are small numbers, so the staff's programs cannot read them: what may be told of a
quarter that is over stands apart (`report_sum`), and the report is made from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from copdns.model.times import OnFailure
from copdns.provider.law.figures import K, step_down
from copdns.provider.law.measurements import ALL, DAY, MINUTES, Measured, NodeDay
from copdns.provider.plane.block_counts import BlockCount
from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresConnection, PostgresPool
from copdns.store.provider_db.register_schema import SAFE_SUMS

KEPT_DAYS: Final = 366
GUEST_RULES: Final = "guest"  # the profile of guests, as `policy/guest.py` calls it
COUNTED_WITHIN: Final = 7  # days after a quarter: a later count would be of another time
_LOCK: Final = "=figures"  # no household has this id
_BY_DAY: Final = {"report_figure": "day", "node_minutes": "day", "report_sum": "quarter"}


class FigureKind(StrEnum):
    """What a number is.  filter: households with one, by tenant.  chosen: those that chose a
    category."""

    LAYER = "layer"
    CATEGORY = "category"
    FILTER = "filter"
    CHOSEN = "chosen"


class FigureRows:
    """Methods block, and raise StoreError.  pool: lent.  The tables (PROVIDER) must be there."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    def add(
        self, blocks: Mapping[tuple[int, BlockCount], int], minutes: Iterable[NodeDay], now: int
    ) -> None:
        """Add blocks of days, and minutes of nodes; a minute that is there already stays.

        Deletes what was kept for a year, by both clocks: one that is ahead would do it too early.
        """
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            connection.executemany(
                """
                insert into report_figure values (?, ?, ?, ?)
                    on conflict (day, kind, label)
                    do update set number = report_figure.number + excluded.number
                """,
                [
                    (day, FigureKind.LAYER if is_layer else FigureKind.CATEGORY, label, number)
                    for (day, (is_layer, label)), number in sorted(blocks.items())
                ],
            )
            connection.executemany(
                """
                insert into node_minutes values (
                    ?, ?, ?,
                    cast(cast(? as text) as bit(1440)), cast(cast(? as text) as bit(1440)))
                    on conflict (day, node, site)
                    do update set answered = node_minutes.answered | excluded.answered,
                                  failing = node_minutes.failing | excluded.failing
                """,
                [
                    (each.day, each.node, each.site, _bits(each.answered), _bits(each.failing))
                    for each in minutes
                ],
            )
            today = _today(connection, now)
            for table, day in _BY_DAY.items():
                connection.execute(
                    f"delete from {table} where {day} < ?",  # noqa: S608 - names of this module
                    (today - KEPT_DAYS,),
                )
            end = _quarter_begin(today)
            if any(day < end for day, _ in blocks) or not _is_summed(connection, end):
                _sum_up(connection, end)

    def count_households(self, now: int, draw: Callable[[int], int]) -> bool:
        """Count who has a filter at the end of the quarter before, if nobody did; tell whether it
        was done.

        draw: as `SystemRandom.randrange`.  By the earlier one of both clocks.
        """
        with self._pool.connection() as connection, transaction(connection, _LOCK):
            today = _today(connection, now)
            last = _quarter_begin(today) - 1
            if today - last > COUNTED_WITHIN or _is_counted(connection, last):
                return False
            found = [
                (FigureKind.FILTER, ALL, _one(connection, _FILTERS)),
                *_rows(connection, FigureKind.FILTER, _BY_TENANT),
                *_rows(connection, FigureKind.CHOSEN, _BY_CATEGORY),
            ]
            connection.executemany(
                "insert into report_figure values (?, ?, ?, ?)",
                [
                    (last, str(kind), label, step_down(number, draw(K)))
                    for kind, label, number in found
                ],
            )
            _sum_up(connection, last + 1)
            return True

    def read(self, since: int) -> Measured:
        """Return what may be told of a quarter that is over.

        since: when it begins, in seconds since 1970, in UTC.
        """
        with self._pool.connection() as connection:
            rows = connection.execute(
                "select kind, label, number from report_sum where quarter = ? order by 1, 2",
                (since // DAY,),
            ).fetchall()
            nodes = connection.execute(
                """
                select node, site, day, cast(answered as text), cast(failing as text)
                  from node_minutes order by site, node, day
                """
            ).fetchall()
        of_kind: dict[str, dict[str, int]] = {str(each): {} for each in FigureKind}
        for kind, label, number in rows:
            of_kind.setdefault(kind, {})[label] = int(number)
        layers, categories = of_kind[FigureKind.LAYER], of_kind[FigureKind.CATEGORY]
        return Measured(
            {BlockCount(True, label): number for label, number in layers.items()}
            | {BlockCount(False, label): number for label, number in categories.items()},
            of_kind[FigureKind.FILTER] or None,
            of_kind[FigureKind.CHOSEN],
            tuple(
                NodeDay(node, site, int(day), _number(answered), _number(failing))
                for node, site, day, answered, failing in nodes
            ),
        )


def _bits(minutes: int) -> str:
    """Return minutes as PostgreSQL has bits: the first one first."""
    return f"{minutes:0{MINUTES}b}"[::-1]


def _number(bits: str) -> int:
    return int(bits[::-1], 2)


def _quarter_begin(day: int) -> int:
    """Return the first day of a day's quarter; days since 1970."""
    found = datetime.fromtimestamp(day * DAY, UTC)
    begin = datetime(found.year, (found.month - 1) // 3 * 3 + 1, 1, tzinfo=UTC)
    return int(begin.timestamp()) // DAY


def _today(connection: PostgresConnection, now: int) -> int:
    """Return the day, by both clocks: one that is ahead would do too early what goes by it."""
    row = connection.execute(
        "select cast(extract(epoch from clock_timestamp()) as bigint)"
    ).fetchone()
    return min(now, int(row[0])) // DAY


def _is_summed(connection: PostgresConnection, end: int) -> bool:
    return bool(
        connection.execute(
            "select 1 from report_sum where quarter = ?", (_quarter_begin(end - 1),)
        ).fetchone()
    )


def _sum_up(connection: PostgresConnection, end: int) -> None:
    """Store what may be told of a quarter.  end: the day after it."""
    begin = _quarter_begin(end - 1)
    connection.execute("delete from report_sum where quarter = ?", (begin,))
    connection.execute(f"insert into report_sum {SAFE_SUMS} where quarter = ?", (begin,))


def _is_counted(connection: PostgresConnection, day: int) -> bool:
    return bool(
        connection.execute(
            "select 1 from report_figure where day = ? and kind = ?", (day, FigureKind.FILTER)
        ).fetchone()
    )


def _one(connection: PostgresConnection, text: str) -> int:
    return int(connection.execute(text, _FILTERED).fetchone()[0])


def _rows(
    connection: PostgresConnection, kind: FigureKind, text: str
) -> list[tuple[FigureKind, str, int]]:
    rows: list[Any] = connection.execute(text, _FILTERED).fetchall()
    return [(kind, str(label), int(number)) for label, number in rows]


# As `policy/chosen_filter.py` decides it of a household, so that not all of them need to be read.
_FILTERED: Final = {"guest": GUEST_RULES, "open": str(OnFailure.OPEN)}
_IS_ON: Final = """
    h.failure_devices <> :open and (h.guest <> '' or exists (
        select 1 from profile g where g.household = h.household and g.id = :guest))"""
_FILTERS: Final = f"select count(*) from household h where {_IS_ON}"  # noqa: S608
_BY_TENANT: Final = f"""
    select t.tenant, count(*) from household h join household_tenant t using (household)
     where {_IS_ON} and t.tenant <> '' group by t.tenant order by 1"""  # noqa: S608
_BY_CATEGORY: Final = f"""
    select category, count(distinct h.household)
      from household h join profile p using (household)
     cross join lateral jsonb_array_elements_text(p.categories::jsonb) as category
     where {_IS_ON} group by category order by 1"""  # noqa: S608
