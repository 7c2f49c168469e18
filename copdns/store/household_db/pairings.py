"""What identifies a person besides the address: pairings, PINs, and guests for a day.

A pairing is a cookie that a device's browser gets at its first visit.  With address and cookie a
page shows what was blocked on the device; with the address alone, which another device can take, it
shows the rules only.  The pairing of a guest's browser ends with the guest's time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from copdns.accounts.account import (
    DAY,
    GUEST_LASTS,
    GUEST_PREFIX,
    PAIRING_LASTS,
    PAIRING_OPEN,
    REQUEST_LASTS,
    REQUEST_PREFIX,
    Guest,
    GuestKind,
    GuestRequest,
    Pairing,
)
from copdns.accounts.claims import ANNOUNCED_FOR, ClaimKind, proof_of_pairing
from copdns.accounts.codes import make_secret, make_short_id, secret_digest
from copdns.accounts.moves import keeper_of
from copdns.model.errors import AccountError
from copdns.model.violations import no_such
from copdns.store.household_db.claim_rows import note_claim, recent_claims
from copdns.store.household_db.moves import read_moves
from copdns.store.household_db.notes import audit
from copdns.store.household_db.tables import load
from copdns.store.household_db.thread import StoreThread

MAX_PAIRINGS = 8  # browsers of one device
MAX_GUESTS = 100
MAX_REQUESTS = 20  # so that made-up addresses cannot fill the page

_PAIRING = "household, id, device, profile, made, used, proof"
_GUEST = "household, id, kind, address, mac, profile, author, at, until"
_REQUEST = "household, address, mac, at"


class DeviceLink(NamedTuple):
    """A pairing of a device with the digest of its cookie; else as of `Pairing`."""

    digest: str
    household: str
    id: str
    device: str
    profile: str
    made: int
    used: int
    proof: int | None


class Pairings:
    """The pairings of all households.  Methods raise AccountError and StoreError.

    profile: the person that the device belongs to now; after it was given to somebody else its
    pairings no longer count.  now: seconds since the epoch.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def find(
        self,
        household: str,
        device: str,
        profile: str,
        cookie: str,
        now: int,
        *,
        quietly: bool = False,
    ) -> Pairing | None:
        """Return the pairing of a cookie, if it is one of this device and this person.

        quietly: do not update when it was last used.
        """

        def work(connection: sqlite3.Connection) -> Pairing | None:
            row = connection.execute(
                f"""
                select {_PAIRING} from pairing
                 where digest = ? and household = ? and device = ? and profile = ? and used > ?
                """,  # noqa: S608
                (secret_digest(cookie), household, device, profile, now - PAIRING_LASTS),
            ).fetchone()
            if row is None:
                return None
            return Pairing(*row)

        found = await self._thread.read(work) if cookie else None
        if found is not None and not quietly and abs(now - found.used) >= DAY:
            await self._thread.write(
                lambda connection: connection.execute(
                    "update pairing set used = ? where household = ? and id = ?",
                    (now, household, found.id),
                )
            )
        return found

    async def pair(self, household: str, device: str, profile: str, now: int) -> str | None:
        """Return the secret of a new pairing, for the cookie; None where there can be none.

        That is where another browser of the device is paired and no guardian allowed one more,
        where there are too many, or where the device is not this person's.
        """
        secret = make_secret()

        def work(connection: sqlite3.Connection) -> str | None:
            there = _read_pairings(connection, household, device, profile, now)
            if there and not _is_open_for_another(connection, household, device, now):
                return None
            if len(there) >= MAX_PAIRINGS or not _is_of(connection, household, device, profile):
                return None
            connection.execute(
                "delete from pairing_open where household = ? and device = ?", (household, device)
            )
            claims = recent_claims(connection, household, device, now)
            proof = proof_of_pairing(claims, device, now)
            new = _pair(connection, household, device, profile, secret, now, proof)
            if proof > now:
                kind = ClaimKind.PAIRING
                note_claim(
                    connection, household, profile, kind, device, now, device=device, pairing=new
                )
            audit(connection, household, device, "browser linked to this device", now)
            return secret

        return await self._thread.write(work)

    async def let_another_in(self, household: str, device: str, author: str, now: int) -> None:
        """Allow the next browser of a device to be paired, within an hour."""

        def work(connection: sqlite3.Connection) -> None:
            _check_device(connection, household, device)
            _note_opening(connection, household, device, author, now)
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

    async def links(self, household: str) -> tuple[DeviceLink, ...]:
        """Return the pairings of all devices of a household, as they can be put back."""

        def work(connection: sqlite3.Connection) -> tuple[DeviceLink, ...]:
            rows = connection.execute(
                f"select digest, {_PAIRING} from pairing"  # noqa: S608
                " where household = ? and device not like '%:%'",
                (household,),
            )
            return tuple(DeviceLink(*row) for row in rows)

        return await self._thread.read(work)

    async def put_back(self, links: Iterable[DeviceLink], now: int) -> None:
        """Store pairings again that ended with their device, where it is back with its person.

        Not those that were no proof: nobody could object to them while the device was away.
        """

        def work(connection: sqlite3.Connection) -> None:
            for each in links:
                is_proof = each.proof is not None and each.proof <= now
                if is_proof and _is_of(connection, each.household, each.device, each.profile):
                    connection.execute(
                        f"insert or ignore into pairing (digest, {_PAIRING})"  # noqa: S608
                        " values (?, ?, ?, ?, ?, ?, ?, ?)",
                        each,
                    )

        await self._thread.write(work)

    async def revoke(self, household: str, pairing: str, author: str, now: int) -> None:
        """End a pairing.  Where it was the device's last, the next browser is paired again."""

        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "delete from pairing where household = ? and id = ? returning device",
                (household, pairing),
            ).fetchone()
            if row is None:
                raise AccountError("this browser is no longer linked")
            _note_opening(connection, household, row[0], author, now)
            audit(connection, household, author, f"{row[0]}: a linked browser was removed", now)

        await self._thread.write(work)

    async def tidy(self, now: int) -> int:
        """Delete what is over, of all households; return how many rows."""

        def work(connection: sqlite3.Connection) -> int:
            statements = (
                ("delete from pairing where used <= ?", now - PAIRING_LASTS),
                ("delete from pairing_open where until <= ?", now),
                ("delete from former_browser where used <= ?", now - PAIRING_LASTS),
            )
            return sum(connection.execute(sql, (at,)).rowcount for sql, at in statements)

        return await self._thread.write(work)


class Pins:
    """PINs, by which children say on a shared device who they are.  Methods raise AccountError and
    StoreError."""

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
        """Return the ids of the profiles that have a PIN."""

        def work(connection: sqlite3.Connection) -> frozenset[str]:
            rows = connection.execute("select profile from pin where household = ?", (household,))
            return frozenset(profile for (profile,) in rows)

        return await self._thread.read(work)

    async def set(self, household: str, profile: str, pin_hash: str, author: str, now: int) -> None:
        """Set a PIN.  pin_hash: from `hash_password`; "" removes the PIN."""

        def work(connection: sqlite3.Connection) -> None:
            _check_profile(connection, household, profile)
            connection.execute(
                "delete from pin where household = ? and profile = ?", (household, profile)
            )
            if pin_hash:
                connection.execute(
                    "insert into pin (household, profile, hash, made, proof)"
                    " values (?, ?, ?, ?, ?)",
                    (household, profile, pin_hash, now, now + ANNOUNCED_FOR),
                )
                note_claim(connection, household, profile, ClaimKind.PIN, author, now)
            what = "PIN set" if pin_hash else "PIN removed"
            audit(connection, household, author, f"{profile}: {what}", now)

        await self._thread.write(work)


class PairedGuest(NamedTuple):
    """A guest in their browser.  proof: as of `Pairing`; that of the PIN that was typed, None for
    somebody whom a guardian let in."""

    kind: GuestKind
    proof: int | None


class Guests:
    """Devices that belong to somebody for a while.  Methods raise AccountError and StoreError.

    A guest changes answers, so one that comes or is ended raises the household's revision.
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
        """Make an address somebody's for a while; an earlier guest or request of it ends.

        profile: "" for the rules of guests.  author: in people's words.  lasts: seconds, at most a
        day.  browser: the secret of the browser to pair; "" for the one that asked.
        """
        until = now + min(max(lasts, 60), GUEST_LASTS)
        new = Guest(household, make_short_id(), kind, address, mac, profile, author, now, until)

        def work(connection: sqlite3.Connection) -> Guest:
            if profile:
                _check_profile(connection, household, profile)
                _check_not_kept(connection, new)
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
            if there >= MAX_GUESTS:
                raise AccountError(
                    "there are already %(there)s guests, the most possible; remove one first",
                    there=there,
                )
            connection.execute(
                f"insert into guest ({_GUEST}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                new,
            )
            if browser:
                proof = _proof_of_pin(connection, household, profile)
                _pair(connection, household, GUEST_PREFIX + new.id, profile, browser, now, proof)
            if profile and kind is GuestKind.GUEST:
                _note_guest(connection, new)
            _raise_revision(connection, household)
            what = f"a device assigned to {profile or 'a guest'} for a while"
            audit(connection, household, author, what, now)
            return new

        return await self._thread.write(work)

    async def of(self, household: str, now: int) -> tuple[Guest, ...]:
        """Return the guests whose time is not over, the oldest first."""

        def work(connection: sqlite3.Connection) -> tuple[Guest, ...]:
            rows = connection.execute(
                f"select {_GUEST} from guest where household = ? and until > ? order by at, id",  # noqa: S608
                (household, now),
            )
            return tuple(map(_guest_from_row, rows))

        return await self._thread.read(work)

    async def find_paired(
        self, household: str, guest: str, profile: str, cookie: str, now: int
    ) -> PairedGuest | None:
        """Return the kind of a guest and its proof, if the cookie is of a browser that is paired
        with it."""

        def work(connection: sqlite3.Connection) -> PairedGuest | None:
            row = connection.execute(
                """
                select guest.kind, pairing.proof from guest
                  join pairing on pairing.household = guest.household and pairing.device = ?
                   and pairing.profile = guest.profile
                 where guest.household = ? and guest.id = ? and guest.profile = ?
                   and guest.until > ? and pairing.digest = ?
                """,
                (GUEST_PREFIX + guest, household, guest, profile, now, secret_digest(cookie)),
            ).fetchone()
            return PairedGuest(GuestKind(row[0]), row[1]) if row else None

        return await self._thread.read(work) if cookie else None

    async def pair(self, household: str, guest: str, profile: str, now: int) -> str | None:
        """Return the secret of a new pairing for a guest's first browser; None where it has one.

        Only for a guest whom a guardian let in: a PIN pairs the browser that it is typed in.
        """
        secret = make_secret()

        def work(connection: sqlite3.Connection) -> str | None:
            free = connection.execute(
                """
                select 1 from guest
                 where household = ? and id = ? and profile = ? and kind = ? and until > ?
                   and not exists (select 1 from pairing
                                    where pairing.household = guest.household and device = ?)
                """,
                (household, guest, profile, GuestKind.GUEST, now, GUEST_PREFIX + guest),
            ).fetchone()
            if free is None:
                return None
            _pair(connection, household, GUEST_PREFIX + guest, profile, secret, now, None)
            return secret

        return await self._thread.write(work)

    async def ask(
        self, household: str, address: str, now: int, mac: str = "", browser: str = ""
    ) -> bool:
        """Store that the user of a device asks to be let in; return False where its address asks
        already.

        browser: the secret of the browser that asks; it is paired when a guardian says whose the
        device is.  Raises AccountError where too many ask.
        """
        new = GuestRequest(household, address, mac, now)

        def work(connection: sqlite3.Connection) -> bool:
            found = _read_requests(connection, household, now)
            if any(each.address == address for each in found):
                return False
            if len(found) >= MAX_REQUESTS:
                raise AccountError(
                    "many devices are already waiting; please tell someone who looks after "
                    "your home"
                )
            connection.execute(
                f"insert or replace into guest_request ({_REQUEST}) values (?, ?, ?, ?)",  # noqa: S608
                new,
            )
            _unpair(
                connection, household, REQUEST_PREFIX + address
            )  # of an older request without an answer
            if browser:
                _pair(connection, household, REQUEST_PREFIX + address, "", browser, now, None)
            return True

        return await self._thread.write(work)

    async def requests(self, household: str, now: int) -> tuple[GuestRequest, ...]:
        """Return the devices that wait to be let in, the oldest first; `approve` ends that."""
        return await self._thread.read(
            lambda connection: _read_requests(connection, household, now)
        )

    async def refuse(self, household: str, address: str, author: str, now: int) -> None:
        """Delete the request of an address, if any; the device keeps the rules of guests."""

        def work(connection: sqlite3.Connection) -> None:
            done = connection.execute(
                "delete from guest_request where household = ? and address = ?",
                (household, address),
            )
            _unpair(connection, household, REQUEST_PREFIX + address)
            if done.rowcount:
                audit(connection, household, author, "a device was refused access", now)

        await self._thread.write(work)

    async def end(self, household: str, guest: str, author: str, now: int) -> None:
        """End a guest's time now, and unpair their browser; AccountError where it is over.

        author: in people's words, for the audit.
        """

        def work(connection: sqlite3.Connection) -> None:
            done = connection.execute(
                "delete from guest where household = ? and id = ?", (household, guest)
            )
            if not done.rowcount:
                raise AccountError("this guest's access has already ended")
            _unpair(connection, household, GUEST_PREFIX + guest)
            _raise_revision(connection, household)
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
    connection: sqlite3.Connection,
    household: str,
    device: str,
    profile: str,
    secret: str,
    now: int,
    proof: int | None,
) -> str:
    """Store a pairing; return its id."""
    new = make_short_id()
    connection.execute(
        f"insert into pairing (digest, {_PAIRING}) values (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (secret_digest(secret), household, new, device, profile, now, now, proof),
    )
    return new


def _note_opening(
    connection: sqlite3.Connection, household: str, device: str, author: str, now: int
) -> None:
    """Tell a device's person that another browser can be linked there, and whose it still is."""
    row = connection.execute(
        "select profile from device where household = ? and id = ?", (household, device)
    ).fetchone()
    people = {row[0]} if row is not None else set()  # none for a guest's
    people |= {
        each.profile
        for each in read_moves(connection, household)
        if people and each.device == device and each.is_open(now)
    }
    for who in sorted(people):
        note_claim(connection, household, who, ClaimKind.OPENING, author, now, device=device)


def _check_not_kept(connection: sqlite3.Connection, guest: Guest) -> None:
    """Raise AccountError where a guest's address is of a device of another person of 13 or more,
    or was until it was removed: that would move it unannounced."""
    home = load(connection, guest.household)
    if home is None:
        return
    moves, known_by = read_moves(connection, home.id), (guest.address, guest.mac)
    if keeper_of(home, moves, known_by, guest.at, guest.profile):
        raise AccountError(
            "this device already belongs to someone of 13 or more, so it cannot be someone else's "
            "for a day"
        )


def _note_guest(connection: sqlite3.Connection, guest: Guest) -> None:
    note_claim(
        connection,
        guest.household,
        guest.profile,
        ClaimKind.GUEST,
        guest.author,
        guest.at,
        device=GUEST_PREFIX + guest.id,
    )


def _proof_of_pin(connection: sqlite3.Connection, household: str, profile: str) -> int | None:
    row = connection.execute(
        "select proof from pin where household = ? and profile = ?", (household, profile)
    ).fetchone()
    return row[0] if row is not None else None


def _unpair(connection: sqlite3.Connection, household: str, device: str) -> None:
    connection.execute(
        "delete from pairing where household = ? and device = ?", (household, device)
    )


def _pair_who_asked(connection: sqlite3.Connection, guest: Guest) -> None:
    connection.execute(
        "update pairing set device = ?, profile = ? where household = ? and device = ?",
        (GUEST_PREFIX + guest.id, guest.profile, guest.household, REQUEST_PREFIX + guest.address),
    )


def _unpair_guests(connection: sqlite3.Connection, household: str, address: str) -> None:
    """Delete the pairings of earlier guests and requests of an address."""
    rows = connection.execute(
        "select id from guest where household = ? and address = ?", (household, address)
    ).fetchall()
    for device in (*(GUEST_PREFIX + guest for (guest,) in rows), REQUEST_PREFIX + address):
        _unpair(connection, household, device)


def _unpair_who_is_gone(connection: sqlite3.Connection) -> int:
    """Delete the pairings of guests and requests that no longer exist."""
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
        {
            "guest": GUEST_PREFIX,
            "guests": len(GUEST_PREFIX),
            "asks": REQUEST_PREFIX,
            "asking": len(REQUEST_PREFIX),
        },
    ).rowcount


def _read_pairings(
    connection: sqlite3.Connection, household: str, device: str, profile: str, now: int
) -> list[tuple[str]]:
    return connection.execute(
        """
        select id from pairing
         where household = ? and device = ? and profile = ? and used > ?
        """,
        (household, device, profile, now - PAIRING_LASTS),
    ).fetchall()


def _is_open_for_another(
    connection: sqlite3.Connection, household: str, device: str, now: int
) -> bool:
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


def _raise_revision(connection: sqlite3.Connection, household: str) -> None:
    connection.execute(
        "update household set revision = revision + 1 where household = ?", (household,)
    )


def _read_requests(
    connection: sqlite3.Connection, household: str, now: int
) -> tuple[GuestRequest, ...]:
    rows = connection.execute(
        f"select {_REQUEST} from guest_request where household = ? and at > ? order by at, address",  # noqa: S608
        (household, now - REQUEST_LASTS),
    )
    return tuple(GuestRequest(*row) for row in rows)


def _guest_from_row(row: tuple[str, str, str, str, str, str, str, int, int]) -> Guest:
    household, guest, kind, address, mac, profile, author, at, until = row
    return Guest(household, guest, GuestKind(kind), address, mac, profile, author, at, until)
