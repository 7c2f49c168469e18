"""Padding and keepalive: read off queries, and added to replies.  dnspython reads what is made."""

from __future__ import annotations

import dns.edns
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.dns.stream_options import (
    EVERYTHING,
    KEEPALIVE,
    MAX_REPLY,
    PADDED_TO,
    PADDING,
    grant_wishes,
    read_wishes,
)

PAD, ALIVE = dns.edns.GenericOption(12, bytes(20)), dns.edns.GenericOption(11, b"")
EDE = dns.edns.EDEOption(17, "a rule of yours")


def asked(*options: dns.edns.Option, rtype: str = "A") -> bytes:
    return dns.message.make_query("www.example", rtype, use_edns=0, options=options, id=1).to_wire()


def replied(*options: dns.edns.Option, edns: int | None = 0, texts: int = 0) -> bytes:
    """Return a reply of so many TXT records, whose OPT record is its last."""
    query = dns.message.make_query("www.example", "TXT", use_edns=0)
    reply = dns.message.make_response(query)
    reply.use_edns(0 if edns is not None else False, options=options)
    if texts:
        data = [f'"{number} {"x" * 200}"' for number in range(texts)]
        reply.answer.append(dns.rrset.from_text("www.example.", 60, "IN", "TXT", *data))
    return reply.to_wire(max_size=65535)


@pytest.mark.parametrize(
    ("message", "wishes"),
    [
        (asked(), 0),
        (asked(PAD), PADDING),
        (asked(ALIVE), KEEPALIVE),
        (asked(EDE, ALIVE, PAD), EVERYTHING),
        (asked(dns.edns.GenericOption(11, b"\0\1")), 0),  # only a server gives a time
        (
            dns.message.make_query("www.example", "PTR", id=1).to_wire(),
            0,
        ),  # type 12, but no option 12
        (asked(rtype="PTR"), 0),
        (b"", 0),
        (asked(PAD)[:-1], 0),
        (asked(PAD) + b"\0", 0),
    ],
)
def test_what_a_query_wishes_is_read_off_its_options(message: bytes, wishes: int) -> None:
    assert read_wishes(message) == wishes


@given(st.binary(max_size=80), st.binary(max_size=20))
def test_no_octets_break_the_reading(start: bytes, end: bytes) -> None:
    assert read_wishes(start + b"\0\x0c\0\x0b" + end) in (0, PADDING, KEEPALIVE, EVERYTHING)
    grant_wishes(start + end, EVERYTHING, 10.0)


@pytest.mark.parametrize("options", [(), (EDE,)])
@pytest.mark.parametrize("texts", [0, 1, 2, 3, 40])
def test_a_padded_reply_is_the_same_but_for_its_length(
    options: tuple[dns.edns.Option, ...], texts: int
) -> None:
    reply = replied(*options, texts=texts)
    made = grant_wishes(reply, EVERYTHING, 30.0)
    before, after = dns.message.from_wire(reply), dns.message.from_wire(made)
    assert len(made) % PADDED_TO == 0
    assert (after.answer, after.rcode(), after.flags) == (before.answer, 0, before.flags)
    alive, padding = after.options[len(options) :]
    assert after.options[: len(options)] == before.options
    assert (int(alive.otype), alive.to_wire()) == (11, (300).to_bytes(2, "big"))
    assert (int(padding.otype), set(padding.to_wire())) <= (12, {0})


def test_a_reply_without_an_opt_record_stays_as_it_is() -> None:
    reply = replied(edns=None)
    assert grant_wishes(reply, EVERYTHING, 30.0) == reply


@pytest.mark.parametrize("short_of", [0, 1, 3, 4, 5, 300])
def test_no_reply_grows_beyond_what_has_a_length(short_of: int) -> None:
    reply = replied(texts=290)
    fill = MAX_REPLY - short_of - len(reply) - 4
    reply = replied(dns.edns.GenericOption(65001, bytes(fill)), texts=290)
    assert len(reply) == MAX_REPLY - short_of
    made = grant_wishes(reply, PADDING, 30.0)
    whole = -(-(len(reply) + 4) // PADDED_TO) * PADDED_TO
    assert len(made) == (min(whole, MAX_REPLY) if short_of >= 4 else len(reply))
    dns.message.from_wire(made)
