"""Notices that are really sent: by e-mail and over HTTP, to servers on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.typing import EventDict

from copdns.events import send_notice
from copdns.events.notices import ENGLISH, Speaks, build_notice
from copdns.events.targets import Targets
from copdns.events.ways import DeliveryTimes, HouseholdLanguage
from copdns.model.errors import ConfigError
from copdns.model.events import AppealEvent, EventKind, TimeEvent
from copdns.model.verdict import Reason
from copdns.settings.config import EventSettings
from copdns.words.phrases import phrases
from tests.running import PATIENCE
from tests.unit.events.targets_running import run_targets
from tests.unit.mail_server import MailServer, mail_server
from tests.unit.settings.test_config import loaded

pytest.importorskip("apprise")

AT_ONCE = DeliveryTimes(pauses=(0.0, 0.0), notice=PATIENCE)
MADE = AppealEvent(EventKind.APPEAL_MADE, "home", "a1", 1_795_636_800.0, "open")
TELLING = MADE._replace(profile="mia", name="chess.games.example")
DESK = "https://copdns.home.arpa:8443/guardian/"
SECRET = "seven-green-bottles"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def to(mail: MailServer) -> str:
    return (
        f"mailto://127.0.0.1:{mail.port}?mode=insecure&smtp=127.0.0.1"
        "&from=copdns@mail.example&to=ada@mail.example"
    )


@asynccontextmanager
async def telling(
    *notices: str, speaks: HouseholdLanguage = lambda _: ENGLISH, **more: Any
) -> AsyncIterator[Targets]:
    targets = Targets(EventSettings(notices=notices, **more), AT_ONCE, DESK, speaks)
    async with run_targets(targets):
        yield targets


async def next_mail(mail: MailServer) -> Message:
    return await asyncio.to_thread(mail.mail.get, timeout=PATIENCE)


def text_of(message: Message) -> str:
    parts = [part for part in message.walk() if not part.is_multipart()]
    return "".join(str(part.get_payload(decode=True), "utf-8") for part in parts)


async def test_a_guardian_gets_an_e_mail_without_the_name(mail: MailServer) -> None:
    async with telling(to(mail)) as targets:
        targets.enqueue(MADE)
        message = await next_mail(mail)
    assert message["Subject"] == build_notice(MADE, DESK).title
    assert "It is waiting for your answer." in text_of(message)
    assert DESK in text_of(message)
    assert "ada@mail.example" in mail.to[0]


async def test_a_notice_is_in_the_language_of_the_household(mail: MailServer) -> None:
    asked = []

    def speaks(household: str) -> Speaks:
        asked.append(household)
        return phrases("en-XA")

    async with telling(to(mail), speaks=speaks) as targets:
        targets.enqueue(MADE)
        message = await next_mail(mail)
    assert str(make_header(decode_header(message["Subject"]))).startswith("[")
    assert build_notice(MADE, DESK, phrases("en-XA")).body.splitlines()[0] in text_of(message)
    assert asked == ["home"]


async def test_the_name_is_in_it_where_the_event_has_it(mail: MailServer) -> None:
    async with telling(to(mail)) as targets:
        targets.enqueue(TELLING)
        assert "chess.games.example" in text_of(await next_mail(mail))


async def test_a_guardian_hears_what_they_want_to_hear(mail: MailServer) -> None:
    warning = TimeEvent(EventKind.TIME_WARNING, "home", "mia", Reason.SCHEDULE, "bedtime", 0.0, 15)
    async with telling(to(mail), notice_kinds=(EventKind.TIME_WARNING,)) as targets:
        targets.enqueue(MADE)
        targets.enqueue(warning)
        assert (await next_mail(mail))["Subject"] == build_notice(warning, DESK).title


async def test_the_same_is_sent_once(mail: MailServer) -> None:
    async with telling(to(mail)) as targets:
        for _ in range(5):
            targets.enqueue(MADE)
        targets.enqueue(MADE._replace(kind=EventKind.APPEAL_OVERDUE))
        titles = [(await next_mail(mail))["Subject"] for _ in range(2)]
    assert titles == [build_notice(MADE, DESK).title, "A child has waited too long"]
    assert mail.tries == 2


async def test_a_server_that_refuses_is_tried_again(mail: MailServer) -> None:
    mail.codes = [451, 451]
    async with telling(to(mail)) as targets:
        targets.enqueue(MADE)
        await next_mail(mail)
    assert mail.tries == 3


async def test_the_log_says_that_nothing_is_taken_and_holds_no_address(
    mail: MailServer, logs: asyncio.Queue[EventDict]
) -> None:
    mail.codes = [550, 550, 550]
    address = to(mail).replace("mailto://", f"mailto://ada:{SECRET}@")
    async with telling(address) as targets:
        targets.enqueue(MADE)
        async with asyncio.timeout(PATIENCE):
            line = await logs.get()
    assert line["target"] == "notice 1"
    for each in (SECRET, "mailto", "ada", str(mail.port)):
        assert each not in str(line)


async def test_other_services_of_apprise_are_told_as_well() -> None:
    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def hear(request: web.Request) -> web.Response:
        heard.put_nowait(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/house", hear)
    server = TestServer(app)
    await server.start_server()
    async with server, telling(f"json://127.0.0.1:{server.port}/house") as targets:
        targets.enqueue(MADE)
        async with asyncio.timeout(PATIENCE):
            told = await heard.get()
    assert told["title"] == build_notice(MADE, DESK).title
    assert "waiting for your answer" in told["message"]


@pytest.mark.parametrize("url", ["nothing://of.example", "mailto://"])
async def test_an_address_that_apprise_does_not_know_is_told(
    url: str, logs: asyncio.Queue[EventDict]
) -> None:
    async with telling(f"{url}?x={SECRET}") as targets:
        targets.enqueue(MADE)
        async with asyncio.timeout(PATIENCE):
            line = await logs.get()
    assert line["error"] == send_notice.TROUBLE[send_notice.UNKNOWN]
    assert SECRET not in str(line)


def test_without_apprise_that_is_what_the_log_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    assert send_notice.send("json://127.0.0.1/", "A title", "A text.") == send_notice.MISSING


@pytest.mark.parametrize("text", ["[ada]", "['mailto:ada']", "['json://a', 'json://a']"])
def test_what_is_no_address_is_a_mistake_in_the_settings(text: str) -> None:
    with pytest.raises(ConfigError):
        loaded(f"events: {{notices: {text}}}")


def test_a_mistake_in_the_settings_repeats_no_password() -> None:
    with pytest.raises(ConfigError) as error:
        loaded(f"events: {{notices: ['Mailto://ada:{SECRET}@mail.example']}}")
    assert SECRET not in str(error.value)
    settings = loaded(f"events: {{notices: ['mailto://ada:{SECRET}@mail.example']}}")
    assert SECRET not in repr(settings)
