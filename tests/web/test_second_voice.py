"""A second opinion is a second person's: nobody answers twice in somebody else's name.

Ada and Rita look after Mia: Ada is a guardian, Rita is a friend who answers requests.  All is done
with a browser.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from copdns.accounts.account import DAY, MINUTE, Code, Purpose
from copdns.accounts.roles import Role
from tests.home import Home
from tests.household import MIA, TOM, block, family
from tests.web.guardians import PASSWORD, log_in, set_up
from tests.web.site import Client, Site, send, text, the_only

ADAS = "nine brown teapots"  # the password that Ada chooses for Rita's account
SAME = "count as the same person"


@pytest.fixture
def home() -> Home:
    return Home(family(MIA, TOM, rules=(replace(block("toys.example", "mia"), id="r1"),)))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    """Mia asked for toys.example, on her own browser, where the others log in here as well."""
    async with site.visited() as made:
        await send(made, "/device")
        await send(made, "/ask", name="toys.example", why="school", words="For the play.")
        await set_up(site)
        await set_up(site, "Rita", Role.REVIEWER)
        yield made


async def account(site: Site, name: str) -> str:
    return next(each.id for each in await site.accounts.all("home") if each.name == name)


async def log_in_as(client: Client, name: str, password: str = PASSWORD) -> str:
    await send(client, "/guardian/logout")
    return await send(client, "/guardian/login", name=name, password=password)


async def refuse(client: Client, site: Site, status: int = 200) -> str:
    path = f"/guardian/appeals/{await the_only(site)}/decide"
    return await send(client, path, status, state="refused", reason="another_way", text="No.")


async def code_for(client: Client, site: Site, name: str) -> str:
    page = await send(client, f"/guardian/accounts/{await account(site, name)}/code")
    found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page)
    assert found
    return found[0]


async def join(client: Client, code: str, password: str = ADAS) -> str:
    await send(client, "/guardian/logout")
    return await send(client, "/guardian/join", code=code, password=password, again=password)


async def disagree(client: Client, site: Site) -> str:
    return await send(client, f"/ask/{await the_only(site)}/disagree", words="Please!")


async def test_ada_does_not_answer_twice_by_joining_as_rita(client: Client, site: Site) -> None:
    await log_in_as(client, "Ada")
    await refuse(client, site)
    await disagree(client, site)
    await join(client, await code_for(client, site, "Rita"))
    assert SAME in await refuse(client, site, 400)
    assert "Rita" not in await text(client, f"/ask/{await the_only(site)}")


async def test_nor_the_other_way_round(client: Client, site: Site) -> None:
    await set_up(site, "Ben", Role.GUARDIAN)  # whom the dispute waits for
    await log_in_as(client, "Ada")
    await join(client, await code_for(client, site, "Rita"))
    await refuse(client, site)
    await disagree(client, site)
    await log_in_as(client, "Ada")
    assert SAME in await refuse(client, site, 400)


async def test_nor_as_a_friend_whom_she_invents_meanwhile(client: Client, site: Site) -> None:
    await log_in_as(client, "Ada")
    await refuse(client, site)
    await disagree(client, site)
    page = await send(client, "/guardian/accounts", name="Uncle Bo", role="reviewer")
    code = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page)
    assert code
    await join(client, code[0])
    assert SAME in await refuse(client, site, 400)


async def test_rita_herself_answers_and_so_does_whoever_was_invited_before(
    client: Client, site: Site
) -> None:
    await log_in_as(client, "Ada")
    await refuse(client, site)
    await disagree(client, site)
    await log_in_as(client, "Rita")
    await refuse(client, site)
    assert "Rita" in await text(client, f"/ask/{await the_only(site)}")


async def test_another_guardians_code_makes_the_account_ritas_again(
    client: Client, site: Site
) -> None:
    await set_up(site, "Ben", Role.GUARDIAN)
    await log_in_as(client, "Ada")
    await join(client, await code_for(client, site, "Rita"))
    site.home.wait(MINUTE)
    await log_in_as(client, "Ben")
    code = await code_for(client, site, "Rita")
    await log_in_as(client, "Ada")
    await refuse(client, site)
    await disagree(client, site)
    await join(client, code, PASSWORD)
    await refuse(client, site)
    assert "Rita" in await text(client, f"/ask/{await the_only(site)}")


async def test_nobody_is_left_for_a_second_opinion_and_mia_reads_that(
    client: Client, site: Site
) -> None:
    await log_in_as(client, "Ada")
    await join(client, await code_for(client, site, "Rita"))
    await log_in_as(client, "Ada")
    await refuse(client, site)
    await disagree(client, site)
    (appeal,) = await site.appeals.appeals("home")
    assert appeal.state == "talk"


async def test_nor_is_somebody_who_was_invited_and_never_came(client: Client, site: Site) -> None:
    await log_in_as(client, "Ada")
    await send(client, f"/guardian/accounts/{await account(site, 'Rita')}/remove", sure="on")
    await send(client, "/guardian/accounts", name="Ben", role="guardian")
    await refuse(client, site)
    await disagree(client, site)
    (appeal,) = await site.appeals.appeals("home")
    assert appeal.state == "talk", "nobody is looking at it, and Ada has to answer again"


async def test_all_guardians_are_told_of_a_code_for_somebody(client: Client, site: Site) -> None:
    await set_up(site, "Ben", Role.GUARDIAN)
    site.home.wait(MINUTE)
    await log_in_as(client, "Ada")
    await code_for(client, site, "Rita")
    told = "A code was made. Anyone who has it can set a new password for Rita"
    await log_in_as(client, "Ben")
    assert told in await text(client, "/guardian/notices")
    assert "for you</a>" in await text(client, "/guardian/")


@pytest.mark.parametrize("role", ["reviewer", "auditor"])
async def test_and_of_an_invitation_that_may_be_for_herself(
    client: Client, site: Site, role: str
) -> None:
    await set_up(site, "Ben", Role.GUARDIAN)
    site.home.wait(MINUTE)
    await log_in_as(client, "Ada")
    await send(client, "/guardian/accounts", name="Uncle Bo", role=role)
    await log_in_as(client, "Ben")
    assert "can set a new password for Uncle Bo" in await text(client, "/guardian/notices")


async def test_rita_reads_of_a_code_at_her_next_login_for_a_week(
    client: Client, site: Site
) -> None:
    await log_in_as(client, "Ada")
    await code_for(client, site, "Rita")
    site.home.leap(30 * DAY)
    told = "made a code for your account"
    assert told in await log_in_as(client, "Rita")
    site.home.leap(6 * DAY)
    assert told in await text(client, "/guardian/inbox")
    assert told not in await log_in_as(client, "Ada"), "it is not about her account"
    site.home.leap(DAY)
    assert told not in await log_in_as(client, "Rita")


async def test_rita_reads_of_it_although_ada_was_there_before_her(
    client: Client, site: Site
) -> None:
    await log_in_as(client, "Ada")
    await join(client, await code_for(client, site, "Rita"))
    site.home.leap(30 * DAY)
    await log_in_as(client, "Ada")
    await join(client, await code_for(client, site, "Rita"), PASSWORD)
    page = await log_in_as(client, "Rita")
    assert page.count("and a new password was set with it") == 2


async def test_a_code_from_the_server_is_told_as_well(client: Client, site: Site) -> None:
    code = Code("home", Purpose.PASSWORD, await account(site, "Rita"), site.now + 60)
    await site.accounts.make_code(code, "digest", None, site.now)
    assert "the server made a code for your account" in await log_in_as(client, "Rita")
    await log_in(client)
    assert "can set a new password for Rita" in await text(client, "/guardian/notices")
