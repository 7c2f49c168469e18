"""Events that are passed on, to a real web server on loopback and to a real program."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.typing import EventDict

from copdns import __version__
from copdns.events.targets import MAX_WAITING, Targets
from copdns.events.ways import DeliveryTimes
from copdns.model.events import (
    ClockEvent,
    DeviceEvent,
    Event,
    EventKind,
    PauseEvent,
    TimeEvent,
    event_json,
)
from copdns.model.verdict import Reason
from copdns.settings.config import EventSettings, Webhook
from tests.running import PATIENCE, free_port
from tests.unit.events.targets_running import run_targets

Anything = TypeVar("Anything")

AT_ONCE = DeliveryTimes(post=PATIENCE, pauses=(0.0, 0.0), command=PATIENCE)
# Only for what is never done: anything else must be waited for, however slow the machine is.
IMPATIENT = AT_ONCE._replace(post=0.2, command=0.2)
NINE = 1_795_636_800.0
CLOSED = TimeEvent(
    EventKind.TIME_CLOSED, "home", "mia", Reason.SCHEDULE, "bedtime", NINE, everything=True
)
OPENED = CLOSED._replace(kind=EventKind.TIME_OPENED)
SPENT = CLOSED._replace(reason=Reason.BUDGET, id="play", everything=False)


class Hooks:
    """A web server: what it was told, and what it says to that.

    statuses: its next answers; 200 when none is left.  open: while it is not set, nobody gets one.
    """

    def __init__(self) -> None:
        self.told: asyncio.Queue[web.Request] = asyncio.Queue()
        self.statuses: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._hear)
        self.server = TestServer(app)

    async def _hear(self, request: web.Request) -> web.Response:
        await request.read()
        self.told.put_nowait(request)
        await self.open.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    def url(self, path: str = "/hook") -> str:
        return str(self.server.make_url(path))

    async def next(self) -> Any:
        """Return the JSON that comes next."""
        request = await soon(self.told)
        assert request.path == "/hook"
        return await request.json()


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    made = Hooks()
    async with made.server:
        yield made
        made.open.set()


async def soon(queue: asyncio.Queue[Anything]) -> Anything:
    async with asyncio.timeout(PATIENCE):
        return await queue.get()


@asynccontextmanager
async def passing_on(
    *webhooks: Webhook, command: Sequence[str] = (), patience: DeliveryTimes = AT_ONCE, **more: Any
) -> AsyncIterator[Targets]:
    settings = EventSettings(webhooks=webhooks, command=tuple(command), **more)
    async with run_targets(Targets(settings, patience)) as targets:
        yield targets


# --- webhooks ------------------------------------------------------------------------------------


async def test_an_event_is_posted_as_json_with_nothing_else_of_ours(hooks: Hooks) -> None:
    async with passing_on(Webhook(url=hooks.url("/hook?a=b"), token="2f8c1d")) as targets:
        targets.enqueue(CLOSED)
        request = await soon(hooks.told)
    assert (request.method, request.path_qs) == ("POST", "/hook?a=b")
    assert await request.json() == event_json(CLOSED)
    assert dict(request.headers) == {
        "Host": f"127.0.0.1:{hooks.server.port}",
        "User-Agent": f"copdns/{__version__}",
        "Content-Type": "application/json",
        "Content-Length": str(request.content_length),
        "Accept": "*/*",
        "Accept-Encoding": request.headers["Accept-Encoding"],
        "Authorization": "Bearer 2f8c1d",
    }


async def test_without_a_token_none_is_sent(hooks: Hooks) -> None:
    async with passing_on(Webhook(url=hooks.url())) as targets:
        targets.enqueue(CLOSED)
        assert "Authorization" not in (await soon(hooks.told)).headers


async def test_a_webhook_hears_what_it_wants_to_in_the_order_in_which_it_happened(
    hooks: Hooks,
) -> None:
    kinds = (EventKind.TIME_CLOSED, EventKind.CLOCK_WRONG)
    wrong = ClockEvent(EventKind.CLOCK_WRONG, NINE)
    async with passing_on(Webhook(url=hooks.url(), kinds=kinds)) as targets:
        for event in (
            OPENED,
            CLOSED,
            DeviceEvent(EventKind.UNKNOWN_MAC, "home", "u1"),
            wrong,
            SPENT,
        ):
            targets.enqueue(event)
        assert [await hooks.next() for _ in range(3)] == [
            event_json(CLOSED),
            event_json(wrong),
            event_json(SPENT),
        ]
    assert hooks.told.empty()


@pytest.mark.parametrize("statuses", [[500], [503, 429], [408]])
async def test_a_server_with_trouble_is_tried_again(hooks: Hooks, statuses: list[int]) -> None:
    hooks.statuses = [*statuses]
    async with passing_on(Webhook(url=hooks.url())) as targets:
        targets.enqueue(CLOSED)
        targets.enqueue(OPENED)
        heard = [await hooks.next() for _ in range(len(statuses) + 2)]
    assert heard == [event_json(CLOSED)] * (len(statuses) + 1) + [event_json(OPENED)]


async def test_after_three_tries_an_event_is_let_go_and_the_next_one_has_its_turn(
    hooks: Hooks, logs: asyncio.Queue[EventDict]
) -> None:
    hooks.statuses = [500] * 6
    async with passing_on(Webhook(url=hooks.url())) as targets:
        for event in (CLOSED, OPENED, SPENT):
            targets.enqueue(event)
        heard = [await hooks.next() for _ in range(7)]
        told = [await soon(logs), await soon(logs)]
    assert heard == [event_json(CLOSED)] * 3 + [event_json(OPENED)] * 3 + [event_json(SPENT)]
    assert [(each["event"], each["target"]) for each in told] == [
        ("events are not being accepted", "webhook 1"),  # once for both
        ("events are accepted again", "webhook 1"),
    ]
    assert told[0]["error"] == "the server answered with status 500"
    assert logs.empty()


@pytest.mark.parametrize("status", [400, 401, 404, 410])
async def test_a_no_is_a_no(hooks: Hooks, logs: asyncio.Queue[EventDict], status: int) -> None:
    hooks.statuses = [status]
    async with passing_on(Webhook(url=hooks.url())) as targets:
        targets.enqueue(CLOSED)
        targets.enqueue(OPENED)
        assert [await hooks.next(), await hooks.next()] == [event_json(CLOSED), event_json(OPENED)]
        assert str(status) in (await soon(logs))["error"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nothing_goes_where_a_server_sends_us(
    hooks: Hooks, logs: asyncio.Queue[EventDict], status: int
) -> None:
    hooks.statuses = [status]
    async with passing_on(Webhook(url=hooks.url(), token="2f8c1d")) as targets:
        targets.enqueue(CLOSED)
        assert await hooks.next() == event_json(CLOSED)
        assert f"redirects ({status})" in (await soon(logs))["error"]
    assert hooks.told.empty()


async def test_a_server_that_never_answers_is_left(
    hooks: Hooks, logs: asyncio.Queue[EventDict]
) -> None:
    hooks.open.clear()
    async with passing_on(Webhook(url=hooks.url()), patience=IMPATIENT) as targets:
        targets.enqueue(CLOSED)
        assert (await soon(logs))["error"] == "the server did not answer within 0.2 s"


async def test_what_waits_is_bounded_and_the_oldest_goes_first(hooks: Hooks) -> None:
    hooks.open.clear()
    async with passing_on(Webhook(url=hooks.url())) as targets:
        targets.enqueue(CLOSED)
        assert await hooks.next() == event_json(CLOSED)  # on its way
        for number in range(MAX_WAITING + 3):
            targets.enqueue(CLOSED._replace(id=f"b{number}"))
        assert targets.dropped_count == 3
        hooks.open.set()
        assert [(await hooks.next())["id"] for _ in range(3)] == ["b3", "b4", "b5"]
        targets.configure(EventSettings())
        assert targets.dropped_count == 3  # a counter never goes back


async def test_a_slow_webhook_holds_no_other_one_up(hooks: Hooks) -> None:
    slow = Hooks()
    async with slow.server:
        slow.open.clear()
        async with passing_on(Webhook(url=slow.url()), Webhook(url=hooks.url())) as targets:
            targets.enqueue(CLOSED)
            targets.enqueue(OPENED)
            assert [await hooks.next(), await hooks.next()] == [
                event_json(CLOSED),
                event_json(OPENED),
            ]
        slow.open.set()


async def test_a_webhook_that_is_gone_is_told_without_its_address(
    logs: asyncio.Queue[EventDict],
) -> None:
    url = f"http://127.0.0.1:{free_port()}/secret"
    async with passing_on(Webhook(url=url, token="2f8c1d")) as targets:
        targets.enqueue(CLOSED)
        line = await soon(logs)
    assert line["error"] == "the server cannot be reached"
    assert line["target"] == "webhook 1"
    assert [each for each in ("secret", "2f8c1d", "127.0.0.1") if each in repr(line)] == []


@pytest.mark.parametrize("host", ["a..example", "1.2.3"])
async def test_a_host_that_cannot_be_one_is_told_without_the_address(
    logs: asyncio.Queue[EventDict], host: str
) -> None:
    async with passing_on(Webhook(url=f"http://{host}/secret")) as targets:
        targets.enqueue(CLOSED)
        assert (await soon(logs))["error"] == (
            "its url is not a valid address; check events.webhooks"
        )


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    hooks: Hooks, logs: asyncio.Queue[EventDict]
) -> None:
    async with passing_on(Webhook(url=hooks.url().replace("http:", "https:"))) as targets:
        targets.enqueue(CLOSED)
        assert (await soon(logs))["event"] == "events are not being accepted"
    assert hooks.told.empty()


# --- a program -----------------------------------------------------------------------------------

# It sends all that it was given to a port of loopback, and ends as it is told to.
TELLS = """
import json, os, socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as to:
    given = {"stdin": sys.stdin.read(), "argv": sys.argv[2:], "environ": dict(os.environ)}
    to.sendall(json.dumps(given).encode())
"""
# It tells that it is there, and stays, with a child that holds the connection too.
STAYS = """
import os, signal, socket, sys
to = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
if os.fork():
    to.sendall(b"here")
signal.pause()
"""


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Ear:
    """A port of loopback that hears what programs say."""

    def __init__(self, port: int, heard: asyncio.Queue[Ends]) -> None:
        self._port = port
        self._heard = heard

    def command(self, code: str, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-c", code, str(self._port), *arguments)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncio.StreamReader]:
        """Give what the next program says."""
        reader, writer = await soon(self._heard)
        try:
            async with asyncio.timeout(PATIENCE):
                yield reader
        finally:
            writer.close()

    async def next(self) -> Any:
        async with self.connected() as reader:
            return json.loads(await reader.read())


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    heard: asyncio.Queue[Ends] = asyncio.Queue()
    server = await asyncio.start_server(lambda *ends: heard.put_nowait(ends), "127.0.0.1", 0)
    async with server:
        yield Ear(server.sockets[0].getsockname()[1], heard)


async def test_a_program_gets_an_event_as_json_and_as_variables(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPDNS_EVENTS__WEBHOOKS", "[{url: 'https://hooks.example/', token: x}]")
    monkeypatch.setenv("COPDNS_EVENT_PROFILE", "tom")
    monkeypatch.setenv("LANG", "C.UTF-8")
    async with passing_on(command=ear.command(TELLS, "a b", "$HOME; exit")) as targets:
        targets.enqueue(CLOSED)
        given = await ear.next()
    assert json.loads(given["stdin"]) == event_json(CLOSED)
    assert given["argv"] == ["a b", "$HOME; exit"]
    environ = given["environ"]
    assert (environ["PATH"], environ["LANG"]) == (os.environ["PATH"], "C.UTF-8")
    assert {name: text for name, text in environ.items() if name.startswith("COPDNS_")} == {
        "COPDNS_EVENT_KIND": "time closed",
        "COPDNS_EVENT_HOUSEHOLD": "home",
        "COPDNS_EVENT_PROFILE": "mia",
        "COPDNS_EVENT_REASON": "schedule",
        "COPDNS_EVENT_ID": "bedtime",
        "COPDNS_EVENT_AT": "2026-11-25T20:00:00Z",
        "COPDNS_EVENT_MINUTES": "0",
        "COPDNS_EVENT_EVERYTHING": "true",
    }


async def test_what_has_no_end_is_an_empty_variable(ear: Ear) -> None:
    async with passing_on(command=ear.command(TELLS)) as targets:
        targets.enqueue(PauseEvent(EventKind.PAUSE_BEGAN, "home", "mia", NINE))
        given = await ear.next()
    assert given["environ"]["COPDNS_EVENT_UNTIL"] == ""
    assert json.loads(given["stdin"])["until"] is None


async def test_a_program_is_started_for_its_kinds_only_and_once_at_a_time(ear: Ear) -> None:
    """Each has ended before the next begins, so they come in order."""
    only = (EventKind.TIME_CLOSED,)
    async with passing_on(command=ear.command(TELLS), command_kinds=only) as targets:
        for event in (OPENED, CLOSED, OPENED, SPENT):
            targets.enqueue(event)
        events = [json.loads((await ear.next())["stdin"]) for _ in range(2)]
    assert events == [event_json(CLOSED), event_json(SPENT)]


async def test_a_program_that_runs_is_waited_for(ear: Ear) -> None:
    async with passing_on(command=ear.command(STAYS)) as targets:
        targets.enqueue(CLOSED)
        targets.enqueue(OPENED)
        async with ear.connected() as first:
            assert await first.readexactly(4) == b"here"
            assert targets.waiting == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("/nowhere/copdns-hook",), "the program could not be started (No such file or directory)"),
        (("/",), "the program could not be started (Permission denied)"),
        (("false",), "the program ended with status 1"),
        (
            ("sh", "-c", "echo secret; echo secret >&2; kill -9 $$"),
            "the program was ended by signal 9",
        ),
        (("sh", "-c", "exec <&-; exit 3"), "the program ended with status 3"),
        (("sleep", "1000"), "the program took longer than 0.2 s and was stopped"),
    ],
)
async def test_a_program_that_fails_is_told_once_and_without_what_it_said(
    logs: asyncio.Queue[EventDict], command: tuple[str, ...], told: str
) -> None:
    patience = IMPATIENT if command[0] == "sleep" else AT_ONCE
    async with passing_on(command=command, patience=patience) as targets:
        targets.enqueue(CLOSED)
        line = await soon(logs)
    assert line == {"event": "events are not being accepted", "target": "command", "error": told}


# --- stopping, and other settings ----------------------------------------------------------------


async def test_a_stop_ends_a_program_with_what_it_started_and_tells_what_is_left(
    ear: Ear, logs: asyncio.Queue[EventDict]
) -> None:
    async with passing_on(command=ear.command(STAYS)) as targets:
        targets.enqueue(CLOSED)
        targets.enqueue(OPENED)
        async with ear.connected() as program:
            assert await program.readexactly(4) == b"here"
            await targets.close()
            assert await program.read() == b""  # nobody holds the connection any more
    line = await soon(logs)
    assert (line["event"], line["events"]) == ("events were not sent before copdns stopped", 1)


async def test_a_stop_waits_for_no_server(hooks: Hooks) -> None:
    hooks.open.clear()
    patience = AT_ONCE._replace(post=10 * PATIENCE)
    async with passing_on(Webhook(url=hooks.url()), patience=patience) as targets:
        targets.enqueue(CLOSED)
        await hooks.next()
        async with asyncio.timeout(PATIENCE):
            await targets.close()
    assert targets.waiting == 0


async def test_what_never_ran_can_be_closed() -> None:
    targets = Targets(EventSettings())
    await targets.close()
    assert targets.waiting == 0


async def test_with_other_settings_the_new_ones_hear_and_those_that_stay_lose_nothing(
    hooks: Hooks,
) -> None:
    stays, goes = Webhook(url=hooks.url()), Webhook(url=hooks.url("/gone"))
    hooks.open.clear()
    async with passing_on(stays) as targets:
        targets.enqueue(CLOSED)
        assert await hooks.next() == event_json(CLOSED)
        targets.enqueue(OPENED)
        targets.configure(EventSettings(webhooks=(stays, goes)))
        targets.configure(EventSettings(webhooks=(stays,)))
        targets.enqueue(SPENT)
        hooks.open.set()
        assert [await hooks.next(), await hooks.next()] == [event_json(OPENED), event_json(SPENT)]
        targets.configure(EventSettings())
        targets.enqueue(CLOSED)
        targets.configure(EventSettings(webhooks=(goes,)))
        targets.enqueue(OPENED)
        request = await soon(hooks.told)
    assert (request.path, await request.json()) == ("/gone", event_json(OPENED))


async def test_a_bug_costs_one_event(hooks: Hooks, logs: asyncio.Queue[EventDict]) -> None:
    broken: Event = CLOSED._replace(at=float("nan"))
    async with passing_on(Webhook(url=hooks.url())) as targets:
        targets.enqueue(broken)
        assert "cannot convert float NaN" in (await soon(logs))["traceback"]
        targets.enqueue(OPENED)
        assert await hooks.next() == event_json(OPENED)
