"""Other work on the machine is noticed, and what a server does to itself is not taken for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.bench import quiet
from tests.bench.machine import Turns, only_core, stolen, this_machine, turns
from tests.bench.quiet import (
    GAP,
    LATE,
    LATE_AT_TIMES,
    QUIET,
    Look,
    gaps,
    held_up,
    is_quiet,
    kept_waiting,
    look,
    naps,
    quiet_rounds,
    told,
)
from tests.bench.workloads import Sample

CALM = Look(0, QUIET, 0.001)
LOUD = Look(1, 0.08, 0.012)


def test_every_gap_in_which_the_clock_could_not_be_read_is_somebody_elses() -> None:
    read: Iterator[float] = iter([0.0, GAP / 2, 0.003, 0.003 + GAP / 2, 0.010, 2.0])
    taken, longest = gaps(lambda: next(read), 0.010)
    assert taken == pytest.approx(0.0099 - GAP / 2 + 0.00005, abs=GAP)
    assert longest == pytest.approx(0.007, abs=GAP)


def test_a_nap_that_ends_late_was_ended_by_somebody_else() -> None:
    now = 0.0
    extra = iter([0.0, 0.004, 0.0, 0.1])

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds + next(extra)

    late = naps(lambda: now, sleep, 0.05)
    assert late == pytest.approx([0.0, 0.004, 0.0, 0.1])


def test_a_core_that_another_thread_uses_is_not_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one thread of Python the other holds the interpreter, which is as good as the core."""
    monkeypatch.setattr(quiet, "SLICE", 0.1)
    monkeypatch.setattr(quiet, "REST", 0.0)
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            sum(range(1000))

    here = this_machine(real_time=False)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        looks = look(here, 0.1)
    finally:
        over.set()
        thread.join()
    assert [each.core for each in looks] == list(dict.fromkeys([here.server, here.load]))
    assert all(each.taken > QUIET for each in looks)


def test_what_others_took_is_what_the_busiest_thread_waited() -> None:
    before = {1: Turns(ran=5.0, waited=1.0), 2: Turns(ran=9.0, waited=3.0)}
    after = {1: Turns(ran=6.5, waited=1.4), 2: Turns(ran=9.0, waited=3.0)}
    assert kept_waiting(before, after) == pytest.approx(0.4)


def test_a_server_whose_own_threads_hold_it_up_is_not_held_up_by_others() -> None:
    before = {1: Turns(ran=0.0, waited=0.0)}
    after = {1: Turns(ran=1.0, waited=0.3), 7: Turns(ran=0.25, waited=0.9)}
    assert kept_waiting(before, after) == pytest.approx(0.05)
    assert kept_waiting(before, {**after, 8: Turns(ran=0.5, waited=0)}) <= 0


def test_a_thread_that_holds_the_interpreter_and_waits_holds_the_others_up_too() -> None:
    before = {1: Turns(ran=0.0, waited=0.0), 2: Turns(ran=0.0, waited=0.0)}
    after = {1: Turns(ran=0.4, waited=0.0), 2: Turns(ran=0.1, waited=0.7)}
    assert kept_waiting(before, after) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("values", "calm"),
    [
        ({}, True),
        ({"waited": 0.01 + QUIET, "stolen": QUIET, "behind": 900.0}, True),
        ({"waited": 0.0101 + QUIET}, False),
        ({"stolen": QUIET * 1.1}, False),
        ({"behind": 11_000.0}, False),
    ],
)
def test_a_round_is_quiet_if_it_was_hardly_worse_than_the_servers_best(
    values: dict[str, float], calm: bool
) -> None:
    best, other = latencies({"waited": 0.01}, {"waited": 0.01, **values})
    of_another = Sample("latency", "unbound", 0, {"waited": 0.0})
    found = quiet_rounds([best, other, of_another])
    assert found == ([best, other, of_another] if calm else [best, of_another])


def latencies(*values: dict[str, float]) -> list[Sample]:
    return [Sample("latency", "copdns", number, each) for number, each in enumerate(values)]


def test_a_busy_machine_is_told_in_the_first_word() -> None:
    assert told([]) == ""
    assert told([CALM]).startswith("quiet: others took 0.50% of core 0")
    assert told([CALM, LOUD]).startswith("BUSY: ")
    assert "8.00% of core 1 (at most 12.0 ms at once; " in told([CALM, LOUD])
    assert told([replace(CALM, late=LATE * 1.1)]).startswith("BUSY: ")
    rarely = replace(CALM, late_at_times=LATE_AT_TIMES * 1.1)
    assert told([CALM, rarely]).startswith("quiet, but not for a p99.9: ")
    assert is_quiet([rarely])
    rounds = latencies({"waited": 0.2}, {"waited": 0.0})
    assert told([CALM], rounds).endswith("1 of 2 measurements of latency were quiet")


def test_what_runs_urgently_is_judged_apart_from_what_does_not() -> None:
    looks = [Look(0, 0.0, 0.0, urgent=True), LOUD]
    urgent, ordinary = told(looks, latencies({"waited": 0.0})).splitlines()
    assert urgent.startswith("rates, at real-time priority: quiet: ")
    assert ordinary.startswith(
        "latencies, reloads and starts, where ordinary priority counts: BUSY: "
    )
    assert "1 of 1 measurements of latency were quiet" in ordinary


def test_a_load_generator_that_was_held_up_says_so() -> None:
    samples = [Sample("latency", "copdns", 0, {"behind": 900.0})]
    assert held_up(samples) == ""
    text = held_up([*samples, Sample("latency", "copdns", 1, {"behind": 25_000.0})])
    assert text.startswith("in 1 round (latency)")
    assert "25 ms" in text


def test_the_kernel_says_how_long_a_thread_ran() -> None:
    me = threading.get_native_id()
    here = this_machine(real_time=False)
    with only_core(here.server, real_time=False):
        before = turns(threading.get_native_id())[me]
        sum(range(3_000_000))
        after = turns(threading.get_native_id())[me]
    assert after.ran > before.ran
    assert after.waited >= before.waited
    assert stolen(here.server) >= 0
