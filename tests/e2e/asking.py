"""Ask a server many questions fast: bytes out, bytes in; nothing is parsed here."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import pack

PATIENCE = 10.0  # seconds for any one reply
WINDOW = 100  # questions on the way at once

RD, AD, CD = 0x0100, 0x0020, 0x0010
DO = 0x8000


@dataclass(frozen=True, slots=True)
class How:
    """How a question is put.

    size: octets that the OPT record promises to take; None: no EDNS.  structured: with option 26.
    mixed: in letters of both cases.
    """

    size: int | None = None
    do: bool = False
    cd: bool = False
    ad: bool = False
    structured: bool = False
    mixed: bool = False
    tcp: bool = False

    @property
    def flags(self) -> int:
        return RD | (AD if self.ad else 0) | (CD if self.cd else 0)

    @property
    def takes(self) -> int:
        """The octets that a reply may have."""
        return 65535 if self.tcp else min(max(self.size or 0, 512), 1232)


def message(qname: bytes, rtype: int, how: How) -> bytes:
    """Return a query without its ID.  qname: in wire form."""
    if how.mixed:
        qname = bytes(
            o ^ 0x20 if chr(o).isalpha() and o < 128 and at % 2 else o for at, o in enumerate(qname)
        )
    question = qname + pack("!HH", rtype, 1)
    opt = b""
    if how.size is not None:
        option = pack("!HH", 26, 0) if how.structured else b""
        ttl = DO if how.do else 0
        opt = b"\0" + pack("!HHIH", 41, how.size, ttl, len(option)) + option
    return pack("!HHHHH", how.flags, 1, 0, 0, 1 if opt else 0) + question + opt


def _mixed(qname: bytes) -> bytes:
    """Return a name with every second letter in upper case; lengths are no letters."""
    upper = qname.upper()
    return bytes(pair[at % 2] for at, pair in enumerate(zip(qname, upper, strict=True)))


def ask_over_udp(
    server: tuple[str, int], source: str, messages: Sequence[bytes], window: int = WINDOW
) -> list[bytes]:
    """Return the reply to each message, in their order; fail when one does not come."""
    replies: dict[int, bytes] = {}
    waiting: set[int] = set()
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.settimeout(PATIENCE)
        sock.bind((source, 0))
        sock.connect(server)
        for number, body in enumerate(messages):
            if len(waiting) >= window:
                _receive(sock, number, waiting, replies)
            waiting.add(number)
            sock.send(pack("!H", number & 0xFFFF) + body)
        while waiting:
            _receive(sock, len(messages), waiting, replies)
    return [replies[number] for number in range(len(messages))]


def _receive(sock: socket.socket, sent: int, waiting: set[int], replies: dict[int, bytes]) -> None:
    """Take one reply.  sent: how many messages went out, of which every 65,536th has its ID."""
    try:
        reply = sock.recv(65535)
    except TimeoutError:
        raise AssertionError(f"no reply to {len(waiting)} of {sent} messages") from None
    low = int.from_bytes(reply[:2], "big")
    number = next((n for n in range(low, sent, 0x10000) if n in waiting), None)
    assert number is not None, f"a reply that nobody waits for: {reply[:60].hex()}"
    waiting.remove(number)
    replies[number] = reply


def ask_over_tcp(
    server: tuple[str, int], source: str, messages: Sequence[bytes], window: int = 30
) -> list[bytes]:
    """Return the reply to each of at most 65,536 messages, in their order, over one connection."""
    replies: dict[int, bytes] = {}
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(PATIENCE)
        sock.bind((source, 0))
        sock.connect(server)
        with sock.makefile("rb") as incoming:
            for number, body in enumerate(messages):
                sock.sendall(pack("!HH", len(body) + 2, number) + body)
                if number + 1 - len(replies) >= window:
                    _take(incoming.read, replies)
            while len(replies) < len(messages):
                _take(incoming.read, replies)
    return [replies[number] for number in range(len(messages))]


def _take(read: Callable[[int], bytes], replies: dict[int, bytes]) -> None:
    reply = read(int.from_bytes(read(2), "big"))
    assert reply, "the server closed the connection"
    replies[int.from_bytes(reply[:2], "big")] = reply
