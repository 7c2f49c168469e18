"""Help is there for everybody, in every state, and nothing tells that somebody was here."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from html import unescape

import pytest

from copdns.model.household import Band, Default
from copdns.model.times import PauseSpan
from copdns.web.languages import bundled_helplines, help_topic
from copdns.words.help_topics import TOPICS
from tests.home import Home
from tests.household import MIA, NOW, TOM, family
from tests.web.site import Client, Site, send, text


@pytest.fixture
def home() -> Home:
    return Home(family(MIA, TOM))


async def test_all_topics_are_on_one_page_whose_name_tells_nothing(client: Client) -> None:
    page = await text(client, "/help")
    for each in TOPICS:
        assert help_topic("en", each).title in unescape(page)
    assert "<title>copdns</title>" in page
    assert 'href="/check" data-leave' in page


@pytest.mark.parametrize(
    ("band", "says", "pictures"),
    [
        (Band.TO_6, "It is not your fault.", True),
        (Band.TO_12, "You did not cause it, and you do not deserve it.", False),
        (Band.TO_17, "It is never the fault of the person it happens to", False),
    ],
)
async def test_each_age_reads_its_own_words(
    client: Client, home: Home, band: Band, says: str, pictures: bool
) -> None:
    home.change(family(replace(MIA, band=band), TOM))
    page = await text(client, "/help")
    assert says in page
    assert ('class="picture"' in page) is pictures


@pytest.mark.parametrize("path", ["/help", "/bad"])
@pytest.mark.parametrize("who", ["mia", "192.0.2.200"])
async def test_it_is_there_without_pairing_for_known_and_unknown(
    client: Client, site: Site, path: str, who: str
) -> None:
    site.who = who
    assert "Talk to someone" in await text(client, path)


@pytest.mark.parametrize("path", ["/help", "/bad"])
async def test_it_is_there_while_everything_is_closed(
    client: Client, home: Home, path: str
) -> None:
    shut = replace(MIA, default=Default.ALLOWLIST)
    home.change(family(shut, TOM, pauses=(PauseSpan("mia", int(NOW) - 60),)))
    assert "Talk to someone" in await text(client, path)


async def test_a_country_is_chosen_here_and_kept_in_this_browser_alone(client: Client) -> None:
    france = bundled_helplines().lines("FR")[0].name
    assert france not in await text(client, "/help")
    assert france in await send(client, "/help/country", country="FR", back="/help")
    assert france in await text(client, "/bad")
    (cookie,) = [each for each in client.session.cookie_jar if each.key == "copdns_country"]
    assert cookie["max-age"] == cookie["expires"] == ""
    client.session.cookie_jar.clear()
    assert france not in await text(client, "/help")


async def test_the_own_country_stands_first_among_all(client: Client) -> None:
    page = await send(client, "/help/country", country="NZ", back="/help")
    countries = re.findall(r'<option value="([A-Z]{2})"', page)
    assert countries[0] == "NZ"
    assert len(set(countries)) == len(countries) > 50


async def test_a_country_that_is_none_is_refused(client: Client) -> None:
    for country, back in (("XX", "/help"), ("<b>", "/help"), ("FR", "//evil.example")):
        await send(client, "/help/country", 400, country=country, back=back)


async def test_a_number_can_be_dialled_and_says_when_it_was_checked(
    client: Client, site: Site
) -> None:
    page = await send(client, "/help/country", country="GB", back="/help")
    assert 'href="tel:08001111"' in page
    assert "We checked the number" not in page
    assert 'href="sms:85258"' in page
    site.home.change(family(replace(MIA, band=Band.TO_15), TOM))
    page = await send(client, "/help/country", country="GB", back="/help")
    assert "We checked this phone number on " in page
    assert "For children" not in page, "a teenager would not call it"


async def test_being_here_leaves_no_trace(client: Client, site: Site, home: Home) -> None:
    await send(client, "/device")
    home.wait(3 * 86_400)  # so that any other page would note that the pairing is in use
    before = (stored(site), repr(home.traces()))
    for path in ("/help", "/bad"):
        await text(client, path)
    await send(client, "/help/country", country="FR", back="/help")
    assert (stored(site), repr(home.traces())) == before


def stored(site: Site) -> list[str]:
    connection = sqlite3.connect(site.store.path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


async def test_links_to_the_outside_tell_not_where_from(client: Client) -> None:
    page = await send(client, "/help/country", country="FR", back="/bad")
    for part in page.split('href="https://')[1:]:
        assert 'rel="noreferrer"' in part.partition(">")[0]
