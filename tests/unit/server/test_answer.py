"""Tests of the path of a query: from bytes to bytes, over the cache and the upstream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest
import structlog.testing

from copdns.dns.cache import Cache
from copdns.dns.connections import CLEAR_ZONE
from copdns.dns.exchange import Exchange
from copdns.dns.help_answers import HELP_TTL
from copdns.dns.query import CacheKey, read_query
from copdns.dns.records import RD, A
from copdns.model.household import (
    Household,
    LocalName,
    NameRewrite,
    PrivacyMode,
    Profile,
    SplitUpstream,
)
from copdns.model.matchers import Matcher
from copdns.model.verdict import Action, Reason
from copdns.policy.decide import decide
from copdns.policy.judge import RebindingGuard
from copdns.policy.snapshot import Client
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.verdict_memo import MAX_MEMO_ENTRIES, VerdictMemo, _remember_verdict
from copdns.server.waiting_queries import MAX_WAITERS
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
    assert home.counters.queries == {"udp": 1, "tcp": 1, "tls": 0, "https": 0, "quic": 0}
    again = home.ask("mia", "a.example", edns=False)
    assert again.message.to_wire()[2:] == cut.message.to_wire()[2:]


def test_rules_that_are_gone_are_let_go() -> None:
    home = Home()
    home.ask("mia", "a.example")
    home.ask("mia", "a.example")
    home.recorder._take_counts(None)
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
    entries = list(home.resolver._memo._entries.values())
    assert sorted(len(each.others or ()) for each in entries) == [0, 2, 2]
    assert [each.groups.bit_count() for each in entries if each.others is None] == [1]


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


NAMES_OF_OTHERS = [
    "a.example",  # any name of the internet
    "gone.example",  # one that does not exist
    "help.example",  # a help name, of which the box has an answer
    "chat.help.example",  # another host of it, of which it has none
    "help.example.home.example",  # with a search domain behind it
    "start.example",  # a rewrite to a name that is fetched
    "a.work.example",  # a domain with upstreams of its own
    "school.example",  # what the household protects
]


@pytest.mark.parametrize("lane", [False, True], ids=["chain", "lane"])
@pytest.mark.parametrize("name", NAMES_OF_OTHERS)
def test_who_does_not_want_recursion_learns_nothing_of_what_others_asked(
    name: str, lane: bool
) -> None:
    house = family(
        rewrites=(NameRewrite(Matcher("start.example"), "homepage.example"),),
        split_upstreams=(SplitUpstream("work.example", ("192.0.2.53:53",)),),
        protected=("school.example",),
    )
    home = Home(
        house,
        library(protected={"child_helpline": ["help.example"]}),
        upstream=FakeUpstream({"gone.example": NO_SUCH_NAME}),
        lane=lane,
        fetches_help=True,
    )
    home.wait(61)
    asked = len(home.upstream.asked)
    before = home.ask("tom", name, flags=0, id=1)
    assert (before.rcode, before.ede and before.ede[0]) == ("REFUSED", 20)
    assert (before.message.answer, before.message.authority) == ([], [])
    assert len(home.upstream.asked) == asked
    for _ in range(3):
        home.ask("mia", name)
        home.ask("tom", name)
    assert home.ask("tom", name, flags=0, id=1).message == before.message


DECIDED_HERE = [
    ("games.example", "A"),  # blocked
    ("nas.example", "A"),  # a name of this house
    ("nas.example", "AAAA"),
    ("copdns.home.arpa", "A"),
    ("localhost", "A"),
    ("canary.example", "A"),
    ("own.example", "A"),  # a rewrite to a name of this house
    ("why.games.example.q.home.arpa", "TXT"),
    ("a.example", "ANY"),  # no upstream is asked for it
    ("help.example", "ANY"),
]


@pytest.mark.parametrize(("name", "rtype"), DECIDED_HERE)
def test_what_is_decided_here_is_the_same_with_and_without_recursion(name: str, rtype: str) -> None:
    house = family(
        replace(MIA, canaries=frozenset({"canary"})),
        rules=(block("games.example"),),
        rewrites=(NameRewrite(Matcher("own.example"), "nas.example"),),
        local_names=(LocalName("nas.example", ("192.168.1.5",)),),
    )
    lists = library(
        canaries={"canary": ["canary.example"]}, protected={"child_helpline": ["help.example"]}
    )
    home = Home(house, lists)
    wanted, plain = (home.ask("mia", name, rtype, flags=flags, id=1) for flags in (RD, 0))
    plain.message.flags |= RD
    assert plain.message == wanted.message
    assert home.upstream.asked == []


def test_no_answer_grows_old_in_front_of_anybody() -> None:
    home = Home(upstream=FakeUpstream({"a.example": {"A": "198.51.100.9", "ttl": 100}}))
    for seconds in (0, 1, 30, 18):
        home.wait(seconds)
        assert home.ask("ada", "a.example").ttls == [50]
    assert len(home.upstream.asked) == 1
    home.wait(1)  # whoever got it last holds it until its hundred seconds are over
    home.ask("ada", "a.example")
    assert len(home.upstream.asked) == 2


Seen = tuple[object, ...]


def seen_by_tom(home: Home, name: str, rtype: str) -> list[Seen]:
    """Return all but the time of what a curious brother reads from his questions for a name."""
    seen: list[Seen] = []
    for flags in (0, RD, RD | dns.flags.AD, RD | dns.flags.CD, 0, RD):
        for want_dnssec in (False, True):
            reply = home.ask("tom", name, rtype, flags=flags, want_dnssec=want_dnssec, id=7)
            seen.append((reply.rcode, reply.message.flags, reply.message.to_wire(), reply.ttls))
    return seen


@pytest.mark.parametrize("rtype", ["A", "AAAA", "HTTPS", "TXT"])
@pytest.mark.parametrize("name", [*NAMES_OF_OTHERS, "games.example", "nas.example"])
@pytest.mark.parametrize("mode", [PrivacyMode.OFF, PrivacyMode.BLOCKED])
def test_rcode_flags_ttls_and_size_tell_nobody_that_somebody_asked(
    name: str, rtype: str, mode: PrivacyMode
) -> None:
    house = family(
        replace(MIA, privacy=mode),
        TOM,
        rules=(block("games.example"),),
        rewrites=(NameRewrite(Matcher("start.example"), "homepage.example"),),
        split_upstreams=(SplitUpstream("work.example", ("192.0.2.53:53",)),),
        local_names=(LocalName("nas.example", ("192.168.1.5",)),),
    )
    lists = library(protected={"child_helpline": ["help.example"]})
    seen = []
    for somebody_asks in (False, True):
        upstream = FakeUpstream({"gone.example": NO_SUCH_NAME})
        home = Home(house, lists, upstream=upstream, lane=True, fetches_help=True)
        home.wait(61)
        if somebody_asks:
            for _ in range(3):
                home.ask("mia", name, rtype)
            home.ask("mia", name, rtype, want_dnssec=True)
        home.wait(9)
        seen.append(seen_by_tom(home, name, rtype))
    assert seen[0] == seen[1]


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


def help_home(**fields: Any) -> Home:
    """Return a home that has asked for its help name by itself."""
    lists = library(protected={"child_helpline": ["help.example"]})
    home = Home(lists=lists, fetches_help=True, **fields)
    home.wait(61)
    return home


@pytest.mark.parametrize("name", ["help.example", "chat.help.example", "help.example.home.example"])
def test_a_look_for_help_is_in_no_cache_whose_number_shows(name: str) -> None:
    home = help_home()
    for _ in range(2):
        assert home.ask("mia", name).rcode == "NOERROR"
    assert len(home.resolver.responses.cache) == 0
    assert (home.counters.cache_hits, home.counters.cache_misses) == (0, 0)


@pytest.mark.parametrize("rtype", ["A", "AAAA", "HTTPS"])
@pytest.mark.parametrize("name", ["help.example", "www.help.example"])
@pytest.mark.parametrize("want_dnssec", [False, True])
@pytest.mark.parametrize("cd", [0, dns.flags.CD])
def test_no_upstream_is_asked_for_a_help_name_because_somebody_asked(
    name: str, rtype: str, want_dnssec: bool, cd: int
) -> None:
    home = help_home()
    asked = len(home.upstream.asked)
    reply = home.ask("mia", name, rtype, want_dnssec=want_dnssec, flags=RD | cd)
    assert (reply.rcode, set(reply.ttls)) == ("NOERROR", {HELP_TTL})
    assert len(home.upstream.asked) == asked


@pytest.mark.parametrize(
    ("name", "rtype"),
    [
        ("chat.help.example", "A"),
        ("www.www.help.example", "A"),
        ("help.example", "TXT"),
        ("help.example.home.example", "A"),
    ],
)
def test_what_is_no_question_of_the_set_is_fetched_each_time(name: str, rtype: str) -> None:
    home = help_home()
    for _ in range(3):
        before = len(home.upstream.asked)
        reply = home.ask("mia", name, rtype)
        assert (set(reply.ttls), len(home.upstream.asked)) == ({HELP_TTL}, before + 1)


class Watching(FakeUpstream):
    """An upstream that writes down what was asked when."""

    home: Home

    def ask(self, exchange: Exchange, /) -> None:
        self.seen.append((self.home.clock.mono, exchange.key))
        super().ask(exchange)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, CacheKey]] = []


def test_an_upstream_sees_the_same_whether_somebody_looked_for_help_or_not() -> None:
    seen = []
    for somebody_looks in (False, True):
        upstream = Watching()
        home = Home(
            lists=library(protected={"child_helpline": ["help.example", "line.example"]}),
            upstream=upstream,
        )
        upstream.home = home
        home.begin_fetching_help()
        home.wait(61)
        for minute in range(60):
            if somebody_looks and minute % 7 == 3:
                for who, rtype in (("mia", "A"), ("tom", "AAAA"), ("ada", "HTTPS")):
                    home.ask(who, "help.example", rtype)
                    home.ask(who, "www.line.example", rtype, want_dnssec=True)
            home.ask("tom", "a.example")
            home.wait(60)
        seen.append(upstream.seen)
    assert seen[0] == seen[1]
    assert len(seen[0]) > 100


def test_an_upstream_that_lets_ttls_grow_old_shows_through_for_no_help_name() -> None:
    home = help_home()
    for left in (300, 120, 59, 3, 0):
        home.upstream.script = {"chat.help.example": {"A": "198.51.100.9", "ttl": left}}
        assert home.ask("ada", "chat.help.example").ttls == [HELP_TTL]


def test_a_question_for_help_waits_with_no_other() -> None:
    desk_ = Desk(help_home())
    asked = len(desk_.home.upstream.asked)
    for who in ("mia", "tom", "mia"):
        desk_.ask(who, "chat.help.example")
    assert len(desk_.home.upstream.asked) == asked + 3
    desk_.home.upstream.deliver()
    assert [len(desk_.replies[who]) for who in ("mia", "tom")] == [2, 1]


def test_a_person_with_a_limit_of_their_own_keeps_help_for_no_longer() -> None:
    home = help_home(house=family(replace(MIA, max_ttl=10), TOM))
    assert home.ask("mia", "help.example").ttls == [10]
    assert home.ask("tom", "help.example").ttls == [HELP_TTL]


def test_what_was_fetched_for_help_is_still_judged_for_whoever_asks() -> None:
    lists = library(protected={"child_helpline": ["help.example"]}, legal=["banned.example"])
    script = {"help.example": {"CNAME": "banned.example."}, "www.help.example": "198.51.100.4"}
    home = Home(lists=lists, upstream=FakeUpstream(script), fetches_help=True)
    home.wait(61)
    assert home.ask("mia", "help.example").verdict.reason is Reason.LEGAL
    home.resolver.reconfigure(RebindingGuard(), Cache(), None)
    assert home.ask("mia", "www.help.example").data == ["198.51.100.4"]


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


def test_what_former_upstreams_of_a_split_said_is_forgotten() -> None:
    def house(server: str) -> Household:
        return family(split_upstreams=(SplitUpstream("work.example", (server,)),))

    splits = {"work.example": {"wiki.work.example": "198.51.100.50"}}
    home = Home(house("192.0.2.53:53"), upstream=FakeUpstream({}, splits=splits))
    home.ask("mia", "wiki.work.example")
    asked = len(home.upstream.asked)
    home.ask("mia", "wiki.work.example")
    assert len(home.upstream.asked) == asked
    home.change(house("192.0.2.54:53"))
    home.ask("mia", "wiki.work.example")
    assert len(home.upstream.asked) == asked + 1


def test_a_split_domain_has_a_cache_of_its_own() -> None:
    house = family(split_upstreams=(SplitUpstream("work.example", ("192.0.2.53:53",)),))
    inside = {"a.work.example": "198.51.100.50"}
    home = Home(house, upstream=FakeUpstream({}, splits={"work.example": inside}))
    assert home.ask("mia", "a.work.example").data == ["198.51.100.50"]
    home.change(replace(house, split_upstreams=()))
    assert home.ask("mia", "a.work.example").data == ["198.51.100.1"]
    assert [key.zone for key in home.upstream.asked] == ["work.example", ""]


def test_time_servers_are_asked_in_clear_text_and_marked_where_all_else_is_encrypted() -> None:
    groups = {"os_time": ["time.example"], "os_connectivity": ["portal.example"]}
    home = Home(lists=library(protected=groups))
    home.resolver.responses.asks_time_in_clear = True
    names = ["time.example", "eu.time.example", "portal.example", "toys.example"]
    codes = [home.ask("mia", name).ede for name in names]
    assert codes == 2 * [(0, "the name of a time server, which is not validated")] + 2 * [None]
    assert [key.zone for key in home.upstream.asked] == [CLEAR_ZONE, CLEAR_ZONE, "", ""]


def test_no_upstream_is_to_check_the_signatures_of_a_time_server_and_that_is_said() -> None:
    """With a wrong clock none is valid, so whoever checks them would never say what time it is."""
    home = Home(lists=library(protected={"os_time": ["time.example"]}))
    for flags in (dns.flags.RD, dns.flags.RD | dns.flags.CD):
        reply = home.ask("mia", "time.example", want_dnssec=True, flags=flags)
        assert reply.ede == (0, "the name of a time server, which is not validated")
        assert not reply.message.flags & dns.flags.AD
    assert [(key.zone, key.cd) for key in home.upstream.asked] == [("", True)]
    home.ask("mia", "toys.example")
    assert not home.upstream.asked[-1].cd


def test_a_filtered_answer_that_is_kept_does_not_do_for_a_protected_name() -> None:
    """Another household, or a rewrite to the same name, may have asked before."""
    house = family(rewrites=(NameRewrite(Matcher("start.example"), "school.example"),))
    upstream = FakeUpstream(
        {"school.example": FILTERED}, second={"school.example": "198.51.100.60"}
    )
    home = Home(replace(house, protected=("school.example",)), upstream=upstream)
    assert home.ask("mia", "start.example").verdict.reason is Reason.UPSTREAM_FILTERED
    assert home.ask("mia", "school.example").data == ["198.51.100.60"]


def test_with_other_settings_help_is_answered_as_before() -> None:
    home = help_home()
    asked = len(home.upstream.asked)
    home.resolver.reconfigure(RebindingGuard(), Cache(), None)
    assert home.ask("mia", "help.example").data == ["198.51.100.1"]
    assert len(home.upstream.asked) == asked


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
    mia = replace(MIA, privacy=PrivacyMode.BLOCKED)
    house = family(mia, TOM, ADA, rules=(block("a.example", "mia"),))
    desk_ = desk({"a.example": SILENCE})
    desk_.ask("mia", "a.example")
    desk_.ask("ada", "a.example")
    desk_.home.change(house)
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


class Mistaken:
    """Fails for one person, as a bug would."""

    def __init__(self, mistake: Callable[..., Any], person: str) -> None:
        self._call, self._person = mistake, person

    def __call__(self, client: Client, *rest: Any, **named: Any) -> Any:
        if client.policy.profile == self._person:
            raise ZeroDivisionError(str(rest))
        return self._call(client, *rest, **named)


def test_a_bug_that_one_query_meets_leaves_nobody_else_without_an_answer() -> None:
    desk_ = desk()
    for who in ("tom", "mia", "ada"):
        desk_.ask(who, "a.example")
    desk_.ask("tom", "b.example")
    recorder = desk_.home.recorder
    recorder.record = Mistaken(recorder.record, "mia")  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as logged:
        desk_.home.upstream.deliver()
    assert (desk_.rcodes("tom"), desk_.rcodes("ada")) == (["NOERROR", "NOERROR"], ["NOERROR"])
    assert desk_.rcodes("mia") == ["SERVFAIL"]
    (error,) = desk_.replies["mia"][0].extended_errors()
    assert (error.code, error.text) == (0, "this query could not be answered")
    (line,) = logged
    assert line["error"] == "ZeroDivisionError"
    assert "a.example" not in str(line)


def test_a_bug_in_answering_at_once_is_one_reply_and_one_line() -> None:
    home = Home(family(rules=(block("b.example"),)))
    home.recorder.record = Mistaken(home.recorder.record, "mia")  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as logged:
        replies = [home.ask("mia", "b.example") for _ in range(3)]
    assert {each.rcode for each in replies} == {"SERVFAIL"}
    assert len(logged) == 1
    assert home.ask("tom", "b.example").rcode == "NOERROR"


def test_a_reply_that_cannot_be_sent_keeps_none_of_the_others_from_being_sent() -> None:
    desk_ = desk()
    message, moment = wire("a.example"), desk_.home.clock()

    def fail(_reply: bytes, _to: Any) -> None:
        raise OSError

    desk_.home.resolver.answer(message, asker("mia"), moment, fail, "mia")
    desk_.ask("tom", "a.example")
    desk_.home.upstream.deliver()
    assert desk_.rcodes("tom") == ["NOERROR"]


def test_after_an_upstream_could_not_be_asked_the_next_query_asks_again() -> None:
    desk_ = desk()
    ask, desk_.home.upstream.ask = desk_.home.upstream.ask, _refuse  # type: ignore[method-assign]
    desk_.ask("mia", "a.example")
    assert desk_.rcodes("mia") == ["SERVFAIL"]
    desk_.home.upstream.ask = ask  # type: ignore[method-assign]
    desk_.ask("mia", "a.example")
    desk_.home.upstream.deliver()
    assert desk_.rcodes("mia") == ["SERVFAIL", "NOERROR"]


def _refuse(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError


def test_what_does_not_exist_is_passed_on_as_the_upstream_said_it() -> None:
    home = Home(upstream=FakeUpstream({"a.example": NO_SUCH_NAME}))
    reply = home.ask("ada", "a.example")
    assert (reply.rcode, len(reply.message.authority)) == ("NXDOMAIN", 1)
    home.ask("ada", "a.example", "AAAA")
    assert len(home.upstream.asked) == 1


# --- times to live --------------------------------------------------------------------------------


SHORT = replace(MIA, max_ttl=20)


@pytest.mark.parametrize(
    ("profile", "ttl"), [(ADA, 60), (MIA, 60), (replace(MIA, max_ttl=120), 60), (SHORT, 20)]
)
def test_everybody_keeps_an_answer_for_a_minute_at_most(profile: Profile, ttl: int) -> None:
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
    assert memo.decide(entry, helps, NOW).is_untraced
    assert (entry.groups, entry.others) == (other.group.bit, None)


def test_the_memo_gives_each_group_its_own_verdict_and_stores_equal_ones_once() -> None:
    asked = read_query(query("a.example"))
    some = [policy(MIA), policy(TOM), policy(ADA), policy(MIA)]
    verdict = decide(some[0], "a.example", A, NOW)
    other = replace(verdict, ttl=7)
    memo = VerdictMemo(LazyFreeQueue())
    memo.add(b"body", asked, some[0], verdict)
    entry = memo.get(b"body")
    assert entry is not None
    assert entry.find(some[1].group) is None
    _remember_verdict(entry, some[1], replace(verdict))
    _remember_verdict(entry, some[2], other)
    some[3].group.room, some[3].group.bit = -1, some[0].group.bit  # of another room
    assert [entry.find(each.group) for each in some] == [verdict, verdict, other, None]
    assert entry.find(some[1].group) is verdict
    assert list(entry.others or ()) == [some[2].group]
