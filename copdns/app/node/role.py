"""Look at the role of the database with which a program of a node connects."""

from __future__ import annotations

import structlog

from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.role_rights import require_duty

log = structlog.get_logger("copdns.node")


def require_role(pool: PostgresPool, duty: RoleDuty) -> None:
    """Raise StoreError for a role of another duty, and log a warning for one of all duties; blocks.

    pool: lent; the tables of the households must be there.
    """
    apply_own_steps(pool, PROVIDER)  # which has the duties of roles
    if warning := require_duty(pool, duty):
        log.warning(warning)
