"""PINs, by which children say on a shared device who they are."""

from __future__ import annotations

from copdns.accounts.claims import ANNOUNCED_FOR, ClaimKind
from copdns.store.connection import SqlConnection
from copdns.store.household_db.claim_rows import note_claim
from copdns.store.household_db.notes import audit
from copdns.store.household_db.pairings import check_profile
from copdns.store.household_db.thread import StoreThread


class Pins:
    """PINs, by which children say on a shared device who they are.  Methods raise AccountError and
    StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def get(self, household: str, profile: str) -> str:
        """Return the hash of a person's PIN; "" for none."""

        def work(connection: SqlConnection) -> str:
            row = connection.execute(
                "select hash from pin where household = ? and profile = ?", (household, profile)
            ).fetchone()
            return row[0] if row else ""

        return await self._thread.read(work)

    async def people(self, household: str) -> frozenset[str]:
        """Return the ids of the profiles that have a PIN."""

        def work(connection: SqlConnection) -> frozenset[str]:
            rows = connection.execute("select profile from pin where household = ?", (household,))
            return frozenset(profile for (profile,) in rows)

        return await self._thread.read(work)

    async def set(self, household: str, profile: str, pin_hash: str, author: str, now: int) -> None:
        """Set a PIN.  pin_hash: from `hash_password`; "" removes the PIN."""

        def work(connection: SqlConnection) -> None:
            check_profile(connection, household, profile)
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

        await self._thread.write(work, household)
