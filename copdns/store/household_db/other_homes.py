"""Children who live in another home too: a row for each, from the file until one home ends it.

`accounts/other_home.py` says what goes from one home to the other.  Each step is a line of the
history, which the child reads too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from copdns.accounts.codes import secret_digest
from copdns.accounts.other_home import HomeMessage, message_code, read_message
from copdns.model.errors import HouseholdError
from copdns.store.connection import SqlConnection
from copdns.store.household_db.notes import audit
from copdns.store.household_db.thread import StoreThread
from copdns.store.statements import upsert

_COLUMNS = "household, profile, secret, made, author, brought, agreed"


class OtherHome(NamedTuple):
    """A child's other home.  secret: of both homes.  made: when the file was made or brought, by
    whom (author).  brought: it came from there.  agreed: when both had agreed, None where this home
    made a file and has not typed the other one's code; epoch seconds."""

    household: str
    profile: str
    secret: bytes
    made: int
    author: str
    brought: bool
    agreed: int | None

    @property
    def agreed_code(self) -> str:
        """The code by which the other home is told that this one agreed; "" where it made the
        file."""
        return message_code(self.secret, HomeMessage.AGREED) if self.brought else ""

    @property
    def end_code(self) -> str:
        """The code by which the other home is told that it is over."""
        return message_code(self.secret, HomeMessage.ENDED)


class OtherHomes:
    """Those of all households.  Methods raise StoreError; now: epoch seconds."""

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread

    async def of(self, household: str) -> tuple[OtherHome, ...]:
        """Return the other homes of a household's children, in order of their ids."""

        def work(connection: SqlConnection) -> tuple[OtherHome, ...]:
            rows = connection.execute(
                f"select {_COLUMNS} from other_home where household = ? order by profile",  # noqa: S608
                (household,),
            )
            return tuple(map(_from_row, rows))

        return await self._thread.read(work)

    async def find(self, household: str, profile: str) -> OtherHome | None:
        """Return the other home of a child; None for none."""
        found = await self.of(household)
        return next((each for each in found if each.profile == profile), None)

    async def begin(self, new: OtherHome) -> None:
        """Store that a child has another home; where this makes a file, an earlier one is no longer
        good.

        Raises HouseholdError where both homes have agreed already; where a file is brought while
        one that was made here waits, since each home would tell the other a code that fits nothing;
        where this very secret was ended here; and where the child ended it and allowed no other one
        since.
        """

        def work(connection: SqlConnection) -> None:
            there = connection.execute(
                "select agreed from other_home where household = ? and profile = ?",
                (new.household, new.profile),
            ).fetchone()
            _check_unused(connection, new.household, new.secret)
            if _is_ended_by_child(connection, new.household, new.profile):
                raise HouseholdError(
                    "this child ended it, and can allow it again on My privacy", name="profile"
                )
            if there is not None and there[0] is not None:
                raise HouseholdError(
                    "this child has another home here already; end that first", name="profile"
                )
            if there is not None and new.brought:
                raise HouseholdError(
                    "a file for this child was made here too; end that first, and agree to theirs",
                    name="profile",
                )
            connection.execute(
                "delete from other_home where household = ? and profile = ?",
                (new.household, new.profile),
            )
            connection.execute(
                f"insert into other_home ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (*new[:2], new.secret.hex(), *new[3:5], int(new.brought), new.agreed),
            )
            what = "agreed" if new.brought else "file made"
            audit(connection, new.household, new.author, _line(new.profile, what), new.made)

        await self._thread.write(work, new.household)

    async def check_unused(self, household: str, secret: bytes) -> None:
        """Raise HouseholdError where what has this secret was ended here."""
        await self._thread.read(lambda connection: _check_unused(connection, household, secret))

    async def is_ended_by_child(self, household: str, profile: str) -> bool:
        """Tell whether a child ended it and allowed no other one since."""
        return await self._thread.read(
            lambda connection: _is_ended_by_child(connection, household, profile)
        )

    async def allow(self, household: str, profile: str, author: str, now: int) -> None:
        """Note that a child who ended it allows another one; a second time is harmless."""

        def work(connection: SqlConnection) -> None:
            changed = connection.execute(
                "update ended_home set by_child = 0"
                " where household = ? and profile = ? and by_child = 1",
                (household, profile),
            ).rowcount
            if changed:
                audit(connection, household, author, _line(profile, "allowed again"), now)

        await self._thread.write(work, household)

    async def take_code(
        self, household: str, code: str, author: str, now: int
    ) -> tuple[HomeMessage, str]:
        """Do what a code of another home tells; return it, and whose home it is (a profile's id).

        Raises HouseholdError for a code of no home that is here.
        """
        for each in await self.of(household):
            message = read_message(each.secret, code)
            if message is HomeMessage.ENDED:
                await self.end(household, each.profile, author, now)
                return message, each.profile
            if message is HomeMessage.AGREED and not each.brought:
                await self._agree(each, author, now)
                return message, each.profile
        raise HouseholdError(
            "no file that was made here belongs to this code; check it and try again", name="code"
        )

    async def _agree(self, one: OtherHome, author: str, now: int) -> None:
        """Note in the history that the other home agreed, unless it had before."""

        def work(connection: SqlConnection) -> None:
            for _ in connection.execute(
                """
                update other_home set agreed = ?
                 where household = ? and profile = ? and secret = ? and agreed is null
                returning profile
                """,
                (now, one.household, one.profile, one.secret.hex()),
            ).fetchall():
                what = _line(one.profile, "the other home agreed")
                audit(connection, one.household, author, what, now)

        await self._thread.write(work, one.household)

    async def end(
        self, household: str, profile: str, author: str, now: int, *, by_child: bool = False
    ) -> str:
        """End it; return the code for the other home, "" where nothing was there.

        by_child: another one then waits until the child allows it.
        """
        found = await self.find(household, profile)

        def work(connection: SqlConnection) -> None:
            for (secret,) in connection.execute(
                "delete from other_home where household = ? and profile = ? returning secret",
                (household, profile),
            ).fetchall():
                connection.execute(
                    upsert(
                        "ended_home", "household, digest", "household, digest, profile, by_child"
                    ),
                    (household, secret_digest(secret), profile, int(by_child)),
                )
                audit(connection, household, author, _line(profile, "ended"), now)

        await self._thread.write(work, household)
        return "" if found is None else found.end_code


def _check_unused(connection: SqlConnection, household: str, secret: bytes) -> None:
    if connection.execute(
        "select 1 from ended_home where household = ? and digest = ?",
        (household, secret_digest(secret.hex())),
    ).fetchone():
        raise HouseholdError(
            "what this file began has ended here; make a new file in the other home", name="file"
        )


def _is_ended_by_child(connection: SqlConnection, household: str, profile: str) -> bool:
    row = connection.execute(
        "select 1 from ended_home where household = ? and profile = ? and by_child = 1",
        (household, profile),
    ).fetchone()
    return row is not None


def _line(profile: str, what: str) -> str:
    return f"two homes for {profile}: {what}"


def _from_row(row: tuple[Any, ...]) -> OtherHome:
    household, profile, secret, made, author, brought, agreed = row
    return OtherHome(household, profile, bytes.fromhex(secret), made, author, bool(brought), agreed)
