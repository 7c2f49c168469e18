"""Tell whatever installs versions on a node which one it is to have."""

from __future__ import annotations

from contextlib import closing

from copdns.model.errors import ConfigError, RolloutError
from copdns.provider.rollout.rollouts import (
    FleetNode,
    RolloutKind,
    TakenRollout,
    canary_sites,
    choose_rollout,
)
from copdns.settings.config import Settings
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.rollout_rows import RolloutStore


def take_version(settings: Settings, kind: str, now: int) -> str:
    """Return the label of the rollout that this node is to have, which it has from now on.

    Raises ConfigError, StoreError, and RolloutError where there is none.
    """
    node = settings.node
    if not node.name:
        raise ConfigError("node.name is empty, so no rollout reaches this node")
    wanted = RolloutKind(kind)
    with closing(PostgresPool(settings.provider.database, most=1)) as pool:
        store = RolloutStore(pool)
        fleet = store.fleet()
        known = next((each for each in fleet if each.name == node.name), None)
        me = known or FleetNode(node.name, node.site, node.canary)
        is_frozen = any(each.holds(now) for each in store.freezes(now))
        found = choose_rollout(store.load(), wanted, me, canary_sites(fleet), is_frozen=is_frozen)
        if found is None:
            raise RolloutError(f"there is no rollout of a {kind} for this node")
        if me.has_taken(wanted).number != found.number:
            store.note_taken(node.name, wanted, TakenRollout(found.number, now))
        return found.label
