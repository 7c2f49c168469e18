"""What identifies a person besides the address: pairings.  Beside them are `pins.py`, `guests.py`.

A pairing is a cookie that a device's browser gets at its first visit.  With address and cookie a
page shows what was blocked on the device; with the address alone, which another device can take, it
shows the rules only.  The pairing of a guest's browser ends with the guest's time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from copdns.accounts.account import (
    DAY,
    GUEST_PREFIX,
    PAIRING_LASTS,
    PAIRING_OPEN,
    REQUEST_PREFIX,
    Pairing,
)
from copdns.accounts.claims import ClaimKind, is_watched, proof_of_pairing
from copdns.accounts.codes import make_secret, make_short_id, secret_digest
from copdns.model.errors import AccountError
from copdns.model.violations import no_such
from copdns.store.connection import SqlConnection
from copdns.store.household_db.claim_rows import note_claim, recent_claims
from copdns.store.household_db.moves import read_moves
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread
from copdns.store.statements import upsert

MAX_PAIRINGS = 8  # browsers of one device

_PAIRING = "household, id, device, profile, made, used, proof"


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

        def work(connection: SqlConnection) -> Pairing | None:
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
                ),
                household,
            )
        return found

    async def pair(self, household: str, device: str, profile: str, now: int) -> str | None:
        """Return the secret of a new pairing, for the cookie; None where there can be none.

        That is where another browser of the device is paired and no guardian allowed one more,
        where there are too many, or where the device is not this person's.
        """
        secret = make_secret()

        def work(connection: SqlConnection) -> str | None:
            there = _read_pairings(connection, household, device, profile, now)
            if there and not _is_open_for_another(connection, household, device, now):
                return None
            if len(there) >= MAX_PAIRINGS or not _is_of(connection, household, device, profile):
                return None
            connection.execute(
                "delete from pairing_open where household = ? and device = ?", (household, device)
            )
            claims = recent_claims(connection, household, device, now)
            first_day = _first_day(connection, household, profile, now)
            proof = proof_of_pairing(claims, device, now, first_day)
            new = store_pairing(connection, household, device, profile, secret, now, proof)
            if is_watched(claims, device, now):
                kind = ClaimKind.PAIRING if proof > now else ClaimKind.FIRST
                note_claim(
                    connection, household, profile, kind, device, now, device=device, pairing=new
                )
            what = f"browser linked to this device for {profile}"
            audit(connection, household, device, what, now)
            return secret

        return await self._thread.write(work, household)

    async def let_another_in(self, household: str, device: str, author: str, now: int) -> None:
        """Allow the next browser of a device to be paired, within an hour."""

        def work(connection: SqlConnection) -> None:
            _check_device(connection, household, device)
            _note_opening(connection, household, device, author, now)
            connection.execute(
                upsert("pairing_open", "household, device", "household, device, until"),
                (household, device, now + PAIRING_OPEN),
            )
            owner = _owner(connection, household, device)
            what = f"{device}: another browser can be linked for {owner}"
            audit(connection, household, author, what, now)

        await self._thread.write(work, household)

    async def of(self, household: str, device: str = "") -> tuple[Pairing, ...]:
        """Return the pairings of a household, or of one device, the oldest first."""

        def work(connection: SqlConnection) -> tuple[Pairing, ...]:
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

        def work(connection: SqlConnection) -> tuple[DeviceLink, ...]:
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

        def work(connection: SqlConnection) -> None:
            for each in links:
                is_proof = each.proof is not None and each.proof <= now
                if is_proof and _is_of(connection, each.household, each.device, each.profile):
                    connection.execute(
                        f"insert into pairing (digest, {_PAIRING})"  # noqa: S608
                        " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
                        each,
                    )

        await self._thread.write(work)

    async def revoke(self, household: str, pairing: str, author: str, now: int) -> None:
        """End a pairing.  Where it was the device's last, the next browser is paired again."""

        def work(connection: SqlConnection) -> None:
            row = connection.execute(
                "delete from pairing where household = ? and id = ? returning device, profile",
                (household, pairing),
            ).fetchone()
            if row is None:
                raise AccountError("this browser is no longer linked")
            _note_opening(connection, household, row[0], author, now)
            device, profile = row
            what = f"{device}: a linked browser was removed for {profile}"
            audit(connection, household, author, what, now)

        await self._thread.write(work, household)

    async def tidy(self, now: int) -> int:
        """Delete what is over, of all households; return how many rows."""

        def work(connection: SqlConnection) -> int:
            statements = (
                ("delete from pairing where used <= ?", now - PAIRING_LASTS),
                ("delete from pairing_open where until <= ?", now),
                ("delete from former_browser where used <= ?", now - PAIRING_LASTS),
            )
            return sum(connection.execute(sql, (at,)).rowcount for sql, at in statements)

        return await self._thread.write(work)


def store_pairing(
    connection: SqlConnection,
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


def _first_day(connection: SqlConnection, household: str, profile: str, now: int) -> int | None:
    """Return when the household or its first account was made, the earlier of the two, where this
    person never had a browser; else None.

    None as well where something was done later than now: the clock was set back.
    """
    row = connection.execute(
        """
        select min(at) from change
         where household = :household and (what like :added or what = 'created')
           and exists (select 1 from change where household = :household and what = 'created')
           and exists (select 1 from change where household = :household and what like :added)
           and not exists (select 1 from change where household = :household and at > :now)
           and not exists (select 1 from pairing
                            where household = :household and profile = :profile)
           and not exists (select 1 from former_browser
                            where household = :household and profile = :profile)
        """,
        {"household": household, "profile": profile, "added": "account % added", "now": now},
    ).fetchone()
    return row[0] if row is not None else None


def _note_opening(
    connection: SqlConnection, household: str, device: str, author: str, now: int
) -> None:
    """Tell a device's person that another browser can be linked there, and whose it still is."""
    owner = _owner(connection, household, device)
    people = {owner} if owner is not None else set()  # none for a guest's
    people |= {
        each.profile
        for each in read_moves(connection, household)
        if people and each.device == device and each.is_open(now)
    }
    for who in sorted(people):
        note_claim(connection, household, who, ClaimKind.OPENING, author, now, device=device)


def _owner(connection: SqlConnection, household: str, device: str) -> str | None:
    """Return the profile of a device; None for a guest's."""
    row = connection.execute(
        "select profile from device where household = ? and id = ?", (household, device)
    ).fetchone()
    return row[0] if row is not None else None


def proof_of_pin(connection: SqlConnection, household: str, profile: str) -> int | None:
    """Return from when a PIN proves who somebody is (`accounts/claims.py`); None without a PIN."""
    row = connection.execute(
        "select proof from pin where household = ? and profile = ?", (household, profile)
    ).fetchone()
    return row[0] if row is not None else None


def unpair(connection: SqlConnection, household: str, device: str) -> None:
    """Delete the pairings of a device."""
    connection.execute(
        "delete from pairing where household = ? and device = ?", (household, device)
    )


def unpair_who_is_gone(connection: SqlConnection) -> int:
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
    connection: SqlConnection, household: str, device: str, profile: str, now: int
) -> list[tuple[str]]:
    return connection.execute(
        """
        select id from pairing
         where household = ? and device = ? and profile = ? and used > ?
        """,
        (household, device, profile, now - PAIRING_LASTS),
    ).fetchall()


def _is_open_for_another(connection: SqlConnection, household: str, device: str, now: int) -> bool:
    row = connection.execute(
        "select 1 from pairing_open where household = ? and device = ? and until > ?",
        (household, device, now),
    ).fetchone()
    return row is not None


def _is_of(connection: SqlConnection, household: str, device: str, profile: str) -> bool:
    row = connection.execute(
        "select 1 from device where household = ? and id = ? and profile = ?",
        (household, device, profile),
    ).fetchone()
    return row is not None


def _check_device(connection: SqlConnection, household: str, device: str) -> None:
    rows = connection.execute("select id from device where household = ?", (household,))
    ids = [each for (each,) in rows]
    if device not in ids:
        raise AccountError(no_such("device", device, ids))


def check_profile(connection: SqlConnection, household: str, profile: str) -> None:
    """Raise AccountError where the household has no such profile."""
    rows = connection.execute("select id from profile where household = ?", (household,))
    ids = [each for (each,) in rows]
    if profile not in ids:
        raise AccountError(no_such("profile", profile, ids))
