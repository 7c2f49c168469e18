"""Wildcards, TXT and SRV records of the house, as a device gets them."""

from __future__ import annotations

import pytest

from copdns.model.household import LocalName, NameRewrite
from copdns.model.matchers import Matcher, MatchKind
from tests.fakes import FakeUpstream
from tests.home import Home
from tests.household import MIA, block, family

HOUSE = family(
    MIA,
    local_names=(
        LocalName("dev.example", ("192.168.1.30",)),
        LocalName("*.dev.example", ("192.168.1.31",), ("TXT any  of them",)),
        LocalName("one.dev.example", ("192.168.1.32",), ("TXT " + "x" * 300,)),
        LocalName("_ipp._tcp.dev.example", (), ("SRV 0 5 631 one.dev.example",)),
    ),
    rewrites=(
        NameRewrite(Matcher("www.example", MatchKind.EXACT), "one.dev.example"),
        NameRewrite(Matcher("far.example", MatchKind.EXACT), "cloud.test.example"),
    ),
    rules=(block("far.test.example"),),
)


@pytest.mark.parametrize(
    ("name", "rtype", "rcode", "data"),
    [
        ("dev.example", "A", "NOERROR", ["192.168.1.30"]),
        ("any.dev.example", "A", "NOERROR", ["192.168.1.31"]),
        ("deep.any.dev.example", "A", "NOERROR", ["192.168.1.31"]),
        ("any.dev.example", "TXT", "NOERROR", ['"any  of them"']),
        ("any.dev.example", "AAAA", "NOERROR", []),
        ("one.dev.example", "A", "NOERROR", ["192.168.1.32"]),
        ("below.one.dev.example", "A", "NXDOMAIN", []),  # RFC 4592: one.dev.example exists
        ("one.dev.example", "TXT", "NOERROR", [f'"{"x" * 255}" "{"x" * 45}"']),
        ("_ipp._tcp.dev.example", "SRV", "NOERROR", ["0 5 631 one.dev.example."]),
        ("_ipp._tcp.dev.example", "A", "NOERROR", []),
        ("32.1.168.192.in-addr.arpa", "PTR", "NOERROR", ["one.dev.example."]),
        ("31.1.168.192.in-addr.arpa", "PTR", "NXDOMAIN", []),  # a wildcard is no name
        ("www.example", "A", "NOERROR", ["192.168.1.32"]),
    ],
)
def test_the_house_answers_its_own_records(
    name: str, rtype: str, rcode: str, data: list[str]
) -> None:
    home = Home(HOUSE)
    reply = home.ask("mia", name, rtype)
    assert (reply.rcode, reply.data) == (rcode, data)
    assert home.upstream.asked == []


def test_a_name_that_stands_for_another_is_looked_up_and_judged() -> None:
    script = {"cloud.test.example": {"A": "198.51.100.7"}}
    home = Home(HOUSE, upstream=FakeUpstream(script))
    assert home.ask("mia", "far.example").data == ["198.51.100.7"]
