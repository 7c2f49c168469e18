"""One place that tells events (`model/events.py`): to the log, and to whoever subscribed.

The log says nothing of a profile whose privacy mode is `off`.  Subscribers hear of it all the
same: they pass on only what somebody asked for in the settings.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

import structlog

from copdns.model.events import AppealEvent, Event, EventKind, event_json

log = structlog.get_logger("copdns")

Unlogged = Callable[[str, str], bool]


def _everybody(_household: str, _profile: str) -> bool:
    return True


class EventBus:
    """Tells events, in the order in which they happen."""

    def __init__(self, unlogged: Unlogged = _everybody) -> None:
        """unlogged: whether the log must not name a profile, by the ids of household and profile;
        unless somebody knows better it names none."""
        self._unlogged = unlogged
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, hears: Callable[[Event], None]) -> None:
        """Let somebody hear of all events from now on, in the loop: it must not wait."""
        self._subscribers.append(hears)

    def publish(self, event: Event) -> None:
        """Write a line of it, and let all subscribers hear it.

        A subscriber that fails keeps neither the others nor the caller from going on.
        """
        self._note(event)
        for hears in self._subscribers:
            try:
                hears(event)
            except Exception:  # noqa: BLE001 - one that fails must not keep the others from hearing
                log.error(
                    "a subscriber failed to handle an event", traceback=traceback.format_exc()
                )

    def _note(self, event: Event) -> None:
        """Write a line, unless it is about somebody of whom nothing is kept."""
        # A log is read by others, and kept.
        if isinstance(event, AppealEvent):
            event = event._replace(profile="", name="")
        elif event.kind is EventKind.WANTS_TO_TALK:
            event = event._replace(profile="")  # type: ignore[call-arg]
        fields = event._asdict()
        if fields.get("profile") and self._unlogged(fields["household"], fields["profile"]):
            return
        told = {key: value for key, value in event_json(event).items() if value}
        log.info(told.pop("event"), **told)
