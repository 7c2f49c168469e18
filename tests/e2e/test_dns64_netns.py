"""A tablet without IPv4, in a network with a translator (NAT64): it reaches a site that has IPv4
alone by the name that we give it, and by the site's IPv4 address (464XLAT, RFC 6877).  And a prefix
that a router announces (RFC 8781).

tayga translates, on the box and, for 464XLAT, on the tablet.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from copdns.model.nat64 import learned_prefixes
from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.network import BOX6, Network, network
from tests.running import Program, running, upstream

PREFIX = "2001:db8:64::/96"
SITE, PORT = "192.0.2.1", "8090"  # the address that the upstream gives every name
TABLET = "fd00:77::2"


@contextmanager
def started(*command: str | Path) -> Iterator[None]:
    words = [str(each) for each in command]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


@contextmanager
def translator(made: Network, where: str, folder: Path, *lines: str) -> Iterator[None]:
    """Run tayga in a namespace, on the device `nat`."""
    tool = find_tool("tayga")
    folder.mkdir()
    config = folder / "tayga.conf"
    config.write_text("\n".join(["tun-device nat", f"data-dir {folder}", *lines]) + "\n")
    made.at(where, tool, "-c", config, "--mktun")
    made.at(where, "ip", "link", "set", "nat", "up")
    made.at(where, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", "net.ipv4.ip_forward=1")
    with started(*made.prefix(where), tool, "-c", config, "-d"):
        yield


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[Network, Program]]:
    find_tool("tayga")
    settings = {
        "dns": {"listen": ["127.0.0.1", BOX6]},
        "web": {"listen": ["127.0.0.1"]},
        "sources": {"use": "none"},
        "dns64": {"prefix": PREFIX},
    }
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("an old site")
    with ExitStack() as stack:
        made = stack.enter_context(network("02:00:00:00:00:08"))
        made.give(f"{TABLET}/64")
        made.at(made.tablet, "ip", "-6", "route", "add", "default", "via", BOX6)
        made.at(made.box, "ip", "address", "add", SITE, "dev", "lo")
        gate = ("ipv4-addr 203.0.113.1", "ipv6-addr fd00:64::1", f"prefix {PREFIX}")
        pool = "dynamic-pool 203.0.113.128/25"
        stack.enter_context(translator(made, made.box, tmp_path / "nat", *gate, pool))
        for network_of in (PREFIX, "203.0.113.0/24"):
            family = "-6" if ":" in network_of else "-4"
            made.at(made.box, "ip", family, "route", "add", network_of, "dev", "nat")
        server = ("python3", "-m", "http.server", PORT, "--bind", SITE)
        www = ("--directory", tmp_path / "www")
        stack.enter_context(started(*made.prefix(made.box), *server, *www))
        port = stack.enter_context(upstream(made.datagrams()))
        program = stack.enter_context(
            running(tmp_path, settings, under=made.prefix(made.box), upstreams=[port])
        )
        yield made, program


def ask(made: Network, program: Program, name: str) -> list[str]:
    dig, port = find_tool("dig"), str(program.port)
    said = made.at(made.tablet, dig, f"@{BOX6}", "-p", port, name, "AAAA", "+short", "+time=20")
    return said.split()


def page(made: Network, host: str) -> str:
    """Return what the tablet gets from a machine; "" for nothing."""
    command = [*made.prefix(made.tablet), find_tool("curl"), "-s", "-m", "10"]
    done = subprocess.run(
        [*command, f"http://{host}:{PORT}/"], capture_output=True, text=True, check=False
    )
    return done.stdout


def test_a_tablet_without_ipv4_reaches_a_site_that_has_nothing_else(
    home: tuple[Network, Program], tmp_path: Path
) -> None:
    made, program = home
    (address,) = ask(made, program, "old.example")
    assert address == "2001:db8:64::c000:201"
    eventually(lambda: page(made, f"[{address}]") == "an old site")
    assert page(made, SITE) == "", "the tablet has no IPv4"
    shown = learned_prefixes(
        ip_address(each).packed for each in ask(made, program, "ipv4only.arpa")
    )
    assert shown == (ip_network(PREFIX),)
    own = ("ipv4-addr 192.0.0.2", "ipv6-addr fd00:46::2", f"prefix {shown[0]}")
    mapped = "map 192.0.0.1 fd00:46::1"
    with translator(made, made.tablet, tmp_path / "clat", *own, mapped):
        made.at(made.tablet, "ip", "address", "add", "192.0.0.1", "dev", "nat")
        made.at(made.tablet, "ip", "route", "add", "default", "dev", "nat", "src", "192.0.0.1")
        made.at(made.tablet, "ip", "-6", "route", "add", "fd00:46::/64", "dev", "nat")
        made.at(made.box, "ip", "-6", "route", "add", "fd00:46::/64", "via", TABLET)
        eventually(lambda: page(made, SITE) == "an old site")


# A router's advertisement with a prefix of NAT64 for half an hour, from where it runs to all nodes.
ADVERTISE = """
import socket, sys
prefix = socket.inet_pton(socket.AF_INET6, sys.argv[1])[:12]
option = bytes([38, 2]) + (1800).to_bytes(2, "big") + prefix
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as router:
    router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    advertisement = bytes([134, 0, 0, 0, 64, 0]) + bytes(10) + option
    router.sendto(advertisement, ("ff02::1", 0, 0, socket.if_nametoindex("lan")))
"""


def test_the_prefix_that_a_router_announces_is_used(tmp_path: Path) -> None:
    settings = {
        "dns": {"listen": ["127.0.0.1", BOX6]},
        "web": {"listen": ["127.0.0.1"]},
        "sources": {"use": "none"},
        "dns64": {"prefix": "auto"},
    }
    with (
        network("02:00:00:00:00:08") as made,
        upstream(made.datagrams()) as port,
        running(tmp_path, settings, under=made.prefix(made.box), upstreams=[port]) as program,
    ):
        made.give(f"{TABLET}/64")
        made.give("fe80::9/64")
        made.at(made.box, "sysctl", "-qw", "net.ipv6.conf.lan.accept_ra=2")
        assert ask(made, program, "old.example") == []

        def is_used() -> bool:
            """Announce it as a router does, again and again."""
            made.at(made.tablet, "python3", "-c", ADVERTISE, PREFIX.partition("/")[0])
            return ask(made, program, "old.example") == ["2001:db8:64::c000:201"]

        eventually(is_used)
