"""The configurations that are generated, read as text; tests/e2e/test_plane.py runs them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from copdns.model.matchers import Matcher, MatchKind
from copdns.provider.plane.dnsdist import NodeSettings, Tenant, dnsdist_config
from copdns.provider.plane.response_rules import response_zone
from copdns.provider.plane.snapshot import Layer, ListedNames, NameList, SpecialNames
from copdns.provider.plane.unbound import ResolverSettings, unbound_config

EXACT = MatchKind.EXACT
NODE = NodeSettings(
    site="site1",
    folder="/run/copdns",
    listen=("192.0.2.53:53",),
    resolvers=("127.0.0.1:5300",),
    safe_source="127.0.0.2",
    copdns=("127.0.0.1:5301",),
    tenants=(Tenant((ip_network("198.51.100.0/24"), ip_network("2001:db8::/32")), 7),),
)


def code(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_every_part_of_dnsdist_begins_with_a_reason() -> None:
    parts = dnsdist_config(NODE).split("\n\n")
    assert len(parts) > 6
    assert all(part.lstrip().startswith("-- ") for part in parts)


def test_help_names_pass_before_all_that_counts_limits_or_writes_down() -> None:
    text = dnsdist_config(NODE)
    passes = text.index('"help", 4')
    acts = ":lookup(", "PoolAction", "NegativeAndSOAAction", "addResponseAction"
    assert all(passes < text.index(each) for each in acts)
    decides = text.index("return decide(")
    assert passes < decides < text.index("addAction(AllRule(), LuaFFIPerThreadAction(road))")
    assert "recordQueries=false, recordResponses=false" in text
    assert 'setSecurityPollSuffix("")' in text


def test_what_lists_may_block_below_a_help_name_goes_to_no_cache() -> None:
    text = dnsdist_config(NODE)
    blocks, to_help = text.index("NegativeAndSOAAction"), text.index('PoolAction("help")')
    assert text.index('set:find("!untraced", 1, true)') < blocks < to_help


def test_only_subscribers_and_this_machine_may_ask_and_strangers_have_the_tenants_group() -> None:
    text = dnsdist_config(NODE)
    assert 'setACL({"198.51.100.0/24", "2001:db8::/32", "127.0.0.1/32", "::1/128"})' in text
    assert '{{198, 51, 100, 0}, 24, "007-"},' in text
    assert f'{{{{32, 1, 13, 184{", 0" * 12}}}, 32, "007-"}},' in text


@pytest.mark.parametrize("site", ['a"b', "a\\b", "a\nb", "ä"])
def test_no_setting_can_become_code(site: str) -> None:
    with pytest.raises(ValueError, match="must not stand"):
        dnsdist_config(replace(NODE, site=site))


def test_unbound_gives_safe_hosts_to_one_address_only() -> None:
    special = SpecialNames(
        engines={
            "one": (Matcher("www.one.example", MatchKind.EXACT),),
            "two": (Matcher("www.two.example", MatchKind.EXACT),),
        }
    )
    resolver = ResolverSettings(
        "127.0.0.1@5300", ("127.0.0.1/32",), "127.0.0.2/32", {"one": "safe.one.example"}
    )
    lines = code(unbound_config(resolver, special))
    assert "access-control-view: 127.0.0.2/32 safe" in lines
    assert 'local-data: "www.one.example 60 CNAME safe.one.example"' in lines
    assert not [line for line in lines if "two" in line]
    assert lines.index("view:") < lines.index('local-zone: "www.one.example" redirect')


def test_rules_about_responses_are_those_of_the_law_and_let_protected_names_pass() -> None:
    lists = (
        NameList("court", Layer.LAW, (Matcher("bad.example"), Matcher("one.example", EXACT))),
        NameList("games", Layer.FAMILY, (Matcher("games.example"),)),
    )
    special = SpecialNames(help=(Matcher("help.bad.example"),))
    rules = [line for line in code(response_zone(ListedNames(lists, special))) if "CNAME" in line]
    assert sorted(rules) == [
        "*.bad.example CNAME .",
        "*.help.bad.example CNAME rpz-passthru.",
        "bad.example CNAME .",
        "help.bad.example CNAME rpz-passthru.",
        "one.example CNAME .",
    ]
