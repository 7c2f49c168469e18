"""Who may come to the desk: guardians let others in, and none of them puts another out."""

from __future__ import annotations

import re

import pytest

from copdns.accounts.account import CODE_LASTS, Account
from copdns.accounts.roles import Role
from tests.web.guardians import PASSWORD, log_in, set_up
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

HOSTILE = "<b>Bo</b>"


async def invited(client: Client, name: str = "Bo", role: str = "guardian") -> str:
    """Invite somebody; return the code."""
    page = await send(client, "/guardian/accounts", name=name, role=role)
    assert f"http://127.0.0.1:{client.port}/guardian/join" in page
    found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page)
    assert found
    return found[0]


async def join(client: Client, code: str, status: int = 200, again: str = PASSWORD) -> str:
    return await send(client, "/guardian/join", status, code=code, password=PASSWORD, again=again)


async def names(site: Site) -> list[str]:
    return sorted(each.name for each in await site.accounts.all("home"))


async def account(site: Site, name: str) -> Account:
    return next(each for each in await site.accounts.all("home") if each.name == name)


@pytest.mark.parametrize("role", ["guardian", "reviewer", "auditor"])
async def test_somebody_is_invited_and_comes_in_with_the_code_once(
    client: Client, site: Site, role: str
) -> None:
    code = await invited(client, role=role)
    await send(client, "/guardian/logout")
    assert "Example family" in await join(client, code)
    await join(client, code, 400)
    bo = await account(site, "Bo")
    assert (bo.name, bo.role, bo.has_password) == ("Bo", Role(role), True)


async def test_a_code_ends_and_a_new_one_voids_it(client: Client, site: Site) -> None:
    first = await invited(client)
    page = await send(client, f"/guardian/accounts/{(await account(site, 'Bo')).id}/code")
    assert first not in page
    await join(client, first, 400)
    second = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page)
    assert second
    site.home.clock.wall += CODE_LASTS
    await join(client, second[0], 400)
    assert not (await account(site, "Bo")).has_password


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Bo", "role": "owner"},
        {"name": "Bo", "role": "child"},
        {"name": "Bo", "role": "king"},
        {"name": "Bo"},
        {"name": "", "role": "guardian"},
        {"name": "ada", "role": "guardian"},
    ],
)
async def test_nobody_else_is_made(client: Client, site: Site, fields: dict[str, str]) -> None:
    await send(client, "/guardian/accounts", 400, **fields)
    assert await names(site) == ["Ada"]


async def test_no_guardian_removes_another_or_lets_themselves_in(
    client: Client, site: Site
) -> None:
    await set_up(site, "Bo", Role.GUARDIAN)
    page = await text(client, "/guardian/accounts")
    bo, ada = (await account(site, "Bo")).id, (await account(site, "Ada")).id
    for each in (bo, ada):
        assert f"/guardian/accounts/{each}/" not in page
    for each in (bo, ada):
        for action in ("remove", "code"):
            await send(client, f"/guardian/accounts/{each}/{action}", 400)
    await send(client, "/guardian/logout")
    await log_in(client, "Bo")
    for action in ("remove", "code"):
        await send(client, f"/guardian/accounts/{ada}/{action}", 400)
    assert await names(site) == ["Ada", "Bo"]


async def test_a_reviewer_is_removed_and_is_out_at_once(client: Client, site: Site) -> None:
    bo = await set_up(site, "Bo", Role.REVIEWER)
    there = await site.context.sessions.begin(bo, site.now)
    await send(client, f"/guardian/accounts/{bo.id}/remove", sure="on")
    assert await names(site) == ["Ada"]
    assert await site.context.sessions.find(there, site.now) is None
    await send(client, f"/guardian/accounts/{bo.id}/remove", 400)
    await send(client, f"/guardian/accounts/{bo.id}/code", 404)


async def test_names_show_harmlessly(client: Client) -> None:
    page = await send(client, "/guardian/accounts", name=HOSTILE, role="auditor")
    assert HOSTILE not in page
    assert HOSTILE not in await text(client, "/guardian/accounts")


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR])
async def test_others_manage_no_accounts(client: Client, site: Site, role: Role) -> None:
    await set_up(site, "Bo", role)
    other = await set_up(site, "Tom", Role.AUDITOR)
    await send(client, "/guardian/logout")
    for status in (401, 403):
        await send(client, "/guardian/accounts", status, name="Mia", role="guardian")
        await send(client, f"/guardian/accounts/{other.id}/remove", status)
        await send(client, f"/guardian/accounts/{other.id}/code", status)
        await send(client, "/guardian/notices", status, notice="1")
        if status == 401:
            await log_in(client, "Bo")
    await text(client, "/guardian/accounts", 403)
    await text(client, "/guardian/notices", 403)
    assert await names(site) == ["Ada", "Bo", "Tom"]


async def test_two_passwords_that_differ_use_no_code_up(client: Client, site: Site) -> None:
    code = await invited(client)
    await join(client, code, 400, again="something else")
    assert not (await account(site, "Bo")).has_password
    await join(client, code)
    assert (await account(site, "Bo")).has_password


async def test_what_another_guardian_did_stays_until_it_was_seen(
    client: Client, site: Site
) -> None:
    await send(client, "/guardian/logout")
    site.home.clock.wall += 60
    await set_up(site, "Bo", Role.GUARDIAN)
    await log_in(client)
    assert "new messages for you" in await text(client, "/guardian/")
    page = await text(client, "/guardian/notices")
    assert "Bo can now log in as a parent or carer." in page
    assert "new messages for you" in await text(client, "/guardian/")  # looking is not enough
    seen = re.findall(r'name="notice" value="(\d+)"', page)
    for _ in range(2):
        await seen_all(client, seen)
    assert "for you" not in await text(client, "/guardian/")
    assert "Bo can now log in" in await text(client, "/guardian/notices")


async def seen_all(client: Client, notices: list[str]) -> None:
    for each in notices:
        await send(client, "/guardian/notices", notice=each)


async def test_a_notice_that_is_none_is_harmless(client: Client, site: Site) -> None:
    await set_up(site, "Bo", Role.GUARDIAN)
    before = await text(client, "/guardian/notices")
    assert "Bo can now log in" in before
    for notice in ("x", "-1", "9" * 40, "99999"):
        await send(client, "/guardian/notices", notice=notice)
    assert await text(client, "/guardian/notices") == before
