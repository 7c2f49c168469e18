"""What tells a person beside the address: pairings, PINs, and guests for a day.

A pairing is a cookie that a device's browser got at its first visit.  Address and cookie together
show what a device was blocked; the address alone, which another device can take, shows rules only.
The browser of somebody who is let in for a while is paired as long: when that ends it is nobody's.
"""

from __future__ import annotations

import sqlite3

from copdns.accounts.account import (
    DAY,
    GUEST_LASTS,
    PAIRING_LASTS,
    PAIRING_OPEN,
    REQUEST_LASTS,
    Guest,
    GuestKind,
    GuestRequest,
    Pairing,
)
from copdns.accounts.codes import secret, secret_digest, short_id
from copdns.accounts.guests import ASKS, GUEST
from copdns.model.errors import AccountError
from copdns.model.violations import no_such
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread

MOST_PAIRINGS = 8  # browsers of one device
MOST_GUESTS = 100
MOST_REQUESTS = 20  # a flood of made-up addresses fills no page

_PAIRING = "household, id, device, profile, made, used"
_GUEST = "household, id, kind, address, mac, profile, author, at, until"
_REQUEST = "household, address, mac, at"


class Pairings:
    """Methods raise AccountError and StoreError.

    profile: whose the device is now; one that was moved to somebody else is paired anew.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def known(
        self,
        household: str,
        device: str,
        profile: str,
        told: str,
        now: int,
        *,
        quietly: bool = False,
    ) -> Pairing | None:
        """Return the pairing of a cookie, if it is one of this device and this person.

        quietly: it is not noted that it is in use.
        """

        def work(connection: sqlite3.Connection) -> Pairing | None:
            row = connection.execute(
                f"""
                select {_PAIRING} from pairing
                 where digest = ? and household = ? and device = ? and profile = ? and used > ?
                """,  # noqa: S608
                (secret_digest(told), household, device, profile, now - PAIRING_LASTS),
            ).fetchone()
            if row is None:
                return None
            found = Pairing(*row)
            if not quietly and abs(now - found.used) >= DAY:
                connection.execute(
                    "update pairing set used = ? where household = ? and id = ?",
                    (now, household, found.id),
                )
            return found

        return await self._thread.read(work) if told else None

    async def pair(self, household: str, device: str, profile: str, now: int) -> str | None:
        """Return the secret of a new pairing, for the cookie; None where a guardian must let the
        browser in first, because the device has been paired before."""
        told = secret()

        def work(connection: sqlite3.Connection) -> str | None:
            there = _pairings(connection, household, device, profile, now)
            if there and not _opened(connection, household, device, now):
                return None
            if len(there) >= MOST_PAIRINGS or not _is_of(connection, household, device, profile):
                return None
            connection.execute(
                "delete from pairing_open where household = ? and device = ?", (household, device)
            )
            _pair(connection, household, device, profile, told, now)
            audit(connection, household, device, "browser linked to this device", now)
            return told

        return await self._thread.write(work)

    async def let_another_in(self, household: str, device: str, author: str, now: int) -> None:
        """Let the next browser that comes from a device within an hour be paired with it."""

        def work(connection: sqlite3.Connection) -> None:
            _check_device(connection, household, device)
            connection.execute(
                """
                insert or replace into pairing_open (household, device, until) values (?, ?, ?)
                """,
                (household, device, now + PAIRING_OPEN),
            )
            audit(connection, household, author, f"{device}: another browser can be linked", now)

        await self._thread.write(work)

    async def of(self, household: str, device: str = "") -> tuple[Pairing, ...]:
        """Return the pairings of a household, or of one device, the oldest first."""

        def work(connection: sqlite3.Connection) -> tuple[Pairing, ...]:
            rows = connection.execute(
                f"""
                select {_PAIRING} from pairing
                 where household = :household and (:device = '' or device = :device)
                 order by made, id
                """,  # noqa: S608
                {"household": household, "device": device},
            )
            return tuple(Pairing(*row) for row in rows)

        return await self._thread.read(work)

    async def revoke(self, household: str, pairing: str, author: str, now: int) -> None:
        """End a pairing.  When it was the device's last, the next browser that comes is paired."""

        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "delete from pairing where household = ? and id = ? returning device",
                (household, pairing),
            ).fetchone()
            if row is None:
                raise AccountError("this browser is no longer linked")
            audit(connection, household, author, f"{row[0]}: a linked browser was removed", now)

        await self._thread.write(work)

    async def tidy(self, now: int) -> int:
        """Delete what is over, of all households; return how many rows."""

        def work(connection: sqlite3.Connection) -> int:
            statements = (
                ("delete from pairing where used <= ?", now - PAIRING_LASTS),
                ("delete from pairing_open where until <= ?", now),
            )
            return sum(connection.execute(sql, (at,)).rowcount for sql, at in statements)

        return await self._thread.write(work)


class Pins:
    """PINs of children, by which one says on a shared device who it is.  Methods raise as above."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def get(self, household: str, profile: str) -> str:
        """Return the hash of a person's PIN; "" for none."""

        def work(connection: sqlite3.Connection) -> str:
            row = connection.execute(
                "select hash from pin where household = ? and profile = ?", (household, profile)
            ).fetchone()
            return row[0] if row else ""

        return await self._thread.read(work)

    async def people(self, household: str) -> frozenset[str]:
        """Return the ids of the profiles that have one."""

        def work(connection: sqlite3.Connection) -> frozenset[str]:
            rows = connection.execute("select profile from pin where household = ?", (household,))
            return frozenset(profile for (profile,) in rows)

        return await self._thread.read(work)

    async def set(self, household: str, profile: str, kept: str, author: str, now: int) -> None:
        """Set a PIN, as `passwords.hashed` gave it; "" takes it away."""

        def work(connection: sqlite3.Connection) -> None:
            _check_profile(connection, household, profile)
            connection.execute(
                "delete from pin where household = ? and profile = ?", (household, profile)
            )
            if kept:
                connection.execute(
                    "insert into pin (household, profile, hash, made) values (?, ?, ?, ?)",
                    (household, profile, kept, now),
                )
            what = "PIN set" if kept else "PIN removed"
            audit(connection, household, author, f"{profile}: {what}", now)

        await self._thread.write(work)


class Guests:
    """Devices that are somebody's for a while.

    These change who is answered how, so they raise the household's revision.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def approve(
        self,
        household: str,
        kind: GuestKind,
        address: str,
        profile: str,
        author: str,
        now: int,
        lasts: int = GUEST_LASTS,
        mac: str = "",
        browser: str = "",
    ) -> Guest:
        """Let an address be somebody's for a while; what was said of it before is over.

        profile: "" for the rules of guests.  author: in people's words.  lasts: seconds, at most a
        day.  browser: the secret of the one that is paired with it; without it the one that asked.
        """
        until = now + min(max(lasts, 60), GUEST_LASTS)
        new = Guest(household, short_id(), kind, address, mac, profile, author, now, until)

        def work(connection: sqlite3.Connection) -> Guest:
            if profile:
                _check_profile(connection, household, profile)
            if not browser and profile:
                _pair_who_asked(connection, new)
            _unpair_guests(connection, household, address)
            for table in ("guest", "guest_request"):
                connection.execute(
                    f"delete from {table} where household = ? and address = ?",  # noqa: S608
                    (household, address),
                )
            (there,) = connection.execute(
                "select count(*) from guest where household = ?", (household,)
            ).fetchone()
            if there >= MOST_GUESTS:
                raise AccountError(
                    "there are already %(there)s guests, the most possible; remove one first",
                    there=there,
                )
            connection.execute(
                f"insert into guest ({_GUEST}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                new,
            )
            if browser:
                _pair(connection, household, GUEST + new.id, profile, browser, now)
            _raise(connection, household)
            what = f"a device assigned to {profile or 'a guest'} for a while"
            audit(connection, household, author, what, now)
            return new

        return await self._thread.write(work)

    async def of(self, household: str, now: int) -> tuple[Guest, ...]:
        """Return those that are not over, the oldest first."""

        def work(connection: sqlite3.Connection) -> tuple[Guest, ...]:
            rows = connection.execute(
                f"select {_GUEST} from guest where household = ? and until > ? order by at, id",  # noqa: S608
                (household, now),
            )
            return tuple(map(_guest, rows))

        return await self._thread.read(work)

    async def paired(
        self, household: str, guest: str, profile: str, told: str, now: int
    ) -> GuestKind | None:
        """Return how somebody came in for a while, if the cookie is of their browser."""

        def work(connection: sqlite3.Connection) -> GuestKind | None:
            row = connection.execute(
                """
                select guest.kind from guest
                  join pairing on pairing.household = guest.household and pairing.device = ?
                   and pairing.profile = guest.profile
                 where guest.household = ? and guest.id = ? and guest.profile = ?
                   and guest.until > ? and pairing.digest = ?
                """,
                (GUEST + guest, household, guest, profile, now, secret_digest(told)),
            ).fetchone()
            return GuestKind(row[0]) if row else None

        return await self._thread.read(work) if told else None

    async def pair(self, household: str, guest: str, profile: str, now: int) -> str | None:
        """Return the secret of the first browser of a device that a guardian let in without being
        asked; None where there is one already.  A PIN pairs the browser that it is typed in."""
        told = secret()

        def work(connection: sqlite3.Connection) -> str | None:
            free = connection.execute(
                """
                select 1 from guest
                 where household = ? and id = ? and profile = ? and kind = ? and until > ?
                   and not exists (select 1 from pairing
                                    where pairing.household = guest.household and device = ?)
                """,
                (household, guest, profile, GuestKind.GUEST, now, GUEST + guest),
            ).fetchone()
            if free is None:
                return None
            _pair(connection, household, GUEST + guest, profile, told, now)
            return told

        return await self._thread.write(work)

    async def ask(
        self, household: str, address: str, now: int, mac: str = "", browser: str = ""
    ) -> bool:
        """Keep that a device's user asks to be let in, for a guardian to see; once an address.

        browser: the secret of the one that asks.  The first of an address is paired with whoever a
        guardian says it is; return whether this was it.  Raises AccountError when too many ask.
        """
        new = GuestRequest(household, address, mac, now)

        def work(connection: sqlite3.Connection) -> bool:
            found = _requests(connection, household, now)
            if any(each.address == address for each in found):
                return False
            if len(found) >= MOST_REQUESTS:
                raise AccountError(
                    "many devices are already waiting; please tell a grown-up at home"
                )
            connection.execute(
                f"insert or replace into guest_request ({_REQUEST}) values (?, ?, ?, ?)",  # noqa: S608
                new,
            )
            _unpair(connection, household, ASKS + address)  # of a question that nobody answered
            if browser:
                _pair(connection, household, ASKS + address, "", browser, now)
            return True

        return await self._thread.write(work)

    async def asking(self, household: str, now: int) -> tuple[GuestRequest, ...]:
        """Return the devices that wait to be let in, the oldest first; `approve` ends that."""
        return await self._thread.read(lambda connection: _requests(connection, household, now))

    async def refuse(self, household: str, address: str, author: str, now: int) -> None:
        """Take a device off those that wait; it keeps the rules of guests.  Twice is harmless."""

        def work(connection: sqlite3.Connection) -> None:
            done = connection.execute(
                "delete from guest_request where household = ? and address = ?",
                (household, address),
            )
            _unpair(connection, household, ASKS + address)
            if done.rowcount:
                audit(connection, household, author, "a device was refused access", now)

        await self._thread.write(work)

    async def end(self, household: str, guest: str, author: str, now: int) -> None:
        """End a guest's time now, and forget their browser; raise AccountError when it is over.

        author: in people's words, for the audit.
        """

        def work(connection: sqlite3.Connection) -> None:
            done = connection.execute(
                "delete from guest where household = ? and id = ?", (household, guest)
            )
            if not done.rowcount:
                raise AccountError("this guest's access has already ended")
            _unpair(connection, household, GUEST + guest)
            _raise(connection, household)
            audit(connection, household, author, "a guest's access was ended", now)

        await self._thread.write(work)

    async def tidy(self, now: int) -> int:
        """Delete what is over, of all households; return how many rows."""

        def work(connection: sqlite3.Connection) -> int:
            statements = (
                ("delete from guest where until <= ?", now),
                ("delete from guest_request where at <= ?", now - REQUEST_LASTS),
            )
            done = sum(connection.execute(sql, (at,)).rowcount for sql, at in statements)
            return done + _unpair_who_is_gone(connection)

        return await self._thread.write(work)


def _pair(
    connection: sqlite3.Connection, household: str, device: str, profile: str, told: str, now: int
) -> None:
    connection.execute(
        f"insert into pairing (digest, {_PAIRING}) values (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (secret_digest(told), household, short_id(), device, profile, now, now),
    )


def _unpair(connection: sqlite3.Connection, household: str, device: str) -> None:
    connection.execute(
        "delete from pairing where household = ? and device = ?", (household, device)
    )


def _pair_who_asked(connection: sqlite3.Connection, guest: Guest) -> None:
    connection.execute(
        "update pairing set device = ?, profile = ? where household = ? and device = ?",
        (GUEST + guest.id, guest.profile, guest.household, ASKS + guest.address),
    )


def _unpair_guests(connection: sqlite3.Connection, household: str, address: str) -> None:
    """End the pairings of whoever was at an address before, and of who asked there."""
    rows = connection.execute(
        "select id from guest where household = ? and address = ?", (household, address)
    ).fetchall()
    for device in (*(GUEST + guest for (guest,) in rows), ASKS + address):
        _unpair(connection, household, device)


def _unpair_who_is_gone(connection: sqlite3.Connection) -> int:
    """Delete the pairings of guests, and of those who asked, that are not there any more."""
    return connection.execute(
        """
        delete from pairing
         where (substr(device, 1, :guests) = :guest
                and not exists (select 1 from guest where guest.household = pairing.household
                                   and :guest || guest.id = pairing.device))
            or (substr(device, 1, :asking) = :asks
                and not exists (select 1 from guest_request as asked
                                 where asked.household = pairing.household
                                   and :asks || asked.address = pairing.device))
        """,
        {"guest": GUEST, "guests": len(GUEST), "asks": ASKS, "asking": len(ASKS)},
    ).rowcount


def _pairings(
    connection: sqlite3.Connection, household: str, device: str, profile: str, now: int
) -> list[tuple[str]]:
    return connection.execute(
        """
        select id from pairing
         where household = ? and device = ? and profile = ? and used > ?
        """,
        (household, device, profile, now - PAIRING_LASTS),
    ).fetchall()


def _opened(connection: sqlite3.Connection, household: str, device: str, now: int) -> bool:
    row = connection.execute(
        "select 1 from pairing_open where household = ? and device = ? and until > ?",
        (household, device, now),
    ).fetchone()
    return row is not None


def _is_of(connection: sqlite3.Connection, household: str, device: str, profile: str) -> bool:
    row = connection.execute(
        "select 1 from device where household = ? and id = ? and profile = ?",
        (household, device, profile),
    ).fetchone()
    return row is not None


def _check_device(connection: sqlite3.Connection, household: str, device: str) -> None:
    rows = connection.execute("select id from device where household = ?", (household,))
    ids = [each for (each,) in rows]
    if device not in ids:
        raise AccountError(no_such("device", device, ids))


def _check_profile(connection: sqlite3.Connection, household: str, profile: str) -> None:
    rows = connection.execute("select id from profile where household = ?", (household,))
    ids = [each for (each,) in rows]
    if profile not in ids:
        raise AccountError(no_such("profile", profile, ids))


def _raise(connection: sqlite3.Connection, household: str) -> None:
    connection.execute(
        "update household set revision = revision + 1 where household = ?", (household,)
    )


def _requests(connection: sqlite3.Connection, household: str, now: int) -> tuple[GuestRequest, ...]:
    rows = connection.execute(
        f"select {_REQUEST} from guest_request where household = ? and at > ? order by at, address",  # noqa: S608
        (household, now - REQUEST_LASTS),
    )
    return tuple(GuestRequest(*row) for row in rows)


def _guest(row: tuple[str, str, str, str, str, str, str, int, int]) -> Guest:
    household, guest, kind, address, mac, profile, author, at, until = row
    return Guest(household, guest, GuestKind(kind), address, mac, profile, author, at, until)
