"""Wildcards, TXT and SRV records of the house, as a device gets them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.model.device_tokens import tls_name, token_text
from copdns.model.household import FullLogSpan, LocalName, NameRewrite
from copdns.model.matchers import Matcher, MatchKind
from tests.fakes import FakeUpstream
from tests.home import Home
from tests.household import MIA, NOW, block, family

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


# --- a server name with a token ----------------------------------------------------------------

LISTENER = "dns.example"
SERVER_NAME = tls_name(LISTENER, token_text(bytes(16)))


def home_with_listener(*names: LocalName, **script: str) -> Home:
    full = replace(MIA, full_log=FullLogSpan(int(NOW) - 60, int(NOW) + 60))
    answers = {name.replace("_", "."): {"A": address} for name, address in script.items()}
    home = Home(family(full, local_names=names), upstream=FakeUpstream(answers))
    home.defaults = replace(home.defaults, listener=LISTENER)
    home.change()
    return home


@pytest.mark.parametrize(
    ("names", "address"),
    [
        ({LISTENER: "192.168.1.2"}, "192.168.1.2"),
        ({LISTENER: "192.168.1.2", f"*.{LISTENER}": "192.168.1.3"}, "192.168.1.3"),
        ({f"*.{LISTENER}": "192.168.1.3"}, "192.168.1.3"),
    ],
)
def test_at_home_a_phone_finds_the_server_name_that_it_was_told(
    names: dict[str, str], address: str
) -> None:
    """Android's Private DNS with a name has no other way: without it there is no Internet."""
    home = home_with_listener(*(LocalName(name, (at,)) for name, at in names.items()))
    before = home.traces()
    for name in (SERVER_NAME, SERVER_NAME.upper()):
        reply = home.ask("mia", name)
        assert (reply.rcode, reply.data) == ("NOERROR", [address])
        assert home.ask("mia", name, "AAAA").rcode == "NOERROR"
    assert (home.upstream.asked, home.traces()) == ([], before)


def test_no_upstream_and_no_full_log_is_told_a_token() -> None:
    home = home_with_listener(dns_example="198.51.100.7")
    before = home.traces()
    reply = home.ask("mia", SERVER_NAME)
    assert (reply.rcode, reply.data[-1]) == ("NOERROR", "198.51.100.7")
    assert [each.qname for each in home.upstream.asked] == [LISTENER]
    assert home.traces() == before


@pytest.mark.parametrize("label", ["www", "a" * 25, "a" * 27, "1" * 26])
def test_other_names_below_the_listeners_are_as_ever(label: str) -> None:
    home = home_with_listener(LocalName(LISTENER, ("192.168.1.2",)))
    assert home.ask("mia", f"{label}.{LISTENER}").rcode == "NXDOMAIN"
