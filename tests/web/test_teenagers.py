"""From 13 on nobody is spoken to of grown-ups: a page says "a guardian" there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.model.household import Band
from copdns.model.times import PauseSpan
from copdns.web.languages import help_topic
from copdns.web.routes import ROUTES
from copdns.words.help_topics import PAGES
from tests.home import Home
from tests.household import GUEST, MIA, NOW, TOM, block, family
from tests.web.away import put_setup
from tests.web.guardians import set_up
from tests.web.site import Client, Site, send, text

TEMPLATES = Path(__file__).parents[2] / "web-ui" / "templates"
WORD = re.compile("grown-?up", re.IGNORECASE)
BLOCKED = "toys.example"
# What no child reads: the desk, programs, and what is no page.
OTHERS = ("/guardian", "/api/", "/healthz", "/readyz", "/metrics", "/static/")
NO_PAGES = {
    *("/protection/dot/{code}", "/me/data.json", "/device/setup/{file}"),
    "/device/away/{code}/{file}",
}


def the_childs() -> set[str]:
    """Return the routes of all pages that a child reads."""
    paths = {each.path for each in ROUTES if each.method == "GET"}
    return {each for each in paths if not each.startswith(OTHERS)} - NO_PAGES


@pytest.mark.parametrize("band", [Band.TO_9, Band.TO_12, Band.TO_15, Band.TO_17])
async def test_no_page_speaks_to_a_teenager_of_grown_ups(
    band: Band, monkeypatch: pytest.MonkeyPatch
) -> None:
    tom = replace(TOM, band=band)
    house = family(MIA, tom, rules=(replace(block(BLOCKED, "tom"), id="r-tom"),), guest="tom")
    site = Site(Home(house))
    site.who = "tom"
    monkeypatch.setattr("copdns.web.child.claim_device.requestor_of", lambda _: site.asker)
    async with site.visited() as client:
        await set_up(site)
        pages = await everything(client, site)
        site.home.change(replace(house, pauses=(PauseSpan("tom", int(NOW) - 60, None),)))
        pages["paused"] = await text(client, "/")
    assert the_childs() <= set(pages)
    told = [name for name, page in pages.items() if WORD.search(page)]
    if band.age >= Band.TO_15.age:
        assert told == []
    else:
        assert {"/ask/{appeal}", "/bad", "/ticket", "/whose", "another browser", "paused"} <= {
            *told
        }


async def everything(client: Client, site: Site) -> dict[str, str]:
    """Return all pages of Tom, by their routes, and what some of them become."""
    pages = {"not paired": await text(client, "/")}
    await send(client, "/device")
    known = {each.key: each.value for each in client.session.cookie_jar}
    client.session.cookie_jar.clear()
    pages["another browser"] = await send(client, "/device", 403)
    client.session.cookie_jar.update_cookies(known)
    site.home.ask("tom", BLOCKED)
    pages["/"] = await text(client, "/")
    found = re.search(r'href="/why/([^"]+)"', pages["/"])
    assert found, pages["/"]
    pages["/why/{code}"] = await text(client, f"/why/{found[1]}")
    pages["/ask"] = await text(client, f"/ask?code={found[1]}")
    pages["/ask/{appeal}"] = await send(client, "/ask", code=found[1], why="game", wanted="1h")
    pages["asked"] = await text(client, "/")
    pages["/check"] = await text(client, f"/check?name={BLOCKED}")
    pages["/protection/{code}"] = await text(client, "/protection/aaaaaaaa")
    for path in ("/rules", "/month", "/me", "/help", "/bad", "/ticket", "/protection", "/timer"):
        pages[path] = await text(client, path)
    for path in ("/device/setup", "/device/test"):
        pages[path] = await text(client, path)
    pages["/device/away/{code}"] = await text(client, await put_setup(site, "tom-phone"))
    pages["known away"] = await text(client, "/device/setup")
    pages["/device/test/{code}"] = await text(client, "/device/test/aaaaaaaa")
    for path in ("/app", "/offline", "/offline/empty", "/app.webmanifest", "/worker.js"):
        pages[path] = await text(client, path)
    pages["told"] = await send(client, "/bad/tell")
    pages["wrong code"] = await send(client, "/ticket", 400, code="0000-0000")
    is_asked = site.home.house.profiles[1].band.age >= Band.TO_17.age
    pages["/age"] = await text(client, "/age")
    pages["/consent"] = await text(client, "/consent", 200 if is_asked else 404)
    site.who = GUEST
    pages["/whose"] = await text(client, "/whose")
    pages["let in?"] = await send(client, "/whose/ask")
    site.who = "tom"
    return pages


# A text of grown-ups, and what stands before it on its line.
FOR_SMALL = re.compile(r'\{% if level != "full" %\}\n.*?\{% endif %\}', re.DOTALL)  # up to 12
SAID = re.compile(r"^(.*?)_\(\"[^\"]*grown-?up", re.IGNORECASE | re.MULTILINE)


def test_a_text_of_grown_ups_has_another_one_for_teenagers() -> None:
    pages = (FOR_SMALL.sub("", path.read_text()) for path in TEMPLATES.glob("*.html"))
    texts = [each for page in pages for each in SAID.findall(page)]
    assert len(texts) > 5
    assert [each for each in texts if 'if level == "full" else ' not in each] == []


@pytest.mark.parametrize("name", PAGES)
def test_help_for_teenagers_speaks_of_no_grown_ups(name: str) -> None:
    said = help_topic("en", name).full
    assert not [each for each in (*said.know, *said.do) if WORD.search(each)]
