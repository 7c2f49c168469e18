"""What `copdns doctor` says of a provider's rollouts and of the nodes that take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.home import Home
from copdns.cli.output import count_text
from copdns.provider.rollout.rollouts import LIVE_FOR, FleetNode, Rollout, RolloutState
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.rollout_rows import RolloutStore

ABOUT = "rollouts"
WAITS_LONG = 86_400  # seconds at a stage, after which somebody should look


def check_rollouts(home: Home) -> Iterator[Finding]:
    """Find rollouts that wait for a person, and nodes that take none."""
    with closing(PostgresPool(home.settings.provider.database, most=1)) as pool:
        store = RolloutStore(pool)
        rollouts, nodes = store.load(), store.fleet()
        freezes = [each for each in store.freezes(home.now) if each.holds(home.now)]
    if not (rollouts or nodes):
        yield ok(ABOUT, "there is none, and no node has a name")
        return
    yield from _check_nodes(nodes, home.now)
    for each in rollouts:
        yield from _check_rollout(each, home.now, is_frozen=bool(freezes))
    if not home.settings.provider.rollouts.has_targets:
        todo = "name an address in provider.rollouts.notices or provider.rollouts.webhook"
        yield warn(ABOUT, "nobody is told when one stops or goes back", todo)
    frozen = "; nothing new reaches a node now (a freeze)" if freezes else ""
    under_way = sum(each.is_under_way for each in rollouts)
    yield ok(ABOUT, f"{count_text(len(nodes), 'node')}, {under_way} under way{frozen}")


def _check_nodes(nodes: Sequence[FleetNode], now: int) -> Iterator[Finding]:
    if nodes and not any(each.is_canary for each in nodes):
        todo = "set node.canary on one node of a site that can bear it"
        yield fail(ABOUT, "no node is a canary, so a rollout reaches none", todo)
    for each in nodes:
        if each.seen > now + LIVE_FOR:
            what = (
                f"the clock of the node {each.name} is ahead of this one's, or this one is behind"
            )
            yield fail(ABOUT, what, "set both (timedatectl set-ntp true)")
        elif not each.is_live(now):
            what = (
                f"the node {each.name} is away for {count_text((now - each.seen) // 60, 'minute')}"
            )
            yield fail(ABOUT, what, "see docs/runbook.md; copdns node run has to run there")
        elif not each.answers:
            what = f"dnsdist of the node {each.name} counts nothing"
            yield fail(ABOUT, what, "start it there, with the configuration of copdns node dnsdist")


def _check_rollout(rollout: Rollout, now: int, *, is_frozen: bool) -> Iterator[Finding]:
    if not rollout.is_under_way:
        return
    named = f"rollout {rollout.number} ({rollout.kind})"
    if rollout.state is RolloutState.STOPPED:
        todo = f"copdns provider rollout resume {rollout.number}, or undo, each with --why"
        yield fail(ABOUT, f"{named} was stopped and waits for a person", todo)
    elif now - rollout.stage_since > WAITS_LONG and not is_frozen:
        todo = f"copdns provider rollout show {rollout.number} says what it waits for"
        yield warn(ABOUT, f"{named} waits for more than a day", todo)
