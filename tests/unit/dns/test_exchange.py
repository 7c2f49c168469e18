"""The choices between question and answer: whom to ask, how, and what to believe."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.dns.exchange import (
    BACKOFF,
    MAX_ATTEMPTS,
    MAX_BACKOFF,
    PROBE_LEAD,
    Exchange,
    Health,
    NextAction,
    better_response,
    choose_second,
    choose_upstream,
    has_another,
    next_action,
)
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.query import CacheKey
from copdns.dns.records import AD, CD, DO, HTTPS, QR, RD, TC, A
from copdns.dns.upstream_message import (
    QuestionMatch,
    build_query,
    is_bare_error,
    is_truncated,
    lowercase_question,
    match_response,
    question_of,
    randomize_case,
)
from copdns.model.errors import FORMERR, NOTIMP, REFUSED, SERVFAIL
from copdns.model.names import to_wire
from tests.unit.messages import message, opt, option, parsed, query, question, reply_to

WWW = CacheKey("www.example", A, do=False, cd=False)
QUESTION = question("www.example")
RECORD = "www.example. 300 IN A 192.0.2.1"


def asking(**fields: bool) -> Exchange:
    return Exchange(WWW, deadline=2.0, **fields)


def by_preference(upstreams: list[Health], mono: float, *, fastest: bool = False) -> list[Health]:
    """Return upstreams in the order in which they are asked, the best first."""
    exchange = Exchange(WWW, untraced=True)  # so that it changes no figure
    while (best := choose_upstream(exchange, upstreams, mono, fastest)) is not None:
        exchange.refused_by += (best,)
    return [*exchange.refused_by]


def labels(upstreams: list[Health]) -> str:
    return "".join(each.label for each in upstreams)


# --- whom --------------------------------------------------------------------------------------


def test_the_first_of_the_list_is_asked_first_however_slow_it_is() -> None:
    slow, fast = Health("s"), Health("f")
    slow.note_answer(0.1)
    fast.note_answer(0.01)
    assert labels(by_preference([slow, fast], mono=0.0)) == "sf"
    assert choose_upstream(asking(), [slow, fast], mono=0.0) is slow
    assert fast.rtt == 0.01  # nothing to make up for


def test_where_the_fastest_is_wanted_it_is_asked_first() -> None:
    slow, fast, fresh = Health("s"), Health("f"), Health("n")
    slow.note_answer(0.1)
    fast.note_answer(0.01)
    # A new one has its chance.
    assert labels(by_preference([slow, fast, fresh], mono=0.0, fastest=True)) == "nfs"


def test_a_single_slow_answer_does_not_make_an_upstream_slow() -> None:
    first, second = Health("1"), Health("2")
    for _ in range(20):
        first.note_answer(0.010)
        second.note_answer(0.020)
    first.note_answer(0.050)
    assert labels(by_preference([second, first], mono=0.0, fastest=True)) == "12"


def test_an_upstream_that_failed_rests_and_is_asked_last() -> None:
    first, second = Health("1"), Health("2")
    first.note_answer(0.001)
    second.note_answer(0.9)
    first.note_failure(mono=10.0, sent_at=9.2)
    assert labels(by_preference([first, second], mono=10.0 + BACKOFF - 0.1)) == "21"
    assert labels(by_preference([first, second], mono=10.0 + BACKOFF)) == "12"


def test_each_failure_makes_the_rest_longer_up_to_a_limit() -> None:
    health, rests = Health(), []
    for second in range(20):
        health.note_failure(mono=float(second), sent_at=float(second))
        rests.append(health.backoff_until - second)
    assert rests[:3] == [BACKOFF, 2 * BACKOFF, 3 * BACKOFF]
    assert max(rests) == rests[-1] == MAX_BACKOFF
    assert all(later >= earlier for earlier, later in pairwise(rests))


def test_questions_that_fail_together_are_one_failure() -> None:
    health = Health()
    for sent_at in (1.0, 1.1, 1.7):
        health.note_failure(mono=1.8, sent_at=sent_at)
    assert health.failures == 1
    health.note_failure(mono=2.7, sent_at=1.9)
    assert health.failures == 2


def test_three_failures_in_a_row_mean_that_it_is_down_and_one_answer_that_it_is_up() -> None:
    health = Health()
    for second in range(3):
        assert not health.is_down
        health.note_failure(mono=float(second), sent_at=float(second))
    assert health.is_down
    health.note_answer(0.01)
    assert not health.is_down
    assert health.backoff_until == 0.0


def test_when_all_rest_the_one_that_is_ready_soonest_is_asked() -> None:
    first, second = Health("1"), Health("2")
    second.note_failure(mono=0.0, sent_at=0.0)
    first.note_failure(mono=1.0, sent_at=1.0)
    assert choose_upstream(asking(), [first, second], mono=1.0) is second


def test_an_upstream_is_not_asked_again_for_what_it_refused() -> None:
    first, second = Health("1"), Health("2")
    one = asking()
    one.refused_by += (first,)
    assert choose_upstream(one, [first, second], mono=0.0) is second
    one.refused_by += (second,)
    assert choose_upstream(one, [first, second], mono=0.0) is None


def test_a_question_ends_with_its_attempts_and_with_its_deadline() -> None:
    health = Health()
    one = asking()
    assert choose_upstream(one, [health], mono=1.99) is health
    assert choose_upstream(one, [health], mono=2.0) is None
    one.attempts = MAX_ATTEMPTS
    assert choose_upstream(one, [health], mono=0.0) is None


def test_nobody_to_ask_is_nobody_chosen() -> None:
    assert choose_upstream(asking(), [], mono=0.0) is None


def test_who_lost_is_tried_again_some_day() -> None:
    fast, slow = Health("f"), Health("s")
    fast.note_answer(0.010)
    slow.note_answer(0.030)
    chosen = [choose_upstream(asking(), [fast, slow], 0.0, fastest=True) for _ in range(1000)]
    assert chosen[0] is fast
    assert slow in chosen


def test_a_quiet_question_changes_nobodys_chances() -> None:
    fast, slow = Health("f"), Health("s")
    fast.note_answer(0.010)
    slow.note_answer(0.030)
    for _ in range(1000):
        choose_upstream(asking(untraced=True), [fast, slow], 0.0, fastest=True)
    assert (fast.rtt, slow.rtt) == (0.010, 0.030)


# --- whom beside another ---------------------------------------------------------------------


def beside(first: Health, others: list[Health], *, mono: float = 0.0) -> Health | None:
    exchange = asking()
    exchange.upstream = first
    return choose_second(exchange, [first, *others], mono)


def test_beside_a_slow_upstream_the_next_that_works_is_asked() -> None:
    first, resting, works = Health("1"), Health("2"), Health("3")
    resting.note_failure(mono=0.0, sent_at=0.0)
    assert beside(first, [resting, works], mono=1.0) is works
    assert beside(first, [resting], mono=1.0) is None
    assert beside(first, []) is None


def test_an_upstream_that_filters_is_not_asked_beside_one_that_does_not() -> None:
    plain, filters = Health("1"), Health("2", filtering=True)
    assert beside(plain, [filters]) is None
    assert beside(filters, [plain]) is None
    assert beside(filters, [Health("3", filtering=True)]) is not None


def test_nothing_is_sent_in_clear_text_beside_what_is_encrypted() -> None:
    encrypted, clear = Health("1"), Health("2")
    encrypted.encrypted = True
    assert beside(encrypted, [clear]) is None


# --- upstreams that rest ---------------------------------------------------------------------


def test_a_resting_upstream_is_probed_before_queries_go_to_it() -> None:
    health = Health()
    assert not health.is_probe_due(mono=0.0)
    health.note_failure(mono=10.0, sent_at=10.0)
    assert not health.is_probe_due(mono=10.0 + BACKOFF - PROBE_LEAD - 0.1)
    assert health.is_probe_due(mono=10.0 + BACKOFF - PROBE_LEAD)


def test_while_a_probe_is_under_way_an_upstream_rests_and_is_not_probed_again() -> None:
    health = Health()
    health.note_failure(mono=10.0, sent_at=10.0)
    health.begin_probe(mono=14.5, attempt=0.8)
    assert not health.is_probe_due(mono=15.3)
    assert health.backoff_until > 15.3
    health.note_answer(0.01)
    assert health.backoff_until == 0.0


# --- how ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", [False, True])
@pytest.mark.parametrize("cd", [False, True])
@pytest.mark.parametrize("edns", [False, True])
def test_a_question_asks_for_recursion_and_for_what_the_client_wants(
    do: bool, cd: bool, edns: bool
) -> None:
    asked = parsed(b"\0\0" + build_query(QUESTION, do=do, cd=cd, edns=edns))
    assert asked.flags == RD | AD | (CD if cd else 0)
    assert asked.question[0].to_text() == "www.example. IN A"
    assert asked.edns == (0 if edns else -1)
    assert asked.ednsflags == (DO if do and edns else 0)
    assert (asked.payload, asked.options) == ((1232 if edns else 0), ())


@pytest.mark.parametrize("qtype", [A, HTTPS, 0x0041, 0x4100, 0x5A5A, 0x6141])
def test_a_name_in_a_question_is_lowered_and_its_type_is_not(qtype: int) -> None:
    asked, lowered = b"\x03WwW\x07eXample\0", b"\x03www\x07example\0"
    assert lowercase_question(question_of(asked, qtype)) == question_of(lowered, qtype)


@given(st.binary(min_size=300, max_size=300))
def test_mixing_changes_letters_alone_and_only_their_case(chance: bytes) -> None:
    odd = question(b"\x05a-z_9\x03\x00\xff@\x07example\0", HTTPS)
    mixed = randomize_case(odd, chance)
    assert mixed[:-4].lower() == odd[:-4]
    assert mixed[-4:] == odd[-4:]


def test_every_letter_may_be_changed() -> None:
    all_ones = randomize_case(QUESTION, b"\xff" * len(QUESTION))
    assert all_ones == b"\x03WWW\x07EXAMPLE\0" + QUESTION[-4:]
    assert randomize_case(QUESTION, bytes(len(QUESTION))) == QUESTION


def test_type_and_class_are_never_taken_for_letters() -> None:
    asked = question_of(to_wire("a"), 0x6161)
    assert randomize_case(asked, b"\xff" * len(asked)) == b"\1A\0\x61\x61\0\1"


# --- what to believe ---------------------------------------------------------------------------

MIXED = b"\x03wWw\x07ExAmple\0" + QUESTION[-4:]


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [
        (message(MIXED, flags=QR), QuestionMatch.YES),
        (message(MIXED + b"more", flags=QR), QuestionMatch.YES),
        (message(QUESTION, flags=QR), QuestionMatch.LOWERED),
        (message(QUESTION.upper(), flags=QR), QuestionMatch.LOWERED),
        (message(MIXED, flags=RD), QuestionMatch.NO),  # a question
        (message(question("www.example", 28), flags=QR), QuestionMatch.NO),
        (message(question("www.example", A, 3), flags=QR), QuestionMatch.NO),
        (message(question("wwx.example"), flags=QR), QuestionMatch.NO),
        (message(MIXED[:-1], flags=QR), QuestionMatch.NO),
        (message(b"", flags=QR), QuestionMatch.NO),
        (b"", QuestionMatch.NO),
        (b"\0" * 11, QuestionMatch.NO),
    ],
)
def test_an_answer_repeats_the_question_as_it_was_sent(
    datagram: bytes, expected: QuestionMatch
) -> None:
    assert match_response(datagram, MIXED) is expected


@pytest.mark.parametrize(
    ("datagram", "bare"),
    [
        (message(b"", flags=QR | FORMERR, questions=0), True),
        (message(b"", flags=QR | NOTIMP, questions=0), True),
        (message(b"", flags=QR | SERVFAIL, questions=0), False),
        (message(b"", flags=FORMERR, questions=0), False),
        (message(QUESTION, flags=QR | FORMERR), False),
    ],
)
def test_a_header_alone_is_how_old_servers_say_no(datagram: bytes, bare: bool) -> None:
    assert is_bare_error(datagram) is bare


def test_the_type_is_compared_as_the_number_that_it_is() -> None:
    asked = question("a.example", 0x41)  # HTTPS; as a letter, 0x61 would be the same
    assert match_response(message(question("a.example", 0x61), flags=QR), asked) is QuestionMatch.NO


def test_truncation_is_told_by_the_header() -> None:
    assert is_truncated(message(QUESTION, flags=QR | TC))
    assert not is_truncated(message(QUESTION, flags=QR))


def said(
    rcode: int = 0, *, edns: bool = True, flags: str = "QR", ede: int | None = None
) -> UpstreamResponse:
    """Return an upstream's answer."""
    if ede is not None:
        record = opt(option(15, ede.to_bytes(2, "big")))
        return read_response(message(QUESTION, flags=QR, additional=[record]))
    asked = query(opt=opt()) if edns else query()
    return read_response(reply_to(asked, *([] if rcode else [RECORD]), rcode=rcode, flags=flags))


@pytest.mark.parametrize(
    ("answer", "edns", "expected"),
    [
        (said(), True, NextAction.GIVE),
        (said(3), True, NextAction.GIVE),
        (said(6), True, NextAction.GIVE),
        (said(SERVFAIL), True, NextAction.ASK_OTHER),
        (said(REFUSED), True, NextAction.ASK_OTHER),
        (said(FORMERR, edns=False), True, NextAction.ASK_PLAIN),
        (said(NOTIMP, edns=False), True, NextAction.ASK_PLAIN),
        (said(FORMERR), True, NextAction.ASK_OTHER),  # it speaks EDNS: it means something else
        (said(FORMERR, edns=False), False, NextAction.ASK_OTHER),
        (said(16), True, NextAction.ASK_OTHER),
        (said(flags="QR TC"), True, NextAction.ASK_OTHER),
    ],
)
def test_what_follows_an_answer(answer: UpstreamResponse, edns: bool, expected: NextAction) -> None:
    assert next_action(answer, edns=edns, protected=False) is expected


@pytest.mark.parametrize(("code", "filters"), [(15, True), (16, True), (17, True), (18, False)])
def test_an_upstream_that_filters_a_protected_name_will_not_do(code: int, filters: bool) -> None:
    answer = said(ede=code)
    assert next_action(answer, edns=True, protected=False) is NextAction.GIVE
    expected = NextAction.ASK_OTHER if filters else NextAction.GIVE
    assert next_action(answer, edns=True, protected=True) is expected


NOTHING = said()
NOTHING.section_counts = (0, 1, 0)


@pytest.mark.parametrize(
    ("filtering", "expected"), [(True, NextAction.ASK_OTHER), (False, NextAction.GIVE)]
)
def test_nothing_for_a_protected_name_is_believed_of_who_does_not_filter(
    filtering: bool, expected: NextAction
) -> None:
    assert next_action(NOTHING, edns=True, protected=True, filtering=filtering) is expected
    assert next_action(NOTHING, edns=True, protected=False, filtering=filtering) is NextAction.GIVE


@pytest.mark.parametrize("nothing", [read_response(reply_to(query())), said(3)])
def test_of_a_protected_name_nothing_is_believed_while_another_may_know_better(
    nothing: UpstreamResponse,
) -> None:
    assert next_action(nothing, edns=True, protected=True, doubtful=True) is NextAction.ASK_OTHER
    assert next_action(nothing, edns=True, protected=False, doubtful=True) is NextAction.GIVE
    assert next_action(said(), edns=True, protected=True, doubtful=True) is NextAction.GIVE


def test_who_rests_or_was_asked_is_not_waited_for() -> None:
    first, second = Health("1"), Health("2")
    exchange = asking(protected=True)
    assert has_another(exchange, first, [first, second], 0.0)
    assert not has_another(exchange, first, [first], 0.0)
    exchange.refused_by += (second,)
    assert not has_another(exchange, first, [first, second], 0.0)
    exchange.refused_by = ()
    second.note_failure(0.0, 0.0)
    assert not has_another(exchange, first, [first, second], 1.0)


def test_the_least_bad_response_is_the_one_to_fall_back_on() -> None:
    no_name, error, blocked = said(3), said(SERVFAIL), said(ede=17)
    assert better_response(None, error) is error
    assert better_response(error, None) is error
    assert better_response(no_name, error) is no_name
    assert better_response(error, no_name) is no_name
    assert better_response(blocked, error) is blocked
    assert better_response(blocked, no_name) is no_name
