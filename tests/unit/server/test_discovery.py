"""What devices are told of encrypted DNS here, and to whom it is told, read by dnspython."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dns.message
import dns.rdatatype
import pytest

from copdns.dns.service_params import OpenPort
from copdns.model.hosts import DESK_HOST
from copdns.model.reasons import CODES
from copdns.model.verdict import LocalRecord, Requestor
from copdns.server.discovery import DISCOVERY_TTL, Discovery, ranges_of
from tests.home import Home
from tests.household import BO, LISTENER, asker, block, family
from tests.unit.messages import query

NAME = "dns.example"
SVCB, RESINFO, A, AAAA, HTTPS = 64, 261, 1, 28, 65
BOTH = (OpenPort("https", 443), OpenPort("tls", 853))
HERE = "192.168.1.1"


def begin(
    ports: Sequence[OpenPort] = BOTH,
    *,
    certified: tuple[str, ...] = (NAME,),
    name: str = NAME,
    info: str = "",
    **more: Any,
) -> Home:
    home = Home(**more)
    home.resolver.discovery = Discovery(
        name, lambda address: ports, lambda: certified, lambda: info
    )
    return home


def ask(
    home: Home, name: str, qtype: int = SVCB, *, listener: str = HERE, flags: int = 0x0100
) -> dns.message.Message:
    who = replace(asker("mia"), listener=listener)
    reply = home.send(query(name, qtype, flags=flags), who)
    assert reply is not None
    return dns.message.from_wire(reply)


def records(reply: dns.message.Message) -> list[str]:
    return [str(rdata) for rrset in reply.answer for rdata in rrset]


def ask_family(**more: Any) -> dns.message.Message:
    """Ask from home, at a private address, as a device does that looks for encrypted DNS."""
    return ask(begin(**more), "_dns.resolver.arpa")


# --- where it is asked encrypted ---------------------------------------------------------------


def test_a_device_is_told_protocols_ports_and_path_the_best_first() -> None:
    reply = ask_family()
    assert records(reply) == [
        '1 dns.example. alpn="dot"',
        '2 dns.example. alpn="h2" key7="/dns-query{?dns}"',
    ] or records(reply) == [
        '1 dns.example. alpn="dot"',
        '2 dns.example. alpn="h2" dohpath="/dns-query{?dns}"',
    ]
    assert reply.flags & 0x0400  # authoritative
    assert {rrset.ttl for rrset in reply.answer} == {60}  # at most as long as a child keeps others


def test_an_unusual_port_is_told_and_a_usual_one_is_not() -> None:
    ports = (OpenPort("tls", 8853), OpenPort("https", 8443), OpenPort("quic", 853))
    found = records(ask_family(ports=ports))
    assert [each.split()[2:4] for each in found] == [
        ['alpn="dot"', 'port="8853"'],
        ['alpn="doq"'],
        ['alpn="h2"', 'port="8443"'],
    ]


@pytest.mark.parametrize(("listener", "rtype"), [(HERE, A), ("fd00::1", AAAA)])
def test_the_name_leads_to_the_address_that_was_asked(listener: str, rtype: int) -> None:
    discovery = begin().resolver.discovery
    assert discovery is not None
    near = Requestor(listener, "192.168.1.8", "udp")
    verdict = discovery.verdict("_dns.resolver.arpa", SVCB, near)
    assert verdict is not None
    assert verdict.local is not None
    assert verdict.local.additionals == (LocalRecord(NAME, rtype, listener, DISCOVERY_TTL),)


def test_a_public_resolver_gives_its_address_with_the_answer() -> None:
    home = begin(certified=(NAME, LISTENER))
    reply = ask(home, "_dns.resolver.arpa", listener=LISTENER)
    assert [str(rrset) for rrset in reply.additional] == [f"{NAME}. 60 IN A {LISTENER}"]


def test_a_device_elsewhere_is_not_sent_to_an_address_at_home() -> None:
    assert ask_family().additional == []  # Mia's address in these tests is a public one


@pytest.mark.parametrize(
    ("listener", "certified", "found"),
    [
        (HERE, (), True),  # nobody certifies it: the same address must do
        ("fd00::1", (), True),
        ("169.254.0.1", (), True),
        (LISTENER, (), False),
        (LISTENER, (NAME,), False),  # the name does not prove that the address is its
        (LISTENER, (NAME, LISTENER), True),
    ],
)
def test_only_a_private_address_or_a_certified_one_is_offered(
    listener: str, certified: tuple[str, ...], found: bool
) -> None:
    reply = ask(begin(certified=certified), "_dns.resolver.arpa", listener=listener)
    assert bool(reply.answer) is found
    assert reply.rcode() == 0


@pytest.mark.parametrize(
    ("certified", "found"), [((NAME,), True), (("*.example",), True), (("other.example",), False)]
)
def test_who_knows_the_name_is_told_if_the_certificate_has_it(
    certified: tuple[str, ...], found: bool
) -> None:
    home = begin(certified=certified)
    reply = ask(home, f"_dns.{NAME}", listener=LISTENER)
    assert bool(reply.answer) is found
    assert home.upstream.asked == []


def test_without_a_name_it_is_this_machines_own() -> None:
    assert records(ask_family(name=DESK_HOST))[0] == f'1 {DESK_HOST}. alpn="dot"'


def test_without_encrypted_dns_there_is_nothing_and_no_upstream_is_asked() -> None:
    home = begin(())
    for name, qtype in [
        ("_dns.resolver.arpa", SVCB),
        ("_dns.resolver.arpa", HTTPS),
        ("_dns.resolver.arpa", A),
        ("other.resolver.arpa", SVCB),
        ("resolver.arpa", SVCB),
    ]:
        reply = ask(home, name, qtype)
        assert (reply.rcode(), reply.answer) == (0, [])
        assert [rrset.rdtype for rrset in reply.authority] == [dns.rdatatype.SOA]
    assert home.upstream.asked == []


@pytest.mark.parametrize("qtype", [A, HTTPS])
def test_with_it_other_types_have_nothing_still(qtype: int) -> None:
    assert ask(begin(), "_dns.resolver.arpa", qtype).answer == []


def test_no_token_is_ever_told() -> None:
    """Whoever is led here by an answer is known by the address alone."""
    text = str(ask_family())
    assert "/dns-query{?dns}" in text
    assert "/dns-query/" not in text


def test_a_stranger_is_told_nothing() -> None:
    home = begin()
    for name, qtype in [("_dns.resolver.arpa", SVCB), ("resolver.arpa", RESINFO)]:
        reply = home.send(query(name, qtype), replace(asker(BO), listener=HERE))
        assert reply is not None
        assert dns.message.from_wire(reply).rcode() == 5


def test_no_rule_of_the_household_hides_it() -> None:
    home = begin(house=family(rules=(block("resolver.arpa"), block(NAME))))
    assert ask(home, "_dns.resolver.arpa").answer
    assert ask(home, f"_dns.{NAME}").answer


def test_another_service_is_asked_for_upstream_as_ever() -> None:
    home = begin()
    ask(home, "_443._https.school.example")
    assert [each.qname for each in home.upstream.asked] == ["_443._https.school.example"]


# --- what the resolver can do ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resolver.arpa", NAME])
def test_it_says_which_errors_it_gives_and_where_people_read_more(name: str) -> None:
    home = begin((), info="https://why.home.arpa/")
    reply = ask(home, name, RESINFO, flags=0)  # such a query does not ask for recursion
    assert records(reply) == ['"exterr=0-25,27,31,33,35" "infourl=https://why.home.arpa/"']
    assert reply.flags & 0x0400  # else a client discards it (RFC 9606 section 3)
    assert home.upstream.asked == []


def test_without_https_nobody_is_sent_to_a_page() -> None:
    assert "infourl" not in records(ask(begin(), "resolver.arpa", RESINFO))[0]


def test_all_errors_are_told() -> None:
    assert ranges_of(sorted(CODES)) == "0-25,27,31,33,35"
    assert ranges_of([1, 3, 4, 5, 9]) == "1,3-5,9"


def test_another_names_is_asked_for_upstream() -> None:
    home = begin()
    ask(home, "dns.other.example", RESINFO)
    assert len(home.upstream.asked) == 1
