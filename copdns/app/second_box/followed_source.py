"""The household of a second box: what the first one sent last, in memory.

It begins with the bundle on disk, so that it answers at once and without the first box.  What is
refused changes nothing.  A week after the last fetch, or when the pairing was ended, the bundle is
deleted and everyone has the guest rules; docs/second-box.md says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from copdns.app.seed import HOME
from copdns.household.second_box.bundle import Bundle, read_bundle, require_newer
from copdns.model.errors import FollowingError, StoreError
from copdns.model.household import Household, PrivacyMode, Profile
from copdns.policy.guest import GUEST
from copdns.store.household_db.appeals import move_appeals
from copdns.store.household_db.followers import FOLLOWS_FOR, NOTE_EVERY
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.notes import FIRST_START
from copdns.store.log_db.querylog import QueryLog
from copdns.store.second_box_files import (
    BUNDLE,
    Following,
    forget_bundle,
    read_following,
    read_last_fetch,
    read_stored_bundle,
    write_last_fetch,
    write_private,
)
from copdns.web.second_box.follow_status import FollowStatus

log = structlog.get_logger("copdns")

NOTHING_YET = (
    "this box follows %s and has got nothing from it yet, so everyone has the guest rules; check "
    "that both run, and the address and the key that copdns follow was given"
)
ENDED = (
    "this box follows %s no longer: the pairing was ended there, or nothing was fetched for seven "
    "days; everyone has the guest rules here until it is paired again with copdns follow"
)


class FollowedSource:
    """As `HouseholdSource`, whose contract it keeps.  bundle: the one in force; None: none is.

    fetched: when the first box answered last, in epoch seconds; None for never.
    trouble: why that fails now, for people; "" where it does not.
    """

    store: HouseholdStore
    damage = ""  # of files
    does_chores = False  # the first box sends and deletes
    read_only_reason = ""
    restored_text = ""  # of a provider's database

    def __init__(self, folder: Path, following: Following) -> None:
        self.following = following
        self.bundle: Bundle | None = None
        self.fetched: int | None = None
        self.trouble = ""
        self.is_ended = False
        self._folder = folder
        self._is_changed = False
        self._noted = 0  # when the last fetch was written to disk
        self._taking = asyncio.Lock()

    @property
    def has_household(self) -> bool:
        return self.bundle is not None

    @property
    def missing(self) -> str:
        """Return why it does not answer by the household's rules, for people; "" where it does."""
        if self.bundle is not None:
            return ""
        return (ENDED if self.is_ended else NOTHING_YET) % self.following.url

    @property
    def warning(self) -> str:
        """Return whom it follows and how that goes, for people: nothing is wrong by that alone."""
        if self.missing:
            return ""
        at = (
            "never"
            if self.fetched is None
            else f"{datetime.fromtimestamp(self.fetched, UTC):%F %T} UTC"
        )
        trouble = f"; {self.trouble}" if self.trouble else ""
        return (
            f"this box follows {self.following.url}, last fetch {at}; change rules there{trouble}"
        )

    def status(self) -> FollowStatus:
        """Return what pages say of it."""
        return FollowStatus(self.following.url, self.fetched, bool(self.trouble))

    @property
    def number(self) -> int:
        """The number of the bundle in force; 0 for none."""
        return 0 if self.bundle is None else self.bundle.number

    async def open(self) -> None:
        """Open the bundle on disk; without one everyone is a guest."""
        self.fetched = await asyncio.to_thread(read_last_fetch, self._folder)
        try:
            found = await asyncio.to_thread(read_stored_bundle, self._folder, self.following.key)
            if found is not None:
                self.store = await self._open_replica(found[0])
                self.bundle = found[0]
                return
        except FollowingError as error:
            log.error("the last bundle of the first box is not used", error=str(error))
        self.store = await self._open_nothing()

    async def _open_replica(self, bundle: Bundle) -> HouseholdStore:
        store = await asyncio.to_thread(HouseholdStore.open_replica, self._folder, bundle.rows)
        if await store.household(bundle.household) is None:
            await asyncio.to_thread(store.close)
            raise FollowingError("the bundle has no household")
        return store

    async def _open_nothing(self) -> HouseholdStore:
        store = await asyncio.to_thread(HouseholdStore.open_nothing, self._folder)
        await store.create(Household(HOME, "Home"), FIRST_START, 0)
        return store

    async def take(self, octets: bytes) -> Bundle:
        """Put a bundle in force, and keep it on disk; raise FollowingError where it is refused."""
        async with self._taking:
            bundle = read_bundle(octets, self.following.key.public)
            require_newer(bundle, self.number)
            before = frozenset[str]() if self.bundle is None else await self._people()
            store = await self._open_replica(bundle)
            await move_appeals(self.store, store, bundle.household)
            await asyncio.to_thread(self.store.become, store)
            self.bundle, self.is_ended, self._is_changed = bundle, False, True
            for gone in before - await self._people():  # whoever has this id later begins anew
                await asyncio.to_thread(
                    QueryLog(self._folder).erase, bundle.household, gone, bundle.made
                )
            try:
                await asyncio.to_thread(write_private, self._folder / BUNDLE, octets)
            except StoreError as error:  # it is in force until the next start
                log.warning("the bundle could not be saved", error=str(error))
        return bundle

    async def _people(self) -> frozenset[str]:
        found = await self.households()
        return frozenset(each.id for home in found for each in home.profiles)

    async def note_fetch(self, now: int) -> None:
        """Note that the first box answered, which renews the pairing for seven days."""
        self.fetched, self.trouble = now, ""
        if not 0 <= now - self._noted < NOTE_EVERY:
            self._noted = now
            try:
                await asyncio.to_thread(write_last_fetch, self._folder, now)
            except StoreError as error:  # following goes on without a disk
                log.warning("the time of the last fetch could not be saved", error=str(error))

    async def end_when_due(self, now: int) -> None:
        """End the following a week after the last fetch.  The clock must be right."""
        last = self.following.since if self.fetched is None else self.fetched
        if not self.is_ended and now - last >= FOLLOWS_FOR:
            await self.end()

    async def end(self) -> None:
        """Delete what the first box sent; everyone has the guest rules from now on."""
        async with self._taking:
            if self.is_ended:
                return
            log.error(ENDED % self.following.url)
            self.is_ended = True
            had, self.bundle = self.bundle, None
            if had is not None:
                await asyncio.to_thread(self.store.become, await self._open_nothing())
                self._is_changed = True
            await asyncio.to_thread(forget_bundle, self._folder)
            if had is not None:
                await asyncio.to_thread(erase_minutes, self._folder, had)

    # --- what others ask ---

    async def seed(self) -> None:
        """Do nothing: the first box has the household."""

    async def is_changed(self) -> bool:
        """Tell whether another bundle is in force since the last call."""
        changed, self._is_changed = self._is_changed, False
        return changed

    async def households(self) -> Sequence[Household]:
        """Return the household."""
        ids = await self.store.households()
        found = [await self.store.household(each) for each in ids]
        return [each for each in found if each is not None]

    async def revisions(self) -> Mapping[str, int]:
        """Return no revision that could be in force: each bundle is applied."""
        return {}

    async def reopen(self, _changing: asyncio.Lock) -> bool:
        """Do nothing: it is in memory."""
        return False

    async def compare(self) -> None:
        """Do nothing: it is in memory."""

    async def repair(self) -> None:
        """Raise StoreError: there is nothing that could be made anew here."""
        raise StoreError("this box follows another one; repair the household there")

    async def close(self) -> None:
        """Close the store, in a thread."""
        await asyncio.to_thread(self.store.close)


def followed_source(folder: Path) -> FollowedSource | None:
    """Return the source of a second box; None for a box that follows nobody.  StoreError."""
    following = read_following(folder)
    return None if following is None else FollowedSource(folder, following)


def open_bundle(folder: Path, following: Following, is_reading: bool) -> HouseholdStore:
    """Open the bundle on disk, for a command; blocks.

    Raises FollowingError, also for a command that does not only read.
    """
    if not is_reading:
        raise FollowingError(f"this box follows {following.url}; change rules there")
    found = read_stored_bundle(folder, following.key)
    if found is None:
        raise FollowingError(NOTHING_YET % following.url)
    return HouseholdStore.open_replica(folder, found[0].rows)


def erase_minutes(folder: Path, bundle: Bundle) -> None:
    """Delete the minutes that were counted here of everyone in a bundle; blocks.  StoreError."""
    people = {GUEST, *(str(row["id"]) for row in bundle.rows.get("profile", ()))}
    for each in sorted(people):
        QueryLog(folder).erase(bundle.household, each, bundle.made)


def as_followed(household: Household) -> Household:
    """Return a household as a second box serves it: nothing is recorded of anybody there."""
    return replace(household, profiles=tuple(map(_without_records, household.profiles)))


def _without_records(profile: Profile) -> Profile:
    return replace(profile, privacy=PrivacyMode.OFF, full_log=None, bypass_signs=False)
