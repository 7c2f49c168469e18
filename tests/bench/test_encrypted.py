"""The bench of encrypted DNS reads right what other programs say, and judges it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.build import BenchError
from tests.bench.encrypted import AIMS, percentile, report, wait_for
from tests.bench.encrypted_pace import pace
from tests.encrypted_server import make_certificate
from tests.running import free_port


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


def test_answers_are_asked_for_at_a_rate_and_each_is_timed(tmp_path: Path) -> None:
    port, certificate = free_port(), make_certificate(tmp_path).path
    words = [sys.executable, "-m", "tests.bench.h2_ceiling", str(port), str(certificate)]
    with subprocess.Popen(words) as server:
        try:
            wait_for(port)
            seconds, behind = pace("https", port, rate=100, seconds=0.2)
        finally:
            server.kill()
    assert len(seconds) == 20
    assert 0 < min(seconds) <= max(seconds) < 2
    assert 0 <= behind < 2
