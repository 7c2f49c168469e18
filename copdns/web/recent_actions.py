"""What was done on the dashboard lately: told on the next page, and to be undone for ten minutes.

In memory only: what was removed stands nowhere else, and after a restart nothing can be undone any
more (docs/accounts.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.household.changed_parts import ChangedPart, changed_parts
from copdns.household.undo import UNDO_FOR, can_undo
from copdns.lists.own_lists import OwnChange
from copdns.model.household import Household, Profile
from copdns.model.sentences import Sentence
from copdns.store.household_db.pairings import DeviceLink
from copdns.store.household_db.proposals import Proposal

MOST = 40  # actions that are remembered, of everybody
MOST_UNTOLD = 5  # of a browser that shows no page


@dataclass(frozen=True, slots=True)
class DeskAction:
    """What somebody did.

    id: "" for what cannot be undone.  account: the id of whose it was.  at: seconds since the
    epoch.  said: what holds now, of what is no part of the household or
    takes many lines to say there.  before, after: the
    household of the change; None for none.  what: its line of the history.
    permission, profile, step_up, weighed: what it took (`session.require`), so that undoing takes
    the same.  profile: the id of the person it was about; "" for none.
    links: the browsers that were linked to devices which it removed.  plan: what was planned for
    the person's age, which it ended; None for nothing.  own: what it did to a list that somebody
    pasted; None where it was about something else.
    lists: the same of those that came with the change of the household.  removable: undoing takes
    away the people whom it added, after asking.
    """

    id: str
    household: str
    account: str
    at: int
    said: Sentence | None = None
    before: Household | None = None
    after: Household | None = None
    what: str = ""
    permission: Permission = Permission.EDIT_HOUSEHOLD
    profile: str = ""
    step_up: bool = False
    weighed: bool = False
    links: tuple[DeviceLink, ...] = ()
    plan: Proposal | None = None
    own: OwnChange | None = None
    lists: tuple[OwnChange, ...] = ()
    removable: bool = False

    @property
    def added_people(self) -> tuple[Profile, ...]:
        """The people whom undoing takes away."""
        if not self.removable or self.before is None or self.after is None:
            return ()
        there = {each.id for each in self.before.profiles}
        return tuple(each for each in self.after.profiles if each.id not in there)

    @property
    def parts(self) -> tuple[ChangedPart, ...]:
        """What it changed of the household."""
        if self.before is None or self.after is None:
            return ()
        return changed_parts(self.before, self.after)

    @property
    def is_undoable(self) -> bool:
        """Whether it changed something so that it can be taken back."""
        if self.own is not None:
            return bool(self.id)
        if not self.id or self.before is None or self.after is None:
            return False
        return bool(self.added_people) or can_undo(self.before, self.after)

    def is_recent(self, now: float) -> bool:
        """Tell whether it may still be undone at a moment, in seconds since the epoch."""
        return 0 <= now - self.at < UNDO_FOR


class RecentActions:
    """The actions of the last ten minutes, and those that nobody was told of yet."""

    def __init__(self) -> None:
        self._done: deque[DeskAction] = deque(maxlen=MOST)
        self._untold: dict[str, list[DeskAction]] = {}

    def note(self, action: DeskAction, browser: str) -> None:
        """Remember an action.  browser: whom to tell of it: the digest of a session."""
        if action.is_undoable:
            self._done.append(action)
        untold = self._untold.setdefault(browser, [])
        untold.append(action)
        del untold[:-MOST_UNTOLD]
        while len(self._untold) > MOST:
            del self._untold[next(iter(self._untold))]

    def take_untold(self, browser: str) -> tuple[DeskAction, ...]:
        """Return what a browser was not told of yet; the next time it is told."""
        return tuple(self._untold.pop(browser, ()))

    def undoable(self, household: str, account: str, now: float) -> tuple[DeskAction, ...]:
        """Return what an account can still undo, the newest first."""
        found = (e for e in self._recent(now) if (e.household, e.account) == (household, account))
        return tuple(reversed(tuple(found)))

    def find(self, household: str, action_id: str, now: float) -> DeskAction | None:
        """Return an action that can still be undone; None for none."""
        there = (e for e in self._recent(now) if (e.household, e.id) == (household, action_id))
        return next(there, None)

    def forget(self, action_id: str) -> None:
        """Forget an action: it was undone, or its ten minutes are over."""
        self._done = deque((each for each in self._done if each.id != action_id), maxlen=MOST)
        for browser, untold in list(self._untold.items()):
            self._untold[browser] = [each for each in untold if each.id != action_id]
            if not self._untold[browser]:
                del self._untold[browser]

    def _recent(self, now: float) -> Iterator[DeskAction]:
        while self._done and not self._done[0].is_recent(now):
            self._done.popleft()
        return (each for each in self._done if each.is_recent(now))


RECENT: web.AppKey[RecentActions] = web.AppKey("what was done lately", RecentActions)
PERMISSION: web.RequestKey[Permission] = web.RequestKey("what was asked for", Permission)
STEPPED_UP: web.RequestKey[bool] = web.RequestKey("the password was asked for", bool)
