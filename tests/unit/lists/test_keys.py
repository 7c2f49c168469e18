"""What a household protects is a school, not a key to what somebody else blocks."""

from __future__ import annotations

import pytest

from copdns.list_files.load import bundled_text
from copdns.lists.catalogue import Catalogue
from copdns.lists.drafts import build_small_catalogue
from copdns.lists.keys import KeyKind, find_key, find_new_key
from copdns.lists.source import ListSource
from tests.household import library

LISTS = library(
    services={"video": ["video.example", "=one.player.example"]},
    engines={"finder": (["www.finder.example"], {"strict": "safe.finder.example"})},
    no_safe_search=["odd.example"],
    bypass=["vpn.example"],
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("example", KeyKind.TOP),
        ("co.uk", KeyKind.TOP),
        ("video.example", KeyKind.SERVICE),
        ("www.video.example", KeyKind.SERVICE),  # below it
        ("player.example", KeyKind.SERVICE),  # above one of its names
        ("www.finder.example", KeyKind.ENGINE),
        ("finder.example", KeyKind.ENGINE),
        ("odd.example", KeyKind.ENGINE),
        ("vpn.example", KeyKind.BYPASS),
        ("eu.vpn.example", KeyKind.BYPASS),
        ("two.player.example", None),
        ("school.example", None),
        ("myvideo.example", None),  # same letters, another label
    ],
)
def test_a_service_an_engine_a_bypass_and_what_is_everybodys_are_keys(
    name: str, kind: KeyKind | None
) -> None:
    assert find_key(name, LISTS) is kind
    assert find_new_key(name, LISTS) is kind


@pytest.fixture(scope="module")
def bundled() -> Catalogue:
    more = ListSource("vpns", "bypass", "domains", "subtree", "vpn.college.example\n")
    return build_small_catalogue(bundled_text, [more])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tiktok.com", KeyKind.SERVICE),
        ("m.tiktok.com", KeyKind.SERVICE),
        ("www.google.com", KeyKind.ENGINE),
        ("startpage.com", KeyKind.ENGINE),
        ("nordvpn.com", KeyKind.BYPASS),
        ("dns.google", KeyKind.BYPASS),
        ("ac.uk", KeyKind.TOP),
        ("ox.ac.uk", None),
        ("mit.edu", None),
    ],
)
def test_so_are_those_that_copdns_knows(
    bundled: Catalogue, name: str, kind: KeyKind | None
) -> None:
    assert find_key(name, bundled) is kind


def test_a_downloaded_list_keeps_a_name_from_being_protected_but_takes_no_school_away(
    bundled: Catalogue,
) -> None:
    assert find_new_key("vpn.college.example", bundled) is KeyKind.BYPASS
    assert find_key("vpn.college.example", bundled) is None
    assert find_new_key("college.example", bundled) is None
