"""What is open at any hour or for homework, and tags: forms for what only commands could set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.accounts.roles import Role
from tests.home import Home
from tests.household import MIA, TOM, block, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, stored_profile, text

pytestmark = pytest.mark.logged_in

MIAS = "/guardian/people/mia"
OPEN, TAGS = f"{MIAS}/open", f"{MIAS}/tags"


@pytest.fixture
def site() -> Site:
    rules = (replace(block("toys.example", "#children"), id="r1"),)
    return Site(Home(family(MIA, TOM, rules=rules), library(categories={"music": ["m.example"]})))


@pytest.mark.parametrize("kind", ["always", "homework"])
async def test_something_is_opened_and_taken_off(client: Client, site: Site, kind: str) -> None:
    for _ in range(2):  # twice is harmless
        await send(client, f"{OPEN}/{kind}", what="category:music", names="radio.example")
    assert [str(each) for each in getattr(await stored_profile(site), kind)] == [
        "category:music",
        "radio.example",
    ]
    assert "radio.example" in await text(client, OPEN)
    for _ in range(2):
        await send(client, f"{OPEN}/{kind}/remove", subject="category:music")
    assert [str(each) for each in getattr(await stored_profile(site), kind)] == ["radio.example"]
    assert (await stored_profile(site, "tom")).always == ()


@pytest.mark.parametrize(
    "fields", [{}, {"names": "two words!"}, {"what": "category:nothing"}, {"what": "x:y"}]
)
async def test_what_means_nothing_opens_nothing(
    client: Client, site: Site, fields: dict[str, str]
) -> None:
    await send(client, f"{OPEN}/always", 400, **fields)
    await send(client, f"{OPEN}/never", 404, names="radio.example")
    assert await stored_profile(site) == MIA


async def test_a_tag_comes_and_goes_and_tells_who_shares_it(client: Client, site: Site) -> None:
    page = await text(client, MIAS)
    assert "Mia and Tom · used by 1 rule" in page
    assert "used by 1 rule" in page
    for _ in range(2):
        await send(client, TAGS, tag="#Pupils")
    assert (await stored_profile(site)).tags == {"children", "pupils"}
    for _ in range(2):
        await send(client, TAGS, tag="pupils", remove="1")
    assert (await stored_profile(site)).tags == {"children"}
    for tag in ("", "two words", "<b>"):
        await send(client, TAGS, 400, tag=tag)


async def test_a_rule_can_be_for_all_with_a_tag(client: Client, site: Site) -> None:
    path = f"{MIAS}/rules"
    fields = {"action": "block", "target": "chat.example"}
    await send(client, path, **fields, **{"for": "#children"})
    await send(client, path, 400, **fields, **{"for": "#parents"})  # no tag of Mia's
    house = await site.store.household("home")
    assert house is not None
    scopes = [each.scope for each in house.rules if str(each.target) == "chat.example"]
    assert scopes == ["#children"]


async def test_the_child_reads_that_it_changed(client: Client, site: Site) -> None:
    await send(client, "/device")
    await send(client, f"{OPEN}/always", names="radio.example")
    assert "Ada" in await text(client, "/rules")


@pytest.mark.parametrize("path", [f"{OPEN}/always", f"{OPEN}/always/remove", TAGS])
async def test_only_guardians_change_it(client: Client, site: Site, path: str) -> None:
    fields = {"names": "radio.example", "subject": "radio.example", "tag": "x"}
    await text(client, path, 405)
    await send(client, "/guardian/logout")
    await send(client, path, 401, **fields)
    await set_up(site, "Bo", Role.AUDITOR)
    await log_in(client, "Bo")
    await send(client, path, 403, **fields)
    assert "New group" not in await text(client, MIAS)
    assert await stored_profile(site) == MIA
