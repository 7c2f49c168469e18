"""The boxes that follow this one, the key that their bundles are signed with, and their number.

A pairing is renewed by each fetch, and ends after a week without one, or when a guardian ends it.
Both write a line of the history; a new one is a notice for all guardians.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.accounts.codes import make_bundle_step, make_pairing_secret
from copdns.accounts.roles import Actor
from copdns.household.second_box.bundle import Rows, make_signing_key, public_key
from copdns.household.second_box.pairing_key import ID_OCTETS, PairingKey
from copdns.model.errors import HouseholdError
from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import audit, author_of, notify
from copdns.store.household_db.thread import StoreThread
from copdns.store.replica import read_replica, replica_mark

FOLLOWS_FOR: Final = 7 * 86_400  # seconds after the last fetch, or after it was paired
TOLD_FOR: Final = 7 * 86_400  # seconds for which a box is told that its pairing ended
MAX_FOLLOWERS: Final = 4
MAX_NAME: Final = 60  # characters
NOTE_EVERY: Final = 30  # seconds between two notes of a fetch: a disk is not written each second

_COLUMNS = "household, id, name, secret, made, author, fetched, address, ended"


class Follower(NamedTuple):
    """A box that follows.  made, fetched, ended: epoch seconds; fetched: of its last fetch, None
    for none yet; ended: None while it follows.  address: from which it fetched last."""

    household: str
    id: str
    name: str
    secret: bytes
    made: int
    author: str
    fetched: int | None
    address: str
    ended: int | None

    @property
    def ends(self) -> int:
        """When it ends without another fetch, in epoch seconds."""
        return (self.made if self.fetched is None else self.fetched) + FOLLOWS_FOR


class SigningKey(NamedTuple):
    """private: 32 octets.  number: of the last bundle.  digest: of what is in it."""

    private: bytes
    number: int
    digest: str


class Followers:
    """The followers of all households.  Methods raise StoreError; now: epoch seconds."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def of(self, household: str) -> tuple[Follower, ...]:
        """Return those that follow, the oldest first."""
        return tuple(each for each in await self._all(household) if each.ended is None)

    async def find(self, follower: str) -> Follower | None:
        """Return a follower of any household, also one that ended not long ago."""
        return next((each for each in await self._all(None) if each.id == follower), None)

    async def _all(self, household: str | None) -> tuple[Follower, ...]:
        def work(connection: SqlConnection) -> tuple[Follower, ...]:
            rows = connection.execute(
                f"""
                select {_COLUMNS} from follower
                 where household = :household or :household is null order by made, id
                """,  # noqa: S608
                {"household": household},
            )
            return tuple(map(_follower_from_row, rows))

        return await self._thread.read(work)

    async def pair(self, household: str, name: str, by: Actor | None, now: int) -> PairingKey:
        """Return the key of a new follower, to be shown once; raise HouseholdError."""
        cleaned = " ".join(name.split())
        if not cleaned or len(cleaned) > MAX_NAME:
            raise HouseholdError(
                "give the second copdns computer a name of 1 to %(most)s characters",
                most=MAX_NAME,
                name="name",
            )
        drawn = make_pairing_secret()

        def work(connection: SqlConnection) -> PairingKey:
            there = connection.execute(
                "select count(*) from follower where household = ? and ended is null", (household,)
            ).fetchone()
            if there[0] >= MAX_FOLLOWERS:
                raise HouseholdError(
                    "at most %(most)s boxes can follow; end one of them first", most=MAX_FOLLOWERS
                )
            key = _ensure_key(connection, household)
            secret = drawn[ID_OCTETS:]
            new = PairingKey(drawn[:ID_OCTETS].hex(), secret, public_key(key.private))
            connection.execute(
                f"insert into follower ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, null, '', null)",  # noqa: S608
                (household, new.id, cleaned, secret.hex(), now, author_of(by)),
            )
            audit(connection, household, author_of(by), f"second box {cleaned}: paired", now)
            kind = NoticeKind.BOX_PAIRED
            notify(connection, GuardianNotice(0, household, kind, cleaned, author_of(by), now), by)
            return new

        return await self._thread.write(work, household)

    async def end(self, household: str, follower: str, by: Actor | None, now: int) -> None:
        """End a pairing; nothing where it ended already."""

        def work(connection: SqlConnection) -> None:
            for each in connection.execute(
                """
                update follower set ended = ?
                 where household = ? and id = ? and ended is null returning name
                """,
                (now, household, follower),
            ).fetchall():
                audit(connection, household, author_of(by), f"second box {each[0]}: ended", now)

        await self._thread.write(work, household)

    async def note_fetch(self, follower: Follower, address: str, now: int) -> None:
        """Note that a follower was here; not each time."""
        last = follower.fetched
        if last is not None and 0 <= now - last < NOTE_EVERY and address == follower.address:
            return
        await self._thread.write(
            lambda connection: connection.execute(
                "update follower set fetched = ?, address = ? where household = ? and id = ?",
                (now, address, follower.household, follower.id),
            ),
            follower.household,
        )

    async def tidy(self, now: int) -> None:
        """End what was not renewed, and forget what ended long ago.  The clock must be right."""
        found = await self._all(None)
        if not any(_is_over(each, now) for each in found):
            return

        def work(connection: SqlConnection) -> None:
            late = connection.execute(
                """
                update follower set ended = :now
                 where ended is null and coalesce(fetched, made) <= :before
                returning household, name
                """,
                {"now": now, "before": now - FOLLOWS_FOR},
            ).fetchall()
            for household, name in late:
                what = f"second box {name}: ended, since it fetched nothing for a week"
                audit(connection, household, "copdns", what, now)
            connection.execute("delete from follower where ended <= ?", (now - TOLD_FOR,))

        await self._thread.write(work)

    async def mark(self, household: str) -> tuple[object, ...]:
        """Return a value that is another one after each change of what followers get."""
        return await self._thread.read(lambda connection: replica_mark(connection, household))

    async def rows(self, household: str) -> Rows:
        """Return what followers get of the household."""
        return await self._thread.read(lambda connection: read_replica(connection, household))

    async def private(self, household: str) -> bytes:
        """Return the key that bundles are signed with; b"" for a household that has none."""
        key = await self._thread.read(lambda connection: _read_key(connection, household))
        return b"" if key is None else key.private

    async def number(self, household: str, digest: str, have: int) -> SigningKey:
        """Return the key, and the number of the bundle with this digest: the last one's where that
        has the same, else a larger one.

        have: the number of the bundle that a follower has, which it comes after.  No clock is in
        it: one that was ahead once would hold all numbers after it back.
        """
        step = make_bundle_step()

        def work(connection: SqlConnection) -> SigningKey:
            key = _ensure_key(connection, household)
            if key.digest == digest and key.number >= have:
                return key
            new = key._replace(number=max(key.number, have) + step, digest=digest)
            connection.execute(
                "update follower_key set number = ?, digest = ? where household = ?",
                (new.number, digest, household),
            )
            return new

        there = await self._thread.read(lambda connection: _read_key(connection, household))
        if there is not None and there.digest == digest and there.number >= have:
            return there
        return await self._thread.write(work, household)


def _is_over(follower: Follower, now: int) -> bool:
    if follower.ended is not None:
        return follower.ended <= now - TOLD_FOR
    return follower.ends <= now


def _follower_from_row(row: tuple[Any, ...]) -> Follower:
    household, id_, name, secret, *rest = row
    return Follower(household, id_, name, bytes.fromhex(secret), *rest)


def _read_key(connection: SqlConnection, household: str) -> SigningKey | None:
    row = connection.execute(
        "select private, number, digest from follower_key where household = ?", (household,)
    ).fetchone()
    return None if row is None else SigningKey(bytes.fromhex(row[0]), row[1], row[2])


def _ensure_key(connection: SqlConnection, household: str) -> SigningKey:
    there = _read_key(connection, household)
    if there is not None:
        return there
    new = SigningKey(make_signing_key(), 0, "")
    connection.execute(
        "insert into follower_key (household, private, number, digest) values (?, ?, 0, '')",
        (household, new.private.hex()),
    )
    return new
