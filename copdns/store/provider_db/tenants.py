"""Which tenant a household came from: whose name and colours its pages have."""

from __future__ import annotations

from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER


class HouseholdTenants:
    """Methods block, and raise StoreError.  pool: lent."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool
        apply_own_steps(pool, PROVIDER)

    def of(self, household: str) -> str:
        """Return the id of a household's tenant; "" where it is not known."""
        with self._pool.connection() as connection:
            row = connection.execute(
                "select tenant from household_tenant where household = ?", (household,)
            ).fetchone()
            return str(row[0]) if row else ""

    def assign(self, household: str, tenant: str) -> None:
        """Note whose a household is."""
        with self._pool.connection() as connection, transaction(connection, household):
            connection.execute(
                """
                insert into household_tenant (household, tenant) values (?, ?)
                    on conflict (household) do update set tenant = excluded.tenant
                """,
                (household, tenant),
            )
