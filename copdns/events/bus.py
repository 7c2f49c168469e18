"""Publish events (`model/events.py`) to the log and to subscribers.

The log leaves out events of a profile whose privacy mode is `off`.  Subscribers get them all the
same: they pass on only the kinds that the settings name.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

import structlog

from copdns.model.events import AppealEvent, Event, EventKind, event_json

log = structlog.get_logger("copdns")

IsUnlogged = Callable[[str, str], bool]


def _hide_all(_household: str, _profile: str) -> bool:
    return True


class EventBus:
    """Publishes events in the order in which they happen."""

    def __init__(self, is_unlogged: IsUnlogged = _hide_all) -> None:
        """is_unlogged: tells whether the log must not name a profile, by the ids of household and
        profile; by default it names none."""
        self._unlogged = is_unlogged
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, on_event: Callable[[Event], None]) -> None:
        """Call a function with every event from now on, in the event loop: it must not block."""
        self._subscribers.append(on_event)

    def publish(self, event: Event) -> None:
        """Log an event, and call all subscribers.

        Where a subscriber fails, that is logged, and the others are called.
        """
        self._log_event(event)
        for on_event in self._subscribers:
            try:
                on_event(event)
            except Exception:  # noqa: BLE001 - one that fails must not keep the others from hearing
                log.error(
                    "a subscriber failed to handle an event", traceback=traceback.format_exc()
                )

    def _log_event(self, event: Event) -> None:
        """Log an event, unless it names a profile that the log must not name."""
        # The log shows no name of an appeal, and not which child wants to talk.
        if isinstance(event, AppealEvent):
            event = event._replace(profile="", name="", about="")
        elif event.kind is EventKind.WANTS_TO_TALK:
            event = event._replace(profile="")  # type: ignore[call-arg]
        fields = event._asdict()
        if fields.get("profile") and self._unlogged(fields["household"], fields["profile"]):
            return
        line = {key: value for key, value in event_json(event).items() if value}
        log.info(line.pop("event"), **line)
