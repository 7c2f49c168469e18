"""Devices without IPv4 reach sites that have nothing else, under the same rules (RFC 6147)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Network, ip_address, ip_network

import dns.flags
import dns.rdatatype
import pytest

from copdns.lists.index import ListKind
from copdns.lists.parse import ListFormat
from copdns.model.household import LocalName, NameRewrite
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.nat64 import Nat64, nat64_prefix
from copdns.model.verdict import Reason
from copdns.network.lease_names import lease_records
from copdns.network.leases import Lease
from copdns.policy.judge import RebindingGuard
from tests.fakes import BROKEN, FILTERED, NO_SUCH_NAME, SILENCE, FakeUpstream, Script
from tests.home import Home
from tests.household import MIA, TOM, allow, block, family, library

WELL_KNOWN = Nat64((nat64_prefix("64:ff9b::/96"),))
OWN = Nat64((nat64_prefix("2001:db8:64::/96"),))
OLD = {"A": "198.51.100.7"}  # a site without IPv6
MAPPED = "64:ff9b::c633:6407"
MIA_WITHOUT_ADS = replace(MIA, categories=frozenset({"ads"}))


def home(script: Script | None = None, nat64: Nat64 | None = WELL_KNOWN, **more: object) -> Home:
    return Home(upstream=FakeUpstream(script), nat64=nat64, **more)  # type: ignore[arg-type]


def asked(made: Home) -> list[tuple[str, str]]:
    return [(key.qname, dns.rdatatype.to_text(key.qtype)) for key in made.upstream.asked]


# --- what is made, and where ----------------------------------------------------------------------


@pytest.mark.parametrize("tcp", [False, True])
def test_a_site_with_ipv4_alone_has_an_ipv6_address_too(tcp: bool) -> None:
    made = home({"old.example": OLD})
    reply = made.ask("mia", "old.example", "AAAA", tcp=tcp)
    assert (reply.rcode, reply.data) == ("NOERROR", [MAPPED])
    assert asked(made) == [("old.example", "AAAA"), ("old.example", "A")]
    again = made.ask("tom", "OLD.example", "AAAA")
    assert again.data == [MAPPED]
    assert str(again.message.answer[0].name) == "OLD.example."
    assert len(made.upstream.asked) == 2, "both answers of the upstream are in the cache"
    assert made.ask("mia", "old.example").data == ["198.51.100.7"]


def test_without_a_prefix_a_site_with_ipv4_alone_has_no_ipv6_address() -> None:
    made = home({"old.example": OLD}, None)
    assert made.ask("mia", "old.example", "AAAA").data == []
    assert asked(made) == [("old.example", "AAAA")]


def test_a_site_with_ipv6_keeps_its_own_addresses() -> None:
    made = home()
    assert made.ask("mia", "new.example", "AAAA").data == ["2001:db8::1"]
    assert asked(made) == [("new.example", "AAAA")]


@pytest.mark.parametrize("rtype", ["A", "TXT", "HTTPS"])
def test_other_types_are_as_ever(rtype: str) -> None:
    made = home({"old.example": OLD})
    made.ask("mia", "old.example", rtype)
    assert asked(made) == [("old.example", rtype)]


def test_addresses_that_count_as_none_are_left_out() -> None:
    nat64 = Nat64(WELL_KNOWN.prefixes, (IPv6Network("2001:db8:bad::/48"),))
    script = {
        "only.example": {"AAAA": "2001:db8:bad::1", "A": "198.51.100.7"},
        "some.example": {"AAAA": ["2001:db8:bad::1", "2001:db8::2"], "A": "198.51.100.7"},
        "alone.example": {"AAAA": "2001:db8:bad::1"},
    }
    made = home(script, nat64)
    for _ in range(2):
        assert made.ask("mia", "only.example", "AAAA").data == [MAPPED]
        assert made.ask("mia", "some.example", "AAAA").data == ["2001:db8::2"]
        assert made.ask("mia", "alone.example", "AAAA").data == []


def test_every_address_has_one_and_a_chain_of_names_stays() -> None:
    script = {
        "www.example": {"CNAME": "a.cdn.example."},
        "a.cdn.example": {"CNAME": "b.cdn.example."},
        "b.cdn.example": {"A": ["198.51.100.7", "198.51.100.8"]},
    }
    made = home(script)
    for _ in range(2):
        reply = made.ask("mia", "www.example", "AAAA")
        assert reply.data == [MAPPED, "64:ff9b::c633:6408"]
        names = [(str(each.name), each.rdtype.name) for each in reply.message.answer]
        assert names == [
            ("www.example.", "CNAME"),
            ("a.cdn.example.", "CNAME"),
            ("b.cdn.example.", "AAAA"),
        ]


@pytest.mark.parametrize(
    ("said", "rcode", "data"),
    [
        (NO_SUCH_NAME, "NXDOMAIN", []),  # RFC 6147 section 5.1.2
        ({"TXT": "words"}, "NOERROR", []),
        (BROKEN, "SERVFAIL", []),
        (SILENCE, "SERVFAIL", []),
        (FILTERED, "NOERROR", []),
    ],
)
def test_a_name_without_addresses_is_as_the_upstream_said(
    said: object, rcode: str, data: list[str]
) -> None:
    made = home({"a.example": said})
    for _ in range(2):
        reply = made.ask("mia", "a.example", "AAAA")
        assert (reply.rcode, reply.data) == (rcode, data)


class BrokenForIpv6(FakeUpstream):
    """Knows A alone, and answers to AAAA with an error, or not at all."""

    says: object = BROKEN

    def _answer(self, key, protected):  # type: ignore[no-untyped-def]
        script = {key.qname: self.says} if key.qtype == dns.rdatatype.AAAA else self.script
        self.script, kept = script, self.script
        try:
            return super()._answer(key, protected)
        finally:
            self.script = kept


@pytest.mark.parametrize("said", [BROKEN, SILENCE])
def test_an_upstream_that_fails_for_ipv6_alone_is_asked_for_ipv4(said: object) -> None:
    upstream = BrokenForIpv6({"old.example": OLD})
    upstream.says = said
    made = Home(upstream=upstream, nat64=WELL_KNOWN)
    for _ in range(2):
        assert made.ask("mia", "old.example", "AAAA").data == [MAPPED]


def test_who_checks_signatures_itself_gets_what_the_upstream_said() -> None:
    """RFC 6147 section 3: with DO and CD a device maps by itself, or not at all."""
    made = home({"old.example": OLD})
    reply = made.ask(
        "mia", "old.example", "AAAA", want_dnssec=True, flags=dns.flags.RD | dns.flags.CD
    )
    assert reply.data == []
    for flags in (dns.flags.RD, dns.flags.RD | dns.flags.AD):
        signed = made.ask("mia", "old.example", "AAAA", want_dnssec=True, flags=flags)
        assert signed.data == [MAPPED]
        assert not signed.message.flags & dns.flags.AD
    assert made.ask("mia", "old.example", "AAAA", flags=dns.flags.RD | dns.flags.CD).data == [
        MAPPED
    ]


def test_an_address_is_given_for_no_longer_than_what_it_is_made_of() -> None:
    """RFC 6147 section 5.1.7: the least of the address's TTL and that of "no such data"."""
    made = home({"a.example": {**OLD, "ttl": 20}, "b.example": {**OLD, "ttl": 86400}})
    assert made.ask("mia", "a.example", "AAAA").ttls == [10]  # half of it, as all are given
    assert made.ask("mia", "b.example", "AAAA").ttls == [30]  # the SOA's MINIMUM is 60
    made.clock.wait(11)
    made.upstream.asked.clear()
    made.ask("mia", "a.example", "AAAA")
    assert asked(made) == [("a.example", "A")]


# --- under the same rules -------------------------------------------------------------------------


@pytest.mark.parametrize("lane", [False, True])
def test_what_is_blocked_stays_blocked(lane: bool) -> None:
    script = {
        "old.example": OLD,
        "cloaked.example": {"CNAME": "tracker.example."},
        "tracker.example": OLD,
        "inside.example": {"A": "203.0.113.9"},
        "router.example": {"A": "192.168.1.1"},
    }
    rules = block("old.example"), block("tracker.example"), block("203.0.113.0/24")
    for nat64 in (WELL_KNOWN, OWN):
        made = home(script, nat64, house=family(rules=rules), lane=lane)
        for _ in range(3):
            assert made.ask("mia", "old.example", "AAAA").data == []
            hidden = made.ask("mia", "cloaked.example", "AAAA")
            assert (hidden.data, hidden.message.answer) == ([], [])
            assert made.ask("mia", "inside.example", "AAAA").data == []
            assert made.ask("mia", "router.example", "AAAA").data == []


@pytest.mark.parametrize("address", ["2001:db8:64::192.168.1.1", "2001:db8:64::203.0.113.9"])
def test_an_upstreams_own_address_is_judged_by_what_it_is_translated_into(address: str) -> None:
    script = {"a.example": {"AAAA": str(ip_address(address))}}
    house = family(rules=(block("203.0.113.0/24"),))
    assert home(script, OWN, house=house).ask("mia", "a.example", "AAAA").data == []
    assert home(script, None, house=house).ask("mia", "a.example", "AAAA").data != []
    at_home = RebindingGuard(allow=(ip_network("192.168.0.0/16"),))
    allowed = home(script, OWN, rebinding=at_home).ask("mia", "a.example", "AAAA")
    assert allowed.data == [str(ip_address(address))]


def test_what_a_list_blocks_for_one_type_is_not_opened_by_the_other() -> None:
    text = "||typed.example^$dnstype=A\n"
    lists = library(written={"ads": (ListKind.CATEGORY, "ads", ListFormat.ADBLOCK, text)})
    made = home(
        {"typed.example": OLD},
        lists=lists,
        house=family(MIA_WITHOUT_ADS),
    )
    assert made.ask("mia", "typed.example").data == []
    assert made.ask("mia", "typed.example", "AAAA").data == []


@pytest.mark.parametrize("name", ["cloaked.example", "twice.example"])
def test_nor_is_what_a_name_leads_to(name: str) -> None:
    text = "||typed.example^$dnstype=A\n"
    lists = library(written={"ads": (ListKind.CATEGORY, "ads", ListFormat.ADBLOCK, text)})
    script = {
        "cloaked.example": {"CNAME": "typed.example."},
        "twice.example": {"CNAME": "cloaked.example."},
        "typed.example": OLD,
        "new.example": {"CNAME": "own.typed.example."},
        "own.typed.example": {"AAAA": "2001:db8::7"},
    }
    made = home(script, lists=lists, house=family(MIA_WITHOUT_ADS, TOM))
    for _ in range(2):
        assert made.ask("mia", name).data == []
        reply = made.ask("mia", name, "AAAA")
        assert (reply.data, reply.verdict.via) == ([], "typed.example")
        assert MAPPED in made.ask("tom", name, "AAAA").data
    assert "2001:db8::7" in made.ask("mia", "new.example", "AAAA").data, "of its own, not made of A"


def test_safe_search_is_safe_without_ipv4_too() -> None:
    lists = library(engines={"finder": (["finder.example"], {"strict": "safe.finder.example"})})
    mia = replace(MIA, safe_search=(("finder", "strict"),))
    script = {"finder.example": "198.51.100.1", "safe.finder.example": OLD}
    made = home(script, lists=lists, house=family(mia))
    for _ in range(2):
        reply = made.ask("mia", "finder.example", "AAAA")
        assert reply.data == [MAPPED]
        assert reply.verdict.reason is Reason.SAFE_SEARCH
        assert str(reply.message.answer[0][0]) == "safe.finder.example."


def test_help_is_found_without_ipv4_and_leaves_no_trace() -> None:
    lists = library(protected={"child_helpline": ["help.example"]})
    for fetches in (False, True):
        made = home({"help.example": OLD}, lists=lists, fetches_help=fetches)
        made.wait(120)
        before = made.traces()
        reply = made.ask("mia", "help.example", "AAAA")
        assert (reply.data, reply.ttls) == ([MAPPED], [30])
        assert made.traces() == before


def test_names_of_the_house_have_addresses_in_the_houses_own_prefix() -> None:
    house = family(
        local_names=(LocalName("nas.home.arpa", ("192.168.1.5",)),),
        rewrites=(NameRewrite(Matcher("store.example", MatchKind.EXACT), "nas.home.arpa"),),
    )
    made = home(None, OWN, house=house)
    made.resolver.lease_records = lease_records(
        [Lease("192.168.1.20", "02:00:00:00:00:20", "laptop")], "home.arpa"
    )
    assert made.ask("mia", "nas.home.arpa", "AAAA").data == ["2001:db8:64::c0a8:105"]
    assert made.ask("mia", "store.example", "AAAA").data == ["2001:db8:64::c0a8:105"]
    assert made.ask("mia", "laptop.home.arpa", "AAAA").data == ["2001:db8:64::c0a8:114"]
    assert made.ask("mia", "other.home.arpa", "AAAA").rcode == "NXDOMAIN"
    shared = home(None, WELL_KNOWN, house=house)
    assert shared.ask("mia", "nas.home.arpa", "AAAA").data == []
    assert made.upstream.asked == shared.upstream.asked == []


def test_a_device_learns_the_prefix_from_the_name_that_has_ipv4_only() -> None:
    """RFC 8880 section 7.1, RFC 7050: so that it can reach IPv4 addresses without names."""
    made = home()
    assert made.ask("mia", "ipv4only.arpa", "AAAA").data == [
        "64:ff9b::c000:aa",
        "64:ff9b::c000:ab",
    ]
    assert made.ask("mia", "ipv4only.arpa").data == ["192.0.0.170", "192.0.0.171"]
    assert home(None, None).ask("mia", "ipv4only.arpa", "AAAA").data == []
    assert made.upstream.asked == []


def test_the_name_of_such_an_address_is_that_of_the_ipv4_one() -> None:
    """RFC 6147 section 5.3.1."""
    script = {"7.0.18.198.in-addr.arpa": {"PTR": "old.example."}}
    made = home(script)
    name = ip_address("64:ff9b::198.18.0.7").reverse_pointer
    reply = made.ask("mia", name, "PTR")
    assert reply.data == ["old.example."]
    assert str(reply.message.answer[0][0]) == "7.0.18.198.in-addr.arpa."
    house = family(local_names=(LocalName("nas.home.arpa", ("192.168.1.5",)),))
    local = home(None, OWN, house=house)
    nas = ip_address("2001:db8:64::192.168.1.5").reverse_pointer
    assert local.ask("mia", nas, "PTR").data == ["nas.home.arpa."]
    gone = ip_address("2001:db8:64::192.168.1.6").reverse_pointer
    assert local.ask("mia", gone, "PTR").rcode == "NXDOMAIN"
    assert local.upstream.asked == []


def test_a_lane_gives_what_the_whole_path_gives() -> None:
    script = {"old.example": {**OLD, "ttl": 20}, "new.example": "2001:db8::9"}
    with_lane, without = home(script, lane=True), home(script)
    for seconds in (0, 1, 5, 6, 1, 9, 30):
        for made in (with_lane, without):
            made.clock.wait(seconds)
        for name in ("old.example", "new.example"):
            for who in ("mia", "tom"):
                first, second = (each.ask(who, name, "AAAA") for each in (with_lane, without))
                assert (first.data, first.ttls) == (second.data, second.ttls)
    assert with_lane.upstream.asked == without.upstream.asked


def test_another_prefix_holds_at_once() -> None:
    made = home({"old.example": OLD}, lane=True)
    for _ in range(2):
        assert made.ask("mia", "old.example", "AAAA").data == [MAPPED]
    made.defaults = replace(made.defaults, nat64=OWN)
    made.change()
    assert made.ask("mia", "old.example", "AAAA").data == ["2001:db8:64::c633:6407"]
    made.defaults = replace(made.defaults, nat64=None)
    made.change()
    assert made.ask("mia", "old.example", "AAAA").data == []
    assert len(made.upstream.asked) == 2, "the cache has what the upstream said"


def test_an_upstream_that_died_leaves_the_address_that_was_made() -> None:
    made = home({"old.example": OLD})
    made.ask("mia", "old.example", "AAAA")
    made.clock.wait(600)
    made.upstream.is_dead = True
    for _ in range(3):
        reply = made.ask("mia", "old.example", "AAAA")
    assert reply.data == [MAPPED]
    assert reply.ede is not None
    assert reply.ede[0] == 3  # stale


def test_a_rule_that_allows_a_name_allows_both_types() -> None:
    lists = library(categories={"games": ["old.example"]})
    mia = replace(MIA, categories=frozenset({"games"}))
    closed = home({"old.example": OLD}, lists=lists, house=family(mia))
    assert closed.ask("mia", "old.example", "AAAA").data == []
    opened = home(
        {"old.example": OLD}, lists=lists, house=family(mia, rules=(allow("old.example"),))
    )
    assert opened.ask("mia", "old.example", "AAAA").data == [MAPPED]
