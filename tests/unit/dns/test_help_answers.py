"""The store of answers for help names, and the file that it is written to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.dns.help_answers import (
    HELP_TTL,
    KEPT_FOR,
    HelpAnswers,
    HelpKey,
    StoredAnswer,
    help_keys,
    pack,
    unpack,
)
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.query import CacheKey, read_query
from copdns.dns.records import AAAA, HTTPS, TXT, A
from copdns.dns.wire import upstream_reply
from copdns.model.errors import HelpAnswersError
from copdns.model.matchers import parse_matcher
from tests.household import NOW
from tests.unit.messages import parsed, query, reply_to
from tests.values import fields_of

HELP = HelpKey("help.example", A, do=False)
ASKED = CacheKey("help.example", A, do=False, cd=False)
SOA = "example. 900 IN SOA ns.example. mail.example. 1 3600 1200 604800 600"
SIGNED = "A 13 2 300 20300101000000 20200101000000 1 example. c2ln"

RESPONSES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], int]] = {
    "addresses": (
        ("help.example. 300 IN A 192.0.2.1", "help.example. 9 IN A 192.0.2.2"),
        (),
        (),
        0,
    ),
    "alias": (
        ("help.example. 300 IN CNAME host.help.example.", "host.help.example. 1 IN A 192.0.2.1"),
        ("help.example. 10 IN NS ns.help.example.",),
        ("ns.help.example. 20 IN A 192.0.2.53",),
        0,
    ),
    "signed": (
        ("help.example. 300 IN A 192.0.2.1", f"help.example. 300 IN RRSIG {SIGNED}"),
        (),
        (),
        0,
    ),
    "no data": ((), (SOA,), (), 0),
    "no such name": ((), (SOA,), (), 3),
}


def response(kind: str, flags: str = "QR RD RA") -> UpstreamResponse:
    answers, authority, additional, rcode = RESPONSES[kind]
    asked = query("help.example")
    return read_response(
        reply_to(
            asked, *answers, authority=authority, additional=additional, rcode=rcode, flags=flags
        )
    )


def stored(kind: str = "addresses", at: float = NOW) -> HelpAnswers:
    answers = HelpAnswers()
    answers.put(HELP, response(kind), at)
    return answers


def given_to(answers: HelpAnswers, cap: int | None = None, now: float = NOW) -> bytes:
    kept = answers.get(ASKED, now)
    assert kept is not None
    return upstream_reply(
        b"\0\0", read_query(query("help.example")), kept.answer, kept.rrs_within(cap)
    )


# --- which questions there are -------------------------------------------------------------------


def test_each_name_and_its_www_in_three_types_with_and_without_signatures() -> None:
    keys = help_keys([parse_matcher("help.example")])
    assert len(keys) == 12
    assert set(keys) == {
        HelpKey(name, qtype, do)
        for name in ("help.example", "www.help.example")
        for qtype in (A, AAAA, HTTPS)
        for do in (False, True)
    }


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (["=help.example"], ["help.example"]),  # its www. is not protected
        (["*.help.example"], ["www.help.example"]),
        (["www.help.example"], ["www.help.example"]),
        (["help.example", "www.help.example"], ["help.example", "www.help.example"]),
        ([], []),
    ],
)
def test_only_names_that_are_help_names_are_asked_for(written: list[str], names: list[str]) -> None:
    keys = help_keys(map(parse_matcher, written))
    assert len(set(keys)) == len(keys)
    assert list(dict.fromkeys(key.qname for key in keys)) == names


# --- what is given -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RESPONSES)
def test_an_answer_is_what_the_upstream_said_with_one_ttl(kind: str) -> None:
    reply = parsed(given_to(stored(kind)))
    said = parsed(
        upstream_reply(
            b"\0\0", read_query(query("help.example")), response(kind), response(kind).rrs
        )
    )
    assert (reply.rcode(), reply.flags, reply.sections) == (
        said.rcode(),
        said.flags,
        said.sections,
    )  # dnspython compares no TTLs
    assert {rrset.ttl for section in reply.sections[1:] for rrset in section} == {HELP_TTL}


def test_an_answer_is_the_same_every_time() -> None:
    answers = stored()
    assert len({given_to(answers, now=NOW + later) for later in (0, 1, 400, KEPT_FOR)}) == 1


def test_the_askers_own_limit_makes_it_shorter_and_no_other_askers() -> None:
    answers = stored()
    short, plain = parsed(given_to(answers, cap=7)), parsed(given_to(answers))
    assert [[rrset.ttl for rrset in each.answer] for each in (short, plain)] == [[7], [HELP_TTL]]


@pytest.mark.parametrize("flags", ["QR RD RA", "QR RD RA AD"])
def test_whether_it_was_authenticated_stays_known(flags: str) -> None:
    answers = HelpAnswers()
    answers.put(HELP, response("addresses", flags), NOW)
    kept = answers.get(ASKED, NOW)
    assert kept is not None
    assert kept.answer.ad is ("AD" in flags)


def test_who_checks_signatures_alone_gets_the_same() -> None:
    answers = stored()
    one, other = answers.get(ASKED, NOW), answers.get(ASKED._replace(cd=True), NOW)
    assert one is not None
    assert other is not None
    assert fields_of(one.answer) == fields_of(other.answer)


@pytest.mark.parametrize(
    "other",
    [
        ASKED._replace(do=True),
        ASKED._replace(qtype=TXT),
        ASKED._replace(qname="chat.help.example"),
        ASKED._replace(zone="home.example"),
    ],
)
def test_another_question_has_no_answer_here(other: CacheKey) -> None:
    assert stored().get(other, NOW) is None


@pytest.mark.parametrize(
    ("age", "kept"), [(0, True), (KEPT_FOR, True), (KEPT_FOR + 1, False), (-86_400, True)]
)
def test_an_answer_serves_for_a_week(age: int, kept: bool) -> None:
    """One from the future was fetched before the clock was set back."""
    answers = stored()
    assert (answers.get(ASKED, NOW + age) is not None) is kept
    assert answers.is_empty(NOW + age) is not kept


def test_the_next_answer_takes_the_place_of_the_last() -> None:
    answers = stored()
    answers.put(HELP, response("no such name"), NOW + 900)
    assert parsed(given_to(answers)).rcode() == 3
    assert len(answers) == 1


def test_what_is_no_longer_a_help_name_is_forgotten() -> None:
    answers = stored()
    answers.keep_only([HELP])
    assert len(answers) == 1
    answers.keep_only([HELP._replace(do=True)])
    assert len(answers) == 0


# --- the file ------------------------------------------------------------------------------------


def full() -> HelpAnswers:
    answers = HelpAnswers()
    for number, kind in enumerate(RESPONSES):
        answers.put(HELP._replace(do=bool(number % 2)), response(kind), NOW + number)
        wire = reply_to(
            query(f"n{number}.example", AAAA), f"n{number}.example. 9 IN AAAA 2001:db8::1"
        )
        answers.put(HelpKey(f"n{number}.example", AAAA, do=False), read_response(wire), NOW)
    return answers


def test_all_that_is_written_is_read_again() -> None:
    before = full().copy()
    answers = HelpAnswers()
    answers.restore(unpack(pack(before)))
    assert answers.copy() == before
    assert unpack(pack({})) == {}


def test_the_file_is_the_same_whoever_asked() -> None:
    answers = full()
    before = pack(answers.copy())
    for _ in range(10):
        answers.get(ASKED, NOW)
    assert pack(answers.copy()) == before


PACKED = pack(full().copy())


@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_an_octet_that_flipped_is_noticed(place: int, flip: int) -> None:
    broken = bytearray(PACKED)
    broken[place] ^= flip
    with pytest.raises(HelpAnswersError):
        unpack(bytes(broken))


@given(st.integers(0, len(PACKED) - 1))
def test_a_file_that_was_cut_is_noticed(size: int) -> None:
    with pytest.raises(HelpAnswersError):
        unpack(PACKED[:size])


@given(st.binary())
def test_another_file_is_noticed(octets: bytes) -> None:
    with pytest.raises(HelpAnswersError):
        unpack(octets)


@given(st.binary(max_size=80), st.binary(max_size=40))
def test_no_query_ever_meets_an_answer_that_cannot_be_read(message: bytes, qname: bytes) -> None:
    """A file with the right digest may still be from somebody else's pen."""
    answers = HelpAnswers()
    try:
        answers.restore(unpack(pack({HELP: StoredAnswer(int(NOW), message)})))
    except HelpAnswersError:
        return
    for key in answers.copy():
        assert answers.get(CacheKey(*key[:3], cd=False), NOW) is not None
