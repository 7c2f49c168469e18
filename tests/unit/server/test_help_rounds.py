"""When the box asks for help names by itself, and which answers are good enough to be kept."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from copdns.dns.exchange import Exchange
from copdns.dns.help_answers import HelpAnswers, HelpKey, help_keys
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.query import CacheKey
from copdns.dns.records import AAAA, HTTPS, A
from copdns.model.matchers import parse_matcher
from copdns.policy.judge import RebindingGuard
from copdns.server.help_rounds import FIRST_ROUND, ROUND, HelpRounds
from tests.fakes import FILTERED, NO_SUCH_NAME, FakeClock, FakeUpstream, answer_of, reply_of
from tests.household import NOW
from tests.unit.messages import query, reply_to

KEYS = help_keys([parse_matcher("help.example"), parse_matcher("line.example")])


class Box:
    """What asks for help names, at a clock that is moved by hand."""

    def __init__(self, guard: RebindingGuard | None = None, seed: int = 1) -> None:
        self.clock = FakeClock(NOW)
        self.upstream = FakeUpstream({"line.example": NO_SUCH_NAME})
        self.answers = HelpAnswers()
        self.rounds = HelpRounds(
            self.answers,
            self.upstream,
            self.clock,
            lambda: guard or RebindingGuard(),
            Random(seed).shuffle,
        )

    def run_round(self, *, has_upstream: bool = True) -> list[tuple[float, CacheKey]]:
        """Return when what was asked, in seconds from the round's begin, until it is over."""
        began, asked = self.clock.mono, list[tuple[float, CacheKey]]()
        self.rounds.begin(KEYS)
        while not self.rounds.is_over:
            before = len(self.upstream.asked)
            pause = self.rounds.ask_due(has_upstream=has_upstream)
            asked += [(self.clock.mono - began, key) for key in self.upstream.asked[before:]]
            self.upstream.deliver()
            self.clock.wait(pause)
        self.took = self.clock.mono - began
        return asked


def test_every_question_is_asked_once_in_a_quarter_of_an_hour() -> None:
    box = Box()
    box.run_round()
    asked = [key for _, key in box.run_round()]
    assert box.took == pytest.approx(ROUND)
    assert len(asked) == len(KEYS)
    assert {(key.qname, key.qtype, key.do) for key in asked} == {tuple(key) for key in KEYS}
    assert {key.qtype for key in asked} == {A, AAAA, HTTPS}
    assert not any(key.cd or key.zone for key in asked)


def test_the_pace_is_even() -> None:
    box = Box()
    box.run_round()
    moments = [at for at, _ in box.run_round()]
    pauses = [later - at for at, later in pairwise(moments)]
    assert pauses == [pytest.approx(ROUND / len(KEYS))] * (len(KEYS) - 1)


def test_the_order_is_another_one_in_each_round() -> None:
    box = Box()
    rounds = [[key for _, key in box.run_round()] for _ in range(4)]
    assert len({tuple(each) for each in rounds}) == 4


def test_the_first_round_of_all_takes_a_minute() -> None:
    box = Box()
    box.run_round()
    assert box.took == pytest.approx(FIRST_ROUND)
    box.run_round()
    assert box.took == pytest.approx(ROUND)


def test_with_answers_of_the_last_run_even_the_first_round_is_slow() -> None:
    box = Box()
    box.answers.put(KEYS[0], _answer(), NOW - 86_400)
    box.run_round()
    assert box.took == pytest.approx(ROUND)


def test_without_an_upstream_nobody_is_asked() -> None:
    box = Box()
    assert box.run_round(has_upstream=False) == []
    assert box.took == pytest.approx(FIRST_ROUND)
    assert len(box.run_round()) == len(KEYS)


def test_a_round_without_names_ends_too() -> None:
    box = Box()
    box.rounds.begin(())
    box.clock.wait(FIRST_ROUND)
    assert (box.rounds.ask_due(), box.rounds.is_over) == (0.0, True)


def test_after_a_long_pause_the_queries_still_go_out_one_at_a_time() -> None:
    box = Box()
    box.rounds.begin(KEYS)
    box.clock.wait(1000)
    for number in range(1, len(KEYS) + 1):
        box.rounds.ask_due()
        assert len(box.upstream.asked) == number


def test_names_that_are_gone_from_the_lists_are_forgotten_with_the_next_round() -> None:
    box = Box()
    box.run_round()
    box.rounds.begin(KEYS[:12])
    assert len(box.answers) == 12


def test_a_name_that_does_not_exist_is_an_answer_too() -> None:
    box = Box()
    box.run_round()
    kept = box.answers.get(CacheKey("line.example", A, do=False, cd=False), NOW)
    assert kept is not None
    assert kept.answer.rcode == 3


# --- which answers are good ----------------------------------------------------------------------

KEY = HelpKey("help.example", A, do=False)


class Once:
    """An upstream that says one thing."""

    def __init__(self, says: UpstreamResponse | None) -> None:
        self._says = says

    def ask(self, exchange: Exchange, /) -> None:
        assert exchange.protected
        assert exchange.untraced
        exchange.take_response(self._says)


def _answer(address: str = "203.0.113.1") -> UpstreamResponse:
    found = answer_of({"help.example": address}, "help.example", A)
    assert found is not None
    return found


def _error(rcode: int) -> UpstreamResponse:
    return read_response(reply_to(query("help.example"), rcode=rcode))


def _cut() -> UpstreamResponse:
    wire = bytearray(reply_of({"help.example": "203.0.113.9"}, "help.example", A) or b"")
    wire[2] |= 2  # TC
    return read_response(bytes(wire))


@pytest.mark.parametrize(
    ("says", "kept"),
    [
        pytest.param(_answer("203.0.113.9"), "203.0.113.9", id="another address"),
        pytest.param(None, "203.0.113.1", id="silence"),
        pytest.param(_error(2), "203.0.113.1", id="SERVFAIL"),
        pytest.param(_error(5), "203.0.113.1", id="REFUSED"),
        pytest.param(_cut(), "203.0.113.1", id="truncated"),
        pytest.param(
            answer_of({"help.example": FILTERED}, "help.example", A), "203.0.113.1", id="filtered"
        ),
        pytest.param(_answer("192.168.1.1"), "203.0.113.1", id="the page of a hotel"),
        pytest.param(_answer("0.0.0.0"), "203.0.113.1", id="nowhere"),
    ],
)
def test_the_last_good_answer_stays(says: UpstreamResponse | None, kept: str) -> None:
    assert _kept_after(says, RebindingGuard()) == kept


def test_an_address_at_home_is_good_where_the_settings_say_so() -> None:
    assert _kept_after(_answer("192.168.1.1"), RebindingGuard(enabled=False)) == "192.168.1.1"


def _kept_after(says: UpstreamResponse | None, guard: RebindingGuard) -> str:
    clock, answers = FakeClock(NOW), HelpAnswers()
    answers.put(KEY, _answer(), NOW)
    rounds = HelpRounds(answers, Once(says), clock, lambda: guard, lambda keys: None)
    rounds.begin([KEY])
    rounds.ask_due()
    entry = answers.get(CacheKey(*KEY, cd=False), NOW)
    assert entry is not None
    return ".".join(map(str, entry.answer.facts.addresses[0]))
