"""How many queries a device may send, and what becomes of those beyond."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.household import Device
from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Client
from copdns.server.limits import (
    MAX_LIMITS,
    SECONDS_AT_ONCE,
    Bound,
    Excess,
    Limit,
    Limits,
    TokenBucket,
    domain_of,
    is_own,
    subnet_of,
)
from tests.fakes import BROKEN, NO_SUCH_NAME, FakeUpstream
from tests.home import Home
from tests.household import ADDRESSES, BO, MIA, asker, family, library
from tests.household import policy as policy_of

RATE_LIMITED = 31
SILENT, TRUNCATED, REFUSED, ANSWERED = "silent", "truncated", "refused", "answered"


# --- buckets --------------------------------------------------------------------------------------


def taken(bucket: TokenBucket, mono: float, tries: int) -> int:
    return sum(bucket.take(mono) for _ in range(tries))


def test_a_bucket_has_the_tokens_of_some_seconds_at_once_and_then_of_each_second() -> None:
    bucket = TokenBucket(10, 0.0)
    assert taken(bucket, 0.0, 1000) == 10 * SECONDS_AT_ONCE
    assert [taken(bucket, float(second), 1000) for second in range(1, 6)] == [10] * 5


def test_after_a_pause_it_is_full_and_no_more_than_that() -> None:
    bucket = TokenBucket(10, 0.0)
    taken(bucket, 0.0, 1000)
    assert taken(bucket, 3600.0, 1000) == 10 * SECONDS_AT_ONCE


@given(
    st.integers(1, 500),
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 3000)), min_size=1, max_size=30),
)
def test_over_any_time_no_more_are_taken_than_a_full_bucket_and_what_was_earned(
    rate: int, waves: list[tuple[float, int]]
) -> None:
    bucket, mono, total = TokenBucket(rate, 0.0), 0.0, 0
    for later, tries in waves:
        mono += later
        total += taken(bucket, mono, tries)
        assert total <= rate * SECONDS_AT_ONCE + rate * mono + 1


@given(st.integers(2, 300))
def test_who_stays_below_the_rate_is_never_slowed(rate: int) -> None:
    bucket, mono = TokenBucket(rate, 0.0), 0.0
    for _ in range(rate * SECONDS_AT_ONCE * 4):
        mono += 1 / (rate - 1)
        assert bucket.take(mono)


def test_to_look_whether_there_is_a_token_takes_none() -> None:
    bucket = TokenBucket(1, 0.0)
    assert all(bucket.is_open(0.0) for _ in range(100))
    assert taken(bucket, 0.0, 100) == SECONDS_AT_ONCE
    assert not bucket.is_open(0.0)


def test_what_was_taken_on_credit_is_earned_before_the_next_token() -> None:
    bucket = TokenBucket(10, 0.0)
    for _ in range(10 * SECONDS_AT_ONCE + 30):
        bucket.charge(0.0)
    assert (bucket.is_open(3.0), bucket.is_open(3.2)) == (False, True)


# --- what is beyond -------------------------------------------------------------------------------


def test_over_udp_as_many_are_sent_to_tcp_as_may_ask_and_the_rest_hears_nothing() -> None:
    limit = Limit(2, 0.0)
    found = [limit.excess(0.0, over_udp=True, protected=False, served=True) for _ in range(15)]
    assert found == [Excess.TRUNCATE] * 10 + [Excess.DROP] * 5


def test_over_tcp_there_are_tokens_of_its_own_and_then_an_answer_that_says_so() -> None:
    limit = Limit(2, 0.0)
    assert sum(limit.take(0.0, over_udp=True) for _ in range(50)) == 10
    assert sum(limit.take(0.0, over_udp=False) for _ in range(50)) == 10
    assert limit.excess(0.0, over_udp=False, protected=False, served=True) is Excess.REFUSE


def test_a_stranger_hears_nothing_beyond_the_bound() -> None:
    limit = Limit(2, 0.0)
    assert limit.excess(0.0, over_udp=True, protected=False, served=False) is Excess.DROP


def test_a_protected_name_is_answered_until_as_many_again_were_asked_for() -> None:
    limit = Limit(2, 0.0)
    found = [limit.excess(0.0, over_udp=True, protected=True, served=True) for _ in range(11)]
    assert found == [Excess.ANSWER] * 10 + [Excess.TRUNCATE]


# --- whose bound ----------------------------------------------------------------------------------


def client(device: str = "", household: str = "home") -> Client:
    return Client(household, device, policy_of(MIA))


def from_(address: str) -> Requestor:
    return Requestor("192.0.2.1", address, "udp")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_itself_has_no_bound(address: str) -> None:
    assert is_own(from_(address))
    assert Limits(1, 1, 1).of(from_(address), client(), 0.0) is None
    assert not Limits(1, 1, 1).bounds_domains(from_(address))


def test_where_the_settings_say_nothing_there_is_no_bound() -> None:
    assert Limits().of(from_("192.0.2.8"), client(), 0.0) is None
    assert not Limits().bounds_domains(from_("192.0.2.8"))


def bound_of(limits: Limits, address: str, device: str = "") -> Limit | None:
    found = limits.of(from_(address), client(device), 0.0)
    return found and found.client


def test_a_device_has_one_bound_for_all_its_addresses_and_others_have_theirs() -> None:
    limits = Limits(client=5)
    phone = bound_of(limits, "192.0.2.8", "mia-phone")
    assert bound_of(limits, "2001:db8::8", "mia-phone") is phone
    assert bound_of(limits, "192.0.2.9", "mia-tablet") is not phone
    unknown = bound_of(limits, "192.0.2.200")
    assert bound_of(limits, "192.0.2.200") is unknown
    assert bound_of(limits, "192.0.2.201") is not unknown


def test_families_behind_one_address_have_a_bound_each() -> None:
    limits = Limits(client=1, subnet=1)

    def asks(household: str) -> list[Bound | None]:
        requestor = Requestor("192.0.2.1", "198.51.100.7", "udp", household=household)
        found = limits.of(requestor, client(), 0.0)
        assert found is not None
        return [found.take(0.0, over_udp=True) for _ in range(SECONDS_AT_ONCE + 1)]

    for household in ("h1", "h2"):
        *before, last = asks(household)
        assert (set(before), last) == ({None}, Bound.CLIENT)


def test_a_network_has_a_bound_for_all_that_are_in_it() -> None:
    limits = Limits(client=10, subnet=2)
    asked = [limits.of(from_(f"192.0.2.{host}"), client(), 0.0) for host in range(4)]
    found = [each.take(0.0, over_udp=True) for each in asked * 5 if each is not None]
    assert found == [None] * 10 + [Bound.SUBNET] * 10


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8:0:1200::1", "2001:db8:0:12ff::9", True),
        ("2001:db8:0:1200::1", "2001:db8:0:1300::1", False),
    ],
)
def test_a_network_is_a_24_or_a_56(one: str, other: str, same: bool) -> None:
    assert (subnet_of(one) == subnet_of(other)) is same


def test_no_more_are_remembered_than_memory_is_for() -> None:
    limits = Limits(client=5)
    for number in range(MAX_LIMITS + 10):
        bound_of(limits, f"192.0.{number >> 8}.{number & 255}")
    assert len(limits._clients) <= MAX_LIMITS


@pytest.mark.parametrize(
    ("qname", "domain"),
    [
        ("x1.example.com", "example.com"),
        ("x1.y.example.com", "example.com"),
        ("example.com", ""),
        ("com", ""),
        ("", ""),
        ("x1.example.co.uk", "example.co.uk"),
        ("example.co.uk", ""),
        ("x1.example.de", "example.de"),
        ("7.2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa"),
        ("x1.7.2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa"),
        ("0.192.in-addr.arpa", "in-addr.arpa"),  # above all networks of a home
        (ip_address("2001:db8:1:2::1").reverse_pointer, "0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ("8.b.d.0.1.0.0.2.ip6.arpa", "ip6.arpa"),
        ("x1.home.arpa", "home.arpa"),
    ],
)
def test_a_domain_is_what_one_owner_has(qname: str, domain: str) -> None:
    assert domain_of(qname) == domain


# --- a home ---------------------------------------------------------------------------------------


class Bounded(Home):
    """A home with bounds.  Over UDP it does as `server/udp.py`, over TCP as `server/tcp.py`."""

    def flood(self, who: str, *names: str, tcp: bool = False) -> Counter[str]:
        """Ask for names; return what became of them."""
        found = Counter[str]()
        for name in names:
            reply = self.bounded(who, name, tcp=tcp)
            if reply is None:
                found[SILENT] += 1
            elif reply.flags & dns.flags.TC:
                found[TRUNCATED] += 1
            elif [int(each.code) for each in reply.extended_errors()] == [RATE_LIMITED]:
                found[REFUSED] += 1
            else:
                found[ANSWERED] += 1
        return found

    def bounded(self, who: str, name: str, *, tcp: bool = False) -> dns.message.Message | None:
        wire = dns.message.make_query(name, "A", use_edns=0).to_wire()
        by, moment, later = asker(who, "tcp" if tcp else "udp"), self.clock(), []
        limits = self.resolver.limits_of(by, moment)
        bound = limits and limits.take(moment.mono, over_udp=not tcp)

        def send(reply: bytes, _to: object) -> None:
            later.append(reply)

        if limits is not None and bound is not None:
            now = self.resolver.answer_excess(wire, by, limits, bound, moment, send, None)
        else:
            now = self.resolver.answer(wire, by, moment, send, None)
        self.upstream.deliver()
        reply = later[0] if later else now
        return dns.message.from_wire(reply) if reply else None


def bounded(limits: Limits, script: dict[str, object] | None = None, **home: object) -> Bounded:
    found = Bounded(upstream=FakeUpstream(script), **home)  # type: ignore[arg-type]
    found.resolver.limits = limits
    return found


def test_a_device_that_floods_is_slowed_and_no_other() -> None:
    home = bounded(Limits(client=2))
    assert home.flood("mia", *["a.example"] * 30) == {ANSWERED: 10, TRUNCATED: 10, SILENT: 10}
    assert home.flood("tom", *["a.example"] * 10) == {ANSWERED: 10}
    assert home.flood("mia", *["a.example"] * 15, tcp=True) == {ANSWERED: 10, REFUSED: 5}
    home.clock.wait(1)
    assert home.flood("mia", *["a.example"] * 5)[ANSWERED] == 2


def test_what_is_beyond_is_counted_without_a_name_and_recorded_nowhere() -> None:
    home = bounded(Limits(client=2))
    home.flood("mia", *["a.example"] * 10)
    before = home.traces()
    home.flood("mia", *["a.example"] * 20)
    assert home.counters.limited == {"client": 20, "subnet": 0, "domain": 0}
    home.counters.limited["client"] = 0
    assert home.traces() == before


def test_help_is_answered_beyond_the_bound_and_then_leaves_no_trace_either() -> None:
    lists = library(protected={"child_helpline": ["help.example"]})
    home = bounded(Limits(client=2), lists=lists)
    home.flood("mia", *["a.example"] * 10)
    before = home.traces()
    found = home.flood("mia", *["help.example"] * 25)
    assert found == {ANSWERED: 10, TRUNCATED: 10, SILENT: 5}
    assert home.traces() == before
    assert home.flood("mia", *["help.example"] * 5, tcp=True) == {ANSWERED: 5}


def test_a_stranger_is_refused_up_to_the_bound_and_then_hears_nothing() -> None:
    home = bounded(Limits(client=2))
    found = [home.bounded(BO, "a.example") for _ in range(30)]
    assert [reply is None for reply in found] == [False] * 10 + [True] * 20


def test_what_is_no_query_gets_nothing_beyond_the_bound() -> None:
    home = bounded(Limits(client=2))
    by, moment = asker("mia"), home.clock()
    limits = home.resolver.limits_of(by, moment)
    assert limits is not None
    for message in (b"", b"\0" * 11, b"\0\1" + b"\xff" * 30):
        args = message, by, limits, Bound.CLIENT, moment, lambda *_: None, None
        assert home.resolver.answer_excess(*args) == b""


def test_with_other_devices_in_the_household_the_bounds_stay_what_they_were() -> None:
    home = bounded(Limits(client=2))
    home.flood("mia", *["a.example"] * 10)
    other = Device("ada-tablet", "Ada's tablet", "ada", ("192.0.2.41",))
    house = family()
    home.change(family(devices=(*house.devices, other)))
    assert home.flood("mia", "a.example") == {TRUNCATED: 1}


# --- names that do not exist ----------------------------------------------------------------------


def made_up(count: int, domain: str, first: int = 0) -> list[str]:
    return [f"x{number}.{domain}" for number in range(first, first + count)]


def no_such(*names: str) -> dict[str, object]:
    return dict.fromkeys(names, NO_SUCH_NAME)


def test_a_flood_of_made_up_names_is_slowed_for_their_domain_only() -> None:
    names = made_up(30, "shop.example")
    home = bounded(Limits(domain=2), no_such(*names))
    assert home.flood("mia", *names) == {ANSWERED: 10, TRUNCATED: 10, SILENT: 10}
    assert len(home.upstream.asked) == 10
    assert home.counters.limited["domain"] == 20
    assert home.flood("mia", "www.other.example", "shop.example") == {ANSWERED: 2}
    assert home.flood("tom", "www.shop.example", tcp=True) == {ANSWERED: 1}


def test_addresses_without_a_name_in_one_network_slow_no_other_network() -> None:
    # Of a network for benchmarks (RFC 2544): names of those for examples no upstream is asked for.
    names, other = [f"{number}.1.18.198.in-addr.arpa" for number in range(12)], "1.2.18.198"
    home = bounded(Limits(domain=2), no_such(*names, f"{other}.in-addr.arpa"))
    assert home.flood("mia", *names) == {ANSWERED: 10, TRUNCATED: 2}
    assert home.flood("mia", f"{other}.in-addr.arpa") == {ANSWERED: 1}


def test_names_that_exist_are_not_slowed_however_many_they_are() -> None:
    home = bounded(Limits(domain=2))
    assert home.flood("mia", *made_up(200, "cdn.example")) == {ANSWERED: 200}


def test_names_that_no_upstream_can_answer_are_slowed_too() -> None:
    names = made_up(12, "shop.example")
    home = bounded(Limits(domain=2), dict.fromkeys(names, BROKEN))
    assert home.flood("mia", *names) == {ANSWERED: 10, TRUNCATED: 2}


def test_what_is_cached_is_answered_during_a_flood() -> None:
    names = made_up(30, "shop.example")
    home = bounded(Limits(domain=2), no_such(*names))
    home.ask("ada", "www.shop.example")
    home.flood("mia", *names)
    assert home.flood("ada", "www.shop.example", names[0]) == {ANSWERED: 2}


def test_a_flood_ends_and_so_does_what_it_did() -> None:
    names = made_up(40, "shop.example")
    home = bounded(Limits(domain=2), no_such(*names))
    home.flood("mia", *names[:30])
    home.clock.wait(5)
    assert home.flood("mia", *names[30:]) == {ANSWERED: 10}


def test_over_tcp_a_flood_of_made_up_names_is_refused_in_the_end() -> None:
    names = made_up(15, "shop.example")
    home = bounded(Limits(domain=2), no_such(*names))
    assert home.flood("mia", *names, tcp=True) == {ANSWERED: 10, REFUSED: 5}


def test_names_of_a_protected_domain_are_no_harder_to_get_in_a_flood() -> None:
    names = made_up(30, "www.help.example")
    lists = library(protected={"child_helpline": ["help.example"]})
    home = bounded(Limits(domain=2), no_such(*names), lists=lists)
    assert home.flood("mia", *names) == {ANSWERED: 30}
    assert home.counters.limited["domain"] == 0


def test_a_bound_that_is_lifted_while_an_upstream_is_asked_keeps_no_answer_back() -> None:
    home = bounded(Limits(domain=2), no_such("x1.shop.example"))
    wire, came = dns.message.make_query("x1.shop.example", "A").to_wire(), []
    home.resolver.answer(wire, asker("mia"), home.clock(), lambda *sent: came.append(sent), None)
    home.resolver.limits = Limits()
    home.upstream.deliver()
    ((reply, _),) = came
    assert dns.message.from_wire(reply).rcode() is dns.rcode.NXDOMAIN


def test_a_bug_beyond_a_bound_is_one_reply_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_bound: Bound) -> None:
        raise ZeroDivisionError

    home = bounded(Limits(client=2))
    home.flood("mia", *["a.example"] * 10)
    monkeypatch.setattr(home.recorder, "count_limited", fail)
    with structlog.testing.capture_logs() as logged:
        replies = [home.bounded("mia", "a.example") for _ in range(3)]
    assert [reply and reply.rcode() for reply in replies] == [dns.rcode.SERVFAIL] * 3
    assert [line["error"] for line in logged] == ["ZeroDivisionError"]


def test_the_cast_is_of_one_network() -> None:
    assert len({subnet_of(each) for each in ADDRESSES.values()}) == 1
