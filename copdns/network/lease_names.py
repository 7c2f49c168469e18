"""Names in the home network for devices that a DHCP server knows, from the names that they give
themselves.

A device may call itself anything, so some names are given to none: those of this machine, and those
by which browsers and computers look for settings (wpad, isatap), which would let one device steer
others.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Final

from copdns.model.hosts import OWN_HOSTS
from copdns.model.verdict import LocalRecord
from copdns.network.leases import Lease
from copdns.policy.special_names import AAAA, PTR, A, is_private_reverse

TTL: Final = 60  # seconds: a device may leave

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_GIVEN_TO_NONE: Final = frozenset({"wpad", "isatap", "localhost", "q", "probe", "why", "copdns"})

RecordsByName = Mapping[str, Mapping[int, tuple[LocalRecord, ...]]]


def lease_records(leases: Iterable[Lease], domain: str) -> RecordsByName:
    """Return the records of leased devices, by name and type, with those of reverse names.

    domain: in which their names are; "" for none.  Of two devices with one name, it is the one's
    that comes first; without a MAC address, two leases are of one device if their names are equal.
    """
    found: dict[str, dict[int, list[LocalRecord]]] = {}
    owners: dict[str, str] = {}
    for lease in leases if domain else ():
        label = lease.name.partition(".")[0].lower()
        name = f"{label}.{domain}"
        if not _LABEL.fullmatch(label) or label in _GIVEN_TO_NONE or name in OWN_HOSTS:
            continue
        owner = owners.get(name)
        if owner and lease.mac and owner != lease.mac:
            continue
        owners[name] = owner or lease.mac
        address = ip_address(lease.address)
        qtype = A if address.version == 4 else AAAA
        _add(found, LocalRecord(name, qtype, str(address), TTL))
        if is_private_reverse(address.reverse_pointer):
            _add(found, LocalRecord(address.reverse_pointer, PTR, name, TTL))
    return {
        name: {qtype: tuple(records) for qtype, records in by_type.items()}
        for name, by_type in found.items()
    }


def _add(found: dict[str, dict[int, list[LocalRecord]]], record: LocalRecord) -> None:
    records = found.setdefault(record.name, {}).setdefault(record.rtype, [])
    if record not in records:
        records.append(record)
