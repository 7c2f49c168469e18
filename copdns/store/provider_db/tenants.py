"""Which tenant a household came from, and the name and colours that its pages have."""

from __future__ import annotations

import json

from copdns.provider.tenant_look import TenantLook
from copdns.store.db import transaction
from copdns.store.postgres.connection import PostgresPool


class HouseholdTenants:
    """Methods block, and raise StoreError.  pool: lent.  The tables (PROVIDER) must be there."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

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

    def set_look(self, tenant: str, look: TenantLook) -> None:
        """Store the look of a tenant, which was checked."""
        with self._pool.connection() as connection, transaction(connection, "=tenants"):
            connection.execute("delete from tenant_look where tenant = ?", (tenant,))
            connection.execute(
                "insert into tenant_look values (?, ?, ?, ?, ?, ?)",
                (
                    *(tenant, look.name, look.light, look.dark, look.contact),
                    json.dumps(dict(look.texts)),
                ),
            )

    def look_of(self, household: str) -> TenantLook | None:
        """Return the look of a household's tenant; None where there is none."""
        with self._pool.connection() as connection:
            row = connection.execute(
                """
                select name, light, dark, contact, texts from tenant_look
                 where tenant = (select tenant from household_tenant where household = ?)
                """,
                (household,),
            ).fetchone()
            if row is None:
                return None
            name, light, dark, contact, texts = row
            return TenantLook(name, light, dark, contact, json.loads(texts))
