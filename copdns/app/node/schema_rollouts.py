"""Begin the rollout of a schema, and contract it when all nodes are on its version."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from copdns.model.errors import RolloutError
from copdns.provider.rollout.rollouts import (
    Rollout,
    RolloutKind,
    begin_step,
    contract_step,
)
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.rollout_rows import RolloutStore
from copdns.store.schema_stages import (
    contract,
    contracted_by,
    expand,
    known_steps,
    other_programs,
    read_open,
)


class BegunSchema(NamedTuple):
    """rollout: None where nodes have it already.  applied: steps, each as "set/name"."""

    rollout: Rollout | None
    applied: tuple[str, ...]


def begin_schema(
    database: str, label: str, by: str, now: int, *, again: bool, is_final: bool
) -> BegunSchema:
    """Apply the steps of this version that only add, and begin its rollout; blocks.

    is_final: apply also those with which the version before does not run; without it RolloutError
    where there are such.  Raises StoreError.
    """
    open_ = read_open(database)
    if open_.whole and not is_final:
        raise RolloutError(
            "the version before does not run with %(steps)s, so this schema has no stages and no "
            "way back; freeze, back up, and say --no-way-back",
            steps=", ".join(open_.whole),
        )
    open_now = (*open_.expanding, *open_.whole)
    if not any(each.startswith(f"{PROVIDER.name}/") for each in open_now):
        with closing(PostgresPool(database, most=1)) as pool:
            # Before anything is changed: another one may be under way.
            begin_step(RolloutStore(pool).load(), RolloutKind.SCHEMA, by, now)
    applied = expand(database, also_whole=is_final)
    with ProviderStore.connect(PostgresPool(database, most=1)) as store:
        begun = RolloutStore(store.pool).begin(
            *(RolloutKind.SCHEMA, label, {}, by, now),
            again=again,
            schema=known_steps(),
            is_final=bool(open_.whole),
        )
    return BegunSchema(begun, applied)


def contracting_steps(database: str) -> tuple[str, ...]:
    """Return the steps that wait for a person; blocks.  StoreError."""
    return read_open(database).contracting


def contract_schema(database: str, number: int, by: str, why: str, now: int) -> tuple[str, ...]:
    """Apply the contracting steps, from which on there is no way back; return them; blocks.

    Raises StoreError, and RolloutError where a node or a program might not run with them.
    """
    waiting = contracting_steps(database)
    if not waiting:
        raise RolloutError("no step of this version waits for being contracted")
    if others := other_programs(database):
        raise RolloutError(
            "programs of another version are connected: %(programs)s; replace them first",
            programs=", ".join(others),
        )
    with ProviderStore.connect(PostgresPool(database, most=1)) as store:
        rollouts = RolloutStore(store.pool)
        nodes = rollouts.fleet()  # not by this clock: one that is ahead would leave all out
        is_frozen = any(each.holds(now) for each in rollouts.freezes(now))
        rollouts.make_final(
            number,
            lambda found: contract_step(
                *(found, number, nodes, contracted_by(waiting), by, why, now), is_frozen=is_frozen
            ),
        )
    return contract(database)
