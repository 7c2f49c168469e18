"""Read the lease files of DHCP servers: which address each device got, and what it calls itself.

Turns text into values, for the files of dnsmasq, odhcpd and Kea.  Lines that cannot be read are
skipped: the files belong to other programs.  The name is chosen by the device: it is a label, never
a proof.  Only MAC addresses are evidence, except those in a DUID, which a device may take from
another of its network cards (RFC 8415 section 11).  Pure.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import ip_address
from typing import NamedTuple

from copdns.model.addresses import mac_address

MAX_LEASES = 10_000  # of a file
_MAX_LINE = 1000  # characters of a line

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_HEX_MAC = re.compile(r"[0-9a-f]{12}", re.ASCII)
# Smaller values are durations: without a clock, dnsmasq writes for how long, not until when.
_DURATIONS = 10 * 365 * 86_400
_FROM_DUID = "2"  # the source of a MAC address in Kea's file (HWADDR_SOURCE_DUID)


class LeaseFormat(StrEnum):
    """Which DHCP server wrote the file; AUTO: its first line tells."""

    AUTO = "auto"
    DNSMASQ = "dnsmasq"
    ODHCPD = "odhcpd"
    KEA = "kea"


class Lease(NamedTuple):
    """A lease that holds.  mac: in normal form, "" where unknown; name: "" for none."""

    address: str
    mac: str
    name: str


def read_leases(text: str, form: LeaseFormat, now: float) -> tuple[Lease, ...]:
    """Return the leases of a file that hold at `now` (seconds since the epoch).

    Of two leases of an address, the later in the file counts.
    """
    lines = [line for line in text.splitlines() if len(line) <= _MAX_LINE]
    if form is LeaseFormat.AUTO:
        form = _detect_format(lines)
    read = {LeaseFormat.KEA: _read_kea, LeaseFormat.ODHCPD: _read_odhcpd}.get(form, _read_dnsmasq)
    found: dict[str, Lease | None] = {}
    for address, lease in read(lines, now):
        if address in found or len(found) < MAX_LEASES:
            found[address] = lease
    return tuple(each for each in found.values() if each is not None)


def _detect_format(lines: Iterable[str]) -> LeaseFormat:
    """Return the format of a file, by its first line."""
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("address,"):
        return LeaseFormat.KEA
    word = first.split()[0] if first else ""
    return LeaseFormat.ODHCPD if word == "#" or _read_address(word) else LeaseFormat.DNSMASQ


LeaseLines = Iterator[
    tuple[str, Lease | None]
]  # address and lease; None: the address is free again


def _read_dnsmasq(lines: Iterable[str], now: float) -> LeaseLines:
    """Read `until mac address name client-id`; IPv6 lines have an IAID instead of the MAC."""
    for line in lines:
        until, mac, text, name, *_ = [*line.split(), "", "", "", ""]
        address = _read_address(text)
        if address and _holds(until, now):
            yield (
                address,
                Lease(address, "" if ":" in address else _read_mac(mac), _safe_name(name)),
            )


def _read_odhcpd(lines: Iterable[str], now: float) -> LeaseLines:
    """Read `# interface duid iaid name until id length address/length ...`, and hosts lines.

    IPv4 lines have the MAC address instead of the DUID, and `ipv4` instead of the IAID.
    """
    for line in lines:
        words = line.split()
        if not words:
            continue
        if words[0] != "#":
            if address := _read_address(words[0]):
                yield address, Lease(address, "", _safe_name(words[-1]))
        elif len(words) > 8 and _holds(words[5], now):
            mac = _read_mac(words[2]) if words[3] == "ipv4" else ""
            for each in words[8:]:
                if address := _whole_address(each):
                    yield address, Lease(address, mac, _safe_name(words[4]))


def _whole_address(text: str) -> str:
    """Return the address of `address/length`; "" for a delegated prefix."""
    plain, _, length = text.partition("/")
    address = _read_address(plain)
    return address if length in ("", "128" if ":" in address else "32") else ""


def _read_kea(lines: Iterable[str], now: float) -> LeaseLines:
    """Read the CSV of a memfile, to which Kea appends: the last line of an address counts."""
    for row in csv.DictReader(lines, restval="", quoting=csv.QUOTE_NONE):
        address = _read_address(row.get("address") or "")
        if not address or (row.get("prefix_len") or "128") != "128":
            continue
        mac = "" if row.get("hwaddr_source") == _FROM_DUID else _read_mac(row.get("hwaddr") or "")
        in_use = row.get("state") in ("0", "") and _holds(row.get("expire") or "", now)
        yield (
            address,
            Lease(address, mac, _safe_name(row.get("hostname") or "")) if in_use else None,
        )


def _holds(until: str, now: float) -> bool:
    """Tell whether a lease has not expired; 0 and -1 mean that it never does."""
    try:
        moment = int(until)
    except ValueError:
        return False
    return moment < _DURATIONS or moment > now


def _read_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _read_mac(text: str) -> str:
    """Return a MAC address in normal form, also of 12 digits or of 2:0:0:0:0:8; else ""."""
    if _HEX_MAC.fullmatch(text):
        text = bytes.fromhex(text).hex(":")
    elif text.count(":") == 5:
        text = ":".join(each.rjust(2, "0") for each in text.split(":"))
    try:
        return mac_address(text)
    except ValueError:
        return ""


def _safe_name(text: str) -> str:
    """Return a name that is safe to show; "" for one that is not."""
    text = text.rstrip(".")
    return text if _NAME.fullmatch(text) else ""
