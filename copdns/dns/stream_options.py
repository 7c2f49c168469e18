"""What clients wish of replies over TCP, TLS and HTTPS, by EDNS options of their queries.

Two options: padding (RFC 7830), so that the length of an encrypted reply tells little of what is in
it, and edns-tcp-keepalive (RFC 7828), which says for how long a silent connection stays open.  Both
are given only to who asked for them.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import pack
from typing import Final

from copdns.dns.records import (
    COUNTS_FORMAT,
    HEADER_SIZE,
    OPT,
    OPTION_KEEPALIVE,
    OPTION_PADDING,
    QUESTION_TAIL,
    read_options,
    read_records,
    skip_name,
)
from copdns.model.errors import WireError

PADDING: Final = 1
KEEPALIVE: Final = 2
EVERYTHING: Final = PADDING | KEEPALIVE

PADDED_TO: Final = 468  # octets: replies are a multiple of that (RFC 8467 section 4.1)
MAX_REPLY: Final = 65_535  # octets

_BARE_OPT: Final = 11  # octets of an OPT record without options
_LENGTH_AT: Final = 9  # where in it is the length of its options
_OPTION_HEAD: Final = 4
_MARKS: Final = (
    OPTION_PADDING.to_bytes(2, "big"),
    OPTION_KEEPALIVE.to_bytes(2, "big"),
)


def read_wishes(message: bytes) -> int:
    """Return PADDING, KEEPALIVE, both or 0; 0 for a message that cannot be read."""
    if _MARKS[0] not in message and _MARKS[1] not in message:
        return 0  # as most
    options = _options_of(message)
    wishes = PADDING if OPTION_PADDING in options else 0
    if options.get(OPTION_KEEPALIVE) == b"":  # else it is no wish (RFC 7828 section 3.2.1)
        wishes |= KEEPALIVE
    return wishes


def asks_for_keepalive(message: bytes) -> bool:
    """Tell whether a message has the option edns-tcp-keepalive, which none over QUIC may have
    (RFC 9250 section 5.5.2)."""
    return _MARKS[1] in message and OPTION_KEEPALIVE in _options_of(message)


def _options_of(message: bytes) -> Mapping[int, bytes]:
    """Return the EDNS options of a message; none of one that cannot be read."""
    start = _find_opt(message)
    if start < 0:
        return {}
    try:
        return read_options(message[start + _BARE_OPT :])
    except WireError:
        return {}


def grant_wishes(reply: bytes, wishes: int, idle: float) -> bytes:
    """Return a reply of ours with the options that were wished for, as far as there is room.

    idle: seconds after which a silent connection is closed.
    """
    start = _find_opt(reply)
    if start < 0:
        return reply
    added = b""
    if wishes & KEEPALIVE:
        added = pack("!HHH", OPTION_KEEPALIVE, 2, min(int(idle * 10), 0xFFFF))
    size = len(reply) + len(added)
    if wishes & PADDING and size + _OPTION_HEAD <= MAX_REPLY:
        size += _OPTION_HEAD
        padding = min(-size % PADDED_TO, MAX_REPLY - size)
        added += pack("!HH", OPTION_PADDING, padding) + bytes(padding)
    if len(reply) + len(added) > MAX_REPLY:
        return reply
    at = start + _LENGTH_AT
    length = (reply[at] << 8 | reply[at + 1]) + len(added)
    return reply[:at] + length.to_bytes(2, "big") + reply[at + 2 :] + added


def _find_opt(message: bytes) -> int:
    """Return where the OPT record begins, if it is the last record of a message; else -1.

    Nearly all messages have none or one without options, and no more records than that.
    """
    if len(message) < HEADER_SIZE:
        return -1
    _, questions, *others = COUNTS_FORMAT.unpack_from(message, 2)
    at = HEADER_SIZE
    try:
        for _ in range(questions):
            at = skip_name(message, at) + QUESTION_TAIL
        records = read_records(message, at, sum(others))
    except WireError:
        return -1
    if not records or not others[-1]:
        return -1
    last = records[-1]
    is_opt = last.rtype == OPT and last.end == len(message)
    return last.start if is_opt and last.data_at - last.start == _BARE_OPT else -1
