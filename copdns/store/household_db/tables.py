"""Read a whole household from its tables, and write the rows of one that differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from copdns.household.safeguards import enforce_limits
from copdns.model.errors import HouseholdError, OddRowError
from copdns.model.household import Household, Profile
from copdns.store.connection import SqlConnection
from copdns.store.household_db.cells import (
    Cell,
    Cells,
    HouseholdTable,
    T,
    as_json,
    read_number,
    read_text,
    read_texts,
)
from copdns.store.household_db.rows import (
    DEVICE,
    LOCAL_NAME,
    NAME_REWRITE,
    OWN_SERVICE,
    PROFILE,
    RULE,
    SPLIT_UPSTREAM,
)
from copdns.store.household_db.time_rows import (
    BONUS,
    BUDGET,
    FILTER_BREAK,
    GRANT,
    MOVED_BEDTIME,
    PAUSE,
    SCHEDULE,
    TICKET,
    days_json,
    read_calendar,
    read_failures,
    weekend_json,
)
from copdns.store.statements import some_places

TABLES: tuple[HouseholdTable[Any], ...] = (
    PROFILE,
    DEVICE,
    RULE,
    OWN_SERVICE,
    LOCAL_NAME,
    NAME_REWRITE,
    SPLIT_UPSTREAM,
    SCHEDULE,
    BUDGET,
    PAUSE,
    GRANT,
    BONUS,
    TICKET,
    MOVED_BEDTIME,
    FILTER_BREAK,
)


def load(
    connection: SqlConnection, household_id: str, *, as_written: bool = False
) -> Household | None:
    """Return a household as stored; None where there is none.

    Raises OddRowError for a row that copdns does not write.  as_written: without the limits of
    `safeguards.enforce_limits`.
    """
    found = connection.execute(
        f"select {_COLUMNS} from household where household = ?",  # noqa: S608
        (household_id,),
    ).fetchone()
    if found is None:
        return None
    rows = {table.name: connection.execute(table.select, (household_id,)) for table in TABLES}
    return _household(connection, household_id, found, rows, as_written=as_written)


_COLUMNS = (
    "name, timezone, guest, protected, revision, weekend, days, day_starts, failure_clock, "
    "failure_lists, failure_devices, language, country, helplines"
)


def load_some(
    connection: SqlConnection, after: str, most: int
) -> tuple[list[Household | OddRowError], str]:
    """Return households whose ids come after one, in their order, and the last id; "" at the end.

    Many at once take as many statements as one.  In place of a household with a row that copdns
    does not write stands what is wrong with it.
    """
    heads = connection.execute(
        f"select household, {_COLUMNS} from household where household > ? "  # noqa: S608
        "order by household limit ?",
        (after, most),
    ).fetchall()
    if not heads:
        return [], ""
    span = (heads[0][0], heads[-1][0])
    rows = {table.name: connection.execute(table.select_many, span) for table in TABLES}
    return list(_households(connection, heads, rows).values()), str(span[1])


def load_these(
    connection: SqlConnection, household_ids: Sequence[str]
) -> dict[str, Household | OddRowError]:
    """Return households by their ids, without those that are not there.

    As of `load_some`, many take as many statements as one.
    """
    places, wanted = some_places(household_ids)
    heads = connection.execute(
        f"select household, {_COLUMNS} from household where household in ({places})",  # noqa: S608
        wanted,
    ).fetchall()
    rows = {table.name: connection.execute(table.select_of(places), wanted) for table in TABLES}
    return _households(connection, heads, rows)


def _households(
    connection: SqlConnection, heads: Iterable[Sequence[Any]], rows: Mapping[str, Iterable[Any]]
) -> dict[str, Household | OddRowError]:
    """Return households by their ids.  heads: their rows of `_COLUMNS`, each after the id.  rows:
    of `TABLES`, by name, each after the id."""
    by_table: dict[str, dict[object, list[Any]]] = {}
    for name, of_all in rows.items():
        grouped = by_table[name] = {}
        for household, *cells in of_all:
            grouped.setdefault(household, []).append(cells)
    found: dict[str, Household | OddRowError] = {}
    for household, *head in heads:
        own = {name: grouped.get(household, ()) for name, grouped in by_table.items()}
        try:
            found[household] = _household(connection, household, head, own)
        except OddRowError as error:
            found[household] = error
    return found


def _household(
    connection: SqlConnection,
    household_id: str,
    row: Sequence[Any],
    rows: Mapping[str, Iterable[Any]],
    *,
    as_written: bool = False,
) -> Household:
    """Return a household of its rows.  row: of `_COLUMNS`.  rows: of `TABLES`, by name."""
    fields: dict[str, Any] = {
        table.field: tuple(_read_values(rows[table.name], table, household_id)) for table in TABLES
    }
    if not as_written:
        fields["profiles"] = tuple(
            enforce_limits(each, agreed=_is_full_log_granted(connection, household_id, each))
            for each in fields["profiles"]
        )
    try:
        return Household(
            id=household_id,
            name=read_text(row[0]),
            timezone=read_text(row[1]),
            guest=read_text(row[2]),
            protected=read_texts(row[3]),
            revision=read_number(row[4]),
            calendar=read_calendar(row[5], row[6]),
            day_starts=read_number(row[7]),
            failures=read_failures(*row[8:11]),
            language=read_text(row[11]),
            country=read_text(row[12]),
            helplines=read_texts(row[13]),
            **fields,
        )
    except ValueError as error:
        raise odd_row_error("household", household_id, household_id, error) from error


def _is_full_log_granted(connection: SqlConnection, household_id: str, profile: Profile) -> bool:
    """Tell whether a profile has a full log, and the history has it as well."""
    full = profile.full_log
    return full is not None and bool(
        connection.execute(
            """
            select 1 from full_log_history
             where household = ? and profile = ? and starts = ? and ends >= ?
            """,
            (household_id, profile.id, full.start, full.end),
        ).fetchone()
    )


def _read_values(rows: Iterable[Any], table: HouseholdTable[T], household_id: str) -> Iterator[T]:
    for row in rows:
        try:
            yield table.value(row)
        except ValueError as error:
            raise odd_row_error(table.name, row[0], household_id, error) from error


def odd_row_error(table: str, key: object, household_id: str, error: ValueError) -> OddRowError:
    """Return the error for a row that copdns does not write: edited by hand, or damaged."""
    return OddRowError(
        f"table {table}, row {key!r} of household {household_id!r}: {error};"
        " correct that row, or restore a backup"
    )


def write(connection: SqlConnection, before: Household | None, after: Household) -> None:
    """Write the rows that differ.  before: the household as stored; None for a new one.

    Raises HouseholdError, before anything is written, for what the tables cannot hold.
    """
    changes = [(table, _rows(table, before), _rows(table, after)) for table in TABLES]
    _check_owners(after)
    _write_household(connection, after, is_new=before is None)
    for table, old, new in changes:
        connection.executemany(table.delete, [(after.id, key) for key in old.keys() - new.keys()])
        connection.executemany(
            table.write, [(after.id, *row) for key, row in new.items() if old.get(key) != row]
        )


def _rows(table: HouseholdTable[Any], household: Household | None) -> dict[Cell, Cells]:
    """Return the rows of a table, (position, *cells), by key."""
    rows: dict[Cell, Cells] = {}
    for position, value in enumerate(getattr(household, table.field) if household else ()):
        cells = table.cells(value)
        if cells[0] in rows:
            raise HouseholdError(
                "%(part)s: '%(key)s' is there twice; remove or rename one",
                part=table.field,
                key=str(cells[0]),
            )
        rows[cells[0]] = (position, *cells)
    return rows


def _check_owners(household: Household) -> None:
    people = {"", *(each.id for each in household.profiles)}  # "": a ticket for whoever has it
    owned = [
        *((f"device {each.id!r}", each.profile) for each in household.devices),
        *((f"grant {each.id!r}", each.profile) for each in household.grants),
        *((f"bonus {each.id!r}", each.profile) for each in household.bonuses),
        *((f"ticket {each.id!r}", each.profile) for each in household.tickets),
        *(("a pause", each.profile) for each in household.pauses),
        *(("a moved bedtime", each.profile) for each in household.moved_bedtimes),
        *(("a filter break", each.profile) for each in household.filter_breaks),
    ]
    for what, profile_id in owned:
        if profile_id not in people:
            raise HouseholdError(
                "%(what)s: there is no profile '%(profile_id)s'; add that profile first, or "
                "choose another",
                what=what,
                profile_id=profile_id,
            )


# Who makes households at a provider may change none, so that adding one is a statement of its own.
_ADD_HOUSEHOLD = """
        insert into household (
               household, name, timezone, guest, protected, revision, weekend, days, day_starts,
               failure_clock, failure_lists, failure_devices, language, country, helplines)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_OR_CHANGE_IT = """
            on conflict (household) do update
           set name = excluded.name, timezone = excluded.timezone, guest = excluded.guest,
               protected = excluded.protected, revision = excluded.revision,
               weekend = excluded.weekend, days = excluded.days, day_starts = excluded.day_starts,
               failure_clock = excluded.failure_clock, failure_lists = excluded.failure_lists,
               failure_devices = excluded.failure_devices, language = excluded.language,
               country = excluded.country, helplines = excluded.helplines"""


def _write_household(connection: SqlConnection, household: Household, *, is_new: bool) -> None:
    connection.execute(
        _ADD_HOUSEHOLD if is_new else f"{_ADD_HOUSEHOLD}{_OR_CHANGE_IT}",
        (
            household.id,
            household.name,
            household.timezone,
            household.guest,
            as_json(household.protected),
            household.revision,
            weekend_json(household.calendar.weekend),
            days_json(household.calendar.days),
            household.day_starts,
            household.failures.clock,
            household.failures.lists,
            household.failures.devices,
            household.language,
            household.country,
            as_json(household.helplines),
        ),
    )
