"""One's own account: what it takes to change it, and that nobody else's is touched."""

from __future__ import annotations

import re

import pyotp
import pytest

from copdns.accounts.account import SESSION_FRESH, SESSION_IDLE
from copdns.accounts.roles import Permission, Role
from tests.web.guardians import PASSWORD, log_in, set_up
from tests.web.site import HTML, Client, Site, send, text

pytestmark = pytest.mark.logged_in

OTHER = "eight brown teapots"
HOSTILE = "<script>alert(1)</script>"
POSTS = (
    *("password", "factor", "factor/remove"),
    *("sessions", "tokens", "tokens/remove"),
)


def session(client: Client) -> str:
    return next(each.value for each in client.session.cookie_jar if each.key == "copdns_session")


async def change(client: Client, status: int = 200, **fields: str) -> str:
    return await send(client, "/guardian/me/password", status, **fields)


async def secret_of(client: Client) -> str:
    found = re.search(r'name="secret" value="(\w+)"', await text(client, "/guardian/me/factor"))
    assert found
    return found[1]


async def turn_on(client: Client, site: Site) -> tuple[str, str]:
    """Set a second factor up; return its secret and the page with the recovery codes."""
    secret = await secret_of(client)
    code = pyotp.TOTP(secret).at(site.now)
    return secret, await send(client, "/guardian/me/factor", secret=secret, code=code)


async def test_another_password_wants_the_old_one(client: Client, site: Site) -> None:
    await change(client, 400, current="wrong", password=OTHER, again=OTHER)
    await change(client, 400, current=PASSWORD, password=OTHER, again="another one")
    await change(client, 400, current=PASSWORD, password="short", again="short")
    await change(client, current=PASSWORD, password=OTHER, again=OTHER)
    assert "Your account" in await text(client, "/guardian/me")  # still logged in here
    await send(client, "/guardian/logout")
    await send(client, "/guardian/login", 401, name="Ada", password=PASSWORD)
    await send(client, "/guardian/login", name="Ada", password=OTHER)


async def test_guessing_the_old_password_has_to_wait(client: Client) -> None:
    for _ in range(5):
        await change(client, 400, current="wrong", password=OTHER, again=OTHER)
    page = await change(client, 400, current=PASSWORD, password=OTHER, again=OTHER)
    assert "Too many tries; wait" in page


async def test_a_second_factor_counts_once_a_code_of_it_came_back(
    client: Client, site: Site
) -> None:
    secret = await secret_of(client)
    page = await send(client, "/guardian/me/factor", 400, secret=secret, code="000000")
    assert secret in page
    assert not (await site.accounts.all("home"))[0].totp
    secret, page = await turn_on(client, site)
    codes = re.findall(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page)
    assert len(codes) == 8
    await send(client, "/guardian/logout")
    await send(client, "/guardian/login", 401, name="Ada", password=PASSWORD)
    await send(client, "/guardian/login", name="Ada", password=PASSWORD, code=codes[0])
    assert "You have 7 recovery codes left." in await text(client, "/guardian/me")


async def test_taking_it_away_wants_the_password(client: Client, site: Site) -> None:
    await turn_on(client, site)
    await send(client, "/guardian/me/factor/remove", 400, current="wrong")
    assert (await site.accounts.all("home"))[0].totp
    await send(client, "/guardian/me/factor/remove", current=PASSWORD)
    assert not (await site.accounts.all("home"))[0].totp


async def test_a_secret_that_is_none_is_not_taken(client: Client, site: Site) -> None:
    page = await send(client, "/guardian/me/factor", 400, secret=HOSTILE, code="000000")
    assert HOSTILE not in page
    assert not (await site.accounts.all("home"))[0].totp


async def test_whoever_finds_an_open_browser_makes_no_key_and_no_factor(
    client: Client, site: Site
) -> None:
    site.home.clock.wall += SESSION_FRESH
    fields = {"label": "Home", "scope": "give_time", "days": "90"}
    await send(client, "/guardian/me/tokens", 403, **fields)
    secret = await secret_of(client)
    code = pyotp.TOTP(secret).at(site.now)
    await send(client, "/guardian/me/factor", 400, secret=secret, code=code)
    assert await site.context.tokens.all("home") == ()
    await send(client, "/guardian/me/factor", current=PASSWORD, secret=secret, code=code)
    code = pyotp.TOTP(secret).at(site.now + 30)
    typed = {"step_up_password": PASSWORD, "step_up_code": code}
    await send(client, "/guardian/me/tokens", **typed, **fields)


async def test_another_browser_is_logged_out(client: Client, site: Site) -> None:
    (ada,) = await site.accounts.all("home")
    there = await site.context.sessions.begin(ada, site.now, HOSTILE)
    page = await text(client, "/guardian/me")
    assert HOSTILE not in page
    found = re.search(r'name="session" value="(\w+)"', page)
    assert found
    for _ in range(2):
        await send(client, "/guardian/me/sessions", session=found[1])
    assert await site.context.sessions.find(there, site.now) is None
    assert await site.context.sessions.find(session(client), site.now) is not None


async def test_all_others_are_logged_out(client: Client, site: Site) -> None:
    (ada,) = await site.accounts.all("home")
    there = await site.context.sessions.begin(ada, site.now)
    await send(client, "/guardian/me/sessions", all="1")
    assert await site.context.sessions.find(there, site.now) is None
    assert "Your account" in await text(client, "/guardian/me")


@pytest.mark.parametrize("path", ["/guardian/asking", "/guardian/asking/mia", "/guardian/inbox"])
async def test_a_page_that_stands_open_keeps_nobody_logged_in(
    client: Client, site: Site, path: str
) -> None:
    (ada,) = await site.accounts.all("home")
    site.home.leap(SESSION_IDLE - 1)
    for mode, used in (("cors", site.now - SESSION_IDLE + 1), ("navigate", site.now)):
        headers = {"Accept": "text/html", "Sec-Fetch-Mode": mode}
        assert (await client.get(path, headers=headers)).status == 200
        (found,) = await site.context.sessions.of(ada, site.now)
        assert found.used == used


async def test_somebody_elses_browser_is_not(client: Client, site: Site) -> None:
    bo = await set_up(site, "Bo", Role.GUARDIAN)
    there = await site.context.sessions.begin(bo, site.now)
    (theirs,) = await site.context.sessions.of(bo, site.now)
    await send(client, "/guardian/me/sessions", session=theirs.digest)
    assert await site.context.sessions.find(there, site.now) is not None


async def test_a_key_is_shown_once_and_may_do_what_was_chosen(client: Client, site: Site) -> None:
    page = await send(client, "/guardian/me/tokens", label=HOSTILE, scope="give_time", days="30")
    assert HOSTILE not in page
    told = re.search(r"copdns_[\w-]+", page)
    assert told
    actor = await site.context.tokens.find(told[0], site.now)
    assert actor is not None
    assert actor.scopes == {Permission.GIVE_TIME}
    assert told[0] not in await text(client, "/guardian/me")
    (token,) = await site.context.tokens.all("home")
    for _ in range(2):
        await send(client, "/guardian/me/tokens/remove", token=token.id, sure="on")
    assert await site.context.tokens.find(told[0], site.now) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "give_time", "days": "30", "label": ""},
        {"scope": "manage_accounts", "days": "30", "label": "x"},
        {"scope": "everything", "days": "30", "label": "x"},
        {"scope": "give_time", "days": "366", "label": "x"},
        {"scope": "give_time", "days": "-1", "label": "x"},
        {"days": "30", "label": "x"},
    ],
)
async def test_a_key_for_more_than_that_is_not_made(
    client: Client, site: Site, fields: dict[str, str]
) -> None:
    await send(client, "/guardian/me/tokens", 400, **fields)
    assert await site.context.tokens.all("home") == ()


async def test_a_key_of_somebody_else_stays(client: Client, site: Site) -> None:
    bo = await set_up(site, "Bo", Role.GUARDIAN)
    token, _ = await site.context.tokens.make(
        bo, "theirs", [Permission.GIVE_TIME], site.now + 60, site.now, "Bo"
    )
    await send(client, "/guardian/me/tokens/remove", token=token.id)
    assert await site.context.tokens.all("home") == (token,)
    assert "theirs" not in await text(client, "/guardian/me")


async def test_a_program_has_no_account_of_its_own(client: Client, site: Site) -> None:
    (ada,) = await site.accounts.all("home")
    scopes = [Permission.SEE_STATUS, Permission.EDIT_HOUSEHOLD]
    _, told = await site.context.tokens.make(ada, "x", scopes, site.now + 60, site.now, "Ada")
    client.session.cookie_jar.clear()
    bearer = {**HTML, "Authorization": f"Bearer {told}"}
    assert (await client.get("/guardian/me", headers=bearer)).status == 403
    for each in POSTS:
        reply = await client.post(f"/guardian/me/{each}", data={}, headers=bearer)
        assert reply.status == 403, each


async def test_a_reviewer_has_an_account_and_makes_no_keys(client: Client, site: Site) -> None:
    await send(client, "/guardian/logout")
    await set_up(site, "Bo", Role.REVIEWER)
    await log_in(client, "Bo")
    page = await text(client, "/guardian/me")
    assert "Change password" in page
    assert "Access for other programs" not in page
    await send(client, "/guardian/me/tokens", 403, label="x", scope="give_time", days="1")


@pytest.mark.parametrize("path", POSTS)
async def test_nobody_without_a_session(client: Client, path: str) -> None:
    await send(client, "/guardian/logout")
    await send(client, f"/guardian/me/{path}", 401, current=PASSWORD)


@pytest.mark.parametrize("path", ["me", "me/factor"])
async def test_looking_changes_nothing(client: Client, site: Site, path: str) -> None:
    before = await site.store.changes("home")
    await text(client, f"/guardian/{path}")
    assert await site.store.changes("home") == before
    assert not (await site.accounts.all("home"))[0].totp
