"""The bench of a provider's store runs all of its parts, and says what they took."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.build import Programs
from tests.bench.machine import this_machine
from tests.bench.through_store import Amount, measure, percentile
from tests.conftest import find_tool
from tests.postgres_server import QUICK

TINY = Amount(40, 4, questions=80, changes=2, a_second=10.0, every=0.1)


@pytest.mark.tools
def test_each_kind_of_question_and_a_change_of_the_page_are_measured(
    tmp_path: Path, programs: Programs
) -> None:
    find_tool("dnsdist")
    here = this_machine(real_time=False)
    found = measure(here, programs, tmp_path / "run", TINY, None, QUICK)
    assert min(found.ruled, found.open, found.sent) > 0
    assert len(found.from_start) == len(found.from_return) == TINY.changes
    assert 0 < found.from_return[-1] < found.from_start[-1]
    assert found.a_second > 0


def test_the_99th_percentile_of_a_hundred_leaves_one_out() -> None:
    took = [float(each) for each in range(1, 101)]
    assert percentile(took, 0.99) == 99
    assert percentile(took, 1) == 100
    assert percentile([7.0], 0.99) == 7
