"""The configurations that are generated, read as text; tests/e2e/test_plane.py runs them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from copdns.model.matchers import Matcher, MatchKind
from copdns.provider.plane.dnsdist import NodeSettings, Tenant, dnsdist_config
from copdns.provider.plane.response_rules import response_zone
from copdns.provider.plane.snapshot import Layer, ListedNames, NameList, SpecialNames
from copdns.provider.plane.unbound import ResolverSettings, unbound_config
from tests.conftest import find_tool

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


def test_where_tokens_count_everywhere_nothing_else_is_answered_outside() -> None:
    node = replace(NODE, https_listen=("192.0.2.53:443",), dnstap="/run/tap.sock", is_public=True)
    text = dnsdist_config(node)
    assert 'setACL({"0.0.0.0/0", "::/0"})' in text
    subscribers = '{"198.51.100.0/24", "2001:db8::/32", "127.0.0.1/32", "::1/128"}'
    rule = text.index(f"local elsewhere = NotRule(NetmaskGroupRule({subscribers}))")
    drops = text.index("addAction(AndRule{TCPRule(false), elsewhere}, DropAction())")
    marks = text.index('addAction(elsewhere, SetTagAction("away", "1"))')
    assert rule < drops < marks < text.index("addAction(EDNSOptionRule")
    # Where a device is that shows a token, whoever takes dnstap is not told.
    assert 'NotRule(TagRule("away", "1"))}, told_to' not in text
    told = [line for line in text.splitlines() if "told_to)" in line and "Action(And" in line]
    assert ['NotRule(TagRule("away", "1"))' in line for line in told] == [True, True]
    # A burst of strangers is bounded, where dnsdist can.
    assert "setMaxTCPConnectionsPerClient(1000)" in text
    assert "if setMaxTLSNewSessionRatePerClient then\n" in text
    assert "setMaxTCPConnectionsPerClient" not in dnsdist_config(replace(node, is_public=False))


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


# --- unbound: forged answers, rebinding, floods ---------------------------------------------------

RESOLVER = ResolverSettings(
    "127.0.0.1@5300",
    ("127.0.0.1/32",),
    "127.0.0.2/32",
    {},
    root_key="/usr/share/dns/root.key",
    private=(ip_network("10.0.0.0/8"), ip_network("fc00::/7")),
    private_names=("intern.example",),
)
ON = {
    *("harden-glue", "harden-unverified-glue", "harden-dnssec-stripped", "harden-below-nxdomain"),
    *("harden-algo-downgrade", "harden-unknown-additional", "harden-short-bufsize"),
    *("harden-large-queries", "iter-scrub-promiscuous", "val-clean-additional"),
    *("qname-minimisation", "aggressive-nsec", "use-caps-for-id", "deny-any", "minimal-responses"),
    *("hide-identity", "hide-version", "hide-trustanchor", "hide-http-user-agent", "ede"),
}
OFF = {
    *("log-queries", "log-replies", "log-servfail", "log-local-actions", "log-tag-queryreply"),
    "val-permissive-mode",
}


def test_unbound_has_each_line_against_forged_answers_and_logs_nothing() -> None:
    lines = set(code(unbound_config(RESOLVER, SpecialNames())))
    assert {f"{each}: yes" for each in ON} | {f"{each}: no" for each in OFF} <= lines
    assert 'auto-trust-anchor-file: "/usr/share/dns/root.key"' in lines
    private = {"private-address: 10.0.0.0/8", "private-address: fc00::/7"}
    assert private | {'private-domain: "intern.example"'} <= lines


@pytest.mark.tools
def test_each_line_of_unbound_is_one_that_this_unbound_knows(tmp_path: Path) -> None:
    """And it knows no line that hardens which we leave out without saying so."""
    path = tmp_path / "unbound.conf"
    chosen = replace(RESOLVER, subnet_zones=("cdn.example",), control=str(tmp_path / "socket"))
    special = SpecialNames(help=(Matcher("help.example"),))
    text = unbound_config(chosen, special)
    path.write_text(text)
    done = subprocess.run(
        [find_tool("unbound-checkconf"), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    known = Path(find_tool("unbound-checkconf")).read_bytes()
    hardens = {each.decode() for each in re.findall(rb"harden-[a-z-]+(?=:?\0)", known)}
    assert hardens
    assert {each for each in hardens if f"{each}: " not in text} == set()


def test_zones_of_help_names_and_those_above_have_no_limit() -> None:
    special = SpecialNames(help=(Matcher("a.help.example"),), protected=(Matcher("sos.example"),))
    lines = code(unbound_config(replace(RESOLVER, zone_limit=50), special))
    assert "ratelimit: 50" in lines
    exempt = [each.split('"')[1] for each in lines if each.startswith("ratelimit-for-domain")]
    assert exempt == [".", "a.help.example", "example", "help.example", "sos.example"]
    assert 'ratelimit-below-domain: "a.help.example" 0' in lines
    assert {"ip-ratelimit: 0", "wait-limit: 0"} <= set(lines)  # all come from dnsdist


def test_only_listed_zones_are_told_a_network() -> None:
    lines = code(unbound_config(replace(RESOLVER, subnet_zones=("cdn.example",)), SpecialNames()))
    assert [each for each in lines if "subnet" in each] == [
        'client-subnet-zone: "cdn.example"',
        "client-subnet-always-forward: no",
        "max-client-subnet-ipv4: 24",
        "max-client-subnet-ipv6: 56",
        'module-config: "subnetcache validator iterator"',
    ]
    assert "subnet" not in unbound_config(RESOLVER, SpecialNames())
