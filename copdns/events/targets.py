"""Pass events on: to web servers (webhooks), to a program that the settings name, and to guardians
in plain words (notices).

`Targets.enqueue` only queues an event and never waits; `run` delivers, to each target one event
after another.  A target that is slow or gone does not delay the others: its queue is bounded, and
the oldest event is dropped.  Logs name webhooks and notices by their place in the settings, since
an address may be a secret.  docs/events.md says what each gets.
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
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from copdns import __version__
from copdns.config import EventSettings, Webhook
from copdns.events import send_notice
from copdns.events.notices import (
    ENGLISH,
    NoticeText,
    NoticeThrottle,
    Speaks,
    build_notice,
    with_suppressed,
)
from copdns.model.errors import BusyError
from copdns.model.events import Event, EventKind, event_json
from copdns.model.hosts import desk_url

if TYPE_CHECKING:
    from copdns.events.posting import Poster

log = structlog.get_logger("copdns")

MAX_WAITING = 1000  # events in the queue of one target

Deliver = Callable[[Event], Awaitable[str]]  # returns what went wrong; "" for nothing


class DeliveryTimes(NamedTuple):
    """Seconds.  post: for one attempt with a webhook.  pauses: before the second attempt and the
    third.  command, notice: after which the program, or the sending of a notice, is killed.
    """

    post: float = 10.0
    pauses: tuple[float, ...] = (2.0, 10.0)
    command: float = 10.0
    notice: float = 60.0


DEFAULT_TIMES = DeliveryTimes()


class TargetStatus(NamedTuple):
    """A target as pages show it: without its address, which may be a secret.

    name: by its place in the settings, such as "webhook 1".  way: webhook, command, or the scheme
    of an apprise URL.  kinds: of the events that it gets.  waiting: events in its queue.  dropped:
    events that were never delivered.  trouble: why the last event was not delivered; "" where it
    was, or there was none.
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
    """All targets of the settings."""

    def __init__(
        self,
        settings: EventSettings,
        times: DeliveryTimes = DEFAULT_TIMES,
        desk: str = desk_url(80, 443),
        speaks: HouseholdLanguage = _english,
    ) -> None:
        """desk: the address of the guardians' pages, for notices.  speaks: how a household does."""
        self._desk = desk
        self._speaks = speaks
        self._times = times
        self._targets: tuple[_Target, ...] = ()
        self._dropped_by_gone = 0
        self._changed = asyncio.Event()
        self._closing = False
        self._is_testing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.configure(settings)

    @property
    def dropped_count(self) -> int:
        """How many events were dropped because too many waited."""
        return self._dropped_by_gone + sum(each.dropped for each in self._targets)

    @property
    def waiting(self) -> int:
        """How many events wait, of all targets; not those that are being delivered."""
        return sum(each.waiting for each in self._targets)

    @property
    def statuses(self) -> tuple[TargetStatus, ...]:
        return tuple(each.status for each in self._targets)

    async def send_test(self, name: str, event: Event) -> str:
        """Deliver an event to one target at once, without a second attempt; return what went wrong.

        Raises KeyError for an unknown target, and BusyError while another test runs.
        """
        target = {each.way.name: each for each in self._targets}[name]
        if self._is_testing:
            raise BusyError("another test is running; wait until it has finished")
        self._is_testing = True
        try:
            return await target.way.deliver_once(event)
        finally:
            self._is_testing = False

    def configure(self, settings: EventSettings) -> None:
        """Apply settings; a target that stays the same keeps its queue."""
        before = {each.way: each for each in self._targets}
        self._targets = tuple(before.get(way) or _Target(way) for way in self._ways(settings))
        gone = set(before.values()) - set(self._targets)
        self._dropped_by_gone += sum(each.dropped for each in gone)
        self._changed.set()

    def _ways(self, settings: EventSettings) -> list[_Way]:
        ways: list[_Way] = [
            _ToWebhook(number, webhook, self._times)
            for number, webhook in enumerate(settings.webhooks, 1)
        ]
        if settings.command:
            kinds = frozenset(settings.command_kinds)
            ways.append(_ToCommand(settings.command, kinds, self._times.command))
        kinds = frozenset(settings.notice_kinds)
        for number, url in enumerate(settings.notices, 1):
            way = _ToGuardian(number, url, self._desk, self._speaks, kinds, self._times)
            ways.append(way)
        return ways

    def enqueue(self, event: Event) -> None:
        """Queue an event for all targets that get its kind."""
        for each in self._targets:
            each.enqueue(event)

    async def run(self) -> None:
        """Deliver events, until `close` is called or this is cancelled."""
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
        """End `run` and the deliveries under way; a program that runs is killed."""
        self._closing = True
        self._changed.set()
        await self._idle.wait()
        if self.waiting:
            log.warning("events were not sent before copdns stopped", events=self.waiting)


class _Way(Protocol):
    """How events are delivered to one target.  Equal ways are the same target."""

    @property
    def name(self) -> str:
        """Its name in the log."""

    @property
    def kinds(self) -> frozenset[EventKind]:
        """The kinds of events that it gets."""

    @property
    def label(self) -> str:
        """What pages call such a way."""

    def open(self) -> AbstractAsyncContextManager[Deliver]:
        """Open what delivers several events, one after another."""

    async def deliver_once(self, event: Event) -> str:
        """Deliver one event, without a second attempt; return what went wrong."""


class _Target:
    """A way with its queue.

    dropped: how many events were dropped because more than `MAX_WAITING` waited.
    """

    def __init__(self, way: _Way) -> None:
        self.way = way
        self.dropped = 0
        self._kinds = way.kinds
        self._queue: deque[Event] = deque(maxlen=MAX_WAITING)
        self._has_events = asyncio.Event()
        self._trouble = ""

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def status(self) -> TargetStatus:
        kinds = tuple(each for each in EventKind if each in self._kinds)
        way = self.way
        return TargetStatus(way.name, way.label, kinds, self.waiting, self.dropped, self._trouble)

    def enqueue(self, event: Event) -> None:
        if event.kind in self._kinds:
            self.dropped += len(self._queue) == MAX_WAITING
            self._queue.append(event)
            self._has_events.set()

    async def work(self) -> None:
        """Deliver what is queued, for ever."""
        while True:
            await self._has_events.wait()
            self._has_events.clear()
            try:
                async with self.way.open() as deliver:
                    while self._queue:
                        self._note(await deliver(self._queue.popleft()))
            except Exception:  # noqa: BLE001 - a bug in here must not end the answering
                error = traceback.format_exc()
                log.error("events could not be sent", target=self.way.name, traceback=error)

    def _note(self, trouble: str) -> None:
        """Log when an event is not delivered, and when one is again."""
        if trouble and not self._trouble:
            log.warning("events are not being accepted", target=self.way.name, error=trouble)
        elif self._trouble and not trouble:
            log.info("events are accepted again", target=self.way.name, dropped=self.dropped)
        self._trouble = trouble


# --- webhooks -------------------------------------------------------------------------------------


class _Try(NamedTuple):
    """The result of one attempt.  trouble: "" for none.  again: another attempt may succeed."""

    trouble: str
    again: bool


@dataclass(frozen=True, slots=True)
class _ToWebhook:
    number: int
    webhook: Webhook
    times: DeliveryTimes

    @property
    def name(self) -> str:
        return f"webhook {self.number}"

    @property
    def label(self) -> str:
        return "webhook"

    @property
    def kinds(self) -> frozenset[EventKind]:
        return frozenset(self.webhook.kinds)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Deliver]:
        # With the first event, since most machines have no webhook; in a thread, since it takes
        # some tenths of a second, for which queries must not wait.
        await asyncio.to_thread(import_module, "aiohttp")
        from copdns.events.posting import open_poster

        url, seconds = self.webhook.url, self.times.post
        async with open_poster(url, self._headers(), seconds) as poster:
            yield partial(self._deliver, poster)

    async def deliver_once(self, event: Event) -> str:
        hasty = replace(self, times=self.times._replace(pauses=()))
        async with hasty.open() as deliver:
            return await deliver(event)

    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": f"copdns/{__version__}", "Content-Type": "application/json"}
        if self.webhook.token:
            headers["Authorization"] = f"Bearer {self.webhook.token}"
        return headers

    async def _deliver(self, poster: Poster, event: Event) -> str:
        body = json.dumps(event_json(event)).encode()
        trouble = ""
        for pause in (0.0, *self.times.pauses):
            await asyncio.sleep(pause)
            trouble, again = await poster.post(body)
            if not again:
                break
        return trouble


# --- a program ------------------------------------------------------------------------------------

# What a program may need of our environment.  The rest has settings, with their tokens.
_PASSED_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class _ToCommand:
    command: tuple[str, ...]
    kinds: frozenset[EventKind]
    seconds: float

    @property
    def name(self) -> str:
        return "command"

    @property
    def label(self) -> str:
        return self.name

    async def deliver_once(self, event: Event) -> str:
        return await self._deliver(event)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Deliver]:
        yield self._deliver

    async def _deliver(self, event: Event) -> str:
        """Run the program to its end; its output is discarded."""
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
        if not await _run_to_end(process, f"{json.dumps(fields)}\n".encode(), self.seconds):
            return f"the program took longer than {self.seconds:g} s and was stopped"
        return _describe_end(process.returncode)


async def _run_to_end(process: asyncio.subprocess.Process, octets: bytes, seconds: float) -> bool:
    """Send a program its input and wait for its end; False where it took longer.

    It is killed, with all that it started, after so many seconds or where this is cancelled.
    """
    try:
        async with asyncio.timeout(seconds):
            await process.communicate(octets)
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return True


def _describe_end(code: int | None) -> str:
    """Return what went wrong with a program.  code: below 0 it is the number of a signal."""
    if not code:
        return ""
    return (
        f"the program was ended by signal {-code}"
        if code < 0
        else (f"the program ended with status {code}")
    )


def _environment(fields: dict[str, object]) -> dict[str, str]:
    """Return an event as environment variables, with those that every program needs."""
    passed = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
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
    """url: may hold a password, so only the process that sends gets it, on its standard input.

    desk: the address of the guardians' pages.
    speaks: gives the language, by the id of the household.
    pace: limits the notices; it stays while the settings of this target do.
    """

    number: int
    url: str
    desk: str
    speaks: HouseholdLanguage
    kinds: frozenset[EventKind]
    times: DeliveryTimes
    pace: NoticeThrottle = field(default_factory=NoticeThrottle, compare=False)

    @property
    def name(self) -> str:
        return f"notice {self.number}"

    @property
    def label(self) -> str:
        return self.url.partition(":")[0]

    async def deliver_once(self, event: Event) -> str:
        """Not limited by pace."""
        text = build_notice(event, self.desk, await self._language_for(event))
        return (await self._send(self._message(text))).trouble

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Deliver]:
        yield self._deliver

    async def _deliver(self, event: Event) -> str:
        if not self.pace.allows(event, time.monotonic()):
            return ""
        language = await self._language_for(event)
        text = build_notice(event, self.desk, language)
        message = self._message(with_suppressed(text, self.pace.take_suppressed(), language))
        trouble = ""
        for pause in (0.0, *self.times.pauses):
            await asyncio.sleep(pause)
            trouble, again = await self._send(message)
            if not again:
                break
        return trouble

    async def _language_for(self, event: Event) -> Speaks:
        """Return the language of the household that an event is about; some are about none."""
        # In a thread: what speaks a language is read when it is needed first.
        return await asyncio.to_thread(self.speaks, getattr(event, "household", ""))

    def _message(self, text: NoticeText) -> bytes:
        return json.dumps({"url": self.url, "title": text.title, "body": text.body}).encode()

    async def _send(self, message: bytes) -> _Try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", send_notice.__name__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment({}),
            start_new_session=True,
        )
        if not await _run_to_end(process, message, self.times.notice):
            return _Try(f"it could not be sent within {self.times.notice:g} s", again=True)
        code = process.returncode or send_notice.SENT
        if code == send_notice.SENT:
            return _Try("", again=False)
        trouble = send_notice.TROUBLE.get(code, "the program that sends it failed")
        return _Try(trouble, again=code not in (send_notice.UNKNOWN, send_notice.MISSING))
