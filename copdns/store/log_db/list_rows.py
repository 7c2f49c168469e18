"""The SQL of what lists did, by week, in `log.db`: counts, and how a list stands."""

from __future__ import annotations

from collections.abc import Mapping

from copdns.privacy.list_counts import ListCountKey, ListCountKind
from copdns.store.connection import SqlConnection
from copdns.store.db import transaction


def rows_by_list(connection: SqlConnection, household: str) -> dict[str, int]:
    """Return for how many rows each list is the reason, by its slug."""
    rows = connection.execute(
        """
        select list, count(*) from lookup
         where household = ? and list <> '' group by list
        """,
        (household,),
    )
    return dict(rows.fetchall())


def count_lists(connection: SqlConnection, counts: Mapping[ListCountKey, int]) -> None:
    """Add to the counts of lists."""
    with transaction(connection):
        for key, n in counts.items():
            connection.execute(
                """
                insert into list_count (household, list, week, kind, n)
                values (:household, :list, :week, :kind, :n)
                    on conflict (household, list, week, kind)
                    do update set n = list_count.n + excluded.n
                """,
                {**key._asdict(), "n": n},
            )


def note_lists(connection: SqlConnection, counts: Mapping[ListCountKey, int]) -> None:
    """Store numbers of lists in place of those that are there."""
    with transaction(connection):
        for key, n in counts.items():
            connection.execute(
                """
                insert into list_count (household, list, week, kind, n)
                values (:household, :list, :week, :kind, :n)
                    on conflict (household, list, week, kind) do update set n = excluded.n
                """,
                {**key._asdict(), "n": n},
            )


def list_counts(connection: SqlConnection, household: str, since: int) -> dict[ListCountKey, int]:
    """Return the counts of lists from a week on."""
    found = connection.execute(
        """
        select household, list, week, kind, n
          from list_count
         where household = :household and week >= :week
         order by list, week, kind
        """,
        {"household": household, "week": since},
    )
    return {
        ListCountKey(home, slug, week, ListCountKind(kind)): n
        for home, slug, week, kind, n in found
    }
