"""The age group itself: asked about, answered and disputed on pages, and brought up once a year."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.accounts.roles import Permission, Role
from copdns.appeals.appeal import AppealKind, AppealState
from copdns.household.ages import ASKED_AFTER
from copdns.list_files.load import load_catalogue
from copdns.model.household import AnnouncedBandChange, Band
from tests.home import Home
from tests.household import MIA, NOW, TOM, family
from tests.web.guardians import log_in, set_up
from tests.web.programs import caller
from tests.web.site import Client, Site, send, stored_profile, text

TEMPLATES = Path(__file__).parents[2] / "web-ui" / "templates"
SHIPPED = load_catalogue(())  # what the settings of each age refer to


@pytest.fixture
def home() -> Home:
    return Home(family(MIA, TOM), SHIPPED)


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    """Mia's browser, in which a guardian can log in as well."""
    async with site.visited() as made:
        await send(made, "/device")
        await set_up(site)
        yield made


async def asked(client: Client, site: Site, band: str = "10-12") -> str:
    await send(client, "/age", band=band, words="I had my birthday.")
    (appeal,) = await site.appeals.appeals("home")
    return appeal.id


async def answered(client: Client, appeal: str, status: int = 200, **fields: str) -> str:
    return await send(client, f"/guardian/appeals/{appeal}/decide", status, **fields)


async def test_it_is_asked_from_the_rules_without_a_site(client: Client, site: Site) -> None:
    assert 'href="/age"' in await text(client, "/rules")
    form = await text(client, "/age")
    assert 'value="10-12"' in form
    assert 'value="7-9"' not in form, "that is the one they have"
    appeal = await asked(client, site)
    (found,) = await site.appeals.appeals("home")
    assert (found.ask.kind, found.ask.name, found.ask.wanted_band) == (
        AppealKind.AGE,
        "",
        Band.TO_12,
    )
    page = await text(client, f"/ask/{appeal}")
    assert "Not my age group" in page
    assert "No grown-up has seen it yet." in page
    assert "Not my age group" in await text(client, "/")
    assert "I don't want it any more" in page
    assert "You cancelled this." in await send(client, f"/ask/{appeal}/withdraw")


@pytest.mark.parametrize("band", ["", "7-9", "12"])
async def test_a_form_without_another_age_group_comes_back(
    client: Client, site: Site, band: str
) -> None:
    page = await send(client, "/age", 400, band=band, words="I am ten.")
    assert "I am ten." in page
    assert await site.appeals.appeals("home") == ()


async def test_a_guardian_reads_every_setting_before_a_yes(client: Client, site: Site) -> None:
    appeal = await asked(client, site)
    await log_in(client)
    assert "not in the right age group" in await text(client, "/guardian/inbox")
    page = await text(client, f"/guardian/appeals/{appeal}")
    assert "I had my birthday." in page
    assert page.count('<div class="pair">') > 5
    shown = await text(client, "/guardian/people/mia/preset?band=10-12")
    pairs = re.compile(r'<div class="pair">.*?</div>', re.DOTALL)
    assert pairs.findall(page) == pairs.findall(shown)
    await answered(client, appeal, state="granted", band="10-12", reason="older_now")
    assert (await stored_profile(site)).band is Band.TO_12
    await site.follow()
    assert "You have grown older" in await text(client, f"/ask/{appeal}")
    same = await text(client, "/guardian/people/mia/preset")
    assert "Nothing. These settings already match." in same


async def test_a_no_has_a_reason_of_its_kind_and_is_disputed_once(
    client: Client, site: Site
) -> None:
    appeal = await asked(client, site)
    await log_in(client)
    page = await text(client, f"/guardian/appeals/{appeal}")
    assert 'value="age_suits"' in page
    assert 'value="unsafe_contact"' not in page
    await answered(client, appeal, 400, state="refused", reason="unsafe_contact")
    await answered(client, appeal, state="refused", reason="age_suits")
    assert (await stored_profile(site)).band is Band.TO_9
    assert "For now these rules suit you better." in await text(client, f"/ask/{appeal}")
    await send(client, f"/ask/{appeal}/disagree", words="I am ten.")
    (found,) = await site.appeals.appeals("home")
    assert found.state is AppealState.TALK, "nobody else can decide here"


async def test_a_reviewer_sees_no_settings_and_cannot_say_yes(client: Client, site: Site) -> None:
    appeal = await asked(client, site)
    await set_up(site, "Rita", Role.REVIEWER)
    await log_in(client, "Rita")
    page = await text(client, f"/guardian/appeals/{appeal}")
    assert "Only a guardian can change an age group." in page
    assert '<div class="pair">' not in page
    await answered(client, appeal, 403, state="granted", band="adult", reason="older_now")
    assert (await stored_profile(site)).band is Band.TO_9
    await answered(client, appeal, state="refused", reason="age_right")
    await send(client, f"/ask/{appeal}/disagree", words="No.")
    (found,) = await site.appeals.appeals("home")
    assert found.state is AppealState.ESCALATED, "a guardian can say yes"


async def test_a_year_later_both_pages_ask(client: Client, site: Site) -> None:
    assert "/age/right" not in await text(client, "/")
    await site.context.ages.confirm("home", "mia", "Ada", site.now - ASKED_AFTER)
    page = await text(client, "/")
    assert "Is this still right?" in page
    await log_in(client)
    desk = await text(client, "/guardian/")
    assert desk.count("/age/confirm") == 1, "Tom's was chosen today"
    page = await send(client, "/age/right")
    assert "Is this still right?" not in page
    assert "Mia said on" in await text(client, "/guardian/"), "a child's yes is no guardian's"
    desk = await send(client, "/guardian/people/mia/age/confirm")
    assert "/age/confirm" not in desk


async def test_a_program_answers_it_as_a_guardian_does(client: Client, site: Site) -> None:
    appeal = await asked(client, site)
    every = await caller(client, site, name="Olga")
    found = await every("GET", f"/appeals/{appeal}")
    assert (found["kind"], found["band"], found["wanted_band"]) == ("age", "7-9", "10-12")
    assert found["opens"]["band"] == "10-12"
    assert len(found["opens"]["settings"]) > 5
    sent = {"state": "granted", "reason": "older_now"}
    await every("POST", f"/appeals/{appeal}/decide", 409, json={**sent, "reason": "trial"})
    scopes = (Permission.SEE_APPEALS, Permission.DECIDE_APPEALS)
    decides = await caller(client, site, scopes, "Dora")
    assert (await decides("GET", f"/appeals/{appeal}"))["opens"]["settings"] == []
    await decides("POST", f"/appeals/{appeal}/decide", 403, json=sent)
    done = await every("POST", f"/appeals/{appeal}/decide", json=sent)
    assert done["answers"][0]["made"] == ["band 10-12"]
    assert (await stored_profile(site)).band is Band.TO_12
    assert (await every("GET", "/profiles/mia/age"))["asks"] is False
    assert (await every("POST", "/profiles/mia/age/confirm"))["said"] is None


async def test_a_younger_one_of_a_teenager_is_announced_and_planned(
    client: Client, site: Site
) -> None:
    site.who = "tom"
    await send(client, "/device")
    appeal = await asked(client, site)
    await log_in(client)
    page = await text(client, f"/guardian/appeals/{appeal}")
    assert "is told a day before" in page
    await answered(client, appeal, state="granted", band="10-12", reason="age_wrong")
    tom = await stored_profile(site, "tom")
    assert (tom.band, tom.band_change is not None) == (Band.TO_15, True)
    proposal = await site.context.proposals.of("home", "tom")
    assert proposal is not None
    assert proposal.band is Band.TO_12
    await site.follow()
    assert "changes within a day" in await text(client, f"/ask/{appeal}")


@pytest.mark.parametrize("path", ["/", "/rules", "/age", "/help", "/me", "/ask", "/month"])
async def test_a_younger_one_is_announced_on_every_page(path: str) -> None:
    tom = replace(TOM, band_change=AnnouncedBandChange(Band.TO_9, int(NOW) + 86_400))
    site = Site(Home(family(MIA, tom), SHIPPED))
    site.who = "tom"
    told = "you will have the rules for a younger age group"
    async with site.visited() as client:
        assert told in await text(client, path)
        site.home.wait(86_400)
        assert told not in await text(client, path), "it has come"


def test_what_is_announced_stands_on_every_page_of_a_child() -> None:
    pages = {each: each.read_text() for each in TEMPLATES.glob("*.html")}
    childs = {each: page for each, page in pages.items() if 'extends "child.html"' in page}
    assert len(childs) > 10
    assert [each.name for each, page in childs.items() if '"claims.html"' not in page] == []
