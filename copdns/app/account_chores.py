"""Chores for accounts and guests.

Add guests to the household's devices while their time lasts, publish events for the guardians'
notices, remind of proposals, delete what is over, and log how to make the first account.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from math import inf

import structlog

from copdns.accounts.account import GuardianNotice, Guest, NoticeKind, with_guests
from copdns.accounts.moves import Move, admit_guests, with_moves
from copdns.events.bus import EventBus
from copdns.model.errors import StoreAwayError, StoreError
from copdns.model.events import AccountEvent, Event, EventKind, HouseholdEvent, PersonEvent
from copdns.model.hosts import DESK_HOST, desk_url
from copdns.model.household import Household
from copdns.network.machine import listen_addresses
from copdns.settings.config import SYSTEM, WebSettings
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.claims import Claims
from copdns.store.household_db.guests import Guests
from copdns.store.household_db.looks import Looks, Notices
from copdns.store.household_db.pairings import Pairings
from copdns.store.household_db.proposals import Proposals
from copdns.store.household_db.sessions import Sessions
from copdns.store.household_db.thread import StoreThread
from copdns.time.clock import Moment
from copdns.web.desk_access import is_loopback
from copdns.web.logins import Logins

log = structlog.get_logger("copdns")

_KINDS = {  # others are only on the desk
    NoticeKind.FULL_LOG: EventKind.FULL_LOG_ANNOUNCED,
    NoticeKind.ACCOUNT_ADDED: EventKind.ACCOUNT_ADDED,
    NoticeKind.ACCOUNT_REMOVED: EventKind.ACCOUNT_REMOVED,
    NoticeKind.ACCOUNT_CHANGED: EventKind.ACCOUNT_CHANGED,
    NoticeKind.CODE_MADE: EventKind.ACCOUNT_CHANGED,
    NoticeKind.DISAGREEMENT: EventKind.GUARDIANS_DISAGREE,
    NoticeKind.WANTS_TO_TALK: EventKind.WANTS_TO_TALK,
    NoticeKind.PROPOSAL_DUE: EventKind.PROPOSAL_DUE,
    NoticeKind.LOOKUPS_CHANGED: EventKind.LOOKUPS_CHANGED,
    NoticeKind.UPSTREAMS_CHANGED: EventKind.LOOKUPS_CHANGED,
    NoticeKind.SITE_PROTECTED: EventKind.SITE_PROTECTED,
}
CLOCK_SET = 60.0  # seconds by which a clock moves at least when it is set, rather than corrected
_OF_A_PERSON = (NoticeKind.DISAGREEMENT, NoticeKind.WANTS_TO_TALK, NoticeKind.PROPOSAL_DUE)
_OF_ALL = (
    *(NoticeKind.LOOKUPS_CHANGED, NoticeKind.UPSTREAMS_CHANGED),
    NoticeKind.SITE_PROTECTED,
)


def ignore_read(_household: Household, _until: float) -> None:
    """The hook `on_read` where nothing is kept for a start without the store."""


class AccountChores:
    """All methods raise StoreError.

    now: returns seconds since the epoch.  tells_names: whether events may say who asks for
    something (the setting `events.appeal_names`).  next_guest_end: when the first guest's time
    ends, or the first move of a device takes effect; None without either.
    """

    def __init__(
        self,
        thread: StoreThread,
        now: Callable[[], float],
        tells_names: Callable[[], bool] = lambda: False,
        *,
        keeps_last: bool = False,
        on_read: Callable[[Household, float], None] = ignore_read,
    ) -> None:
        """keeps_last: where guests cannot be read, those that were read last count; before the
        first reading, those that the household has already.  on_read: called by `with_guests` with
        each household, and until when it is so.
        """
        self._accounts = Accounts(thread)
        self._guests = Guests(thread)
        self._claims = Claims(thread)
        self._notices = Notices(thread)
        self._proposals = Proposals(thread)
        self._stores = (
            *(self._accounts, Sessions(thread), Pairings(thread), Looks(thread)),
            self._claims,
        )
        self._now = now
        self._tells_names = tells_names
        self._clock_ahead: float | None = None  # of the one that only goes forward
        self._keeps_last = keeps_last
        self._on_read = on_read
        # By household, as read last.
        self._last: dict[str, tuple[Sequence[Guest], Sequence[Move]]] = {}
        self.next_guest_end: float | None = None

    async def with_guests(self, households: Sequence[Household]) -> list[Household]:
        """Return the households with the guests of this moment, and with devices that are to be
        moved as still their person's."""
        now, found = self._now(), []
        ends: list[float] = []
        for each in households:
            admitted, until = await self._read_guests(each, now)
            found.append(admitted)
            ends += until
        self.next_guest_end = min(ends, default=None)
        return found

    async def with_own_guests(self, household: Household) -> tuple[Household, float]:
        """Return one household with its guests, as `with_guests` does, and until when it is so."""
        now = self._now()
        guests = await self._guests.of(household.id, int(now))
        moves = await self._claims.all_moves(household.id)
        admitted, until = _admit(household, guests, moves, now)
        return admitted, min(until, default=inf)

    async def _read_guests(self, household: Household, now: float) -> tuple[Household, list[float]]:
        """Return a household with its guests, and when the time of each ends."""
        who = household.id
        try:
            found = await self._guests.of(who, int(now)), await self._claims.all_moves(who)
        except StoreError as error:
            if not self._keeps_last:
                raise
            if who not in self._last:
                if isinstance(error, StoreAwayError):
                    return household, []
                raise
            guests, moves = self._last[who]
            return _admit(household, [each for each in guests if each.until > now], moves, now)
        if self._keeps_last:
            self._last[who] = found
        admitted, ends = _admit(household, *found, now)
        self._on_read(admitted, min(ends, default=inf))
        return admitted, ends

    @property
    def is_guest_due(self) -> bool:
        return self.next_guest_end is not None and self._now() >= self.next_guest_end

    async def tell(self, events: EventBus) -> None:
        """Publish the events that are missing; a process killed meanwhile repeats them."""
        untold = await self._notices.find_untold()
        for each in untold:
            if each.kind in _KINDS:
                events.publish(event_of(each, tells_names=self._tells_names()))
        if untold:
            await self._notices.mark_told(each.id for each in untold)

    async def follow_clock(self, now: Moment) -> None:
        """Where the clock was set since the last call, keep codes for as long as they were made
        for: the first one may come from a clock in 1970."""
        ahead, before = now.wall - now.mono, self._clock_ahead
        moved = 0.0 if before is None else ahead - before
        if abs(moved) >= CLOCK_SET:
            await self._accounts.move_codes(int(now.wall - moved), round(moved))
        self._clock_ahead = ahead

    async def note_upstreams(self, servers: Sequence[object]) -> None:
        """Write notices where other upstreams than before are asked: of the settings, or of the
        household."""
        named = "" if tuple(servers) == (SYSTEM,) else ", ".join(map(str, servers))
        await self._notices.note_upstreams(named, int(self._now()))

    async def remind(self) -> None:
        """Write notices of proposals whose day has come.  The clock must be right."""
        await self._proposals.remind(int(self._now()))

    async def tidy(self) -> None:
        """Delete what is over.  The clock must be right."""
        now = int(self._now())
        for each in self._stores:
            await each.tidy(now)
        await self._guests.tidy(now)


def _admit(
    household: Household, guests: Sequence[Guest], moves: Sequence[Move], now: float
) -> tuple[Household, list[float]]:
    """Return a household with its guests, and when the time of each ends."""
    admitted = admit_guests(household, moves, guests, now)
    ends: list[float] = [guest.until for guest in guests]
    ends += [one.until for one in moves if one.until is not None and one.is_open(now)]
    return with_guests(with_moves(household, moves, now), admitted, now), ends


def event_of(notice: GuardianNotice, *, tells_names: bool = False) -> Event:
    """Return the event of a guardian's notice; that of a full log has its start and end.

    tells_names: that of a child who wants to talk says who it is.
    """
    kind = _KINDS[notice.kind]
    if notice.kind is NoticeKind.WANTS_TO_TALK and not tells_names:
        return PersonEvent(kind, notice.household, "", notice.at)
    if notice.kind is NoticeKind.FULL_LOG:
        return PersonEvent(kind, notice.household, notice.about, notice.starts, notice.ends)
    if notice.kind in _OF_A_PERSON:
        return PersonEvent(kind, notice.household, notice.about, notice.at)
    if notice.kind in _OF_ALL:
        return HouseholdEvent(kind, notice.household, notice.at)
    return AccountEvent(kind, notice.household, notice.about, notice.at)


async def log_setup_code(
    logins: Logins, households: Iterable[str], web: WebSettings, now: float
) -> None:
    """Log the page and a code for each household without an account; raise StoreError.

    now: seconds since the epoch.
    """
    # Where only this machine is served, its own browser may not use us for DNS: name an address.
    own = await asyncio.to_thread(listen_addresses, web.listen)
    is_served = any(not is_loopback(each) for each in own)
    # On the machine itself the dashboard needs no HTTPS, and its certificate no browser knows yet.
    host, tls_port = (DESK_HOST, web.tls_port) if is_served else (own[0], None)
    page = f"{desk_url(web.port, tls_port, host)}setup"
    for household in households:
        made = await logins.setup_code(household, int(now))
        if made is None:
            continue
        told = {"earlier": "no longer works"} if made.ends_earlier else {}
        log.warning(
            "nobody has an account yet; open the page and enter the code within an hour",
            page=page,
            code=made.code,
            **told,
        )
        if sys.stderr.isatty():  # for whoever reads the console, below lines that scroll by
            sys.stderr.write(f"\n  Open {page}\n  and enter this code within an hour:\n\n")
            sys.stderr.write(f"      {made.code}\n\n")
            if made.ends_earlier:
                sys.stderr.write("  The code that was shown before no longer works.\n\n")
