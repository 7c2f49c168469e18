"""A list with a zone and modifiers blocks what the plain one does, and is measured like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.build import Programs
from tests.bench.machine import this_machine
from tests.bench.ours import Build
from tests.bench.ruled import MOST, Taken, is_short, measure, report

PLAIN = Taken(28.3, 76.0, 80.0, 2.0, 0.5, 4.0)


@pytest.mark.whole
def test_the_same_names_are_blocked_and_rules_need_more_room(
    tmp_path: Path, programs: Programs
) -> None:
    taken = measure(this_machine(real_time=False), programs, tmp_path / "run", 30_000, Build())
    plain, ruled = taken["plain"], taken["ruled"]
    assert 0 < plain.file < ruled.file
    for each in (plain, ruled):
        assert min(each.open, each.found, each.decided, each.ready) > 0


def test_too_much_memory_and_too_slow_a_look_up_are_told() -> None:
    ruled = Taken(37.6, 90.0, MOST, 2.9, 0.6, 5.0)
    assert not is_short({"plain": PLAIN, "ruled": ruled})
    assert is_short({"plain": PLAIN, "ruled": Taken(37.6, 90.0, MOST + 1, 2.9, 0.6, 5.0)})
    assert is_short({"plain": PLAIN, "ruled": Taken(37.6, 90.0, MOST, 3.1, 0.6, 5.0)})
    *_, line = report(5_000_000, {"plain": PLAIN, "ruled": ruled}).splitlines()
    assert line.split() == ["ruled", "37.6", "90.0", "130.0", "2.90", "0.60", "5.00"]
