"""Reading queries: what is taken, what is refused, and what is left without an answer."""

from __future__ import annotations

from struct import pack

import dns.message
import pytest

from copdns.dns.message import UpstreamResponse
from copdns.dns.query import (
    PLAIN_UDP_SIZE,
    TCP_SIZE,
    UDP_SIZE,
    CacheKey,
    Edns,
    read_query,
    with_tcp_size,
)
from copdns.dns.records import AAAA, ANY, AXFR, CD, CH, DO, IXFR, QR, RD, RRSIG, A
from copdns.dns.response_facts import ResponseFacts
from copdns.dns.wire import error_reply, upstream_reply
from copdns.model.errors import FORMERR, NOTIMP, NotAQueryError, WireError
from copdns.model.names import from_wire
from tests.unit.messages import ID, edes, message, opt, option, parsed, query, question
from tests.values import fields_of

LONGEST = b"".join(bytes([size]) + b"a" * size for size in (63, 63, 63, 61)) + b"\0"
TOO_LONG = b"".join(bytes([size]) + b"a" * size for size in (63, 63, 63, 62)) + b"\0"


def refused(wire: bytes) -> tuple[WireError, bytes]:
    """Return why a message is no query that we can answer, and the reply to it."""
    with pytest.raises(WireError) as caught:
        read_query(wire)
    assert not isinstance(caught.value, NotAQueryError)
    return caught.value, error_reply(wire, caught.value)


# --- names -----------------------------------------------------------------------------------


def test_a_query_is_read() -> None:
    read = read_query(query("WWW.Example", AAAA))
    assert (read.qname, read.qtype, read.qclass) == ("www.example", AAAA, 1)
    assert read.flags & RD
    assert read.key == CacheKey("www.example", AAAA, do=False, cd=False)
    assert (read.edns, read.max_reply_size, read.is_unsupported) == (None, PLAIN_UDP_SIZE, False)


def test_the_id_is_no_part_of_what_is_read() -> None:
    assert fields_of(read_query(query())) == fields_of(read_query(b"\0\0" + query()[2:]))


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        (b"\0", ""),
        (b"\x03www\x07EXAMPLE\0", "www.example"),
        (b"\x04_dns\x07example\0", "_dns.example"),
        (b"\x01\0\x07example\0", "\\000.example"),
        (b"\x03a.b\x07example\0", "a\\046b.example"),  # a dot inside a label parts nothing
        (b"\x03a b\x07example\0", "a\\032b.example"),
        (b"\x03\xc3\xa9\\\x07example\0", "\\195\\169\\092.example"),
    ],
)
def test_a_label_may_hold_any_octet(name: bytes, normal: str) -> None:
    assert read_query(query(name)).qname == normal


def test_every_octet_has_one_spelling_besides_its_case() -> None:
    spelled = {read_query(query(b"\x01" + bytes([octet]) + b"\0")).qname for octet in range(256)}
    assert len(spelled) == 256 - 26


def test_a_name_of_255_octets_is_read_and_one_of_256_is_not() -> None:
    assert (len(LONGEST), len(TOO_LONG)) == (255, 256)
    assert read_query(query(LONGEST)).qname == from_wire(LONGEST)
    assert refused(query(TOO_LONG))[0].rcode == FORMERR


@pytest.mark.parametrize("first", [0x40, 0x80, 0xC0, 0xFF])
def test_a_compressed_or_unknown_label_in_the_question_is_a_format_error(first: int) -> None:
    assert refused(query(bytes([first, 12])))[0].rcode == FORMERR


@pytest.mark.parametrize("size", range(12, len(query())))
def test_a_question_that_is_cut_short_is_a_format_error(size: int) -> None:
    assert refused(query()[:size])[0].rcode == FORMERR


# --- what is no plain query --------------------------------------------------------------------


@pytest.mark.parametrize("wire", [b"", b"\0", query()[:11], message(question("a"), flags=RD | QR)])
def test_a_response_and_what_has_no_header_get_silence(wire: bytes) -> None:
    with pytest.raises(NotAQueryError):
        read_query(wire)


@pytest.mark.parametrize("count", [0, 2, 65535])
def test_a_query_has_one_question(count: int) -> None:
    error, reply = refused(message(question("a.example") * 2, questions=count))
    assert error.rcode == FORMERR
    assert parsed(reply).rcode() == FORMERR


@pytest.mark.parametrize("opcode", range(1, 16))
def test_another_opcode_is_not_implemented(opcode: int) -> None:
    error, reply = refused(message(question("a.example"), flags=RD | opcode << 11))
    assert error.rcode == NOTIMP
    assert parsed(reply).opcode() == opcode
    assert parsed(reply).edns == -1


def test_another_opcode_is_told_so_where_the_sender_speaks_edns() -> None:
    _, reply = refused(message(question("a.example"), flags=4 << 11, additional=[opt()]))
    assert parsed(reply).rcode() == NOTIMP
    assert edes(reply) == [(21, "this kind of message is not served")]


def test_a_format_error_has_edns_exactly_where_the_sender_showed_it() -> None:
    two = question("a.example") * 2
    assert parsed(refused(message(two, questions=2))[1]).edns == -1
    assert parsed(refused(message(two, questions=2, additional=[opt()]))[1]).edns == 0


def test_an_error_keeps_id_opcode_rd_and_cd_and_no_other_bit() -> None:
    asked = message(question("a"), flags=0x7FFF)
    reply = refused(asked)[1]
    assert reply[:2] == ID
    assert int.from_bytes(reply[2:4]) == QR | 0x7800 | RD | 0x0080 | CD | NOTIMP


@pytest.mark.parametrize(
    ("asked", "odd"),
    [
        (message(question("a.example", A, CH)), True),
        (message(question("a.example", A, 4)), True),
        (message(question("a.example", A, 255)), True),
        (message(question("a.example", A, 0)), True),
        (query("a.example", AXFR), True),
        (query("a.example", IXFR), True),
        (query("a.example", opt=opt(ttl=1 << 16)), True),
        (query("a.example", ANY), False),
        (query("a.example", 65280), False),  # a type that we have no name for passes
        (query("a.example", RRSIG), False),
    ],
)
def test_classes_transfers_and_edns_versions_that_are_not_served_are_marked(
    asked: bytes, odd: bool
) -> None:
    assert read_query(asked).is_unsupported is odd


# --- EDNS --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "room"), [(0, 512), (511, 512), (512, 512), (900, 900), (1232, 1232), (65535, 1232)]
)
def test_a_reply_has_the_room_that_the_client_gives_within_bounds(said: int, room: int) -> None:
    assert read_query(query(opt=opt(size=said))).max_reply_size == room


def test_over_tcp_a_reply_may_be_as_large_as_it_gets() -> None:
    read = read_query(query())
    assert with_tcp_size(read).max_reply_size == TCP_SIZE
    assert with_tcp_size(read).key == read.key


def test_do_and_cd_ask_for_another_answer() -> None:
    plain = read_query(query(opt=opt()))
    assert plain.edns == Edns(UDP_SIZE, do=False, version=0, wants_structured_errors=False)
    assert read_query(query(opt=opt(ttl=DO))).key == plain.key._replace(do=True)
    assert read_query(query(flags=RD | CD)).key == plain.key._replace(cd=True)


def test_unknown_options_and_flags_are_no_reason_to_refuse() -> None:
    options = option(8, b"\0\1\x18\0\xc0\0\2") + option(10, b"12345678") + option(65001, b"x")
    read = read_query(query(opt=opt(options, ttl=0x7FFF)))
    assert read.edns == Edns(
        UDP_SIZE, do=False, version=0, wants_structured_errors=False, subnet=b"\0\1\x18\0\xc0\0\2"
    )


@pytest.mark.parametrize("data", [b"", b"\1\2"])
def test_option_26_asks_for_structured_errors_whatever_is_in_it(data: bytes) -> None:
    assert read_query(query(opt=opt(option(26, data)))).wants_structured_errors


@pytest.mark.parametrize(
    "additional",
    [
        [opt(), opt()],
        [b"\1a" + opt()],  # not at the root
        [opt(b"\0")],
        [opt(b"\0\x0a\0\x05abc")],  # an option longer than the record
        [opt(option(10, b"12345678") + b"\0\0\0")],
    ],
)
def test_a_mistake_in_edns_is_a_format_error_with_edns(additional: list[bytes]) -> None:
    error, reply = refused(message(question("a.example"), additional=additional))
    assert error.rcode == FORMERR
    assert (parsed(reply).rcode(), parsed(reply).edns) == (FORMERR, 0)


def test_what_stands_beside_opt_is_passed_over() -> None:
    record = b"\1x\0" + pack("!HHIH", A, 1, 60, 4) + b"\xc0\0\2\1"
    asked = message(question("a.example"), additional=[record, opt(ttl=DO), record])
    read = read_query(asked)
    assert read.edns is not None
    assert read.edns.do


def test_a_record_that_is_cut_short_is_a_format_error() -> None:
    whole = query(opt=opt(option(10, b"12345678")))
    for size in range(len(query()), len(whole)):
        assert refused(whole[:size])[0].rcode == FORMERR


def test_a_large_query_is_read_like_a_small_one() -> None:
    padded = query(opt=opt(option(12, bytes(2000))))
    small = query(opt=opt(option(12, bytes(10))))
    assert fields_of(read_query(padded)) == fields_of(read_query(small))


def test_dnspython_reads_our_queries_alike() -> None:
    theirs = dns.message.make_query("Www.Example.", "AAAA", want_dnssec=True, payload=4096)
    read = read_query(theirs.to_wire())
    assert read.edns == Edns(4096, do=True, version=0, wants_structured_errors=False)
    assert read.key == CacheKey("www.example", AAAA, do=True, cd=False)


def test_what_stands_after_the_last_record_is_passed_over() -> None:
    assert fields_of(read_query(query() + b"\0" * 9)) == fields_of(read_query(query()))


@pytest.mark.parametrize(
    "counts", [(1, 0, 0), (0, 1, 0), (1, 0, 1), (255, 255, 254), (256, 0, 0), (0, 0, 256)]
)
def test_a_reply_says_how_many_records_it_has(counts: tuple[int, int, int]) -> None:
    answer = UpstreamResponse(b"", counts, 0, (), 0, False, False, 0, False, (), ResponseFacts())
    asked = read_query(query("www.example", A))
    for message_id in (b"\1\2", b"\3\4"):  # the second time it is known
        reply = upstream_reply(message_id, asked, answer, b"")
        assert reply[:12] == message_id + pack("!HHHHH", 0x8180, 1, *counts)
