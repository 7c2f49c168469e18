"""The desk speaks a language as a whole or not at all."""

from __future__ import annotations

import pytest

from copdns.web.pages import LANGUAGE
from copdns.words.phrases import DESK_LANGUAGES
from tests.web.filled import full_site

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
