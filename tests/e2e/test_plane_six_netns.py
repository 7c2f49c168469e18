"""IPv6 at a provider's dnsdist: whose an address is, among neighbours and strangers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network

import pytest

from copdns.model.matchers import Matcher
from copdns.model.verdict import Reason
from copdns.provider.plane.agent import NodeAgent
from copdns.provider.plane.dnsdist import Tenant
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.snapshot import (
    Group,
    Layer,
    ListedNames,
    NameList,
    PlaneSnapshot,
    PolicyClass,
    Subscriber,
)
from tests.conftest import find_tool
from tests.e2e.network import BOX4, BOX6, Network, network
from tests.e2e.plane import DEFAULT_GROUP, KeptSource, check_config, key, node_settings
from tests.e2e.started import started
from tests.running import free_port

pytestmark = pytest.mark.tools

ADA, BO = 1, 2  # groups of two families; each class blocks the name, and says so otherwise
FIRST = PlaneSnapshot(
    1,
    (
        Subscriber(key("2001:db8:0:100::/56"), ADA),
        Subscriber(key("2001:db8:0:200::/56"), BO),
        Subscriber(key("::/56"), BO),  # where IPv4 addresses would be that are mapped
        Subscriber(key("192.168.77.3"), ADA),
    ),
    {ADA: Group(1), BO: Group(2), DEFAULT_GROUP: Group(0)},
    {
        0: PolicyClass(closed=Reason.PAUSED),
        1: PolicyClass(frozenset({"games"})),
        2: PolicyClass(closed=Reason.SCHEDULE),
    },
    ListedNames((NameList("games", Layer.FAMILY, (Matcher("games.example"),)),)),
)
MAC = "02:00:00:00:00:77"
ADAS, BOS, STRANGERS = "category: games", "schedule", "paused"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Network, int]]:
    """Run a dnsdist in a network namespace, with nothing behind it; give its port."""
    folder, port = tmp_path_factory.mktemp("six"), free_port()
    with closing(PlaneFiles(folder / "tables")) as files, network(MAC) as made:
        NodeAgent(files, KeptSource(FIRST)).catch_up()
        settings = node_settings(folder / "tables", port, free_port(), free_port())
        networks = tuple(map(ip_network, ("192.168.77.0/24", "2001:db8::/32", "::/96")))
        settings = replace(
            settings, listen=(f"[::]:{port}",), tenants=(Tenant(networks, DEFAULT_GROUP),)
        )
        path = check_config(folder, settings)
        made.give("fd00:77::2/64")  # so that it reaches the box
        made.at(made.box, "ip", "-6", "route", "add", "2001:db8::/32", "dev", "lan")
        dnsdist = [find_tool("dnsdist"), "--supervised", "-C", str(path)]
        with started([*made.prefix(made.box), *dnsdist], "Listening on", folder):
            yield made, port


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("2001:db8:0:100::5", ADAS),
        ("2001:db8:0:1ff:ffff::9", ADAS),  # another /64 of the same line
        ("2001:db8:0:200::5", BOS),  # the next line
        ("2001:db8:0:ff::5", STRANGERS),  # the one before, which is nobody's
        ("2001:db8:0:300::5", STRANGERS),
        ("2001:db8:1:100::5", STRANGERS),  # the same but for a bit above
    ],
)
def test_an_ipv6_address_has_the_rules_of_its_own_prefix_and_no_neighbours(
    asked: tuple[Network, int], source: str, says: str
) -> None:
    made, port = asked
    made.give(f"{source}/128")
    for over in ("+notcp", "+tcp"):
        for name in ("games.example", "a.b.GAMES.example"):
            assert f"({says})" in made.dig(name, BOX6, port, "-b", source, over)


def test_an_ipv4_address_is_none_of_ipv6_where_a_socket_is_for_ipv6(
    asked: tuple[Network, int],
) -> None:
    """A socket for both would say ::ffff:192.168.77.3, which another line's prefix has."""
    made, port = asked
    made.give("192.168.77.3/24")
    for over in ("+notcp", "+tcp"):
        try:
            said = made.dig("games.example", BOX4, port, "-b", "192.168.77.3", over)
        except subprocess.CalledProcessError as refused:
            said = refused.stdout
        assert f"({BOS})" not in said
        assert f"({ADAS})" in said or "connection refused" in said
