"""Names that no household may answer or forward, and those that look like them."""

from __future__ import annotations

import pytest

from copdns.model.broad_names import answered_sites, broad_names, is_broad, is_public
from copdns.model.household import LocalName, NameRewrite, SplitUpstream
from copdns.model.matchers import parse_matcher
from tests.household import MIA, family


@pytest.mark.parametrize("name", ["", "com", "co.uk", "github.io", "foo.ck", "xn--p1ai", "arpa"])
def test_below_them_are_everybodys_sites(name: str) -> None:
    assert is_broad(name)


@pytest.mark.parametrize(
    "name",
    [
        *("lan", "home", "internal", "fritz.box", "home.arpa"),
        *("10.in-addr.arpa", "in-addr.arpa", "d.f.ip6.arpa"),
        *("example.com", "office.co.uk", "www.ck"),
    ],
)
def test_private_zones_reverse_zones_and_domains_are_not(name: str) -> None:
    assert not is_broad(name)


def test_a_household_tells_which_of_its_names_are_too_broad() -> None:
    household = family(
        MIA,
        local_names=(LocalName("lan", ("192.0.2.1",)), LocalName("uk", ("192.0.2.1",))),
        rewrites=(NameRewrite(parse_matcher("*.co.uk"), "portal.example"),),
        split_upstreams=(
            SplitUpstream("office.com", ("192.0.2.53:53",)),
            SplitUpstream("github.io", ("192.0.2.53:53",)),
        ),
    )
    assert broad_names(household) == {"uk", "co.uk", "github.io"}


@pytest.mark.parametrize(
    "name", ["example.com", "www.example.com", "shop.example.co.uk", "a.xn--p1ai", "a.ck"]
)
def test_what_ends_in_a_listed_top_level_domain_can_be_a_public_site(name: str) -> None:
    assert is_public(name)


@pytest.mark.parametrize(
    "name",
    [
        *("printer", "printer.lan", "nas.home", "nas.internal", "home.arpa", "nas.home.arpa"),
        *("1.0.0.10.in-addr.arpa", "d.f.ip6.arpa", "a.test", "a.example", "a.local"),
    ],
)
def test_private_zones_hold_no_public_site(name: str) -> None:
    assert not is_public(name)


def test_a_household_tells_which_public_sites_it_leads_elsewhere() -> None:
    household = family(
        MIA,
        local_names=(
            LocalName("printer.lan", ("192.0.2.1",)),
            LocalName("example.com", ("192.0.2.1", "192.0.2.2")),
            LocalName("com", ("192.0.2.1",)),
        ),
        rewrites=(
            NameRewrite(parse_matcher("*.example.org"), "portal.example"),
            NameRewrite(parse_matcher("=start.lan"), "portal.example.com"),
        ),
    )
    assert answered_sites(household) == (
        ("example.com", ("192.0.2.1", "192.0.2.2")),
        ("*.example.org", ("portal.example",)),
    )
