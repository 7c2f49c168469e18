"""Prompt readers are called first, and asyncio's own ones as ever."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from copdns.dns.prompt_loop import PromptLoop, add_reader, remove_reader


@pytest.fixture
def loop() -> Iterator[PromptLoop]:
    made = PromptLoop()
    yield made
    made.close()


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(2)]
    yield made
    for pair in made:
        for each in pair:
            each.close()


Pairs = list[tuple[socket.socket, socket.socket]]


def turn(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop look at its sockets once, and do what is due."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_a_prompt_reader_is_called_before_what_was_ready_too(
    loop: PromptLoop, pairs: Pairs
) -> None:
    (usual, to_usual), (prompt, to_prompt) = pairs
    called: list[bytes] = []
    loop.add_reader(usual, lambda: called.append(usual.recv(9)))
    add_reader(loop, prompt.fileno(), lambda: called.append(prompt.recv(9)))
    to_usual.send(b"usual")
    to_prompt.send(b"prompt")
    turn(loop)
    turn(loop)
    assert called == [b"prompt", b"usual"]


def test_what_a_prompt_reader_asks_for_is_done_in_the_same_turn(
    loop: PromptLoop, pairs: Pairs
) -> None:
    (prompt, to_prompt), _ = pairs
    called: list[bytes] = []
    add_reader(loop, prompt.fileno(), lambda: loop.call_soon(called.append, prompt.recv(9)))
    to_prompt.send(b"reply")
    turn(loop)
    assert called == [b"reply"]


def test_a_prompt_reader_that_fails_is_told_and_harms_no_other(
    loop: PromptLoop, pairs: Pairs
) -> None:
    (broken, to_broken), (sound, to_sound) = pairs
    told: list[Any] = []
    called: list[bytes] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

    def fail() -> None:
        raise ValueError(broken.recv(9))

    add_reader(loop, broken.fileno(), fail)
    add_reader(loop, sound.fileno(), lambda: called.append(sound.recv(9)))
    to_broken.send(b"broken")
    to_sound.send(b"sound")
    turn(loop)
    assert [each.args for each in told] == [(b"broken",)]
    assert called == [b"sound"]


def test_a_reader_that_was_removed_is_not_called(loop: PromptLoop, pairs: Pairs) -> None:
    (prompt, to_prompt), (usual, to_usual) = pairs
    called: list[bytes] = []

    def read() -> None:  # and asyncio's own that is ready in the same turn
        called.append(prompt.recv(9))
        remove_reader(loop, prompt.fileno())
        loop.remove_reader(usual)

    add_reader(loop, prompt.fileno(), read)
    loop.add_reader(usual, lambda: called.append(usual.recv(9)))
    to_usual.send(b"usual")
    to_prompt.send(b"first")
    turn(loop)
    to_prompt.send(b"second")
    turn(loop)
    assert called == [b"first"]


def test_streams_work_as_in_any_loop(loop: PromptLoop) -> None:
    async def talk() -> bytes:
        async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(4))
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"echo")
            found = await reader.read()
            writer.close()
            await writer.wait_closed()
            return found

    assert loop.run_until_complete(talk()) == b"echo"


async def test_a_loop_without_prompt_readers_has_its_own(pairs: Pairs) -> None:
    (prompt, to_prompt), _ = pairs
    came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    add_reader(asyncio.get_running_loop(), prompt.fileno(), lambda: came.set_result(prompt.recv(9)))
    to_prompt.send(b"reply")
    assert await came == b"reply"
    remove_reader(asyncio.get_running_loop(), prompt.fileno())
