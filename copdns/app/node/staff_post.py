"""Send the staff what is due: by notices, each in its reader's language, and to a web server of the
provider's."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from typing import Any, Final, NamedTuple

import structlog

from copdns.events.notices import NoticeText
from copdns.events.ways import DEFAULT_TIMES, DeliveryTimes, post_json, send_message
from copdns.model.errors import RegisterError, StoreError
from copdns.settings.provider import RolloutSettings
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.staff_languages import StaffLanguages

log = structlog.get_logger("copdns.node")


REST: Final = 60.0  # seconds for which a target that hung is left alone; then twice as long
MOST_REST: Final = 3600.0  # seconds


class _Rest(NamedTuple):
    """until: monotonic seconds.  length: seconds."""

    until: float
    length: float


class StaffPost:
    """settings: whom there is to tell.  clock: monotonic seconds.

    A target that hangs costs one message the time that all have (`DeliveryTimes.whole`), and the
    next ones nothing: it is left alone for a while.
    """

    def __init__(
        self,
        pool: PostgresPool,
        settings: RolloutSettings,
        times: DeliveryTimes = DEFAULT_TIMES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._languages = StaffLanguages(pool)
        self._settings = settings
        self._times = times
        self._clock = clock
        self._rests: dict[str, _Rest] = {}  # of targets that hung

    async def send(
        self,
        write: Callable[[str], NoticeText],
        for_programs: Mapping[str, object],
        people: Collection[str] | None = None,
    ) -> bool:
        """Send one; tell whether it reached anybody, or there is nobody to reach.

        write: returns the text in a language.  people: ids of those whom it concerns, of whom the
        settings name; None for all.  To all at once, so that targets that hang take no longer
        together than one: else another node would send it to the others once more.  One that hung
        lately is left alone.
        """
        ways: dict[str, Coroutine[Any, Any, str]] = {}
        for target, url, language in await asyncio.to_thread(self._targets, people):
            text = write(language)
            fields: dict[str, object] = {"url": url, "title": text.title, "body": text.body}
            ways[target] = send_message(fields, self._times)
        if self._settings.webhook:
            body = json.dumps(for_programs).encode()
            ways["webhook"] = post_json(
                self._settings.webhook, self._settings.webhook_token, body, self._times
            )
        now = self._clock()
        resting = {each for each in ways if each in self._rests and now < self._rests[each].until}
        for each in resting:
            ways.pop(each).close()
        results = await self._run(ways)
        for target, trouble in results.items():
            if trouble:
                log.error("a message to the staff was not sent", target=target, error=trouble)
        return not (ways or resting) or "" in results.values()

    async def _run(self, ways: Mapping[str, Coroutine[Any, Any, str]]) -> dict[str, str]:
        """Send to all at once; return what went wrong with each, "" for nothing."""
        tasks = {target: asyncio.ensure_future(way) for target, way in ways.items()}
        if not tasks:
            return {}
        try:
            _, late = await asyncio.wait(tasks.values(), timeout=self._times.whole)
        finally:
            for each in tasks.values():
                each.cancel()  # nothing of one that is done
            done = await asyncio.gather(*tasks.values(), return_exceptions=True)
        found = {}
        for (target, task), result in zip(tasks.items(), done, strict=True):
            # Addresses may be secrets, and what Python says of an error may have one.
            found[target] = result if isinstance(result, str) else type(result).__name__
            if task in late:
                length = self._rests[target].length * 2 if target in self._rests else REST
                rest = min(length, MOST_REST)
                self._rests[target] = _Rest(self._clock() + rest, rest)
                found[target] = f"it hangs, and is left alone for {rest:.0f} seconds"
            elif not found[target]:
                self._rests.pop(target, None)
        return found

    def _targets(self, people: Collection[str] | None) -> list[tuple[str, str, str]]:
        """Return whom a message goes to: what the log calls it, its address and its language."""
        told = self._settings
        shared = [
            (f"notice {number}", url, told.language) for number, url in enumerate(told.notices, 1)
        ]
        own = [
            (f"notice of {each.staff}", each.notice, self._languages.of(each.staff))
            for each in told.people
            if people is None or each.staff in people
        ]
        return [*shared, *((name, url, kept or told.language) for name, url, kept in own)]


class DueMessage(NamedTuple):
    """What StaffPost.send takes, and what notes in PostgreSQL that somebody has it."""

    write: Callable[[str], NoticeText]
    for_programs: Mapping[str, object]
    note_told: Callable[[], object]
    people: Collection[str] | None = None


class StaffMessenger(ABC):
    """Sends what is due, again and again; why it cannot is logged once."""

    def __init__(self, post: StaffPost, subject: str, look_every: float) -> None:
        """subject: for the log; look_every: seconds."""
        self._post = post
        self._subject = subject
        self._look_every = look_every
        self._trouble = ""

    @abstractmethod
    def _take_due(self) -> AsyncIterator[DueMessage]:
        """Take what is due from PostgreSQL, so that no other node sends it meanwhile."""

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            try:
                await self.send_due()
            except Exception:  # noqa: BLE001 - a bug in here must not end what is sent later
                log.error("messages could not be sent", traceback=traceback.format_exc())
            await asyncio.sleep(self._look_every)

    async def send_due(self) -> int:
        """Send what is due; return how many messages reached somebody."""
        sent = 0
        try:
            async for each in self._take_due():
                if await self._post.send(each.write, each.for_programs, each.people):
                    await asyncio.to_thread(each.note_told)
                    sent += 1
        except (StoreError, RegisterError) as error:
            self._say_trouble(str(error))
        else:
            self._say_trouble("")
        return sent

    def _say_trouble(self, text: str) -> None:
        if text and not self._trouble:
            log.warning("messages to the staff wait", subject=self._subject, error=text)
        self._trouble = text
