"""Writing replies: bits, spelling, EDNS, what a blocked name gets, and what fits."""

from __future__ import annotations

import dns.flags
import dns.rcode
import dns.rdatatype
import pytest

from copdns.dns import wire
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.query import TCP_SIZE, UDP_SIZE, Query, read_query, with_tcp_size
from copdns.dns.records import AA, AAAA, AD, ANY, CD, DO, HTTPS, PTR, QR, RA, RD, TC, A
from copdns.dns.wire import (
    any_reply,
    blocked_reply,
    empty_reply,
    local_reply,
    rewrite_response,
    upstream_reply,
)
from copdns.model.errors import NXDOMAIN, REFUSED, SERVFAIL, WireError
from copdns.model.household import BlockMode
from copdns.model.reasons import FORGED, NETWORK_ERROR, Ede, ede_of
from copdns.model.verdict import Action, LocalAnswer, LocalRecord, Reason, Verdict
from tests.unit.messages import ID, edes, message, opt, option, parsed, query, question, reply_to

GAMES = Verdict(
    Action.BLOCK, Reason.CATEGORY, 13, category="games", list="starter", rule="games.example"
)
HOST = "127.0.0.1"
WWW = "www.example. 300 IN A 192.0.2.1"


def flags(reply: bytes) -> int:
    return int.from_bytes(reply[2:4], "big")


def answered(asked: bytes, *records: str, bits: str = "QR RD RA", rcode: int = 0) -> bytes:
    """Return our reply to a query that an upstream answered."""
    answer = read_response(reply_to(asked, *records, flags=bits, rcode=rcode))
    return upstream_reply(asked[:2], read_query(asked), answer, answer.rrs)


def blocked(asked: bytes, mode: BlockMode = BlockMode.NODATA, verdict: Verdict = GAMES) -> bytes:
    return blocked_reply(asked[:2], read_query(asked), verdict, mode, HOST, 10)


def every_reply(asked: bytes) -> list[bytes]:
    """Return a reply of each kind to one query."""
    read = read_query(asked)
    return [
        answered(asked, WWW),
        *(blocked(asked, mode) for mode in BlockMode),
        empty_reply(ID, read, SERVFAIL, Ede(NETWORK_ERROR, "no upstream answered")),
        local_reply(ID, read, LocalAnswer(is_own_address=True), HOST, 300),
        any_reply(ID, read, 3600),
    ]


# --- what every reply has in common ------------------------------------------------------------


@pytest.mark.parametrize("spelling", [b"\x03wWw\x07eXAMPLe\0", b"\x03a.b\x01\0\0", b"\0"])
def test_the_question_returns_octet_by_octet_as_it_was_spelled(spelling: bytes) -> None:
    for reply in every_reply(query(spelling)):
        assert reply[:2] == ID
        assert reply[12:].startswith(question(spelling))
        assert parsed(reply).question


@pytest.mark.parametrize("asked", [0, RD, CD, RD | CD, 0x07FF & ~TC, RD | 0x0040])
def test_rd_and_cd_are_copied_and_no_unknown_bit_is(asked: int) -> None:
    for reply in every_reply(query(flags=asked)):
        assert flags(reply) & (QR | RA | RD | CD) == QR | RA | asked & (RD | CD)
        assert not flags(reply) & (0x0040 | 0x7800 | TC)


def test_only_what_this_machine_knows_itself_is_authoritative() -> None:
    local = local_reply(ID, read_query(query()), LocalAnswer(is_own_address=True), HOST, 300)
    assert flags(local) & AA
    assert [bool(flags(reply) & AA) for reply in every_reply(query())].count(True) == 1
    assert not flags(answered(query(), WWW, bits="QR AA RA")) & AA


def test_edns_is_answered_with_edns_and_only_then() -> None:
    assert all(parsed(reply).edns == -1 for reply in every_reply(query()))
    for reply in every_reply(query(opt=opt(size=4096))):
        assert (parsed(reply).edns, parsed(reply).payload) == (0, UDP_SIZE)


@pytest.mark.parametrize("said", [0, DO, 0xFFFF])
def test_do_is_copied_and_no_unknown_edns_flag_is(said: int) -> None:
    for reply in every_reply(query(opt=opt(ttl=said))):
        assert parsed(reply).ednsflags & 0xFFFF == said & DO


def test_options_of_a_client_are_not_echoed() -> None:
    sent = b"".join(option(code) for code in (3, 11, 12, 26, 20292, 65001))
    sent += option(8, b"\0\1\x18\0\xc0\0\2") + option(10, b"12345678") + option(18, b"\0")
    for reply in every_reply(query(opt=opt(sent))):
        assert {each.otype for each in parsed(reply).options} <= {15}


# --- upstreams' answers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("upstream_says", "asked", "given"),
    [
        ("QR AD", query(flags=RD | AD), True),
        ("QR AD", query(opt=opt(ttl=DO)), True),
        ("QR AD", query(), False),
        ("QR AD", query(opt=opt()), False),
        ("QR", query(flags=RD | AD, opt=opt(ttl=DO)), False),
    ],
)
def test_authenticated_is_said_to_who_asked_for_it(
    upstream_says: str, asked: bytes, given: bool
) -> None:
    assert bool(flags(answered(asked, WWW, bits=upstream_says)) & AD) is given


def test_no_reply_of_our_own_making_is_authenticated() -> None:
    replies = every_reply(query(flags=RD | AD, opt=opt(ttl=DO)))
    assert not any(flags(reply) & AD for reply in replies)


@pytest.mark.parametrize(("rcode", "plain"), [(2, 2), (3, 3), (6, 6), (16, 2), (23, 2)])
def test_an_error_that_a_client_without_edns_cannot_read_is_a_servfail(
    rcode: int, plain: int
) -> None:
    upper = opt(ttl=rcode >> 4 << 24)
    answer = read_response(
        message(question("www.example"), flags=QR | rcode & 15, additional=[upper])
    )
    for asked, expected in ((query(), plain), (query(opt=opt()), rcode)):
        reply = upstream_reply(ID, read_query(asked), answer, answer.rrs)
        assert parsed(reply).rcode() == expected


# --- blocked -----------------------------------------------------------------------------------


@pytest.mark.parametrize("qtype", [A, AAAA, HTTPS, 64, 15, 16, 33, 257, PTR, ANY, 65280])
def test_by_default_a_blocked_name_has_nothing_of_any_type(qtype: int) -> None:
    reply = parsed(blocked(query("games.example", qtype)))
    assert reply.rcode() == 0
    assert reply.answer == []
    (soa,) = reply.authority
    assert (soa.rdtype, soa.ttl, soa[0].minimum) == (dns.rdatatype.SOA, 10, 10)
    assert soa.name == reply.question[0].name


@pytest.mark.parametrize(("nothing_below", "rcode"), [(True, NXDOMAIN), (False, 0)])
def test_nxdomain_is_said_only_where_nothing_below_is_allowed(
    nothing_below: bool, rcode: int
) -> None:
    verdict = Verdict(Action.BLOCK, Reason.CATEGORY, 13, nothing_open_below=nothing_below)
    reply = parsed(blocked(query(), BlockMode.NXDOMAIN, verdict))
    assert reply.rcode() == rcode
    assert len(reply.authority) == 1


@pytest.mark.parametrize(
    ("mode", "qtype", "address"),
    [
        (BlockMode.NULL, A, "0.0.0.0"),
        (BlockMode.NULL, AAAA, "::"),
        (BlockMode.NULL, HTTPS, None),
        (BlockMode.PAGE, A, HOST),
        (BlockMode.PAGE, AAAA, None),  # asked over IPv4: there is no IPv6 address to give
        (BlockMode.PAGE, HTTPS, None),
    ],
)
def test_modes_with_an_address_give_it_to_address_questions_only(
    mode: BlockMode, qtype: int, address: str | None
) -> None:
    reply = parsed(blocked(query("games.example", qtype), mode))
    given = [rdata.to_text() for rrset in reply.answer for rdata in rrset]
    assert given == ([address] if address else [])
    assert all(rrset.ttl == 10 for rrset in (*reply.answer, *reply.authority))
    assert bool(reply.authority) is not bool(reply.answer)


def test_the_page_is_on_the_address_that_was_asked() -> None:
    asked = query("games.example", AAAA)
    reply = blocked_reply(ID, read_query(asked), GAMES, BlockMode.PAGE, "2001:db8::53", 10)
    assert parsed(reply).answer[0][0].to_text() == "2001:db8::53"


def test_refused_is_said_without_records() -> None:
    reply = parsed(blocked(query(opt=opt()), BlockMode.REFUSED))
    assert reply.rcode() == REFUSED
    assert not reply.answer
    assert not reply.authority


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (BlockMode.NODATA, 17),
        (BlockMode.NXDOMAIN, 17),
        (BlockMode.NULL, 17),
        (BlockMode.PAGE, 4),
        (BlockMode.REFUSED, 17),
    ],
)
def test_who_speaks_edns_is_told_why(mode: BlockMode, code: int) -> None:
    text = "category: games (list starter)"
    assert edes(blocked(query(opt=opt()), mode)) == [(code, text)]
    assert edes(blocked(query(), mode)) == []


@pytest.mark.parametrize("mode", BlockMode)
def test_who_asks_for_structured_errors_never_gets_a_forged_answer(mode: BlockMode) -> None:
    reply = blocked(query(opt=opt(option(26))), mode)
    assert FORGED not in dict(edes(reply))
    if mode is BlockMode.PAGE:
        assert parsed(reply).answer == []


# --- local -------------------------------------------------------------------------------------


def local(asked: bytes, answer: LocalAnswer, listener: str = HOST) -> bytes:
    return local_reply(asked[:2], read_query(asked), answer, listener, 300)


def test_a_local_name_has_the_records_of_the_type_asked_for() -> None:
    printer = LocalAnswer(
        records=(
            LocalRecord("printer.example", A, "192.0.2.9", 60),
            LocalRecord("printer.example", A, "192.0.2.10", 60),
            LocalRecord("printer.example", AAAA, "2001:db8::9", 60),
        )
    )
    reply = parsed(local(query("printer.example"), printer))
    assert [rdata.to_text() for rdata in reply.answer[0]] == ["192.0.2.9", "192.0.2.10"]
    assert reply.answer[0].ttl == 60
    nothing = parsed(local(query("printer.example", HTTPS), printer))
    assert (nothing.rcode(), len(nothing.authority)) == (0, 1)


def test_a_reverse_name_points_to_its_device() -> None:
    name = "9.2.0.192.in-addr.arpa"
    reply = local(
        query(name, PTR), LocalAnswer(records=(LocalRecord(name, PTR, "printer.example", 60),))
    )
    assert parsed(reply).answer[0][0].to_text() == "printer.example."


def test_a_name_that_exists_nowhere_is_denied_with_an_soa() -> None:
    reply = parsed(local(query("a.invalid"), LocalAnswer(rcode=NXDOMAIN)))
    assert reply.rcode() == NXDOMAIN
    assert reply.authority[0][0].minimum == 300


@pytest.mark.parametrize(
    ("listener", "qtype", "given"),
    [
        (HOST, A, True),
        (HOST, AAAA, False),
        ("::1", AAAA, True),
        ("::1", A, False),
        (HOST, HTTPS, False),
    ],
)
def test_the_own_name_has_the_address_that_was_asked(
    listener: str, qtype: int, given: bool
) -> None:
    reply = parsed(
        local(query("copdns.home.arpa", qtype), LocalAnswer(is_own_address=True), listener)
    )
    assert [rdata.to_text() for rrset in reply.answer for rdata in rrset] == [listener] * given


def test_any_is_answered_shortly() -> None:
    reply = parsed(any_reply(ID, read_query(query("www.example", ANY)), 3600))
    assert reply.answer[0].to_text() == 'www.example. 3600 IN HINFO "RFC8482" ""'


# --- what fits ---------------------------------------------------------------------------------

LONG = "category: " + "x" * 70


def large(octets: int, extra: int = 0) -> UpstreamResponse:
    """Return an answer with so many octets of text, and others in its additional section."""
    texts = " ".join(f'"{"x" * 99}"' for _ in range(octets // 100))
    more = " ".join(f'"{"y" * 99}"' for _ in range(extra // 100))
    additional = (f"more.example. 60 IN TXT {more}",) if extra else ()
    asked = query("www.example", 16)
    return read_response(reply_to(asked, f"www.example. 300 IN TXT {texts}", additional=additional))


def fitted(answer: UpstreamResponse, asked: Query, ede: Ede | None = None) -> bytes:
    reply = upstream_reply(ID, asked, answer, answer.rrs, ede)
    assert len(reply) <= asked.max_reply_size
    parsed(reply)
    return reply


def asked_with_room(size: int) -> Query:
    return read_query(query("www.example", 16, opt=opt(size=size)))


def test_a_reply_that_fits_is_given_whole() -> None:
    reply = fitted(large(800, extra=100), asked_with_room(1232), Ede(17, LONG))
    assert len(parsed(reply).additional) == 1
    assert edes(reply) == [(17, LONG)]


def test_the_additional_section_goes_first() -> None:
    reply = fitted(large(800, extra=400), asked_with_room(1232), Ede(17, LONG))
    assert parsed(reply).additional == []
    assert edes(reply) == [(17, LONG)]
    assert not flags(reply) & TC


def test_then_the_text_of_the_error() -> None:
    reply = fitted(large(1100), asked_with_room(1232), Ede(17, LONG))
    assert edes(reply) == [(17, "")] or edes(reply) == [(17, None)]
    assert len(parsed(reply).answer) == 1
    assert not flags(reply) & TC


def test_then_the_error() -> None:
    answer = large(600)
    room = len(upstream_reply(ID, asked_with_room(1232), answer, answer.rrs))
    reply = fitted(answer, asked_with_room(room + 5), Ede(17, LONG))
    assert edes(reply) == []
    assert len(parsed(reply).answer) == 1


def test_then_all_records_and_the_client_is_told() -> None:
    reply = fitted(large(2000, extra=100), asked_with_room(4096), Ede(17, LONG))
    assert flags(reply) & TC
    message = parsed(reply)
    assert (message.answer, message.authority, message.additional) == ([], [], [])
    assert message.question[0].name.to_text() == "www.example."
    assert message.edns == 0


def test_without_edns_there_are_512_octets() -> None:
    plain = read_query(query("www.example", 16))
    assert not flags(fitted(large(400), plain)) & TC
    assert flags(fitted(large(500), plain)) & TC


@pytest.mark.parametrize("size", [0, 100, 511])
def test_a_client_that_gives_less_than_512_octets_gets_512(size: int) -> None:
    assert not flags(fitted(large(400), asked_with_room(size))) & TC


def test_over_tcp_everything_fits() -> None:
    asked = with_tcp_size(asked_with_room(512))
    reply = fitted(large(30_000, extra=20_000), asked)
    assert not flags(reply) & TC
    assert len(parsed(reply).additional) == 1
    assert asked.max_reply_size == TCP_SIZE


# --- rewritten ---------------------------------------------------------------------------------

SAFE = "safe.example"
TO_SAFE = Verdict(Action.REWRITE, Reason.SAFE_SEARCH, 14, target=SAFE)


def safe(asked: bytes, *records: str, rcode: int = 0) -> UpstreamResponse:
    read = read_query(asked)
    target = query(SAFE, read.qtype)
    found = read_response(reply_to(target, *records, rcode=rcode))
    return rewrite_response(read, SAFE, found, found.rrs, 300)


def test_a_rewritten_name_is_an_alias_and_then_its_target() -> None:
    asked = query("WWW.search.example", opt=opt())
    made = safe(asked, f"{SAFE}. 900 IN A 192.0.2.1", f"{SAFE}. 900 IN A 192.0.2.2")
    reply = upstream_reply(ID, read_query(asked), made, made.rrs, ede_of(TO_SAFE))
    alias, addresses = parsed(reply).answer
    assert alias.to_text() == "WWW.search.example. 300 IN CNAME safe.example."
    assert sorted(each.to_text() for each in addresses) == ["192.0.2.1", "192.0.2.2"]
    assert addresses.ttl == 300
    assert edes(reply) == [(4, "safe_search: the engine's safe mode")]
    assert made.cache_ttl == 0


def test_a_rewritten_answer_is_no_longer_authenticated() -> None:
    target = reply_to(query(SAFE), f"{SAFE}. 60 IN A 192.0.2.1", flags="QR AD")
    found = read_response(target)
    assert not rewrite_response(read_query(query()), SAFE, found, found.rrs, 300).ad


def test_aliases_of_the_target_are_followed_and_judged() -> None:
    made = safe(query(), f"{SAFE}. 90 IN CNAME b.example.", "b.example. 50 IN A 192.0.2.1")
    assert made.facts.targets == (SAFE, "b.example")
    assert made.section_counts == (3, 0, 0)


def test_a_target_without_records_still_is_the_alias() -> None:
    made = safe(query("www.example", HTTPS))
    assert (made.rcode, made.section_counts) == (0, (1, 0, 0))
    assert safe(query(), rcode=3).rcode == 3


@pytest.mark.parametrize(
    "record",
    [
        "HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1 port=8443",
        'TXT "one" "two"',
        "MX 10 mail.example.",
        r"TYPE65280 \# 4 c00c0000",
    ],
)
def test_other_types_of_the_target_are_taken_over(record: str) -> None:
    qtype = dns.rdatatype.from_text(record.split()[0])
    asked = query("www.example", qtype)
    made = safe(asked, f"{SAFE}. 60 IN {record}")
    reply = parsed(upstream_reply(ID, read_query(asked), made, made.rrs))
    expected = parsed(reply_to(query(SAFE, qtype), f"{SAFE}. 60 IN {record}")).answer
    assert reply.answer[1:] == expected


@pytest.mark.parametrize("name", [b"\x01\0\x03a.b\0", b"\x02\xc3\xa9\x07example\0", b"\0"])
def test_a_name_of_any_octets_can_be_rewritten(name: bytes) -> None:
    asked = query(name)
    made = safe(asked, f"{SAFE}. 60 IN A 192.0.2.1")
    reply = parsed(upstream_reply(ID, read_query(asked), made, made.rrs))
    assert reply.answer[0].name == reply.question[0].name
    assert dns.flags.to_text(reply.flags) == "QR RD RA"


def test_what_was_rewritten_a_moment_ago_is_not_made_again() -> None:
    def made(ttl: int) -> UpstreamResponse:
        target = read_response(reply_to(query(SAFE), f"{SAFE}. 60 IN A 192.0.2.1"))
        return rewrite_response(read_query(query()), SAFE, target, target.rrs, ttl)

    first = made(300)
    assert made(300) is first
    assert made(10) is not first
    assert wire._rewrite.cache_info().maxsize == 256


def test_what_cannot_be_read_cannot_be_taken_over() -> None:
    target = read_response(reply_to(query(SAFE), f"{SAFE}. 60 IN A 192.0.2.1"))
    with pytest.raises(WireError):
        rewrite_response(read_query(query()), SAFE, target, target.rrs[:-1], 300)
