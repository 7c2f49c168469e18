"""Accounts of the cast, and how they log in."""

from __future__ import annotations

from copdns.accounts.account import Account
from copdns.accounts.passwords import hash_password
from copdns.accounts.roles import Role
from tests.web.site import Client, Site, send

PASSWORD = "seven green bottles"
_HASH = hash_password(PASSWORD)


async def set_up(
    site: Site, name: str = "Ada", role: Role = Role.OWNER, profile: str = ""
) -> Account:
    """Make an account.  profile: of a child."""
    account = await site.accounts.add(Account("home", "", name, role, profile), None, site.now)
    await site.accounts.set_password("home", account.id, _HASH, site.now, by=None)
    return account


async def log_in(client: Client, name: str = "Ada") -> str:
    """Log a browser in; return the page that it comes to."""
    return await send(client, "/guardian/login", name=name, password=PASSWORD)
