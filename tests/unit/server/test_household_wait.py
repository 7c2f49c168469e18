"""A question whose household is not read yet waits for it, and gets no other family's answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dns.message
import dns.rcode
import pytest

from copdns.model.household import Household
from copdns.model.verdict import Requestor
from copdns.policy.subscribers import SharedPolicies, Subscribers
from copdns.server.hooks import NO_REPLY
from copdns.server.household_wait import MAX_AWAITED, MAX_OF_ONE, PATIENCE, AwaitedHouseholds
from tests.home import Home
from tests.household import DEFAULTS, MIA, NOW, allow, block, library
from tests.replies import ede_of

LISTS = library(
    categories={"games": ["games.example"]},
    protected={"child_helpline": ["help.example", "banned.example"], "words": ["words.example"]},
    legal=["banned.example"],
    not_over_time=["words"],
)


class Provider:
    """Households that are read when a test says so."""

    def __init__(self) -> None:
        self.home = Home(lists=LISTS)
        shared = SharedPolicies(LISTS, DEFAULTS)
        self.subscribers = Subscribers(10, lambda each: shared.compile(each, NOW))
        self.subscribers.nobody = shared.nobody
        self.subscribers.follow(NOW, can_read=True)
        self.home.resolver.snapshot.subscribers = self.subscribers
        self.awaited = AwaitedHouseholds(self.home.resolver, self.home.clock)
        self.replies: dict[str, list[dns.message.Message]] = {}

    def ask(self, household: str, name: str, over: str = "udp") -> None:
        wire = dns.message.make_query(name, "A", use_edns=0).to_wire()
        now = self.send(wire, household, over)
        if now:
            self._note(now, household)

    def send(self, wire: bytes, household: str, over: str = "udp") -> bytes | None:
        requestor = Requestor("192.0.2.1", "192.0.2.8", over, household=household)
        return self.home.resolver.answer(wire, requestor, self.home.clock(), self._note, household)

    def _note(self, reply: bytes, household: str) -> None:
        self.replies.setdefault(household, []).append(dns.message.from_wire(reply))

    def read(self, household: str, *rules: Any, revision: int = 1) -> None:
        """Read a household, as the program does when it is asked for."""
        made = Household(household, "", profiles=(MIA,), guest="mia", rules=rules)
        self.subscribers.put(replace(made, revision=revision))
        self.awaited.answer(household)

    def outcome(self, household: str) -> list[str]:
        """Let upstreams answer; return of each reply whether it is blocked, or what it is else."""
        self.home.upstream.deliver()
        return [
            "blocked"
            if (ede_of(each) or (0, ""))[0] == 17
            else "answered"
            if each.rcode() == dns.rcode.NOERROR
            else dns.rcode.to_text(each.rcode())
            for each in self.replies.get(household, [])
        ]


def test_what_is_asked_meanwhile_is_answered_by_its_own_households_rules() -> None:
    there = Provider()
    for household in ("h1", "h2"):
        there.ask(household, "free.example")
        there.ask(household, "free.example", over="tcp")
    assert not there.replies
    assert len(there.awaited) == 4
    there.read("h1", block("free.example"))
    assert there.outcome("h1") == ["blocked", "blocked"]
    assert not there.outcome("h2")
    there.read("h2", allow("free.example"))
    assert there.outcome("h2") == ["answered", "answered"]
    assert len(there.awaited) == 0
    there.ask("h1", "free.example")
    assert there.outcome("h1") == ["blocked"] * 3


def test_who_waits_too_long_is_told_so_and_the_next_question_waits_anew() -> None:
    there = Provider()
    there.ask("h1", "free.example")
    there.home.clock.wait(PATIENCE - 0.1)
    there.ask("h1", "other.example")
    there.awaited.give_up()
    assert not there.replies
    there.home.clock.wait(0.1)
    there.awaited.give_up()
    assert there.outcome("h1") == ["SERVFAIL"]
    assert ede_of(there.replies["h1"][0]) == (14, "the rules of this household are being read")
    there.read("h1")
    assert there.outcome("h1") == ["SERVFAIL", "answered"]


def test_no_more_wait_than_there_is_room_for() -> None:
    there = Provider()
    for number in range(MAX_AWAITED + 1):
        there.ask(f"h{number // MAX_OF_ONE}", "free.example")
    assert list(there.replies) == [last := f"h{MAX_AWAITED // MAX_OF_ONE}"]
    assert there.outcome(last) == ["SERVFAIL"]
    assert len(there.awaited) == MAX_AWAITED


def test_one_household_takes_the_places_of_no_other() -> None:
    there = Provider()
    for _ in range(MAX_OF_ONE + 1):
        there.ask("h1", "free.example")
    assert there.outcome("h1") == ["SERVFAIL"]
    there.ask("h2", "free.example")
    assert len(there.awaited) == MAX_OF_ONE + 1
    there.read("h1")
    assert there.outcome("h1") == ["SERVFAIL", *["answered"] * MAX_OF_ONE]


@pytest.mark.parametrize("over", ["udp", "tcp"])
def test_a_help_name_waits_for_nobody(over: str) -> None:
    there = Provider()
    for _ in range(2):
        there.ask("h1", "help.example", over)
        there.ask("h1", "www.help.example", over)
    assert there.outcome("h1") == ["answered"] * 4
    assert len(there.awaited) == 0
    there.ask("h1", "free.example", over)
    there.ask("h1", "banned.example", over)  # the law stands above it
    there.ask("h1", "words.example", over)  # which the household may close for a time
    assert len(there.awaited) == 3
    assert there.outcome("h1") == ["answered"] * 4


def test_a_help_name_is_answered_where_there_is_no_household_and_nothing_else_is() -> None:
    there = Provider()
    there.subscribers.put_missing("h1", NOW)
    there.ask("h1", "help.example")
    assert there.outcome("h1") == ["answered"]
    for each in ("free.example", "banned.example", "words.example"):
        there.ask("h1", each)
    assert there.outcome("h1") == ["answered", *["REFUSED"] * 3]


def test_what_is_no_query_waits_for_nothing() -> None:
    there = Provider()
    assert there.send(b"\0\0\x80\0", "h1") == NO_REPLY
    assert there.send(b"\0" * 12, "h1") not in (None, NO_REPLY)  # FORMERR
    assert len(there.awaited) == 0


def test_a_rule_that_comes_while_an_upstream_is_asked_decides() -> None:
    """The household moved, was forgotten and read again before the upstream answered."""
    there = Provider()
    there.read("h1")
    there.ask("h1", "free.example")
    there.subscribers.drop("h1", 2)
    there.read("h1", block("free.example"), revision=2)
    there.home.upstream.deliver()
    assert there.outcome("h1") == ["blocked"]


def test_a_household_that_is_forgotten_while_an_upstream_is_asked_is_waited_for_again() -> None:
    there = Provider()
    there.read("h1")
    there.ask("h1", "free.example")
    there.subscribers.drop("h1", 2)
    there.home.upstream.deliver()
    assert not there.replies
    there.read("h1", block("free.example"), revision=2)
    assert there.outcome("h1") == ["blocked"]
