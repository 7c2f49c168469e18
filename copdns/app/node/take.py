"""Tell whatever installs versions on a node which one it is to have."""

from __future__ import annotations

from contextlib import closing

from copdns.app.node.role import require_role
from copdns.model.errors import ConfigError, RolloutError
from copdns.provider.rollout.rollouts import (
    PROGRAMS,
    FleetNode,
    RolloutKind,
    TakenRollout,
    canary_sites,
    choose_program,
    choose_rollout,
)
from copdns.settings.config import Settings
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.rollout_rows import RolloutStore


def take_version(settings: Settings, kind_name: str, now: int) -> str:
    """Return the label of the rollout that this node is to have, which it has from now on.

    Of a package and a schema it is the version of copdns, by the newer of both.  That the node has
    a schema, its program tells when it runs (`NodeRollouts`).

    Raises ConfigError, StoreError, and RolloutError where there is none.
    """
    node = settings.node
    if not node.name:
        raise ConfigError("node.name is empty, so no rollout reaches this node")
    wanted = RolloutKind(kind_name)
    with closing(PostgresPool(settings.provider.database, most=1)) as pool:
        require_role(pool, RoleDuty.NODES)
        store = RolloutStore(pool)
        fleet = store.fleet()
        known = next((each for each in fleet if each.name == node.name), None)
        me = known or FleetNode(node.name, node.site, node.canary)
        is_frozen = any(each.holds(now) for each in store.freezes(now))
        rollouts, sites = store.load(), canary_sites(fleet)
        if wanted in PROGRAMS:
            found = choose_program(rollouts, me, sites, is_frozen=is_frozen)
        else:
            found = choose_rollout(rollouts, wanted, me, sites, is_frozen=is_frozen)
        if found is None:
            raise RolloutError("there is no rollout of a %(kind)s for this node", kind=kind_name)
        kind = found.kind
        if kind is not RolloutKind.SCHEMA and me.has_taken(kind).number != found.number:
            store.note_taken(node.name, kind, TakenRollout(found.number, now))
        return found.label
