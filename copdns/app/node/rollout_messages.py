"""Send what the staff are to know of rollouts: by notices, each in its reader's language, and to a
web server of the provider's.

One node sends a message.  Where it reaches nobody, the same or another node tries again later.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Final

import structlog

from copdns.app.node.message_words import message_text
from copdns.app.node.staff_post import StaffPost
from copdns.events.notices import NoticeText
from copdns.events.ways import DEFAULT_TIMES, DeliveryTimes
from copdns.model.errors import StoreError
from copdns.provider.rollout.messages import RolloutMessage, message_json
from copdns.settings.provider import RolloutSettings
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.rollout_messages import RolloutMessages

LOOK_EVERY: Final = 10.0  # seconds

log = structlog.get_logger("copdns.node")


class RolloutMessenger:
    """now: seconds since 1970."""

    def __init__(
        self,
        pool: PostgresPool,
        settings: RolloutSettings,
        now: Callable[[], float],
        times: DeliveryTimes = DEFAULT_TIMES,
    ) -> None:
        self._messages = RolloutMessages(pool)
        self._post = StaffPost(pool, settings, times)
        self._settings = settings
        self._now = now
        self._trouble = ""

    @property
    def has_targets(self) -> bool:
        """Tell whether there is anybody to send to."""
        return self._settings.has_targets

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while self.has_targets:
            try:
                await self.send_due()
            except Exception:  # noqa: BLE001 - a bug in here must not end what is sent later
                log.error("messages could not be sent", traceback=traceback.format_exc())
            await asyncio.sleep(LOOK_EVERY)

    async def send_due(self) -> int:
        """Send what is due; return how many messages reached somebody."""
        sent = 0
        try:
            while found := await asyncio.to_thread(self._messages.take, int(self._now())):
                message = found.message
                if await self._post.send(_writer(message), message_json(message)):
                    await asyncio.to_thread(
                        self._messages.note_told, found.number, int(self._now())
                    )
                    sent += 1
        except StoreError as error:
            self._say_trouble(str(error))
        else:
            self._say_trouble("")
        return sent

    def _say_trouble(self, text: str) -> None:
        if text and not self._trouble:
            log.warning("messages of rollouts wait", error=text)
        self._trouble = text


def _writer(message: RolloutMessage) -> Callable[[str], NoticeText]:
    return lambda language: _text_in(language, message)


def _text_in(language: str, message: RolloutMessage) -> NoticeText:
    from copdns.web.languages import phrases_in  # read for the first message, not at the start
    from copdns.web.staff.wording import WORDS

    phrases = phrases_in(language)
    kinds = {kind: phrases.pgettext(*words) for kind, words in WORDS["rollout"].items()}
    return message_text(message, phrases, kinds)
