"""The checks: what makes a house protected, and a desk that says so until they all pass."""

from __future__ import annotations

import re
from html import unescape

import pytest

from copdns.accounts.roles import Role
from copdns.network.other_resolvers import Assessment, BlindSpot
from copdns.network.probes import probe_names
from copdns.network.setup_steps import Check, SetupState, SetupStep
from copdns.web.context import ListsState
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in


def asks(site: Site, who: str, code: str = "k7qf2m9d") -> None:
    """Let a device of somebody check itself."""
    for name in probe_names(code):
        site.home.ask(who, name)


async def look(client: Client) -> str:
    return await send(client, "/guardian/checks")


async def open_checks(site: Site) -> tuple[Check, ...]:
    return (await site.setups.progress("home")).open_checks


async def test_every_page_says_so_until_all_pass(client: Client, site: Site) -> None:
    for path in ("/guardian/", "/guardian/inbox", "/guardian/wizard"):
        assert "Not fully protected yet" in await text(client, path)
    asks(site, "mia")
    page = await look(client)
    assert "All checks passed." in page
    assert await open_checks(site) == ()
    for path in ("/guardian/", "/guardian/inbox", "/guardian/wizard"):
        assert "Not fully protected yet" not in await text(client, path)


async def test_the_overview_names_what_is_left(client: Client, site: Site) -> None:
    asked = "Are all your blocklists active?", "Is a child's device recognised?"

    async def protection() -> str:
        page = unescape(await text(client, "/guardian/"))
        return page.partition('id="house"')[2].partition("</section>")[0]

    before = await protection()
    assert all(each in before for each in asked)
    asks(site, "mia")
    await look(client)
    after = await protection()
    assert not any(each in after for each in asked)
    assert "All checks passed." in after


async def test_the_address_to_open_is_a_link_and_a_code(client: Client) -> None:
    page = await text(client, "/guardian/checks")
    first, before, after = page.partition("Is copdns working on your other devices?")
    assert before
    assert "Check now" in first
    assert re.search(r'<a class="code address" href="http://[^"]+/protection"', after)
    assert after.count('aria-label="QR code of this address"') == 1


async def test_a_grown_ups_device_shows_that_copdns_is_reached_and_no_more(
    client: Client, site: Site
) -> None:
    asks(site, "ada")
    await look(client)
    assert await open_checks(site) == (Check.CHILD,)


async def test_a_child_who_opens_the_page_on_a_device_of_theirs_is_recognised(
    client: Client, site: Site
) -> None:
    assert Check.CHILD in await open_checks(site)
    await send(client, "/device")
    assert Check.CHILD not in await open_checks(site)
    await look(client)  # which asks for a test on the device, and finds none
    assert Check.CHILD not in await open_checks(site)


async def test_the_end_of_the_setup_leads_on(client: Client, site: Site) -> None:
    assert "The setup is done." not in await text(client, "/guardian/checks")
    for each in SetupStep:
        await site.setups.save("home", each, SetupState.DONE, site.now)
    site.lists = ListsState(0)
    page = await look(client)
    assert "The setup is done. What is left here can be done later." in page
    assert '<a class="button" href="/guardian/">' in page
    assert "is active" not in page  # but to do, since only the small lists are in use


async def test_what_a_device_showed_once_stays(client: Client, site: Site) -> None:
    asks(site, "mia")
    await look(client)
    site.home.clock.wall += 3600
    await look(client)
    assert await open_checks(site) == ()


async def test_missing_lists_and_none_but_the_small_ones_are_told(
    client: Client, site: Site
) -> None:
    asks(site, "mia")
    site.lists = ListsState(
        3, "not fully protected yet: 1 of 3 lists is not downloaded yet (games)"
    )
    assert "1 of 3 lists is not downloaded yet" in await look(client)
    site.lists = ListsState(0)
    assert "Only the small built-in lists" in await look(client)
    assert await open_checks(site) == (Check.LISTS,)


async def test_a_second_resolver_is_told_with_who_hands_it_out(client: Client, site: Site) -> None:
    asks(site, "mia")
    site.network = Assessment(SetupState.FAILED, "dhcp 192.0.2.254 192.0.2.253,192.0.2.254")
    page = await look(client)
    assert "192.0.2.254" in page
    assert "gives out these DNS servers by DHCP:" in page
    await send(client, "/guardian/checks/confirm", 400)  # a word against what was seen
    assert await open_checks(site) == (Check.ALONE,)


async def test_where_it_cannot_look_a_guardians_word_counts_until_it_sees_something(
    client: Client, site: Site
) -> None:
    asks(site, "mia")
    site.network = Assessment(SetupState.UNKNOWN, BlindSpot.RIGHTS)
    assert "sudo copdns doctor --network" in await look(client)
    await send(client, "/guardian/checks/confirm")
    await look(client)
    assert await open_checks(site) == ()
    site.network = Assessment(SetupState.FAILED, "router fe80::1 fd00::1")
    await look(client)
    assert await open_checks(site) == (Check.ALONE,)


async def test_nobody_looks_by_opening_the_page(client: Client, site: Site) -> None:
    asks(site, "mia")
    await text(client, "/guardian/checks")
    assert (await site.setups.progress("home")).items == {}


async def test_others_see_how_it_stands_and_look_at_nothing(client: Client, site: Site) -> None:
    await set_up(site, "Bo", Role.AUDITOR)
    await send(client, "/guardian/logout")
    await log_in(client, "Bo")
    assert "Not fully protected yet" in await text(client, "/guardian/checks")
    for path in ("/guardian/checks", "/guardian/checks/confirm"):
        await send(client, path, 403)
    await send(client, "/guardian/logout")
    for path in ("/guardian/checks", "/guardian/checks/confirm"):
        await send(client, path, 401)
    assert (await site.setups.progress("home")).items == {}
