"""What the cases of conformance are made of: queries over UDP and TCP, and replies in words."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import NamedTuple

import dns.edns
import dns.message
import dns.rcode

from tests.e2e.house import MIA, TOM, House
from tests.running import PATIENCE
from tests.upstream_server import Asked

SILENCE = "nothing"


class Case(NamedTuple):
    """by: the text that asks for it.  asked: what is sent.  get: returns what came, in words."""

    by: str
    asked: str
    expected: str
    get: Callable[[House], str]


class Result(NamedTuple):
    """got: what came, in the words of the case's `expected`."""

    case: Case
    got: str

    @property
    def is_right(self) -> bool:
        return self.got == self.case.expected


# --- what is sent ------------------------------------------------------------------------------


def query(name: str, rtype: str = "A", **more: object) -> dns.message.Message:
    return dns.message.make_query(name, rtype, **more)  # type: ignore[arg-type]


def send(home: House, wire: bytes, source: str = MIA, wait: float = PATIENCE) -> bytes | None:
    """Send octets over UDP; return those of the reply, None where none comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.settimeout(wait)
        sock.sendto(wire, ("127.0.0.1", home.program.port))
        try:
            return sock.recv(65535)
        except TimeoutError:
            return None


def of(wire: bytes | None) -> str:
    """Return a reply in words: rcode, flags, records, extended errors."""
    if wire is None:
        return SILENCE
    reply = dns.message.from_wire(wire)
    flags = [
        word for word, bit in (("aa", 0x400), ("tc", 0x200), ("ad", 0x20)) if reply.flags & bit
    ]
    data = [str(rdata) for rrset in reply.answer for rdata in rrset]
    ede = [f"EDE {each.code:d}" for each in reply.options if isinstance(each, dns.edns.EDEOption)]
    return ", ".join([str(dns.rcode.to_text(reply.rcode())), *flags, *data, *ede])


def udp(message: dns.message.Message, source: str = MIA) -> Callable[[House], str]:
    return lambda home: of(send(home, message.to_wire(), source))


def raw(wire: bytes, wait: float = PATIENCE) -> Callable[[House], str]:
    return lambda home: of(send(home, wire, wait=wait))


def tcp(message: dns.message.Message) -> Callable[[House], str]:
    return lambda home: of(over_tcp(home, [message.to_wire()])[0])


def over_tcp(home: House, wires: list[bytes]) -> list[bytes]:
    """Send messages in one segment; return as many replies."""
    with socket.create_connection(("127.0.0.1", home.program.port), PATIENCE) as sock:
        sock.sendall(b"".join(len(each).to_bytes(2, "big") + each for each in wires))
        stream = sock.makefile("rb")
        return [stream.read(int.from_bytes(stream.read(2), "big")) for _ in wires]


def at_upstream(
    message: dns.message.Message, tell: Callable[[Asked], str]
) -> Callable[[House], str]:
    """Send a query; return what the upstream was asked for it."""

    def get(home: House) -> str:
        name = message.question[0].name.to_text().rstrip(".").lower()
        send(home, message.to_wire())
        found = [each for each in home.upstream.asked if each.name.rstrip(".").lower() == name]
        return tell(found[-1]) if found else "not asked"

    return get


def twice(message: dns.message.Message, other: dns.message.Message) -> Callable[[House], str]:
    """Send two queries; return how often the upstream was asked, and the second reply."""

    def get(home: House) -> str:
        before = times_asked(home, message)
        send(home, message.to_wire())
        reply = send(home, other.to_wire(), TOM)
        return f"{times_asked(home, message) - before} asked; {of(reply)}"

    return get


def times_asked(home: House, message: dns.message.Message) -> int:
    """Return how often the upstream was asked for a query's name, of any type.

    For its name alone: the program asks for help names at moments of its own.
    """
    return home.upstream.names.count(message.question[0].name.to_text().rstrip(".").lower())


def options_of(asked: Asked) -> str:
    return f"options {', '.join(map(str, asked.options)) or 'none'}"
