"""Check a site before going there: the same decision as for DNS, and no trace."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from copdns.model.times import Schedule
from copdns.time.schedule import parse_slots
from tests.home import Home
from tests.household import MIA, TOM, block, family, library
from tests.web.site import Client, Site, send, text


@pytest.fixture
def home() -> Home:
    lists = library(
        services={"video_site": ["video.example", "cdn.example"]},
        protected={"child_helpline": ["helpline.example"]},
    )
    mia = replace(MIA, services=frozenset({"video_site"}))
    return Home(family(mia, TOM, rules=(block("toys.example", "mia"),)), lists)


@pytest.mark.parametrize(
    "typed",
    [
        *("toys.example", "www.toys.example", "HTTPS://Toys.Example/page?x=1", "toys.example:8080"),
        *("http://somebody@toys.example/", " toys.example. "),
    ],
)
async def test_the_name_is_found_in_whatever_is_copied(client: Client, typed: str) -> None:
    page = await client.get("/check", params={"name": typed})
    assert ": blocked</h2>" in await page.text()


async def test_it_says_what_holds_for_this_device(client: Client, site: Site) -> None:
    site.who = "tom"
    assert ": allowed</h2>" in await text(client, "/check?name=toys.example")


async def test_what_is_allowed_says_until_when(client: Client, site: Site) -> None:
    assert "You can use it until" not in await text(client, "/check?name=open.example")
    night = Schedule("night", "mia", parse_slots("daily 21:00-07:00"))
    edit = partial(replace, schedules=(night,))
    await site.store.change("home", edit, author="", what="", now=site.now)
    await site.follow()
    said = "You can use it until 21:00."
    assert said in await text(client, "/check?name=open.example")
    for name in ("toys.example", "helpline.example"):  # blocked, and never blocked
        assert "You can use it until" not in await text(client, f"/check?name={name}")


async def test_what_is_blocked_can_be_asked_for(client: Client, site: Site) -> None:
    link = 'href="/ask?name=toys.example"'
    assert link in await text(client, "/check?name=toys.example")
    for who in ("tom", "192.0.2.200"):  # open for the one; nobody knows the other, who cannot ask
        site.who = who
        assert link not in await text(client, "/check?name=toys.example")


@pytest.mark.parametrize("typed", ["..", "a b", "<script>", "%00", "x" * 300, "http://"])
async def test_what_is_no_name_is_told_kindly(client: Client, typed: str) -> None:
    page = await (await client.get("/check", params={"name": typed})).text()
    assert "That does not look like a site name." in page
    assert "<script>" not in page


@pytest.mark.parametrize("typed", ["video site", "Video-Site", "videosite"])
async def test_an_app_is_checked_and_asked_for_by_its_name(client: Client, typed: str) -> None:
    page = await (await client.get("/check", params={"name": typed})).text()
    assert ": blocked</h2>" in page
    assert 'href="/ask?name=video.example"' in page
    page = await (await client.get("/ask", params={"name": typed})).text()
    assert 'name="name" value="video.example"' in page


async def test_a_word_alone_is_never_called_allowed(client: Client) -> None:
    for path in ("/check", "/ask"):
        page = await text(client, f"{path}?name=tube")
        assert "Type the whole name, such as youtube.com." in page
        assert 'value="tube"' in page  # it stays in the field
        assert "allowed</h2>" not in page
        assert "You do not need to ask" not in page


async def test_whoever_reads_much_sees_every_step(client: Client, site: Site) -> None:
    assert "own rules" not in await text(client, "/check?name=toys.example")
    site.who = "tom"
    assert "this decided it" in await text(client, "/check?name=toys.example")


@pytest.mark.parametrize("name", ["toys.example", "helpline.example", "www.example"])
async def test_checking_leaves_no_trace(client: Client, home: Home, name: str) -> None:
    before = home.traces()
    await text(client, f"/check?name={name}")
    assert home.traces() == before


async def test_a_request_that_waits_is_shown_and_not_asked_for_again(
    client: Client, site: Site
) -> None:
    await send(client, "/device")
    await send(client, "/ask", name="toys.example")
    page = await text(client, "/check?name=toys.example")
    assert "You asked to use this site. Nobody has answered yet." in page
    assert 'href="/ask?name=toys.example"' not in page
    site.home.change(family(MIA, TOM))
    page = await text(client, "/check?name=toys.example")
    assert ": allowed</h2>" in page
    assert "You asked to use this site, but you can use it already." in page
    client.session.cookie_jar.clear()
    assert "You asked for it" not in await text(client, "/check?name=toys.example")
