"""One tablet in a network of its own: whatever address it has, it is Mia's."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import load_visitors
from tests.e2e.house import eventually
from tests.e2e.network import BOX4, BOX6, Network, network
from tests.running import Program, running, upstream

TABLET, STRANGE = "02:00:00:00:00:08", "02:00:00:00:00:99"
HOUSEHOLD = f"""
household: Example family
profiles:
  mia: {{name: Mia, band: 7-9, block: [games.example], devices: {{tablet: {{macs: [{TABLET}]}}}}}}
"""


@dataclass(frozen=True)
class Home:
    """The program on the box, and the tablet that asks."""

    network: Network
    program: Program
    data: Path

    def is_mia(self, server: str, *options: str) -> bool:
        """Ask for a name that is blocked for Mia and open for guests; tell whose rules held."""
        said = self.network.dig("games.example", server, self.program.port, *options)
        assert "status: NOERROR" in said, said
        blocked, open_ = "EDE: 17" in said, "192.0.2.1" in said
        assert blocked != open_, said
        return blocked

    def unknown(self) -> tuple[UnknownDevice, ...]:
        return load_visitors(self.data)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    household = tmp_path / "family.yaml"
    household.write_text(HOUSEHOLD)
    with ExitStack() as stack:
        made = stack.enter_context(network(TABLET))
        port = stack.enter_context(upstream(made.datagrams()))
        made.give("192.168.77.20/24")
        made.give("fd00:77::20/64")
        settings = {
            "dns": {"listen": ["127.0.0.1", BOX4, BOX6]},
            "web": {"listen": ["127.0.0.1"]},
            "sources": {"use": "none"},
            "household": str(household),
        }
        program = stack.enter_context(
            running(tmp_path, settings, under=made.prefix(made.box), upstreams=[port])
        )
        yield Home(made, program, tmp_path / "data")


def test_a_tablet_is_mias_at_every_address(home: Home) -> None:
    assert home.is_mia(BOX4)
    assert home.is_mia(BOX6)
    home.network.give("192.168.77.51/24", instead_of="192.168.77.20/24")  # DHCP gives another one
    assert home.is_mia(BOX4)
    for day in range(3):  # a new privacy address (RFC 8981), and the old one goes
        before = f"fd00:77::{day + 0x20:x}/64"
        home.network.give(f"fd00:77::{day + 0x21:x}/64", instead_of=before)
        assert home.is_mia(BOX6)


def test_the_first_question_from_a_new_address_is_the_tablets(home: Home) -> None:
    """The tablet knows the box already, so that no neighbour discovery goes before."""
    assert home.is_mia(BOX6)
    home.network.give("fd00:77::99/64", instead_of="fd00:77::20/64")
    answer = home.network.dig("games.example", BOX6, home.program.port, "+ignore")
    assert "192.0.2.1" not in answer
    assert " tc" in answer  # it is asked to come by TCP, and then it is known
    assert home.is_mia(BOX6, "+notcp")


def test_forged_senders_in_this_network_keep_nobody_from_an_answer(home: Home) -> None:
    assert home.is_mia(BOX6)
    card = home.network.at(home.network.box, "cat", "/sys/class/net/lan/address").strip()
    words = (FORGE, card, BOX6, str(home.program.port))
    home.network.at(home.network.tablet, sys.executable, "-c", *words)
    assert home.is_mia(BOX6)  # dig asks once


# From 2,000 addresses of the network at which nobody is: the kernel holds each reply for 3 s.
FORGE = """
import socket, struct, sys
card, box, port = bytes.fromhex(sys.argv[1].replace(":", "")), sys.argv[2], int(sys.argv[3])
query = bytes.fromhex("000001000001000000000000 0567616d6573 076578616d706c65 00 0001 0001")
udp = struct.pack("!HHH", 40000, port, 8 + len(query))
to = socket.inet_pton(socket.AF_INET6, box)
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
    sock.bind(("lan", 0))
    for number in range(2000):
        source = socket.inet_pton(socket.AF_INET6, f"fd00:77::bad:{number:x}")
        summed = source + to + struct.pack("!II", 8 + len(query), 17) + udp + query + bytes(1)
        rest = sum(struct.unpack(f"!{len(summed) // 2}H", summed[: len(summed) // 2 * 2])) % 65535
        head = struct.pack("!IHBB", 6 << 28, 8 + len(query), 17, 64) + source + to
        checked = udp + struct.pack("!H", 65535 - rest) + query
        sock.send(card + sock.getsockname()[4] + bytes.fromhex("86dd") + head + checked)
"""


def test_another_card_is_a_guest_and_is_told_once(home: Home) -> None:
    assert home.is_mia(BOX4)
    home.network.card(STRANGE, "192.168.77.20/24", "fd00:77::20/64")  # at the very same addresses
    for server in (BOX4, BOX6, BOX4):
        assert not home.is_mia(server)
    eventually(home.unknown)
    (visitor,) = home.unknown()
    assert (visitor.id, visitor.mac, visitor.is_private) == ("u1", STRANGE, True)
    home.network.give("fd00:77::51/64", instead_of="fd00:77::20/64")
    assert not home.is_mia(BOX6)
    home.program.command("device", "add", "phone", "--mac", STRANGE, "--profile", "mia")
    eventually(lambda: home.is_mia(BOX4))
    eventually(lambda: not home.unknown())
    _, said = home.program.stop()
    events = [line for line in said.splitlines() if '"visitor"' in line]
    assert [json.loads(each)["event"] for each in events] == ["unknown device", "device recognised"]
    assert not any(trace in line for line in events for trace in (STRANGE, "fd00:77", "192.168.77"))
