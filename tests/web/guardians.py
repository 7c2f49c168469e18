"""Accounts of the cast, and how they log in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

import pytest

from copdns.accounts import passwords
from copdns.accounts.account import Account
from copdns.accounts.roles import Role
from tests.web.site import HTML, Client, Site, send

PASSWORD = "seven green bottles"


def hash_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Argon2 take no time, in tests about something else: with what the program takes, a login
    is most of what many of them do.  That is held by tests/unit/accounts/test_passwords.py."""
    monkeypatch.setattr(passwords, "_MEMORY", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


def password_hash() -> str:
    """Return a hash of PASSWORD, which takes as little to check as `hash_quickly` lets it."""
    return _hash(passwords._MEMORY)


@lru_cache
def _hash(_memory: int) -> str:
    return passwords.hash_password(PASSWORD)


async def set_up(
    site: Site, name: str = "Ada", role: Role = Role.OWNER, profile: str = ""
) -> Account:
    """Make an account.  profile: of a child."""
    account = await site.accounts.add(Account("home", "", name, role, profile), None, site.now)
    await site.accounts.set_password("home", account.id, password_hash(), site.now, by=None)
    return account


async def log_in(client: Client, name: str = "Ada") -> str:
    """Log a browser in; return the page that it comes to."""
    return await send(client, "/guardian/login", name=name, password=PASSWORD)


@asynccontextmanager
async def guardian_client(site: Site) -> AsyncIterator[Client]:
    """Give a browser in which Ada is logged in, the owner of a house that she just set up."""
    async with site.visited() as client:
        await set_up(site)
        await let_in(client)
        yield client


async def let_in(client: Client, name: str = "Ada") -> None:
    """Log a browser in, without a look at the page that it would come to: that takes as long as
    many a test."""
    headers = {**HTML, "Origin": f"http://{client.host}:{client.port}"}
    fields = {"name": name, "password": PASSWORD}
    sent = client.post("/guardian/login", data=fields, headers=headers, allow_redirects=False)
    async with sent as reply:
        assert reply.status == 303
