"""Clocks that jump, and that start in 1970."""

from __future__ import annotations

from pathlib import Path
from time import time

import pytest

from tests.e2e.house import TOM, eventually
from tests.fake_clock import clock_environment, set_ahead
from tests.faults.place import FAMILY, STALE, asking, fresh, place
from tests.upstream_server import ADDRESS

BEDTIME = {"bedtime": "21:00-07:00"}
# Tomorrow at 19:50 (UTC): doctor says of a clock before the installation that it is wrong.
EVENING = (round(time()) // 86_400 + 1) * 86_400 + 19 * 3600 + 50 * 60
PEOPLE = FAMILY["profiles"]
assert isinstance(PEOPLE, dict)
ASLEEP = {
    **FAMILY,
    "timezone": "UTC",
    "profiles": {**PEOPLE, "tom": {**PEOPLE["tom"], "schedules": BEDTIME}},
}


@pytest.mark.long
def test_the_clock_jumps(tmp_path: Path) -> None:
    clock, ahead = tmp_path / "clock", round(EVENING - time())
    set_ahead(clock, ahead)
    with place(tmp_path, environment=clock_environment(clock), family=ASLEEP) as it:
        assert it.home.ask(fresh("news"), source=TOM).data == [ADDRESS]
        with asking(it.home), it.assert_shown("the_clock_jumps"):
            set_ahead(clock, ahead + 2 * 3600)  # nine is over
            eventually(lambda: it.home.ask("late.example", source=TOM).ede, within=2)
            set_ahead(clock, ahead)
            eventually(lambda: it.home.ask("late.example", source=TOM).data, within=2)
            assert it.home.ask("late.example", source=TOM).ede != STALE


@pytest.mark.long
def test_the_clock_starts_in_1970(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    set_ahead(clock, round(EVENING - time()))
    environment = clock_environment(clock)
    with place(tmp_path, environment=environment, family=ASLEEP) as it:
        it.home.ask(fresh("news"))
        it.home.program.stop()
    set_ahead(clock, -round(time()) + 86_400)
    with place(tmp_path, environment=environment, family=ASLEEP) as it:
        with asking(it.home), it.assert_shown("the_clock_starts_in_1970"):
            assert it.home.ask(fresh("news"), source=TOM).data == [ADDRESS]
            assert it.home.ask("0.pool.ntp.org").data == [ADDRESS]
        set_ahead(clock, round(EVENING - time()) + 2 * 3600)
        eventually(lambda: it.home.ask("late.example", source=TOM).ede)
