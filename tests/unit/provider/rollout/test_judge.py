"""Whether a rollout goes on, stops or goes back, by what nodes count and a clock of the test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

import pytest

from copdns.model.errors import PlaneError
from copdns.provider.rollout.figures import (
    COUNTERS,
    DROPPED,
    END,
    LATENCIES,
    TURNED_AWAY,
    FigureRow,
    NodeFigures,
    read_statistics,
)
from copdns.provider.rollout.judge import SILENT_STOPS, Judgement, RolloutBounds, judge
from copdns.provider.rollout.reasons import ReasonCode, RolloutReason, load_reason, store_reason
from copdns.provider.rollout.rollouts import (
    LIVE_FOR,
    FleetNode,
    Rollout,
    RolloutStage,
    RolloutState,
    RolloutStep,
    TakenRollout,
    with_step,
)
from tests.unit.provider.rollout.rolling import AT, LISTS, node, rollout, rows

CANARY = node("n1", number=2, at=AT, is_canary=True)
NEIGHBOUR, FAR = node("n2"), node("n3", "south")
BEGUN = rollout(2, RolloutStage.CANARY)
BOUNDS = RolloutBounds()
WATCH = 600
BEFORE = tuple(chain.from_iterable(rows(who, AT - 1800, AT) for who in ("n1", "n2", "n3")))


def judged(
    figures: Iterable[FigureRow],
    after: int = WATCH,
    begun: Rollout = BEGUN,
    nodes: Iterable[FleetNode] = (CANARY, NEIGHBOUR, FAR),
    first: Iterable[Rollout] = (rollout(1),),
    *,
    is_frozen: bool = False,
) -> Judgement:
    now = AT + after
    seen = tuple(replace(each, seen=min(each.seen, now)) for each in nodes)
    return judge((*first, begun), begun, seen, tuple(figures), BOUNDS, is_frozen=is_frozen, now=now)


def step(found: Judgement) -> tuple[RolloutStage, RolloutState]:
    assert found.step is not None, found.waits_for
    return found.step.stage, found.step.state


def usual(until: int = AT + WATCH) -> tuple[FigureRow, ...]:
    after = (rows(who, AT, until) for who in ("n1", "n2", "n3"))
    return (*BEFORE, *chain.from_iterable(after))


def test_it_goes_on_after_its_watch_and_by_enough_queries() -> None:
    assert step(judged(usual())) == (RolloutStage.SITE, RolloutState.GOING)
    assert judged(usual(), WATCH - 1).waits_for == "the end of its watch, in 1 s"
    assert judged(BEFORE).waits_for == "1000 more queries"
    assert judged(usual(), is_frozen=True).waits_for == "the end of the freeze"
    late = replace(CANARY, taken={LISTS: TakenRollout(1, 0)})
    assert judged(usual(), nodes=(late, FAR)).waits_for == "n1 to take it"
    assert judged(usual(), nodes=(NEIGHBOUR, FAR)).waits_for == "a canary node"


def test_it_goes_from_the_site_to_all_and_is_done() -> None:
    at_site = rollout(2, RolloutStage.SITE)
    both = (CANARY, replace(NEIGHBOUR, taken=CANARY.taken), FAR)
    assert step(judged(usual(AT + 1200), 1200, at_site, both))[0] is RolloutStage.ALL
    everywhere = [replace(each, taken=CANARY.taken) for each in both]
    at_all = rollout(2, RolloutStage.ALL)
    assert step(judged(usual(AT + 1200), 1200, at_all, everywhere))[0] is RolloutStage.DONE
    away = replace(everywhere[2], seen=AT - 600, taken={LISTS: TakenRollout(1, 0)})
    found = judged(usual(AT + 1200), 1200, at_all, (*everywhere[:2], away))
    assert step(found)[0] is RolloutStage.DONE, "one that is away takes it later"
    assert judged((), 9999, rollout(2)).step is None


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"servfail": 0.02}, "2.0% SERVFAIL in place of 0.0%"),
        ({"blocks": 0.14}, "14.0% blocked in place of 10.0%"),
        ({"blocks": 0.06}, "6.0% blocked in place of 10.0%"),
        ({"slow": 0.09}, "9.0% over 100 ms in place of 2.0%"),
    ],
)
def test_it_goes_back_on_failures_blocks_or_slowness_before_its_watch_is_over(
    odd: dict[str, float], why: str
) -> None:
    now = AT + 20
    figures = (*BEFORE, *rows("n1", AT, now, **odd), *rows("n2", AT, now), *rows("n3", AT, now))
    found = judged(figures, 20)
    assert step(found) == (RolloutStage.CANARY, RolloutState.UNDONE)
    assert found.step
    assert found.step.why == why
    assert found.step.because
    assert load_reason(store_reason(found.step.because)) == found.step.because
    held = judged(figures, 20, is_frozen=True)
    assert step(held)[1] is RolloutState.UNDONE, "a freeze does not hold back the way back"
    first = judged(figures, 20, first=())
    assert step(first)[1] is RolloutState.STOPPED, "there is nothing to go back to"


def test_an_evening_or_an_outage_of_all_is_not_its_doing() -> None:
    now = AT + WATCH
    evening = [
        rows(who, AT, now, servfail=0.03, blocks=0.4, slow=0.3) for who in ("n1", "n2", "n3")
    ]
    assert step(judged((*BEFORE, *chain.from_iterable(evening))))[0] is RolloutStage.SITE


def test_where_nobody_can_be_compared_with_it_stops_and_a_person_decides() -> None:
    everywhere = [replace(each, taken=CANARY.taken) for each in (CANARY, NEIGHBOUR, FAR)]
    at_all = rollout(2, RolloutStage.ALL)
    now = AT + 100
    odd = chain.from_iterable(rows(who, AT, now, blocks=0.3) for who in ("n1", "n2", "n3"))
    figures = (*BEFORE, *odd)
    found = judged(figures, 100, at_all, everywhere)
    assert step(found) == (RolloutStage.ALL, RolloutState.STOPPED)
    assert found.step
    stopped = with_step(at_all, found.step)
    assert judged(figures, 100, stopped, everywhere).waits_for == "a person: resume or undo it"
    resumed = with_step(
        stopped, RolloutStep(now, "ada", RolloutStage.ALL, RolloutState.GOING, "It is right.")
    )
    later = chain.from_iterable(rows(w, now, now + 1200, blocks=0.3) for w in ("n1", "n2", "n3"))
    assert step(judged((*figures, *later), 1300, resumed, everywhere))[0] is RolloutStage.DONE
    alone = judged(rows("n1", AT, AT + 20, servfail=0.06), 20, nodes=(CANARY,))
    assert step(alone)[1] is RolloutState.STOPPED


def test_it_stops_where_nothing_is_heard_of_a_node_that_has_it() -> None:
    silent = (replace(CANARY, seen=AT), NEIGHBOUR, FAR)
    assert judged(usual(AT), LIVE_FOR + 1, nodes=silent).waits_for == "news of n1"
    found = judged(usual(AT), SILENT_STOPS + 1, nodes=silent)
    assert step(found) == (RolloutStage.CANARY, RolloutState.STOPPED)


def test_a_node_whose_dnsdist_does_not_come_back_stops_it() -> None:
    mute = (replace(CANARY, answers=False), NEIGHBOUR, FAR)
    found = judged(usual(AT + 10), SILENT_STOPS + 10, nodes=mute)
    assert found.waits_for == "an answer of dnsdist of n1", "and does not go on meanwhile"
    found = judged(usual(AT + 10), SILENT_STOPS + 11, nodes=mute)
    assert step(found) == (RolloutStage.CANARY, RolloutState.STOPPED)
    assert found.step
    assert found.step.why == "dnsdist of n1 has not answered for 15 minutes"


def test_what_dnsdist_counts_is_read_as_a_whole_and_from_its_start() -> None:
    text = "".join(f"{name} {number}\n" for number, name in enumerate(COUNTERS, start=1)) + END
    found = read_statistics(text)
    assert found == NodeFigures(1, 2, 3, tuple(range(4, 4 + len(LATENCIES))), 10, 11)
    less = "".join(line for line in text.splitlines(True) if DROPPED not in line)
    assert read_statistics(less.replace(f"{TURNED_AWAY} 11\n", "")).turned_away == 0
    broken_ones = (text.removesuffix(END), text.replace("queries", "others"), f"x y\n{END}")
    for broken in ("", *broken_ones, f"queries {'9' * 19}\n{text}", f"queries nan\n{text}"):
        with pytest.raises(PlaneError):
            read_statistics(broken)
    more = found + found
    assert more.since(found) == found
    assert found.since(more) == found, "dnsdist began anew"
    assert NodeFigures().block_share == NodeFigures().slow_share == 0.0


def test_what_strangers_send_from_outside_decides_no_rollout() -> None:
    before = NodeFigures(1_000, 4, 100, (900, 0, 0, 0, 0, 0), 0, 0)
    # 5,000 more got nothing, and 3,000 got 404, which dnsdist counts as it counts blocks.
    flooded = NodeFigures(10_000, 8, 3_200, (1_800, 0, 0, 0, 0, 0), 5_000, 3_000)
    found = flooded.since(before).count_answers()
    assert found == NodeFigures(1_000, 4, 100, (900, 0, 0, 0, 0, 0))
    # Counters are read one after the other; what came between is not taken for a new start.
    later = replace(flooded, queries=10_003, dropped=5_004)
    assert later.since(flooded).count_answers() == NodeFigures()


def test_a_reason_is_read_with_signs_of_percent_and_one_of_another_version_is_none() -> None:
    found = RolloutReason(ReasonCode.SILENT, {"nodes": "100%s %(share)s"})
    assert load_reason(store_reason(found)) == found
    assert str(found) == "nothing is heard of 100%s %(share)s since it took it"
    others = ['{"code": "later"}', '{"code": "silent"}', '{"code": "servfail_high", "share": "x"}']
    assert {load_reason(each) for each in ("", "[1]", "no JSON", *others)} == {None}
