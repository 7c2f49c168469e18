"""What is kept of upstreams' answers, for how long, and how much of it."""

from __future__ import annotations

import tracemalloc
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.dns.cache import Cache, CacheEntry, shorten_ttl
from copdns.dns.message import MAX_TTL, UpstreamResponse, read_response
from copdns.dns.query import CacheKey, read_query
from copdns.dns.records import AAAA, DO, A
from copdns.dns.wire import upstream_reply
from tests.unit.messages import parsed, query, reply_to

WWW = CacheKey("www.example", A, do=False, cd=False)
SOA = "example. 900 IN SOA ns.example. mail.example. 1 3600 1200 604800 600"
DAY, HOUR = 86_400, 3_600


def answer(
    *records: str, authority: tuple[str, ...] = (), rcode: int = 0, qtype: int = A
) -> UpstreamResponse:
    asked = query("www.example", qtype)
    return read_response(reply_to(asked, *records, authority=authority, rcode=rcode))


def address(ttl: int) -> UpstreamResponse:
    return answer(f"www.example. {ttl} IN A 192.0.2.1")


def no_such_name(*records: str) -> UpstreamResponse:
    return answer(*records, authority=(SOA,), rcode=3)


def ttls(kept: CacheEntry, cap: int | None = None) -> list[int]:
    """Return the TTLs of a kept answer as a client would read them."""
    asked = read_query(query())
    reply = upstream_reply(b"\0\0", asked, kept.answer, kept.rrs_within(cap))
    message = parsed(reply)
    return [rrset.ttl for section in message.sections[1:] for rrset in section]


# --- TTLs that tell nothing of when somebody asked -----------------------------------------------


@pytest.mark.parametrize(
    ("came", "given"),
    [(0, 0), (1, 0), (2, 1), (3, 1), (60, 30), (119, 59), (120, 60), (300, 60), (MAX_TTL, 60)],
)
def test_a_record_is_given_with_half_its_ttl_and_a_minute_at_most(came: int, given: int) -> None:
    assert shorten_ttl(came) == given
    assert ttls(Cache().put(WWW, address(came), mono=0.0)) == [given]


@pytest.mark.parametrize("later", [0.0, 0.9, 1.0, 100.0, 239.9])
def test_a_ttl_is_the_same_for_as_long_as_it_is_kept(later: float) -> None:
    cache = Cache()
    cache.put(WWW, address(300), mono=1000.0)
    kept = cache.get(WWW, 1000.0 + later)
    assert kept is not None
    assert ttls(kept) == [60]


TTLS = st.integers(0, 4_000) | st.integers(0, 2**32 - 1)
CAPS = st.none() | st.integers(0, 4_000)


class Mixed(NamedTuple):
    """The TTLs of a response's records, by section, and of its SOA's data."""

    answers: list[int]
    authorities: list[int]
    additionals: list[int]
    soa: tuple[int, int] | None  # its TTL and its minimum
    rcode: int

    def came(self) -> list[int]:
        """Return for how long each record may be held, in the order of the wire."""
        soa = [min(map(believed, self.soa))] if self.soa else []
        others = (*self.authorities, *self.additionals)
        return [*map(believed, self.answers), *soa, *map(believed, others)]

    def response(self) -> UpstreamResponse:
        asked = query()
        soa = ()
        if self.soa:
            ttl, minimum = self.soa
            text = f"ns.example. mail.example. 1 3600 1200 604800 {minimum}"
            soa = (f"example. {ttl} IN SOA {text}",)
        wire = reply_to(
            asked,
            *(f"www.example. {ttl} IN A 192.0.2.{n}" for n, ttl in enumerate(self.answers, 1)),
            authority=(
                *soa,
                *(f"n{n}.example. {ttl} IN NS a{n}." for n, ttl in enumerate(self.authorities)),
            ),
            additional=tuple(
                f"a{n}.example. {ttl} IN A 192.0.2.9" for n, ttl in enumerate(self.additionals)
            ),
            rcode=self.rcode,
        )
        return read_response(wire)


def believed(ttl: int) -> int:
    return min(ttl, MAX_TTL)  # what RFC 8767 section 4 makes of a TTL with the top bit set


SOME = st.lists(TTLS, max_size=3)
MIXED = st.builds(
    Mixed, SOME, SOME, SOME, st.none() | st.tuples(TTLS, TTLS), st.sampled_from([0, 3])
)


@given(MIXED, CAPS, st.integers(0, DAY), st.integers(0, HOUR))
def test_nobody_holds_a_record_for_longer_than_it_came_with(
    mixed: Mixed, cap: int | None, max_ttl: int, max_negative: int
) -> None:
    cache = Cache(max_ttl=max_ttl, max_negative_ttl=max_negative)
    kept = cache.put(WWW, mixed.response(), mono=0.0)
    last = kept.expires  # the moment before which somebody is given it for the last time
    for ttl, came in zip(shown(kept, cap), mixed.came(), strict=True):
        assert ttl <= came  # to the one who had it fetched
        if last > 0:
            assert last + ttl <= came


@given(MIXED, CAPS, st.integers(0, DAY))
def test_a_ttl_depends_on_what_came_and_on_who_asks_and_on_nothing_else(
    mixed: Mixed, cap: int | None, max_ttl: int
) -> None:
    kept = Cache(max_ttl=max_ttl).put(WWW, mixed.response(), mono=0.0)
    wanted = [min(ttl // 2, 60) for ttl in mixed.came()]
    if cap is not None:
        wanted = [min(ttl, cap) for ttl in wanted]
    kept.rrs_within(7)  # of somebody else, with another limit
    assert shown(kept, cap) == wanted
    assert shown(kept, None) == [min(ttl // 2, 60) for ttl in mixed.came()]


def shown(kept: CacheEntry, cap: int | None) -> list[int]:
    rrs = kept.rrs_within(cap)
    return [int.from_bytes(rrs[at : at + 4], "big") for at, _ in kept.answer.ttl_places]


def test_an_answer_ends_before_somebody_could_hold_it_for_longer_than_its_ttl() -> None:
    cache = Cache()
    cache.put(WWW, address(300), mono=0.0)
    assert cache.get(WWW, 239.9) is not None
    assert cache.get(WWW, 240.0) is None


def test_the_shortest_ttl_ends_the_whole() -> None:
    cache = Cache()
    alias = "www.example. 600 IN CNAME host.example."
    kept = cache.put(WWW, answer(alias, "host.example. 60 IN A 192.0.2.1"), mono=0.0)
    assert ttls(kept) == [60, 30]
    assert cache.get(WWW, 29.9) is kept
    assert cache.get(WWW, 30.0) is None


def test_a_cap_shortens_what_a_client_sees_and_not_what_is_kept() -> None:
    kept = Cache().put(WWW, address(100), mono=0.0)
    assert ttls(kept, cap=60) == [50]
    assert ttls(kept, cap=10) == [10]
    assert ttls(kept, cap=0) == [0]
    assert ttls(kept) == [50]


def test_a_fixed_ttl_takes_the_place_of_every_other() -> None:
    alias = "www.example. 600 IN CNAME host.example."
    aged = answer(alias, "host.example. 1 IN A 192.0.2.1")
    kept = CacheEntry(aged, 0.0, fixed_ttl=30)
    assert (ttls(kept), ttls(kept, cap=10)) == ([30, 30], [10, 10])


def test_the_same_answer_is_given_with_other_ttls() -> None:
    kept = Cache().put(WWW, address(300), mono=0.0)
    assert [ttls(kept, cap=cap) for cap in range(100)] == [[min(cap, 60)] for cap in range(100)]


@pytest.mark.parametrize(
    ("said", "kept_for"),
    [(0, 0), (1, 1), (DAY, DAY - 60), (7 * DAY, DAY - 60), (2**31 - 1, DAY - 60)],
)
def test_no_answer_is_kept_for_more_than_the_cap(said: int, kept_for: int) -> None:
    kept = Cache(max_ttl=DAY).put(WWW, address(said), mono=5.0)
    assert kept.expires == 5.0 + kept_for


def test_an_answer_that_may_not_be_kept_is_given_all_the_same() -> None:
    cache = Cache()
    assert ttls(cache.put(WWW, address(0), mono=0.0)) == [0]
    assert cache.get(WWW, 0.0) is None
    assert len(cache) == cache.octets == 0


# --- what is not there (RFC 2308) ------------------------------------------------------------


@pytest.mark.parametrize(
    ("ttl", "minimum", "kept_for"),
    [
        (900, 600, 540),
        (600, 900, 540),
        (2 * DAY, 2 * DAY, HOUR - 60),
        (30, 600, 15),
        (0, 600, 0),
        (600, 0, 0),
    ],
)
@pytest.mark.parametrize("rcode", [0, 3])
def test_nothing_is_kept_for_as_long_as_its_soa_says(
    rcode: int, ttl: int, minimum: int, kept_for: int
) -> None:
    soa = f"example. {ttl} IN SOA ns.example. mail.example. 1 3600 1200 604800 {minimum}"
    kept = Cache().put(WWW, answer(authority=(soa,), rcode=rcode), mono=0.0)
    assert kept.expires == kept_for


@pytest.mark.parametrize("rcode", [0, 3])
def test_nothing_without_an_soa_is_not_kept(rcode: int) -> None:
    cache = Cache()
    cache.put(WWW, answer(rcode=rcode), mono=0.0)
    cache.put(WWW, answer(authority=("example. 900 IN NS ns.example.",), rcode=rcode), mono=0.0)
    assert cache.get(WWW, 0.0) is None


@pytest.mark.parametrize("rcode", [1, 2, 4, 5, 9])
def test_an_error_is_not_kept(rcode: int) -> None:
    cache = Cache()
    cache.put(WWW, answer(authority=(SOA,), rcode=rcode), mono=0.0)
    assert cache.get(WWW, 0.0) is None


def test_a_name_that_does_not_exist_has_no_type_at_all() -> None:
    cache = Cache()
    cache.put(WWW, no_such_name(), mono=0.0)
    for qtype in (A, AAAA, 65280):
        kept = cache.get(WWW._replace(qtype=qtype), 1.0)
        assert kept is not None
        assert kept.answer.rcode == 3
    assert cache.get(WWW._replace(qname="www2.example"), 1.0) is None


def test_a_missing_type_says_nothing_of_others() -> None:
    cache = Cache()
    cache.put(WWW, answer(authority=(SOA,)), mono=0.0)
    assert cache.get(WWW, 1.0) is not None
    assert cache.get(WWW._replace(qtype=AAAA), 1.0) is None


def test_type_0_is_a_type_like_others() -> None:
    cache = Cache()
    cache.put(WWW._replace(qtype=0), answer(authority=(SOA,), qtype=0), mono=0.0)
    assert cache.get(WWW, 1.0) is None


def test_a_name_that_points_to_one_that_does_not_exist_exists() -> None:
    cache = Cache()
    cache.put(WWW, no_such_name("www.example. 300 IN CNAME gone.example."), mono=0.0)
    assert cache.get(WWW, 1.0) is not None
    assert cache.get(WWW._replace(qtype=5), 1.0) is None


@pytest.mark.parametrize("signature", [False, True])
def test_a_name_that_points_to_one_without_the_type_is_kept_like_nothing(signature: bool) -> None:
    records = ["www.example. 86400 IN CNAME host.example."]
    if signature:
        fields = "CNAME 13 2 86400 20300101000000 20200101000000 1 example. c2ln"
        records.append(f"www.example. 86400 IN RRSIG {fields}")
    kept = Cache().put(WWW, answer(*records, authority=(SOA,)), mono=0.0)
    assert kept.expires == 540


def test_an_old_answer_does_not_hide_that_the_name_is_gone() -> None:
    cache = Cache()
    cache.put(WWW, address(10), mono=0.0)
    cache.put(WWW._replace(qtype=AAAA), no_such_name(), mono=0.0)
    kept = cache.get(WWW, 11.0)
    assert kept is not None
    assert kept.answer.rcode == 3


# --- apart -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        WWW._replace(do=True),
        WWW._replace(cd=True),
        WWW._replace(zone="home.example"),
        WWW._replace(qtype=AAAA),
        WWW._replace(qname="example"),
    ],
)
def test_another_question_has_another_answer(other: CacheKey) -> None:
    cache = Cache()
    cache.put(WWW, address(300), mono=0.0)
    assert cache.get(other, 0.0) is None
    cache.put(WWW, no_such_name(), mono=0.0)
    if other.qtype == A:
        assert cache.get(other, 0.0) is None


def test_the_spelling_of_a_question_does_not_matter() -> None:
    cache = Cache()
    cache.put(read_query(query("WWW.example")).key, address(300), mono=0.0)
    assert cache.get(read_query(query("www.EXAMPLE")).key, 0.0) is not None
    assert cache.get(read_query(query("www.example", opt=_opt(DO))).key, 0.0) is None


def _opt(ttl: int) -> bytes:
    return b"\0\0\x29\x04\xd0" + ttl.to_bytes(4, "big") + b"\0\0"


# --- the bound -------------------------------------------------------------------------------


def key(number: int) -> CacheKey:
    return WWW._replace(qname=f"{number}.example")


def test_it_holds_so_many_entries_and_the_oldest_goes_first() -> None:
    cache = Cache(entries=3)
    for number in range(5):
        cache.put(key(number), address(300), mono=0.0)
    assert len(cache) == 3
    assert [cache.get(key(number), 0.0) is not None for number in range(5)] == [
        *(False, False),
        *(True, True, True),
    ]


def test_what_is_asked_for_stays_longer() -> None:
    cache = Cache(entries=3)
    for number in range(3):
        cache.put(key(number), address(300), mono=0.0)
    cache.get(key(0), 0.0)
    cache.put(key(3), address(300), mono=0.0)
    assert cache.get(key(0), 0.0) is not None
    assert cache.get(key(1), 0.0) is None


def test_when_all_is_asked_for_something_goes_all_the_same() -> None:
    cache = Cache(entries=100)
    for number in range(200):
        cache.put(key(number), address(300), mono=0.0)
        for each in range(number + 1):
            cache.get(key(each), 0.0)
    assert len(cache) == 100


def test_it_holds_so_many_octets() -> None:
    cache = Cache(octets=8_000)
    for number in range(100):
        cache.put(key(number), address(300), mono=0.0)
        assert cache.octets <= 8_000
    assert 1 < len(cache) < 10
    assert cache.get(key(99), 0.0) is not None


def test_an_answer_larger_than_the_whole_cache_is_not_kept() -> None:
    cache = Cache(octets=100)
    cache.put(WWW, address(300), mono=0.0)
    assert len(cache) == cache.octets == 0


def test_a_new_answer_takes_the_place_of_the_old_one() -> None:
    cache = Cache()
    cache.put(WWW, address(300), mono=0.0)
    before = cache.octets
    kept = cache.put(WWW, address(60), mono=10.0)
    assert cache.get(WWW, 10.0) is kept
    assert (len(cache), cache.octets) == (1, before)


def test_cleared_it_holds_nothing() -> None:
    cache = Cache()
    cache.put(WWW, address(300), mono=0.0)
    cache.clear()
    assert cache.get(WWW, 0.0) is None
    assert len(cache) == cache.octets == 0


@pytest.mark.parametrize("length", [1, 2000])
def test_its_own_sum_of_octets_covers_the_memory_it_takes(length: int) -> None:
    text = " ".join(f'"{"x" * 200}"' for _ in range(length // 200)) or '"x"'
    wire = reply_to(query("www.example", 16), f"www.example. 300 IN TXT {text}")
    tracemalloc.start()
    try:
        cache = Cache(octets=1 << 30)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1000):
            kept = cache.put(key(number), read_response(bytes(bytearray(wire))), mono=0.0)
            for cap in (None, 60, 10):
                kept.rrs_within(cap)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cache.octets / 2 < after - before < cache.octets


# --- what has expired (RFC 8767) ------------------------------------------------------------------


def test_what_has_expired_is_there_for_a_day_for_who_asks_for_that() -> None:
    cache = Cache()
    kept = cache.put(WWW, address(300), mono=0.0)
    assert cache.get(WWW, 240.0) is None
    assert cache.find(WWW, 240.0) is kept
    assert cache.find(WWW, 240.0 + DAY - 0.1) is kept
    assert cache.find(WWW, 240.0 + DAY) is None


def test_the_settings_say_for_how_long_an_expired_answer_is_kept() -> None:
    cache = Cache(max_stale=10)
    cache.put(WWW, address(300), mono=0.0)
    assert (cache.find(WWW, 249.9) is None, cache.find(WWW, 250.0) is None) == (False, True)


def test_of_an_address_and_no_such_name_the_later_one_counts() -> None:
    cache = Cache()
    cache.put(WWW, address(300), mono=0.0)
    nothing = cache.put(WWW, no_such_name(), mono=1000.0)
    assert cache.find(WWW, 2000.0) is nothing
    again = cache.put(WWW, address(300), mono=3000.0)
    assert cache.find(WWW, 4000.0) is again


def test_an_answer_that_may_not_be_kept_ends_the_one_before() -> None:
    cache = Cache()
    cache.put(WWW, address(300), mono=0.0)
    cache.put(WWW, address(0), mono=300.0)
    assert cache.find(WWW, 300.0) is None
    assert len(cache) == cache.octets == 0


@pytest.mark.parametrize(
    "fresh", [address(0), answer(rcode=3), answer(authority=(SOA.replace(" 900 ", " 0 "),))]
)
def test_what_may_not_be_kept_ends_that_the_name_does_not_exist(fresh: UpstreamResponse) -> None:
    cache = Cache()
    cache.put(WWW, no_such_name(), mono=0.0)
    cache.put(WWW, fresh, mono=10.0)
    assert cache.find(WWW, 10.0) is None
    assert len(cache) == cache.octets == 0


def test_a_failure_ends_nothing() -> None:
    cache = Cache()
    kept = cache.put(WWW, address(300), mono=0.0)
    cache.put(WWW, answer(rcode=2), mono=300.0)
    assert cache.find(WWW, 300.0) is kept


def test_after_a_day_nothing_is_left_of_it() -> None:
    cache = Cache()
    for number in range(10):
        cache.put(key(number), address(300), mono=1000.0 * number)
    cache.put(key(99), no_such_name(), mono=0.0)
    for _ in range(8):
        cache.forget_old(DAY + 5000.0, count=3)
    assert len(cache) == 5
    for _ in range(8):
        cache.forget_old(10 * DAY, count=3)
    assert len(cache) == cache.octets == 0


def test_a_name_is_dropped_with_all_its_types_and_no_other() -> None:
    cache = Cache()
    for rtype in (A, AAAA):
        cache.put(WWW._replace(qtype=rtype), address(300), mono=0.0)
    cache.put(key(1), address(300), mono=0.0)
    cache.drop("www.example")
    assert cache.get(WWW, 0.0) is None
    assert cache.get(key(1), 0.0) is not None


# --- what is in use, before it expires ------------------------------------------------------------


def due(cache: Cache, until: float, asked: tuple[float, ...] = ()) -> dict[CacheKey, float]:
    """Return when each key is due, looking twice a second; asked: when WWW is asked for."""
    found = {}
    for half in range(int(until * 2)):
        mono = half / 2
        if mono in asked:
            cache.get(WWW, mono)
        for each in cache.take_due(mono, 100):
            assert each not in found
            found[each] = mono
    return found


@pytest.mark.parametrize(
    ("ttl", "asked", "at"),
    [
        (300, (), None),  # nobody asked again
        (300, (5.0,), None),  # nobody lately
        (300, (5.0, 130.0), 216.0),  # kept for 240 s: 24 before the end
        (300, (200.0,), 236.0),  # asked again for the first time near the end
        (300, (239.0,), None),  # too late
        (60, (5.0,), 27.0),  # kept for 30 s, asked again
        (10, (1.0,), 3.0),
        (4, (0.5,), None),  # kept for two seconds only
        (DAY, (5.0, DAY - 100.0), DAY - 90.0),
    ],
)
def test_what_is_in_use_is_due_before_it_expires(
    ttl: int, asked: tuple[float, ...], at: float | None
) -> None:
    cache = Cache()
    kept = cache.put(WWW, address(ttl), mono=0.0)
    assert due(cache, ttl + 5.0, asked).get(WWW) == at
    assert at is None or at < kept.expires


def test_a_name_that_does_not_exist_is_due_as_the_type_that_was_asked_for() -> None:
    cache, asked = Cache(), WWW._replace(qtype=AAAA)
    cache.put(WWW, no_such_name(), mono=0.0)
    cache.get(asked, 550.0 - 100)
    assert list(due(cache, 540.0)) == [asked]


def test_what_was_replaced_or_dropped_meanwhile_is_not_due() -> None:
    cache = Cache()
    cache.put(WWW, address(60), mono=0.0)
    cache.get(WWW, 1.0)
    cache.put(WWW, address(60), mono=2.0)
    cache.put(key(1), address(60), mono=0.0)
    cache.get(key(1), 1.0)
    cache.drop(key(1).qname)
    assert due(cache, 40.0) == {}


def test_no_more_are_due_at_a_time_than_may_be_and_the_rest_is_later() -> None:
    cache = Cache()
    for number in range(10):
        cache.put(key(number), address(60), mono=0.0)
        cache.get(key(number), 1.0)
    taken = [len(cache.take_due(27.0, 4)) for _ in range(4)]
    assert taken == [4, 4, 2, 0]


def test_no_more_are_queued_than_there_may_be_entries() -> None:
    cache = Cache(entries=3)
    for number in range(10):
        cache.put(key(number), address(60), mono=0.0)
        cache.get(key(number), 1.0)
    assert len(cache.take_due(28.0, 100)) <= 3


def test_the_settings_can_turn_it_off() -> None:
    cache = Cache(refreshes=False)
    cache.put(WWW, address(60), mono=0.0)
    cache.get(WWW, 1.0)
    assert due(cache, 40.0) == {}


def test_cleared_it_has_nothing_due() -> None:
    cache = Cache()
    cache.put(WWW, address(60), mono=0.0)
    cache.get(WWW, 1.0)
    cache.clear()
    cache.put(WWW, address(60), mono=0.0)
    assert due(cache, 40.0) == {}
