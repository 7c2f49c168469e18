"""How often a message to the broker may switch somebody."""

from __future__ import annotations

from copdns.events.switch_pace import AT_ONCE, EVERY, SwitchPace


def test_some_switches_at_once_and_then_one_a_minute() -> None:
    pace = SwitchPace()
    assert [pace.take("mia", 100.0) for _ in range(AT_ONCE + 2)] == [True] * AT_ONCE + [False] * 2
    assert pace.take("tom", 100.0), "each has their own"
    lasts = range(100, 100 + 3600)  # somebody who switches each second, for an hour
    assert sum(pace.take("mia", float(each)) for each in lasts) == 3600 / EVERY - 1
    rested = 100.0 + 2 * 3600
    assert [pace.take("mia", rested) for _ in range(AT_ONCE + 1)][-2:] == [True, False]
    pace.keep_only(frozenset({"tom"}))
    assert pace.take("mia", rested)
