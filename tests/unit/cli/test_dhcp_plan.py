"""What `copdns dhcp config` refuses: what could not work in the home that it is printed for."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv6Network

import pytest

from copdns.cli.dhcp_plan import DhcpPlan, configuration, make_plan
from copdns.model.errors import DhcpError


def plan(
    own: str = "192.168.1.2/24",
    router: str = "192.168.1.1",
    first: str = "",
    last: str = "",
    ula: str = "",
    seed: str = "one",
) -> DhcpPlan:
    return make_plan(
        "eth0",
        IPv4Interface(own),
        IPv4Address(router),
        IPv4Address(first) if first else None,
        IPv4Address(last) if last else None,
        IPv6Network(ula) if ula else None,
        seed.encode(),
    )


def test_the_ula_is_one_of_this_machines_own_and_stays() -> None:
    found = plan()
    assert found.ula == plan().ula != plan(seed="other").ula
    assert found.ula.subnet_of(IPv6Network("fd00::/8"))
    text = configuration(found)
    assert f"option6:dns-server,[{found.own_ula}]" in text
    assert "dhcp-range=192.168.1.100,192.168.1.199,255.255.255.0,12h" in text


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"own": "198.51.100.2/24", "router": "198.51.100.1"}, "no address of a home"),
        ({"router": "192.168.2.1"}, "not another one in"),
        ({"router": "192.168.1.2"}, "not another one in"),
        ({"first": "192.168.2.5"}, "is no range"),
        ({"own": "192.168.1.2/27"}, "is no range"),
        ({"first": "192.168.1.1"}, "is in use"),
        ({"ula": "2001:db8::/64"}, "is no ULA"),
        ({"ula": "fd00::/48"}, "is no ULA"),
        ({"ula": "fd00::%a\nport=53/64"}, "is no ULA"),
        ({"first": "192.168.1.200", "last": "192.168.1.255"}, "no addresses of a device"),
        ({"first": "192.168.1.0", "last": "192.168.1.0"}, "no addresses of a device"),
    ],
)
def test_what_cannot_work_is_refused(what: dict[str, str], says: str) -> None:
    with pytest.raises(DhcpError, match=says):
        plan(**what)
