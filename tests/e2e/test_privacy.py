"""What is on disk, in events and in metrics after a thousand look-ups: as little as was said.

Every octet of every file of the data folder is looked at, while the program runs and after it
has stopped: databases, write-ahead logs, shared memory, free pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time

import pytest

from copdns.model.household import PrivacyMode
from tests.e2e.house import House, eventually, house, traces

OPEN, BLOCKED = 800, 200  # look-ups of each kind
NAMES = rb"zq[ob]\d{3}kx"  # in every name that is asked, and in nothing else
# The clients' addresses, as text or as octets; their network's is in the household.
CLIENTS = rb"127\.0\.5\.(?!0/24)\d|\x7f\x00\x05[\x01-\xfe]"


def family(**profile: object) -> dict[str, object]:
    """Return a household whose Tom has a network full of devices."""
    return {
        "id": "home",
        "profiles": {"tom": {"band": "10-12", "devices": {"room": ["127.0.5.0/24"]}, **profile}},
        "block": ["games.example"],
    }


@contextmanager
def asked(folder: Path, household: dict[str, object]) -> Iterator[House]:
    """Start a home, ask a thousand names from many devices, and wait until all is written."""
    with house(folder, household=household) as home:
        for number in range(OPEN):
            home.ask(f"zqo{number:03}kx.www.example", source=client(number))
        for number in range(BLOCKED):
            home.ask(f"zqb{number:03}kx.games.example", source=client(number))
        yield home


def client(number: int) -> str:
    return f"127.0.5.{number % 250 + 1}"


@pytest.mark.parametrize("mode", [PrivacyMode.OFF, PrivacyMode.COUNTS])
def test_no_name_and_no_client_is_in_any_file(tmp_path: Path, mode: PrivacyMode) -> None:
    data = tmp_path / "data"
    with asked(tmp_path, family(privacy=mode)) as home:
        home.ask("games.example")  # by a guest, who is counted
        counted = 1 + (OPEN + BLOCKED if mode is PrivacyMode.COUNTS else 0)
        eventually(lambda: home.written() == (0, counted))
        assert (data / "log.db-wal").exists()
        assert not traces(data, NAMES)
        assert not traces(data, CLIENTS)
        metrics = home.program.get("/metrics").encode()
        code, said = home.program.stop()
    assert code == 0
    assert not traces(data, NAMES)
    assert not traces(data, CLIENTS)
    for text in (metrics, said.encode()):
        assert not re.search(NAMES, text)
        assert not re.search(CLIENTS, text)


def test_blocked_mode_keeps_blocked_names_only_and_no_moment(tmp_path: Path) -> None:
    data, began = tmp_path / "data", time()
    with asked(tmp_path, family(privacy=PrivacyMode.BLOCKED)) as home:
        eventually(lambda: home.written() == (BLOCKED, OPEN + BLOCKED))
        rows = [logged.row for logged in home.log.rows("home")]
        found = traces(data, NAMES)
        clients = traces(data, CLIENTS)
        home.program.stop()
    assert not clients
    assert not traces(data, CLIENTS)
    assert {each for names in found.values() for each in names} == {
        b"zqb%03dkx" % number for number in range(BLOCKED)
    }
    assert {row.at % 300 for row in rows} == {0}
    assert all(began - 300 < row.at <= time() for row in rows)
    assert {row.device for row in rows} == {""}


def test_what_is_erased_is_in_no_file_any_more(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with asked(tmp_path, family(privacy=PrivacyMode.BLOCKED)) as home:
        eventually(lambda: home.written() == (BLOCKED, OPEN + BLOCKED))
        home.command("log", "erase", "tom", "--yes")
        assert home.written() == (0, 0)
        assert not traces(data, NAMES)
        home.program.stop()
    assert not traces(data, NAMES)
