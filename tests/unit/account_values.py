"""A data folder with two households, for the tests of what stands beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from copdns.accounts.account import Account
from copdns.accounts.roles import Actor, Role
from copdns.store.connection import SqlConnection
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.sessions import Sessions, Tokens, make_actor
from copdns.store.household_db.thread import StoreThread

NOW = 1_800_000_000
DAY = 86_400


class House:
    """A data folder with the household of the cast, and one of Bo's."""

    def __init__(
        self,
        folder: Path,
        store: HouseholdStore,
        thread: StoreThread,
        open_other: Callable[[], StoreThread] | None = None,
    ) -> None:
        self.folder = folder
        self.open_other = open_other or (lambda: StoreThread.open(folder))
        self.store = store
        self.thread = thread
        self.accounts = Accounts(thread)
        self.sessions = Sessions(thread)
        self.tokens = Tokens(thread)

    async def account(
        self, name: str, role: Role = Role.GUARDIAN, profile: str = "", household: str = "home"
    ) -> Account:
        new = Account(household, "", name, role, profile)
        return await self.accounts.add(new, None, NOW)

    async def person(self, name: str, role: Role = Role.GUARDIAN, profile: str = "") -> Actor:
        return make_actor(await self.account(name, role, profile))

    async def audit(self) -> list[str]:
        """Return what the audit says, but for the making of the household."""
        changes = await self.store.changes("home")
        return [f"{each.author}: {each.what}" for each in changes if each.what != "created"]


def set_role(connection: SqlConnection, account: str, role: Role) -> None:
    """Give an account another role, which nothing in copdns does."""
    connection.execute("update account set role = ? where id = ?", (role, account))
