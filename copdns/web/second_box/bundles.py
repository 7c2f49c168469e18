"""The bundles that this box makes for those that follow it.

docs/second-box.md says what is in them, and what stays here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from copdns import __version__
from copdns.accounts.codes import make_nonce
from copdns.household.second_box.bundle import (
    MAX_KNOWN_NUMBER,
    MAX_WAIT,
    Bundle,
    FileNote,
    sign_bundle,
)
from copdns.household.second_box.taken_requests import TakenRequests
from copdns.list_files.followed_files import FollowedFiles
from copdns.store.household_db.followers import Follower, Followers
from copdns.store.household_db.thread import StoreThread
from copdns.time.minutes import Usage

CHECK_EVERY: Final = 0.1  # seconds between two looks whether a waiting box can be told something
FILES_EVERY: Final = 2.0  # seconds between two looks at the files of lists
RECENT: Final = 60.0  # seconds for which a box that was here counts as following


class FirstBox:
    """Makes bundles, and keeps the last one of each household.

    merge: adds minutes of another box.  usage: returns today's minutes, also those.
    taken: the requests of followers that were taken.
    """

    def __init__(
        self,
        thread: StoreThread,
        folder: Path,
        merge: Callable[[Iterable[Usage]], None],
        usage: Callable[[], Sequence[Usage]],
        now: Callable[[], float],
    ) -> None:
        self.followers = Followers(thread)
        self.merge = merge
        self.usage = usage
        self.files = FollowedFiles(folder)
        self.taken = TakenRequests(lambda: make_nonce(16).hex())
        self._now = now
        self._notes: tuple[FileNote, ...] = ()
        self._noted_at = 0.0  # monotonic
        self._made: dict[str, tuple[object, int, bytes]] = {}  # mark, number and octets
        self._making = asyncio.Lock()
        self._here: dict[str, float] = {}  # when each follower was here last, monotonic

    async def bundle(self, household: str, have: int = 0) -> tuple[int, bytes]:
        """Return the number of the bundle that holds now, and the bundle.

        have: the number of the one that a follower has.  A later one gets a new number, since this
        database does not know of it: it is a copy of an earlier time.
        """
        have = have if have <= MAX_KNOWN_NUMBER else 0  # else one box could use up all numbers
        async with self._making:
            mark = await self.followers.mark(household), await self._file_notes()
            made = self._made.get(household)
            if made is None or made[0] != mark or made[1] < have:
                made = mark, *await self._make(household, mark[1], have)
                self._made[household] = made
            return made[1], made[2]

    async def _file_notes(self) -> tuple[FileNote, ...]:
        mono = asyncio.get_running_loop().time()
        if not self._noted_at or mono - self._noted_at >= FILES_EVERY:
            self._notes = await asyncio.to_thread(self.files.notes)
            self._noted_at = mono
        return self._notes

    async def _make(
        self, household: str, files: tuple[FileNote, ...], have: int
    ) -> tuple[int, bytes]:
        rows, now = await self.followers.rows(household), int(self._now())
        text = json.dumps([rows, files, __version__], sort_keys=True).encode()
        key = await self.followers.number(household, hashlib.sha256(text).hexdigest(), have)
        new = Bundle(key.number, now, household, __version__, rows, files)
        return key.number, await asyncio.to_thread(sign_bundle, new, key.private)

    async def wait_for_newer(self, follower: Follower, have: int, seconds: float) -> str:
        """Return a bundle that is newer than another one, in base64; "" where there is none within
        so many seconds, or the pairing ended."""
        loop = asyncio.get_running_loop()
        until = loop.time() + min(seconds, MAX_WAIT)
        while True:
            there = await self.followers.find(follower.id)
            if there is None or there.ended is not None:
                return ""
            number, octets = await self.bundle(follower.household, have)
            if number > have:
                return base64.b64encode(octets).decode()
            if loop.time() >= until:
                return ""
            await asyncio.sleep(CHECK_EVERY)

    def note_here(self, follower: Follower) -> None:
        """Note that a box that follows is here now."""
        self._here[follower.id] = asyncio.get_running_loop().time()

    @property
    def status(self) -> str:
        """Return that this is the first box, for people; "" where no box was here lately."""
        mono = asyncio.get_running_loop().time()
        count = sum(mono - at < RECENT for at in self._here.values())
        boxes = "1 box follows" if count == 1 else f"{count} boxes follow"
        return f"this is the first box: {boxes} it" if count else ""
