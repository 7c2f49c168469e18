"""When a reply is given again without looking at its question, and when never."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from ipaddress import ip_network
from math import inf
from typing import Any

import dns.message
import pytest

from copdns.dns.cache import Cache
from copdns.dns.query import read_query
from copdns.dns.records import AAAA, AD, AXFR, CD, RD
from copdns.model.household import (
    BlockMode,
    Device,
    FullLogSpan,
    LocalName,
    NameRewrite,
    PrivacyMode,
    Profile,
)
from copdns.model.matchers import Matcher
from copdns.model.reply_kind import ReplyKind
from copdns.model.times import Budget, parse_subject
from copdns.model.verdict import Action, Reason, Requestor, Verdict
from copdns.policy.decide import Policy
from copdns.policy.judge import RebindingGuard
from copdns.policy.snapshot import Client, Snapshot
from copdns.privacy.recent_blocks import OwnedDevice
from copdns.server.cached_reply import CachedReply, ReplyNotes, Tally
from copdns.server.forwarders import Forwarder, Forwarders
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.packet_cache import (
    MAX_CLOCK_DRIFT,
    MAX_QUERY_SIZE,
    MAX_REPLIES,
    PLACE,
    PacketCache,
)
from copdns.time.budget import PLENTY
from copdns.time.clock import Moment
from copdns.time.minutes import DayStart
from copdns.time.plan import Closure, TimePlan
from tests.fakes import FILTERED, FakeClock, Script, answer_of
from tests.forwarding import proxied
from tests.household import MIA, NOW, TOM, asker, block, family, library, policy
from tests.lane.twins import DEFAULTS, Sent, State, Twin
from tests.unit.messages import message, opt, option, parsed, query, question

PHONE, TABLET, TOMS, STRANGER, FORWARDER = (
    *("127.0.0.2", "127.0.0.6", "127.0.0.3", "127.0.1.9", "127.0.0.9"),
)
WWW, GAMES, HELP = "www.example", "games.example", "help.example"
DEVICES = (
    Device("phone", "Phone", "mia", (PHONE,)),
    Device("tablet", "Tablet", "mia", (TABLET,)),
    Device("toms", "Tom's phone", "tom", (TOMS,)),
)

Make = Callable[..., Twin]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def make(clock: FakeClock) -> Iterator[Make]:
    """Make a home with a fast lane; its upstream answers at once."""
    with ExitStack() as stack:

        def maker(
            mia: Profile = MIA,
            script: Script | None = None,
            timing: TimePlan | None = None,
            tom: Profile = TOM,
            **fields: Any,
        ) -> Twin:
            fields.setdefault("rules", (block(GAMES, "mia"),))
            house = family(mia, tom, devices=DEVICES, **fields)
            lists = library(
                protected={"child_helpline": [HELP], "targets": ["safe.example"]},
                engines={"search": (["search.example"], {"strict": "safe.example"})},
            )
            state = State(house, lists, {"mia": timing} if timing else {})
            said = script or {}

            def says(key: Any, protected: bool) -> Any:
                return answer_of({} if protected else said, key.qname, key.qtype)

            return stack.enter_context(closing(Twin(state, clock, says, fast=True)))

        yield maker


def ask(home: Twin, wire: bytes, source: str = PHONE) -> tuple[bytes, bool]:
    """Return the reply to a message, without its ID, and whether it came by the lane."""
    before = home.fast
    (reply,) = home.ask([Sent(source, wire)])[source]
    assert reply[:2] == wire[:2]
    return reply[2:], home.fast > before


def is_fast(home: Twin, wire: bytes, source: str = PHONE) -> bool:
    return ask(home, wire, source)[1]


def warm(home: Twin, wire: bytes, source: str = PHONE) -> None:
    """Ask until the lane knows the reply."""
    assert [is_fast(home, wire, source) for _ in range(3)][-1]


def read(reply: bytes) -> dns.message.Message:
    return parsed(b"\0\0" + reply)


def ttls(reply: bytes) -> list[int]:
    message = read(reply)
    return [rrset.ttl for rrset in (*message.answer, *message.authority)]


# --- what is remembered -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "by_lane"), [(WWW, [False, False, True, True]), (GAMES, [False, True, True, True])]
)
def test_a_reply_that_needed_nobody_is_given_again(
    make: Make, name: str, by_lane: list[bool]
) -> None:
    home = make()
    replies = [ask(home, query(name)) for _ in range(4)]
    assert [fast for _, fast in replies] == by_lane
    assert len({reply for reply, _ in replies}) == 1


def test_each_question_gets_its_own_id_back(make: Make) -> None:
    home, body = make(), query(GAMES)[2:]
    warm(home, query(GAMES))
    asked = [number.to_bytes(2, "big") + body for number in (0, 1, 0xFFFF)]
    replies = home.ask([Sent(PHONE, each) for each in asked])[PHONE]
    assert [each[:2] for each in replies] == [each[:2] for each in asked]


def test_devices_under_one_policy_share_the_replies_and_others_have_their_own(make: Make) -> None:
    home = make()
    ask(home, query(WWW), TABLET), ask(home, query(WWW), TOMS)  # who they are is known then
    warm(home, query(GAMES))
    assert is_fast(home, query(GAMES), TABLET)
    reply, fast = ask(home, query(GAMES), TOMS)
    assert read(reply).answer
    assert not fast


@pytest.mark.parametrize(
    "other",
    [
        query(GAMES, AAAA),
        query("Games.example"),
        query(f"a.{GAMES}"),
        query(GAMES, flags=RD | AD),
        query(GAMES, flags=RD | CD),
        query(GAMES, flags=0),
        query(GAMES, opt=opt()),
        query(GAMES, opt=opt(size=512)),
        query(GAMES, opt=opt(option(10, b"cookies!"))),
        query(GAMES, opt=opt(option(26))),
    ],
)
def test_a_question_that_differs_in_anything_is_another(make: Make, other: bytes) -> None:
    home = make()
    warm(home, query(GAMES))
    assert not is_fast(home, other)
    assert is_fast(home, other)
    assert is_fast(home, query(GAMES))


# --- what never is ------------------------------------------------------------------------------


def long(octets: int) -> bytes:
    """Return a question of that many octets."""
    short = query(GAMES, opt=opt(option(12)))
    return query(GAMES, opt=opt(option(12, bytes(octets - len(short)))))


PAGE = replace(MIA, block_mode=BlockMode.PAGE)


@pytest.mark.parametrize(
    ("wire", "source", "mia"),
    [
        pytest.param(query(HELP), PHONE, MIA, id="a help name"),
        pytest.param(query(f"www.{HELP}"), PHONE, MIA, id="a name below one"),
        pytest.param(query(GAMES), PHONE, PAGE, id="a block page"),
        pytest.param(query("copdns.home.arpa"), PHONE, MIA, id="a name of this machine"),
        pytest.param(query("printer.example"), PHONE, MIA, id="a name of this house"),
        pytest.param(query("localhost"), PHONE, MIA, id="a special name"),
        pytest.param(query(WWW), STRANGER, MIA, id="a stranger"),
        pytest.param(message(question(GAMES, qclass=3)), PHONE, MIA, id="another class"),
        pytest.param(query(GAMES, AXFR), PHONE, MIA, id="a transfer"),
        pytest.param(query(GAMES, opt=opt(ttl=1 << 16)), PHONE, MIA, id="another EDNS version"),
        pytest.param(long(MAX_QUERY_SIZE + 1), PHONE, MIA, id="a long message"),
        pytest.param(query(GAMES)[:-3], PHONE, MIA, id="a malformed message"),
        pytest.param(query(f"{HELP}.home.example"), PHONE, MIA, id="a help name with more behind"),
    ],
)
def test_what_depends_on_more_or_leaves_no_trace_goes_the_whole_way(
    make: Make, wire: bytes, source: str, mia: Profile
) -> None:
    local = (LocalName("printer.example", ("127.0.0.20",)),)
    full = replace(mia, full_log=FullLogSpan(int(NOW), int(NOW) + 60))
    home = make(full, local_names=local)
    replies = [ask(home, wire, source) for _ in range(4)]
    assert not any(fast for _, fast in replies)
    assert len({reply for reply, _ in replies}) == 1


def test_the_longest_message_that_is_remembered(make: Make) -> None:
    assert len(long(MAX_QUERY_SIZE)) == MAX_QUERY_SIZE
    warm(make(), long(MAX_QUERY_SIZE))


def test_what_was_asked_over_tcp_is_no_reply_for_udp(make: Make) -> None:
    texts = {WWW: {"TXT": [f"{each}{'x' * 100}" for each in range(8)]}}
    home, wire = make(script=texts), query(WWW, 16)
    ask(home, query(GAMES))  # so that it is known who this is
    for _ in range(3):
        (whole,) = home.ask([Sent(PHONE, wire, "tcp")])[f"{PHONE} by TCP"]
        assert len(whole) > 512
    for _ in range(3):
        reply, _ = ask(home, wire)
        assert (len(reply) < 512, bool(reply[0] & 0x02)) == (True, True)
    (again,) = home.ask([Sent(PHONE, wire, "tcp")])[f"{PHONE} by TCP"]
    assert again == whole


class Doubting(Snapshot):
    """A live state that takes nobody for sure."""

    __slots__ = ("nobody",)

    def identify(self, asker: Requestor) -> Client:
        client = super().identify(asker)
        return replace(client, is_certain=asker.address == TABLET)


def test_a_client_that_may_be_somebody_else_is_looked_at_each_time(make: Make) -> None:
    home = make()
    now = home.resolver.snapshot
    households = list(now.households.values())
    home.resolver.snapshot = Doubting(
        now.library, now.defaults, households, now.contexts, now.policies, NOW
    )
    warm(home, query(GAMES), TABLET)
    assert [is_fast(home, query(GAMES)) for _ in range(3)] == [False] * 3
    assert is_fast(home, query(GAMES), TABLET)


def test_a_stranger_has_no_place_that_would_end_with_each_change(make: Make) -> None:
    home = make()
    warm(home, query(GAMES))
    lane, now = home.resolver.packet_cache, home.resolver.snapshot
    assert lane is not None
    of = now.identify(Requestor("127.0.0.1", PHONE, "udp")).policy
    before = lane.replies_for(of).replies
    assert not is_fast(home, query(GAMES), STRANGER)
    lane.drop_outdated(now)
    assert lane.replies_for(of).replies is before  # else all were put into another


def test_a_forwarder_may_bring_anybodys_question(make: Make) -> None:
    home = make()
    wire = query(GAMES)
    warm(home, wire)
    warm(home, wire, FORWARDER)  # a guest, until it is listed
    home.state.forwarders = Forwarders([Forwarder(ip_network(FORWARDER), proxy=True)])
    home.trust()
    for _ in range(3):
        (reply,) = home.ask([Sent(FORWARDER, proxied(PHONE) + wire)])[FORWARDER]
        assert not parsed(reply).answer
        assert not is_fast(home, wire, FORWARDER)


# --- for how long -------------------------------------------------------------------------------


def test_a_reply_is_forgotten_with_its_policy(make: Make) -> None:
    home = make()
    warm(home, query(WWW))
    warm(home, query(WWW), TOMS)
    home.state.house = replace(home.state.house, rules=(block(WWW, "mia"),))
    home.change()
    reply, fast = ask(home, query(WWW))
    assert (read(reply).answer, fast) == ([], False)
    ask(home, query(GAMES), TOMS)  # who this is has to be looked up anew ...
    assert is_fast(home, query(WWW), TOMS)  # ... and the policy is the same


def test_other_settings_begin_with_nothing(make: Make) -> None:
    home = make(script={WWW: "192.168.1.1"})
    warm(home, query(WWW))
    home.state.rebinding = RebindingGuard(enabled=False)
    home.renew()
    reply, fast = ask(home, query(WWW))
    assert ([str(each) for each in read(reply).answer[0]], fast) == (["192.168.1.1"], False)


@pytest.mark.parametrize(("max_ttl", "shown"), [(None, 60), (3600, 60), (7, 7)])
@pytest.mark.parametrize("name", [WWW, "search.example", "cut.example"])
def test_a_reply_is_the_same_until_its_response_ends(
    make: Make, clock: FakeClock, name: str, max_ttl: int | None, shown: int
) -> None:
    long = {"TXT": [f"{n:0100}" for n in range(8)]}  # no room for it in a datagram
    safe = replace(MIA, max_ttl=max_ttl, safe_search=(("search", "strict"),))
    home = make(safe, {"safe.example": {"A": "198.51.100.7"}, "cut.example": long})
    wire = query(name, 16 if name == "cut.example" else 1)
    warm(home, wire)
    first, _ = ask(home, wire)
    for seconds in (1 - 1 / 1024, 1 / 1024, 100, 138.75):
        clock.wait(seconds)
        assert ask(home, wire) == (first, True)
    assert min(ttls(first), default=shown) == shown
    clock.wait(0.25)  # 240 seconds after it came with a TTL of 300
    reply, fast = ask(home, wire)
    assert (reply, fast, len(home.upstream.asked)) == (first, False, 2)


def test_a_refusal_without_recursion_tells_nothing_of_what_is_cached(make: Make) -> None:
    home, plain = make(), query(WWW, flags=0)
    before = [ask(home, plain) for _ in range(3)]
    warm(home, query(WWW), TOMS)
    after = [ask(home, plain) for _ in range(3)]
    assert len({reply for reply, _ in before + after}) == 1
    assert [fast for _, fast in before + after] == [False, *5 * [True]]


def test_an_answer_that_ends_is_asked_for_again(make: Make, clock: FakeClock) -> None:
    home = make(script={WWW: {"A": "198.51.100.7", "ttl": 1}})
    warm(home, query(WWW))
    asked = len(home.upstream.asked)
    clock.wait(1)
    assert not is_fast(home, query(WWW))
    assert len(home.upstream.asked) == asked + 1


def test_a_block_lasts_as_long_as_its_policy(make: Make, clock: FakeClock) -> None:
    home = make()
    warm(home, query(GAMES))
    clock.wait(100_000)
    assert is_fast(home, query(GAMES))


def pause(start: float, end: float) -> TimePlan:
    return TimePlan((Closure(Reason.PAUSED, NOW + start, NOW + end),))


@pytest.mark.parametrize(("timing", "blocked"), [(pause(-9, 60), True), (pause(60, 90), False)])
def test_a_reply_ends_when_the_verdict_does(
    make: Make, clock: FakeClock, timing: TimePlan, blocked: bool
) -> None:
    home = make(timing=timing)
    clock.wait(59 + 1 / 1024)
    warm(home, query(WWW))
    clock.wait(1 - 2 / 1024)
    assert bool(read(ask(home, query(WWW))[0]).answer) is not blocked
    clock.wait(1 / 1024)
    reply, fast = ask(home, query(WWW))
    assert (bool(read(reply).answer), fast) == (blocked, False)


def test_a_ttl_that_is_far_from_the_end_of_a_verdict_stays_the_same(
    make: Make, clock: FakeClock
) -> None:
    home = make(replace(MIA, max_ttl=3600), timing=pause(7200, 7300))
    warm(home, query(WWW))
    clock.wait(1)
    reply, fast = ask(home, query(WWW))
    assert (ttls(reply), fast) == ([60], True)


# --- minutes of use -----------------------------------------------------------------------------

FILMS = Budget("films", "mia", (("daily", 60),), (parse_subject(WWW),))


def marked(home: Twin, minutes: int, who: str = "mia") -> list[bool]:
    """Tell in which minutes before this one the films were noted."""
    ledger, now = home.counting.ledger, home._clock.wall
    ledger.fold(now)
    day = home.counting.day(now)
    some = ledger.marks("home", who, "films", DayStart(day.day, int(day.start))).some
    place = int(now - day.start) // 60
    return [bool(some >> place - minute & 1) for minute in range(minutes, 0, -1)]


def test_use_is_noted_in_each_minute_in_which_a_reply_is_given_again(
    make: Make, clock: FakeClock
) -> None:
    home = make(budgets=(FILMS,), script={WWW: {"A": "198.51.100.7", "ttl": 3600}})
    warm(home, query(WWW))
    for wait in (60, 120, 60):
        clock.wait(wait)
        assert is_fast(home, query(WWW))
        assert is_fast(home, query(WWW))
    clock.wait(60)
    assert marked(home, 5) == [True, True, False, True, True]


def test_each_person_uses_a_reply_that_is_shared(make: Make, clock: FakeClock) -> None:
    toms = replace(FILMS, scope="tom")
    home = make(budgets=(FILMS, toms), script={WWW: {"A": "198.51.100.7", "ttl": 3600}})
    for source in (PHONE, TOMS):
        warm(home, query(WWW), source)
    assert home.resolver.packet_cache is not None
    assert len(home.resolver.packet_cache) == 1
    for sources in ((PHONE, TOMS, PHONE), (TOMS, TOMS), (), (PHONE,)):
        clock.wait(60)
        assert False not in [is_fast(home, query(WWW), source) for source in sources]
    clock.wait(60)
    assert marked(home, 5) == [True, True, False, False, True]
    assert marked(home, 5, "tom") == [True, True, True, False, False]


def test_a_budget_that_is_used_keeps_its_replies_while_there_is_plenty(
    make: Make, clock: FakeClock
) -> None:
    home = make(budgets=(FILMS,), script={WWW: {"A": "198.51.100.7", "ttl": 3600}})
    warm(home, query(WWW))
    for minute in range(60 - PLENTY):
        ask(home, query(GAMES))  # who asks is looked at anew where anything may have changed
        assert is_fast(home, query(WWW)), minute
        clock.wait(60)
        home.look()
    assert home.readings.used["home", "mia"]["films"].likely == 60 - PLENTY


def test_the_end_that_a_block_is_noted_with_is_that_of_its_minute(
    make: Make, clock: FakeClock
) -> None:
    few = replace(FILMS, about=(), minutes=(("daily", PLENTY - 1),))
    home = make(budgets=(few,))
    warm(home, query(GAMES))
    clock.wait(60)
    assert not is_fast(home, query(GAMES))


FILTERED_THERE = {"filtered.example": FILTERED}


@pytest.mark.parametrize("max_ttl", [None, 4, 60])
@pytest.mark.parametrize("name", [WWW, "search.example", "filtered.example"])
def test_no_ttl_reaches_past_the_end_of_a_verdict(
    make: Make, clock: FakeClock, name: str, max_ttl: int | None
) -> None:
    mia = replace(MIA, max_ttl=max_ttl, safe_search=(("search", "strict"),))
    for timing in (pause(-9, 20.25), pause(20.25, 90)):
        home = make(mia, FILTERED_THERE, timing)
        began = clock.wall
        while clock.wall < NOW + 20:
            assert max(ttls(ask(home, query(name))[0])) <= NOW + 20.25 - clock.wall
            clock.wait(1 / 8)
        clock.wall = began
        assert home.fast


# --- the wall clock -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds", [3600, MAX_CLOCK_DRIFT + 1 / 1024, -MAX_CLOCK_DRIFT - 1 / 1024, -3600]
)
def test_a_wall_clock_that_jumps_empties_the_lane(
    make: Make, clock: FakeClock, seconds: float
) -> None:
    home = make()
    warm(home, query(WWW))
    warm(home, query(GAMES))
    clock.wall += seconds
    assert [is_fast(home, query(name)) for name in (WWW, GAMES)] == [False, False]
    assert [is_fast(home, query(name)) for name in (WWW, GAMES)] == [True, True]


@pytest.mark.parametrize("seconds", [MAX_CLOCK_DRIFT / 2, -MAX_CLOCK_DRIFT / 2])
def test_a_wall_clock_that_is_set_right_does_not(
    make: Make, clock: FakeClock, seconds: float
) -> None:
    home = make()
    warm(home, query(GAMES))
    clock.wall += seconds
    assert is_fast(home, query(GAMES))
    clock.wall += 2 * seconds  # but many small steps are a jump too
    assert not is_fast(home, query(GAMES))


# --- another word of the upstream ---------------------------------------------------------------


def test_a_better_answer_for_a_protected_name_is_given_at_once(make: Make) -> None:
    """Safe search leads to a name that an upstream filters; asked for itself nobody may."""
    home = make(replace(MIA, safe_search=(("search", "strict"),)), {"safe.example": FILTERED})
    warm(home, query("search.example"))
    ask(home, query("safe.example"))
    reply, fast = ask(home, query("search.example"))
    assert ([len(rrset) for rrset in read(reply).answer], fast) == ([1, 1], False)


def test_a_help_name_empties_no_lane_since_its_answer_is_kept_apart(make: Make) -> None:
    home = make(rewrites=(NameRewrite(Matcher("start.example"), HELP),))
    warm(home, query("start.example"))
    warm(home, query(GAMES))
    ask(home, query(HELP))
    assert is_fast(home, query(GAMES))


def test_what_is_given_from_the_lane_stays_in_the_cache(make: Make) -> None:
    home = make()
    home.resolver.responses.cache = Cache(entries=4)
    warm(home, query(WWW))
    for number in range(20):
        assert is_fast(home, query(WWW))
        ask(home, query(f"n{number}.example"))
    assert WWW in {key.qname for key in home.resolver.responses.cache._entries}


# --- what is counted and kept -------------------------------------------------------------------


def test_each_reply_is_counted(make: Make) -> None:
    home = make(replace(MIA, privacy=PrivacyMode.BLOCKED))
    warm(home, query(WWW))
    warm(home, query(GAMES))
    home.pass_on()
    ask(home, query(WWW)), ask(home, query(GAMES))
    home.pass_on()
    counters = home.counters
    assert counters.queries == {"udp": 8, "tcp": 0, "tls": 0, "https": 0, "quic": 0}
    assert (counters.rcodes[0], counters.cache_hits, counters.cache_misses) == (8, 3, 1)
    assert counters.verdicts == {
        (Action.ALLOW, Reason.DEFAULT): 4,
        (Action.BLOCK, Reason.RULE): 4,
    }
    assert sum(home.log.counts.values()) == 8


def test_a_full_log_has_a_row_for_each_reply(make: Make, clock: FakeClock) -> None:
    home = make(replace(MIA, full_log=FullLogSpan(int(NOW) + 10, int(NOW) + 20)))
    for _ in range(30):
        ask(home, query(GAMES), TABLET)
        clock.wait(1)
    assert home.fast == 29
    rows = [(row.at - int(NOW), row.device, row.qname) for row in home.log.rows]
    assert rows == [(second, "tablet", GAMES) for second in range(10, 20)]


def test_a_blocked_name_is_noted_once_in_five_minutes(make: Make, clock: FakeClock) -> None:
    home = make(replace(MIA, privacy=PrivacyMode.BLOCKED))
    for _ in range(10):
        ask(home, query(GAMES))
        clock.wait(60)
    assert [row.at for row in home.log.rows] == [int(NOW), int(NOW) + 300]


def test_a_block_is_the_newest_in_the_childs_ring_each_time(make: Make, clock: FakeClock) -> None:
    home = make(rules=(block(GAMES), block(WWW)))
    for name in (GAMES, WWW, GAMES, WWW, GAMES):
        ask(home, query(name))
        clock.wait(1)
    assert home.fast == 3
    blocks = home.recent.blocks(OwnedDevice("home", "mia", "phone"), clock.wall)
    assert [(each.name, each.at) for each in blocks] == [(GAMES, NOW + 4), (WWW, NOW + 3)]


@pytest.mark.parametrize("name", [HELP, f"chat.{HELP}", f"{HELP}.home.example"])
def test_a_help_name_is_in_no_count_and_in_no_row(make: Make, name: str) -> None:
    whole = FullLogSpan(int(NOW), int(NOW) + 60)
    home = make(replace(MIA, full_log=whole))
    for _ in range(3):
        ask(home, query(name))
    home.pass_on()
    assert (home.log.rows, home.log.counts, home.counters.queries["udp"]) == ([], {}, 0)


# --- the bound, and what policies share ---------------------------------------------------------

LATER = pause(9_000, 9_001)


def kept(lane: PacketCache, number: int, of: Any, verdict: Verdict, *, noted: bool = False) -> None:
    wire = query(f"n{number}.example")
    notes = ReplyNotes(Tally([], of, ReplyKind(verdict, 0, "udp")), to_log=noted)
    read, moment = read_query(wire), Moment(NOW, 0.0)
    lane.store(wire, read, asker("mia"), of, verdict, wire, notes, None, moment)


def found(lane: PacketCache, number: int, of: Policy) -> CachedReply | None:
    return lane.replies_for(of).find(query(f"n{number}.example")[2:])


def number_of(lane: PacketCache, *policies: Policy) -> int:
    """Return how many replies these policies have, each with its own."""
    count = sum(len(lane.replies_for(each)) for each in policies)
    assert count == len(lane)
    return count


def test_the_lane_never_holds_more_than_so_many_replies() -> None:
    lane, verdict = PacketCache(LazyFreeQueue()), Verdict(Action.BLOCK, Reason.RULE, 10)
    one, other = policy(timing=LATER), policy(timing=LATER)
    others = Verdict(Action.BLOCK, Reason.RULE, 10, valid_until=NOW + 5_000)
    for number in range(MAX_REPLIES // 2):
        kept(lane, 0, one, verdict)  # again: it takes no more room
        kept(lane, number, one, verdict)
        kept(lane, number, other, others)
    assert number_of(lane, one, other) == MAX_REPLIES
    kept(lane, MAX_REPLIES, one, verdict)
    assert MAX_REPLIES * 0.9 < number_of(lane, one, other) <= MAX_REPLIES
    for each in (one, other):
        assert not found(lane, 1, each)  # it came first
        assert found(lane, MAX_REPLIES // 2 - 1, each)
        assert found(lane, 0, each)  # the last of them was a moment ago


def test_large_replies_take_the_room_of_several() -> None:
    """Queries with filling about made-up names, else, would take 130 MB of a small machine."""
    lane, verdict = PacketCache(LazyFreeQueue()), Verdict(Action.BLOCK, Reason.RULE, 10)
    of = policy()
    notes = ReplyNotes(Tally([], of, ReplyKind(verdict, 0, "udp")))
    octets = 4 * PLACE - 100  # of each, with its query: four places
    for number in range(MAX_REPLIES // 2):
        wire = query(f"n{number}.example")
        reply = bytes(octets + 4 - len(wire))  # neither ID is stored
        lane.store(
            wire, read_query(wire), asker("mia"), of, verdict, reply, notes, None, Moment(NOW, 0.0)
        )
    there = lane.replies_for(of).replies
    sizes = [len(each.query) + len(each.body) for each in there.values()]
    assert MAX_REPLIES * PLACE * 0.85 < sum(sizes) <= MAX_REPLIES * PLACE
    assert len(lane) == len(there)
    assert found(lane, MAX_REPLIES // 2 - 1, of)
    lane.clear()
    kept(lane, 1, of, verdict)
    assert len(lane) == 1


def test_what_others_were_asked_long_ago_makes_room_for_whoever_asks_now() -> None:
    lane, verdict = PacketCache(LazyFreeQueue()), Verdict(Action.BLOCK, Reason.RULE, 10)
    others, now = [policy(timing=LATER) for _ in range(5)], policy()
    for number in range(MAX_REPLIES):
        kept(lane, number, others[number % 5], verdict)
    for number in range(MAX_REPLIES // 3):  # more than any of the others has
        kept(lane, number, now, verdict)
    assert len(lane.replies_for(now)) == MAX_REPLIES // 3
    assert MAX_REPLIES * 0.9 < number_of(lane, now, *others) <= MAX_REPLIES


def test_the_bound_holds_where_policies_have_replies_of_their_own_to_one_query() -> None:
    lane, house = PacketCache(LazyFreeQueue()), family(MIA)
    gone, *many = (policy(house=house) for _ in range(4))
    kept(lane, 1, gone, Verdict(Action.BLOCK, Reason.RULE, 10))
    verdicts = [Verdict(Action.BLOCK, Reason.CATEGORY, 10, category=f"c{n}") for n in range(3)]
    for of, verdict in zip(many, verdicts, strict=True):
        for number in range(MAX_REPLIES // 2):
            kept(lane, number, of, verdict)
        assert len(lane) <= MAX_REPLIES
    assert number_of(lane, gone, *many) > MAX_REPLIES * 0.9
    newest = found(lane, MAX_REPLIES // 2 - 1, many[-1])
    lane.drop_outdated(_in_force(*many))
    assert number_of(lane, *many) > MAX_REPLIES * 0.9
    assert newest is not None
    assert lane.replies_for(many[-1]).replies[newest.query] is newest  # in front, as before


def test_policies_without_times_have_an_equal_reply_once() -> None:
    lane = PacketCache(LazyFreeQueue())
    verdict, same = (Verdict(Action.BLOCK, Reason.RULE, 10) for _ in range(2))
    one, other, third, fourth = (policy() for _ in range(4))
    for number in range(MAX_REPLIES):
        kept(lane, number, one, verdict, noted=True)
        kept(lane, number, other, same, noted=True)
    assert len(lane) == len(lane.replies_for(one)) == len(lane.replies_for(other)) == MAX_REPLIES
    kept(lane, 1, third, Verdict(Action.BLOCK, Reason.CATEGORY, 13, category="games"), noted=True)
    first, second, last = (found(lane, 1, each) for each in (one, other, third))
    assert first is not None
    assert last is not None
    assert second is first
    assert (found(lane, 1, fourth), last is first, last.body is first.body) == (None, False, True)
    kept(lane, 1, one, Verdict(Action.BLOCK, Reason.CATEGORY, 13, category="games"), noted=True)
    assert found(lane, 1, one) is last
    assert found(lane, 1, other) is first
    assert MAX_REPLIES * 0.9 < len(lane) <= MAX_REPLIES


def test_each_policy_counts_and_notes_a_reply_that_it_shares(make: Make, clock: FakeClock) -> None:
    mia, tom = (replace(each, privacy=PrivacyMode.BLOCKED) for each in (MIA, TOM))
    home = make(mia, tom=tom, rules=(block(GAMES),))
    for source in (PHONE, TOMS):
        warm(home, query(GAMES), source)
    assert home.resolver.packet_cache is not None
    assert len(home.resolver.packet_cache) == 1
    clock.wait(300)
    for source in (TOMS, PHONE, TOMS):
        assert is_fast(home, query(GAMES), source)
    assert [(row.profile, int(row.at - NOW)) for row in home.log.rows] == [
        ("mia", 0),
        ("tom", 0),
        ("tom", 300),
        ("mia", 300),
    ]
    home.pass_on()
    assert {key.profile: count for key, count in home.log.counts.items()} == {"mia": 4, "tom": 5}


def test_a_policy_that_ends_takes_only_its_own_replies_along() -> None:
    lane, verdict = PacketCache(LazyFreeQueue()), Verdict(Action.BLOCK, Reason.RULE, 10)
    house = family(MIA)
    old, stays, fresh = (policy(house=house) for _ in range(3))
    for each in (old, stays):
        kept(lane, 1, each, verdict)
    kept(lane, 2, old, verdict)
    at_the_server = lane.replies_for(old)
    lane.drop_outdated(_in_force(stays, fresh))
    assert lane.replies_for(fresh).bit == at_the_server.bit  # which is free again
    kept(lane, 3, fresh, verdict)
    assert [number for number in (1, 2, 3) if found(lane, number, stays)] == [1]
    assert [number for number in (1, 2, 3) if found(lane, number, fresh)] == [3]
    assert (len(at_the_server), len(lane)) == (0, 2)


def test_more_policies_than_a_number_has_bits_have_replies() -> None:
    lane, verdict = PacketCache(LazyFreeQueue()), Verdict(Action.BLOCK, Reason.RULE, 10)
    many = [policy() for _ in range(130)]
    for each in many[1:]:
        kept(lane, 1, each, verdict)
    assert [bool(found(lane, 1, each)) for each in many] == [False] + 129 * [True]
    assert len(lane) == 3


def test_policies_with_times_share_replies_that_end_together() -> None:
    lane = PacketCache(LazyFreeQueue())
    verdict, same, ended, without = (
        Verdict(Action.BLOCK, Reason.RULE, 10, valid_until=until)
        for until in (NOW + 5_000, NOW + 5_000, NOW + 100.5, None)
    )
    one, other, third = (policy(timing=LATER) for _ in range(3))
    kept(lane, 1, one, verdict, noted=True)
    kept(lane, 1, other, same, noted=True)
    kept(lane, 1, third, ended)
    kept(lane, 1, no_times := policy(), without)
    first, second, last, always = (found(lane, 1, each) for each in (one, other, third, no_times))
    assert first is not None
    assert last is not None
    assert always is not None
    assert second is first
    assert last.body is first.body is always.body
    assert (last.to_log, last.check_at, always.expires) == (None, 99.5, inf)
    assert len(lane) == 3
    assert lane.replies_for(no_times).replies is not lane.replies_for(one).replies


def test_a_shared_reply_ends_when_the_first_of_its_policies_says() -> None:
    lane, at = PacketCache(LazyFreeQueue()), Verdict(Action.BLOCK, Reason.RULE, 10)
    one, other, third = (policy(timing=LATER) for _ in range(3))
    for of, until in ((one, 5_000.4), (other, 5_000.0), (third, 5_002.0)):
        kept(lane, 1, of, replace(at, valid_until=NOW + until))
    first, second, last = (found(lane, 1, each) for each in (one, other, third))
    assert first is not None
    assert last is not None
    assert second is first
    assert (first.expires, last.expires) == (4_999.0, 5_001.0)


def test_more_policies_with_times_than_are_looked_at_in_turn_have_replies() -> None:
    lane = PacketCache(LazyFreeQueue())
    many = [policy(timing=LATER) for _ in range(30)]
    for number, of in enumerate(many):
        ends = NOW + 10_000 + 60 * number
        kept(lane, 1, of, Verdict(Action.BLOCK, Reason.RULE, 10, valid_until=ends))
    assert all(found(lane, 1, each) for each in many)
    assert number_of(lane, *many) == 30


def test_what_is_forgotten_makes_room() -> None:
    lane, verdict = PacketCache(LazyFreeQueue()), Verdict(Action.BLOCK, Reason.RULE, 10)
    house = family(MIA)
    old, fresh = policy(house=house), policy(house=house)
    for number in range(MAX_REPLIES - 1):
        kept(lane, number, old, verdict)
    lane.drop_outdated(_in_force(fresh))
    for number in range(MAX_REPLIES):
        kept(lane, number, fresh, verdict)
    assert (len(lane.replies_for(old)), number_of(lane, fresh)) == (0, MAX_REPLIES)


def _in_force(*policies: Any) -> Snapshot:
    made: Mapping[tuple[str, str], tuple[object, Any]] = {
        ("home", name): (None, each)
        for name, each in zip(("mia", "tom", "guest"), 3 * policies, strict=False)
    }
    house = replace(family(MIA), devices=())
    lists = library()
    return Snapshot(lists, DEFAULTS, [house], {}, made, NOW)


def test_a_verdict_that_has_just_ended_is_not_kept() -> None:
    lane, of = PacketCache(LazyFreeQueue()), policy()
    kept(lane, 1, of, Verdict(Action.BLOCK, Reason.PAUSED, 7, valid_until=NOW))
    assert not number_of(lane, of)
