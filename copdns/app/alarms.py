"""Alarms about upstreams, lists and `household.db`: one event when trouble lasts, one when it ends.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from copdns.dns.exchange import Health
from copdns.model.events import EventKind, TroubleEvent
from copdns.time.clock import Moment

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0  # seconds
MAX_LIST_AGE = 2 * DAY  # the age from which a list that cannot be fetched raises the alarm


class FetchedList(Protocol):
    """A fetched list.  age: of its copy in seconds; None without one.  failing: the last fetch
    failed."""

    @property
    def age(self) -> float | None: ...
    @property
    def is_failing(self) -> bool: ...


class Alarm:
    """One kind of trouble.  began, ended: the events.  after: seconds for which it must last."""

    def __init__(self, began: EventKind, ended: EventKind, after: float) -> None:
        self._began, self._ended, self._after = began, ended, after
        self._since: float | None = None
        self._is_raised = False

    def check(self, holds: bool, now: Moment) -> TroubleEvent | None:
        """Return the event that is due now, if any.  holds: the trouble is there now."""
        if not holds:
            was, self._is_raised, self._since = self._is_raised, False, None
            return TroubleEvent(self._ended, now.wall) if was else None
        if self._since is None:
            self._since = now.mono
        if self._is_raised or now.mono - self._since < self._after:
            return None
        self._is_raised = True
        return TroubleEvent(self._began, now.wall)


class Alarms:
    """The alarms: no upstream answers; a list is old and cannot be fetched; and, raised at once,
    `household.db` is damaged."""

    def __init__(self) -> None:
        self._upstreams = Alarm(EventKind.UPSTREAM_TROUBLE, EventKind.UPSTREAM_WELL, MINUTE)
        self._lists = Alarm(EventKind.LIST_TROUBLE, EventKind.LIST_WELL, HOUR)
        self._household = Alarm(EventKind.HOUSEHOLD_TROUBLE, EventKind.HOUSEHOLD_WELL, 0.0)

    def check(
        self,
        healths: Iterable[Health],
        lists: Iterable[FetchedList],
        now: Moment,
        is_damaged: bool = False,
    ) -> Iterable[TroubleEvent]:
        """Return the events that are due now; to be called every few seconds.

        is_damaged: `household.db` is not worked with.
        """
        found = (
            self._upstreams.check(all(each.is_down for each in healths), now),
            self._lists.check(any(map(_is_old, lists)), now),
            self._household.check(is_damaged, now),
        )
        return [each for each in found if each is not None]


def _is_old(fetched: FetchedList) -> bool:
    return fetched.is_failing and (fetched.age is None or fetched.age > MAX_LIST_AGE)
