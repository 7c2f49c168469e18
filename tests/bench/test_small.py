"""Small boxes really are small, and what does not fit is said to not fit."""

from __future__ import annotations

from pathlib import Path

from tests.bench.small import Trial, box, report, trial
from tests.bench.stage import Stage

FITS, TOO_SMALL = 512, 16  # MiB


def limit_of(process: int) -> int:
    """Return what a process may allocate, in MiB."""
    limits = Path(f"/proc/{process}/limits").read_text()
    line = next(each for each in limits.splitlines() if each.startswith("Max data size"))
    return int(line.split()[3]) >> 20


def test_a_box_that_is_large_enough_runs_and_is_measured(stage: Stage) -> None:
    chosen = box(FITS, None)
    done, running = trial(stage, chosen)
    assert running is not None
    assert None not in (done.answers, done.compiled, done.again)
    assert (done.limit, done.names) == (FITS, 1000)
    assert 0 < done.pss <= done.rss < FITS
    assert done.peak > 0
    if "RLIMIT_DATA" in chosen.way:
        assert limit_of(running.process.pid) == FITS


def test_a_box_that_is_too_small_does_not_run(stage: Stage) -> None:
    done, running = trial(stage, box(TOO_SMALL, None))
    assert running is None
    assert (done.answers, done.compiled, done.again) == (None, None, None)


def test_the_table_says_what_did_not_fit() -> None:
    fits = Trial(512, 1_000_000, 0.5, 6.0, 0.7, 70.0, 65.0, 210.0)
    elsewhere = Trial(256, 5_000_000, 0.5, None, 0.8, 90.0, 80.0, 250.0)
    nowhere = Trial(256, 0, None, None, None, 0.0, 0.0, 0.0)
    _, _, first, second, third = report([fits, elsewhere, nowhere], {}, "a test").splitlines()
    assert " ".join(first.split()) == "512 MiB 1,000,000 0.50 6.00 0.70 70.0 65.0 210.0"
    assert "not in the box" in second
    assert "does not run" in third
