"""The names that copdns ships as protected, through dnsdist and unbound: help, and calls.

Every list, one of hashes among them, and a bedtime are against them here, and a provider's program
takes dnstap.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from copdns.list_files.load import bundled_files
from copdns.model.matchers import Matcher
from copdns.model.names import to_wire
from copdns.model.verdict import Reason
from copdns.provider.law.hashed_list import read_hashed
from copdns.provider.plane.snapshot import (
    Group,
    Layer,
    ListedNames,
    NameList,
    PlaneSnapshot,
    PolicyClass,
    Subscriber,
)
from copdns.provider.plane.special_names import bundled_names
from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.plane import (
    DEFAULT_GROUP,
    Node,
    key,
    resolver,
    running_node,
    told,
)
from tests.e2e.upstream import upstream
from tests.hashed_lists import write_hashed

pytestmark = pytest.mark.tools

OPEN = "127.0.0.80"
DAY, ASLEEP, STRANGER = "127.0.0.11", "127.0.0.13", "127.0.0.66"
BUNDLED = bundled_files()
GROUPS = {slug: group for slug, group in BUNDLED.protected.groups.items() if group.help}
OF_GROUPS = {
    slug: [f"www.{each.name.name}" for each in group.names if not each.unopened][:3]
    for slug, group in GROUPS.items()
}
HELP = [name for names in OF_GROUPS.values() for name in names]
EPDG = "epdg.epc.mnc001.mcc001.pub.3gppnetwork.org"
EVIL = "evil.example"
AGAINST = tuple(Matcher(each.removeprefix("www.")) for each in (*HELP, EPDG, EVIL))
HIDDEN = "hidden.example"
IN_HASHES = (*(each.removeprefix("www.") for each in HELP), "pub.3gppnetwork.org", HIDDEN)
HASHED = read_hashed(
    write_hashed(IN_HASHES, "A hotline", "7", 9_000_000_000, bytes(range(16))), "a list of hashes"
)
LISTED = ListedNames(
    (
        NameList("games", Layer.FAMILY, AGAINST),
        NameList("malware", Layer.SECURITY, AGAINST),
        NameList("court", Layer.LAW, AGAINST[:-1]),
    ),
    bundled_names(BUNDLED),
    (HASHED,),
)
FIRST = PlaneSnapshot(
    1,
    (Subscriber(key(DAY), 1), Subscriber(key(ASLEEP), 2)),
    {1: Group(1), 2: Group(2), DEFAULT_GROUP: Group(0)},
    {
        0: PolicyClass(),
        1: PolicyClass(frozenset({"games"})),
        2: PolicyClass(frozenset({"games"}), closed=Reason.SCHEDULE),
    },
    LISTED,
)


@dataclass
class Watched:
    """taking: what takes dnstap, and writes it into files that begin like `frames`."""

    node: Node
    taking: subprocess.Popen[bytes]
    frames: Path

    def octets(self) -> bytes:
        """Return what was written."""
        self.taking.send_signal(signal.SIGHUP)  # it writes what it has
        return b"".join(each.read_bytes() for each in self.frames.parent.glob("frames*"))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("node")
    capture, socket = find_tool("fstrm_capture"), folder / "taken"
    words = ["-t", "protobuf:dnstap.Dnstap", "-u", str(socket), "-w", str(folder / "frames")]
    with ExitStack() as stack:
        taking = stack.enter_context(subprocess.Popen([capture, *words]))
        stack.callback(taking.terminate)
        eventually(socket.exists)
        to = stack.enter_context(upstream()).address.port
        unbound = stack.enter_context(resolver(folder / "unbound", to, LISTED, {}))
        node = stack.enter_context(running_node(folder, FIRST, unbound, dnstap=str(socket)))
        yield Watched(node, taking, folder / "frames")


@pytest.mark.parametrize("group", GROUPS)
def test_names_of_each_help_group_pass_for_everybody(watched: Watched, group: str) -> None:
    assert OF_GROUPS[group]
    for name in OF_GROUPS[group]:
        for source in (DAY, ASLEEP, STRANGER):
            reply = watched.node.ask(name, source)
            assert (told(reply), reply.answer[0].ttl) == (OPEN, 60), name


def test_who_takes_dnstap_is_told_of_none_of_them(watched: Watched) -> None:
    for name in HELP:
        watched.node.ask(name, DAY)
    assert told(watched.node.ask(EVIL, DAY)).startswith("NOERROR 15")  # comes later, and is written
    eventually(lambda: to_wire(EVIL) in watched.octets())
    assert told(watched.node.ask(HIDDEN, DAY)) == "NXDOMAIN 16 legal"
    octets = watched.octets()
    assert b"hidden" not in octets, "what is on a list of hashes is no more told than they are"
    assert not [name for name in HELP if to_wire(name) in octets]


def test_a_call_is_made_at_bedtime_too_and_the_bedtime_holds(watched: Watched) -> None:
    """The name that a phone asks for to call over Wi-Fi (IMS and ePDG)."""
    for source in (DAY, ASLEEP, STRANGER):
        assert told(watched.node.ask(EPDG, source)) == OPEN
    assert told(watched.node.ask("school.example", ASLEEP)) == "NOERROR 17 schedule"
