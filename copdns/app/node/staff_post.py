"""Send one message to the staff: by notices, each in its reader's language, and to a web server of
the provider's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

import structlog

from copdns.events.notices import NoticeText
from copdns.events.ways import DEFAULT_TIMES, DeliveryTimes, post_json, send_message
from copdns.settings.provider import RolloutSettings
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.staff_languages import StaffLanguages

log = structlog.get_logger("copdns.node")


class StaffPost:
    """settings: whom there is to tell."""

    def __init__(
        self, pool: PostgresPool, settings: RolloutSettings, times: DeliveryTimes = DEFAULT_TIMES
    ) -> None:
        self._languages = StaffLanguages(pool)
        self._settings = settings
        self._times = times

    async def send(
        self,
        write: Callable[[str], NoticeText],
        for_programs: Mapping[str, object],
        people: Collection[str] | None = None,
    ) -> bool:
        """Send one; tell whether it reached anybody, or there is nobody to reach.

        write: returns the text in a language.  people: ids of those whom it concerns, of whom the
        settings name; None for all.  To all at once, so that targets that hang take no longer
        together than one: else another node would send it to the others once more.
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
        results = await asyncio.gather(*ways.values(), return_exceptions=True)
        for target, result in zip(ways, results, strict=True):
            if result:  # addresses may be secrets, and what Python says of an error may have one
                trouble = result if isinstance(result, str) else type(result).__name__
                log.error("a message to the staff was not sent", target=target, error=trouble)
        return not ways or "" in results

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
