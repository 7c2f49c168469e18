"""RADIUS accounting (RFC 2866): what machines of a network tell of sessions, read and answered.

pyrad reads and signs the packets.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final, NamedTuple

from pyrad.packet import AccountingRequest, AcctPacket, PacketError

from copdns.model.errors import CopdnsError
from copdns.provider.address_blocks import (
    PORTS,
    AddressBlock,
    AddressError,
    ports_block,
    prefix_block,
)
from copdns.provider.bindings import SessionChange, SessionEvent


class Attribute(IntEnum):
    """Attributes by their numbers (RFC 2865, 2866, 2869, 3162, 4818, 8045)."""

    USER_NAME = 1
    NAS_IP_ADDRESS = 4
    FRAMED_IP_ADDRESS = 8
    CLASS = 25
    CALLING_STATION_ID = 31
    NAS_IDENTIFIER = 32
    STATUS_TYPE = 40
    SESSION_ID = 44
    EVENT_TIMESTAMP = 55
    MESSAGE_AUTHENTICATOR = 80
    NAS_PORT_ID = 87
    NAS_IPV6_ADDRESS = 95
    FRAMED_IPV6_PREFIX = 97
    DELEGATED_IPV6_PREFIX = 123
    EXTENDED = 241


OLDEST: Final = 86_400.0  # seconds: as long as the end of a session is remembered
_PORT_RANGE: Final = 6  # of EXTENDED: ports behind carrier-grade NAT, with the parts that follow
_OUTSIDE_ADDRESS, _ALLOCATED, _FIRST_PORT, _LAST_PORT = 3, 8, 9, 10
_TAKEN_AWAY: Final = 2  # of _ALLOCATED
_KINDS: Final = {1: SessionChange.START, 2: SessionChange.STOP, 3: SessionChange.UPDATE}
_RESTARTS: Final = {7, 8}  # Accounting-On, Accounting-Off
# Of FRAMED_IP_ADDRESS: whoever is asked shall choose one (RFC 2865 section 5.8).
_NO_ADDRESS: Final = {IPv4Address(each) for each in (0, 0xFFFF_FFFE, 0xFFFF_FFFF)}


class Refusal(Enum):
    """Why a packet is not believed."""

    MALFORMED = "malformed"
    UNSIGNED = "unsigned"  # without a Message-Authenticator
    UNDATED = "undated"  # without an Event-Timestamp: what comes late or again would count as new
    FORGED = "forged"  # signed with another secret, or changed


class RadiusError(CopdnsError):
    """A packet that is not believed, and gets no reply."""

    def __init__(self, refusal: Refusal, why: str) -> None:
        super().__init__(f"a RADIUS packet is {refusal.value}: {why}")
        self.refusal = refusal


class Restart(NamedTuple):
    """A machine began anew, or is about to end.  at: seconds since 1970, by its clock."""

    machine: str
    at: float


class Accounting(NamedTuple):
    """What a packet says; None for what copdns has no use for.  reply: the octets that are sent
    back when it was taken in."""

    told: SessionEvent | Restart | None
    reply: bytes


def read_accounting(
    packet: bytes, secret: bytes, sender: str, line: Attribute, now: float
) -> Accounting:
    """Return what a packet says; raise RadiusError for one that is not believed.

    secret: that is shared with who sent it.  sender: their address, which is the machine's name
    where the packet says no other.  line: the attribute that tells lines apart.
    now: seconds since 1970, by which nothing is from long ago (`OLDEST`): a packet that somebody
    kept and sends again is well signed.

    A Message-Authenticator is demanded: RFC 2866 alone signs by MD5 over the packet, which whoever
    may choose a part of it can forge (CVE-2024-3596).
    """
    request = _check(packet, secret)
    reply = request.CreateReply()
    reply.message_authenticator = True
    told = _read_event(request, sender, line, now)
    return Accounting(told, bytes(reply.ReplyPacket()))


def _check(packet: bytes, secret: bytes) -> AcctPacket:
    try:
        request = AcctPacket(secret=secret, packet=packet)
    except PacketError as error:
        raise RadiusError(Refusal.MALFORMED, str(error)) from error
    if request.code != AccountingRequest:
        raise RadiusError(Refusal.MALFORMED, f"it has the code {request.code}")
    signatures = _all(request, Attribute.MESSAGE_AUTHENTICATOR)
    if not signatures:
        raise RadiusError(Refusal.UNSIGNED, "it has no Message-Authenticator")
    if [*map(len, signatures)] != [16]:
        raise RadiusError(Refusal.MALFORMED, "its Message-Authenticator is none")
    if not (request.VerifyAcctRequest() and request.verify_message_authenticator()):
        raise RadiusError(Refusal.FORGED, "it is signed with another secret")
    return request


def _read_event(
    request: AcctPacket, sender: str, line: Attribute, now: float
) -> SessionEvent | Restart | None:
    status = _number(request, Attribute.STATUS_TYPE)
    machine = _machine(request, sender)
    if status in _RESTARTS:
        return Restart(machine, _moment(request, now))
    kind = _KINDS.get(-1 if status is None else status)
    if kind is None:
        return None
    at = _moment(request, now)
    session, whose = _text(request, Attribute.SESSION_ID), _text(request, line)
    if not session or (not whose and kind is not SessionChange.STOP):
        missing = line.name if session else Attribute.SESSION_ID.name
        raise RadiusError(Refusal.MALFORMED, f"it has no {missing}")
    try:
        blocks = tuple(dict.fromkeys(_blocks(request)))
    except (AddressError, ValueError) as error:
        raise RadiusError(Refusal.MALFORMED, str(error)) from error
    return SessionEvent(kind, machine, session, whose, at, blocks or None)


def _moment(request: AcctPacket, now: float) -> float:
    """Return when it happened, as the machine's clock says (RFC 2869 section 5.3)."""
    stamp = _number(request, Attribute.EVENT_TIMESTAMP)
    if stamp is None:
        raise RadiusError(Refusal.UNDATED, "it has no Event-Timestamp")
    if stamp < now - OLDEST:
        raise RadiusError(Refusal.UNDATED, "it is of more than a day ago")
    return float(stamp)


def _machine(request: AcctPacket, sender: str) -> str:
    if name := _text(request, Attribute.NAS_IDENTIFIER):
        return name
    for attribute, size in ((Attribute.NAS_IP_ADDRESS, 4), (Attribute.NAS_IPV6_ADDRESS, 16)):
        for octets in _all(request, attribute):
            if len(octets) == size:
                return str(IPv4Address(octets) if size == 4 else IPv6Address(octets))
    return sender


def _blocks(request: AcctPacket) -> Iterator[AddressBlock]:
    for octets in _all(request, Attribute.FRAMED_IP_ADDRESS):
        address = IPv4Address(octets)
        if address not in _NO_ADDRESS:
            yield ports_block(address, *PORTS)
    for attribute in (Attribute.FRAMED_IPV6_PREFIX, Attribute.DELEGATED_IPV6_PREFIX):
        for octets in _all(request, attribute):
            yield _prefix(octets)
    for octets in _all(request, Attribute.EXTENDED):
        if octets[:1] == bytes([_PORT_RANGE]):
            block = _ports(octets[1:])
            if block is not None:
                yield block


def _prefix(octets: bytes) -> AddressBlock:
    """Return the prefix in an attribute: a reserved octet, the length, and as many octets as it
    takes (RFC 3162 section 2.3)."""
    if not 2 <= len(octets) <= 18 or octets[1] > 128:
        raise ValueError("an IPv6 prefix in it is none")
    address = IPv6Address(octets[2:].ljust(16, b"\0"))
    return prefix_block(IPv6Network((address, octets[1]), strict=False))


def _ports(octets: bytes) -> AddressBlock | None:
    """Return the ports in an IP-Port-Range (RFC 8045 section 3.1.2); None for such as are taken."""
    parts: dict[int, bytes] = {}
    while octets:
        if len(octets) < 2 or not 2 <= octets[1] <= len(octets):
            raise ValueError("an IP-Port-Range in it is none")
        parts[octets[0]] = octets[2 : octets[1]]
        octets = octets[octets[1] :]
    if int.from_bytes(parts.get(_ALLOCATED, b"")) == _TAKEN_AWAY:
        return None
    try:
        address = IPv4Address(parts[_OUTSIDE_ADDRESS])
        first, last = (int.from_bytes(parts[each]) for each in (_FIRST_PORT, _LAST_PORT))
    except KeyError as error:
        raise ValueError(f"an IP-Port-Range in it has no part {error.args[0]}") from error
    return ports_block(address, first, last)


def _all(request: AcctPacket, attribute: Attribute) -> Sequence[bytes]:
    """Return each value of an attribute, as octets.  pyrad's own look-up would need a dictionary of
    all attributes."""
    values: Sequence[bytes] = dict.get(request, int(attribute), ())
    return values


def _text(request: AcctPacket, attribute: Attribute) -> str:
    values = _all(request, attribute)
    return values[0].decode("utf-8", "backslashreplace") if values else ""


def _number(request: AcctPacket, attribute: Attribute) -> int | None:
    values = _all(request, attribute)
    return int.from_bytes(values[0]) if values and len(values[0]) == 4 else None
