"""A child in two homes: file and code, preview, both agree, the child reads it, one ends it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import NamedTuple

import pytest

from copdns.model.household import Band
from tests.home import Home
from tests.household import MIA, family, library
from tests.reading_lists import load_catalogue
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text, words

HERE = "/guardian/homes"
CODE = r"[0-9A-Z]{4}-[0-9A-Z]{4}"


class Made(NamedTuple):
    file: str
    code: str


def home_of(band: Band = Band.TO_9) -> Site:
    people = [replace(MIA, band=band) if each.id == "mia" else each for each in family().profiles]
    return Site(Home(replace(family(), profiles=tuple(people)), library()))


@pytest.fixture
def site() -> Site:
    return home_of()


async def make(client: Client) -> Made:
    page = await send(client, HERE, profile="mia")
    found = re.search(r"<code>(copdns-two-homes-1:[^<]+)</code>", page)
    code = re.search(rf">({CODE})<", page)
    assert found
    assert code
    return Made(unescape(found[1]), code[1])


def lines(page: str) -> list[str]:
    return re.findall(r"(?i)two homes for mia: [a-z]+", words(page))


@pytest.mark.logged_in
async def test_two_homes_agree_and_the_child_reads_it_in_both(client: Client, site: Site) -> None:
    await send(client, "/device")
    assert "Two homes" not in await text(client, "/me")
    made = await make(client)
    assert "The grown-ups here wrote your name and your age group down" in await _me(client)
    other = home_of()
    async with other.visited() as there:
        await set_up(other, "Bea")
        await log_in(there, "Bea")
        await send(there, "/device")
        before = other.context.snapshot().households["home"]
        preview = words(await send(there, f"{HERE}/look", **made._asdict()))
        assert "Mia" in preview
        assert "no rules, no devices, no times" in preview
        assert not await other.context.other_homes.of("home"), "a look stores nothing"
        refused = await send(there, f"{HERE}/look", 400, file=made.file, code="AAAA-AAAA")
        assert "does not fit" in words(refused)
        page = await send(there, f"{HERE}/agree", **made._asdict(), profile="mia")
        (row,) = await other.context.other_homes.of("home")
        assert row.agreed
        assert row.agreed_code in page
        assert other.context.snapshot().households["home"].profiles == before.profiles
        assert "You have two homes with copdns." in await _me(there)
        assert "One home does not see" in await _me(there)

        await send(client, f"{HERE}/code", code=row.agreed_code.lower())
        (here,) = await site.context.other_homes.of("home")
        assert here.agreed
        assert "You have two homes with copdns." in await _me(client)
        again = await send(client, HERE, 400, profile="mia")
        assert "already; end that first" in words(again)

        # One home ends it, and tells the other one by the code that it gets.
        asks = await send(client, f"{HERE}/mia/end", 409)
        assert "Each home keeps its own rules" in words(asks)
        ended = await send(client, f"{HERE}/mia/end", sure="on")
        code = re.search(rf">({CODE})<", ended)
        assert code
        assert "Two homes" not in await text(client, "/me")
        assert "You have two homes" in await _me(there), "nothing connects them"
        await send(there, f"{HERE}/code", code=code[1])
        assert not await other.context.other_homes.of("home")
        await send(there, f"{HERE}/code", 400, code=code[1])
        assert lines(await text(there, "/guardian/changes")) == [
            "Two homes for Mia: ended",
            "Two homes for Mia: agreed",
        ]


async def _me(client: Client) -> str:
    return words(await text(client, "/me"))


@pytest.mark.logged_in
async def test_where_both_made_a_file_one_home_ends_its_own_first(
    client: Client, site: Site
) -> None:
    made = await make(client)
    other = home_of()
    async with other.visited() as there:
        await set_up(other, "Bea")
        await log_in(there, "Bea")
        await make(there)
        refused = await send(there, f"{HERE}/agree", 400, **made._asdict(), profile="mia")
        assert "was made here too; end that first" in words(refused)
        (row,) = await other.context.other_homes.of("home")
        assert not row.brought
        await send(there, f"{HERE}/mia/end", sure="on")
        await send(there, f"{HERE}/agree", **made._asdict(), profile="mia")
        (row,) = await other.context.other_homes.of("home")
        await send(client, f"{HERE}/code", code=row.agreed_code)


@pytest.mark.logged_in
async def test_a_child_of_the_file_can_be_new_here(client: Client, site: Site) -> None:
    made = await make(client)
    other = Site(Home(family(), load_catalogue(())))
    async with other.visited() as there:
        await set_up(other, "Bea")
        await log_in(there, "Bea")
        there_already = await send(there, f"{HERE}/agree", 400, **made._asdict(), profile="")
        assert "already someone called" in words(there_already)
        await send(there, "/guardian/people/mia/remove", heir="", sure="on")
        await send(there, f"{HERE}/agree", **made._asdict(), profile="")
        (row,) = await other.context.other_homes.of("home")
        stored = await other.context.store.household("home")
        assert stored is not None
        new = stored.profile(row.profile)
        assert new is not None
        assert (new.name, new.band) == ("Mia", Band.TO_9)
        # Whoever is removed goes with what was stored of another home.
        await send(there, f"/guardian/people/{row.profile}/remove", heir="", sure="on")
        assert not await other.context.other_homes.of("home")


@pytest.mark.parametrize(("band", "may"), [(Band.TO_12, False), (Band.TO_15, True)])
@pytest.mark.logged_in
async def test_from_13_on_the_child_ends_it_alone(band: Band, may: bool) -> None:
    site = home_of(band)
    async with site.visited() as client:
        await set_up(site, "Ada")
        await log_in(client, "Ada")
        await make(client)
        await send(client, "/device")
        page = await text(client, "/me")
        assert ("/me/homes/end" in page) is may
        if not may:
            await send(client, "/me/homes/end", 403, sure="on")
            assert await site.context.other_homes.of("home")
            return
        await send(client, "/me/homes/end", 400)
        file = await client.get("/me/data.json")
        kept = (await file.json())["other_home"]
        assert (kept["author"], kept["brought"], kept["agreed"]) == ("Ada", False, None)
        assert "secret" not in kept
        await send(client, "/me/homes/end", sure="on")
        assert not await site.context.other_homes.of("home")
        assert (await site.context.store.changes("home"))[-1].what == "two homes for mia: ended"


@pytest.mark.logged_in
async def test_what_the_child_ended_begins_again_only_with_the_childs_yes(
    client: Client, site: Site
) -> None:
    made = await make(client)
    other = home_of(Band.TO_15)
    async with other.visited() as there:
        await set_up(other, "Bea")
        await log_in(there, "Bea")
        await send(there, "/device")
        await send(there, f"{HERE}/agree", **made._asdict(), profile="mia")
        await send(there, "/me/homes/end", sure="on")
        for who in ("mia", ""):
            again = await send(there, f"{HERE}/agree", 400, **made._asdict(), profile=who)
            assert "has ended here" in words(again)
        assert "can allow it again" in words(await send(there, HERE, 400, profile="mia"))
        await send(client, f"{HERE}/mia/end", sure="on")
        new = await make(client)
        await send(there, f"{HERE}/agree", 400, **new._asdict(), profile="mia")
        assert "Allow it again" in await _me(there)
        await send(there, "/me/homes/allow")
        await send(there, f"{HERE}/agree", 400, **made._asdict(), profile="mia")
        await send(there, f"{HERE}/agree", **new._asdict(), profile="mia")
        assert "Allow it again" not in await _me(there)
        other.home.leap(301)
        asked = await send(there, f"{HERE}/agree", 403, **new._asdict(), profile="mia")
        assert "step_up_password" in asked
