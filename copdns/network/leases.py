"""What DHCP servers write down: which address they gave to which device, and what it calls itself.

Text to values, for the files of dnsmasq, odhcpd and Kea.  Lines that say nothing of use are left
out: these are other programs' files.  The name is what a device says of itself, good for a
label and never for a proof; only MAC addresses are evidence, and of those in a DUID none is,
since a device may take it from another of its cards (RFC 8415 section 11).  Pure.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import ip_address
from typing import NamedTuple

from copdns.model.addresses import mac_address

LEASES = 10_000  # that are taken from a file at most
_LONG = 1000  # characters of a line

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_HEX_MAC = re.compile(r"[0-9a-f]{12}", re.ASCII)
# A machine without a clock lets dnsmasq write for how long, not until when.
_DURATIONS = 10 * 365 * 86_400
_FROM_DUID = "2"  # where Kea has a MAC address from (HWADDR_SOURCE_DUID)


class LeaseFormat(StrEnum):
    AUTO = "auto"
    DNSMASQ = "dnsmasq"
    ODHCPD = "odhcpd"
    KEA = "kea"


class Lease(NamedTuple):
    """One address that is in use.  mac: normal, "" when not told; name: "" when there is none."""

    address: str
    mac: str
    name: str


def read_leases(text: str, form: LeaseFormat, now: float) -> tuple[Lease, ...]:
    """Return the leases of a file that still hold, the newest where an address stands twice."""
    lines = [line for line in text.splitlines() if len(line) <= _LONG]
    if form is LeaseFormat.AUTO:
        form = _form(lines)
    read = {LeaseFormat.KEA: _kea, LeaseFormat.ODHCPD: _odhcpd}.get(form, _dnsmasq)
    found: dict[str, Lease | None] = {}
    for address, lease in read(lines, now):
        if address in found or len(found) < LEASES:
            found[address] = lease
    return tuple(each for each in found.values() if each is not None)


def _form(lines: Iterable[str]) -> LeaseFormat:
    """Tell whose file it is by its first line."""
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("address,"):
        return LeaseFormat.KEA
    word = first.split()[0] if first else ""
    return LeaseFormat.ODHCPD if word == "#" or _address(word) else LeaseFormat.DNSMASQ


Read = Iterator[tuple[str, Lease | None]]  # None: the address is free again


def _dnsmasq(lines: Iterable[str], now: float) -> Read:
    """Read `until mac address name client-id`; for IPv6 an IAID stands where the MAC is."""
    for line in lines:
        until, mac, text, name, *_ = [*line.split(), "", "", "", ""]
        address = _address(text)
        if address and _holds(until, now):
            yield address, Lease(address, "" if ":" in address else _mac(mac), _name(name))


def _odhcpd(lines: Iterable[str], now: float) -> Read:
    """Read `# interface duid iaid name until id length address/length ...`, and hosts lines.

    For IPv4 the MAC address stands for the DUID, and `ipv4` for the IAID.
    """
    for line in lines:
        words = line.split()
        if not words:
            continue
        if words[0] != "#":
            if address := _address(words[0]):
                yield address, Lease(address, "", _name(words[-1]))
        elif len(words) > 8 and _holds(words[5], now):
            mac = _mac(words[2]) if words[3] == "ipv4" else ""
            for each in words[8:]:
                if address := _whole(each):
                    yield address, Lease(address, mac, _name(words[4]))


def _whole(text: str) -> str:
    """Return the address of `address/length`, "" for a prefix that was delegated."""
    plain, _, length = text.partition("/")
    address = _address(plain)
    return address if length in ("", "128" if ":" in address else "32") else ""


def _kea(lines: Iterable[str], now: float) -> Read:
    """Read the CSV of a memfile, to which Kea appends: the last line of an address counts."""
    for row in csv.DictReader(lines, restval="", quoting=csv.QUOTE_NONE):
        address = _address(row.get("address") or "")
        if not address or (row.get("prefix_len") or "128") != "128":
            continue
        mac = "" if row.get("hwaddr_source") == _FROM_DUID else _mac(row.get("hwaddr") or "")
        in_use = row.get("state") in ("0", "") and _holds(row.get("expire") or "", now)
        yield address, Lease(address, mac, _name(row.get("hostname") or "")) if in_use else None


def _holds(until: str, now: float) -> bool:
    """Tell whether a lease is not over; 0 and -1 stand for ever."""
    try:
        moment = int(until)
    except ValueError:
        return False
    return moment < _DURATIONS or moment > now


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _mac(text: str) -> str:
    """Return a MAC address in normal form; also of bare digits, and of 2:0:0:0:0:8."""
    if _HEX_MAC.fullmatch(text):
        text = bytes.fromhex(text).hex(":")
    elif text.count(":") == 5:
        text = ":".join(each.rjust(2, "0") for each in text.split(":"))
    try:
        return mac_address(text)
    except ValueError:
        return ""


def _name(text: str) -> str:
    """Return a name that is safe to show, "" for one that no device should have."""
    text = text.rstrip(".")
    return text if _NAME.fullmatch(text) else ""
