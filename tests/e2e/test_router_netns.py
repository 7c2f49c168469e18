"""A router with dnsmasq in front of copdns, and the rules of `copdns firewall` on it, for real.

As docs/router.md describes it.  All of it in network namespaces; nft and dnsmasq are Debian's.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from copdns.network.other_resolvers import OfferedBy, parse_offers
from tests.conftest import find_tool
from tests.e2e.internet import GAMES, HELP, OTHER, RESOLVER4, RESOLVER6, SCHOOL
from tests.e2e.router import (
    APART4,
    BOX4,
    BOX6,
    LAPTOP,
    LAPTOP4,
    ROUTER4,
    ROUTER6,
    TABLET,
    TABLET4,
    Home,
    home,
    is_mia,
)
from tests.e2e.test_lookout_netns import LOOK

pytestmark = pytest.mark.tools
TLS, HTTPS, CALLS = 853, 443, 4500
FAMILY = f"""
household: Example family
profiles:
  mia:
    name: Mia
    band: 7-9
    bypass: true
    block: [games.example]
    always: [school.example]
    devices: {{tablet: {{macs: [{TABLET}], addresses: [{TABLET4}]}}}}
  ada:
    name: Ada
    band: adult
    devices: {{laptop: {{macs: [{LAPTOP}], addresses: [{LAPTOP4}]}}}}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    find_tool("nft")
    with home(tmp_path_factory.mktemp("router"), FAMILY) as made:
        yield made


@pytest.fixture
def at_home(built: Home) -> Iterator[Home]:
    yield built
    built.router.tried("nft", "delete", "table", "inet", "copdns")


@contextmanager
def paused(at_home: Home) -> Iterator[None]:
    """Close Mia's time for a while, and have the router follow before and after."""
    at_home.command("pause", "mia", "--for", "1h")
    at_home.follow()
    try:
        yield
    finally:
        at_home.command("pause", "mia", "--end")
        at_home.follow()


def test_each_device_is_known_by_its_mac_through_the_router(at_home: Home) -> None:
    for server in (ROUTER4, ROUTER6):
        for options in ((), ("+tcp",)):
            assert is_mia(at_home.tablet.dig("games.example", server, *options))
            assert not is_mia(at_home.laptop.dig("games.example", server, *options))


def test_a_new_ipv6_address_is_a_guest_for_a_while_as_the_page_warns(at_home: Home) -> None:
    """dnsmasq asks no neighbour for a MAC address, and remembers that it found none."""
    new = "fd00:77::99"
    at_home.tablet.ip("address", "add", f"{new}/64", "dev", "lan", "nodad")
    assert not is_mia(at_home.tablet.dig("games.example", ROUTER6, source=new))
    assert is_mia(at_home.tablet.dig("games.example", ROUTER4))
    at_home.tablet.ip("address", "del", f"{new}/64", "dev", "lan")


def test_the_router_hands_out_its_ipv4_address_alone(at_home: Home) -> None:
    """By DHCP option 6; neither DHCPv6 nor router advertisements name a resolver."""
    _, detail = json.loads(at_home.box.run(sys.executable, "-c", LOOK, BOX4, BOX6))
    (offer,) = parse_offers(detail)
    assert (offer.by, offer.resolvers) == (OfferedBy.DHCP, (ROUTER4,))
    # Other things it may find wrong in a home of namespaces.
    said = at_home.at_box("doctor", "--network", exit_codes=(0, 1))
    assert "copdns is the only DNS server" in said


def test_plain_dns_to_others_is_answered_at_home_and_keeps_who_asked(at_home: Home) -> None:
    for server in (RESOLVER4, RESOLVER6):  # without the rules a device gets past copdns
        assert not is_mia(at_home.tablet.dig("games.example", server))
    at_home.apply("--address", BOX4)
    for server in (RESOLVER4, RESOLVER6):
        for options in ((), ("+tcp",)):
            assert is_mia(at_home.tablet.dig("games.example", server, *options))
            assert not is_mia(at_home.laptop.dig("games.example", server, *options))
    # The box still asks its upstream, which is out there.
    assert GAMES in at_home.box.dig("games.example", OTHER)
    assert OTHER in at_home.tablet.dig("new.example", ROUTER4)


def test_where_the_box_has_a_network_of_its_own_both_sides_are_seen(at_home: Home) -> None:
    router, box = at_home.router, at_home.box
    box.ip("link", "set", "lan", "down")
    box.ip("route", "add", "default", "via", "10.99.0.1")
    try:
        at_home.apply("--port-53", "box", "--address", APART4)
        assert is_mia(at_home.tablet.dig("games.example", RESOLVER4))
        assert not is_mia(at_home.laptop.dig("games.example", RESOLVER4, "+tcp"))
        # It has no IPv6 address, so that there plain DNS ends.
        assert "connection refused" in at_home.tablet.dig("games.example", RESOLVER6)
        assert GAMES in box.dig("games.example", OTHER)
    finally:
        box.ip("route", "del", "default", "via", "10.99.0.1")
        box.ip("link", "set", "lan", "up")
        box.ip("-4", "route", "replace", "default", "via", ROUTER4)
    assert "masquerade" not in router.run("nft", "list", "table", "inet", "copdns")


def test_in_one_network_plain_dns_to_others_is_refused_at_once(at_home: Home) -> None:
    at_home.apply("--port-53", "reject", "--address", BOX4)
    for options in ((), ("+tcp",)):
        said = at_home.tablet.dig("games.example", RESOLVER4, *options)
        assert "connection refused" in said
        assert is_mia(at_home.tablet.dig("games.example", BOX4, *options))
        assert not is_mia(at_home.laptop.dig("games.example", BOX4, *options))
    assert GAMES in at_home.box.dig("games.example", RESOLVER4)
    assert is_mia(at_home.tablet.dig("games.example", ROUTER4))
    at_home.apply("--port-53", "reject", "--address", BOX4, "--close-router")
    assert "connection refused" in at_home.tablet.dig("games.example", ROUTER4)
    assert "status: NOERROR" in at_home.box.dig("games.example", ROUTER4)


def test_encrypted_dns_is_closed_for_the_named_device_and_open_for_another(at_home: Home) -> None:
    at_home.apply("--address", BOX4)
    doors = [(OTHER, TLS), (RESOLVER4, TLS), (RESOLVER4, HTTPS)]
    for address, port in doors:
        assert not at_home.tablet.reaches(address, port)
        assert at_home.laptop.reaches(address, port)
    assert not at_home.tablet.reaches(RESOLVER4, HTTPS, socket.SOCK_DGRAM)  # HTTP/3
    assert at_home.laptop.reaches(RESOLVER4, HTTPS, socket.SOCK_DGRAM)
    assert at_home.tablet.reaches(OTHER, HTTPS)  # any other site


def test_a_chat_with_a_helpline_a_call_and_school_survive_the_end_of_a_slot(at_home: Home) -> None:
    at_home.apply("--address", BOX4)
    with ExitStack() as stack:
        chat, game, school, call, others = (
            stack.enter_context(each)
            for each in (
                at_home.tablet.connect(HELP, HTTPS),
                at_home.tablet.connect(GAMES, HTTPS),
                at_home.tablet.connect(SCHOOL, HTTPS),
                at_home.tablet.connect(OTHER, CALLS, socket.SOCK_DGRAM),
                at_home.laptop.connect(GAMES, HTTPS),
            )
        )
        at_home.follow()
        assert all(each.goes_on() for each in (chat, game, school, call, others))
        with paused(at_home):
            assert not game.goes_on()
            assert not at_home.tablet.reaches(GAMES, HTTPS)
            for _ in range(2):  # and it stays so
                assert all(each.goes_on() for each in (chat, school, call, others))
                at_home.follow()
            assert at_home.tablet.reaches(HELP, HTTPS)  # who begins only now, too
        assert at_home.tablet.reaches(GAMES, HTTPS)
        assert chat.goes_on()


def test_nobody_stays_cut_off_when_nobody_says_so_any_more(at_home: Home) -> None:
    at_home.apply("--address", BOX4)
    with paused(at_home):
        words = ("nft", "-j", "list", "set", "inet", "copdns", "closed_mac")
        said = json.loads(at_home.router.run(*words))
    (closed,) = [each["set"] for each in said["nftables"] if "set" in each]
    (tablet,) = closed["elem"]
    assert tablet["elem"]["val"] == TABLET
    assert tablet["elem"]["expires"] <= 180


def test_rules_tell_nothing_of_who_looked_for_help(at_home: Home) -> None:
    """No rule counts or logs, and the set of help addresses is the same before and after."""
    at_home.apply("--address", BOX4)
    at_home.follow()
    before = at_home.router.run("nft", "list", "table", "inet", "copdns")
    assert at_home.tablet.reaches(HELP, HTTPS)
    at_home.tablet.dig("www.childline.org.uk", ROUTER4)
    at_home.follow()
    assert at_home.router.run("nft", "list", "table", "inet", "copdns") == before
    assert not any(word in before for word in ("counter", " log", "quota"))


def test_what_is_printed_changes_nothing(at_home: Home, tmp_path: Path) -> None:
    before = at_home.router.run("nft", "list", "ruleset")
    at_home.router.run(
        *(sys.executable, "-m", "copdns", "--data", tmp_path / "data"),
        *("firewall", "openwrt", "--address", BOX4, "--check"),
    )
    assert at_home.router.run("nft", "list", "ruleset") == before
