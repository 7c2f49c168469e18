"""For how long a question that failed is not asked again, and when upstreams count as silent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.dns.cache import CacheEntry
from copdns.dns.failures import (
    LONGEST,
    MAX_FAILURES,
    PROBE_EVERY,
    RECHECK,
    Failures,
    Silence,
    is_failure,
)
from copdns.dns.message import read_response
from copdns.dns.query import CacheKey
from copdns.dns.records import A
from tests.unit.messages import query, reply_to

WWW = CacheKey("www.example", A, do=False, cd=False)
AT_WORK = WWW._replace(zone="corp.example")


def fail(failures: Failures, mono: float, *, protected: bool = False, stale: bool = False) -> float:
    """Note a failure; return for how many seconds the question is not asked again."""
    failures.note(WWW, None, mono, protected=protected, has_stale=stale)
    found = failures.get(WWW, mono, protected=protected)
    assert found is not None
    return found.until - mono


@pytest.mark.parametrize(("rcode", "fails"), [(0, 0), (3, 0), (1, 1), (2, 1), (4, 1), (5, 1)])
def test_a_response_that_says_nothing_of_the_name_is_a_failure(rcode: int, fails: bool) -> None:
    assert is_failure(read_response(reply_to(query("www.example"), rcode=rcode))) == fails


def test_each_failure_doubles_the_pause_up_to_a_minute() -> None:
    failures, mono, pauses = Failures(), 100.0, []
    for _ in range(8):
        pauses.append(fail(failures, mono))
        mono += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST, LONGEST]


def test_the_settings_choose_the_first_pause() -> None:
    assert fail(Failures(7.0), 0.0) == 7.0


def test_a_failure_of_long_ago_doubles_nothing() -> None:
    failures = Failures()
    until = fail(failures, 0.0)
    assert failures.get(WWW, until + LONGEST - 0.1, protected=False) is not None
    assert failures.get(WWW, until + LONGEST, protected=False) is None
    assert fail(failures, until + LONGEST) == 1.0


def test_while_a_stale_answer_is_given_the_question_rests_for_half_a_minute() -> None:
    assert fail(Failures(), 0.0, stale=True) == RECHECK


@given(st.integers(1, 300), st.lists(st.tuples(st.floats(0, 400), st.booleans()), max_size=20))
def test_no_pause_is_shorter_than_a_second_or_longer_than_five_minutes(
    shortest: int, failed: list[tuple[float, bool]]
) -> None:
    failures, mono = Failures(shortest), 0.0
    for later, stale in failed:
        mono += later
        assert 1.0 <= round(fail(failures, mono, stale=stale), 6) <= 300.0


def test_a_protected_name_is_kept_from_no_upstream_by_a_failure_of_others() -> None:
    failures = Failures()
    fail(failures, 0.0)
    assert failures.get(WWW, 0.0, protected=True) is None
    fail(failures, 0.0, protected=True)
    assert failures.get(WWW, 0.0, protected=False) is not None


def test_an_answer_ends_the_failure() -> None:
    failures = Failures()
    fail(failures, 0.0)
    failures.forget(WWW)
    assert len(failures) == 0
    assert fail(failures, 1.0) == 1.0


def test_when_upstreams_answer_again_only_their_silence_is_forgotten() -> None:
    failures = Failures()
    said = CacheEntry(read_response(reply_to(query("www.example"), rcode=2)), 0.0)
    keys = [WWW._replace(qname=f"n{number}.example") for number in range(2)]
    failures.note(keys[0], None, 0.0, protected=False, has_stale=False)
    failures.note(keys[1], said, 0.0, protected=False, has_stale=False)
    failures.note(AT_WORK, None, 0.0, protected=False, has_stale=False)
    failures.forget_silence("")
    left = [failures.get(key, 0.0, protected=False) is not None for key in (*keys, AT_WORK)]
    assert left == [False, True, True]


def test_a_flood_of_failures_takes_no_more_memory_than_there_is() -> None:
    failures = Failures()
    for number in range(MAX_FAILURES + 10):
        key = WWW._replace(qname=f"n{number}.example")
        failures.note(key, None, 0.0, protected=False, has_stale=False)
    assert MAX_FAILURES - 256 <= len(failures) <= MAX_FAILURES
    assert failures.get(key, 0.0, protected=False) is not None


# --- silence --------------------------------------------------------------------------------------


def test_upstreams_are_silent_if_nothing_came_since_they_were_asked() -> None:
    silence = Silence()
    silence.note_response("", 9.0)
    silence.note_nothing("", asked_at=10.0, mono=11.5)
    assert silence.is_of("")
    assert not silence.is_of("corp.example")


def test_one_name_without_an_answer_is_no_silence() -> None:
    silence = Silence()
    silence.note_response("", 10.2)
    silence.note_nothing("", asked_at=10.0, mono=11.5)
    assert not silence.is_of("")


def test_a_response_ends_the_silence_of_its_zone_and_says_so_once() -> None:
    silence = Silence()
    for zone in ("", "corp.example"):
        silence.note_nothing(zone, asked_at=10.0, mono=11.5)
    assert [silence.note_response("", 12.0), silence.note_response("", 12.0)] == [True, False]
    assert (silence.is_of(""), silence.is_of("corp.example")) == (False, True)


def test_silent_upstreams_are_tried_again_every_two_seconds() -> None:
    silence = Silence()
    silence.note_nothing("", asked_at=0.0, mono=1.0)
    silence.note_nothing("", asked_at=2.0, mono=2.9)  # the next try is no later for it
    tries = [tenth / 10 for tenth in range(10, 70) if silence.take_probe("", tenth / 10)]
    assert tries == [1.0 + PROBE_EVERY, 1.0 + 2 * PROBE_EVERY]


def test_who_is_not_silent_needs_no_try() -> None:
    assert not Silence().take_probe("", 1.0)
