"""Which upstreams a person's names are sent to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.dns.query import CacheKey
from copdns.dns.records import PTR, A
from copdns.model.household import Household, SplitUpstream
from copdns.model.verdict import Action
from copdns.policy.decide import decide
from copdns.policy.response_key import response_key
from copdns.policy.split_table import REVERSE_ZONE
from tests.household import ADA, DEFAULTS, MIA, NOW, TOM, family, library, live

SERVER = ("192.0.2.53:53",)
HOUSE = family(
    split_upstreams=(
        SplitUpstream("work.example", SERVER),
        SplitUpstream("work.example", SERVER, "tom"),
        SplitUpstream("deep.work.example", SERVER),
        SplitUpstream("", SERVER, "mia"),
        SplitUpstream("", SERVER, "#children"),
        SplitUpstream("lan", SERVER, "ada"),
    )
)


def zone(house: Household, who: str, name: str, qtype: int = A, *, reverse: bool = False) -> str:
    """Return the zone that a person's name is asked in, or what it is answered with."""
    lists = library(protected={"child_helpline": ["help.example"]})
    snapshot = live(house, lists=lists, defaults=replace(DEFAULTS, sends_reverse=reverse))
    policy = snapshot.policy("home", who)
    verdict = decide(policy, name, qtype, NOW)
    if verdict.action is not Action.ALLOW:
        return str(verdict.action)
    return response_key(CacheKey(name, qtype, do=False, cd=False), policy, verdict).zone


@pytest.mark.parametrize(
    ("who", "name", "asked_in"),
    [
        ("ada", "shop.example", ""),
        ("ada", "wiki.work.example", "work.example"),
        ("tom", "wiki.work.example", "work.example@tom"),  # the person's before everyone's
        ("mia", "wiki.work.example", "work.example"),  # a domain before all of a person's names
        ("tom", "a.deep.work.example", "deep.work.example"),  # the longest name
        ("mia", "shop.example", ".@mia"),  # the person's before the tag's
        ("tom", "shop.example", ".@#children"),
        ("mia", "help.example", ""),  # nobody but the usual upstreams is asked for help
        ("tom", "nas.lan", "local"),  # all names are no names that must not leave the house
        ("ada", "nas.lan", "lan@ada"),
    ],
)
def test_the_longest_name_and_then_the_closest_person_says_who_is_asked(
    who: str, name: str, asked_in: str
) -> None:
    assert zone(HOUSE, who, name) == asked_in


@pytest.mark.parametrize(
    ("name", "asked_in"),
    [
        ("5.1.168.192.in-addr.arpa", REVERSE_ZONE),
        ("10.in-addr.arpa", REVERSE_ZONE),
        ("1.31.172.in-addr.arpa", REVERSE_ZONE),
        ("1.32.172.in-addr.arpa", ""),  # a public address
        ("0.d.f.ip6.arpa", REVERSE_ZONE),
        ("2.0.192.in-addr.arpa", "local"),  # for documentation
        ("1.0.0.127.in-addr.arpa", "local"),
        ("1.64.100.in-addr.arpa", "local"),  # the provider's own
        ("110.in-addr.arpa", ""),
    ],
)
def test_reverse_names_of_the_home_network_go_to_the_router_where_the_settings_say_so(
    name: str, asked_in: str
) -> None:
    assert zone(family(), "mia", name, PTR, reverse=True) == asked_in
    alone = zone(family(), "mia", name, PTR)
    assert alone == ("local" if asked_in == REVERSE_ZONE else asked_in)


def test_people_share_a_verdict_only_where_their_names_go_the_same_way() -> None:
    one = live(family(MIA, TOM))
    assert one.policy("home", "tom").group is not one.policy("home", "mia").group  # other ages
    twin = replace(MIA, id="twin", name="Twin")
    same = live(replace(family(MIA, ADA), profiles=(MIA, ADA, twin)))
    assert same.policy("home", "twin").group is same.policy("home", "mia").group
    split = (SplitUpstream("lan", SERVER, "twin"),)
    house = replace(family(MIA, ADA), profiles=(MIA, ADA, twin), split_upstreams=split)
    apart = live(house)
    assert apart.policy("home", "twin").group is not apart.policy("home", "mia").group
    assert zone(house, "twin", "nas.lan") == "lan@twin"
    assert zone(house, "mia", "nas.lan") == "local"
