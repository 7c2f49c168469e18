"""The desk speaks a language as a whole or not at all."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from copdns.model.times import Schedule
from copdns.time.schedule import parse_slots
from copdns.web.pages import LANGUAGE
from copdns.words.former_notes import SLEEP
from copdns.words.phrases import DESK_LANGUAGES
from tests.home import Home
from tests.household import MIA, block, family
from tests.web.filled import full_site
from tests.web.guardians import log_in, set_up
from tests.web.site import Site

LOGIN = "/guardian/login"


@pytest.mark.parametrize(
    ("accept", "shown"),
    [("fr-CA, en", "fr"), ("ar", "en"), ("ar, es;q=0.5", "es"), ("zh-CN, de", "en")],
)
async def test_a_page_of_the_desk_is_in_one_of_its_languages(accept: str, shown: str) -> None:
    site = full_site()
    async with site.visited() as client:
        headers = {"Accept": "text/html", "Accept-Language": accept}
        page = await (await client.get(LOGIN, headers=headers)).text()
        assert f'<html lang="{shown}" dir="ltr">' in page
        assert page.count('name="language" value=') == len(DESK_LANGUAGES)


async def test_what_a_child_chose_in_this_browser_changes_the_desk_only_where_it_can() -> None:
    site = full_site()
    async with site.visited() as client:
        headers = {"Accept": "text/html", "Cookie": f"{LANGUAGE}=ar"}
        assert 'lang="ar" dir="rtl"' in await (await client.get("/", headers=headers)).text()
        assert 'lang="en" dir="ltr"' in await (await client.get(LOGIN, headers=headers)).text()


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        ("ar", "الإنجليزية والفرنسية والإسبانية"),
        ("ru", "английский, французский и испанский"),
        ("zh-CN", "英语、法语和西班牙语"),
        *((each, "") for each in DESK_LANGUAGES),
    ],
)
async def test_a_childs_page_says_which_languages_the_desk_speaks_if_not_this_one(
    accept: str, told: str
) -> None:
    site = full_site()
    async with site.visited() as client:
        headers = {"Accept": "text/html", "Accept-Language": accept}
        page = await (await client.get("/", headers=headers)).text()
    link = page.partition('<p class="aside">')[2].partition("</p>")[0]
    said = link.partition("<br>")[2]
    assert 'href="/guardian/"' in link
    assert told in said
    assert bool(said) is bool(told)


async def test_a_reason_of_ours_is_changed_in_the_readers_language_and_stays_one_of_ours() -> None:
    off = Schedule("tablet", "mia", parse_slots("daily 21:00-07:00"), note=SLEEP)
    rule = replace(block("toys.example", "mia", note=SLEEP), id="r1")
    site = Site(Home(family(MIA, rules=(rule,), schedules=(off,))))
    forms = {
        "/guardian/time/mia": ("schedules/tablet", {"start0": "20:00", "end0": "07:00"}),
        "/guardian/people/mia/rules": ("r1/note", {}),
    }
    async with site.visited() as client:
        await set_up(site)
        site.who = "ada"
        await log_in(client)
        headers = {"Accept": "text/html", "Accept-Language": "es"}
        headers["Origin"] = f"http://{client.host}:{client.port}"
        for path, (way, others) in forms.items():
            page = await (await client.get(path, headers=headers)).text()
            assert SLEEP not in page
            (shown,) = set(re.findall('<textarea [^>]*name="note"[^>]*>(La noche[^<]*)<', page))
            form = {**others, "note": unescape(shown), "scope": "mia"}
            (await client.post(f"{path}/{way}", data=form, headers=headers)).release()
        house = await site.store.household("home")
    assert house is not None
    (changed,) = house.schedules
    assert (changed.slots, changed.note) == (parse_slots("daily 20:00-07:00"), SLEEP)
    assert [each.note for each in house.rules] == [SLEEP]
