"""What happens to devices that somebody may want to hear of: one place that tells it.

An event holds ids only: no name, address or MAC address (docs/privacy.md).  It goes to the log,
and to whoever subscribed.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import NamedTuple

import structlog

from copdns.words import Word

log = structlog.get_logger("copdns")


class Kind(Word):
    """docs/devices.md explains each."""

    UNKNOWN_DEVICE = "unknown device"
    UNKNOWN_MAC = "unknown mac"
    DEVICE_RECOGNISED = "device recognised"


class Event(NamedTuple):
    """visitor: the id that `copdns device unknown` shows.  device: "" for an unknown one.

    private: its MAC address is made up, and may be another one tomorrow.
    """

    kind: Kind
    household: str
    visitor: str
    device: str = ""
    private: bool = False


class Events:
    """Tells events, in the order in which they happen."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, hears: Callable[[Event], None]) -> None:
        self._subscribers.append(hears)

    def tell(self, event: Event) -> None:
        said = {key: value for key, value in event._asdict().items() if value and key != "kind"}
        log.info(str(event.kind), **said)
        for hears in self._subscribers:
            try:
                hears(event)
            except Exception:  # noqa: BLE001 - one that fails must not keep the others from hearing
                log.error("an event was not heard", traceback=traceback.format_exc())
