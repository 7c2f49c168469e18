"""When it was last said that somebody's age group is right (`household/ages.py`).

Choosing an age group says so, too: the household's own transactions write that
(`store/household_db/edit.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from copdns.household.ages import AgeConfirmation
from copdns.model.errors import HouseholdError
from copdns.model.violations import no_such
from copdns.store.connection import SqlConnection
from copdns.store.household_db.edit import CONFIRM_AGE
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread


class Ages:
    """The confirmations of all households.  Methods raise StoreError."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def all(self, household: str) -> Mapping[str, AgeConfirmation]:
        """Return the confirmations by profile."""

        def work(connection: SqlConnection) -> Mapping[str, AgeConfirmation]:
            rows = connection.execute(
                "select profile, at, said from age_confirmed where household = ?", (household,)
            )
            return {profile: AgeConfirmation(at, said) for profile, at, said in rows}

        return await self._thread.read(work)

    async def confirm(self, household: str, profile: str, author: str, now: int) -> None:
        """Note that a guardian says that an age group is right; raise HouseholdError for nobody's.

        author: in people's words.  now: seconds since the epoch.
        """

        def work(connection: SqlConnection) -> None:
            bands = dict(
                connection.execute("select id, band from profile where household = ?", (household,))
            )
            if profile not in bands:
                raise HouseholdError(no_such("profile", profile, bands))
            connection.execute(CONFIRM_AGE, (household, profile, now, None))
            what = f"age group {bands[profile]} confirmed for {profile}"
            audit(connection, household, author, what, now)

        await self._thread.write(work, household)

    async def say_right(self, household: str, profile: str, now: int) -> None:
        """Note that the person says that their age group is right."""

        def work(connection: SqlConnection) -> None:
            connection.execute(
                "update age_confirmed set said = ? where household = ? and profile = ?",
                (now, household, profile),
            )

        await self._thread.write(work, household)
