"""Tests of the path of a query: from bytes to bytes, over the cache and the upstream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest

from copdns.dns.cache import Cache
from copdns.dns.records import A
from copdns.dns.wire import read_query
from copdns.model.household import LocalName, NameRewrite, PrivacyMode, Profile, SplitUpstream
from copdns.model.matchers import Matcher
from copdns.model.verdict import Action, Reason
from copdns.policy.decide import decide
from copdns.policy.judge import RebindingGuard
from copdns.server.answer import MAX_MEMO_ENTRIES, MAX_WAITERS, VerdictMemo
from copdns.server.lazy_free import LazyFreeQueue
from copdns.time.plan import Closure, TimePlan
from tests.fakes import FILTERED, NO_SUCH_NAME, SILENCE, FakeUpstream, Script
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, allow, asker, block, family, library, policy
from tests.unit.messages import query


def wire(name: str, rtype: str = "A", **more: object) -> bytes:
    query = dns.message.make_query(dns.name.from_text(name), rtype, use_edns=0, **more)  # type: ignore[arg-type]
    return query.to_wire()


class Desk:
    """A home whose upstream speaks only when it is told to."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.replies: dict[str, list[dns.message.Message]] = {}

    def ask(self, who: str, name: str, rtype: str = "A", **more: object) -> None:
        def send(reply: bytes, to: str) -> None:
            self.replies.setdefault(to, []).append(dns.message.from_wire(reply))

        resolver, moment = self.home.resolver, self.home.clock()
        now = resolver.answer(wire(name, rtype, **more), asker(who), moment, send, who)
        if now is not None:
            send(now, who)

    def rcodes(self, who: str) -> list[str]:
        return [dns.rcode.to_text(each.rcode()) for each in self.replies.get(who, [])]

    def data(self, who: str) -> list[str]:
        found = [rdata for m in self.replies.get(who, []) for rrset in m.answer for rdata in rrset]
        return [str(rdata) for rdata in found]


def desk(script: Script | None = None, **home: object) -> Desk:
    return Desk(Home(upstream=FakeUpstream(script), **home))  # type: ignore[arg-type]


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "rcode"),
    [
        (lambda message: message[:5], None),  # too short for a header: silence
        (lambda message: message[:2] + b"\x80" + message[3:], None),  # a response
        (lambda message: message[:2] + b"\x28" + message[3:], "NOTIMP"),  # an update
        (lambda message: message[:4] + b"\x00\x02" + message[6:], "FORMERR"),  # two questions
        (lambda message: message[:-20], "FORMERR"),  # cut short
    ],
)
def test_what_is_no_question_gets_an_error_or_nothing(
    change: Callable[[bytes], bytes], rcode: str | None
) -> None:
    home = Home()
    reply = home.send(change(wire("a.example")), asker("mia"))
    found = None if reply is None else dns.rcode.to_text(dns.message.from_wire(reply).rcode())
    assert found == rcode
    assert home.upstream.asked == []
    assert home.counters.malformed == (rcode is not None)


@pytest.mark.parametrize(
    ("rtype", "more", "rcode", "ede"),
    [
        ("AXFR", {}, "REFUSED", 21),
        ("IXFR", {}, "REFUSED", 21),
        ("A", {"rdclass": "CH"}, "REFUSED", 21),
        ("TXT", {"rdclass": "CH"}, "REFUSED", 21),
    ],
)
def test_other_classes_and_transfers_are_not_served(
    rtype: str, more: dict[str, str], rcode: str, ede: int
) -> None:
    home = Home()
    reply = home.ask("mia", "a.example", rtype, **more)
    assert (reply.rcode, reply.ede and reply.ede[0]) == (rcode, ede)
    assert home.upstream.asked == []


def test_another_version_of_edns_is_told_which_one_is_spoken() -> None:
    query = dns.message.make_query("a.example", "A", use_edns=1)
    reply = Home().send(query.to_wire(), asker("mia"))
    assert reply is not None
    assert dns.message.from_wire(reply).rcode() == dns.rcode.BADVERS


def test_a_question_comes_back_in_the_spelling_it_was_asked_in() -> None:
    home = Home(family(rules=(block("b.example"),)))
    for name in ("wWw.A.eXample.", "B.example.", "localHOST."):
        reply = home.ask("mia", name)
        assert reply.message.question[0].name.labels == dns.name.from_text(name).labels


def test_a_stranger_is_refused_before_anything_is_looked_up() -> None:
    desk_ = desk()
    desk_.ask("203.0.113.66", "a.example")
    assert desk_.rcodes("203.0.113.66") == ["REFUSED"]
    assert desk_.home.upstream.asked == []


def test_a_stranger_is_not_even_told_what_is_odd_about_the_question() -> None:
    reply = Home().ask("203.0.113.66", "a.example", "AXFR")
    assert reply.ede == (18, "not_a_client: not served here")


def test_a_stranger_does_not_learn_what_is_wrong_with_a_message() -> None:
    broken = wire("a.example")[:-20]
    home = Home()
    for who, rcode in (("mia", "FORMERR"), ("203.0.113.66", "REFUSED")):
        reply = home.send(broken, asker(who))
        assert reply is not None
        assert dns.rcode.to_text(dns.message.from_wire(reply).rcode()) == rcode


@pytest.mark.parametrize("mode", [PrivacyMode.BLOCKED, PrivacyMode.FULL])
@pytest.mark.parametrize("name", ["games.example", "a.example"])
def test_what_is_not_served_is_counted_as_refused_and_its_name_is_noted_nowhere(
    name: str, mode: PrivacyMode
) -> None:
    home = Home(family(replace(MIA, privacy=mode), rules=(block("games.example"),)))
    assert home.ask("mia", name, "TXT", rdclass="CH").rcode == "REFUSED"
    home.recorder.flush(home.clock.wall)
    assert {action for action, _ in home.counters.verdicts} == {Action.REFUSE}
    assert home.log.rows == []
    assert not home.recent._rings


def test_not_even_a_refusal_for_a_help_name_leaves_a_trace() -> None:
    home = Home(lists=library(protected={"child_helpline": ["help.example"]}))
    before = home.traces()
    assert home.ask("mia", "help.example", "TXT", rdclass="CH").rcode == "REFUSED"
    assert home.traces() == before


def test_what_is_too_long_for_a_datagram_comes_over_tcp() -> None:
    addresses = [f"198.51.100.{number}" for number in range(1, 101)]
    home = Home(upstream=FakeUpstream({"a.example": addresses}))
    cut = home.ask("mia", "a.example", edns=False)
    assert cut.message.flags & dns.flags.TC
    whole = home.ask("mia", "a.example", edns=False, tcp=True)
    assert not whole.message.flags & dns.flags.TC
    assert sorted(whole.data) == sorted(addresses)
    home.recorder.flush(home.clock.wall)
    assert home.counters.queries == {"udp": 1, "tcp": 1}
    again = home.ask("mia", "a.example", edns=False)
    assert again.message.to_wire()[2:] == cut.message.to_wire()[2:]


def test_rules_that_are_gone_are_let_go() -> None:
    home = Home()
    home.ask("mia", "a.example")
    home.ask("mia", "a.example")
    assert home.resolver._memo
    assert home.recorder._tallies
    home.change(family(rules=(block("a.example"),)))
    assert not home.resolver._memo
    assert not home.recorder._tallies


def test_who_is_kin_is_answered_by_their_own_rules_and_remembered_once_for_the_rest() -> None:
    twin = replace(MIA, id="tom", categories=frozenset({"games"}))
    rules = (block("a.example", "mia"), allow("b.games.example", "tom"))
    house = family(replace(MIA, categories=frozenset({"games"})), twin, rules=rules)
    home = Home(house, library(categories={"games": ["games.example", "play.example"]}))
    for _ in range(3):
        reasons = [
            [home.ask(who, name).verdict.reason for who in ("mia", "tom")]
            for name in ("a.example", "b.games.example", "play.example")
        ]
        assert reasons == [
            [Reason.RULE, Reason.DEFAULT],
            [Reason.CATEGORY, Reason.RULE],
            [Reason.CATEGORY, Reason.CATEGORY],
        ]
    assert sorted(len(each.verdicts) for each in home.resolver._memo._entries.values()) == [1, 2, 2]


def test_what_is_remembered_of_questions_has_a_bound() -> None:
    home = Home(family(rules=(block("games.example"),)))
    for number in range(MAX_MEMO_ENTRIES + 10):
        home.ask("mia", f"{number}.games.example")
    assert len(home.resolver._memo) <= MAX_MEMO_ENTRIES


def test_a_question_that_had_to_wait_is_not_remembered() -> None:
    home = Home()
    home.ask("mia", "a.example")
    assert not home.resolver._memo
    home.ask("mia", "a.example")
    assert len(home.resolver._memo) == 1


@pytest.mark.parametrize("name", ["help.example", "why.help.example.q.home.arpa"])
def test_a_question_about_a_help_name_is_not_remembered(name: str) -> None:
    home = Home(lists=library(protected={"child_helpline": ["help.example"]}))
    for _ in range(2):
        home.ask("mia", name, "TXT")
    assert not home.resolver._memo


# --- the cache ------------------------------------------------------------------------------------


def test_who_does_not_want_recursion_gets_what_is_kept_and_no_more() -> None:
    home = Home()
    first = home.ask("mia", "a.example", flags=0)
    assert (first.rcode, first.ede and first.ede[0]) == ("REFUSED", 20)
    assert home.upstream.asked == []
    home.ask("mia", "a.example")
    assert home.ask("mia", "a.example", flags=0).data == ["198.51.100.1"]


def test_an_answer_grows_old_in_the_cache() -> None:
    home = Home(upstream=FakeUpstream({"a.example": {"A": "198.51.100.9", "ttl": 100}}))
    assert home.ask("ada", "a.example").ttls == [100]
    home.wait(30)
    assert home.ask("ada", "a.example").ttls == [70]
    home.wait(70)
    home.ask("ada", "a.example")
    assert len(home.upstream.asked) == 2


def test_a_clock_that_is_set_back_does_not_keep_an_answer_longer() -> None:
    home = Home(upstream=FakeUpstream({"a.example": {"A": "198.51.100.9", "ttl": 100}}))
    home.ask("ada", "a.example")
    home.clock.wall -= 86_400
    home.clock.mono += 101
    home.ask("ada", "a.example")
    assert len(home.upstream.asked) == 2


def test_signed_answers_are_kept_apart_from_plain_ones() -> None:
    home = Home()
    home.ask("ada", "a.example")
    home.ask("ada", "a.example", want_dnssec=True)
    home.ask("ada", "a.example", flags=dns.flags.RD | dns.flags.CD)
    assert [(key.do, key.cd) for key in home.upstream.asked] == [
        (False, False),
        (True, False),
        (False, True),
    ]


def test_help_answers_are_kept_where_not_even_their_number_shows() -> None:
    home = Home(lists=library(protected={"child_helpline": ["help.example"]}))
    for _ in range(2):
        assert home.ask("mia", "help.example").rcode == "NOERROR"
    assert len(home.upstream.asked) == 1
    assert len(home.resolver.cache) == 0
    assert (home.counters.cache_hits, home.counters.cache_misses) == (0, 0)


def test_what_was_kept_for_others_is_judged_for_whoever_asks() -> None:
    house = family(
        replace(MIA, categories=frozenset({"ads"})), TOM, ADA, rules=(block("192.0.2.0/24", "tom"),)
    )
    script = {"a.example": {"CNAME": "b.ads.example."}, "b.ads.example": "192.0.2.99"}
    home = Home(house, library(categories={"ads": ["ads.example"]}), upstream=FakeUpstream(script))
    assert home.ask("ada", "a.example").verdict.reason is Reason.DEFAULT
    assert home.ask("mia", "a.example").verdict.reason is Reason.CATEGORY
    assert home.ask("tom", "a.example").verdict.reason is Reason.ADDRESS
    assert len(home.upstream.asked) == 1


def test_a_rewrite_uses_and_fills_the_cache_of_its_target() -> None:
    house = family(rewrites=(NameRewrite(Matcher("start.example"), "homepage.example"),))
    home = Home(house, upstream=FakeUpstream({"homepage.example": "198.51.100.7"}))
    assert home.ask("mia", "start.example").data == ["198.51.100.7"]
    assert home.ask("mia", "homepage.example").data == ["198.51.100.7"]
    assert [key.qname for key in home.upstream.asked] == ["homepage.example"]


def test_a_split_domain_has_a_cache_of_its_own() -> None:
    house = family(split_upstreams=(SplitUpstream("work.example", ("192.0.2.53:53",)),))
    inside = {"a.work.example": "198.51.100.50"}
    home = Home(house, upstream=FakeUpstream({}, splits={"work.example": inside}))
    assert home.ask("mia", "a.work.example").data == ["198.51.100.50"]
    home.change(replace(house, split_upstreams=()))
    assert home.ask("mia", "a.work.example").data == ["198.51.100.1"]
    assert [key.zone for key in home.upstream.asked] == ["work.example", ""]


def test_a_filtered_answer_that_is_kept_does_not_do_for_a_protected_name() -> None:
    """Another household, or a rewrite to the same name, may have asked before."""
    house = family(rewrites=(NameRewrite(Matcher("start.example"), "school.example"),))
    upstream = FakeUpstream(
        {"school.example": FILTERED}, second={"school.example": "198.51.100.60"}
    )
    home = Home(replace(house, protected=("school.example",)), upstream=upstream)
    assert home.ask("mia", "start.example").verdict.reason is Reason.UPSTREAM_FILTERED
    assert home.ask("mia", "school.example").data == ["198.51.100.60"]


def test_with_other_settings_answers_for_help_names_are_asked_for_again() -> None:
    home = Home(lists=library(protected={"child_helpline": ["help.example"]}))
    home.ask("mia", "help.example")
    home.resolver.reconfigure(RebindingGuard(), Cache(), None)
    home.ask("mia", "help.example")
    assert [key.qname for key in home.upstream.asked] == ["help.example"] * 2


# --- waiting --------------------------------------------------------------------------------------


def test_an_upstream_is_asked_once_for_all_who_wait() -> None:
    desk_ = desk()
    for who in ("mia", "tom", "ada"):
        desk_.ask(who, "a.example")
    assert len(desk_.home.upstream.asked) == 1
    assert desk_.replies == {}
    desk_.home.upstream.deliver()
    assert {who: desk_.data(who) for who in desk_.replies} == {
        "mia": ["198.51.100.1"],
        "tom": ["198.51.100.1"],
        "ada": ["198.51.100.1"],
    }


def test_each_reply_has_the_id_of_its_question() -> None:
    desk_ = desk()
    for number in (1, 2):
        desk_.ask("mia", "a.example", id=number)
    desk_.home.upstream.deliver()
    assert [each.id for each in desk_.replies["mia"]] == [1, 2]


def test_who_waits_is_answered_under_the_rules_of_the_moment_of_the_answer() -> None:
    desk_ = desk()
    desk_.ask("mia", "a.example")
    desk_.ask("ada", "a.example")
    desk_.home.change(family(rules=(block("a.example", "mia"),)))
    desk_.home.upstream.deliver()
    assert (desk_.data("mia"), desk_.data("ada")) == ([], ["198.51.100.1"])
    assert desk_.replies["mia"][0].extended_errors()[0].text == "rule: a.example"


def test_who_waits_is_paused_when_the_pause_begins() -> None:
    pause = TimePlan(closures=(Closure(Reason.PAUSED, NOW + 1, NOW + 60),))
    desk_ = desk(timing={"mia": pause})
    desk_.ask("mia", "a.example")
    desk_.home.wait(2)
    desk_.home.upstream.deliver()
    assert desk_.data("mia") == []
    assert desk_.home.recorder.last is not None
    assert desk_.home.recorder.last.verdict.reason is Reason.PAUSED


def test_a_change_that_needs_another_answer_asks_for_that() -> None:
    desk_ = desk({"a.example": "198.51.100.8", "safe.example": "198.51.100.9"})
    desk_.ask("mia", "a.example")
    rewrite = NameRewrite(Matcher("a.example"), "safe.example")
    desk_.home.change(family(rewrites=(rewrite,)))
    desk_.home.upstream.deliver()
    assert desk_.data("mia")[-1] == "198.51.100.9"
    assert [key.qname for key in desk_.home.upstream.asked] == ["a.example", "safe.example"]


def test_without_an_answer_all_who_wait_are_told() -> None:
    desk_ = desk({"a.example": SILENCE})
    desk_.ask("mia", "a.example")
    desk_.ask("tom", "a.example")
    desk_.home.upstream.deliver()
    assert desk_.rcodes("mia") == desk_.rcodes("tom") == ["SERVFAIL"]
    (error,) = desk_.replies["mia"][0].extended_errors()
    assert (error.code, error.text) == (23, "no upstream answered")


def test_who_waits_in_vain_is_told_of_the_rules_that_are_new() -> None:
    desk_ = desk({"a.example": SILENCE})
    desk_.ask("mia", "a.example")
    desk_.ask("ada", "a.example")
    desk_.home.change(family(rules=(block("a.example", "mia"),)))
    desk_.home.upstream.deliver()
    assert (desk_.rcodes("mia"), desk_.rcodes("ada")) == (["NOERROR"], ["SERVFAIL"])
    assert desk_.replies["mia"][0].extended_errors()[0].text == "rule: a.example"
    desk_.home.recorder.flush(desk_.home.clock.wall)
    told = {action: n for (action, _), n in desk_.home.counters.verdicts.items()}
    assert told == {Action.BLOCK: 1, Action.ALLOW: 1}
    assert desk_.home.counters.rcodes[dns.rcode.SERVFAIL] == 1


def test_a_name_that_becomes_protected_meanwhile_gets_no_filtered_answer() -> None:
    upstream = FakeUpstream(
        {"school.example": FILTERED}, second={"school.example": "198.51.100.60"}
    )
    desk_ = Desk(Home(upstream=upstream))
    desk_.ask("mia", "school.example")
    desk_.home.change(replace(family(), protected=("school.example",)))
    desk_.home.upstream.deliver()
    assert desk_.data("mia") == ["198.51.100.60"]


def test_a_name_that_every_upstream_filters_is_asked_for_twice_at_most() -> None:
    desk_ = Desk(Home(upstream=FakeUpstream({"school.example": FILTERED})))
    desk_.ask("mia", "school.example")
    desk_.home.change(replace(family(), protected=("school.example",)))
    desk_.home.upstream.deliver()
    assert len(desk_.home.upstream.asked) == 2
    assert len(desk_.replies["mia"]) == 1


def test_a_failure_is_forgotten_at_once() -> None:
    home = Home(upstream=FakeUpstream({"a.example": SILENCE}))
    assert home.ask("mia", "a.example").rcode == "SERVFAIL"
    home.upstream.script = {}
    assert home.ask("mia", "a.example").rcode == "NOERROR"


def test_no_more_wait_for_one_answer_than_memory_is_for() -> None:
    desk_ = desk()
    for _ in range(MAX_WAITERS + 10):
        desk_.ask("mia", "a.example")
    refused = [reply for reply in desk_.replies["mia"] if reply.rcode() == dns.rcode.SERVFAIL]
    assert len(refused) == 10
    (error,) = refused[0].extended_errors()
    assert (error.code, error.text) == (0, "too many wait for this answer")
    desk_.home.upstream.deliver()
    assert len(desk_.replies["mia"]) == MAX_WAITERS + 10
    assert len(desk_.home.upstream.asked) == 1


def test_what_does_not_exist_is_passed_on_as_the_upstream_said_it() -> None:
    home = Home(upstream=FakeUpstream({"a.example": NO_SUCH_NAME}))
    reply = home.ask("ada", "a.example")
    assert (reply.rcode, len(reply.message.authority)) == ("NXDOMAIN", 1)
    home.ask("ada", "a.example", "AAAA")
    assert len(home.upstream.asked) == 1


# --- times to live --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "ttl"), [(ADA, 300), (MIA, 60), (replace(MIA, max_ttl=120), 120)]
)
def test_a_child_keeps_an_answer_for_a_minute(profile: Profile, ttl: int) -> None:
    assert Home(family(profile)).ask(profile.id, "a.example").ttls == [ttl]


def test_a_record_of_ours_is_kept_no_longer_than_a_child_keeps_anything() -> None:
    house = family(local_names=(LocalName("nas.example", ("192.168.1.5",)),))
    home = Home(house)
    assert home.ask("mia", "localhost").ttls == [60]
    assert home.ask("ada", "localhost").ttls == [300]
    short = replace(MIA, max_ttl=20)
    home.change(replace(house, profiles=(short, TOM, ADA)))
    assert home.ask("mia", "nas.example").ttls == [20]


def test_a_record_of_ours_is_the_same_whatever_the_hour() -> None:
    closure = Closure(Reason.PAUSED, NOW + 15, NOW + 60)
    home = Home(timing={"ada": TimePlan(closures=(closure,))})
    assert home.ask("ada", "localhost").ttls == [300]
    home.wait(15)
    assert home.ask("ada", "localhost").ttls == [300]


def test_an_empty_rewrite_is_kept_no_longer_than_a_child_keeps_anything() -> None:
    house = family(rewrites=(NameRewrite(Matcher("start.example"), "homepage.example"),))
    home = Home(house, upstream=FakeUpstream({"homepage.example": "198.51.100.7"}))
    assert home.ask("mia", "start.example", "AAAA").ttls == [60]
    assert home.ask("ada", "start.example", "AAAA").ttls == [300]


def test_an_upstream_that_filters_the_target_of_a_rewrite_is_found_out() -> None:
    house = family(rewrites=(NameRewrite(Matcher("start.example"), "homepage.example"),))
    reply = Home(house, upstream=FakeUpstream({"homepage.example": FILTERED})).ask(
        "mia", "start.example"
    )
    assert reply.verdict.reason is Reason.UPSTREAM_FILTERED
    assert reply.ede == (35, "upstream_filtered: blocked by the upstream resolver")


def test_the_memo_remembers_no_untraced_verdict_for_the_policy_that_asks_second() -> None:
    asked = read_query(query("help.example"))
    helps = policy(MIA, protected={"child_helpline": ["help.example"]})
    other = policy(TOM)
    memo = VerdictMemo(LazyFreeQueue())
    memo.add(b"body", asked, other, decide(other, "help.example", A, NOW))
    entry = memo.get(b"body")
    assert entry is not None
    before = dict(entry.verdicts)
    assert memo.decide(entry, helps, NOW).is_untraced
    assert entry.verdicts == before
