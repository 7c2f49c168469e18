"""Upstreams that are silent, slow, broken or lying, while blocked and help names are asked for."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import dns.edns
import dns.message
import dns.rrset

from tests.faults.place import (
    AT_ONCE,
    BLOCKED,
    STALE,
    Place,
    asking,
    brief,
    dig,
    fresh,
    timed,
)
from tests.faults.proxy import (
    Passing,
    Sent,
    Way,
    cuts,
    drops,
    fails,
    forges,
    loses,
    shuffles,
    spoils,
    truncates,
    waits,
)
from tests.upstream_server import ADDRESS

STALE_WITHIN = 1.8  # seconds, for the first device
FAILS_WITHIN = 2.5  # seconds: the setting upstreams.deadline, and a little
NOT_SLOWER = 1.0  # seconds, while one of two upstreams works
FORGED = "203.0.113.66"
BLOCKED_CODE, UPSTREAM_FILTERED = 15, 35  # of the registry of extended DNS errors


def ail(home: Place, way: Way) -> None:
    for each in home.proxies:
        each.ail(way)


def know(home: Place, name: str) -> None:
    """Have an answer that expires within a second or two."""
    home.home.upstream.says[name] = brief
    assert home.home.ask(name).data == [ADDRESS]


def test_no_upstream_answers(home: Place) -> None:
    know(home, "book.example")
    know(home, "film.example")
    with asking(home.home), home.assert_shown("no_upstream_answers"):
        ail(home, drops)
        slowest, reply = 0.0, timed(home.home, "book.example")[1]
        while not reply.ede:  # it has not expired yet
            slowest, reply = timed(home.home, "book.example")
        assert (reply.data, reply.ede[0]) == ([ADDRESS], STALE)
        assert slowest < STALE_WITHIN
        took, reply = timed(home.home, "film.example")
        assert (reply.data, reply.ede and reply.ede[0], took < AT_ONCE) == ([ADDRESS], STALE, True)
        assert "EDE: 3 (Stale Answer)" in dig(home.home, "book.example")
        took, reply = timed(home.home, fresh("unknown"))
        assert (reply.rcode, took < FAILS_WITHIN) == ("SERVFAIL", True)
        assert "EDE: 17 (Filtered)" in dig(home.home, BLOCKED)
        for _ in range(3):  # a house asks for more than one name
            home.home.ask(fresh("unknown"))


def test_one_of_two_upstreams_is_silent(home: Place) -> None:
    with asking(home.home), home.assert_shown("one_of_two_upstreams_is_silent"):
        home.first.ail(drops)
        for _ in range(20):
            took, reply = timed(home.home, fresh("news"))
            assert (reply.data, took < NOT_SLOWER) == ([ADDRESS], True)


def test_an_upstream_is_not_there(home: Place) -> None:
    with asking(home.home), home.assert_shown("an_upstream_is_not_there"):
        home.first.leave()
        for _ in range(20):
            took, reply = timed(home.home, fresh("news"))
            assert (reply.data, took < NOT_SLOWER) == ([ADDRESS], True)


def test_an_upstream_is_slow(home: Place) -> None:
    with asking(home.home), home.assert_shown("an_upstream_is_slow"):
        home.first.ail(waits(1.5))
        for _ in range(20):
            took, reply = timed(home.home, fresh("news"))
            assert (reply.data, took < NOT_SLOWER) == ([ADDRESS], True)


def test_messages_get_lost_on_the_way(home: Place) -> None:
    lot = Random(3)
    with asking(home.home), home.assert_shown("messages_get_lost_on_the_way"):
        ail(home, loses(0.3, lot))
        answered = [bool(home.home.ask(fresh("news")).data) for _ in range(40)]
        assert sum(answered) >= 27  # about 36: one in two tries gets through, of three or four


def test_an_upstream_answers_with_errors(home: Place) -> None:
    with asking(home.home), home.assert_shown("an_upstream_answers_with_errors"):
        for rcode in (2, 5):
            home.first.ail(fails(rcode))
            for _ in range(5):
                took, reply = timed(home.home, fresh("news"))
                assert (reply.data, took < NOT_SLOWER) == ([ADDRESS], True)


def test_an_upstream_answers_nonsense(home: Place) -> None:
    with asking(home.home), home.assert_shown("an_upstream_answers_nonsense"):
        home.first.ail(spoils(Random(5)))
        for _ in range(20):
            took, reply = timed(home.home, fresh("news"))
            assert (reply.data, took < NOT_SLOWER) == ([ADDRESS], True)


def test_answers_come_twice_and_in_another_order(home: Place) -> None:
    with asking(home.home), home.assert_shown("answers_come_twice_and_in_another_order"):
        ail(home, shuffles(Random(7)))
        names = [fresh("news") for _ in range(100)]
        waiting = [(name, home.home.begin(name)) for name in names]
        for name, wait in waiting:
            reply = wait()
            assert reply.message.question[0].name.to_text() == f"{name}."
            assert reply.data == [ADDRESS]


def test_someone_forges_answers(home: Place) -> None:
    with asking(home.home), home.assert_shown("someone_forges_answers"):
        ail(home, forges(Random(9), with_address(FORGED)))
        for _ in range(50):
            assert home.home.ask(fresh("bank")).data == [ADDRESS]


def test_long_answers_cannot_be_fetched(home: Place) -> None:
    with asking(home.home), home.assert_shown("long_answers_cannot_be_fetched"):
        home.first.udp_way = truncates
        home.first.tcp_way = cuts
        for _ in range(10):
            took, reply = timed(home.home, fresh("news"))
            assert (reply.data, took < NOT_SLOWER) == ([ADDRESS], True)
        home.second.udp_way = truncates
        assert home.home.ask(fresh("long")).data == [ADDRESS]


def test_an_upstream_blocks_help_sites(home: Place) -> None:
    """The shared family protects its school; what is known of help names is in a store."""
    home.first.ail(filters)
    with asking(home.home), home.assert_shown("an_upstream_blocks_help_sites"):
        assert home.home.ask("school.example").data == [ADDRESS]
        reply = home.home.ask(fresh("news"))
        assert (reply.data, reply.ede and reply.ede[0]) == ([], UPSTREAM_FILTERED)


def filters(passing: Passing) -> list[Sent]:
    query = dns.message.from_wire(passing.question)
    reply = dns.message.make_response(query, recursion_available=True)
    reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.FILTERED)])
    return [Sent(reply.to_wire())]


def test_an_upstream_answers_with_addresses_of_the_home(home: Place) -> None:
    inside = with_address("192.168.1.1")
    with asking(home.home), home.assert_shown("an_upstream_answers_with_addresses_of_the_home"):
        ail(home, lambda passing: [Sent(inside(passing.reply))])
        reply = home.home.ask(fresh("trick"))
        assert (reply.data, reply.ede and reply.ede[0]) == ([], BLOCKED_CODE)


def with_address(address: str) -> Callable[[bytes], bytes]:
    """Return what puts an address, for a day, in the place of the answer of a reply."""

    def change(reply: bytes) -> bytes:
        message = dns.message.from_wire(reply)
        for each in message.question:
            message.answer = [dns.rrset.from_text(each.name, 86_400, "IN", "A", address)]
        return message.to_wire()

    return change
