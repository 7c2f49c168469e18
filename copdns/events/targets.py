"""Pass events on: to web servers (webhooks), to a program that the settings name, and to guardians
in plain words (notices).

`Targets.hears` only puts an event aside and never waits; `run` does all the waiting, for each
target one event after another.  One that is slow or gone costs nobody else anything: what waits
for it is bounded, and the oldest goes first.  Logs call webhooks and notices by their place in the
settings, since an address may be a secret.  docs/events.md tells people what they get.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from ssl import create_default_context
from typing import NamedTuple, Protocol

import structlog
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
)

from copdns import __version__
from copdns.config import EventSettings, Webhook
from copdns.events import send_notice
from copdns.events.notices import ENGLISH, NoticeText, NoticeThrottle, Speaks, notice, with_unsaid
from copdns.model.errors import BusyError
from copdns.model.events import Event, EventKind, event_json
from copdns.model.hosts import desk_url

log = structlog.get_logger("copdns")

WAITING = 1000  # events that wait for one target at most

Deliver = Callable[[Event], Awaitable[str]]  # gives what went wrong; "" when nothing did


class DeliveryTimes(NamedTuple):
    """Seconds.  post: for one try.  pauses: before the second try and the third.
    command: after which a program is killed; notice: after which sending one is.
    """

    post: float = 10.0
    pauses: tuple[float, ...] = (2.0, 10.0)
    command: float = 10.0
    notice: float = 60.0


PATIENCE = DeliveryTimes()


class TargetStatus(NamedTuple):
    """A target as people may see it, without its address, which may be a secret.

    name: by its place in the settings, such as "webhook 1".  way: webhook, command, or what an
    address of apprise begins with.  dropped: events that were never passed on.  trouble: why the
    last one was not taken; "" where it was, or none came yet.
    """

    name: str
    way: str
    kinds: tuple[EventKind, ...]
    waiting: int
    dropped: int
    trouble: str


# Gives the language of a household by its id; "" stands for the machine itself.
HouseholdLanguage = Callable[[str], Speaks]


def _english(_household: str) -> Speaks:
    return ENGLISH


class Targets:
    """Who hears of events, besides the log."""

    def __init__(
        self,
        settings: EventSettings,
        patience: DeliveryTimes = PATIENCE,
        desk: str = desk_url(80, 443),
        speaks: HouseholdLanguage = _english,
    ) -> None:
        """desk: where guardians read more than they are told.  speaks: how a household does."""
        self._desk = desk
        self._speaks = speaks
        self._patience = patience
        self._targets: tuple[_Target, ...] = ()
        self._dropped_by_gone = 0
        self._changed = asyncio.Event()
        self._closing = False
        self._trying = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.use(settings)

    @property
    def dropped(self) -> int:
        """How many events were never passed on, because too many waited."""
        return self._dropped_by_gone + sum(each.dropped for each in self._targets)

    @property
    def waiting(self) -> int:
        """How many events wait, of all targets; one that is on its way does not."""
        return sum(each.waiting for each in self._targets)

    @property
    def shown(self) -> tuple[TargetStatus, ...]:
        return tuple(each.shown for each in self._targets)

    async def send_test(self, name: str, event: Event) -> str:
        """Send an event to one target, once and past all that waits; return what went wrong.

        Raises KeyError for a target that is not there, and BusyError while another is tried.
        """
        target = {each.way.name: each for each in self._targets}[name]
        if self._trying:
            raise BusyError("another test is running; wait until it has finished")
        self._trying = True
        try:
            return await target.way.once(event)
        finally:
            self._trying = False

    def use(self, settings: EventSettings) -> None:
        """Tell these from now on; what waits for one that stays as it is stays too."""
        before = {each.way: each for each in self._targets}
        self._targets = tuple(before.get(way) or _Target(way) for way in self._ways(settings))
        gone = set(before.values()) - set(self._targets)
        self._dropped_by_gone += sum(each.dropped for each in gone)
        self._changed.set()

    def _ways(self, settings: EventSettings) -> list[_Way]:
        ways: list[_Way] = [
            _ToWebhook(number, webhook, self._patience)
            for number, webhook in enumerate(settings.webhooks, 1)
        ]
        if settings.command:
            kinds = frozenset(settings.command_kinds)
            ways.append(_ToCommand(settings.command, kinds, self._patience.command))
        kinds = frozenset(settings.notice_kinds)
        for number, url in enumerate(settings.notices, 1):
            way = _ToGuardian(number, url, self._desk, self._speaks, kinds, self._patience)
            ways.append(way)
        return ways

    def enqueue(self, event: Event) -> None:
        """Put an event aside for all that want to hear of it."""
        for each in self._targets:
            each.hears(event)

    async def run(self) -> None:
        """Pass on what was heard, until `close` is called or this is cancelled."""
        self._idle.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                running: dict[_Target, asyncio.Task[None]] = {}
                while not self._closing:
                    self._changed.clear()
                    for gone in running.keys() - set(self._targets):
                        running.pop(gone).cancel()
                    for new in set(self._targets) - running.keys():
                        running[new] = tasks.create_task(new.work())
                    await self._changed.wait()
                for task in running.values():
                    task.cancel()
        finally:
            self._idle.set()

    async def close(self) -> None:
        """End `run`, with what is on its way; a program that runs is killed."""
        self._closing = True
        self._changed.set()
        await self._idle.wait()
        if self.waiting:
            log.warning("events were not sent before copdns stopped", events=self.waiting)


class _Way(Protocol):
    """How events get somewhere.  Equal ways lead to the same place."""

    @property
    def name(self) -> str:
        """What the log calls it."""

    @property
    def kinds(self) -> frozenset[EventKind]:
        """Of which events it hears."""

    @property
    def called(self) -> str:
        """What people call such a way."""

    def opened(self) -> AbstractAsyncContextManager[Deliver]:
        """Give what delivers some events, one after another."""

    async def once(self, event: Event) -> str:
        """Try to deliver one event, once; return what went wrong."""


class _Target:
    """What waits for somebody, and whether they take it.

    dropped: how many events went because more than `WAITING` waited.
    """

    def __init__(self, way: _Way) -> None:
        self.way = way
        self.dropped = 0
        self._kinds = way.kinds
        self._queue: deque[Event] = deque(maxlen=WAITING)
        self._heard = asyncio.Event()
        self._trouble = ""

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def shown(self) -> TargetStatus:
        kinds = tuple(each for each in EventKind if each in self._kinds)
        way = self.way
        return TargetStatus(way.name, way.called, kinds, self.waiting, self.dropped, self._trouble)

    def hears(self, event: Event) -> None:
        if event.kind in self._kinds:
            self.dropped += len(self._queue) == WAITING
            self._queue.append(event)
            self._heard.set()

    async def work(self) -> None:
        """Deliver whatever waits, for ever."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            try:
                async with self.way.opened() as deliver:
                    while self._queue:
                        self._note(await deliver(self._queue.popleft()))
            except Exception:  # noqa: BLE001 - a bug in here must not end the answering
                error = traceback.format_exc()
                log.error("events could not be sent", target=self.way.name, traceback=error)

    def _note(self, trouble: str) -> None:
        """Say so when an event is not taken, and when one is again."""
        if trouble and not self._trouble:
            log.warning("events are not being accepted", target=self.way.name, error=trouble)
        elif self._trouble and not trouble:
            log.info("events are accepted again", target=self.way.name, dropped=self.dropped)
        self._trouble = trouble


# --- webhooks -------------------------------------------------------------------------------------


class _Try(NamedTuple):
    """How one try went.  again: another one may go better."""

    trouble: str
    again: bool


@dataclass(frozen=True, slots=True)
class _ToWebhook:
    number: int
    webhook: Webhook
    patience: DeliveryTimes

    @property
    def name(self) -> str:
        return f"webhook {self.number}"

    @property
    def called(self) -> str:
        return "webhook"

    @property
    def kinds(self) -> frozenset[EventKind]:
        return frozenset(self.webhook.kinds)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Deliver]:
        # aiohttp's own context has no certificates (`lean`); reading them takes a while, and
        # megabytes until it is quiet again.
        encrypted = self.webhook.url.startswith("https:")
        certificates = await asyncio.to_thread(create_default_context) if encrypted else True
        async with ClientSession(
            connector=TCPConnector(ssl=certificates),
            headers=self._headers(),
            timeout=ClientTimeout(total=self.patience.post),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,  # nobody reads what comes back
            trust_env=False,  # no ~/.netrc: nobody's password goes out
        ) as session:
            yield partial(self._deliver, session)

    async def once(self, event: Event) -> str:
        hasty = replace(self, patience=self.patience._replace(pauses=()))
        async with hasty.opened() as deliver:
            return await deliver(event)

    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": f"copdns/{__version__}", "Content-Type": "application/json"}
        if self.webhook.token:
            headers["Authorization"] = f"Bearer {self.webhook.token}"
        return headers

    async def _deliver(self, session: ClientSession, event: Event) -> str:
        body = json.dumps(event_json(event)).encode()
        trouble = ""
        for pause in (0.0, *self.patience.pauses):
            await asyncio.sleep(pause)
            trouble, again = await self._post(session, body)
            if not again:
                break
        return trouble

    async def _post(self, session: ClientSession, body: bytes) -> _Try:
        try:
            # A redirect would carry the event, and the token, to where nobody wanted them.
            async with session.post(self.webhook.url, data=body, allow_redirects=False) as reply:
                return _judged(reply.status)
        except TimeoutError:
            return _Try(f"the server did not answer within {self.patience.post:g} s", again=True)
        except (ClientError, OSError, UnicodeError) as error:
            return _Try(_in_words(error), again=True)


def _judged(status: int) -> _Try:
    """Return what a status means: 408, 429 and those from 500 on pass by themselves."""
    if 200 <= status < 300:
        return _Try("", again=False)
    if 300 <= status < 400:
        trouble = (
            f"the server redirects ({status}), and redirects are not followed; write its new "
            "address"
        )
        return _Try(trouble, again=False)
    return _Try(
        f"the server answered with status {status}", again=status in (408, 429) or status >= 500
    )


def _in_words(error: ClientError | OSError | UnicodeError) -> str:
    """Say what went wrong, without the address."""
    match error:
        case ClientConnectorCertificateError() | ClientConnectorSSLError():
            return (
                "this machine does not trust its certificate; check that this machine's clock is "
                "right"
            )
        case ClientConnectorError():
            return "the server cannot be reached"
        case InvalidURL() | UnicodeError():  # a host such as a..example
            return "its url is not a valid address; check events.webhooks"
    return f"the server's HTTP answer is not valid ({type(error).__name__})"


# --- a program ------------------------------------------------------------------------------------

# What a program may need of our environment.  The rest holds settings, with their tokens.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class _ToCommand:
    command: tuple[str, ...]
    kinds: frozenset[EventKind]
    seconds: float

    @property
    def name(self) -> str:
        return "command"

    @property
    def called(self) -> str:
        return self.name

    async def once(self, event: Event) -> str:
        return await self._deliver(event)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Deliver]:
        yield self._deliver

    async def _deliver(self, event: Event) -> str:
        """Run the program to its end; what it prints is nobody's business here."""
        fields = event_json(event)
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=_environment(fields),
                cwd="/",
                start_new_session=True,  # so that what it starts can be ended with it
            )
        except OSError as error:
            return f"the program could not be started ({error.strerror})"
        if not await _finished(process, f"{json.dumps(fields)}\n".encode(), self.seconds):
            return f"the program took longer than {self.seconds:g} s and was stopped"
        return _ended(process.returncode)


async def _finished(process: asyncio.subprocess.Process, told: bytes, seconds: float) -> bool:
    """Tell a program something and wait for its end; kill it with all that it started when it
    takes too long, or nobody waits any more."""
    try:
        async with asyncio.timeout(seconds):
            await process.communicate(told)
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return True


def _ended(code: int | None) -> str:
    """Return what the end of a program means; below 0 is the number of a signal."""
    if not code:
        return ""
    return (
        f"the program was ended by signal {-code}"
        if code < 0
        else (f"the program ended with status {code}")
    )


def _environment(fields: dict[str, object]) -> dict[str, str]:
    """Return an event as variables, beside the few that every program needs."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {_variable(key): _text(value) for key, value in fields.items()}


def _variable(key: str) -> str:
    return f"COPDNS_EVENT_{'KIND' if key == 'event' else key.upper()}"


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


# --- guardians ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ToGuardian:
    """url: holds passwords, so it goes nowhere but to the program that sends.

    desk: the address of the guardians' pages.
    speaks: gives the language, by the id of the household.
    pace: goes on when the settings are read again.
    """

    number: int
    url: str
    desk: str
    speaks: HouseholdLanguage
    kinds: frozenset[EventKind]
    patience: DeliveryTimes
    pace: NoticeThrottle = field(default_factory=NoticeThrottle, compare=False)

    @property
    def name(self) -> str:
        return f"notice {self.number}"

    @property
    def called(self) -> str:
        return self.url.partition(":")[0]

    async def once(self, event: Event) -> str:
        """However many went before it."""
        told = notice(event, self.desk, self._language_for(event))
        return (await self._sent(self._message(told))).trouble

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Deliver]:
        yield self._deliver

    async def _deliver(self, event: Event) -> str:
        if not self.pace.allows(event, time.monotonic()):
            return ""
        language = self._language_for(event)
        told = notice(event, self.desk, language)
        message = self._message(with_unsaid(told, self.pace.take_suppressed(), language))
        trouble = ""
        for pause in (0.0, *self.patience.pauses):
            await asyncio.sleep(pause)
            trouble, again = await self._sent(message)
            if not again:
                break
        return trouble

    def _language_for(self, event: Event) -> Speaks:
        """Return the language of the household that an event is about; some are about none."""
        return self.speaks(getattr(event, "household", ""))

    def _message(self, told: NoticeText) -> bytes:
        return json.dumps({"url": self.url, "title": told.title, "body": told.body}).encode()

    async def _sent(self, message: bytes) -> _Try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", send_notice.__name__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment({}),
            start_new_session=True,
        )
        if not await _finished(process, message, self.patience.notice):
            return _Try(f"it could not be sent within {self.patience.notice:g} s", again=True)
        code = process.returncode or send_notice.SENT
        if code == send_notice.SENT:
            return _Try("", again=False)
        trouble = send_notice.TROUBLE.get(code, "the program that sends it failed")
        return _Try(trouble, again=code not in (send_notice.UNKNOWN, send_notice.MISSING))
