"""A fork is the process that Python would have begun: what it says, how it ends, what it has."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from urllib.request import urlopen

import pytest

from tests.fake_clock import clock_environment, set_ahead
from tests.forking import SERVERS, Forked, can_fork, run_forked
from tests.running import COPDNS, Program, running

# That it works, that it does not, how it is called, and that a setting of the environment counts.
CALLS = (
    ["--version"],
    ["no-such-command"],
    ["profile", "list", "--nonsense"],
    ["-c", "missing.yaml", "config", "show"],
    ["config", "show", "dns.port"],
)


def begun_by_python(words: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COPDNS, *words], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_a_fork_says_what_the_program_says_and_ends_as_it_does(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SERVERS, "PYTHONPATH", str(Path(__file__).parents[1]))
    environment = {**SERVERS, "COPDNS_DNS__PORT": "5301", "COPDNS_DATA": str(tmp_path / "data")}
    done = run_forked(words, environment)
    assert (done.returncode, done.stdout, done.stderr) == begun_by_python(words, environment)


def test_a_fork_has_what_it_was_given_and_nothing_else(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        assert isinstance(program.process, Forked)
        there = Path(f"/proc/{program.process.pid}")
        given = {**program.environment, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        assert there.joinpath("cwd").readlink() == Path.cwd()
        opened = _open_files(there / "fd")
        assert opened["0"] == Path(os.devnull)
        assert opened["1"] == opened["2"]
        pipes = {str(each) for each in opened.values() if str(each).startswith("pipe:")}
        assert pipes == {str(opened["1"])}
        program.ask("chess.example")
    assert given.keys() == {**SERVERS, **given}.keys()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_fork_hears_signals_and_its_end_is_told(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as program:
        assert program.process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            program.process.wait(0.01)
        program.process.send_signal(number)
        assert program.process.wait(30) == (-9 if number == signal.SIGKILL else 0)
        assert program.process.poll() == program.process.returncode
        assert not Path(f"/proc/{program.process.pid}").exists()


@pytest.mark.tools
def test_each_fork_has_the_clock_that_its_file_says_while_it_runs(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    for hours in (0, 5):
        set_ahead(clock, hours * 3600)
        with running(tmp_path, environment=clock_environment(clock)) as program:
            assert isinstance(program.process, Forked)
            assert abs(date_of(program) - time() - hours * 3600) < 600
            set_ahead(clock, -3600)
            assert abs(date_of(program) - time() + 3600) < 600


def date_of(program: Program) -> float:
    """Return the time by a program's clock, in seconds, which it gives with each page."""
    with urlopen(f"http://127.0.0.1:{program.web_port}/healthz") as reply:
        return parsedate_to_datetime(reply.headers["Date"]).timestamp()


@pytest.mark.tools
def test_a_clock_that_no_file_sets_on_is_begun_by_python(tmp_path: Path) -> None:
    by_file = clock_environment(tmp_path / "clock")
    by_word = {key: text for key, text in by_file.items() if key != "FAKETIME_TIMESTAMP_FILE"}
    assert not can_fork(SERVERS | by_word | {"FAKETIME": "+5h"})
    assert not can_fork(SERVERS | by_file | {"TZ": "Europe/Paris"})


@pytest.mark.parametrize("name", ["TZ", "LD_PRELOAD", "PYTHONPATH", "LC_ALL"])
def test_what_makes_another_python_is_begun_by_python(tmp_path: Path, name: str) -> None:
    assert can_fork({**SERVERS, "COPDNS_DNS__PORT": "5301"})
    assert not can_fork({**SERVERS, name: "another"})


def test_what_a_test_starts_hears_ctrl_c_wherever_the_tests_were_started() -> None:
    ignored = ["sed", "-n", "s/^SigIgn:\\s*//p", "/proc/self/status"]
    said = subprocess.run(ignored, capture_output=True, text=True, check=True).stdout
    assert not int(said, 16) & 1 << signal.SIGINT - 1


def _open_files(folder: Path) -> dict[str, Path]:
    """Return what the files of /proc/PID/fd lead to; one that is closed meanwhile is left out."""
    found = {}
    for each in folder.iterdir():
        with suppress(FileNotFoundError):
            found[each.name] = each.readlink()
    return found
