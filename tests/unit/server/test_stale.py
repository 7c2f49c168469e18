"""What devices get while upstreams are silent, and what is fetched before anybody asks."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import dns.message
import dns.rcode
import pytest

from copdns.dns.cache import Cache
from copdns.dns.failures import PROBE_EVERY, RECHECK
from copdns.model.verdict import Reason
from copdns.policy.judge import RebindingGuard
from copdns.server.waiting_queries import STALE_AFTER
from tests.fakes import BROKEN, NO_SUCH_NAME, SILENCE, FakeUpstream, Script
from tests.home import Home
from tests.household import asker, block, family, library

STALE, CACHED_ERROR, STALE_NXDOMAIN, NO_ANSWER = 3, 13, 19, 23
EXPIRED = 300.0  # seconds after which everything that the upstream said is stale


class Kitchen(Home):
    """A home whose devices can wait for an answer while time goes by."""

    def begin(self, who: str, name: str, rtype: str = "A") -> list[dns.message.Message]:
        """Ask; return the list into which the reply comes."""
        replies: list[dns.message.Message] = []

        def send(reply: bytes, _to: object) -> None:
            replies.append(dns.message.from_wire(reply))

        wire = dns.message.make_query(name, rtype, use_edns=0).to_wire()
        now = self.resolver.answer(wire, asker(who), self.clock(), send, None)
        if now is not None:
            send(now, None)
        return replies

    def pass_time(self, seconds: float) -> None:
        """Let time go by without an answer, and do what a running program does meanwhile."""
        for _ in range(round(seconds * 10)):
            self.clock.wait(0.1)
            self.resolver.waiting.give_stale(self.clock())

    def fall_silent(self, *names: str) -> None:
        """Have the answers for some names in the cache, expired, and no upstream that answers."""
        for name in names:
            self.ask("ada", name)
        self.clock.wait(EXPIRED)
        self.upstream.is_dead = True


def kitchen(script: Script | None = None, **home: object) -> Kitchen:
    return Kitchen(upstream=FakeUpstream(script), **home)  # type: ignore[arg-type]


def codes(reply: dns.message.Message) -> list[int]:
    return [int(each.code) for each in reply.extended_errors()]


def addresses(reply: dns.message.Message) -> list[str]:
    return [str(rdata) for rrset in reply.answer for rdata in rrset]


# --- stale answers (RFC 8767) ---------------------------------------------------------------------


def test_who_waits_gets_the_earlier_answer_after_a_second_and_a_half() -> None:
    home = kitchen()
    home.fall_silent("a.example")
    replies = home.begin("mia", "a.example")
    home.pass_time(STALE_AFTER - 0.1)
    assert replies == []
    home.pass_time(0.2)
    (reply,) = replies
    assert (addresses(reply), codes(reply)) == (["198.51.100.1"], [STALE])
    assert [rrset.ttl for rrset in reply.answer] == [30]
    home.upstream.deliver()
    assert len(replies) == 1


def test_once_nothing_is_heard_of_upstreams_nobody_waits_for_a_name_that_is_known() -> None:
    home = kitchen()
    home.fall_silent("a.example", "b.example")
    home.begin("mia", "a.example")
    home.pass_time(STALE_AFTER + 0.1)
    for who, name in (("tom", "a.example"), ("mia", "b.example")):
        (reply,) = home.begin(who, name)
        assert (addresses(reply), codes(reply)) == (["198.51.100.1"], [STALE])


def test_a_failure_before_the_time_is_over_gives_the_earlier_answer_too() -> None:
    home = kitchen()
    home.fall_silent("a.example")
    reply = home.ask("mia", "a.example")
    assert (reply.data, reply.ede and reply.ede[0]) == (["198.51.100.1"], STALE)


def test_an_upstream_that_says_it_failed_does_not_replace_an_answer() -> None:
    home = kitchen()
    home.ask("mia", "a.example")
    home.clock.wait(EXPIRED)
    home.upstream.script = {"a.example": BROKEN}
    for _ in range(2):
        reply = home.ask("mia", "a.example")
        assert (reply.rcode, reply.data) == ("NOERROR", ["198.51.100.1"])
        assert (reply.ede or (0,))[0] == STALE


def test_a_name_that_did_not_exist_is_said_not_to_exist() -> None:
    home = kitchen({"no.example": NO_SUCH_NAME})
    home.fall_silent("no.example")
    reply = home.ask("mia", "no.example")
    assert (reply.rcode, reply.ede and reply.ede[0]) == ("NXDOMAIN", STALE_NXDOMAIN)
    assert max(reply.ttls) <= 30


def test_an_earlier_answer_is_given_for_a_day_and_no_longer() -> None:
    home = kitchen()
    home.fall_silent("a.example")
    home.clock.wait(86_400 - EXPIRED)
    assert home.ask("mia", "a.example").rcode == "NOERROR"
    home.clock.wait(EXPIRED)
    assert home.ask("mia", "a.example").rcode == "SERVFAIL"


def test_the_settings_can_turn_stale_answers_off() -> None:
    home = kitchen()
    home.resolver.reconfigure(RebindingGuard(), Cache(max_stale=0), None)
    home.fall_silent("a.example")
    assert home.ask("mia", "a.example").rcode == "SERVFAIL"


def test_the_rules_of_the_moment_decide_and_not_those_of_then() -> None:
    home = kitchen({"cloaked.example": {"CNAME": "b.example."}})
    home.fall_silent("a.example", "cloaked.example")
    home.change(family(rules=(block("a.example"), block("b.example"))))
    for name in ("a.example", "cloaked.example"):
        reply = home.ask("mia", name)
        assert (reply.data, reply.verdict.reason) == ([], Reason.RULE)


def test_a_rule_that_comes_while_somebody_waits_holds_for_the_earlier_answer() -> None:
    home = kitchen()
    home.fall_silent("a.example")
    replies = home.begin("mia", "a.example")
    home.change(family(rules=(block("a.example"),)))
    home.pass_time(STALE_AFTER + 0.1)
    assert [addresses(reply) for reply in replies] == [[]]
    assert codes(replies[0]) == [17]


def test_everybody_gets_the_same_ttl_however_old_the_answer_is() -> None:
    home = kitchen({"brief.example": {"A": "198.51.100.1", "ttl": 8}})
    home.fall_silent("a.example", "brief.example")
    found = set()
    for _ in range(10):
        home.clock.wait(777)
        found.add((*home.ask("mia", "a.example").ttls, *home.ask("tom", "brief.example").ttls))
    assert found == {(30, 4)}  # half of eight seconds, as ever


def test_without_recursion_nothing_stale_is_told() -> None:
    home = kitchen()
    home.fall_silent("a.example")
    assert home.ask("mia", "a.example", flags=0).rcode == "REFUSED"


def test_a_stale_answer_is_given_over_tcp_and_without_edns_too() -> None:
    home = kitchen()
    home.fall_silent("a.example")
    assert home.ask("mia", "a.example", tcp=True).data == ["198.51.100.1"]
    assert home.ask("mia", "a.example", edns=False).data == ["198.51.100.1"]


def test_help_names_have_their_own_store_and_no_stale_answers() -> None:
    lists = library(protected={"child_helpline": ["help.example"]})
    home = kitchen(lists=lists)
    home.fall_silent("chat.help.example", "a.example")
    before = home.traces()
    assert home.ask("mia", "chat.help.example").rcode == "SERVFAIL"
    assert home.traces() == before
    home.begin("mia", "chat.help.example")
    home.pass_time(STALE_AFTER + 0.1)
    assert home.begin("mia", "a.example") == []  # as if nobody had looked for help


def test_a_question_is_recorded_once_and_as_any_other() -> None:
    home = kitchen()
    home.fall_silent("a.example")
    home.recorder.flush(home.clock.wall)
    before = home.counters.queries["udp"]
    home.begin("mia", "a.example")
    home.pass_time(STALE_AFTER + 0.1)
    home.upstream.deliver()
    home.recorder.flush(home.clock.wall)
    assert home.counters.queries["udp"] == before + 1
    assert home.counters.stale_answers == 1


@pytest.mark.parametrize("lane", [False, True])
def test_when_upstreams_answer_again_their_answer_is_given_within_two_seconds(lane: bool) -> None:
    home = kitchen(lane=lane)
    home.fall_silent("a.example", "b.example")
    for name in ("a.example", "b.example"):
        assert home.ask("mia", name).ede
    home.clock.wait(10)
    assert home.ask("mia", "a.example").ede  # silent still, and asked for in vain
    home.upstream.is_dead = False
    home.upstream.script = {"a.example": "198.51.100.7", "b.example": "198.51.100.7"}
    home.clock.wait(PROBE_EVERY)
    home.ask("mia", "b.example")  # stale, but one question was sent beside it
    reply = home.ask("mia", "b.example")
    assert (reply.data, reply.ede) == (["198.51.100.7"], None)
    home.ask("mia", "a.example")
    reply = home.ask("mia", "a.example")
    assert (reply.data, reply.ede) == (["198.51.100.7"], None)


def test_silent_upstreams_are_asked_for_one_known_name_in_two_seconds() -> None:
    home = kitchen()
    names = [f"n{number}.example" for number in range(20)]
    home.fall_silent(*names)
    home.ask("mia", names[0])
    asked = len(home.upstream.asked)
    for _ in range(10):
        for name in names:
            home.ask("mia", name)
        home.clock.wait(1)
    assert len(home.upstream.asked) - asked <= 5


def test_a_name_that_fails_alone_rests_for_half_a_minute() -> None:
    home = kitchen()
    home.ask("mia", "a.example")
    home.clock.wait(EXPIRED)
    home.upstream.script = {"a.example": SILENCE}
    home.begin("mia", "b.example")
    home.begin("mia", "a.example")
    home.upstream.deliver()
    asked = len(home.upstream.asked)
    home.clock.wait(RECHECK - 1)
    assert home.ask("mia", "a.example").ede
    assert len(home.upstream.asked) == asked
    home.clock.wait(2)
    assert home.ask("mia", "a.example").ede
    assert len(home.upstream.asked) == asked + 1


# --- failures (RFC 9520) --------------------------------------------------------------------------


@pytest.mark.parametrize(("says", "first"), [(SILENCE, NO_ANSWER), (BROKEN, None)])
def test_what_failed_is_not_asked_again_for_a_second(says: str, first: int | None) -> None:
    home = kitchen({"a.example": says})
    reply = home.ask("mia", "a.example")
    assert (reply.rcode, reply.ede and reply.ede[0]) == ("SERVFAIL", first)
    home.clock.wait(0.9)
    reply = home.ask("tom", "a.example")
    assert (reply.rcode, reply.ede and reply.ede[0]) == ("SERVFAIL", CACHED_ERROR)
    assert (len(home.upstream.asked), home.counters.cached_failures) == (1, 1)
    home.upstream.script = {}
    home.clock.wait(0.2)
    assert home.ask("mia", "a.example").rcode == "NOERROR"
    assert home.ask("mia", "a.example").ede is None


def test_a_failure_keeps_no_other_type_and_no_other_name_from_being_asked() -> None:
    home = kitchen({"a.example": SILENCE})
    home.ask("mia", "a.example")
    for name, rtype in (("a.example", "AAAA"), ("b.example", "A")):
        home.ask("mia", name, rtype)
    assert len(home.upstream.asked) == 3


def test_a_blocked_name_is_blocked_whatever_failed() -> None:
    home = kitchen({"a.example": SILENCE})
    home.ask("mia", "a.example")
    home.change(family(rules=(block("a.example"),)))
    assert home.ask("mia", "a.example").verdict.reason is Reason.RULE


def test_when_an_upstream_answers_again_every_name_is_asked_at_once() -> None:
    home = kitchen()
    home.upstream.is_dead = True
    for _ in range(5):
        home.ask("mia", "a.example")
        home.clock.wait(8)
    home.upstream.is_dead = False
    assert home.ask("mia", "a.example").ede  # rests after so many failures
    assert home.ask("mia", "b.example").rcode == "NOERROR"
    assert home.ask("mia", "a.example").rcode == "NOERROR"


def test_help_names_are_asked_for_each_time() -> None:
    lists = library(protected={"child_helpline": ["help.example"]})
    home = kitchen({"chat.help.example": SILENCE}, lists=lists)
    for _ in range(3):
        home.ask("mia", "chat.help.example")
    assert len(home.upstream.asked) == 3


# --- refreshes ------------------------------------------------------------------------------------


def test_a_refresh_leaves_nothing_of_anybody_behind() -> None:
    home = kitchen()
    home.ask("mia", "a.example")
    home.clock.wait(200)
    home.ask("mia", "a.example")
    before, asked = home.traces(), len(home.upstream.asked)
    home.clock.wait(38)
    home.resolver.responses.refresh(home.clock())
    home.upstream.deliver()
    assert len(home.upstream.asked) == asked + 1
    assert home.counters.refreshes == 1
    home.counters.refreshes = 0
    assert home.traces() == before


def test_while_upstreams_are_silent_nothing_is_refreshed() -> None:
    home = kitchen()
    home.ask("mia", "a.example")
    home.clock.wait(200)
    home.ask("mia", "a.example")
    home.upstream.is_dead = True
    home.ask("mia", "b.example")
    asked = len(home.upstream.asked)
    home.clock.wait(38)
    home.resolver.responses.refresh(home.clock())
    assert len(home.upstream.asked) == asked


def test_who_asks_while_a_refresh_is_on_its_way_waits_with_it() -> None:
    home = kitchen()
    home.ask("mia", "a.example")
    home.clock.wait(200)
    home.ask("mia", "a.example")
    home.clock.wait(38)
    home.resolver.responses.refresh(home.clock())
    home.clock.wait(2)
    replies = home.begin("mia", "a.example")
    assert replies == []
    home.upstream.deliver()
    assert len(home.upstream.asked) == 2
    assert addresses(replies[0]) == ["198.51.100.1"]


def zipf(names: int, queries: int, seed: int) -> Iterator[int]:
    """Yield which name is asked for: the n-th most popular n times less often than the first."""
    chance = Random(seed)
    ranks = range(names)
    yield from chance.choices(ranks, [1 / (rank + 1) for rank in ranks], k=queries)


@pytest.mark.parametrize("lane", [False, True])
def test_names_in_much_use_never_miss_in_ten_minutes(lane: bool) -> None:
    ttls = (60, 90, 120, 300, 3600)
    script = {
        f"n{rank}.example": {"A": "198.51.100.1", "ttl": ttls[rank % len(ttls)]}
        for rank in range(100)
    }
    home = kitchen(script, lane=lane)
    wires = [dns.message.make_query(name, "A", use_edns=0).to_wire() for name in script]
    missed = [0] * len(wires)
    for number, rank in enumerate(zipf(len(wires), 9_000, seed=7)):
        home.clock.wait(1 / 15)
        misses = home.counters.cache_misses
        home.send(wires[rank], asker("mia"))
        missed[rank] += home.counters.cache_misses - misses
        if number % 7 == 0:
            home.resolver.responses.refresh(home.clock())
            home.upstream.deliver()
    assert missed[:10] == [1] * 10  # the first time only
    assert max(missed) > 1  # those in little use expire
    assert len(home.upstream.asked) < 2_000
