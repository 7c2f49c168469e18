"""What the service manager hears of the real program, and what it can rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.machine import MB
from tests.bench.memory_use import by_kind
from tests.running import running


@pytest.mark.parametrize("over_tcp", [False, True])
def test_ready_is_told_once_both_transports_answer(tmp_path: Path, over_tcp: bool) -> None:
    with running(tmp_path, forked=False) as program:
        reply = program.ask("chess.example", over_tcp=over_tcp)
        assert [str(record) for record in reply.answer[0]] == ["192.0.2.1"]


def test_what_the_start_alone_reads_of_libraries_is_let_go_of(tmp_path: Path) -> None:
    with running(tmp_path, forked=False) as program:
        program.ask("chess.example")
        kinds = by_kind(Path(f"/proc/{program.process.pid}/smaps").read_text())
    # Of its more than 4 MB only what it has written stays, and what else is read again.
    assert 0 < kinds["the file _pydantic_core"] < 1.5 * MB


def test_a_stop_is_told_and_ends_well(tmp_path: Path) -> None:
    with running(tmp_path, forked=False) as program:
        program.process.terminate()
        program.hear("STOPPING=1")
        assert program.process.wait(30) == 0


def test_a_reload_is_told_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    with running(tmp_path, forked=False) as program:
        program.send_reload()
        program.hear("RELOADING=1")
        program.hear("READY=1")
        assert program.ask("chess.example").answer


def test_a_reload_with_a_mistake_changes_nothing(tmp_path: Path) -> None:
    with running(tmp_path, forked=False) as program:
        (tmp_path / "copdns.yaml").write_text(json.dumps({"dns": {"prt": 53}}))
        program.reload()
        assert program.ask("chess.example").answer
        code, said = program.stop()
    assert code == 0
    assert "dns.prt" in said


def test_the_watchdog_is_fed_by_the_loop_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    with running(tmp_path, forked=False) as program:
        for _ in range(3):
            program.hear("WATCHDOG=1")
        assert program.ask("chess.example").answer


def test_a_taken_port_is_told_with_its_address_and_may_be_tried_again(tmp_path: Path) -> None:
    with running(tmp_path, forked=False) as program:
        command = [sys.executable, "-m", "copdns", "-c", tmp_path / "copdns.yaml"]
        second = subprocess.run(
            [*command, "--data", tmp_path / "second", "run"],
            env=program.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert second.returncode == 1
    assert f"127.0.0.1 port {program.port}" in second.stderr


def test_a_folder_that_is_served_is_not_served_twice_but_can_be_read(tmp_path: Path) -> None:
    with running(tmp_path, forked=False) as program:
        second = program.command("run")
        assert program.command("profile", "list").returncode == 0
        assert program.ask("chess.example").answer
    assert second.returncode == 1
    assert f"another copdns (process {program.process.pid}) is using this folder" in second.stderr
