"""Names of devices in the home network, from their leases."""

from __future__ import annotations

import pytest

from copdns.network.lease_names import lease_records
from copdns.network.leases import Lease
from copdns.policy.special_names import AAAA, PTR, A
from copdns.settings.config import IdentitySettings

LAPTOP, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"
LEASES = (
    Lease("192.168.1.20", LAPTOP, "Laptop"),
    Lease("fd00::20", "", "laptop"),
    Lease("192.168.1.21", OTHER, "laptop"),  # another device that calls itself the same
    Lease("192.168.1.22", OTHER, "tablet.fritz.box"),
    Lease("192.0.2.5", OTHER, "camera"),
)


def data(name: str, qtype: int, domain: str = "lan") -> list[str]:
    found = lease_records(LEASES, domain).get(name, {}).get(qtype, ())
    return [each.data for each in found]


@pytest.mark.parametrize(
    ("name", "qtype", "found"),
    [
        ("laptop.lan", A, ["192.168.1.20"]),
        ("laptop.lan", AAAA, ["fd00::20"]),
        ("tablet.lan", A, ["192.168.1.22"]),
        ("tablet.fritz.box", A, []),
        ("20.1.168.192.in-addr.arpa", PTR, ["laptop.lan"]),
        ("21.1.168.192.in-addr.arpa", PTR, []),  # the name is the first one's
        ("camera.lan", A, ["192.0.2.5"]),
        ("5.2.0.192.in-addr.arpa", PTR, []),  # a public address: others know its name
    ],
)
def test_a_leased_device_has_its_name_both_ways(name: str, qtype: int, found: list[str]) -> None:
    assert data(name, qtype) == found
    assert data(name, qtype, domain="") == []


@pytest.mark.parametrize("called", ["wpad", "WPAD", "isatap", "copdns", "why", "-x", "a b", ""])
def test_no_device_gets_a_name_by_which_it_could_steer_others(called: str) -> None:
    leases = (Lease("192.168.1.20", LAPTOP, called),)
    assert lease_records(leases, "home.arpa") == {}


@pytest.mark.parametrize("domain", ["example", "com", "lan.example", "arpa"])
def test_devices_have_no_names_on_the_internet(domain: str) -> None:
    with pytest.raises(ValueError, match="not a domain of a home network"):
        IdentitySettings(lease_domain=domain)
    assert IdentitySettings(lease_domain="Kids.LAN.").lease_domain == "kids.lan"
