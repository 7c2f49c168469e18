"""What is told of a network to an upstream that is to know it (RFC 7871), and what comes back."""

from __future__ import annotations

from ipaddress import ip_network

import dns.edns
import dns.message
import pytest

from copdns.dns.client_subnet import (
    network_of_zone,
    require_subnet,
    subnet_option,
    subnet_zone,
    with_subnet,
)
from copdns.dns.connections import pad_query
from copdns.dns.exchange import Exchange, Health
from copdns.dns.query import CacheKey, read_query
from copdns.dns.records import A
from copdns.dns.upstream_message import build_told_query, question_of
from copdns.model.addresses import Network
from copdns.model.errors import WireError
from copdns.model.names import to_wire
from tests.unit.upstreams import FOUND, WWW, Make
from tests.upstream_server import Asked, UpstreamServer, reply_to

HOME = ip_network("198.51.100.0/24")
ZONE = "subnet:198.51.100.0/24"


def ecs(text: str, source: int, scope: int = 0) -> dns.edns.ECSOption:
    return dns.edns.ECSOption(text, source, scope)


def data_of(text: str, source: int, scope: int = 0) -> bytes:
    wire = ecs(text, source, scope).to_wire()
    assert wire is not None
    return bytes(wire)


# --- reading and writing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "text", "source"),
    [
        ("198.51.100.0/24", "198.51.100.0", 24),
        ("198.51.0.0/17", "198.51.0.0", 17),
        ("2001:db8:1::/56", "2001:db8:1::", 56),
        ("0.0.0.0/0", "0.0.0.0", 0),
    ],
)
def test_an_option_is_what_another_implementation_writes(
    network: str, text: str, source: int
) -> None:
    data = data_of(text, source)
    assert subnet_option(ip_network(network)) == b"\0\x08" + len(data).to_bytes(2, "big") + data


@pytest.mark.parametrize(
    ("text", "source", "zone"),
    [
        ("198.51.100.0", 24, ZONE),
        ("198.51.100.77", 32, ZONE),  # no more of it than 24 bits
        ("198.51.0.0", 16, "subnet:198.51.0.0/16"),
        ("2001:db8:1:2:3::", 128, "subnet:2001:db8:1::/56"),
        ("2001:db8::", 32, "subnet:2001:db8::/32"),
        ("0.0.0.0", 0, ""),  # "tell nobody"
        ("192.168.1.77", 32, ""),
        ("10.0.0.0", 24, ""),
        ("fd00::1", 128, ""),
        ("127.0.0.1", 32, ""),
    ],
)
def test_of_a_devices_network_no_more_is_told_than_it_may_be(
    text: str, source: int, zone: str
) -> None:
    assert subnet_zone(data_of(text, source)) == zone
    network = network_of_zone(zone)
    assert (network is None) is not zone
    if network is not None:
        assert network.prefixlen <= (24 if network.version == 4 else 56)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\1\x18",
        b"\0\3\x18\0\xc6\x33\x64",  # a family that nobody knows
        b"\0\1\x18\x18\xc6\x33\x64",  # a query has no scope
        b"\0\1\x18\0\xc6\x33",  # too short
        b"\0\1\x18\0\xc6\x33\x64\0",  # too long
        b"\0\1\x21\0\xc6\x33\x64\0\0",  # more bits than an address has
        b"\0\2\xff\0" + bytes(32),
    ],
)
def test_a_malformed_option_tells_nothing(data: bytes) -> None:
    assert subnet_zone(data) == ""


def response(options: list[dns.edns.Option]) -> bytes:
    reply = dns.message.make_response(dns.message.make_query("a.example", "A", use_edns=0))
    reply.use_edns(0, options=options)
    return reply.to_wire()


def test_an_answer_for_another_network_is_ignored() -> None:
    told = subnet_option(HOME)
    for scope in (0, 16, 24, 32):
        require_subnet(response([ecs("198.51.100.0", 24, scope)]), told)
    require_subnet(response([]), told)
    require_subnet(response([ecs("203.0.113.0", 24)]), b"")
    for other in (ecs("203.0.113.0", 24), ecs("198.51.0.0", 16), ecs("2001:db8::", 24)):
        with pytest.raises(WireError, match="another network"):
            require_subnet(response([other]), told)


def test_a_reply_says_for_which_network_it_is() -> None:
    asked = dns.message.make_query("a.example", "A", use_edns=0, options=[ecs("198.51.100.77", 32)])
    subnet = read_query(asked.to_wire()).subnet
    reply = response([dns.edns.EDEOption(3, "old")])
    told = dns.message.from_wire(with_subnet(reply, subnet, 1232))
    assert [option.otype for option in told.options] == [15, 8]
    (found,) = [option for option in told.options if isinstance(option, dns.edns.ECSOption)]
    assert (found.address, found.srclen, found.scopelen) == ("198.51.100.77", 32, 24)
    assert with_subnet(reply, subnet, len(reply)) == reply


# --- at an upstream -----------------------------------------------------------------------------


def health(network: Network | None = HOME, *, forwards: bool = False) -> Health:
    made = Health()
    made.set_cookies(b"12345678", b"")
    made.subnet = b"" if network is None else subnet_option(network)
    made.forwards_subnet = forwards
    return made


def exchange(zone: str = "", *, protected: bool = False, untraced: bool = False) -> Exchange:
    return Exchange(
        CacheKey("a.example", A, do=False, cd=False, zone=zone),
        protected=protected,
        untraced=untraced,
    )


def test_an_upstream_is_told_what_the_settings_say_and_of_help_nothing() -> None:
    assert health().subnet_for(exchange()) == subnet_option(HOME)
    assert health().subnet_for(exchange("subnet:203.0.113.0/24")) == subnet_option(HOME)
    asked = health(None, forwards=True)
    assert asked.subnet_for(exchange()) == b""
    assert asked.subnet_for(exchange(ZONE)) == subnet_option(HOME)
    for each in (health(), asked):
        assert each.subnet_for(exchange(ZONE, untraced=True)) == b""
        assert each.subnet_for(exchange(ZONE, protected=True)) == b""
    assert not health(None).knows_subnets


@pytest.mark.parametrize("size", range(1, 60, 7))
def test_an_encrypted_query_with_a_subnet_is_padded_as_every_other(size: int) -> None:
    question = question_of(to_wire("a" * size + ".example"), A)
    made, subnet = health(), subnet_option(HOME)
    made.cookie = b""
    message = build_told_query(question, made.cookies, subnet, do=True, cd=False)
    padded = b"\0\0" + pad_query(message, len(subnet))
    assert len(padded) % 128 == 0
    read = dns.message.from_wire(padded)
    assert [option.otype for option in read.options] == [8, 12]


def subnets_in(asked: Asked) -> list[str]:
    found = [each for each in asked.message.options if isinstance(each, dns.edns.ECSOption)]
    return [f"{each.address}/{each.srclen}" for each in found]


async def test_one_upstream_is_told_and_the_next_is_not(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    asker = make(server, second)
    asker.upstreams.configure(
        {"": [server.address], "work.example": [second.address]}, subnets={server.address: HOME}
    )
    assert await asker.ask().found() == (FOUND,)
    await asker.ask(WWW._replace(zone="work.example")).one()
    await asker.ask("help.example", untraced=True).one()
    assert [subnets_in(each) for each in server.asked] == [["198.51.100.0/24"], []]
    assert [subnets_in(each) for each in second.asked] == [[]]


async def test_an_upstream_that_answers_for_another_network_is_not_believed(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    def elsewhere(asked: Asked) -> list[bytes]:
        reply = reply_to(asked)
        reply.use_edns(0, options=[ecs("203.0.113.0", 24)])
        return [reply.to_wire()]

    server.says[""] = elsewhere
    asker = make(server, second)
    asker.upstreams.configure(
        {"": [server.address, second.address]}, subnets={server.address: HOME}
    )
    assert await asker.ask().found() == (FOUND,)
    assert (len(server.asked), len(second.asked)) == (1, 1)
