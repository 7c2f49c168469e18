"""Send what the staff are to know of rollouts: by notices, each in its reader's language, and to a
web server of the provider's.

One node sends a message.  Where it reaches nobody, the same or another node tries again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

from copdns.app.node.message_words import message_text
from copdns.app.node.staff_post import DueMessage, StaffMessenger, StaffPost
from copdns.events.notices import NoticeText
from copdns.events.ways import DEFAULT_TIMES, DeliveryTimes
from copdns.provider.rollout.messages import RolloutMessage, message_json
from copdns.settings.provider import RolloutSettings
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.rollout_messages import RolloutMessages

LOOK_EVERY: Final = 10.0  # seconds


class RolloutMessenger(StaffMessenger):
    """now: seconds since 1970."""

    def __init__(
        self,
        pool: PostgresPool,
        settings: RolloutSettings,
        now: Callable[[], float],
        times: DeliveryTimes = DEFAULT_TIMES,
    ) -> None:
        super().__init__(StaffPost(pool, settings, times), "rollouts", LOOK_EVERY)
        self._messages = RolloutMessages(pool)
        self._now = now

    async def _take_due(self) -> AsyncIterator[DueMessage]:
        while found := await asyncio.to_thread(self._messages.take, int(self._now())):
            note = partial(self._note_told, found.number)
            yield DueMessage(_writer(found.message), message_json(found.message), note)

    def _note_told(self, number: int) -> None:
        self._messages.note_told(number, int(self._now()))


def _writer(message: RolloutMessage) -> Callable[[str], NoticeText]:
    return lambda language: _text_in(language, message)


def _text_in(language: str, message: RolloutMessage) -> NoticeText:
    from copdns.web.languages import phrases_in  # read for the first message, not at the start
    from copdns.web.staff.wording import WORDS

    phrases = phrases_in(language)
    kinds = {kind: phrases.pgettext(*words) for kind, words in WORDS["rollout"].items()}
    return message_text(message, phrases, kinds)
