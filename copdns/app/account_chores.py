"""Chores for accounts and guests.

Add guests to the household's devices while their time lasts, publish events for the guardians'
notices, remind of proposals, and delete what is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.guests import with_guests
from copdns.events.bus import EventBus
from copdns.model.events import AccountEvent, Event, EventKind, PersonEvent
from copdns.model.household import Household
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.looks import Looks, Notices
from copdns.store.household_db.pairings import Guests, Pairings
from copdns.store.household_db.proposals import Proposals
from copdns.store.household_db.sessions import Sessions
from copdns.store.household_db.thread import StoreThread

_KINDS = {
    NoticeKind.FULL_LOG: EventKind.FULL_LOG_ANNOUNCED,
    NoticeKind.ACCOUNT_ADDED: EventKind.ACCOUNT_ADDED,
    NoticeKind.ACCOUNT_REMOVED: EventKind.ACCOUNT_REMOVED,
    NoticeKind.ACCOUNT_CHANGED: EventKind.ACCOUNT_CHANGED,
    NoticeKind.DISAGREEMENT: EventKind.GUARDIANS_DISAGREE,
    NoticeKind.WANTS_TO_TALK: EventKind.WANTS_TO_TALK,
    NoticeKind.PROPOSAL_DUE: EventKind.PROPOSAL_DUE,
}
_OF_A_PERSON = (NoticeKind.DISAGREEMENT, NoticeKind.WANTS_TO_TALK, NoticeKind.PROPOSAL_DUE)


class AccountChores:
    """All methods raise StoreError.

    now: returns seconds since the epoch.  next_guest_end: when the first guest's time ends; None
    without guests.
    """

    def __init__(self, thread: StoreThread, now: Callable[[], float]) -> None:
        self._guests = Guests(thread)
        self._notices = Notices(thread)
        self._proposals = Proposals(thread)
        self._stores = (Accounts(thread), Sessions(thread), Pairings(thread), Looks(thread))
        self._now = now
        self.next_guest_end: float | None = None

    async def with_guests(self, households: Sequence[Household]) -> list[Household]:
        """Return the households with the guests of this moment."""
        now, ends, found = self._now(), [], []
        for each in households:
            guests = await self._guests.of(each.id, int(now))
            found.append(with_guests(each, guests, now))
            ends += [guest.until for guest in guests]
        self.next_guest_end = min(ends, default=None)
        return found

    @property
    def is_guest_due(self) -> bool:
        return self.next_guest_end is not None and self._now() >= self.next_guest_end

    async def tell(self, events: EventBus) -> None:
        """Publish the events that are missing; a process killed meanwhile repeats them."""
        untold = await self._notices.find_untold()
        for each in untold:
            events.publish(event_of(each))
        if untold:
            await self._notices.mark_told(each.id for each in untold)

    async def remind(self) -> None:
        """Write notices of proposals whose day has come.  The clock must be right."""
        await self._proposals.remind(int(self._now()))

    async def tidy(self) -> None:
        """Delete what is over.  The clock must be right."""
        now = int(self._now())
        for each in self._stores:
            await each.tidy(now)
        await self._guests.tidy(now)


def event_of(notice: GuardianNotice) -> Event:
    """Return the event of a guardian's notice; that of a full log has its start and end."""
    kind = _KINDS[notice.kind]
    if notice.kind is NoticeKind.FULL_LOG:
        return PersonEvent(kind, notice.household, notice.about, notice.starts, notice.ends)
    if notice.kind in _OF_A_PERSON:
        return PersonEvent(kind, notice.household, notice.about, notice.at)
    return AccountEvent(kind, notice.household, notice.about, notice.at)
