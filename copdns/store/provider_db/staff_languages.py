"""In which language each of the staff reads: kept with their account, by its id.

Pages of another browser begin in it, and messages to them are in it.
"""

from __future__ import annotations

from copdns.store.postgres.connection import PostgresPool


class StaffLanguages:
    """Methods block, and raise StoreError.  pool: lent.  The tables (PROVIDER) must be there."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    def of(self, staff: str) -> str:
        """Return the language of one of the staff; "" where it is not known."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "select language from staff_language where staff = ?", (staff,)
            ).fetchone()
        return str(row[0]) if row else ""

    def keep(self, staff: str, language: str) -> None:
        """Note which language one of the staff reads."""
        with self._pool.connection() as connection:
            connection.execute(
                """
                insert into staff_language (staff, language) values (?, ?)
                    on conflict (staff) do update set language = excluded.language
                """,
                (staff, language),
            )
