"""The bench of a provider's households asks for what it says, and tells what failed."""

from __future__ import annotations

from pathlib import Path

from tests.bench.households import Amount, Taken, measure, report
from tests.bench.machine import Memory


def test_each_household_in_use_is_asked_for_and_answered(tmp_path: Path) -> None:
    taken = measure(Amount(200, 40, 4), tmp_path / "run")
    assert taken.failed == 0
    assert 0 < taken.empty.pss <= taken.empty.rss <= taken.full.rss


def test_the_table_says_how_many_failed() -> None:
    taken = Taken(Memory(56.0, 48.0), Memory(177.0, 165.0), 256.4, 17)
    *_, line = report(Amount(), taken).splitlines()
    assert line.split() == ["1,000,000", "50,000", "2,500", "177", "165", "56", "256", "17"]
