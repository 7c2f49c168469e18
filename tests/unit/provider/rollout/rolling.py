"""Nodes, rollouts and figures for tests of rollouts."""

from __future__ import annotations

from collections.abc import Iterator

from copdns.provider.rollout.figures import FigureRow, NodeFigures
from copdns.provider.rollout.rollouts import (
    COPDNS,
    FleetNode,
    Rollout,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
    TakenRollout,
)

AT = 1_800_000_000
LISTS = RolloutKind.LISTS


def rollout(
    number: int,
    stage: RolloutStage = RolloutStage.DONE,
    state: RolloutState = RolloutState.GOING,
    at: int = AT,
) -> Rollout:
    return Rollout(number, LISTS, f"of {number}", (RolloutStep(at, COPDNS, stage, state),))


def node(
    name: str, site: str = "north", number: int = 1, at: int = 0, *, is_canary: bool = False
) -> FleetNode:
    return FleetNode(name, site, is_canary, AT + 36_000, taken={LISTS: TakenRollout(number, at)})


def rows(
    who: str,
    since: int,
    until: int,
    servfail: float = 0.0,
    blocks: float = 0.1,
    slow: float = 0.02,
) -> Iterator[FigureRow]:
    """Yield what a node counts each 10 seconds at 100 queries a second."""
    many = 1_000
    late = int(many * slow)
    figures = NodeFigures(
        many, int(many * servfail), int(many * blocks), (many - late, 0, 0, 0, late, 0)
    )
    for at in range(since + 10, until + 1, 10):
        yield FigureRow(who, at, figures)
