"""People type an app's name, and seldom its site."""

from __future__ import annotations

import pytest

from copdns.list_files.load import bundled_files
from copdns.lists.catalogue import Service
from copdns.lists.find_app import find_app
from copdns.model.household import OwnService
from copdns.model.matchers import Matcher

SHIPPED = tuple(
    Service(slug, each.title, each.contact, each.names, each.affects, each.group, each.called)
    for slug, each in bundled_files().services.services.items()
)


@pytest.mark.parametrize(
    ("typed", "site"),
    [
        *(("youtube", "youtube.com"), ("You Tube", "youtube.com"), (" TIKTOK ", "tiktok.com")),
        *(("roblox", "roblox.com"), ("disney+", "disneyplus.com"), ("twitter", "twitter.com")),
        *(("Brawl Stars", "brawlstars.com"), ("fortnite", "fortnite.com")),
        *(("ютуб", "youtube.com"), ("انستغرام", "instagram.com"), ("我的世界", "minecraft.net")),
    ],
)
def test_an_app_is_found_by_what_people_call_it(typed: str, site: str) -> None:
    found = find_app(typed, SHIPPED)
    assert found is not None
    assert found.site == site


@pytest.mark.parametrize("typed", ["", "..", "games", "youtube.com", "tube", "!", "and"])
def test_what_no_app_is_called_is_none(typed: str) -> None:
    assert find_app(typed, SHIPPED) is None


def test_an_app_of_the_household_comes_first() -> None:
    own = OwnService("chess", "YouTube", (Matcher("chess.example"),))
    found = find_app("youtube", (own, *SHIPPED))
    assert found is not None
    assert found.slug == "chess"
