"""The clock of the real program, to the second, as dig sees it.

libfaketime sets the wall clock of the program and of its commands; the other clock, by which they
wait, goes on as it is.  Every house here begins shortly before Friday, nine in the evening.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor
from pathlib import Path
from time import time

import pytest

from tests.conftest import find_tool
from tests.e2e.house import MIA, POINTS_HOME, TOM, House, eventually, house
from tests.fake_clock import clock_environment, set_ahead
from tests.running import PATIENCE

NINE = datetime.fromisoformat("2026-03-27T21:00:00+01:00").timestamp()
BEFORE = 12.0  # seconds: time enough for a start on a slow machine
CLOSE = 0.7  # seconds around an edge in which it is asked again and again
SOON = 1.0  # seconds from the end of a command to the changed answer

FAMILY = {
    "id": "home",
    "timezone": "Europe/Berlin",
    "profiles": {
        "mia": {
            "band": "7-9",
            "devices": {"mia-tablet": [MIA]},
            "schedules": {"bedtime": "21:00-07:00"},
        },
        "tom": {
            "band": "13-15",
            "devices": {"tom-phone": [TOM]},
            "schedules": {"study": "15:00-22:30"},
        },
    },
}

pytestmark = pytest.mark.tools


@dataclass
class Said:
    """What dig read at a moment.  asked, answered: by the clock of the house."""

    asked: float
    answered: float
    text: str

    @property
    def ttl(self) -> int | None:
        """Seconds; None where there is no address."""
        found = re.search(r"^chess\.example\.\s+(\d+)\s+IN\s+A\s", self.text, re.MULTILINE)
        return None if found is None else int(found[1])

    @property
    def ede(self) -> str:
        found = re.search(r"EDE: (.*)", self.text)
        return "" if found is None else found[1]


@dataclass
class Evening:
    """A house with a clock of its own.  ahead: seconds by which it differs from ours."""

    home: House
    ahead: int

    @property
    def now(self) -> float:
        return time() + self.ahead

    def dig(self, source: str) -> Said:
        where = ["@127.0.0.1", "-p", str(self.home.program.port), "-b", source]
        command = [find_tool("dig"), *where, "chess.example", "A", "+tries=1", "+time=5"]
        asked = self.now
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return Said(asked, self.now, done.stdout)

    def around(self, edge: float, source: str) -> tuple[list[Said], list[Said]]:
        """Ask from shortly before a moment to shortly after it; return what was said before it,
        and from it on.  What was on its way when it came tells nothing."""
        assert self.now < edge - CLOSE, "the machine is too slow for this test"
        eventually(lambda: self.now >= edge - CLOSE, within=edge - self.now + PATIENCE)
        said: list[Said] = []
        eventually(_collected(said, lambda: self.dig(source), edge + CLOSE))
        return [each for each in said if each.answered < edge], [
            each for each in said if each.asked >= edge
        ]


def _collected(said: list[Said], ask: Callable[[], Said], until: float) -> Callable[[], bool]:
    def one_more() -> bool:
        said.append(ask())
        return said[-1].answered >= until

    return one_more


@contextmanager
def evening(folder: Path) -> Iterator[Evening]:
    """Run a house from shortly before nine on; where its start takes longer, again and earlier."""
    with _evening(folder / "first", BEFORE) as it:
        if it.now < NINE - CLOSE:
            yield it
            return
    with _evening(folder / "again", 5 * BEFORE) as it:
        yield it


@contextmanager
def _evening(folder: Path, before: float) -> Iterator[Evening]:
    folder.mkdir()
    ahead = round(NINE - before - time())
    clock = folder / "clock"
    set_ahead(clock, ahead)
    shifted = clock_environment(clock)
    with house(folder, household=FAMILY, environment={**POINTS_HOME, **shifted}) as home:
        yield Evening(home, ahead)


def test_a_name_is_open_in_the_second_before_bedtime_and_closed_from_nine_on(
    tmp_path: Path,
) -> None:
    with evening(tmp_path) as it:
        before, after = it.around(NINE, MIA)
    assert floor(before[-1].asked) == NINE - 1  # 20:59:59
    for each in before:
        assert each.ttl is not None, each.text
        # It counts down to the edge, and never reaches beyond.
        assert floor(NINE - each.answered) <= each.ttl <= NINE - each.asked
    assert floor(after[0].asked) == NINE  # 21:00:00
    for each in after:
        assert each.ttl is None, each.text
        assert each.ede == "17 (Filtered): (schedule until Sat 07:00)"


def test_a_permission_by_command_opens_within_a_second_and_ends_to_the_second(
    tmp_path: Path,
) -> None:
    with evening(tmp_path) as it:
        assert it.dig(TOM).ttl is None
        end = floor(it.now) + 8
        until = f"{datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%M:%SZ}"
        it.home.command("grant", "tom", "chess.example", "--until", until, "--lifts", "time")
        eventually(lambda: it.dig(TOM).ttl is not None, within=SOON)
        before, after = it.around(end, TOM)
    for each in before:
        assert each.ttl is not None, each.text
        assert floor(end - each.answered) <= each.ttl <= end - each.asked
    assert floor(before[-1].answered) == end - 1
    assert floor(after[0].asked) == end
    assert all(each.ttl is None for each in after)
