"""Messages to upstreams and from them, as octets: what is sent, and what is a response to it.

A message is without its ID, which belongs to the socket.  Pure: chance comes as octets.
"""

from __future__ import annotations

from enum import Enum
from struct import pack
from typing import Final

from copdns.dns.cookies import cookie_option, opt_record
from copdns.dns.octets import mix_case
from copdns.dns.query import PLAIN_UDP_SIZE, UDP_SIZE
from copdns.dns.records import (
    AD,
    CD,
    COUNTS_FORMAT,
    DO,
    HEADER_SIZE,
    OPT,
    OPTION_STRUCTURED_ERROR,
    QR,
    RCODE,
    RD,
    TC,
)
from copdns.model.errors import FORMERR, NOTIMP

NO_EDNS: Final = 0  # what of EDNS a query has: nothing ...
BARE: Final = 1  # ... an OPT record without options that takes 512 octets ...
FULL: Final = 2  # ... or all
_mix: Final = mix_case  # bound once: a name of a module that is not compiled is slow to look up
_FIRST_LETTER: Final = 65


def lowercase_question(question: bytes) -> bytes:
    """Return a question in wire form with its name in lower case.

    A label's length is at most 63, so it is never taken for a letter.
    """
    if question[-4] < _FIRST_LETTER and question[-3] < _FIRST_LETTER:
        return question.lower()  # as little is the type, then, nor is the class IN
    return question[:-4].lower() + question[-4:]


def question_of(qname_wire: bytes, qtype: int) -> bytes:
    """Return a question in wire form, class IN."""
    return qname_wire + qtype.to_bytes(2, "big") + b"\x00\x01"


def randomize_case(question: bytes, chance: bytes) -> bytes:
    """Return a question with the case of its letters drawn by lot (0x20).

    A forger has to guess them too.  question: in lower case; chance: as many octets.
    """
    return _mix(question[:-4], chance) + question[-4:]


def build_query(question: bytes, *, do: bool, cd: bool, edns: bool) -> bytes:
    """Return a query without its ID.

    AD asks the upstream to say whether data is authenticated (RFC 6840 section 5.7).
    """
    head = _HEADS[cd, edns] + question
    return head + (OPT_DO if do else OPT_PLAIN) if edns else head


def build_encrypted_query(question: bytes, *, do: bool, cd: bool) -> bytes:
    """Return a query without its ID for an upstream that can be believed what it says of a block:
    it asks for structured errors."""
    return _HEADS[cd, True] + question + (_OPT_STRUCTURED_DO if do else _OPT_STRUCTURED)


def build_full_query(question: bytes, opt: bytes, *, cd: bool) -> bytes:
    """Return a query without its ID.  opt: its OPT record, with the cookies for an upstream."""
    return (_EDNS_HEAD_CD if cd else _EDNS_HEAD) + question + opt


def build_told_query(
    question: bytes, cookies: bytes, subnet: bytes, *, do: bool, cd: bool
) -> bytes:
    """Return a query without its ID, with what an upstream is told of our network.

    cookies: those for the upstream (RFC 7873); b"" for none.  subnet: `Health.subnet_for`.
    """
    cookie = cookie_option(cookies) if cookies else b""
    return _HEADS[cd, True] + question + opt_record(UDP_SIZE, DO if do else 0, cookie + subnet)


def build_bare_query(question: bytes, *, do: bool, cd: bool) -> bytes:
    """Return a query without its ID that takes 512 octets and has no option: for an upstream, or a
    way to it, that loses more."""
    return _HEADS[cd, True] + question + (_OPT_BARE_DO if do else _OPT_BARE)


def _opt(ttl: int, payload: int = UDP_SIZE) -> bytes:
    return b"\0" + b"".join(
        number.to_bytes(size, "big") for number, size in ((OPT, 2), (payload, 2), (ttl, 4), (0, 2))
    )


OPT_PLAIN: Final = _opt(0)
OPT_DO: Final = _opt(DO)
_OPT_BARE: Final = _opt(0, PLAIN_UDP_SIZE)
_OPT_BARE_DO: Final = _opt(DO, PLAIN_UDP_SIZE)
_WISH: Final = pack("!HH", OPTION_STRUCTURED_ERROR, 0)
WISH_SIZE: Final = len(_WISH)  # octets of options in what `build_encrypted_query` makes
_OPT_STRUCTURED: Final = opt_record(UDP_SIZE, 0, _WISH)
_OPT_STRUCTURED_DO: Final = opt_record(UDP_SIZE, DO, _WISH)
_HEADS: Final = {
    (cd, edns): COUNTS_FORMAT.pack(RD | AD | (CD if cd else 0), 1, 0, 0, int(edns))
    for cd in (False, True)
    for edns in (False, True)
}
_EDNS_HEAD: Final = _HEADS[False, True]
_EDNS_HEAD_CD: Final = _HEADS[True, True]


class QuestionMatch(Enum):
    """Whether a datagram has the question that was sent."""

    NO = "no"
    YES = "yes"
    LOWERED = "lowered"  # the right question, but not in the letters that were sent


def match_response(datagram: bytes, sent: bytes) -> QuestionMatch:
    """Compare a datagram's question with the one sent (RFC 5452 section 9.1).

    The ID and the addresses were compared before: they are how the datagram was found.
    """
    if len(datagram) < HEADER_SIZE + len(sent) or not datagram[2] & (QR >> 8):
        return QuestionMatch.NO
    if datagram.startswith(sent, HEADER_SIZE):
        return QuestionMatch.YES
    got = datagram[HEADER_SIZE : HEADER_SIZE + len(sent)]
    return (
        QuestionMatch.LOWERED
        if lowercase_question(got) == lowercase_question(sent)
        else QuestionMatch.NO
    )


def header_rcode(datagram: bytes) -> int:
    """Return the rcode of a datagram's header alone."""
    return int(COUNTS_FORMAT.unpack_from(datagram, 2)[0]) & RCODE


def is_truncated(datagram: bytes) -> bool:
    """Tell whether the response has to be fetched over TCP; its records may end anywhere."""
    return bool(datagram[2] & (TC >> 8))


def is_bare_error(datagram: bytes) -> bool:
    """Tell whether this is an error of a server without EDNS: a header and no question."""
    is_response = bool(datagram[2] & (QR >> 8))
    return (
        len(datagram) == HEADER_SIZE and is_response and header_rcode(datagram) in (FORMERR, NOTIMP)
    )
