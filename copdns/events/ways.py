"""How an event reaches one target: a web server (webhook), a program, or guardians (a notice).

Each way delivers one event after another and says what went wrong; `targets.py` has the queues.
docs/events.md says what each of them gets.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol

from copdns import __version__
from copdns.events import send_notice
from copdns.events.notices import NoticeText, NoticeThrottle, Speaks, build_notice, with_suppressed
from copdns.model.events import Event, EventKind, event_json
from copdns.settings.config import Webhook

if TYPE_CHECKING:
    from copdns.events.posting import Poster

Deliver = Callable[[Event], Awaitable[str]]  # returns what went wrong; "" for nothing


class DeliveryTimes(NamedTuple):
    """Seconds.  post: for one attempt with a webhook.  pauses: before the second attempt and the
    third.  command, notice: after which the program, or the sending of a notice, is killed.
    whole: for a message to all of the staff's targets, with all attempts.
    """

    post: float = 10.0
    pauses: tuple[float, ...] = (2.0, 10.0)
    command: float = 10.0
    notice: float = 60.0
    whole: float = 60.0


DEFAULT_TIMES = DeliveryTimes()

# Gives the language of a household by its id; "" stands for the machine itself.
HouseholdLanguage = Callable[[str], Speaks]


class Way(Protocol):
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


class _Try(NamedTuple):
    """The result of one attempt.  trouble: "" for none.  again: another attempt may succeed."""

    trouble: str
    again: bool


async def _attempt(
    deliver: Callable[[], Awaitable[tuple[str, bool]]], pauses: Iterable[float]
) -> str:
    """Deliver an event, after each pause once more while that may help; return what went wrong.

    deliver: returns as a _Try.  pauses: seconds, between one attempt and the next.
    """
    trouble = ""
    for pause in (0.0, *pauses):  # 0.0: queries get a turn even where each attempt fails at once
        await asyncio.sleep(pause)
        trouble, again = await deliver()
        if not again:
            break
    return trouble


# --- webhooks -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToWebhook:
    """A web server that gets each event as JSON (POST).

    number: its place in the settings, from 1.
    """

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
        """Open one HTTP session for several events, which keeps no cookie."""
        async with _open_poster(self.webhook.url, self.webhook.token, self.times.post) as poster:
            yield partial(self._deliver, poster)

    async def deliver_once(self, event: Event) -> str:
        """Deliver an event in a session of its own; return what went wrong."""
        hasty = replace(self, times=self.times._replace(pauses=()))
        async with hasty.open() as deliver:
            return await deliver(event)

    async def _deliver(self, poster: Poster, event: Event) -> str:
        body = json.dumps(event_json(event)).encode()
        return await _attempt(partial(poster.post, body), self.times.pauses)


async def post_json(url: str, token: str, body: bytes, times: DeliveryTimes) -> str:
    """Post JSON to a web server once, with attempts as for an event; return what went wrong."""
    async with _open_poster(url, token, times.post) as poster:
        return await _attempt(partial(poster.post, body), times.pauses)


@asynccontextmanager
async def _open_poster(url: str, token: str, seconds: float) -> AsyncIterator[Poster]:
    # With the first event, since most machines have no webhook; in a thread, since it takes
    # some tenths of a second, for which queries must not wait.
    await asyncio.to_thread(import_module, "aiohttp")
    from copdns.events.posting import open_poster

    headers = {"User-Agent": f"copdns/{__version__}", "Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    async with open_poster(url, headers, seconds) as poster:
        yield poster


# --- a program ------------------------------------------------------------------------------------

# What a program may need of our environment.  The rest has settings, with their tokens.
_PASSED_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class ToCommand:
    """A program that runs once an event, which it gets on its standard input and in variables.

    command: the program with its arguments.  seconds: after which it is killed.
    """

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
        """Run the program for an event; return what went wrong."""
        return await self._deliver(event)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Deliver]:
        """Open nothing: each event is delivered by a process of its own."""
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
class ToGuardian:
    """Guardians, who get a notice in plain words of each event, as often as `pace` allows.

    number: its place in the settings, from 1.
    url: may hold a password, so only the process that sends gets it, on its standard input.

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
        """Send a notice of an event, however many were sent; return what went wrong."""
        text = build_notice(event, self.desk, await self._language_for(event))
        return (await _send(self._message(text), self.times.notice)).trouble

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Deliver]:
        """Open nothing: each event is delivered by a process of its own."""
        yield self._deliver

    async def _deliver(self, event: Event) -> str:
        if not self.pace.allows(event, time.monotonic()):
            return ""
        language = await self._language_for(event)
        text = build_notice(event, self.desk, language)
        message = self._message(with_suppressed(text, self.pace.take_suppressed(), language))
        return await _attempt(partial(_send, message, self.times.notice), self.times.pauses)

    async def _language_for(self, event: Event) -> Speaks:
        """Return the language of the household that an event is about; some are about none."""
        # In a thread: what speaks a language is read when it is needed first.
        return await asyncio.to_thread(self.speaks, getattr(event, "household", ""))

    def _message(self, text: NoticeText) -> bytes:
        return json.dumps({"url": self.url, "title": text.title, "body": text.body}).encode()


async def send_message(fields: dict[str, object], times: DeliveryTimes) -> str:
    """Send what `send_notice` takes, in a process of its own, with attempts as for a notice; return
    what went wrong."""
    message = json.dumps(fields).encode()
    return await _attempt(partial(_send, message, times.notice), times.pauses)


async def _send(message: bytes, seconds: float) -> _Try:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", send_notice.__name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment({}),
        start_new_session=True,
    )
    if not await _run_to_end(process, message, seconds):
        return _Try(f"it could not be sent within {seconds:g} s", again=True)
    code = process.returncode or send_notice.SENT
    if code == send_notice.SENT:
        return _Try("", again=False)
    trouble = send_notice.TROUBLE.get(code, "the program that sends it failed")
    return _Try(trouble, again=code not in (send_notice.UNKNOWN, send_notice.MISSING))
