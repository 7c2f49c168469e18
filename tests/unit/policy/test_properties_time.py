"""What holds of time in every household, zone and week, however odd: tried on random ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from copdns.dns.records import A
from copdns.model.times import Grant, Origin
from copdns.model.verdict import StepNumber, Verdict
from copdns.policy.decide import Policy, charged_budgets, decide, explain, look_and_decide
from copdns.time.days import local_time, zone_of
from copdns.time.preview import week_span
from copdns.time.schedule import closed_spans
from tests.fakes import ANYWHERE, FakeUpstream
from tests.home import Home
from tests.unit.times_drawn import LISTS, NAMES, Drawn, drawn, grants, plans
from tests.walking import walked
from tests.whole import examples

DAY = 86_400.0
TICK = 1 / 1024  # seconds: moments as large as ours tell no less apart for sure

names = st.sampled_from(NAMES)
parts = st.floats(0, 1)


def timeless(verdict: Verdict) -> Verdict:
    return replace(verdict, valid_until=None)


# --- until ---------------------------------------------------------------------------------------


@settings(max_examples=examples(150))
@given(drawn(), names, st.lists(parts, min_size=1, max_size=5))
def test_no_verdict_changes_before_the_moment_that_it_announces(
    case: Drawn, name: str, parts: list[float]
) -> None:
    policy = case.policy()
    first = decide(policy, name, A, case.now)
    until = case.now + 3 * DAY if first.valid_until is None else first.valid_until
    assert until > case.now
    between = [case.now + part * (until - case.now) for part in parts]
    # A permission may end sooner than a tick from now.
    last = max(case.now, until - TICK)
    for later in (*(each for each in between if each < until), last):
        then = decide(policy, name, A, later)
        assert timeless(then) == timeless(first)
        # A budget that is not used lasts on; every other end stays where it was.
        assert then.valid_until == first.valid_until or until - case.now <= 60 * 1440
        assert (then.valid_until or inf) >= until


@settings(max_examples=examples(150))
@given(drawn(), st.lists(st.tuples(names, st.floats(-2 * DAY, 2 * DAY)), min_size=2, max_size=8))
def test_what_was_asked_before_changes_no_verdict(
    case: Drawn, asked: list[tuple[str, float]]
) -> None:
    """A policy remembers until when names hold that nothing is about: whatever the clock does, it
    says what one says that was never asked."""
    policy = case.policy()
    for name, ahead in asked:
        assert decide(policy, name, A, case.now + ahead) == decide(
            case.policy(), name, A, case.now + ahead
        )


@settings(max_examples=examples(150))
@given(drawn(), names, parts)
def test_a_policy_decides_as_one_that_is_made_later_would(
    case: Drawn, name: str, part: float
) -> None:
    """So it does not matter when copdns was started, or when something else was changed."""
    live = case.live()
    due = case.now + DAY if live.rebuild_at is None else live.rebuild_at
    later = min(case.now + part * (due - case.now), due - TICK)
    before, after = live.policy("home", "mia"), case.policy(later)
    assert timeless(decide(before, name, A, later)) == timeless(decide(after, name, A, later))


@settings(max_examples=examples(100))
@given(drawn(), names)
def test_what_is_explained_is_what_was_decided(case: Drawn, name: str) -> None:
    policy = case.policy()
    (deciding,) = [each for each in explain(policy, name, A, case.now) if each.is_decisive]
    assert deciding.verdict == timeless(decide(policy, name, A, case.now))


# --- a week --------------------------------------------------------------------------------------


def the_week(case: Drawn) -> tuple[float, float]:
    zone = zone_of(case.house.timezone)
    return week_span(zone, local_time(case.now, zone).date())


@settings(max_examples=examples(20), deadline=None)
@given(drawn(most_budgets=1), names)
def test_a_walk_from_end_to_end_says_of_each_minute_of_a_week_what_is_decided_at_it(
    case: Drawn, name: str
) -> None:
    start, end = the_week(case)
    policy = case.policy(start)
    for low, high, verdict in walked(policy, name, start, end):
        minute = low
        while minute < high:
            assert timeless(decide(policy, name, A, minute)) == timeless(verdict)
            minute = (minute // 60 + 1) * 60


@settings(max_examples=examples(40), deadline=None)
@given(drawn(most_budgets=0, endings=False), plans)
def test_a_week_of_one_schedule_is_what_its_stretches_say(case: Drawn, plan: object) -> None:
    plan = replace(plan, about=(), scope="")  # type: ignore[type-var]
    (mia, *others) = case.house.profiles
    house = replace(case.house, schedules=(plan,), profiles=(replace(mia, always=()), *others))
    case = case._replace(house=house)
    start, end = the_week(case)
    zone = zone_of(house.timezone)
    closed = [
        (low, high)
        for low, high, verdict in walked(case.policy(start), "other.example", start, end)
        if verdict.blocks
    ]
    assert merged(closed) == [*closed_spans(plan, house.calendar, zone, start, end)]


def merged(pairs: list[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for low, high in pairs:
        if found and found[-1][1] == low:
            low, _ = found.pop()
        found.append((low, high))
    return found


# --- permissions ---------------------------------------------------------------------------------


@settings(max_examples=examples(150))
@given(drawn(), names, st.data(), st.floats(0, 2 * DAY))
def test_a_permission_changes_nothing_before_its_start_or_from_its_end_on(
    case: Drawn, name: str, data: st.DataObject, later: float
) -> None:
    grant = data.draw(grants(case.now))
    with_it = replace(case.house, grants=(*case.house.grants, grant))
    outside = grant.end + later if data.draw(st.booleans()) else grant.start - 0.25 - later / 48
    policies = [case._replace(house=each).policy() for each in (case.house, with_it)]
    assume(outside < case.now // DAY * DAY + 9 * DAY)
    without, given_ = (timeless(decide(each, name, A, outside)) for each in policies)
    assert replace(given_, nothing_open_below=without.nothing_open_below) == without


@settings(max_examples=examples(150))
@given(drawn(), names, st.data())
def test_a_permission_opens_and_never_closes(case: Drawn, name: str, data: st.DataObject) -> None:
    grant = data.draw(grants(case.now))
    with_it = replace(case.house, grants=(*case.house.grants, grant))
    if not decide(case.policy(), name, A, case.now).blocks:
        assert not decide(case._replace(house=with_it).policy(), name, A, case.now).blocks


@settings(max_examples=examples(100))
@given(drawn(), names)
def test_a_ticket_made_before_a_pause_leaves_it_as_it_is(case: Drawn, name: str) -> None:
    assume(case.house.pauses)
    (pause,) = case.house.pauses
    ticket = Grant(None, case.now, case.now + 60, pause.start - 1, False, True, "t", "mia")
    ticket = replace(ticket, origin=Origin.TICKET)
    house = replace(case.house, grants=(*case.house.grants, ticket))
    before = decide(case.policy(), name, A, case.now)
    after = decide(case._replace(house=house).policy(), name, A, case.now)
    assert (before.step == StepNumber.PAUSE) is (after.step == StepNumber.PAUSE)


# --- answers -------------------------------------------------------------------------------------


class Road:
    """A home of random times in which answers last for a day, if nothing makes them shorter."""

    def __init__(self, case: Drawn, lane: bool) -> None:
        script = {name: {**ANYWHERE, "ttl": 86_400} for name in NAMES}
        self.home = Home(case.house, LISTS, upstream=FakeUpstream(script), at=case.now, lane=lane)
        self._case = case
        self.home.resolver.snapshot = case.live()

    def wait(self, seconds: float) -> None:
        clock, live = self.home.clock, self.home.resolver.snapshot
        clock.wait(seconds)
        if live.rebuild_at is not None and clock.wall >= live.rebuild_at:
            self.home.resolver.snapshot = self._case.live(clock.wall, live)

    @property
    def policy(self) -> Policy:
        return self.home.resolver.snapshot.policy("home", "mia")


steps_in_time = st.lists(
    st.sampled_from([0.0, 0.25, 1.0, 2.0, 9.0, 10.0, 30.5, 59.0, 60.0, 1700.0]), max_size=8
)


def asked_on_both_roads(
    case: Drawn, name: str, steps: list[float], check: Callable[[Road, list[int], bool], None]
) -> None:
    """Ask now and again; check the TTLs of each reply, and whether it holds an address."""
    for lane in (False, True):
        road = Road(case, lane)
        for step in (0.0, 0.0, *steps):
            road.wait(step)
            reply = road.home.ask("mia", name)
            check(road, reply.ttls, bool(reply.data))


@settings(max_examples=examples(60), deadline=None)
@given(drawn(), names, steps_in_time)
def test_no_answer_is_kept_past_the_moment_at_which_the_verdict_may_change(
    case: Drawn, name: str, steps: list[float]
) -> None:
    def check(road: Road, ttls: list[int], _: bool) -> None:
        wall = road.home.clock.wall
        until = decide(road.policy, name, A, wall).valid_until
        assert until is None or wall + max(ttls, default=0) <= until

    asked_on_both_roads(case, name, steps, check)


@settings(max_examples=examples(60), deadline=None)
@given(drawn(endings=False), names, steps_in_time, st.sampled_from([5.0, 60.0, 100.5, 1800.0]))
def test_no_answer_that_a_permission_gave_outlives_its_end(
    case: Drawn, name: str, steps: list[float], lasts: float
) -> None:
    end = case.now + lasts
    grant = Grant(None, case.now, end, case.now, True, True, "g", "mia")
    house = replace(case.house, grants=(grant,))
    policy = case.policy()

    def check(road: Road, ttls: list[int], is_open: bool) -> None:
        wall = road.home.clock.wall
        if decide(policy, name, A, wall).blocks and is_open:
            assert wall < end
        if is_open and decide(policy, name, A, end).blocks:
            assert wall + max(ttls) <= end or wall >= end

    asked_on_both_roads(case._replace(house=house), name, steps, check)


# --- use -----------------------------------------------------------------------------------------


@settings(max_examples=examples(150))
@given(drawn(), names)
def test_only_what_is_open_by_itself_takes_minutes(case: Drawn, name: str) -> None:
    policy = case.policy()
    verdict = decide(policy, name, A, case.now)
    found = charged_budgets(policy, name, verdict, case.now)
    closed = verdict.blocks or name == "help.example"
    assert found is None or not closed
    known = {each.id for each in case.house.budgets}
    assert set(found or ()) <= known
    if found and policy.time_rules:
        assert set(found) <= {each.id for each in policy.time_rules.plan.remaining}


@settings(max_examples=examples(150))
@given(drawn(), names)
def test_the_short_way_to_charge_a_name_on_no_list_finds_what_the_long_way_finds(
    case: Drawn, name: str
) -> None:
    policy = case.policy()
    assume(policy.time_rules and policy.time_rules.budgets_if_unlisted is not None)
    assert policy.time_rules
    rules = replace(policy.time_rules, budgets_if_unlisted=None)
    verdict = decide(policy, name, A, case.now)
    long_way = charged_budgets(replace(policy, time_rules=rules), name, verdict, case.now)
    assert charged_budgets(policy, name, verdict, case.now) == long_way


@settings(max_examples=examples(150))
@given(drawn(), names)
def test_a_name_that_was_looked_for_is_charged_as_one_that_is_looked_for_again(
    case: Drawn, name: str
) -> None:
    policy = case.policy()
    verdict, is_unlisted = look_and_decide(policy, name, A, case.now)
    assert is_unlisted is not bool(policy.find_entries(name))
    again = charged_budgets(policy, name, verdict, case.now)
    assert charged_budgets(policy, name, verdict, case.now, is_unlisted=is_unlisted) == again
