"""An address that moves to the second box: the recipe of docs/second-box.md, with real keepalived.

Two boxes and a tablet in network namespaces, on one bridge.  Needs root, iproute2 and keepalived.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import SOCK_DGRAM
from time import monotonic

import dns.message
import pytest

from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.router import Place, _place
from tests.replies import ede_of
from tests.running import Program, run_here, running

pytestmark = pytest.mark.tools
ROOT = Path(__file__).parents[2]
SHARED = "192.168.77.53"
ADDRESSES = {"first": "192.168.77.2", "second": "192.168.77.3", "tablet": "192.168.77.8"}
FAMILY = """
household: Example family
local_names: {nas.home.arpa: [192.168.77.20]}
rules: [{block: games.example, for: mia}]
profiles:
  mia: {name: Mia, band: 7-9, devices: {tablet: {addresses: [192.168.77.8]}}}
"""
NAMES = ("nas.home.arpa", "games.example")
WITHIN = 2.0  # seconds until the address answers again
# Each box has its own of all of these, as it has on a machine of its own: where one is locked, that
# of BFD too, a second keepalived ends at its start, and nobody takes the address over.
PIDS = ("pid", "vrrp_pid", "checkers_pid", "bfd_pid")


@dataclass(frozen=True)
class Street:
    first: Place
    second: Place
    tablet: Place

    def ask(self, name: str, server: str, seconds: float = 1.0) -> tuple[object, ...] | None:
        """Return what the tablet gets for a name; None for no answer in time."""
        query = dns.message.make_query(name, "A", use_edns=0)
        with self.tablet.make_socket(SOCK_DGRAM) as own:
            own.settimeout(seconds)
            own.sendto(query.to_wire(), (server, 53))
            try:
                reply = dns.message.from_wire(own.recv(4096))
            except OSError:
                return None
        data = sorted(str(rdata) for rrset in reply.answer for rdata in rrset)
        return (reply.rcode(), data, ede_of(reply))

    def verdicts(self, server: str) -> list[tuple[object, ...] | None]:
        return [self.ask(each, server) for each in NAMES]


@contextmanager
def street() -> Iterator[Street]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")
    with ExitStack() as stack:
        made = {each: stack.enter_context(_place(each)) for each in ("switch", *ADDRESSES)}
        switch = made["switch"]
        switch.ip("link", "add", "br-lan", "type", "bridge")
        switch.ip("link", "set", "br-lan", "up")
        for each, address in ADDRESSES.items():
            peer = ("peer", "name", "lan", "netns", made[each].name)
            switch.ip("link", "add", f"to-{each}", "type", "veth", *peer)
            switch.ip("link", "set", f"to-{each}", "master", "br-lan", "up")
            made[each].ip("address", "add", f"{address}/24", "dev", "lan")
            made[each].ip("link", "set", "lan", "up")
            made[each].run("sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1")
        yield Street(*(made[each] for each in ADDRESSES))


@contextmanager
def box(place: Place, folder: Path, address: str, **settings: object) -> Iterator[Program]:
    listen = {"listen": ["127.0.0.1", address, SHARED]}
    environment = {"COPDNS_DNS__PORT": "53", "COPDNS_WEB__TLS_PORT": "443"}
    folder.mkdir(exist_ok=True)
    with running(
        folder,
        {"dns": listen, "web": listen, **settings},
        under=place.prefix,
        environment=environment,
    ) as program:
        yield program


def recipe(folder: Path, priority: int) -> list[str | Path]:
    """Return the command of keepalived with the file of the page, for this network."""
    page = (ROOT / "docs" / "second-box.md").read_text()
    text = re.search(r"```text\n# /etc/keepalived/keepalived.conf\n(.*?)```", page, re.DOTALL)
    assert text
    written = text[1].replace("192.168.1.53", SHARED).replace("eth0", "lan")
    (folder / "keepalived.conf").write_text(written.replace("priority 150", f"priority {priority}"))
    pids = [f"--{each}={folder}/{each}.pid" for each in PIDS]
    return [
        *(find_tool("keepalived"), "--dont-fork", "--log-console", "--log-detail", "--vrrp", *pids),
        f"--use-file={folder}/keepalived.conf",
    ]


def keep(place: Place, folder: Path, priority: int) -> subprocess.Popen[bytes]:
    """Start keepalived; what it says is in a file of its folder."""
    words = [*place.prefix, *map(str, recipe(folder, priority))]
    with (folder / "keepalived.log").open("wb") as told:
        return subprocess.Popen(words, stdout=told, stderr=subprocess.STDOUT)


def test_the_address_moves_to_the_second_box_when_the_first_one_dies(tmp_path: Path) -> None:
    find_tool("keepalived")
    (tmp_path / "family.yaml").write_text(FAMILY)
    household = {"household": str(tmp_path / "family.yaml")}
    first_folder, second_folder = tmp_path / "first", tmp_path / "second"
    with street() as home, ExitStack() as stack:
        first = stack.enter_context(box(home.first, first_folder, ADDRESSES["first"], **household))
        key = first.command("follower", "pair", "Upstairs").stdout.strip()
        data = str(second_folder / "data")
        url = f"https://{ADDRESSES['first']}"
        assert run_here(["--data", data, "follow", url, key], {}).returncode == 0
        stack.enter_context(box(home.second, second_folder, ADDRESSES["second"]))
        expected = home.verdicts(ADDRESSES["first"])
        assert all(expected)
        eventually(lambda: home.verdicts(ADDRESSES["second"]) == expected)
        keepers = [
            keep(place, folder, priority)
            for place, folder, priority in (
                (home.first, first_folder, 150),
                (home.second, second_folder, 100),
            )
        ]
        try:
            eventually(lambda: home.verdicts(SHARED) == expected)
            eventually(lambda: SHARED in home.first.run("ip", "address"))
            eventually(lambda: SHARED not in home.second.run("ip", "address"))
            assert [each.poll() for each in keepers] == [None, None]
            # The first box dies: nothing of it runs or answers any more.
            home.first.ip("link", "set", "lan", "down")
            died = monotonic()
            first.process.kill()
            while home.ask(NAMES[0], SHARED, 0.25) is None:
                assert monotonic() - died < WITHIN
            assert home.verdicts(SHARED) == expected
            assert home.verdicts(ADDRESSES["second"]) == expected
        finally:
            for each in keepers:
                each.terminate()
                each.wait(10)
