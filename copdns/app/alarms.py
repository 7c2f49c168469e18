"""Trouble that lasts, told once when it does and once when it is over.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from copdns.dns.exchange import Health
from copdns.model.events import EventKind, TroubleEvent
from copdns.time.moment import Moment

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0  # seconds
OLD = 2 * DAY  # the age from which a list that cannot be fetched is worth a word


class Fetched(Protocol):
    """A list that is fetched.  age: seconds of its copy; None without one."""

    @property
    def age(self) -> float | None: ...
    @property
    def failing(self) -> bool: ...


class Alarm:
    """One kind of it.  lasts: seconds after which it is worth telling."""

    def __init__(self, began: EventKind, ended: EventKind, lasts: float) -> None:
        self._began, self._ended, self._lasts = began, ended, lasts
        self._since: float | None = None
        self._told = False

    def look(self, holds: bool, now: Moment) -> TroubleEvent | None:
        """Return what there is to tell by now."""
        if not holds:
            was, self._told, self._since = self._told, False, None
            return TroubleEvent(self._ended, now.wall) if was else None
        if self._since is None:
            self._since = now.mono
        if self._told or now.mono - self._since < self._lasts:
            return None
        self._told = True
        return TroubleEvent(self._began, now.wall)


class Alarms:
    """Those of one running copdns: with upstreams, and with lists."""

    def __init__(self) -> None:
        self._upstreams = Alarm(EventKind.UPSTREAM_TROUBLE, EventKind.UPSTREAM_WELL, MINUTE)
        self._lists = Alarm(EventKind.LIST_TROUBLE, EventKind.LIST_WELL, HOUR)

    def look(
        self, healths: Iterable[Health], lists: Iterable[Fetched], now: Moment
    ) -> Iterable[TroubleEvent]:
        """Return what there is to tell by now; called every few seconds."""
        found = (
            self._upstreams.look(all(each.is_down for each in healths), now),
            self._lists.look(any(map(_is_old, lists)), now),
        )
        return [each for each in found if each is not None]


def _is_old(fetched: Fetched) -> bool:
    return fetched.failing and (fetched.age is None or fetched.age > OLD)
