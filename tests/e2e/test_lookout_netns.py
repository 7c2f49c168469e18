"""A router in a network of its own hands out resolvers: copdns hears of every one.

dnsmasq in the tablet's place is the router; nothing leaves the two namespaces.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from copdns.network.other_resolvers import BlindSpot, OfferedBy, others
from copdns.network.setup_steps import State
from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.network import BOX4, BOX6, Network, network
from tests.running import PATIENCE

ROUTER4, ROUTER6 = "192.168.77.254", "fd00:77::fe"
LOOK = """
import json, sys
from copdns.network.resolver_scan import scan_resolvers
print(json.dumps(scan_resolvers(sys.argv[1:])))
"""


@pytest.fixture
def home() -> Iterator[Network]:
    with network("02:00:00:00:00:fe") as made:
        made.give(f"{ROUTER4}/24")
        made.give(f"{ROUTER6}/64")
        for where in (made.box, made.tablet):  # nobody may speak from an address that is looked for
            eventually(lambda where=where: is_settled(made, where))
        yield made


def is_settled(home: Network, where: str) -> bool:
    said = home.at(where, "ip", "-6", "address", "show", "dev", "lan")
    return "fe80:" in said and "tentative" not in said


@contextmanager
def router(home: Network, folder: Path, *options: str) -> Iterator[None]:
    """Run a router that hands out what the options say, until it is there and after."""
    words = [
        *home.prefix(home.tablet),
        find_tool("dnsmasq"),
        *(
            "--no-daemon",
            "--conf-file=/dev/null",
            "--port=0",
            "--interface=lan",
            "--bind-interfaces",
        ),
        *("--user=root", "--log-facility=-", "--enable-ra", f"--dhcp-leasefile={folder}/leases"),
        *("--dhcp-range=192.168.77.50,192.168.77.99,1h", "--dhcp-range=fd00:77::,ra-stateless"),
        *options,
    ]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "IPv6 router advertisement enabled" in line:
                    break
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def look(home: Network) -> tuple[State, str]:
    said = home.at(home.box, sys.executable, "-c", LOOK, "127.0.0.1", BOX4, BOX6)
    state, detail = json.loads(said)
    return State(state), detail


def test_a_router_that_hands_out_copdns_alone_passes(home: Network, tmp_path: Path) -> None:
    ours = (f"--dhcp-option=option:dns-server,{BOX4}", f"--dhcp-option=option6:dns-server,[{BOX6}]")
    with router(home, tmp_path, *ours):
        assert look(home) == (State.PASSED, "")


def test_a_second_resolver_is_seen_on_every_way(home: Network, tmp_path: Path) -> None:
    both = (
        f"--dhcp-option=option:dns-server,{BOX4},{ROUTER4}",
        f"--dhcp-option=option6:dns-server,[{BOX6}],[{ROUTER6}]",
    )
    with router(home, tmp_path, *both):
        state, detail = look(home)
    assert state is State.FAILED
    found = {(each.by, each.resolvers) for each in others(detail)}
    assert found == {
        (OfferedBy.DHCP, (ROUTER4,)),
        (OfferedBy.DHCP6, (ROUTER6,)),
        (OfferedBy.ROUTER, (ROUTER6,)),
    }


def test_where_nobody_hands_out_anything_nothing_is_claimed(home: Network) -> None:
    assert look(home) == (State.UNKNOWN, BlindSpot.SILENT)


def test_without_the_right_to_ask_it_says_that_it_could_not_look(home: Network) -> None:
    words = (find_tool("setpriv"), "--bounding-set=-all", "--inh-caps=-all", "--reuid=65534")
    said = home.at(home.box, *words, "--clear-groups", sys.executable, "-c", LOOK, BOX4, BOX6)
    assert json.loads(said) == [State.UNKNOWN, BlindSpot.RIGHTS]


def test_a_machine_that_answers_itself_alone_asks_nobody(home: Network) -> None:
    said = home.at(home.box, sys.executable, "-c", LOOK, "127.0.0.1", "::1")
    assert json.loads(said) == [State.UNKNOWN, BlindSpot.NO_NETWORK]
