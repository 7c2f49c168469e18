"""A home network of its own: a box and a tablet in two network namespaces, joined by a cable.

Needs root and iproute2.  Nothing that happens in there reaches the machine's own networks.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import find_tool

CLONE_NEWNET = 0x40000000
BOX4, BOX6 = "192.168.77.1", "fd00:77::1"


@dataclass(frozen=True)
class Network:
    """box, tablet: the names of the namespaces; in each the cable ends at `lan`."""

    box: str
    tablet: str

    def at(self, where: str, *command: str | Path) -> str:
        """Run a command in one of the namespaces, and return what it says."""
        words = self.prefix(where) + [str(each) for each in command]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def prefix(self, where: str) -> list[str]:
        return [find_tool("ip"), "netns", "exec", where]

    def give(self, address: str, *, instead_of: str = "") -> None:
        """Give the tablet an address, as DHCP or a new day would."""
        if instead_of:
            self.at(self.tablet, "ip", "address", "del", instead_of, "dev", "lan")
        self.at(self.tablet, "ip", "address", "add", address, "dev", "lan", *_now(address))

    def card(self, mac: str, *addresses: str) -> None:
        """Give the tablet another network card, with these addresses."""
        self.at(self.tablet, "ip", "address", "flush", "dev", "lan", "scope", "global")
        self.at(self.tablet, "ip", "link", "set", "lan", "down")
        self.at(self.tablet, "ip", "link", "set", "lan", "address", mac)
        self.at(self.tablet, "ip", "link", "set", "lan", "up")
        for each in addresses:
            self.give(each)

    def dig(self, name: str, server: str, port: int, *options: str) -> str:
        """Ask from the tablet."""
        dig = find_tool("dig")
        return self.at(
            self.tablet,
            dig,
            f"@{server}",
            "-p",
            str(port),
            name,
            "A",
            "+tries=1",
            "+time=20",
            *options,
        )

    def datagrams(self, where: str = "") -> socket.socket:
        """Return a datagram socket of the box, or of another namespace."""
        return self._socket(where or self.box, socket.SOCK_DGRAM)

    def stream(self, where: str) -> socket.socket:
        """Return a stream socket of a namespace, which is not connected."""
        return self._socket(where, socket.SOCK_STREAM)

    def _socket(self, where: str, kind: socket.SocketKind) -> socket.socket:
        """Make a socket in a thread that goes there and ends."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._socket_here, where, kind).result()

    def _socket_here(self, where: str, kind: socket.SocketKind) -> socket.socket:
        with open(f"/run/netns/{where}") as there:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        return socket.socket(socket.AF_INET, kind)


def _now(address: str) -> Sequence[str]:
    """Return the word that makes an IPv6 address usable without looking whether it is taken."""
    return ("nodad",) if ":" in address else ()


@contextmanager
def network(mac: str) -> Iterator[Network]:
    """Build the network, and take it down again.  mac: of the tablet."""
    ip = find_tool("ip")
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")
    made = Network(f"copdns-box-{os.getpid()}", f"copdns-tablet-{os.getpid()}")
    for each in (made.box, made.tablet):
        done = subprocess.run(
            [ip, "netns", "add", each], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"needs network namespaces: {done.stderr.strip()}")
    try:
        made.at(
            made.box,
            *("ip", "link", "add", "lan", "type", "veth"),
            *("peer", "name", "lan", "netns", made.tablet, "address", mac),
        )
        for where in (made.box, made.tablet):
            made.at(where, "ip", "link", "set", "lo", "up")
            made.at(where, "ip", "link", "set", "lan", "up")
        for address in (f"{BOX4}/24", f"{BOX6}/64"):
            made.at(made.box, "ip", "address", "add", address, "dev", "lan", *_now(address))
        yield made
    finally:
        for each in (made.box, made.tablet):
            subprocess.run([ip, "netns", "del", each], capture_output=True, check=False)
