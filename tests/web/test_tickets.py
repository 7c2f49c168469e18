"""Tickets on the desk: a code is shown once, works, and can be taken back."""

from __future__ import annotations

import re
from itertools import count

import pytest

from copdns.accounts.codes import ticket_digest
from copdns.accounts.roles import Role
from copdns.web.desk.house_request import HouseRequest
from tests.home import Home
from tests.household import MIA, TOM, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

TICKETS = "/guardian/tickets"
CODE = re.compile(r'class="code" dir="ltr">([0-9A-Z]{4}-[0-9A-Z]{4})<')


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM), library()))


async def kept(site: Site) -> list[str]:
    house = await site.store.household("home")
    assert house is not None
    return [each.digest for each in house.tickets]


async def make(client: Client, status: int = 200, **fields: str) -> list[str]:
    given = {"minutes": "30", "seen": "none", **fields}
    return CODE.findall(await send(client, TICKETS, status, **given))


async def test_codes_are_shown_once_and_only_digests_are_kept(client: Client, site: Site) -> None:
    codes = await make(client, count="3", person="mia", label="For the dishes.")
    assert len(set(codes)) == 3
    assert await kept(site) == [ticket_digest(each) for each in codes]
    page = await text(client, TICKETS)
    assert "For the dishes." in page
    assert not any(each in page for each in codes)


async def test_two_changes_that_read_alike_are_told_apart_by_their_times(
    client: Client, site: Site
) -> None:
    for _ in range(2):
        found = re.search('name="seen" value="([^"]+)"', await text(client, TICKETS))
        assert found
        await make(client, count="3", person="mia", seen=found[1])
        site.home.clock.wait(60)
    page = (await text(client, TICKETS)).partition("Undo: 2 recent changes")[2]
    times = re.findall(r'<p class="soft small">([0-9]{2}:[0-9]{2})</p>', page)
    assert len(set(times)) == 2, times


async def test_codes_that_were_made_at_once_are_told_in_one_sentence(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a second ends between two of them."""
    seconds = count(site.now)
    monkeypatch.setattr(HouseRequest, "now", property(lambda _: next(seconds)))
    page = await send(client, TICKETS, minutes="30", seen="none", count="12", label="Garden")
    told = (
        "You made 12 codes, for 30 extra minutes each (“Garden”). Anyone who has a code can use it."
    )
    assert page.count(told) == 1
    assert "more change" not in page


async def test_one_code_is_told_as_one(client: Client) -> None:
    page = await send(client, TICKETS, minutes="30", seen="none", label="Garden")
    assert "You made a code for 30 extra minutes (“Garden”). Anyone who has it can use it." in page


async def test_a_ticket_tells_its_number_and_where_it_is_redeemed(client: Client) -> None:
    page = await send(client, TICKETS, minutes="30", seen="none")
    printed = page.partition('<ul class="tickets">')[2].partition("</ul>")[0]
    assert re.search(">Code [0-9]+<", printed)
    assert "http://why.home.arpa" in printed
    assert "/ticket<" in printed


async def test_a_code_works(client: Client, site: Site) -> None:
    (code,) = await make(client)
    after = await site.store.redeem("home", ticket_digest(code), "tom", author="test", now=site.now)
    assert after.grants[-1].end == site.now + 1800


async def test_the_same_form_sent_again_makes_none(client: Client, site: Site) -> None:
    await make(client)
    assert await make(client) == []
    assert len(await kept(site)) == 1


async def test_a_ticket_is_taken_back_and_twice_is_harmless(client: Client, site: Site) -> None:
    await make(client)
    for _ in range(2):
        await send(client, f"{TICKETS}/t1/remove")
    assert await kept(site) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"minutes": "0"},
        {"count": "1000"},
        {"days": "5000"},
        {"person": "bo"},
        {"what": "category:nothing"},
        {"label": "x" * 201},
    ],
)
async def test_what_means_nothing_makes_no_ticket(
    client: Client, site: Site, fields: dict[str, str]
) -> None:
    assert await make(client, 400, **fields) == []
    assert await kept(site) == []


async def test_only_guardians_make_tickets(client: Client, site: Site) -> None:
    await make(client)
    await send(client, "/guardian/logout")
    await make(client, 401)
    await send(client, f"{TICKETS}/t1/remove", 401)
    await set_up(site, "Bo", Role.AUDITOR)
    await log_in(client, "Bo")
    await make(client, 403)
    await send(client, f"{TICKETS}/t1/remove", 403)
    assert len(await kept(site)) == 1
