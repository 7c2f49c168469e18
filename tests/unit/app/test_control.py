"""`copdns cache flush`, from the command over the socket to what is cached."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from copdns.app.control import SOCKET, ControlSocket, own_timers, request
from copdns.cli import main
from copdns.model.errors import NotRunningError
from copdns.time.own_timers import OwnTimer, TimerKind, TimerTopic

Flushed = list[tuple[str, bool]]


async def flush(folder: Path, *arguments: str) -> tuple[Result, Flushed]:
    """Run `copdns cache flush` beside a running copdns; return its result, and what was asked."""
    flushed: Flushed = []
    control = ControlSocket(folder, lambda name, below: flushed.append((name, below)))
    await control.open()
    words = ["--data", str(folder), "cache", "flush", *arguments]
    try:
        return await asyncio.to_thread(CliRunner().invoke, main, words), flushed
    finally:
        control.close()


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ((), ("", False)),
        (("Shop.Example.",), ("shop.example", False)),
        (("--below", "münchen.example"), ("xn--mnchen-3ya.example", True)),
    ],
)
async def test_the_command_says_what_to_forget(
    tmp_path: Path, arguments: tuple[str, ...], asked: tuple[str, bool]
) -> None:
    result, flushed = await flush(tmp_path, *arguments)
    assert (result.exit_code, flushed) == (0, [asked])


async def test_a_domain_and_what_is_below_another_is_a_contradiction(tmp_path: Path) -> None:
    result, flushed = await flush(tmp_path, "shop.example", "--below", "example")
    assert (result.exit_code, flushed) == (2, [])


def test_without_a_running_copdns_the_command_says_so(tmp_path: Path) -> None:
    words = ["--data", str(tmp_path), "cache", "flush"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "no copdns is running on this folder" in result.output


def test_a_socket_that_a_killed_copdns_left_behind_is_no_running_one(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET))
    with pytest.raises(NotRunningError, match="no copdns is running"):
        request(tmp_path, do="flush_cache", name="", below=False)


async def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET))
    result, flushed = await flush(tmp_path)
    assert (result.exit_code, flushed) == (0, [("", False)])


async def test_a_long_path_of_the_folder_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    result, flushed = await flush(folder)
    assert (result.exit_code, flushed) == (0, [("", False)])


async def test_only_the_owner_may_open_the_socket_and_it_goes_with_the_program(
    tmp_path: Path,
) -> None:
    control = ControlSocket(tmp_path, lambda name, below: None)
    await control.open()
    assert stat.S_IMODE(os.stat(tmp_path / SOCKET).st_mode) == 0o600
    control.close()
    assert not (tmp_path / SOCKET).exists()


async def test_a_bug_is_told_as_a_bug_and_not_as_a_wrong_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str, below: bool) -> None:
        raise ValueError("a bug")

    control = ControlSocket(tmp_path, broken)
    await control.open()
    try:
        with pytest.raises(
            NotRunningError, match=r"did not do it: there was a fault in it; its log"
        ):
            await asyncio.to_thread(request, tmp_path, do="flush_cache", name="", below=False)
    finally:
        control.close()
    assert "ValueError: a bug" in capsys.readouterr().out


@pytest.mark.parametrize(
    "sent",
    [
        b"\n",
        b"[]\n",
        b'{"do": "stop"}\n',
        b'{"do": "flush_cache"}\n',
        b'{"do": "flush_cache", "name": 1, "below": false}\n',
        b'{"do": "flush_cache", "name": "..", "below": false}\n',
        b"\xff" * 3000,
    ],
)
async def test_what_is_no_request_is_refused_and_does_nothing(tmp_path: Path, sent: bytes) -> None:
    flushed: Flushed = []
    control = ControlSocket(tmp_path, lambda name, below: flushed.append((name, below)))
    await control.open()
    try:
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / SOCKET))
        writer.write(sent)
        assert b"error" in await reader.readline()
        writer.close()
        await asyncio.to_thread(request, tmp_path, do="flush_cache", name="", below=False)
    finally:
        control.close()
    assert flushed == [("", False)]


async def test_a_command_lists_the_timers_that_others_may_know_of(tmp_path: Path) -> None:
    timer = OwnTimer(TimerKind.STOP, TimerTopic.GAMES, 1_774_800_000, 1_774_801_800, 1_774_821_600)
    control = ControlSocket(tmp_path, lambda name, below: None, lambda: {("home", "mia"): timer})
    await control.open()
    try:
        assert await asyncio.to_thread(own_timers, tmp_path) == {("home", "mia"): timer}
        words = ["--data", str(tmp_path), "timer", "list", "--json"]
        listed = await asyncio.to_thread(CliRunner().invoke, main, words)
    finally:
        control.close()
    assert json.loads(listed.output) == [
        {
            "profile": "mia",
            "kind": "stop",
            "topic": "games",
            "start": "2026-03-29T16:00:00Z",
            "end": "2026-03-29T16:30:00Z",
            "until": "2026-03-29T22:00:00Z",
        }
    ]


def test_without_a_running_copdns_there_are_no_timers(tmp_path: Path) -> None:
    assert own_timers(tmp_path) == {}
    listed = CliRunner().invoke(main, ["--data", str(tmp_path), "timer", "list", "--json"])
    assert (listed.exit_code, json.loads(listed.output)) == (0, [])
