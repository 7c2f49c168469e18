"""Tell the staff what of their queue is near its target or over it; one node sends each message.

Each look works out anew what there is to tell, so what was decided meanwhile is not told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Final

from copdns.app.node.staff_post import DueMessage, StaffMessenger, StaffPost
from copdns.events.notices import NoticeText
from copdns.events.ways import DEFAULT_TIMES, DeliveryTimes
from copdns.provider.law.keys import ProviderKeys
from copdns.provider.law.register import Register
from copdns.provider.staff.queue_news import (
    TOLD_FOR,
    QueueKind,
    QueueMessage,
    QueueNews,
    queue_json,
    queue_messages,
)
from copdns.settings.provider import RolloutSettings
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.queue_told_rows import QueueTold
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.words.phrases import Phrases

LOOK_EVERY: Final = 60.0  # seconds


def _t(text: str) -> str:
    """Mark a text for translators, and return it as it is."""
    return text


_TITLES: Final[Mapping[tuple[QueueKind, QueueNews], str]] = {
    (QueueKind.CASE, QueueNews.NEAR): _t("Review %(number)s of a list is due soon"),
    (QueueKind.CASE, QueueNews.OVER): _t("Review %(number)s of a list is late"),
    (QueueKind.HOLD, QueueNews.NEAR): _t(
        "A decision about a protected name of order %(number)s is due soon"
    ),
    (QueueKind.HOLD, QueueNews.OVER): _t(
        "A decision about a protected name of order %(number)s is late"
    ),
}
_DUE: Final[Mapping[QueueNews, str]] = {
    QueueNews.NEAR: _t("Its target is %(when)s (UTC)."),
    QueueNews.OVER: _t("Its target was %(when)s (UTC)."),
}


def queue_text(message: QueueMessage, phrases: Phrases) -> NoticeText:
    """Return a message for people."""
    title = phrases.gettext(_TITLES[message.kind, message.what]) % {"number": message.number}
    when = phrases.moment(message.due, "UTC")
    due = phrases.gettext(_DUE[message.what]) % {"when": when}
    return NoticeText(title, f"{due}\n{phrases.gettext(_t('The pages of the staff have it.'))}")


class QueueMessenger(StaffMessenger):
    """now, database_now: seconds since 1970, by this machine's clock and by PostgreSQL's.

    The earlier one counts: by a clock that is ahead a review would be called late that is not, and
    what is told once would not be told when it is.
    """

    def __init__(
        self,
        pool: PostgresPool,
        keys: ProviderKeys,
        settings: RolloutSettings,
        now: Callable[[], float],
        times: DeliveryTimes = DEFAULT_TIMES,
        database_now: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(StaffPost(pool, settings, times), "queue", LOOK_EVERY)
        self._told = QueueTold(pool)
        self._database_now = database_now or self._told.database_now
        self._register, self._desk = RegisterStore(pool, keys), DeskStore(pool)
        self._now = now
        self._read: Register | None = None

    async def _take_due(self) -> AsyncIterator[DueMessage]:
        for each in await asyncio.to_thread(self._find):
            if await asyncio.to_thread(self._told.take, each):
                note, body = partial(self._note_told, each), queue_json(each, int(self._now()))
                yield DueMessage(_writer(each), body, note, each.people)

    def _note_told(self, message: QueueMessage) -> None:
        self._told.note_told(message, int(self._now()))

    def _find(self) -> tuple[QueueMessage, ...]:
        now = min(int(self._now()), self._database_now())
        if self._read is None or self._read.size != self._register.size():
            self._read = self._register.load()
        return queue_messages(self._read, self._desk.waiting(now - TOLD_FOR), now)


def _writer(message: QueueMessage) -> Callable[[str], NoticeText]:
    def write(language: str) -> NoticeText:
        from copdns.web.languages import phrases_in  # read for the first message, not at the start

        return queue_text(message, phrases_in(language))

    return write
