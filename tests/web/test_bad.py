"""Something bad happened: nobody is told unless the child does so, and then no more than that."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from copdns.accounts.account import NoticeKind
from copdns.accounts.roles import Role
from copdns.model.household import Band
from copdns.web.languages import bundled_helplines, help_topic
from copdns.words.help_topics import REPORT
from tests.home import Home
from tests.household import ADA, MIA, TOM, family
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text

HOUR = 3600


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA, TOM, ADA)))


async def test_being_here_tells_nobody(client: Client, site: Site) -> None:
    await send(client, "/device")
    page = await text(client, "/bad")
    assert "This page won't tell anyone that you were here" in page
    assert await site.notices.all("home") == ()


async def test_a_child_tells_that_it_wants_to_talk_and_nothing_else(
    client: Client, site: Site
) -> None:
    await send(client, "/device")
    page = await send(client, "/bad/tell", words="A secret.")
    assert "Nobody has seen it yet." in page
    (notice,) = await site.notices.all("home")
    assert (notice.kind, notice.about) == (NoticeKind.WANTS_TO_TALK, "mia")
    assert "secret" not in repr(notice)


async def test_the_desk_says_that_the_child_would_like_to_talk(client: Client, site: Site) -> None:
    await set_up(site)
    await send(client, "/device")
    await send(client, "/bad/tell")
    await log_in(client)
    assert "Mia would like to talk" in await text(client, "/guardian/notices")


async def test_it_is_the_first_thing_that_the_desk_says_until_it_was_seen(
    client: Client, site: Site
) -> None:
    await set_up(site)
    await send(client, "/device")
    await send(client, "/bad/tell")
    await log_in(client)
    page = await text(client, "/guardian/")
    card, rest = page.partition("<main")[2].split("</section>", 1)
    assert "Mia would like to talk" in card
    assert "It is not your fault." in card
    assert "would like to talk" not in rest, "once"
    (notice,) = re.findall('name="notice" value="([0-9]+)"', card)
    await send(client, "/guardian/notices", notice=notice)
    assert "would like to talk" not in await text(client, "/guardian/")
    assert "Someone has seen it." in await text(client, "/bad")


async def test_whoever_is_no_guardian_is_not_told(client: Client, site: Site) -> None:
    await set_up(site, "Bo", Role.REVIEWER)
    await send(client, "/device")
    await send(client, "/bad/tell")
    await log_in(client, "Bo")
    reply = await client.get("/guardian/")
    assert "would like to talk" not in await reply.text()


async def test_it_shows_when_somebody_has_seen_it(client: Client, site: Site) -> None:
    ada = await set_up(site)
    await send(client, "/device")
    await send(client, "/bad/tell")
    unseen = await site.notices.unseen("home", ada.id)
    (notice,) = (each for each in unseen if each.kind is NoticeKind.WANTS_TO_TALK)
    await site.notices.mark_seen("home", ada.id, [notice.id], site.now)
    assert "Someone has seen it." in await text(client, "/bad")


async def test_twice_is_told_once_and_later_again(client: Client, site: Site) -> None:
    for wait in (0, 60, HOUR):
        site.home.wait(wait)
        await send(client, "/bad/tell")
    assert len(await site.notices.all("home")) == 2


async def test_another_browser_at_the_address_does_not_read_that_it_was_told(
    client: Client, site: Site
) -> None:
    await send(client, "/device")
    await send(client, "/bad/tell")
    client.session.cookie_jar.clear()
    page = await text(client, "/bad")
    assert "You asked to talk on" not in page


@pytest.mark.parametrize(("who", "status"), [("192.0.2.200", 403), ("203.0.113.66", 403)])
async def test_nobody_else_tells_anything(
    client: Client, site: Site, who: str, status: int
) -> None:
    site.who = who
    await send(client, "/bad/tell", status)
    assert await site.notices.all("home") == ()
    site.who = "mia"
    await text(client, "/bad/tell", 405)


@pytest.mark.parametrize("who", ["mia", "192.0.2.200"])
async def test_a_helpline_is_one_tap_away_and_comes_first(
    client: Client, site: Site, who: str
) -> None:
    site.who = who
    page = await send(client, "/help/country", country="FR", back="/bad")
    main = page.partition("<main")[2]
    assert 'href="tel:' in main.partition('id="tell"')[0].partition('id="report"')[0]


@pytest.mark.parametrize(
    ("prefers", "first", "behind"),
    [("en-GB", "999", "112 911"), ("en-US,en", "911", "112 999"), ("en", "999", "112 911")],
)
async def test_the_number_of_the_readers_own_country_is_first_and_large(
    client: Client, prefers: str, first: str, behind: str
) -> None:
    page = await (await client.get("/bad", headers={"Accept-Language": prefers})).text()
    call = page.partition('id="call"')[2].partition("</section>")[0]
    assert re.findall(r'class="button" href="tel:(\d+)"', call) == [first]
    assert re.findall(r'<a href="tel:(\d+)"', call) == behind.split()


async def test_a_chosen_country_has_its_own_number_large_and_the_other_behind(
    client: Client,
) -> None:
    page = await send(client, "/help/country", country="GB", back="/bad")
    call = page.partition('id="call"')[2].partition("</section>")[0]
    assert re.findall(r'class="button" href="tel:(\d+)"', call)[:2] == ["999", "08001111"]
    assert "works too." not in call, "a child of eight wonders which one to ring"
    assert "Childline" in call


async def test_the_place_to_report_begins_with_the_emergency_number(client: Client) -> None:
    page = await send(client, "/help/country", country="GB", back="/bad")
    topic = help_topic("en", REPORT)
    assert topic.title in page
    danger = page.index("If you or someone else is in danger now, call:")
    first = page.index("Report it here")
    assert danger < first < page.index("These people get rid of such pictures.")
    assert 'href="tel:999"' in page[danger:first]


async def test_a_small_child_unfolds_what_is_about_abuse_and_meets_no_service_for_adults(
    client: Client, site: Site
) -> None:
    page = await text(client, "/bad")
    section = page.partition('id="report"')[2].partition("</section>")[0]
    before, _, folded = section.partition("<details>")
    assert "Some pictures should not be online" not in before
    assert "Close the page." in folded
    assert "no clothes on" not in before
    assert "takeitdown" in folded
    assert "stopncii" not in page
    site.who = "tom"
    page = await text(client, "/bad")
    assert "<details>" not in page.partition('id="report"')[2]
    assert set(re.findall("takeitdown|stopncii", page)) == {"takeitdown"}, "that is for adults"
    site.who = "ada"
    page = await text(client, "/bad")
    assert set(re.findall("takeitdown|stopncii", page)) == {"takeitdown", "stopncii"}


async def test_nobody_is_sent_to_a_button_that_is_not_there(client: Client, site: Site) -> None:
    site.who = "tom"
    assert "Tell them I want to talk" in await text(client, "/bad")
    site.who = "192.0.2.200"
    assert "Tell them I want to talk" not in await text(client, "/bad")


async def test_emergency_numbers_of_the_sentence_are_those_of_the_data(client: Client) -> None:
    page = await text(client, "/bad")
    for number, where in (("112", "most of Europe"), ("911", "America")):
        link = f'<a href="tel:{number}"><bdi dir="ltr">{number}</bdi></a> in {where}</li>'
        assert link in page, "each has a line of its own"
    known = bundled_helplines().emergency
    assert [known(each)[0].shown for each in ("GB", "US")] == ["999", "911"]
    europe = ("AT", "BE", "DE", "DK", "ES", "FI", "FR", "IT", "PL", "SE")
    assert {known(each)[-1].shown for each in europe} == {"112"}


async def test_whom_else_to_tell_stands_before_the_button(client: Client, site: Site) -> None:
    await send(client, "/device")
    for band, words in ((Band.TO_9, "Tell your teacher"), (Band.TO_15, "tell someone at school")):
        site.home.change(family(replace(MIA, band=band), TOM, ADA))
        before, button, _ = (await text(client, "/bad")).partition('action="/bad/tell"')
        assert button
        assert words in before


@pytest.mark.parametrize("path", ["/bad", "/help"])
async def test_that_it_is_safe_here_stands_before_what_is_recorded(
    client: Client, path: str
) -> None:
    page = await text(client, path)
    before, safe, after = page.partition("This page won't tell anyone that you were here.")
    assert safe
    assert 'class="sign"' not in before, "a frightened child reads the first line and leaves"
    assert 'class="sign"' in after
