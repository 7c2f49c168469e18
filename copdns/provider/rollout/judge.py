"""Decide from the figures of nodes whether a rollout goes on, stops or goes back.

What nodes count after they took it is compared with what they counted before, and, so that an
evening or an outage of others is no reason, with how the nodes that do not have it changed in the
same time.  Where all nodes have it there is nobody to compare with: then it stops, and a person
decides.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from copdns.provider.rollout.figures import FigureRow, NodeFigures
from copdns.provider.rollout.reasons import ReasonCode, RolloutReason
from copdns.provider.rollout.rollouts import (
    COPDNS,
    LIVE_FOR,
    FleetNode,
    Rollout,
    RolloutStage,
    RolloutState,
    RolloutStep,
    canary_sites,
    has_nothing_before,
    reaches,
)

MOST_COMPARED: Final = 1_800  # seconds before and after it was taken
SILENT_STOPS: Final = 900  # seconds without a word, or an answer, of a node that has it
WORST_SERVFAIL: Final = 0.05  # of queries, where there is nothing to compare with
_NEXT: Final = {
    RolloutStage.CANARY: RolloutStage.SITE,
    RolloutStage.SITE: RolloutStage.ALL,
    RolloutStage.ALL: RolloutStage.DONE,
}


@dataclass(frozen=True, slots=True)
class RolloutBounds:
    """What a rollout must keep to.

    watch: seconds in each stage, after the last node took it.  fewest: queries that nodes must have
    answered with it before it goes on, and that any share needs to be one.  servfail, blocks, slow:
    by how many points of a hundred a share may differ; that of blocks also downwards.
    """

    watch: Mapping[RolloutStage, int] = field(
        default_factory=lambda: {
            RolloutStage.CANARY: 600,
            RolloutStage.SITE: 1_200,
            RolloutStage.ALL: 1_200,
        }
    )
    fewest: int = 1_000
    servfail: float = 1.0
    blocks: float = 3.0
    slow: float = 5.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """step: the next one; None while it waits.  waits_for: for people; "" where there is a step."""

    step: RolloutStep | None
    waits_for: str = ""


def judge(
    rollouts: Sequence[Rollout],
    rollout: Rollout,
    nodes: Collection[FleetNode],
    rows: Collection[FigureRow],
    bounds: RolloutBounds,
    *,
    is_frozen: bool,
    now: int,
) -> Judgement:
    """Return what becomes of a rollout.

    rollouts: all, so that it is known whether there is a way back.  rows: the figures of twice
    MOST_COMPARED at least, as far as they are there.
    """
    if not rollout.is_under_way:
        return Judgement(None, f"it is {rollout.state}, {rollout.stage}")
    if rollout.state is RolloutState.STOPPED:
        return Judgement(None, "a person: resume or undo it")
    sites = canary_sites(nodes)
    due = [each for each in nodes if reaches(rollout, each, sites)]
    having = [each for each in due if each.has_taken(rollout.kind).number == rollout.number]
    live = [each for each in having if each.is_live(now)]
    if trouble := _trouble(rollout, live, nodes, rows, bounds, now):
        reason, is_compared = trouble
        goes_back = is_compared and not has_nothing_before(rollouts, rollout)
        state = RolloutState.UNDONE if goes_back else RolloutState.STOPPED
        return _end(rollout, state, reason, now)
    if silent := [each for each in having if not each.is_live(now)]:
        names = ", ".join(sorted(each.name for each in silent))
        if now - min(each.seen for each in silent) > SILENT_STOPS:
            reason = RolloutReason(ReasonCode.SILENT, {"nodes": names})
            return _end(rollout, RolloutState.STOPPED, reason, now)
        return Judgement(None, f"news of {names}")
    if mute := _find_mute(rollout, live, rows, now):
        reason = RolloutReason(
            ReasonCode.DNSDIST_SILENT, {"nodes": ", ".join(mute), "minutes": SILENT_STOPS // 60}
        )
        return _end(rollout, RolloutState.STOPPED, reason, now)
    if waits_for := _waits_for(rollout, due, live, rows, bounds, is_frozen=is_frozen, now=now):
        return Judgement(None, waits_for)
    after = _NEXT[rollout.stage]
    return Judgement(RolloutStep(now, COPDNS, after, RolloutState.GOING))


def _end(rollout: Rollout, state: RolloutState, reason: RolloutReason, now: int) -> Judgement:
    return Judgement(RolloutStep(now, COPDNS, rollout.stage, state, str(reason), reason))


def _find_mute(
    rollout: Rollout, live: Iterable[FleetNode], rows: Iterable[FigureRow], now: int
) -> list[str]:
    """Return the nodes whose dnsdist ended after they took it, and did not come back in time."""
    resumed = _resumed_at(rollout)
    heard = {
        each.name: max(each.has_taken(rollout.kind).at, resumed)
        for each in live
        if not each.answers
    }
    for row in rows:
        if row.node in heard and row.at <= now:
            heard[row.node] = max(heard[row.node], row.at)
    return sorted(name for name, at in heard.items() if now - at > SILENT_STOPS)


def _waits_for(
    rollout: Rollout,
    due: Collection[FleetNode],
    live: Collection[FleetNode],
    rows: Iterable[FigureRow],
    bounds: RolloutBounds,
    *,
    is_frozen: bool,
    now: int,
) -> str:
    """Return, for people, what is missing before it may go on; "" where nothing is."""
    if not any(each.is_live(now) for each in due):
        return "a canary node" if rollout.stage is RolloutStage.CANARY else "a node"
    # One that was away when its turn came takes it later, and nobody waits for it.
    if late := [each for each in due if each.is_live(now) and each not in live]:
        return f"{', '.join(sorted(each.name for each in late))} to take it"
    if mute := [each.name for each in live if not each.answers]:
        return f"an answer of dnsdist of {', '.join(sorted(mute))}"
    since = max(rollout.stage_since, _last_taken(rollout, live))
    if now - since < (watch := bounds.watch[rollout.stage]):
        return f"the end of its watch, in {since + watch - now} s"
    spans = {each.name: _span(each.has_taken(rollout.kind).at, 0, 0) for each in live}
    many = _sum_around(rows, spans, now)[0].queries
    if many < bounds.fewest:
        return f"{bounds.fewest - many} more queries"
    return "the end of the freeze" if is_frozen else ""


def _trouble(
    rollout: Rollout,
    having: Collection[FleetNode],
    nodes: Iterable[FleetNode],
    rows: Collection[FigureRow],
    bounds: RolloutBounds,
    now: int,
) -> tuple[RolloutReason, bool] | None:
    """Return what is wrong, and whether nodes without it show that it is not so everywhere."""
    if not having:
        return None
    resumed = _resumed_at(rollout)
    first = min(max(each.has_taken(rollout.kind).at, resumed) for each in having)
    length = min(MOST_COMPARED, max(1, now - first))
    spans = {each.name: _span(each.has_taken(rollout.kind).at, resumed, length) for each in having}
    others = {
        each.name: _Span(first - length, first)
        for each in nodes
        if each.is_live(now) and each.has_taken(rollout.kind).number != rollout.number
    }
    after, before = _sum_around(rows, spans, now)
    if after.queries < bounds.fewest:
        return None
    after_others, before_others = _sum_around(rows, others, now)
    has_before = before.queries >= bounds.fewest
    has_others = after_others.queries >= bounds.fewest
    is_compared = has_before and has_others and before_others.queries >= bounds.fewest
    if others and not is_compared and now - first < LIVE_FOR:
        return None  # they tell of the same time in a moment
    if not (has_before or has_others):
        share = after.servfail_share
        reason = RolloutReason(ReasonCode.SERVFAIL_HIGH, {"share": share})
        return (reason, False) if share > WORST_SERVFAIL else None
    for measure in _measures(bounds):
        found = measure.share(after)
        if is_compared:
            change = measure.share(after_others) - measure.share(before_others)
            expected = measure.share(before) + change
        else:
            expected = measure.share(before if has_before else after_others)
        points = 100 * (found - expected)
        if points > measure.most or (measure.counts_below and -points > measure.most):
            values = {"share": found, "usual": max(0.0, expected)}
            return RolloutReason(measure.code, values), is_compared
    return None


class _Measure(NamedTuple):
    """code: where it is beyond its bound.  most: points.  counts_below: less is as odd as more."""

    code: ReasonCode
    share: Callable[[NodeFigures], float]
    most: float
    counts_below: bool = False


def _measures(bounds: RolloutBounds) -> tuple[_Measure, ...]:
    return (
        _Measure(ReasonCode.SERVFAIL_DIFFERS, lambda each: each.servfail_share, bounds.servfail),
        _Measure(ReasonCode.BLOCKS_DIFFER, lambda each: each.block_share, bounds.blocks, True),
        _Measure(ReasonCode.SLOW_DIFFERS, lambda each: each.slow_share, bounds.slow),
    )


def _last_taken(rollout: Rollout, having: Iterable[FleetNode]) -> int:
    return max(each.has_taken(rollout.kind).at for each in having)


def _resumed_at(rollout: Rollout) -> int:
    """Return when it last went on after a stop; 0 for never."""
    return max(
        (
            step.at
            for before, step in pairwise(rollout.steps)
            if before.state is RolloutState.STOPPED
        ),
        default=0,
    )


class _Span(NamedTuple):
    """Seconds before a moment, from `begins` on, that are compared with those after it."""

    begins: int
    at: int


def _span(taken: int, resumed: int, length: int) -> _Span:
    """Return the span of a node.  Where a person let it go on, what was so then is the usual."""
    return _Span(taken, resumed) if taken < resumed else _Span(taken - length, taken)


def _sum_around(
    rows: Iterable[FigureRow], spans: Mapping[str, _Span], now: int
) -> tuple[NodeFigures, NodeFigures]:
    """Add up what nodes counted after the moment of each, and in its span before it."""
    after = before = NodeFigures()
    for each in rows:
        span = spans.get(each.node)
        if span is None:
            continue
        if span.at < each.at <= now:
            after += each.figures
        elif span.begins < each.at <= span.at:
            before += each.figures
    return after, before
