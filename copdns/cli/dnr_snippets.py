"""Lines for DHCP servers and routers that tell devices of encrypted DNS here.  Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from copdns.dns.dnr_options import (
    DHCP4_OPTION,
    DHCP6_OPTION,
    Designation,
    dhcp4_data,
    dhcp6_data,
    ra_option,
)

LIFETIME = 1800  # seconds that a router advertisement holds: three of their usual intervals


def _dnsmasq(found: Sequence[Designation]) -> str:
    """It gives one option of a number only, so that of DHCPv6 names the first way to ask."""
    lines = []
    if _has(found, 4):
        lines.append(f"dhcp-option={DHCP4_OPTION},{dhcp4_data(found).hex(':')}")
    if _has(found, 6):
        lines.append(f"dhcp-option=option6:{DHCP6_OPTION},{dhcp6_data(found[0]).hex(':')}")
    return "\n".join(lines)


def _kea(found: Sequence[Designation]) -> str:
    """As octets, which every version takes."""
    parts = []
    if _has(found, 4):
        parts.append(("Dhcp4", [_kea_option(DHCP4_OPTION, "dhcp4", dhcp4_data(found))]))
    if _has(found, 6):
        options = [_kea_option(DHCP6_OPTION, "dhcp6", dhcp6_data(each)) for each in found]
        parts.append(("Dhcp6", options))
    return "\n".join(json.dumps({part: {"option-data": each}}, indent=2) for part, each in parts)


def _kea_option(code: int, space: str, data: bytes) -> dict[str, object]:
    return {"code": code, "space": space, "csv-format": False, "data": data.hex().upper()}


def _openwrt(found: Sequence[Designation]) -> str:
    """For odhcpd, in /etc/config/dhcp."""
    lines = ["config dhcp 'lan'"]
    for each in found:
        params = [f"alpn={','.join(each.params.alpn)}"]
        params += [f"port={each.params.port}"] if each.params.port else []
        params += [f"dohpath={each.params.doh_path}"] if each.params.doh_path else []
        addresses = ",".join(map(str, each.addresses))
        told = " ".join([str(each.priority), each.name, addresses, *params])
        lines.append(f"\tlist dnr '{told}'")
    return "\n".join(lines)


def _radvd(found: Sequence[Designation]) -> str:
    """It has no word for this yet, so these are the octets, for a router that takes them."""
    lines = ["# radvd cannot tell devices of encrypted DNS yet. The whole options, in octets:"]
    return "\n".join(lines + [f"# {ra_option(each, LIFETIME).hex(':')}" for each in found])


def _has(found: Sequence[Designation], version: int) -> bool:
    return bool(found[0].pack_addresses(version))


SNIPPETS: Mapping[str, Callable[[Sequence[Designation]], str]] = {
    "dnsmasq": _dnsmasq,
    "kea": _kea,
    "openwrt": _openwrt,
    "radvd": _radvd,
}
