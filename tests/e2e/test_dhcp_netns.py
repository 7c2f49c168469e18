"""DHCP and router advertisements from the box in a router's place, by what `copdns dhcp` prints.

A real dnsmasq and the kernel's own IPv6, in two network namespaces; nothing leaves them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from copdns.network.other_resolvers import OfferedBy, parse_offers
from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.network import BOX4, Network, network
from tests.e2e.test_lookout_netns import LOOK, ROUTER4, ROUTER6, is_settled, router
from tests.running import COPDNS, PATIENCE

pytestmark = pytest.mark.tools
TABLET4, ULA = "192.168.77.8", "fd12:3456:789a::53"
TABLET_MAC = "02:00:00:00:00:08"


@pytest.fixture
def home() -> Iterator[Network]:
    with network(TABLET_MAC) as made:
        made.give(f"{TABLET4}/24")
        eventually(lambda: is_settled(made, made.box))
        eventually(lambda: is_settled(made, made.tablet))
        yield made


def copdns(home: Network, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the box."""
    settings = folder / "copdns.yaml"
    settings.write_text(json.dumps({"dns": {"listen": [BOX4]}, "data": str(folder / "data")}))
    command = [*home.prefix(home.box), *COPDNS, "-c", str(settings), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def config(home: Network, folder: Path, *more: str) -> str:
    words = ("--lan", "lan", "--address", f"{BOX4}/24", "--router", ROUTER4, *more)
    done = copdns(home, folder, "dhcp", "config", "--ula", "fd12:3456:789a::/64", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def taken_over(home: Network, folder: Path) -> Iterator[None]:
    """Run dnsmasq on the box as the configuration has it, and give the box its ULA."""
    assert "takes this" in config(home, folder, "--check")
    (folder / "dhcp.conf").write_text(config(home, folder))
    home.at(home.box, "ip", "address", "add", f"{ULA}/64", "dev", "lan", "nodad")
    words = [*home.prefix(home.box), find_tool("dnsmasq"), "--no-daemon", "--user=root"]
    words += [f"--conf-file={folder}/dhcp.conf", f"--dhcp-leasefile={folder}/own-leases"]
    with subprocess.Popen([*words, "--log-facility=-"], stderr=subprocess.PIPE, text=True) as made:
        try:
            assert made.stderr is not None
            for line in made.stderr:
                if "IPv6 router advertisement enabled" in line:
                    break
            yield
        finally:
            made.terminate()
            made.wait(PATIENCE)


def heard(home: Network) -> set[tuple[OfferedBy, tuple[str, ...]]]:
    """Return which DNS servers a device on the tablet's place is given, and how."""
    _, detail = json.loads(home.at(home.tablet, sys.executable, "-c", LOOK, TABLET4))
    return {(each.by, each.resolvers) for each in parse_offers(detail)}


def test_devices_get_copdns_at_addresses_that_stay(home: Network, tmp_path: Path) -> None:
    with taken_over(home, tmp_path):
        eventually(lambda: "fd12:3456:789a:" in shown(home, "address"))
        assert "default" not in shown(home, "route")  # the box is no way out
        expected = {
            (OfferedBy.DHCP, (BOX4,)),
            (OfferedBy.DHCP6, (ULA,)),
            (OfferedBy.ROUTER, (ULA,)),
        }
        assert heard(home) == expected
        # Overnight the provider gives the home another prefix.
        home.at(home.box, "ip", "address", "del", "fd00:77::1/64", "dev", "lan")
        home.at(home.box, "ip", "address", "add", "2001:db8:9::1/64", "dev", "lan", "nodad")
        assert heard(home) == expected
        done = copdns(home, tmp_path, "dhcp", "check")
        assert (done.returncode, done.stdout) == (
            0,
            "Nobody else hands out addresses or DNS servers.\n",
        )


def test_a_second_server_is_named_and_the_check_stays_red(home: Network, tmp_path: Path) -> None:
    home.give(f"{ROUTER4}/24", instead_of=f"{TABLET4}/24")
    home.give(f"{ROUTER6}/64")
    copdns4, itself6 = f"option:dns-server,{BOX4}", f"option6:dns-server,[{ROUTER6}]"
    with router(home, tmp_path, f"--dhcp-option={copdns4}", f"--dhcp-option={itself6}"):
        done = copdns(home, tmp_path, "dhcp", "check", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"]) == (1, False)
    whole = " ".join(found["wrong"])
    assert f"{ROUTER4} gives out addresses too" in whole  # though it names copdns
    assert "by router advertisement: devices ask there too" in whole
    assert "put the router into a network of its own" in whole


def shown(home: Network, what: str) -> str:
    return home.at(home.tablet, "ip", "-6", what, "show", "dev", "lan")
