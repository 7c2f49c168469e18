"""What is asked for, what an answer means, and when a list is looked at again."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.lists.download import (
    HOUR,
    CopyState,
    CopySummary,
    after_failure,
    after_fetch,
    after_not_modified,
    check_copy,
    condition_headers,
    content_error,
    dump_state,
    next_fetch_at,
    read_state,
    redirect_target,
    validator,
)
from copdns.model.addresses import bad_url
from copdns.model.errors import FetchError

NOW = 1_800_000_000.0
URL = "https://lists.example/toys.txt"
COPY = CopySummary(octets=100, sha256="ab", names=5000, lines=5100)
HEADERS = {"ETag": '"1"', "Last-Modified": "Tue, 24 Nov 2026 18:00:00 GMT"}
STATE = after_fetch(URL, HEADERS, COPY, NOW)
DAY = 24 * HOUR


# --- what is known -------------------------------------------------------------------------------


def test_a_state_is_read_as_it_was_written() -> None:
    for state in (CopyState(), STATE, after_failure(STATE, "gone", NOW)):
        assert read_state(dump_state(state)) == state


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", '{"url": 1}', '{"failures": "2"}', '{"octets": true}', "[" * 100_000],
)
def test_a_broken_state_is_as_good_as_none(text: str) -> None:
    assert read_state(text) == CopyState()


def test_a_key_of_another_version_passes_by() -> None:
    text = json.dumps({**json.loads(dump_state(STATE)), "mirror": "x"})
    assert read_state(text) == STATE


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    assert isinstance(read_state(text), CopyState)


def test_a_failure_keeps_what_is_known_of_the_copy() -> None:
    after = after_failure(after_failure(STATE, "gone", NOW + 1), "still gone", NOW + 2)
    assert after == replace(STATE, error="still gone", failures=2, tried_at=NOW + 2)
    assert after_not_modified(after, NOW + 3) == replace(
        STATE, checked_at=NOW + 3, tried_at=NOW + 3
    )


def test_the_age_counts_from_when_the_server_last_vouched_for_it() -> None:
    assert CopyState().age(NOW) is None
    assert STATE.age(NOW + 60) == 60
    assert after_not_modified(STATE, NOW + 60).age(NOW + 60) == 0
    assert after_failure(STATE, "gone", NOW + 60).age(NOW + 60) == 60
    assert STATE.age(NOW - 60) == 0  # the clock was set back


def test_without_its_copy_only_the_tries_are_left() -> None:
    left = after_failure(STATE, "gone", NOW).without_copy()
    assert left == CopyState(tried_at=NOW, error="gone", failures=1)
    assert not left.has_copy


# --- asking --------------------------------------------------------------------------------------


def test_only_news_of_the_copy_are_asked_for() -> None:
    both = {"If-None-Match": '"1"', "If-Modified-Since": HEADERS["Last-Modified"]}
    assert condition_headers(STATE, URL) == both
    assert condition_headers(STATE, "https://elsewhere.example/toys.txt") == {}
    assert condition_headers(STATE.without_copy(), URL) == {}
    assert condition_headers(CopyState(), "") == {}


@pytest.mark.parametrize("text", [None, "", "\u00e9", "a\r\nHost: evil.example", "x" * 1025])
def test_a_validator_that_cannot_be_sent_back_is_forgotten(text: str | None) -> None:
    assert validator(text) == ""


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        (URL, "/b.txt", "https://lists.example/b.txt"),
        (URL, "https://cdn.example/b.txt", "https://cdn.example/b.txt"),
        ("http://a.example/", "https://b.example/", "https://b.example/"),  # up is fine
        ("http://a.example/", "//b.example/c", "http://b.example/c"),
        (URL, "https://192.0.2.7/b.txt", "https://192.0.2.7/b.txt"),
        # A list that this machine itself has, which somebody chose to fetch.
        ("http://localhost:8/", "/b.txt", "http://localhost:8/b.txt"),
        ("http://127.0.0.1:8/", "http://127.0.0.2:8/b.txt", "http://127.0.0.2:8/b.txt"),
    ],
)
def test_a_redirect_leads_on(url: str, location: str, target: str) -> None:
    assert redirect_target(url, location) == target


@pytest.mark.parametrize(
    ("location", "told"),
    [
        (None, "without saying where to"),
        ("", "without saying where to"),
        ("http://lists.example/toys.txt", "from https to lists.example without encryption"),
        ("file:///etc/passwd", "file addresses are not supported"),
        ("ftp://lists.example/", "ftp addresses are not supported"),
        ("https://ada:pw@lists.example/", "username and password"),
        ("https://:80/", "not a valid address"),
        ("https://[::bad/", "not an address"),
        (f"https://{70 * 'a'}.example/", "not a valid address"),
        ("https://x..example/", "not a valid address"),
        ("https://127.0.0.1/metrics", "this machine itself"),
        ("https://127.9.9.9:8053/", "this machine itself"),
        ("https://[::1]/", "this machine itself"),
        ("https://[::ffff:127.0.0.1]/", "this machine itself"),
        ("https://0.0.0.0/", "this machine itself"),
        ("https://localhost/", "this machine itself"),
        ("https://a.LocalHost./", "this machine itself"),
        ("https://127.1/", "this machine itself"),  # as systems read an address
        ("https://2130706433/", "this machine itself"),
        ("https://0x7f000001/", "this machine itself"),
    ],
)
def test_no_redirect_leads_to_where_it_could_harm(location: str | None, told: str) -> None:
    with pytest.raises(FetchError, match=told):
        redirect_target(URL, location)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lists.example/a.txt",
        "https://",
        "https://a.example:x/",
        "https://[::1/",
        "https://a b/",
    ],
)
def test_what_is_no_address_is_told(url: str) -> None:
    assert bad_url(url)


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8080/a", "https://[2001:db8::1]/a?b=c"])
def test_an_address_of_the_web_is_fine(url: str) -> None:
    assert bad_url(url) == ""


# --- judging -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"# a list\n",
        b"a.example\n",
        b"||a.example^\n",
        b"0.0.0.0 a.example",
        b"\x1f\x8b\x08\0",
    ],
)
def test_a_list_does_not_look_wrong(first: bytes) -> None:
    assert content_error(first) == ""


@pytest.mark.parametrize(
    ("first", "what"),
    [
        (b"\xef\xbb\xbf <!doctype HTML>", "a web page"),
        (b"<?xml version='1.0'?>", "a web page"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (bytes(257) + b"ustar", "a tar archive"),
        (b"a\0b", "not text"),
    ],
)
def test_what_is_no_list_says_what_it_is(first: bytes, what: str) -> None:
    assert what in content_error(first)


def test_a_list_without_names_is_never_taken() -> None:
    for lines in (0, 1000):
        with pytest.raises(FetchError, match="no usable domains"):
            check_copy(replace(COPY, names=0, lines=lines))


def test_a_list_with_few_usable_lines_may_be_one_and_another_format_is_never_taken() -> None:
    check_copy(replace(COPY, names=10, lines=1000))  # what it finds wrong it raises
    with pytest.raises(FetchError, match="only 9 of 1000 lines"):
        check_copy(replace(COPY, names=9, lines=1000))


# --- when ----------------------------------------------------------------------------------------


def look(state: CopyState, now: float = NOW) -> float:
    return next_fetch_at("toys", state, DAY, now)


def test_what_was_never_tried_is_due_at_once() -> None:
    assert look(CopyState()) == NOW


def test_a_good_copy_is_looked_at_again_after_the_set_time_or_a_bit_earlier() -> None:
    assert NOW + 0.9 * DAY <= look(STATE) <= NOW + DAY


def test_not_everybody_asks_at_the_same_second() -> None:
    looks = {round(look(after_not_modified(STATE, NOW + n), NOW + 100) - n) for n in range(100)}
    assert len(looks) > 90
    assert max(looks) - min(looks) > 0.05 * DAY


def test_pauses_after_failures_grow_up_to_the_set_time() -> None:
    state, pauses = STATE, []
    for _ in range(12):
        state = after_failure(state, "gone", NOW)
        pauses.append(look(state) - NOW)
    assert 54 <= pauses[0] <= 60
    assert all(earlier < later for earlier, later in pairwise(pauses[:7]))
    assert all(0.9 * DAY <= pause <= DAY for pause in pauses[8:])


def test_a_clock_that_was_ahead_does_not_keep_a_list_old() -> None:
    assert look(STATE, NOW - 30 * DAY) == NOW - 30 * DAY
