"""The bench of encrypted DNS reads right what other programs say, and judges it."""

from __future__ import annotations

import pytest

from tests.bench.build import BenchError
from tests.bench.encrypted import AIMS, latencies, percentile, report

SAID = """\
[Status] Sending queries (to 127.0.0.1:10853)
> NOERROR games.example A 0.000250
> SERVFAIL school.example A 0.004000
> T games.example A
  Queries lost:         1 (33.33%)
"""


def test_the_time_of_each_answer_is_read() -> None:
    assert latencies(SAID) == [0.00025, 0.004]


def test_a_percentile_is_what_so_many_are_not_above() -> None:
    assert percentile([*range(1, 101)], 0.99) == 99
    assert percentile([1, 3, 2], 0.99) == 3
    with pytest.raises(BenchError):
        percentile([], 0.99)


def test_each_aim_is_told_as_met_or_missed() -> None:
    good = {key: aim.bound for key, aim in AIMS.items()}
    assert report(good).count(": met") == len(AIMS)
    bad = {key: aim.bound + (1e-6 if aim.at_most else -1e-6) for key, aim in AIMS.items()}
    assert report(bad).count(": MISSED") == len(AIMS)
    assert "copdns over TLS: 40,000 a second" in report({**good, "copdns over TLS": 40_000.0})
