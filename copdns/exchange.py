"""Choose: which upstream next, how to ask it, and whether what came is an answer.

The waiting is in `upstream.py`.  Pure: clocks are monotonic seconds, chance comes as bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from copdns.message import Answer
from copdns.records import AD, CD, COUNTS, DO, HEADER, OPT, QR, RCODE, RD
from copdns.wire import UDP_SIZE

FORMERR, SERVFAIL, NOTIMP, REFUSED = 1, 2, 4, 5

REST = 5.0  # seconds that an upstream is asked last after it failed
REST_LIMIT = 60.0  # it grows with each failure, up to this
PLAIN_FOR = 600.0  # seconds that an upstream which cannot do EDNS is asked without
MAX_ATTEMPTS = 4  # of one question, over all upstreams

_LETTERS = bytes(0x20 if 97 <= octet <= 122 else 0 for octet in range(256))
_COUNTS_PLAIN = b"\x00\x01\x00\x00\x00\x00\x00\x00"
_COUNTS_EDNS = b"\x00\x01\x00\x00\x00\x00\x00\x01"


class Health:
    """What is known of one upstream.

    label: how metrics and messages call it: its place in the settings, from 1.
    rtt: smoothed seconds from question to answer; 0 before the first.
    """

    __slots__ = (
        "failures",
        "filtering",
        "label",
        "mixes_case",
        "plain_until",
        "rest_until",
        "rtt",
        "trusted",
    )

    def __init__(self, label: str, *, filtering: bool = False, trusted: bool = False) -> None:
        self.label = label
        self.filtering = filtering  # known to block by made-up addresses
        self.trusted = trusted  # its "authenticated data" may be believed (RFC 4035 section 4.9.3)
        self.rtt = 0.0
        self.failures = 0
        self.rest_until = 0.0
        self.mixes_case = True
        self.plain_until = 0.0

    def answered(self, rtt: float) -> None:
        self.rtt = rtt if not self.rtt else self.rtt * 0.875 + rtt * 0.125
        self.failures = 0
        self.rest_until = 0.0

    def failed(self, now: float) -> None:
        self.failures += 1
        self.rest_until = now + min(REST * self.failures, REST_LIMIT)

    def passed_over(self) -> None:
        """Let an upstream that lost against a faster one be tried again some day."""
        self.rtt *= 0.998


def by_preference(upstreams: Iterable[Health], now: float) -> list[Health]:
    """Return upstreams, the best first: those that work, by speed, then the longest rested.

    Nobody is left out: an upstream that rests is better than no answer.
    """
    return sorted(upstreams, key=lambda each: (max(each.rest_until - now, 0.0), each.rtt))


def question_of(qname_wire: bytes, qtype: int) -> bytes:
    """Return a question as it stands in a message, class IN."""
    return qname_wire + qtype.to_bytes(2, "big") + b"\x00\x01"


def mixed_case(question: bytes, chance: bytes) -> bytes:
    """Return a question with the case of its letters drawn by lot.

    A forged answer must then guess them too.  question: in lower case; chance: as many octets.
    """
    name = question[:-4]
    size = len(name)
    letters = int.from_bytes(name.translate(_LETTERS), "big")
    flips = letters & int.from_bytes(chance[:size], "big")
    mixed: int = int.from_bytes(name, "big") ^ flips
    return mixed.to_bytes(size, "big") + question[-4:]


def message_for(question: bytes, *, do: bool, cd: bool, edns: bool) -> bytes:
    """Return a query without its ID.

    AD asks the upstream to say whether data is authenticated (RFC 6840 section 5.7).
    """
    flags = (RD | AD | (CD if cd else 0)).to_bytes(2, "big")
    if not edns:
        return flags + _COUNTS_PLAIN + question
    return flags + _COUNTS_EDNS + question + (_OPT_DO if do else _OPT_PLAIN)


def _opt(ttl: int) -> bytes:
    return b"\0" + b"".join(
        number.to_bytes(size, "big") for number, size in ((OPT, 2), (UDP_SIZE, 2), (ttl, 4), (0, 2))
    )


_OPT_PLAIN, _OPT_DO = _opt(0), _opt(DO)


class Match(Enum):
    """Whether a datagram belongs to a question."""

    NO = "no"
    YES = "yes"
    LOWERED = "lowered"  # the right question, but not in the letters that were sent


def match(datagram: bytes, sent: bytes) -> Match:
    """Compare a datagram's question with the one sent (RFC 5452 section 9.1).

    The ID and the addresses were compared before: they are how the datagram was found.
    """
    if len(datagram) < HEADER + len(sent) or not datagram[2] & (QR >> 8):
        return Match.NO
    got = datagram[HEADER : HEADER + len(sent)]
    if got == sent:
        return Match.YES
    return Match.LOWERED if got.lower() == sent.lower() else Match.NO


class Next(Enum):
    """What to do with an answer that came."""

    GIVE = "give"
    ASK_TCP = "ask tcp"
    ASK_PLAIN = "ask without EDNS"
    ASK_OTHER = "ask another upstream"


def step_after(answer: Answer, *, tcp: bool, edns: bool, protected: bool) -> Next:
    """Return what follows an answer.

    protected: a name that nobody may block, so an upstream that filters it will not do.
    """
    if answer.truncated and not tcp:
        return Next.ASK_TCP
    if edns and answer.rcode in (FORMERR, NOTIMP):
        return Next.ASK_PLAIN  # RFC 6891 section 7
    if answer.rcode in (FORMERR, SERVFAIL, NOTIMP, REFUSED):
        return Next.ASK_OTHER
    if protected and answer.facts.filtered:
        return Next.ASK_OTHER
    return Next.GIVE


def header_rcode(datagram: bytes) -> int:
    """Return the rcode of a datagram's header alone."""
    return int(COUNTS.unpack_from(datagram, 2)[0]) & RCODE
