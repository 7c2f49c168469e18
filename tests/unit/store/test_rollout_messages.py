"""What the staff are told of rollouts, by mail and by a web server, over a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from email.header import decode_header, make_header
from email.message import Message
from queue import Queue
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from copdns.app.node.rollout_messages import RolloutMessenger
from copdns.events.ways import DEFAULT_TIMES, DeliveryTimes
from copdns.provider.rollout.reasons import ReasonCode, RolloutReason
from copdns.provider.rollout.rollouts import (
    COPDNS,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
    new_freeze,
    stop_step,
    undo_step,
)
from copdns.settings.provider import RolloutSettings, StaffNotice
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.rollout_messages import AGAIN_AFTER, MESSAGE_KEPT
from copdns.store.provider_db.rollout_rows import RolloutStore
from copdns.store.provider_db.staff_languages import StaffLanguages
from tests.running import PATIENCE
from tests.unit.mail_server import MailServer, mail_server

pytest.importorskip("apprise")
pytestmark = pytest.mark.once

NOW = 1_800_000_000
ONCE = DeliveryTimes(post=PATIENCE, pauses=(), notice=PATIENCE)
BECAUSE = RolloutReason(ReasonCode.BLOCKS_DIFFER, {"share": 0.3, "usual": 0.1})
WHY = "30.0% blocked in place of 10.0%"
FRENCH = "% de requêtes bloquées au lieu de 10,0"
SPANISH = "% de consultas bloqueadas en lugar de 10,0"


@pytest.fixture
def store(postgres: str) -> Iterator[RolloutStore]:
    with ProviderStore.connect(PostgresPool(postgres, most=2)) as households:
        yield RolloutStore(households.pool)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
async def hook() -> AsyncIterator[tuple[str, Queue[dict[str, Any]]]]:
    """A web server that takes what has the token; where it is, and what came."""
    came: Queue[dict[str, Any]] = Queue()

    async def take(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer 2f8c1d":
            return web.Response(status=401)
        came.put(json.loads(await request.text()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), came


def text_of(message: Message) -> str:
    """Return a mail's subject and its text."""
    bodies = [each.get_payload(decode=True) for each in message.walk() if not each.is_multipart()]
    return f"{make_header(decode_header(message['Subject']))}\n{bodies}"


def pass_time(pool: PostgresPool, table: str) -> None:
    """Let what was taken be taken so long ago, by PostgreSQL's clock, that others take it."""
    with pool.connection() as connection:
        connection.execute(f"update {table} set taken = taken - ?", (AGAIN_AFTER,))


def begin(store: RolloutStore, label: str) -> int:
    found = store.begin(RolloutKind.PACKAGE, label, {}, "ada", NOW)
    assert found
    return found.number


def step(
    store: RolloutStore, number: int, stage: RolloutStage, state: RolloutState, why: str = ""
) -> None:
    new = RolloutStep(NOW, COPDNS, stage, state, why, BECAUSE if why == WHY else None)
    store.add_step(number, lambda _: new)


async def test_what_stops_goes_back_or_is_done_is_told_once_and_without_persons_reasons(
    store: RolloutStore, mail: MailServer, hook: tuple[str, Queue[dict[str, Any]]]
) -> None:
    url, came = hook
    server = f"mailto://127.0.0.1:{mail.port}?mode=insecure&smtp=127.0.0.1"
    notice = f"{server}&from=copdns@mail.example&to=ops@mail.example"
    told = RolloutSettings(notices=(notice,), webhook=url, webhook_token="2f8c1d")
    one, other = (RolloutMessenger(store._pool, told, lambda: NOW, ONCE) for _ in range(2))
    first = begin(store, "1.4")
    step(store, first, RolloutStage.SITE, RolloutState.GOING)
    step(store, first, RolloutStage.DONE, RolloutState.GOING)
    second = begin(store, "1.5")
    step(store, second, RolloutStage.CANARY, RolloutState.STOPPED, WHY)
    why = "The family Bos complained."
    store.add_step(second, lambda found: undo_step(found, second, "ada", why, NOW))
    freeze = store.freeze(new_freeze(NOW, NOW + 60, "ada", why, NOW), NOW)
    store.end_freeze(freeze.number, "bo", NOW + 9)
    sent = await asyncio.gather(one.send_due(), other.send_due())
    assert sum(sent) == 5
    found = [came.get(timeout=PATIENCE) for _ in range(5)]
    assert came.empty()
    assert sorted((each["number"], each["what"], each["by"]) for each in found if each["kind"]) == [
        *((first, "done", COPDNS), (second, "stopped", COPDNS), (second, "undone", "ada"))
    ]
    assert {each["what"] for each in found if not each["kind"]} == {"frozen", "thawed"}
    texts = [text_of(mail.mail.get(timeout=PATIENCE)) for _ in range(5)]
    assert any(WHY in each and "(package 1.5) stopped" in each for each in texts)
    assert not any("Bos" in each for each in (*texts, *map(str, found)))


async def test_each_of_the_staff_reads_their_own_language_and_programs_one(
    store: RolloutStore, mail: MailServer, hook: tuple[str, Queue[dict[str, Any]]]
) -> None:
    url, came = hook
    server = f"mailto://127.0.0.1:{mail.port}?mode=insecure&smtp=127.0.0.1"

    def notice(whom: str) -> str:
        return f"{server}&from=copdns@mail.example&to={whom}@mail.example"

    languages = StaffLanguages(store._pool)
    languages.keep("ada", "es")
    languages.keep("ada", "fr")
    told = RolloutSettings(
        notices=(notice("ops"),),
        language="es",
        people=tuple(StaffNotice(staff=who, notice=notice(who)) for who in ("ada", "bo")),
        webhook=url,
        webhook_token="2f8c1d",
    )
    number = begin(store, "1.4")
    step(store, number, RolloutStage.CANARY, RolloutState.STOPPED, WHY)
    assert await RolloutMessenger(store._pool, told, lambda: NOW, ONCE).send_due() == 1
    freeze = store.freeze(new_freeze(NOW, NOW + 60, "ada", "A sale.", NOW), NOW)
    programs = told.model_copy(update={"notices": (), "people": ()})  # each mail is a process
    assert await RolloutMessenger(store._pool, programs, lambda: NOW, ONCE).send_due() == 1
    found = [came.get(timeout=PATIENCE) for _ in range(2)]
    assert found == [
        {
            "event": "rollout",
            "what": "stopped",
            "number": number,
            "kind": "package",
            "label": "1.4",
            "stage": "canary",
            "at": "2027-01-15T08:00:00Z",
            "by": COPDNS,
            "why": WHY,
            "because": {"code": "blocks_differ", "share": 0.3, "usual": 0.1},
            "until": None,
        },
        {
            "event": "rollout",
            "what": "frozen",
            "number": freeze.number,
            "kind": None,
            "label": None,
            "stage": None,
            "at": "2027-01-15T08:00:00Z",
            "by": "ada",
            "why": None,
            "because": None,
            "until": "2027-01-15T08:01:00Z",
        },
    ]
    texts: dict[str, list[str]] = {}
    for _ in range(3):
        message = mail.mail.get(timeout=PATIENCE)
        whom = str(message["To"]).partition("@")[0].rpartition("<")[2]
        texts.setdefault(whom, []).append(plain_text(message))
    assert sorted(texts["ops"]) == sorted(texts["bo"]), "who did not log in yet has the usual one"
    for whom, *wanted in (
        ("ada", f"Le déploiement {number} (paquet 1.4) s’est arrêté", "15 janv. 2027", FRENCH),
        ("ops", f"El despliegue {number} (paquete 1.4) se detuvo", "15 ene 2027", SPANISH),
    ):
        text = "".join(texts[whom])
        assert [each for each in wanted if each not in text] == [], text
        assert "Nodes" not in text


def plain_text(message: Message) -> str:
    """Return a mail's subject and its plain text, decoded."""
    found = [each for each in message.walk() if each.get_content_type() == "text/plain"]
    text = found[0].get_payload(decode=True) if found else b""
    assert isinstance(text, bytes)
    return f"{make_header(decode_header(message['Subject']))}\n{text.decode()}\n"


async def test_a_person_who_is_called_as_copdns_is_one_whose_reason_stays_here(
    store: RolloutStore, hook: tuple[str, Queue[dict[str, Any]]]
) -> None:
    """Commands of a service run as its user, which often is called `copdns`."""
    url, came = hook
    number = begin(store, "1.4\nBcc: x")
    why = "The family Bos complained."
    store.add_step(number, lambda found: stop_step(found, number, "copdns", why, NOW))
    told = RolloutSettings(webhook=url, webhook_token="2f8c1d")
    assert await RolloutMessenger(store._pool, told, lambda: NOW, ONCE).send_due() == 1
    found = came.get(timeout=PATIENCE)
    assert (found["by"], found["why"], found["label"]) == ("user copdns", None, "1.4 Bcc: x")


async def test_targets_that_hang_or_fail_hold_up_no_other_and_no_address_is_logged(
    store: RolloutStore,
    hook: tuple[str, Queue[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, came = hook
    has_come = asyncio.Event()

    async def hang_or_fail(fields: dict[str, object], _times: DeliveryTimes) -> str:
        if fields["url"] == "json://secret":
            raise OSError("json://secret")
        await has_come.wait()
        return "it could not be sent within 60 s"

    monkeypatch.setattr("copdns.app.node.staff_post.send_message", hang_or_fail)
    number = begin(store, "1.4")
    step(store, number, RolloutStage.DONE, RolloutState.GOING)
    notices = ("json://secret", "json://slow")
    told = RolloutSettings(notices=notices, webhook=url, webhook_token="2f8c1d")
    messenger = RolloutMessenger(store._pool, told, lambda: NOW, ONCE)
    with capture_logs() as logged:
        sending = asyncio.create_task(messenger.send_due())
        assert (await asyncio.to_thread(came.get, timeout=PATIENCE))["number"] == number
        has_come.set()
        assert await sending == 1
    assert [(each["target"], each["error"]) for each in logged] == [
        ("notice 1", "OSError"),
        ("notice 2", "it could not be sent within 60 s"),
    ]
    longest = len(DEFAULT_TIMES.pauses) * DEFAULT_TIMES.notice + sum(DEFAULT_TIMES.pauses)
    assert longest + DEFAULT_TIMES.notice < AGAIN_AFTER, "else another node sends it as well"


async def test_what_reached_nobody_is_tried_again_later(
    store: RolloutStore, hook: tuple[str, Queue[dict[str, Any]]]
) -> None:
    url, came = hook
    number = begin(store, "1.4")
    step(store, number, RolloutStage.DONE, RolloutState.GOING)
    clock = [NOW]
    wrong = RolloutMessenger(
        store._pool, RolloutSettings(webhook=url, webhook_token="x"), lambda: clock[0], ONCE
    )
    right = RolloutMessenger(
        store._pool, RolloutSettings(webhook=url, webhook_token="2f8c1d"), lambda: clock[0], ONCE
    )
    assert await wrong.send_due() == 0
    clock[0] += 2 * AGAIN_AFTER
    assert await right.send_due() == 0, "the first one may still be sending it: a clock is ahead"
    clock[0] = NOW
    clock[0] += MESSAGE_KEPT
    assert await right.send_due() == 0, "nobody is told of last week"
    clock[0] = NOW
    pass_time(store._pool, "rollout_message")
    assert await right.send_due() == 1
    assert came.get(timeout=PATIENCE)["number"] == number
