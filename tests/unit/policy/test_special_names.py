"""Tests of the names that are answered here and nowhere else."""

from __future__ import annotations

import pytest

from copdns.dns.records import AAAA, NS, PTR, SOA, SVCB, TXT, A
from copdns.model.errors import NXDOMAIN
from copdns.model.verdict import LocalAnswer
from copdns.policy.special_names import NEVER_DENIED, special_use_answer

DS, MX = 43, 15


def told(qname: str, qtype: int = A) -> str:
    """Return what a name is answered with: its data, "empty", "no such name" or "ask"."""
    answer = special_use_answer(qname, qtype)
    if answer is None:
        return "ask"
    if answer.rcode == NXDOMAIN:
        return "no such name"
    if answer.is_own_address:
        return "own"
    return " ".join(record.data for record in answer.records) or "empty"


@pytest.mark.parametrize("zone", ["alt", "corp", "home", "internal", "invalid", "lan"])
def test_zones_that_nobody_delegates_have_no_names(zone: str) -> None:
    for qname in (zone, f"nas.{zone}", f"a.b.nas.{zone}"):
        for qtype in (A, AAAA, TXT, SOA):
            assert told(qname, qtype) == "no such name"


@pytest.mark.parametrize(
    ("qname", "qtype", "answer"),
    [
        ("local", A, "no such name"),  # multicast's, not ours
        ("printer.local", A, "no such name"),
        ("hidden.onion", A, "no such name"),
        ("a.test", A, "no such name"),
        ("localhost", A, "127.0.0.1"),
        ("localhost", AAAA, "::1"),
        ("app.localhost", A, "127.0.0.1"),
        ("localhost", MX, "empty"),
        ("ipv4only.arpa", A, "192.0.0.170 192.0.0.171"),
        ("ipv4only.arpa", AAAA, "empty"),
        ("copdns.home.arpa", A, "own"),
        ("why.home.arpa", AAAA, "own"),
        ("k7qf2m9d-1.probe.home.arpa", A, "own"),
        ("probe.home.arpa", A, "no such name"),
        ("xprobe.home.arpa", A, "no such name"),
        ("home.arpa", SOA, "empty"),
        ("nas.home.arpa", A, "no such name"),
        ("x.copdns.home.arpa", A, "no such name"),
        ("service.arpa", NS, "empty"),
        ("resolver.arpa", A, "empty"),
        ("_dns.resolver.arpa", SVCB, "empty"),
        ("10.in-addr.arpa", PTR, "empty"),
        ("1.0.0.10.in-addr.arpa", PTR, "no such name"),
        ("9.1.168.192.in-addr.arpa", PTR, "no such name"),
        ("1.0.16.172.in-addr.arpa", PTR, "no such name"),
        ("1.0.32.172.in-addr.arpa", PTR, "ask"),
        ("1.0.64.100.in-addr.arpa", PTR, "no such name"),
        ("1.0.63.100.in-addr.arpa", PTR, "ask"),
        ("8.8.8.8.in-addr.arpa", PTR, "ask"),
        (f"1.{'0.' * 31}ip6.arpa", PTR, "empty"),  # ::1
        (f"5.{'0.' * 29}d.f.ip6.arpa", PTR, "no such name"),  # fd00::5
        ("a.0.6.2.ip6.arpa", PTR, "ask"),
        ("arpa", NS, "ask"),
        ("e164.arpa", NS, "ask"),
        ("www.example.org", A, "ask"),
        ("notlocalhost", TXT, "ask"),
        ("lan.example.org", A, "ask"),
        ("", NS, "ask"),
    ],
)
def test_special_names_are_answered_here(qname: str, qtype: int, answer: str) -> None:
    assert told(qname, qtype) == answer


@pytest.mark.parametrize(
    ("qtype", "answer"),
    [(A, "empty"), (AAAA, "empty"), (DS, "ask"), (NS, "ask"), (SOA, "ask"), (TXT, "ask")],
)
def test_a_bare_host_name_has_no_address_but_a_top_level_domain_has_data(
    qtype: int, answer: str
) -> None:
    assert told("org", qtype) == answer


def test_the_root_has_no_address_of_its_own_and_is_asked_for() -> None:
    assert special_use_answer("", A) is None


def test_what_is_always_there_has_an_address() -> None:
    for qname in NEVER_DENIED:
        assert special_use_answer(qname, A) not in (
            None,
            LocalAnswer(),
            LocalAnswer(rcode=NXDOMAIN),
        )
