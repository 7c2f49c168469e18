"""Client subnet: what a subscriber says of a network, and what servers are told."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import dns.edns
import dns.flags
import dns.message
import dns.query
import pytest

from copdns.model.matchers import Matcher
from copdns.provider.plane.snapshot import (
    Group,
    Layer,
    ListedNames,
    NameList,
    PlaneSnapshot,
    PolicyClass,
    SpecialNames,
    Subscriber,
)
from tests.conftest import find_tool
from tests.e2e.plane import DEFAULT_GROUP, key, resolver, running_node, told
from tests.e2e.upstream import upstream
from tests.running import PATIENCE
from tests.upstream_server import Asked, UpstreamServer, reply_to

pytestmark = pytest.mark.tools

SITE_SOURCE, SITE_NETWORK = "127.0.7.7", "127.0.7.0/24"
CHILD, ADULT = "127.0.0.11", "127.0.0.12"
GAMBLING = NameList("gambling", Layer.FAMILY, (Matcher("casino.example"),))
LISTED = ListedNames((GAMBLING,), SpecialNames(help=(Matcher("help.example"),)))


def near(asked: Asked) -> list[bytes]:
    """Answer as a CDN does: for the network that it was told, else for all."""
    reply = reply_to(asked)
    for option in asked.message.options:
        if isinstance(option, dns.edns.ECSOption):
            told_back = dns.edns.ECSOption(option.address, option.srclen, option.srclen)
            reply.use_edns(0, options=[told_back])
    return [reply.to_wire()]


@pytest.fixture(scope="module")
def servers() -> Iterator[UpstreamServer]:
    with upstream({"": near}) as server:
        yield server


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, servers: UpstreamServer) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("node")
    with ExitStack() as stack:
        clients = (f"{SITE_SOURCE}/32",)
        unbound = stack.enter_context(
            resolver(
                folder / "unbound",
                servers.address.port,
                LISTED,
                {},
                clients=clients,
                subnet_zones=("cdn.example",),
            )
        )
        people = (Subscriber(key(CHILD), 1), Subscriber(key(ADULT), DEFAULT_GROUP))
        groups = {1: Group(1), DEFAULT_GROUP: Group(0)}
        classes = {0: PolicyClass(), 1: PolicyClass(frozenset({"gambling"}))}
        first = PlaneSnapshot(1, people, groups, classes, LISTED)
        node = running_node(folder, first, unbound, source=SITE_SOURCE)
        yield stack.enter_context(node).port


def dig(port: int, name: str, source: str, subnet: str) -> str:
    at = ["@127.0.0.1", "-p", str(port), "-b", source, f"+subnet={subnet}", "+tries=1"]
    done = subprocess.run(
        [find_tool("dig"), *at, name, "A"], capture_output=True, text=True, check=True
    )
    return done.stdout


def networks(servers: UpstreamServer, name: str) -> list[list[str]]:
    """Return what the servers of a name were told, at each question."""
    return [
        [
            f"{each.address}/{each.srclen}"
            for each in asked.message.options
            if isinstance(each, dns.edns.ECSOption)
        ]
        for asked in servers.asked
        if asked.name.lower().rstrip(".") == name
    ]


@pytest.mark.parametrize("name", ["www.shop.example", "chat.help.example"])
def test_a_network_that_a_subscriber_names_goes_no_further(
    port: int, servers: UpstreamServer, name: str
) -> None:
    reply = dig(port, name, CHILD, "198.51.100.0/24")
    assert "status: NOERROR" in reply
    assert "127.0.0.80" in reply
    assert "CLIENT-SUBNET" not in reply
    dig(port, name, ADULT, "203.0.113.0/24")
    assert networks(servers, name) in ([[]], [[], []])  # the cache had it, or no cache may


def test_a_block_is_a_block_with_a_network_too(port: int) -> None:
    reply = dig(port, "casino.example", CHILD, "198.51.100.0/24")
    assert "EDE: 17" in reply
    assert "CLIENT-SUBNET" not in reply


def test_servers_of_a_listed_zone_are_told_the_sites_network_and_one_answer_is_for_all(
    port: int, servers: UpstreamServer
) -> None:
    for source, subnet in ((CHILD, "198.51.100.0/24"), (ADULT, "203.0.113.0/24")):
        reply = dig(port, "www.cdn.example", source, subnet)
        assert "127.0.0.80" in reply
        assert "CLIENT-SUBNET" not in reply
    assert networks(servers, "www.cdn.example") == [[SITE_NETWORK]]


def test_what_is_no_clients_query_is_refused(port: int) -> None:
    """A subnet beside another record, such as a signature: the option could be anywhere."""
    option = dns.edns.ECSOption("198.51.100.0", 24)
    query = dns.message.make_query("www.shop.example", "A", use_edns=0, options=[option])
    signed = query.to_wire()
    counts = signed[:10] + b"\0\2" + signed[12:] + b"\0\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1"
    reply = dns.query.udp(dns.message.from_wire(counts), "127.0.0.1", PATIENCE, port, source=CHILD)
    assert told(reply).startswith("REFUSED")
