"""What a file of another program would become, shown until somebody says yes.

It is in memory only, under a random code, for the browser that sent the file: what a file says of a
family stands in no database and in no address before somebody wants it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from copdns.household.moving_in.plan import Plan
from copdns.household.moving_in.wishes import FoundSettings
from copdns.model.household import Band

SHOWN_FOR = 1_800  # seconds
MOST = 2  # at once; a further one ends the oldest


class Preview(NamedTuple):
    """A file that was sent, and its plan.

    code: by which it is asked for.  browser: who sent it: the digest of a session.
    until: seconds since the epoch.
    """

    code: str
    household: str
    browser: str
    found: FoundSettings
    plan: Plan
    until: float
    ages: Mapping[str, Band] = {}


class Previews:
    """What can still be said yes to, by its code.  one_by_one: held while a file is read
    and planned, for a page or a program: both take memory and time."""

    def __init__(self) -> None:
        self._by_code: dict[str, Preview] = {}
        self.one_by_one = asyncio.Lock()

    def put(self, preview: Preview) -> None:
        """Keep a preview, or what it is by now; whoever adds it calls `forget` at its end."""
        self._by_code[preview.code] = preview
        while len(self._by_code) > MOST:
            del self._by_code[next(iter(self._by_code))]

    def find(self, code: str, household: str, browser: str, now: float) -> Preview | None:
        """Return what a browser sent; None for nothing, another's, or one whose time is over."""
        found = self._by_code.get(code)
        if found is None or (found.household, found.browser) != (household, browser):
            return None
        return found if now < found.until else None

    def forget(self, code: str) -> None:
        """Forget a preview, if it is there."""
        self._by_code.pop(code, None)


PREVIEWS: web.AppKey[Previews] = web.AppKey("files of other filters that wait for a yes", Previews)
