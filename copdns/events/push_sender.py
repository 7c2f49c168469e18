"""Send messages to browsers by their push services (RFC 8030), and try again where that may help.

`PushSender.send` only queues a message and never waits; `run` sends, several at a time.  A process
of its own encrypts (`push_seal.py`).  Logs name a push service at most, never a browser.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

import structlog

from copdns.events.push_endpoints import is_allowed_endpoint
from copdns.events.push_keys import SEAL, ready_keys
from copdns.events.push_message import topic_of
from copdns.events.push_result import PushOutcome, PushResult
from copdns.model.errors import CopdnsError
from copdns.model.push import PushKind, PushSubscription, read_octets
from copdns.settings.config import PushSettings

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

log = structlog.get_logger("copdns")

MAX_WAITING = 200  # messages that wait or are being sent; more are dropped
AT_ONCE = 4  # requests at a time
# Seconds before each further attempt; where a service says how long to wait, that, if it is longer.
PAUSES = (2.0, 10.0, 60.0, 300.0, 1800.0)
SECONDS = 15.0  # for one attempt
SEALING = 60.0  # seconds after which the process that encrypts is killed


class PushBounds(NamedTuple):
    """waiting: messages that wait or are being sent; more are dropped.  at_once: requests."""

    waiting: int = MAX_WAITING
    at_once: int = AT_ONCE


# At a provider: bedtimes of 2,000 families begin at the same minute.
MANY_BOUNDS = PushBounds(10_000, 32)


class PushDelivery(NamedTuple):
    """A message for one browser.

    kind: a later message of it replaces one that waits.  text: as the browser's worker reads it.
    ttl: seconds for which it matters.  urgency: of RFC 8030 section 5.3.
    """

    subscription: PushSubscription
    kind: PushKind | str
    text: str
    ttl: int
    urgency: str


class PushBrowsers(Protocol):
    """Where the browsers are stored that get messages."""

    async def is_current(self, subscription: PushSubscription) -> bool:
        """Tell whether a browser is still to get messages."""

    async def forget(self, subscription: PushSubscription) -> None:
        """Delete a browser that its push service knows no more."""


class PushSender:
    """Sends to browsers.

    folder: has the keys.  settings: those in force.  now: seconds since the epoch, for signatures.
    mono: monotonic seconds.  pause: waits for so many seconds.  resolver: who looks up push
    services; None: the machine, whose answers are checked.
    """

    def __init__(
        self,
        folder: Path,
        settings: Callable[[], PushSettings],
        browsers: PushBrowsers,
        now: Callable[[], float],
        mono: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        resolver: Callable[[], AbstractResolver] | None = None,
        bounds: PushBounds = PushBounds(),  # noqa: B008 - a value
    ) -> None:
        self.dropped = 0
        self._folder = folder
        self._settings = settings
        self._browsers = browsers
        self._now = now
        self._mono = mono
        self._pause = pause
        self._resolver = resolver
        self._queue: asyncio.Queue[PushDelivery] = asyncio.Queue()
        self._unfinished = 0
        self._most = bounds.waiting
        self._gate = asyncio.Semaphore(bounds.at_once)
        self._failing: set[str] = set()  # hosts whose trouble was logged

    def send(self, delivery: PushDelivery) -> None:
        """Queue a message."""
        if self._unfinished >= self._most:
            self.dropped += 1
            return
        self._unfinished += 1
        self._queue.put_nowait(delivery)

    async def run(self) -> None:
        """Send what is queued, until this is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                delivery = await self._queue.get()
                tasks.create_task(self._deliver_logged(delivery))

    async def _deliver_logged(self, delivery: PushDelivery) -> None:
        try:
            await self.deliver(delivery)
        except CopdnsError as error:
            log.warning("a notice could not be sent to a browser", error=str(error))
        except Exception:  # noqa: BLE001 - a bug in here must not end the answering
            log.error("a notice could not be sent", traceback=traceback.format_exc())
        finally:
            self._unfinished -= 1

    async def deliver(self, delivery: PushDelivery) -> PushOutcome:
        """Send a message, again and again while that may help and it still matters; return how that
        went."""
        began, result = self._mono(), PushResult(PushOutcome.AGAIN)
        subscription = delivery.subscription
        for pause in (0.0, *PAUSES):
            wait = max(pause, float(result.wait))
            if wait:
                await self._pause(wait)
            left = delivery.ttl - int(self._mono() - began)
            # Whoever logged out meanwhile gets nothing more.
            if left < 0 or not await self._browsers.is_current(subscription):
                return result.outcome
            async with self._gate:
                result = await self._attempt(delivery, left)
            if result.outcome is not PushOutcome.AGAIN:
                break
        self._note(subscription, result)
        if result.outcome is PushOutcome.GONE:
            await self._browsers.forget(subscription)
        return result.outcome

    async def try_once(self, delivery: PushDelivery) -> PushResult:
        """Send a message once, now, for somebody who waits for how that goes; raise CopdnsError."""
        async with self._gate:
            result = await self._attempt(delivery, delivery.ttl)
        if result.outcome is PushOutcome.GONE:
            await self._browsers.forget(delivery.subscription)
        return result

    def _note(self, subscription: PushSubscription, result: PushResult) -> None:
        """Log when a push service takes no messages, and when it does again."""
        host = urlsplit(subscription.browser.endpoint).hostname or ""
        is_failing = result.outcome in (PushOutcome.AGAIN, PushOutcome.REFUSED)
        if is_failing and host not in self._failing:
            log.warning("notices to browsers are not being accepted", host=host, error=result.why)
            self._failing.add(host)
        elif not is_failing and host in self._failing:
            log.info("notices to browsers are accepted again", host=host)
            self._failing.discard(host)

    async def _attempt(self, delivery: PushDelivery, left: int) -> PushResult:
        settings, endpoint = self._settings(), delivery.subscription.browser.endpoint
        private = settings.private_addresses
        if not settings.enabled or not is_allowed_endpoint(
            endpoint, settings.hosts, private=private
        ):
            return PushResult(
                PushOutcome.REFUSED, why="the settings do not allow this push service"
            )
        sealed = await self._seal(delivery, settings)
        if sealed is None:
            return PushResult(PushOutcome.REFUSED, why="the browser's keys are not valid")
        headers = {
            "Authorization": sealed["authorization"],
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(left),
            "Urgency": delivery.urgency,
            "Topic": topic_of(delivery.subscription, delivery.kind),
        }
        # With the first message, as for webhooks: it takes time and memory.
        await asyncio.to_thread(import_module, "aiohttp")
        from copdns.events.push_posting import post_message, resolver_for

        resolver = self._resolver() if self._resolver else resolver_for(private=private)
        return await post_message(endpoint, read_octets(sealed["body"]), headers, SECONDS, resolver)

    async def _seal(self, delivery: PushDelivery, settings: PushSettings) -> dict[str, str] | None:
        """Return body and signature of a message; None where the browser's keys are no keys."""
        keys = await asyncio.to_thread(ready_keys, self._folder)
        wanted = {
            "keys": keys,
            "browser": delivery.subscription.browser,
            "contact": settings.contact,
            "now": int(self._now()),
            "text": delivery.text,
        }
        process = await asyncio.create_subprocess_exec(
            *SEAL,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(SEALING):
                said, _ = await process.communicate(json.dumps(wanted).encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            return None
        sealed: dict[str, str] = json.loads(said)
        return sealed
