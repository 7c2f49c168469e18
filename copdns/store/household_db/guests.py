"""Guests: devices that belong to somebody for a while, and those whose users ask to be let in.

A browser of theirs is linked as any other (`pairings.py`), until the time is over.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from copdns.accounts.account import (
    GUEST_LASTS,
    GUEST_PREFIX,
    REQUEST_LASTS,
    REQUEST_PREFIX,
    Guest,
    GuestKind,
    GuestRequest,
)
from copdns.accounts.claims import ClaimKind
from copdns.accounts.codes import make_secret, make_short_id, secret_digest
from copdns.accounts.moves import keeper_of
from copdns.model.errors import AccountError
from copdns.store.connection import SqlConnection
from copdns.store.household_db.claim_rows import note_claim
from copdns.store.household_db.moves import read_moves
from copdns.store.household_db.notes import audit
from copdns.store.household_db.pairings import (
    check_profile,
    proof_of_pin,
    store_pairing,
    unpair,
    unpair_who_is_gone,
)
from copdns.store.household_db.tables import load
from copdns.store.household_db.thread import StoreThread
from copdns.store.statements import upsert

MAX_GUESTS = 100
MAX_REQUESTS = 20  # so that made-up addresses cannot fill the page
_GUEST = "household, id, kind, address, mac, profile, author, at, until"
_REQUEST = "household, address, mac, at"


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

        def work(connection: SqlConnection) -> Guest:
            if profile:
                check_profile(connection, household, profile)
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
                proof = proof_of_pin(connection, household, profile)
                store_pairing(
                    connection, household, GUEST_PREFIX + new.id, profile, browser, now, proof
                )
            if profile and kind is GuestKind.GUEST:
                _note_guest(connection, new)
            _raise_revision(connection, household)
            what = f"a device assigned to {profile or 'a guest'} for a while"
            audit(connection, household, author, what, now)
            return new

        return await self._thread.write(work, household)

    async def of(self, household: str, now: int) -> tuple[Guest, ...]:
        """Return the guests whose time is not over, the oldest first."""

        def work(connection: SqlConnection) -> tuple[Guest, ...]:
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

        def work(connection: SqlConnection) -> PairedGuest | None:
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

        def work(connection: SqlConnection) -> str | None:
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
            store_pairing(connection, household, GUEST_PREFIX + guest, profile, secret, now, None)
            return secret

        return await self._thread.write(work, household)

    async def ask(
        self, household: str, address: str, now: int, mac: str = "", browser: str = ""
    ) -> bool:
        """Store that the user of a device asks to be let in; return False where its address asks
        already.

        browser: the secret of the browser that asks; it is paired when a guardian says whose the
        device is.  Raises AccountError where too many ask.
        """
        new = GuestRequest(household, address, mac, now)

        def work(connection: SqlConnection) -> bool:
            found = _read_requests(connection, household, now)
            if any(each.address == address for each in found):
                return False
            if len(found) >= MAX_REQUESTS:
                raise AccountError(
                    "many devices are already waiting; please tell someone who looks after "
                    "your home"
                )
            connection.execute(upsert("guest_request", "household, address", _REQUEST), new)
            unpair(
                connection, household, REQUEST_PREFIX + address
            )  # of an older request without an answer
            if browser:
                store_pairing(
                    connection, household, REQUEST_PREFIX + address, "", browser, now, None
                )
            return True

        return await self._thread.write(work, household)

    async def requests(self, household: str, now: int) -> tuple[GuestRequest, ...]:
        """Return the devices that wait to be let in, the oldest first; `approve` ends that."""
        return await self._thread.read(
            lambda connection: _read_requests(connection, household, now)
        )

    async def refuse(self, household: str, address: str, author: str, now: int) -> None:
        """Delete the request of an address, if any; the device keeps the rules of guests."""

        def work(connection: SqlConnection) -> None:
            done = connection.execute(
                "delete from guest_request where household = ? and address = ?",
                (household, address),
            )
            unpair(connection, household, REQUEST_PREFIX + address)
            if done.rowcount:
                audit(connection, household, author, "a device was refused access", now)

        await self._thread.write(work, household)

    async def forget_requests(self, household: str, addresses: Collection[str]) -> None:
        """Delete the requests of addresses whose device belongs to somebody now."""

        def work(connection: SqlConnection) -> None:
            for address in addresses:
                connection.execute(
                    "delete from guest_request where household = ? and address = ?",
                    (household, address),
                )
                unpair(connection, household, REQUEST_PREFIX + address)

        await self._thread.write(work, household)

    async def end(self, household: str, guest: str, author: str, now: int) -> None:
        """End a guest's time now, and unpair their browser; AccountError where it is over.

        author: in people's words, for the audit.
        """

        def work(connection: SqlConnection) -> None:
            done = connection.execute(
                "delete from guest where household = ? and id = ?", (household, guest)
            )
            if not done.rowcount:
                raise AccountError("this guest's access has already ended")
            unpair(connection, household, GUEST_PREFIX + guest)
            _raise_revision(connection, household)
            audit(connection, household, author, "a guest's access was ended", now)

        await self._thread.write(work, household)

    async def tidy(self, now: int) -> int:
        """Delete what is over, of all households; return how many rows."""

        def work(connection: SqlConnection) -> int:
            statements = (
                ("delete from guest where until <= ?", now),
                ("delete from guest_request where at <= ?", now - REQUEST_LASTS),
            )
            done = sum(connection.execute(sql, (at,)).rowcount for sql, at in statements)
            return done + unpair_who_is_gone(connection)

        return await self._thread.write(work)


def _check_not_kept(connection: SqlConnection, guest: Guest) -> None:
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


def _note_guest(connection: SqlConnection, guest: Guest) -> None:
    note_claim(
        connection,
        guest.household,
        guest.profile,
        ClaimKind.GUEST,
        guest.author,
        guest.at,
        device=GUEST_PREFIX + guest.id,
    )


def _pair_who_asked(connection: SqlConnection, guest: Guest) -> None:
    connection.execute(
        "update pairing set device = ?, profile = ? where household = ? and device = ?",
        (GUEST_PREFIX + guest.id, guest.profile, guest.household, REQUEST_PREFIX + guest.address),
    )


def _unpair_guests(connection: SqlConnection, household: str, address: str) -> None:
    """Delete the pairings of earlier guests and requests of an address."""
    rows = connection.execute(
        "select id from guest where household = ? and address = ?", (household, address)
    ).fetchall()
    for device in (*(GUEST_PREFIX + guest for (guest,) in rows), REQUEST_PREFIX + address):
        unpair(connection, household, device)


def _raise_revision(connection: SqlConnection, household: str) -> None:
    connection.execute(
        "update household set revision = revision + 1 where household = ?", (household,)
    )


def _read_requests(connection: SqlConnection, household: str, now: int) -> tuple[GuestRequest, ...]:
    rows = connection.execute(
        f"select {_REQUEST} from guest_request where household = ? and at > ? order by at, address",  # noqa: S608
        (household, now - REQUEST_LASTS),
    )
    return tuple(GuestRequest(*row) for row in rows)


def _guest_from_row(row: tuple[str, str, str, str, str, str, str, int, int]) -> Guest:
    household, guest, kind, address, mac, profile, author, at, until = row
    return Guest(household, guest, GuestKind(kind), address, mac, profile, author, at, until)
