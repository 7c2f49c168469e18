"""Reading upstreams' answers: what is kept as it came, and what is found inside."""

from __future__ import annotations

import timeit
from struct import pack

import dns.edns
import dns.flags
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.dns.message import MAX_TARGETS, MAX_TTL, read_response
from copdns.dns.query import read_query
from copdns.dns.records import AAAA, CNAME, HTTPS, QR, SVCB, TXT, A
from copdns.dns.wire import upstream_reply
from copdns.model.errors import WireError
from tests.unit.messages import message, parsed, query, question, reply_to
from tests.values import fields_of

WWW = "www.example. 300 IN A 192.0.2.1"
SOA = "example. 900 IN SOA ns.example. mail.example. 1 3600 1200 604800 600"


# --- as it came --------------------------------------------------------------------------------


def test_records_are_given_on_octet_by_octet() -> None:
    wire = reply_to(query(), WWW, authority=(SOA,), additional=("ns.example. 60 IN A 192.0.2.53",))
    answer = read_response(wire)
    assert wire.endswith(answer.rrs)
    assert answer.section_counts == (1, 1, 1)
    assert answer.rrs[answer.additional_at :].endswith(b"\xc0\0\2\x35")


@pytest.mark.parametrize(
    ("qtype", "record"),
    [
        (65280, r"www.example. 300 IN TYPE65280 \# 3 c00c00"),  # looks like a pointer, is none
        (257, 'www.example. 300 IN CAA 0 issue "ca.example"'),
        (61, "www.example. 300 IN OPENPGPKEY AQID"),
        (SVCB, "www.example. 300 IN SVCB 1 svc.example. alpn=h2 port=8443"),
        (39, "www.example. 300 IN DNAME other.example."),
        (46, "www.example. 300 IN RRSIG A 13 2 300 20300101000000 20200101000000 1 example. c2ln"),
    ],
)
def test_types_that_we_know_nothing_of_pass_unchanged(qtype: int, record: str) -> None:
    asked = query("www.example", qtype)
    wire = reply_to(asked, record)
    answer = read_response(wire)
    reply = upstream_reply(asked[:2], read_query(asked), answer, answer.rrs)
    assert parsed(reply).answer == parsed(wire).answer


def test_the_opt_record_is_hop_by_hop() -> None:
    theirs = dns.message.from_wire(reply_to(query(), WWW))
    theirs.use_edns(0, dns.flags.DO, 4096, options=[dns.edns.GenericOption(65001, b"who")])
    answer = read_response(theirs.to_wire())
    assert answer.section_counts == (1, 0, 0)
    assert b"who" not in answer.rrs


def test_what_stands_after_the_opt_record_is_left_out() -> None:
    opt = b"\0" + pack("!HHIH", 41, 1232, 0, 0)
    extra = b"\xc0\x0c" + pack("!HHIH", A, 1, 60, 4) + b"\xc0\0\2\x63"
    wire = message(question("a.example"), flags=QR, additional=[extra, opt, extra])
    answer = read_response(wire)
    assert answer.section_counts == (0, 0, 1)
    assert answer.rrs == extra


def test_the_rcode_has_its_upper_bits_from_the_opt_record() -> None:
    opt = b"\0" + pack("!HHIH", 41, 1232, 1 << 24, 0)
    answer = read_response(message(question("a.example"), flags=QR | 7, additional=[opt]))
    assert answer.rcode == 23


@pytest.mark.parametrize("flag", ["AD", "TC"])
def test_the_bits_that_matter_are_read(flag: str) -> None:
    answer = read_response(reply_to(query(), WWW, flags=f"QR RD RA {flag}"))
    assert (answer.ad, answer.is_truncated) == (flag == "AD", flag == "TC")


def test_a_truncated_answer_is_not_kept() -> None:
    assert read_response(reply_to(query(), WWW, flags="QR TC")).cache_ttl == 0


@pytest.mark.parametrize("ttl", [MAX_TTL + 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_ttl_of_more_than_a_week_is_a_week(ttl: int) -> None:
    record = b"\xc0\x0c" + pack("!HHIH", A, 1, ttl, 4) + b"\xc0\0\2\1"
    wire = b"\0\0" + pack("!HHHHH", QR, 1, 1, 0, 0) + question("a.example") + record
    answer = read_response(wire)
    assert answer.cache_ttl == MAX_TTL
    assert answer.ttl_places == ((6, MAX_TTL),)


# --- what lies inside --------------------------------------------------------------------------


def test_the_names_and_addresses_inside_are_found_in_their_order() -> None:
    facts = read_response(
        reply_to(
            query(),
            "www.example. 300 IN CNAME B.cdn.example.",
            "b.cdn.example. 300 IN DNAME far.example.",
            "c.example. 300 IN A 192.0.2.1",
            "c.example. 300 IN AAAA 2001:db8::1",
        )
    ).facts
    assert facts.targets == ("b.cdn.example", "far.example")
    assert facts.addresses == (b"\xc0\0\2\1", b"\x20\x01\x0d\xb8" + bytes(11) + b"\1")


@pytest.mark.parametrize("qtype", [SVCB, HTTPS])
def test_a_service_record_has_a_target_and_addresses(qtype: int) -> None:
    name = "HTTPS" if qtype == HTTPS else "SVCB"
    hints = "ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1"
    wire = reply_to(
        query("www.example", qtype),
        f"www.example. 300 IN {name} 1 . alpn=h2 {hints}",
        f"www.example. 300 IN {name} 2 svc.example. port=8443",
    )
    facts = read_response(wire).facts
    assert facts.targets == ("svc.example",)
    assert [len(address) for address in facts.addresses] == [4, 4, 16]


def test_addresses_in_the_additional_section_count_too() -> None:
    extra = ("svc.example. 300 IN A 127.0.0.1",)
    facts = read_response(reply_to(query("www.example", HTTPS), additional=extra)).facts
    assert facts.home_addresses == (b"\x7f\0\0\1",)


@pytest.mark.parametrize(
    ("address", "home"),
    [
        ("A 127.0.0.1", True),
        ("A 192.168.1.1", True),
        ("A 192.0.2.1", False),
        ("A 10.0.0.1", True),
        ("A 100.64.0.1", True),
        ("A 100.63.0.1", False),
        ("AAAA ::1", True),
        ("AAAA fd00::1", True),
        ("AAAA fe80::1", True),
        ("AAAA ::ffff:10.0.0.1", True),
        ("AAAA 64:ff9b::10.0.0.1", True),
        ("AAAA 2002:a00:1::1", True),
        ("AAAA 2001:db8::1", False),
    ],
)
def test_addresses_inside_the_home_are_marked(address: str, home: bool) -> None:
    facts = read_response(reply_to(query(), f"www.example. 300 IN {address}")).facts
    assert bool(facts.home_addresses) is home


@pytest.mark.parametrize("code", range(25))
def test_an_upstream_that_says_that_it_filters_is_believed(code: int) -> None:
    theirs = dns.message.from_wire(reply_to(query(), WWW))
    theirs.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(code, "because")])
    answer = read_response(theirs.to_wire())
    assert answer.ede_codes == (code,)
    assert answer.facts.is_filtered is (code in (15, 16, 17))


def test_what_is_said_of_a_block_is_kept_only_from_who_certainly_said_it() -> None:
    for code in (6, 17):
        theirs = dns.message.from_wire(reply_to(query(), WWW))
        theirs.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(code, "because")])
        wire = theirs.to_wire()
        assert read_response(wire, authentic=True).ede_text == b"because"
        assert read_response(wire).ede_text == (b"because" if code == 6 else b"")


@pytest.mark.parametrize(
    ("address", "null"), [("A 0.0.0.0", True), ("AAAA ::", True), (WWW, False)]
)
def test_made_up_addresses_tell_of_filtering_only_where_that_is_known(
    address: str, null: bool
) -> None:
    record = address if address == WWW else f"www.example. 300 IN {address}"
    wire = reply_to(query(), record)
    assert read_response(wire, filtering=True).facts.is_filtered is null
    assert not read_response(wire, filtering=True).facts.home_addresses
    assert not read_response(wire).facts.is_filtered


# --- what is malformed -------------------------------------------------------------------------


def test_an_answer_cut_short_anywhere_is_a_wire_error() -> None:
    wire = reply_to(query(), "www.example. 300 IN CNAME host.example.", WWW, authority=(SOA,))
    for size in range(len(wire)):
        with pytest.raises(WireError):
            read_response(wire[:size])


@pytest.mark.parametrize("questions", [0, 2])
def test_an_answer_repeats_one_question(questions: int) -> None:
    with pytest.raises(WireError):
        read_response(message(question("a.example") * 2, flags=QR, questions=questions))


def record_of(rtype: int, data: bytes) -> bytes:
    return b"\0" + pack("!HHIH", rtype, 1, 60, len(data)) + data


def with_answers(*answers: bytes) -> bytes:
    header = b"\0\0" + pack("!HHHHH", QR, 1, len(answers), 0, 0)
    return header + question("a.example") + b"".join(answers)


@pytest.mark.parametrize(
    "record",
    [
        record_of(CNAME, b"\xc0\xff"),
        record_of(CNAME, b"\xc0\x27"),  # to itself
        record_of(HTTPS, b"\0\1"),
        record_of(HTTPS, b"\0\1\xc0\x0c"),  # compressed, where nothing may be
    ],
)
def test_a_name_inside_that_cannot_be_read_cannot_be_judged(record: bytes) -> None:
    with pytest.raises(WireError):
        read_response(with_answers(record))


@pytest.mark.parametrize(
    "hint", [b"\0\4\0\3abc", b"\0\4\0\5abcde", b"\0\6\0\4abcd", b"\0\4\0\x08ab"]
)
def test_a_hint_that_is_no_whole_address_is_passed_over(hint: bytes) -> None:
    facts = read_response(with_answers(record_of(HTTPS, b"\0\1\0" + hint))).facts
    assert all(len(address) == 4 for address in facts.addresses)
    assert len(facts.addresses) <= 1


@pytest.mark.parametrize(("rtype", "size"), [(A, 3), (A, 16), (AAAA, 4), (AAAA, 0)])
def test_an_address_of_another_length_is_none(rtype: int, size: int) -> None:
    assert read_response(with_answers(record_of(rtype, bytes(size)))).facts.addresses == ()


def test_an_answer_with_more_names_than_can_be_judged_is_refused() -> None:
    names = [record_of(CNAME, f"\x02{number:02}\0".encode()) for number in range(MAX_TARGETS + 1)]
    assert len(read_response(with_answers(*names[1:])).facts.targets) == MAX_TARGETS
    with pytest.raises(WireError):
        read_response(with_answers(*names))


def test_64_kib_of_pointers_take_no_time() -> None:
    begin = len(with_answers()) + 11
    chain = b"".join((0xC000 | begin + at - 2).to_bytes(2, "big") for at in range(2, 16_000, 2))
    texts = record_of(TXT, b"\xc0\x0c" + chain)
    end = (0xC000 | 16_000).to_bytes(2, "big")
    names = [record_of(CNAME, end)] * ((65_535 - begin - len(texts)) // 13)
    bomb = with_answers(texts, *names)
    pointers = (message(b"\xc0\x0c" * 32_000, flags=QR), with_answers(*[b"\xc0\x0c"] * 32_000))
    for wire in (bomb, *pointers):
        with pytest.raises(WireError):
            read_response(wire)
    fastest = min(timeit.repeat(lambda: _refused(bomb), number=1, repeat=5))
    assert fastest < 0.1  # seconds; it took 4 before pointers were counted


def _refused(wire: bytes) -> None:
    with pytest.raises(WireError):
        read_response(wire)


@st.composite
def addresses_alone(draw: st.DrawFn) -> bytes:
    """An answer of addresses, now and then with one octet changed or its end missing."""
    question = b"\x01a\x07example\x00\x00\x01\x00\x01"
    addresses = draw(
        st.lists(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16))
    )
    body = b"".join(
        pack("!HHHIH", 0xC00C, 1 if len(each) == 4 else 28, 1, draw(TTLS), len(each)) + each
        for each in addresses
    )
    opt = draw(st.sampled_from([b"", b"\0\0\x29\x04\xd0" + bytes(6)]))
    message = bytearray(
        pack("!HHHHHH", 1, 0x8180, 1, len(addresses), 0, bool(opt)) + question + body + opt
    )
    if draw(st.booleans()):
        message[draw(st.integers(0, len(message) - 1))] = draw(st.integers(0, 255))
    return bytes(message[: len(message) - draw(st.sampled_from([0, 0, 0, 1, 5]))])


TTLS = st.integers(0, 700_000) | st.integers(0, 0xFFFF_FFFF)


@given(addresses_alone(), st.booleans())
def test_addresses_alone_are_read_as_record_by_record(message: bytes, filtering: bool) -> None:
    def read() -> object:
        try:
            return fields_of(read_response(message, filtering=filtering))
        except WireError as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        quick = read()
        patch.setattr("copdns.dns.message._addresses_alone", lambda *_: None)
        assert read() == quick
