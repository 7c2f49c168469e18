"""What a stranger learns who tries tokens: the same octets come back, after the same instructions.

Not timed: where Python runs the very same instructions, a clock can tell nothing apart that the
program decides.  `python -m tests.e2e.scan_tokens` times the running program as well.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from copdns.model.device_tokens import TOKEN_LENGTH, tls_name
from copdns.server.tls import TlsConnection
from copdns.server.tokens import DeviceTokens
from tests.unit.messages import query
from tests.unit.server.test_doh import PATH, TYPE, Browser
from tests.unit.server.test_tokens import (
    HOME,
    MIAS,
    NAME,
    OLD,
    PUBLIC,
    TOMS,
    WRONG,
    house_with,
    tls_client,
    who_asked,
)
from tests.unit.streams import GAMES, HOST, Desk, Open

# As long as a token: never made, revoked, of other letters than tokens have, and of two labels.
TRIED = [WRONG, OLD, "0189" + "a" * 22, "a" * 12 + "." + "b" * 13]
Instruction = tuple[str, int]


@pytest.fixture(
    params=[(PUBLIC, False), (HOME, False), (HOME, True)], ids=["public", "home", "guests"]
)
def where(request: pytest.FixtureRequest, desk: Open, certificate: Path) -> Open:
    tokens, guests = request.param
    house = house_with(MIAS, TOMS)
    return partial(desk, certificate=certificate, house=house, tokens=tokens, guests=guests)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Instruction]:
    """What Python runs to find out who asks: each instruction, by function and place in it."""
    run: list[Instruction] = []
    for owner, name in ((TlsConnection, "who_asks"), (DeviceTokens, "by_name")):
        monkeypatch.setattr(owner, name, _watched(getattr(owner, name), run))
    return run


def _watched(function: Callable[..., Any], run: list[Instruction]) -> Callable[..., Any]:
    def watch(frame: FrameType, event: str, _argument: object) -> object:
        frame.f_trace_opcodes = True
        if event == "opcode":
            run.append((frame.f_code.co_name, frame.f_lasti))
        return watch

    def call(*given: Any, **named: Any) -> Any:
        before, searches = sys.gettrace(), gc.isenabled()
        gc.disable()  # a search comes by chance, and runs what others left: gc.callbacks, __del__
        sys.settrace(watch)
        try:
            return function(*given, **named)
        finally:
            sys.settrace(before)
            if searches:
                gc.enable()

    return call


@pytest.fixture
def garbage() -> Iterator[None]:
    """Searches for garbage all the time, each of which runs something, as with Hypothesis."""

    def note(phase: str, _told: dict[str, int]) -> None:
        phases.append(phase)

    phases: list[str] = []
    often = gc.get_threshold()
    gc.callbacks.append(note)
    gc.set_threshold(1)
    yield
    gc.set_threshold(*often)
    gc.callbacks.remove(note)
    assert phases


@pytest.mark.usefixtures("garbage")
def test_a_search_for_garbage_is_no_work() -> None:
    run: list[Instruction] = []
    call = _watched(_fill, run)
    call()  # as below
    work = set()
    for _ in range(5):
        run.clear()
        call()
        work.add(tuple(run))
    assert len(work) == 1
    assert {name for name, _ in work.pop()} == {"_fill"}


def _fill() -> None:
    for _ in range(10):
        dict.fromkeys("abc")  # Python 3.12 searches after a call that makes something


def test_what_is_tried_is_as_long_as_a_token() -> None:
    assert {len(each) for each in TRIED} == {TOKEN_LENGTH}


async def _over_tls(here: Desk, token: str) -> bytes:
    client = await tls_client(here, tls_name(NAME, token), HOST)
    client.send(query(GAMES))
    client.stop_sending()
    return await client.end()


async def _over_http_1(here: Desk, token: str) -> bytes:
    here.client_context.set_alpn_protocols(["http/1.1"])
    client = await tls_client(here, NAME, HOST)
    body = query(GAMES)
    head = f"POST {PATH}/{token} HTTP/1.1\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}"
    client.put(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
    return await client.end()


async def _over_http_2(here: Desk, token: str) -> bytes:
    browser = Browser(await tls_client(here, NAME, HOST))
    found = await browser.response(browser.ask(path=f"{PATH}/{token}", body=query(GAMES)))
    return repr((found.status, found.headers, found.body)).encode()


@pytest.mark.parametrize(
    ("over", "scan"), [("tls", _over_tls), ("https", _over_http_1), ("https", _over_http_2)]
)
async def test_tokens_that_nobody_has_are_answered_by_the_same_octets_after_the_same_work(
    where: Open, done: list[Instruction], over: str, scan: Callable[[Desk, str], Any]
) -> None:
    here = await where(over=over)
    await scan(here, WRONG)  # Python 3.12 does not tell the instructions of a function's first run
    answers, work = set(), set()
    for token in TRIED * 2:
        done.clear()
        answers.add(await scan(here, token))
        work.add(tuple(done))
    assert len(answers) == 1
    assert len(work) == 1
    assert len(work.pop()) > 20
    await scan(here, TOMS)
    assert who_asked(here) == "phone"  # which the others are not
