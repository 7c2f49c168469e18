"""The guest rules are shown, and changed like anybody's."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from copdns.household.edits import set_guest_rules
from copdns.list_files.load import known_ids, load_catalogue
from copdns.model.errors import HouseholdError
from copdns.policy.guest import guest_profile
from tests.home import Home
from tests.household import ADA, GUEST, MIA, TOM, block, family
from tests.web.site import Client, Site, send, text

pytestmark = pytest.mark.logged_in

KNOWN = known_ids(load_catalogue(()))
PAGE, CASINO, SHOP = "/guardian/guests", "888.com", "games.example"


@pytest.fixture
def site() -> Site:
    return Site(
        Home(
            family(MIA, TOM, ADA, rules=(replace(block(SHOP, "mia"), id="r1"),)), load_catalogue(())
        )
    )


def words(page: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", re.sub("[\u2068\u2069]", "", page)).split())


async def asked(site: Site, name: str) -> bool:
    """Tell whether a name is blocked for a device that is nobody's."""
    await site.follow()
    return site.home.ask(GUEST, name).verdict.blocks


async def test_what_applies_to_guests_is_shown_before_anybody_chose(client: Client) -> None:
    page = words(await text(client, PAGE))
    assert re.search("Viruses and scam sites, adult content,? and gambling", page)
    assert "Change what's blocked" not in page
    assert "/guardian/guests" in await text(client, "/guardian/devices")


async def test_guests_get_rules_of_their_own_that_are_changed_as_anybodys(
    client: Client, site: Site
) -> None:
    assert await asked(site, CASINO)
    await send(client, PAGE, rules="own")
    assert await asked(site, CASINO)  # they begin as they were
    assert "Change what's blocked" in await text(client, PAGE)
    await send(client, "/guardian/people/guest/closed", default="allow", category="ads", sure="on")
    assert not await asked(site, CASINO)
    await send(client, PAGE, rules="built-in")
    assert await asked(site, CASINO)
    (*_, line) = await site.store.changes("home")
    assert line.what == "household set: guest none"


async def test_guests_get_a_persons_rules(client: Client, site: Site) -> None:
    assert not await asked(site, SHOP)
    await send(client, PAGE, rules="mia")
    assert await asked(site, SHOP)


@pytest.mark.parametrize("rules", ["", "nobody", "<b>"])
async def test_what_is_not_offered_changes_nothing(client: Client, site: Site, rules: str) -> None:
    await send(client, PAGE, 400, rules=rules)
    house = await site.store.household("home")
    assert house is not None
    assert house.guest == ""


def test_going_back_removes_what_guests_had_and_nothing_of_others() -> None:
    house = family(MIA, TOM, rules=(replace(block(SHOP, "mia"), id="r1"),))
    own = set_guest_rules(house, "guest", guest_profile(), KNOWN)
    assert own.guest == "guest"
    toys = replace(block("toys.example", "guest"), id="r2")
    own = replace(own, rules=(*own.rules, toys))
    back = set_guest_rules(own, "", guest_profile(), KNOWN)
    assert (back.guest, [each.scope for each in back.rules]) == ("", ["mia"])
    assert back.profile("guest") == guest_profile()
    assert set_guest_rules(house, "", guest_profile(), KNOWN) == house
    with pytest.raises(HouseholdError):
        set_guest_rules(house, "nobody", guest_profile(), KNOWN)
