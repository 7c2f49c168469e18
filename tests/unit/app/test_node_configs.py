"""The configurations of dnsdist and unbound, as settings ask for them."""

from __future__ import annotations

import re
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from copdns.app.node.configs import dnsdist_text, private_networks, unbound_text
from copdns.model.errors import ConfigError
from copdns.provider.plane.keeper import LAW_ALONE
from copdns.settings.config import Settings
from tests.conftest import find_tool

SUBNET: dict[str, Any] = {"subnet_zones": ["cdn.example"], "subnet_source": "192.0.2.53"}


def settings(rebinding: dict[str, Any] | None = None, **node: Any) -> Settings:
    values = {
        "networks": ["198.51.100.0/24"],
        "listen": ["192.0.2.53:53"],
        "root_key": "/usr/share/dns/root.key",  # where a package has it that is not running
        **node,
    }
    return Settings.model_validate({"node": values, "rebinding": rebinding or {}})


@pytest.mark.tools
def test_unbound_takes_what_is_written_for_it(tmp_path: Path) -> None:
    text = unbound_text(settings(folder=str(tmp_path), safe_source="192.0.2.54", **SUBNET))
    path = tmp_path / "unbound.conf"
    path.write_text(text)
    (tmp_path / "rules.zone").write_text("")
    (tmp_path / "anchors.conf").write_text("")
    done = subprocess.run(
        [find_tool("unbound-checkconf"), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "access-control: 192.0.2.53/32 allow" in text
    assert 'module-config: "respip subnetcache validator iterator"' in text


def test_an_exception_opens_its_part_of_a_private_network_and_leaves_the_rest() -> None:
    allowed = settings({"allow": ["10.20.0.0/16", "192.168.0.0/16"], "names": ["intern.example"]})
    private = list(private_networks(allowed))

    def is_private(text: str) -> bool:
        return any(ip_address(text) in network for network in private)

    assert [is_private(each) for each in ("10.20.1.1", "192.168.1.1")] == [False, False]
    assert all(is_private(each) for each in ("10.19.255.255", "10.21.0.0", "127.0.0.1", "fd00::1"))
    assert ip_network("172.16.0.0/12") in private
    assert 'private-domain: "intern.example"' in unbound_text(allowed)
    assert "private-address" not in unbound_text(settings({"enabled": False}))


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"subnet_zones": ["cdn.example"]}, "needed together"),
        ({"subnet_source": "::1"}, "needed together"),
        (SUBNET, "node.safe_source"),  # 127.0.0.2
        ({**SUBNET, "safe_source": "192.0.2.53"}, "node.safe_source"),
        ({**SUBNET, "safe_source": "2001:db8::1"}, "node.safe_source"),
    ],
)
def test_zones_that_are_told_a_network_are_told_one(chosen: dict[str, Any], says: str) -> None:
    for text in (dnsdist_text, unbound_text):
        with pytest.raises(ConfigError, match=says):
            text(settings(**chosen))


def test_the_narrower_network_of_a_tenant_comes_first_and_is_of_one_tenant() -> None:
    north = {"tenant": "north", "networks": ["198.51.100.128/25"]}
    south = {"tenant": "south", "networks": ["198.51.100.0/24"], "security": False}
    text = dnsdist_text(settings(tenants=[south, north]))
    networks = re.findall(r'\{\{198, 51, 100, (\d+)\}, (\d+), "(\d+)-"\}', text)
    assert networks[:3] == [("128", "25", "000"), ("0", "24", str(LAW_ALONE)), ("0", "24", "000")]
    with pytest.raises(ConfigError, match="is of south already"):
        dnsdist_text(settings(tenants=[south, {**north, "networks": south["networks"]}]))


def test_of_two_other_networks_the_narrower_one_counts() -> None:
    """The law alone is for one of them, and the other has the security lists."""
    roaming = {"name": "roaming", "networks": ["203.0.113.0/24"], "security": False}
    wifi = {"name": "wifi", "networks": ["203.0.113.0/25"]}
    text = dnsdist_text(settings(other_networks=[roaming, wifi]))
    networks = re.findall(r'\{\{203, 0, 113, (\d+)\}, (\d+), "(\d+)-"\}', text)
    assert networks[:2] == [("0", "25", "000"), ("0", "24", str(LAW_ALONE))]
