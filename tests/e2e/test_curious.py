"""A curious brother tries to find out from his own device whether his sister looked for help.

The real program answers over real sockets.  He sends twenty questions in each trial and sees
rcode, flags, size, TTLs and time of each answer.  In these tests his sister's device asks 10 to
14 ms before him, which is when an answer could tell him most; `python -m tests.e2e.curious` takes
10 ms to 1 s and ten times as many trials.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.e2e.curious import (
    help_names,
    home_with_help,
    log_uniform,
    new_names,
    next_of,
    run_trials,
    share_right,
    without_times,
)
from tests.e2e.house import House

TRIALS, CONTROLS = 1000, 200
MOST = 0.55  # of the trials in which he may guess right; chance alone gives half
# Of the controls, in which he must.  Other programs beside these blur the times; chance alone gets
# this far in fewer than one of 100,000 runs.
LEAST = 0.65
CHANCE = random.Random(0)
SOON = log_uniform(0.010, 0.014, CHANCE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with home_with_help(tmp_path_factory.mktemp("curious")) as found:
        yield found


def test_nobody_finds_out_that_somebody_looked_for_help(home: House) -> None:
    asked_before = len(home.upstream.asked)
    trials = run_trials(home, TRIALS, next_of(help_names(), CHANCE), SOON, CHANCE)
    plain = {each.name: each.plain for each in trials}
    assert all(each.plain == plain[each.name] for each in trials)
    right = share_right(trials)
    print(f"right in {right:.1%} of {TRIALS} trials")
    assert right <= MOST
    # All that an upstream saw meanwhile is what the box asks for by itself, two a second.
    seen = len(home.upstream.asked) - asked_before
    assert seen < TRIALS / 4


def test_of_other_names_only_the_time_tells_that_somebody_asked(home: House) -> None:
    """Which also shows that he would find out, if there was anything to find."""
    trials = run_trials(home, CONTROLS, new_names(), SOON, CHANCE)
    assert len({each.plain for each in trials}) == 1
    right = share_right(trials)
    print(f"right in {right:.1%} of {CONTROLS} trials, by time alone")
    assert right > LEAST


def test_a_classifier_that_sees_a_difference_uses_it(home: House) -> None:
    trials = run_trials(home, 40, new_names(), SOON, CHANCE)
    told = [each._replace(plain=(*each.plain, each.asked)) for each in without_times(trials)]
    assert share_right(without_times(trials)) < 0.8
    assert share_right(told) == 1.0
