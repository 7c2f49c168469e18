"""Where the listener's name leads at home is what devices there are answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.model.household import LocalName, NameRewrite
from copdns.model.matchers import parse_matcher
from copdns.policy.listener_name import HomeLead, find_home_lead
from tests.household import DEFAULTS, MIA, NOW, TOM, family, live

NAME = "dns.example"
HERE, THERE = "192.168.1.2", "192.168.1.3"


def lead(*names: LocalName, profile: str = "mia", **fields: object) -> HomeLead:
    house = replace(family(MIA, TOM, local_names=names), **fields)  # type: ignore[arg-type]
    snapshot = live(house, defaults=replace(DEFAULTS, listener=NAME))
    return find_home_lead(snapshot.policy("home", profile), NAME, (HERE, "fd00::2"), NOW)


@pytest.mark.parametrize(
    ("names", "is_known", "elsewhere"),
    [
        ({}, False, ()),
        ({"other.example": HERE}, False, ()),
        ({NAME: HERE}, True, ()),  # a token before it leads to the same place
        ({NAME: "fd00::2"}, True, ()),
        ({NAME: THERE}, True, (THERE,)),
        ({NAME: HERE, f"*.{NAME}": THERE}, True, (THERE,)),
        ({f"*.{NAME}": HERE}, False, ()),  # a path has the name itself
        ({"*.example": HERE}, True, ()),
    ],
)
def test_a_local_name_says_where_it_leads(
    names: dict[str, str], is_known: bool, elsewhere: tuple[str, ...]
) -> None:
    found = lead(*(LocalName(name, (at,)) for name, at in names.items()))
    assert found == HomeLead(is_known, elsewhere)
    assert found.is_here is (is_known and not elsewhere)


def test_a_name_for_one_person_leads_nobody_else() -> None:
    toms = LocalName(NAME, (HERE,), scope="tom")
    assert lead(toms, profile="tom").is_here
    assert not lead(toms).is_known


def test_a_name_that_stands_for_copdns_itself_leads_here() -> None:
    rewrites = (NameRewrite(parse_matcher(f"*.{NAME}"), "copdns.home.arpa"),)
    assert lead(rewrites=rewrites) == HomeLead(is_known=False)
    both = (*rewrites, NameRewrite(parse_matcher(NAME), "copdns.home.arpa"))
    assert lead(rewrites=both).is_here
