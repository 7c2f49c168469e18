"""The file of minutes that PostgreSQL has not yet: damaged, cut off, on a full disk, killed."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from copdns.app.many_households.minutes_journal import FILE, KeptUsage, MinutesJournal
from copdns.time.minutes import NARROW, DayBitmaps, Minutes, Usage

DAY = date(2026, 7, 8)
START = 1_783_468_800  # that day in UTC, seconds since the epoch


def usage(household: str, minutes: int = 3) -> KeptUsage:
    marks, counted = DayBitmaps(7, 1, 0), Minutes(0, minutes, minutes)
    return KeptUsage(Usage(household, "mia", "tube", DAY, START, marks, counted), NARROW)


@pytest.fixture
def journal(tmp_path: Path) -> MinutesJournal:
    return MinutesJournal(tmp_path)


def households(journal: MinutesJournal) -> list[str]:
    found = journal.read()
    return [each.usage.household for each in found.kept] if found is not None else []


@pytest.mark.parametrize(
    "damage",
    [
        {"of": ["bo\0s", "mia", "tube"]},
        {"of": ["\ud800", "mia", "tube"]},
        {"of": ["b" * 3000, "mia", "tube"]},
        {"minutes": [0, 1 << 80, 1]},
        {"minutes": [-1, 0, 0]},
        {"start": START + 40 * 86_400},
        {"start": 1 << 80},
        {"day": "9999-12-31"},
        {"marks": ["f" * 400, "0", "0"]},
        {"criteria": "other"},
    ],
    ids=str,
)
def test_what_postgresql_would_refuse_is_left_out_and_the_rest_is_read(
    journal: MinutesJournal, damage: dict[str, object]
) -> None:
    journal.write(1.0, [usage("ada"), usage("bos")])
    *lines, last = journal.path.read_bytes().splitlines()
    damaged = json.dumps(json.loads(last) | damage).encode()
    journal.path.write_bytes(b"\n".join([*lines, damaged]))
    assert households(journal) == ["ada"]


def test_a_file_that_is_cut_off_gives_its_whole_lines(journal: MinutesJournal) -> None:
    journal.write(1.0, [usage("ada"), usage("bos")])
    whole = journal.path.read_bytes()
    for length in range(len(whole)):
        journal.path.write_bytes(whole[:length])
        ends = whole[: length + 1].count(b"\n")
        assert households(journal) == ["ada", "bos"][: max(ends - 1, 0)]


def test_a_full_disk_leaves_what_was_there_and_nothing_else(journal: MinutesJournal) -> None:
    journal.write(1.0, [usage("ada")])
    unfinished = journal.path.with_name(f"{FILE}.new")
    unfinished.symlink_to("/dev/full")
    journal.write(1.0, [usage("bos")])
    assert households(journal) == ["ada"]
    assert list(journal.path.parent.iterdir()) == [journal.path]
    journal.write(1.0, [usage("bos")])
    assert households(journal) == ["bos"]


def test_two_writes_at_once_are_one_after_the_other(journal: MinutesJournal) -> None:
    """As where the program ends while one goes on in its thread."""
    many = [[usage(f"{which}-{n}") for n in range(300)] for which in ("one", "other")]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda kept: journal.write(1.0, kept), many * 10))
    names = households(journal)
    assert len(names) == 300
    assert len({each.partition("-")[0] for each in names}) == 1


def test_whoever_is_killed_while_writing_leaves_a_whole_file(journal: MinutesJournal) -> None:
    source = f"""
from pathlib import Path
from tests.unit.app.test_minutes_journal import MinutesJournal, usage
journal, kept = MinutesJournal(Path({str(journal.path.parent)!r})), [usage("ada")] * 3000
journal.write(1.0, kept)
print(flush=True)
while True:
    journal.write(1.0, kept)
"""
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.kill()
        assert len(households(journal)) == 3000


def test_a_file_that_cannot_be_deleted_is_told_once(journal: MinutesJournal) -> None:
    assert journal.clear()
    journal.path.mkdir()
    assert not journal.clear()
    assert journal.read() is None
