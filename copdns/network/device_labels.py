"""Ask devices that are nobody's what they call themselves, while a guardian looks at them.

Each gets one question, for the name of its address: by multicast DNS, but to itself alone (RFC 6762
sections 5.5 and 6.7), and the router gets one about each, where the settings name it.  Whoever
answers is a stranger, so a name counts only if it is one that a host can have.  Nothing is stored.
"""

from __future__ import annotations

import re
import secrets
import select
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from ipaddress import ip_address
from struct import pack
from time import monotonic
from typing import NamedTuple

from copdns.dns.records import (
    COUNTS_FORMAT,
    HEADER_SIZE,
    IN,
    PTR,
    QR,
    QUESTION_TAIL,
    RCODE,
    RD,
    read_name,
    read_records,
    skip_name,
)
from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import WireError
from copdns.model.names import from_wire, to_wire
from copdns.network.unknown_devices import UnknownDevice
from copdns.settings.config import HOME, Settings

PORT = 5353  # of multicast DNS
PATIENCE = 0.4  # seconds in which all answers must come
MAX_ASKED = 50  # devices at a time
MAX_READ = 200  # datagrams; more would be a flood
_SIZE = 1500  # octets of an answer
# A host name (RFC 952, RFC 1123): no letters that look like others, no spaces, no markup.
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)

Place = tuple[str, int]


class LabelQuestion(NamedTuple):
    """One question on its way.  rank: 0 is believed before 1."""

    device: str
    rank: int


def with_labels(devices: Iterable[UnknownDevice], settings: Settings) -> list[UnknownDevice]:
    """Return devices with what they call themselves now, where no lease has said that.

    As the settings say; it blocks as `find_labels` does.
    """
    found = list(devices)
    nameless = [each.address for each in found if not each.name]
    if not (nameless and settings.identity.ask_names):
        return found
    labels = find_labels(nameless, settings.upstreams.private_reverse)
    return [replace(each, name=each.name or labels.get(each.address, "")) for each in found]


def find_labels(
    addresses: Iterable[str], routers: Sequence[UpstreamAddress] = (), port: int = PORT
) -> Mapping[str, str]:
    """Return what devices call themselves, by address; those that say nothing are left out.

    Takes `PATIENCE` at most, and blocks; no error of the network is raised.
    addresses: of IPv4; only those of a home network are asked.
    routers: what knows the names of devices; they are asked first, and believed first.
    """
    wanted = [each for each in addresses if can_be_asked(each)][:MAX_ASKED]
    if not wanted:
        return {}
    try:
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except OSError:
        return {}
    with closing(source):
        source.setblocking(False)
        asked: dict[tuple[Place, int], LabelQuestion] = {}
        number = secrets.randbelow(1 << 15)
        for device in wanted:
            places: list[Place] = [(each.host, each.port) for each in routers if "." in each.host]
            for rank, place in enumerate([*places[:1], (device, port)]):
                number += 1
                with suppress(OSError):
                    source.sendto(_question(number, device), place)
                    asked[place, number] = LabelQuestion(device, rank)
        return _read_answers(source, asked)


def can_be_asked(address: str) -> bool:
    """Tell whether a device may get a question: it has an IPv4 address of a home network."""
    found = ip_address(address)
    return found.version == 4 and not found.is_loopback and any(found in each for each in HOME)


def _question(number: int, device: str) -> bytes:
    question = to_wire(ip_address(device).reverse_pointer) + pack("!HH", PTR, IN)
    return pack("!H", number) + COUNTS_FORMAT.pack(RD, 1, 0, 0, 0) + question


def _read_answers(
    source: socket.socket, asked: Mapping[tuple[Place, int], LabelQuestion]
) -> Mapping[str, str]:
    found: dict[str, tuple[int, str]] = {}
    left = dict(asked)
    until = monotonic() + PATIENCE
    for _ in range(MAX_READ):
        wait = until - monotonic()
        if not left or wait <= 0 or not select.select([source], [], [], wait)[0]:
            break
        try:
            message, place = source.recvfrom(_SIZE)
        except OSError:  # nobody listens there
            continue
        if len(message) < HEADER_SIZE:
            continue
        one = left.pop((place, message[0] << 8 | message[1]), None)
        label = "" if one is None else read_label(message, one.device)
        if one is not None and label:
            found[one.device] = min(found.get(one.device, (one.rank, label)), (one.rank, label))
    return {device: label for device, (_, label) in found.items()}


def read_label(message: bytes, device: str) -> str:
    """Return the first label of the name that an answer gives an address; "" for none, and for
    whatever no host is called.

    device: the address that was asked about.
    """
    try:
        flags, questions, answers, _, _ = COUNTS_FORMAT.unpack_from(message, 2)
        if not flags & QR or flags & RCODE or questions > 1:
            return ""
        at = HEADER_SIZE
        if questions:
            at = skip_name(message, at) + QUESTION_TAIL
        wanted = ip_address(device).reverse_pointer
        for rr in read_records(message, at, min(answers, 8)):
            if rr.rtype == PTR and from_wire(read_name(message, rr.start)) == wanted:
                name = read_name(message, rr.data_at)
                label = name[1 : 1 + name[0]].decode("ascii", "replace")
                return label if _LABEL.fullmatch(label) else ""
    except (WireError, IndexError):
        pass
    return ""
