"""The answers for help names are fetched all the time, and outlive the program in a file."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from copdns.app import help_chores
from copdns.app.help_chores import FILE, HelpChores
from copdns.dns.exchange import Health
from copdns.dns.help_answers import HelpAnswers, help_keys, unpack
from copdns.dns.query import CacheKey
from copdns.model.matchers import Matcher, parse_matcher
from copdns.policy.judge import RebindingGuard
from copdns.server.help_rounds import FIRST_ROUND, ROUND
from tests.fakes import FakeClock, FakeUpstream
from tests.household import NOW

NAMES = (parse_matcher("help.example"),)
ASKED = CacheKey("help.example", 1, do=False, cd=False)


class Upstream(FakeUpstream):
    """An upstream that the settings name, and that answers at once."""

    healths: Sequence[Health] = (Health(),)


class Box:
    """The chores of one run of the program, at a clock that goes on when they wait."""

    def __init__(self, folder: Path, clock: FakeClock | None = None) -> None:
        self.folder = folder
        self.clock = clock or FakeClock(NOW)
        self.upstream = Upstream()
        self.answers = HelpAnswers()
        self.names: tuple[Matcher, ...] = NAMES
        self.chores = HelpChores(
            folder,
            self.answers,
            self.upstream,  # type: ignore[arg-type]
            lambda: self.names,
            self.clock,
            RebindingGuard,
        )

    async def sleep(self, seconds: float) -> None:
        self.upstream.deliver()
        self.clock.wait(seconds)
        if self.clock.mono >= self.ends_at:
            raise asyncio.CancelledError

    async def run(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.ends_at = self.clock.mono + seconds
        monkeypatch.setattr(help_chores.asyncio, "sleep", self.sleep)
        with pytest.raises(asyncio.CancelledError):
            await self.chores.run()

    def another(self) -> Box:
        """Return the box after it was switched off and on."""
        return Box(self.folder, self.clock)


async def test_every_round_writes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(tmp_path)
    await box.run(monkeypatch, FIRST_ROUND + 2)
    first = (tmp_path / FILE).stat()
    assert len(unpack((tmp_path / FILE).read_bytes())) == len(help_keys(NAMES))
    await box.run(monkeypatch, ROUND + 2)  # nothing changed ...
    again = (tmp_path / FILE).stat()
    assert again.st_ino != first.st_ino  # ... and it was written as if it had
    assert again.st_size == first.st_size


async def test_nobody_else_reads_the_file_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Box(tmp_path).run(monkeypatch, FIRST_ROUND + 2)
    (only,) = tmp_path.iterdir()
    assert (only.name, stat.S_IMODE(only.stat().st_mode)) == (FILE, 0o600)


async def test_after_a_start_the_answers_are_there_without_any_upstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Box(tmp_path).run(monkeypatch, FIRST_ROUND + 2)
    box = Box(tmp_path)
    assert box.answers.get(ASKED, NOW) is None
    with capture_logs() as said:
        await box.chores.load()
    assert box.answers.get(ASKED, NOW) is not None
    assert said == []


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "foreign", "a folder"])
async def test_a_damaged_file_is_told_and_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    path = tmp_path / FILE
    await Box(tmp_path).run(monkeypatch, FIRST_ROUND + 2)
    octets = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    else:
        middle = len(octets) // 2
        flipped = octets[:middle] + bytes([octets[middle] ^ 1]) + octets[middle + 1 :]
        damaged = {"flipped": flipped, "cut": octets[:-1], "empty": b"", "foreign": b"SQLite"}
        path.write_bytes(damaged[damage])
    box = Box(tmp_path)
    with capture_logs() as said:
        await box.chores.load()
    assert [(line["log_level"], str(path)) for line in said] == [("warning", said[0]["file"])]
    assert len(box.answers) == 0
    if damage != "a folder":
        await box.run(monkeypatch, FIRST_ROUND + 2)  # and a good one takes its place
        assert unpack(path.read_bytes())


async def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    with capture_logs() as said:
        await Box(tmp_path).chores.load()
    assert said == []


async def test_a_folder_that_cannot_be_written_is_told_once_and_help_is_fetched_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path / "missing")
    with capture_logs() as said:
        await box.run(monkeypatch, FIRST_ROUND + 2 * ROUND + 3)
    assert [line["log_level"] for line in said] == ["warning"]
    assert box.answers.get(ASKED, NOW) is not None


async def test_what_the_lists_say_after_a_reload_is_asked_for_with_the_next_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path)
    await box.run(monkeypatch, FIRST_ROUND + 2)
    box.names = (parse_matcher("line.example"),)
    await box.run(monkeypatch, ROUND + 2)
    assert {key.qname for key in box.answers.copy()} == {"line.example", "www.line.example"}


async def test_without_an_upstream_in_the_settings_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path)
    box.upstream.healths = ()
    await box.run(monkeypatch, ROUND)
    assert box.upstream.asked == []


async def test_a_bug_in_a_round_ends_neither_the_rounds_nor_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path)
    names = iter([None, NAMES])
    monkeypatch.setattr(box.chores, "_names", lambda: next(names, NAMES))
    with capture_logs() as said:
        await box.run(monkeypatch, FIRST_ROUND + 3)
    assert [line["log_level"] for line in said] == ["error"]
    assert len(box.answers) == len(help_keys(NAMES))
