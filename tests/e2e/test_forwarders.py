"""copdns behind dnsmasq and dnsdist: who asks is told apart, and only by whom the settings list."""

from __future__ import annotations

import json
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.edns
import dns.message
import dns.query
import dns.rcode
import pytest
from dns.edns import ECSOption, Option
from dns.message import Message

from tests.conftest import find_tool
from tests.e2e.house import ADA, MIA, TOM, House, eventually, house
from tests.e2e.started import DNSDIST_UP, started
from tests.forwarding import mac_option, own, proxied, text_option
from tests.running import PATIENCE, free_port

GUEST = "127.0.0.66"
# Where forwarders ask from: dnsdist; dnsmasq; and one that passes on what its clients wrote.
DNSDIST, DNSMASQ, CARELESS = "127.0.0.91", "127.0.0.92", "127.0.0.93"

# Everybody is known by how this name is blocked for them.
NAME = "games.example"
MODES = {"mia": "nodata", "tom": "nxdomain", "ada": "null"}
MACS = {each: f"02:00:00:00:00:{number:02}" for number, each in enumerate(MODES, 1)}
HOMES = {"mia": MIA, "tom": TOM, "ada": ADA}
PEOPLE = {**{at: each for each, at in HOMES.items()}, GUEST: "guest"}
FAMILY = {
    "household": "Example family",
    "profiles": {
        each: {"name": each, "band": "7-9", "block": [NAME], "block_mode": MODES[each]}
        | {"devices": {each: {"name": each, "addresses": [at], "macs": [MACS[each]]}}}
        for each, at in HOMES.items()
    },
}
FORWARDERS = [
    {"network": DNSDIST, "proxy": True},
    {"network": DNSMASQ, "mac": True, "subnet": True},
    {"network": CARELESS, "mac": True, "subnet": True},
]


def who(reply: Message) -> str:
    """Return whose answer a reply is."""
    data = [str(rdata) for rrset in reply.answer for rdata in rrset]
    if reply.rcode() == dns.rcode.NXDOMAIN:
        return "tom"
    return {"": "mia", "0.0.0.0": "ada", "127.0.0.80": "guest"}["".join(data)]


def ask(port: int, source: str, *options: Option, tcp: bool = False, name: str = NAME) -> Message:
    query = dns.message.make_query(name, "A", use_edns=0, options=[*options])
    over = dns.query.tcp if tcp else dns.query.udp
    return over(query, "127.0.0.1", PATIENCE, port, source=source)


# --- programs before us ---------------------------------------------------------------------------


@contextmanager
def dnsdist(folder: Path, to: int) -> Iterator[int]:
    port = free_port()
    backend = f'address="127.0.0.1:{to}", source="{DNSDIST}", useProxyProtocol=true'
    lines = [
        f'setLocal("127.0.0.1:{port}")',
        'setSecurityPollSuffix("")',  # nobody on the Internet is asked
        f"newServer{{{backend}}}",
    ]
    (folder / "dnsdist.conf").write_text("\n".join(lines) + "\n")
    command = [find_tool("dnsdist"), "--supervised", "-C", str(folder / "dnsdist.conf")]
    with started(command, DNSDIST_UP):
        yield port


@contextmanager
def dnsmasq(to: int, source: str, *options: str) -> Iterator[int]:
    port = free_port()
    command = [
        *(find_tool("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file="),
        *("--log-facility=-", "--no-resolv", "--no-hosts", "--cache-size=0", f"--port={port}"),
        *("--listen-address=127.0.0.1", "--bind-interfaces", f"--server=127.0.0.1#{to}@{source}"),
        *options,
    ]
    with started(command, "started, version"):
        yield port


@dataclass
class Fronts:
    """A house, and the ports of what stands before it."""

    home: House
    dnsdist: int
    dnsmasq: int
    careless: int

    @property
    def port(self) -> int:
        return self.home.program.port


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronts]:
    folder = tmp_path_factory.mktemp("forwarders")
    with ExitStack() as stack:
        home = stack.enter_context(house(folder, settings(FORWARDERS), FAMILY))
        to = home.program.port
        add = ("--add-mac", "--strip-mac", "--add-subnet=32,128", "--strip-subnet")
        yield Fronts(
            home,
            stack.enter_context(dnsdist(folder, to)),
            stack.enter_context(dnsmasq(to, DNSMASQ, *add)),
            stack.enter_context(dnsmasq(to, CARELESS)),
        )


def settings(forwarders: Sequence[object]) -> dict[str, object]:
    return {"dns": {"listen": ["127.0.0.1"], "forwarders": forwarders}}


# --- told apart -----------------------------------------------------------------------------------


@pytest.mark.tools
@pytest.mark.parametrize("tcp", [False, True])
def test_all_behind_one_dnsdist_are_themselves(fronts: Fronts, tcp: bool) -> None:
    for source in (*PEOPLE, *reversed(PEOPLE)):
        assert who(ask(fronts.dnsdist, source, tcp=tcp)) == PEOPLE[source]


@pytest.mark.tools
@pytest.mark.parametrize("tcp", [False, True])
def test_all_behind_one_dnsmasq_are_themselves(fronts: Fronts, tcp: bool) -> None:
    for source in (*PEOPLE, *reversed(PEOPLE)):
        assert who(ask(fronts.dnsmasq, source, tcp=tcp)) == PEOPLE[source]


@pytest.mark.tools
def test_a_forwarder_that_takes_options_away_is_not_fooled(fronts: Fronts) -> None:
    for front in (fronts.dnsdist, fronts.dnsmasq):
        for tcp in (False, True):
            assert who(ask(front, TOM, ECSOption(ADA, 32), tcp=tcp)) == "tom"


@pytest.mark.tools
def test_one_that_leaves_them_is_as_the_page_warns(fronts: Fronts) -> None:
    assert who(ask(fronts.careless, TOM)) == "guest"
    assert who(ask(fronts.careless, TOM, ECSOption(ADA, 32))) == "ada"
    assert who(ask(fronts.careless, TOM, mac_option(MACS["ada"]))) == "ada"


def of_mac(mac: str) -> list[Option]:
    """Return the three forms in which dnsmasq gives a MAC."""
    in_base64 = b64encode(bytes.fromhex(mac.replace(":", ""))).decode()
    return [mac_option(mac), text_option(mac), text_option(in_base64)]


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("person", MACS)
def test_a_device_is_told_by_its_mac_in_every_form(fronts: Fronts, person: str, tcp: bool) -> None:
    for option in of_mac(MACS[person]):
        assert who(ask(fronts.port, DNSMASQ, option, tcp=tcp)) == person
        assert who(ask(fronts.port, DNSMASQ, option, ECSOption(GUEST, 32), tcp=tcp)) == person
    assert who(ask(fronts.port, DNSMASQ, mac_option("02:00:00:00:00:99"), tcp=tcp)) == "guest"


@pytest.mark.tools
def test_kdig_speaks_as_dnsmasq_does(fronts: Fronts) -> None:
    option = f"+ednsopt=65001:{MACS['tom'].replace(':', '')}"
    for source, status in ((DNSMASQ, "NXDOMAIN"), (GUEST, "NOERROR")):
        where = ["@127.0.0.1", "-p", str(fronts.port), "-b", source]
        command = [find_tool("kdig"), *where, NAME, option]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert f"status: {status}" in done.stdout


def test_what_devices_add_goes_no_further(fronts: Fronts) -> None:
    told = [ECSOption(ADA, 32), mac_option(MACS["ada"]), text_option(MACS["ada"])]
    asked = fronts.home.upstream.asked
    for number, source in enumerate((MIA, DNSMASQ, CARELESS, GUEST)):
        ask(fronts.port, source, *told, name=f"{number}.options.example")
    ours = [each for each in asked if "options.example" in each.name.lower()]
    assert len(ours) == 4
    # A cookie is about copdns and the upstream alone (RFC 7873).
    assert {option for each in asked for option in each.options} <= {10}


# --- forged ---------------------------------------------------------------------------------------


def exchanged(port: int, source: str, wire: bytes) -> bytes:
    """Return what a datagram is answered with."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.settimeout(PATIENCE)
        sock.sendto(wire, ("127.0.0.1", port))
        return sock.recv(4096)


FORGED: list[list[Option]] = [
    [ECSOption(ADA, 32)],
    *([option] for option in of_mac(MACS["ada"])),
    [mac_option(MACS["ada"]), ECSOption(ADA, 32)],
]


@pytest.mark.parametrize("source", [MIA, TOM])
@pytest.mark.parametrize("tcp", [False, True])
def test_options_of_anybody_else_change_neither_answer_nor_log(
    fronts: Fronts, source: str, tcp: bool
) -> None:
    name = f"{PEOPLE[source]}-{int(tcp)}.{NAME}"
    plain = ask(fronts.port, source, tcp=tcp, name=name)
    for options in FORGED:
        forged = ask(fronts.port, source, *options, tcp=tcp, name=name)
        forged.id = plain.id
        assert forged.to_wire() == plain.to_wire()
    ask(fronts.port, source, name=f"last.{name}")  # when this is in the log, so is all before it
    log = fronts.home.log
    eventually(lambda: [row for row in log.rows("home") if row.row.qname == f"last.{name}"])
    assert [row.row.profile for row in log.rows("home") if row.row.qname == name] == [
        PEOPLE[source]
    ]


def test_a_header_of_anybody_else_is_a_malformed_message(fronts: Fronts) -> None:
    query = dns.message.make_query(NAME, "A").to_wire()
    malformed = fronts.home.metrics()["copdns_malformed_total"]
    for head in (proxied(ADA), own()):
        reply = dns.message.from_wire(exchanged(fronts.port, TOM, head + query))
        assert reply.rcode() == dns.rcode.NOTIMP
    assert fronts.home.metrics()["copdns_malformed_total"] == malformed + 2


def test_who_is_believed_is_taken_over_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "copdns.yaml"
    with house(tmp_path, settings([]), FAMILY) as home:
        before = json.loads(file.read_text())
        for forwarders, expected in ((FORWARDERS, "ada"), ([], "guest"), (FORWARDERS, "ada")):
            file.write_text(json.dumps({**before, **settings(forwarders)}))
            home.program.reload()
            assert who(ask(home.program.port, CARELESS, ECSOption(ADA, 32))) == expected
        file.write_text(json.dumps({**before, **settings([{"network": "0.0.0.0/0", "mac": True}])}))
        home.program.reload()
        assert who(ask(home.program.port, CARELESS, ECSOption(ADA, 32))) == "ada"
