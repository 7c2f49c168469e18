"""Whose name and colours a family's pages have, where a provider has several brands."""

from __future__ import annotations

import asyncio

from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.tenants import HouseholdTenants
from copdns.web.many_households.tenant_sign import TenantSign


class TenantLooks:
    """Raises StoreError.  pool: lent."""

    def __init__(self, pool: PostgresPool) -> None:
        self._tenants = HouseholdTenants(pool)

    async def of(self, household: str) -> TenantSign | None:
        """Return what the pages of a household have of its tenant; None for nothing."""
        look = await asyncio.to_thread(self._tenants.look_of, household)
        if look is None:
            return None
        return TenantSign(look.name, look.light, look.dark, look.contact, look.texts)
