"""A home behind a router, as namespaces: a router with dnsmasq, the box, two devices, the internet.

The recipe of docs/router.md, with real dnsmasq and nft.  Needs root and iproute2; nothing that
happens in there reaches the machine's own networks.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, SocketKind, socket

import pytest

from tests.conftest import find_tool
from tests.e2e import internet
from tests.e2e.curious import help_file, leave_help_file
from tests.e2e.network import CLONE_NEWNET
from tests.e2e.started import started
from tests.running import COPDNS, Program, running

TABLET, LAPTOP = "02:00:00:00:00:08", "02:00:00:00:00:0a"  # Mia's and Ada's
ROUTER4, ROUTER6 = "192.168.77.1", "fd00:77::1"
BOX4, BOX6 = "192.168.77.2", "fd00:77::2"
APART4 = "10.99.0.2"  # the box's address in a network of its own
TABLET4, LAPTOP4 = "192.168.77.8", "192.168.77.10"
HOSTS = {"box": (BOX4, BOX6), "tablet": (TABLET4, "fd00:77::8"), "laptop": (LAPTOP4, "fd00:77::a")}
MACS = {"box": "02:00:00:00:00:02", "tablet": TABLET, "laptop": LAPTOP}
OUTSIDE4, OUTSIDE6 = "203.0.113.1", "2001:db8::1"
MASQUERADE = """
table ip usual {
    chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
}
"""


@dataclass(frozen=True)
class Place:
    """A namespace.  name: as `ip netns` has it."""

    name: str

    @property
    def prefix(self) -> list[str]:
        return [find_tool("ip"), "netns", "exec", self.name]

    def run(self, *command: str | Path, given: str | None = None) -> str:
        """Run a command, which has to work, and return what it says."""
        done = self.tried(*command, given=given)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def tried(
        self, *command: str | Path, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        words = [*self.prefix, *map(str, command)]
        return subprocess.run(words, capture_output=True, text=True, input=given, check=False)

    def ip(self, *words: str) -> None:
        self.run(find_tool("ip"), *words)

    def dig(self, name: str, server: str, *options: str, source: str = "") -> str:
        """Ask for a name, and return all that dig says."""
        where = [f"@{server}", name, "A", "+tries=1", "+time=5", *options]
        bound = ["-b", source] if source else []
        return self.tried(find_tool("dig"), *where, *bound).stdout

    def make_socket(self, kind: SocketKind = SOCK_STREAM) -> socket:
        """Return a socket of the namespace, made in a thread that goes there and ends."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._make_socket, kind).result()

    def _make_socket(self, kind: SocketKind) -> socket:
        with open(f"/run/netns/{self.name}") as there:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        made = socket(AF_INET, kind)
        made.settimeout(5)
        return made

    def connect(self, address: str, port: int, kind: SocketKind = SOCK_STREAM) -> Talk:
        made = self.make_socket(kind)
        try:
            made.connect((address, port))
        except OSError:
            made.close()
            raise
        return Talk(made)

    def reaches(self, address: str, port: int, kind: SocketKind = SOCK_STREAM) -> bool:
        """Tell whether a server echoes; False where it is refused at once, as by a rule."""
        try:
            with self.connect(address, port, kind) as talk:
                return talk.goes_on()
        except ConnectionError:
            return False


class Talk:
    """A connection to somebody who echoes."""

    def __init__(self, made: socket) -> None:
        self._socket = made

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def goes_on(self) -> bool:
        """Say something; False where the connection was ended."""
        try:
            self._socket.send(b"hello")
            return self._socket.recv(100) == b"hello"
        except ConnectionError:
            return False


@dataclass(frozen=True)
class Home:
    """All namespaces, and the program on the box."""

    router: Place
    box: Place
    tablet: Place
    laptop: Place
    outside: Place
    program: Program
    folder: Path

    def command(self, *words: str) -> str:
        """Run a command that needs no network."""
        done = self.program.command(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def at_box(self, *words: str | Path, exit_codes: Collection[int] = (0,)) -> str:
        """Run a command on the box, and return what it says."""
        command = [*COPDNS, *self.program.options, *words]
        done = subprocess.run(
            [*self.box.prefix, *map(str, command)],
            capture_output=True,
            text=True,
            env=self.program.environment,
            check=False,
        )
        assert done.returncode in exit_codes, done.stderr
        return done.stdout

    def apply(self, *words: str) -> None:
        """Apply rules on the router, as a person does with what was printed."""
        rules = self.command("firewall", "openwrt", *words)
        self.router.run(find_tool("nft"), "-f", "-", given=rules)

    def follow(self) -> None:
        """Do what happens every minute."""
        found = self.at_box("firewall", "sets", "--remember", self.folder / "remembered")
        self.router.run(find_tool("nft"), "-f", "-", given=found)


def is_mia(said: str) -> bool:
    """Tell from an answer for games.example whether Mia's rules held; they block it."""
    assert "status: NOERROR" in said, said
    blocked, opened = "EDE: 17" in said, internet.GAMES in said
    assert blocked != opened, said
    return blocked


@contextmanager
def home(folder: Path, family: str) -> Iterator[Home]:
    """Build all of it, and take it down again."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")
    household = folder / "family.yaml"
    household.write_text(family)
    leave_help_file(folder / "data", help_file(internet.HELP))
    with ExitStack() as stack:
        names = ("router", "box", "tablet", "laptop", "outside")
        places = {each: stack.enter_context(_place(each)) for each in names}
        router, box = places["router"], places["box"]
        _wire(places)
        stack.enter_context(
            started(
                [*places["outside"].prefix, sys.executable, internet.__file__, *internet.ADDRESSES],
                "ready",
            )
        )
        settings = {
            "dns": {
                "listen": ["127.0.0.1", BOX4, BOX6, APART4],
                "forwarders": [{"network": ROUTER4, "mac": True}],
            },
            "upstreams": {"servers": [internet.OTHER]},
            "web": {"listen": ["127.0.0.1"]},
            "household": str(household),
        }
        program = stack.enter_context(
            running(folder, settings, under=box.prefix, environment={"COPDNS_DNS__PORT": "53"})
        )
        stack.enter_context(started([*router.prefix, *_dnsmasq(folder)], "started, version"))
        yield Home(**places, program=program, folder=folder)


def _dnsmasq(folder: Path) -> Sequence[str | Path]:
    """Return the router's dnsmasq as docs/router.md sets it up."""
    return [
        *(find_tool("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file="),
        *("--user=root", "--log-facility=-", f"--dhcp-leasefile={folder}/leases"),
        *("--interface=br-lan", "--bind-interfaces", "--no-hosts"),
        *("--no-resolv", f"--server={BOX4}", "--cache-size=0"),
        *("--add-mac", "--strip-mac", "--strip-subnet"),
        *("--dhcp-range=192.168.77.50,192.168.77.99,1h", f"--dhcp-option=6,{ROUTER4}"),
        *("--enable-ra", "--dhcp-range=fd00:77::,ra-stateless"),
        "--dhcp-option=option6:dns-server",  # none, so that devices ask at the IPv4 address
    ]


@contextmanager
def _place(what: str) -> Iterator[Place]:
    made = Place(f"copdns-{what}-{os.getpid()}")
    ip = find_tool("ip")
    done = subprocess.run(
        [ip, "netns", "add", made.name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"needs network namespaces: {done.stderr.strip()}")
    try:
        made.ip("link", "set", "lo", "up")
        yield made
    finally:
        subprocess.run([ip, "netns", "del", made.name], capture_output=True, check=False)


def _wire(places: dict[str, Place]) -> None:
    """Join all: the LAN is a bridge of the router, which also leads to the internet."""
    router, outside = places["router"], places["outside"]
    sysctl = find_tool("sysctl")
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        router.run(sysctl, "-qw", f"{key}=1")
    router.ip("link", "add", "br-lan", "type", "bridge")
    for address in (f"{ROUTER4}/24", f"{ROUTER6}/64"):
        router.ip("address", "add", address, "dev", "br-lan", *_at_once(address))
    for each, addresses in HOSTS.items():
        at = places[each].name
        # Else each would have an address of its own making besides, and ask from that.
        places[each].run(sysctl, "-qw", "net.ipv6.conf.default.accept_ra=0")
        peer = ("peer", "name", "lan", "netns", at, "address", MACS[each])
        router.ip("link", "add", f"to-{each}", "type", "veth", *peer)
        router.ip("link", "set", f"to-{each}", "master", "br-lan", "up")
        _join(places[each], "lan", (f"{addresses[0]}/24", f"{addresses[1]}/64"), ROUTER4, ROUTER6)
    router.ip("link", "set", "br-lan", "up")
    router.ip(
        "link", "add", "apart", "type", "veth", "peer", "name", "apart", "netns", places["box"].name
    )
    _join(router, "apart", ("10.99.0.1/24",))
    _join(places["box"], "apart", (f"{APART4}/24",))
    router.ip("link", "add", "wan", "type", "veth", "peer", "name", "wan", "netns", outside.name)
    _join(router, "wan", ("203.0.113.2/24", "2001:db8::2/64"), OUTSIDE4, OUTSIDE6)
    _join(outside, "wan", (f"{OUTSIDE4}/24", f"{OUTSIDE6}/64"))
    for each in internet.ADDRESSES:
        outside.ip("address", "add", each, "dev", "lo", *_at_once(each))
    outside.ip("route", "add", "fd00:77::/64", "via", "2001:db8::2")
    router.run(find_tool("nft"), "-f", "-", given=MASQUERADE)


def _join(place: Place, card: str, addresses: Sequence[str], *gateways: str) -> None:
    place.ip("link", "set", card, "up")
    for each in addresses:
        place.ip("address", "add", each, "dev", card, *_at_once(each))
    for each in gateways:
        place.ip("-6" if ":" in each else "-4", "route", "add", "default", "via", each)


def _at_once(address: str) -> Sequence[str]:
    """Return the word that makes an IPv6 address usable without looking whether it is taken."""
    return ("nodad",) if ":" in address else ()
