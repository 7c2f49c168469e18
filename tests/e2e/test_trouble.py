"""A disk that is full, a database that is busy or broken: answering goes on, and says so.

What keeps it from starting is one clear line and an exit code.
"""

from __future__ import annotations

import os
import resource
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.e2e.house import ROOT, House, eventually, house
from tests.running import COPDNS, PATIENCE, READY, free_port

HOME = ROOT / "config" / "home.yaml"
FAILURES = "copdns_log_failures_total"


def asked(home: House, first: int, last: int) -> None:
    """Ask blocked names, each of which the log keeps."""
    for number in range(first, last):
        assert home.ask(f"n{number}.games.example").ede == (17, "rule: games.example")


@contextmanager
def full_disk(home: House) -> Iterator[None]:
    """Let the program write to no file beyond its first page, as if there were no room."""
    pid, limit = home.program.process.pid, resource.RLIMIT_FSIZE
    soft, hard = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (4096, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, limit, (soft, hard))


@contextmanager
def busy(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("begin immediate")
        yield


def test_a_full_disk_stops_no_answer_and_what_waited_is_written_later(tmp_path: Path) -> None:
    with house(tmp_path, HOME) as home:
        asked(home, 0, 10)
        eventually(lambda: home.written() == (10, 10))
        with full_disk(home):
            asked(home, 10, 30)
            eventually(lambda: home.metrics()[FAILURES] > 0)
            home.command("rule", "add", "block", "films.example")
            eventually(lambda: home.ask("films.example").ede == (17, "rule: films.example"))
        eventually(lambda: home.written()[0] >= 30)
        assert home.metrics()["copdns_log_dropped_total"] == 0
        code, said = home.program.stop()
    assert code == 0
    assert "log_write_failed" in said
    assert "log_write_recovered" in said
    assert "games.example" not in said


def test_a_busy_log_stops_no_answer_and_what_waited_is_written_later(tmp_path: Path) -> None:
    with house(tmp_path, HOME) as home:
        asked(home, 0, 1)
        eventually(lambda: home.written()[0] == 1)
        with busy(home.data / "log.db"):
            asked(home, 1, 20)
            eventually(lambda: home.metrics()[FAILURES] > 0)
        eventually(lambda: home.written() == (20, 20))
        assert home.metrics()["copdns_log_dropped_total"] == 0


def test_a_busy_household_stops_no_answer(tmp_path: Path) -> None:
    with house(tmp_path, HOME) as home, busy(home.data / "household.db"):
        asked(home, 0, 20)
        assert home.ask("chess.example").data


def test_a_broken_log_is_moved_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "log.db").write_bytes(b"no database at all" * 1000)
    with house(tmp_path, HOME) as home:
        asked(home, 0, 5)
        eventually(lambda: home.written() == (5, 5))
        _, said = home.program.stop()
    assert (data / "log.db.broken-1").exists()
    assert "log_database_broken" in said


# --- what it cannot start with ------------------------------------------------------------------


def start(data: Path, settings: str = "", **ports: int) -> tuple[int, str]:
    """Start a program that cannot; return its exit code and what it said."""
    file = data.with_name("copdns.yaml")
    file.write_text(settings)
    at = {"dns": free_port(), "web": free_port(), **ports}
    environment = {f"COPDNS_{key.upper()}__PORT": str(port) for key, port in at.items()}
    environment |= {"COPDNS_DNS__LISTEN": "[127.0.0.1]", "COPDNS_WEB__LISTEN": "[127.0.0.1]"}
    environment["COPDNS_WEB__TLS_PORT"] = "0"
    done = subprocess.run(
        [*COPDNS, "-c", file, "--data", data, "run"],
        env={**os.environ, **environment, "COPDNS_UPSTREAMS__SERVERS": "[127.0.0.1]"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("what", ["dns", "web"])
def test_a_port_that_another_program_has_is_told(tmp_path: Path, what: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, said = start(tmp_path / "data", **{what: port})
    assert code == 1
    assert f"127.0.0.1 port {port} (" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("dns: {prt: 53}", "copdns.yaml:1:7: dns.prt: is not a known key"),
        ("household: nobody.yaml", "nobody.yaml: cannot be read"),
        ("household: family.yaml", "family.yaml:1:18: profiles.mia.band: is 99"),
    ],
)
def test_settings_with_a_mistake_are_told_with_their_place(
    tmp_path: Path, settings: str, said: str
) -> None:
    (tmp_path / "family.yaml").write_text("profiles: {mia: {band: 99}}")
    code, words = start(tmp_path / "data", settings)
    assert code == 78
    assert said in words
    assert "Traceback" not in words


def test_a_broken_household_without_a_copy_is_told_and_everyone_is_a_guest(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "household.db").write_bytes(b"no database at all" * 1000)
    with house(tmp_path, HOME) as home:
        assert home.ask("childline.org.uk").data
        assert home.ask("games.example").data  # a rule of the file in the setting household
        assert "has no copy: everyone has the guest rules" in readiness(home)
        refused = home.program.command("rule", "add", "block", "films.example")
        assert (refused.returncode, "restore a backup" in refused.stderr) == (1, True)
        code, said = home.program.stop()
    assert (code, "Traceback" in said) == (0, False)
    assert said.count("household.db is damaged") == 1
    assert "open the page and enter the code" not in said  # nobody may set up a new household
    assert (data / "household.db").read_bytes() == b"no database at all" * 1000


def readiness(home: House) -> str:
    try:
        return home.program.get("/readyz")
    except HTTPError as error:
        with error:
            return error.read().decode()


def test_a_database_that_was_moved_away_is_told_and_answering_goes_on(tmp_path: Path) -> None:
    with house(tmp_path, HOME) as home:
        (home.data / "household.db").rename(home.data / "old.db")
        eventually(lambda: "household.db is damaged (it is missing)" in readiness(home))
        assert home.ask("games.example").ede == (17, "rule: games.example")
        home.command("rule", "add", "block", "films.example")
        eventually(lambda: home.ask("films.example").ede == (17, "rule: films.example"))
        assert "do: check the disk, then run copdns household repair" in doctor(home)
        home.command("household", "repair")
        eventually(lambda: readiness(home) == READY)
        assert "household.db is intact" in doctor(home)
        assert home.ask("films.example").ede == (17, "rule: films.example")
        _, said = home.program.stop()
    assert said.count("household.db is damaged") == 1


def doctor(home: House) -> str:
    return home.program.command("doctor").stdout.replace(f"{home.data}/", "")
