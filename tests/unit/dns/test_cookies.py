"""DNS cookies: what is sent, what comes back, and what is not believed without."""

from __future__ import annotations

from collections.abc import Callable

import dns.edns
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.dns.cookies import find_cookie, opt_with_cookie
from copdns.dns.exchange import MAX_WITHOUT_COOKIE, NO_EDNS_FOR, POOR_ANSWERS
from copdns.dns.upstream_message import FULL
from copdns.dns.upstream_queries import SWEEP_INTERVAL
from tests.unit.upstreams import ATTEMPT, FOUND, Make
from tests.upstream_server import Asked, UpstreamServer, Way, data, failing, reply_to, silent

OURS, THEIRS = b"clientck", b"their-cookie-16b"


def option(client: bytes, server: bytes) -> bytes:
    return opt_with_cookie(1232, 0, client + server)


# --- in a datagram -----------------------------------------------------------------------------


def test_a_cookie_alone_at_the_end_is_taken_out_of_the_record() -> None:
    found = find_cookie(b"header" + option(OURS, THEIRS), OURS)
    assert found is not None
    assert found.server == THEIRS
    assert found.rest == b"header" + bytes((0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0))


def test_among_other_options_it_is_found_and_left() -> None:
    message = dns.message.make_query("www.example", "A", use_edns=0)
    both = [dns.edns.CookieOption(OURS, THEIRS), dns.edns.NSIDOption(b"ns1")]
    message.use_edns(0, options=both)
    found = find_cookie(message.to_wire(), OURS)
    assert found is not None
    assert (found.server, found.rest) == (THEIRS, message.to_wire())


@pytest.mark.parametrize(
    ("client", "server"), [(b"somebody", THEIRS), (OURS, b"short"), (OURS, bytes(33))]
)
def test_what_is_no_cookie_for_us_is_none(client: bytes, server: bytes) -> None:
    assert find_cookie(b"header" + option(client, server), OURS) is None


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_octets_around_ours_are_read_or_not_and_harm_nothing(
    before: bytes, after: bytes
) -> None:
    found = find_cookie(before + OURS + after, OURS)
    assert found is None or len(found.server) <= 32


# --- towards an upstream -----------------------------------------------------------------------


def cookie_of(asked: Asked) -> bytes:
    (found,) = [each for each in asked.message.options if each.otype == 10]
    assert isinstance(found, dns.edns.CookieOption)
    return bytes(found.client + found.server)


def with_cookie(server: bytes = THEIRS, rcode: int = 0) -> Way:
    """Answer like a server with cookies, which takes any of its own."""

    def say(asked: Asked) -> list[bytes]:
        if asked.over == "tcp" or not asked.options:
            return data(asked)
        reply = reply_to(asked)
        reply.use_edns(0, options=[dns.edns.CookieOption(cookie_of(asked)[:8], server)])
        reply.set_rcode(dns.rcode.Rcode(rcode))
        return [reply.to_wire()]

    return say


def forged(asked: Asked) -> list[bytes]:
    """Answer over UDP as somebody would who never saw our cookie."""
    if asked.over == "tcp":
        return data(asked)
    return [wire.replace(FOUND, b"\x7f\x66\x66\x66") for wire in data(asked)]


async def test_the_cookie_of_an_upstream_is_sent_back_to_it_alone(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = with_cookie()
    asker = make(server)
    for number in range(2):
        assert await asker.ask(f"{number}.example").found() == (FOUND,)
    first, then = map(cookie_of, server.asked)
    assert len(first) == 8
    assert then == first + THEIRS
    await make(second).ask().one()
    assert cookie_of(second.asked[0]) != first


async def test_an_answer_without_the_cookie_that_was_promised_is_fetched_over_tcp(
    server: UpstreamServer, make: Make
) -> None:
    server.says[""] = with_cookie()
    asker = make(server)
    await asker.ask().one()
    server.says[""] = forged
    assert await asker.ask("next.example").found() == (FOUND,)
    assert asker.numbers() == (2, 0, 1)


async def test_an_upstream_that_has_given_up_cookies_is_asked_over_udp_again(
    server: UpstreamServer, make: Make
) -> None:
    server.says[""] = with_cookie()
    asker = make(server)
    await asker.ask().one()
    server.says[""] = data
    for number in range(MAX_WITHOUT_COOKIE + 1):
        assert await asker.ask(f"{number}.example").found() == (FOUND,)
    over_tcp = [each for each in server.asked if each.over == "tcp"]
    assert len(over_tcp) == MAX_WITHOUT_COOKIE
    assert server.asked[-1].over == "udp"


async def test_a_cookie_that_an_upstream_forgot_is_exchanged_for_a_new_one(
    server: UpstreamServer, make: Make
) -> None:
    new = bytes(reversed(THEIRS))

    def say(asked: Asked) -> list[bytes]:
        knows = cookie_of(asked)[8:] == new
        return with_cookie(new, rcode=0 if knows else 23)(asked)

    server.says[""] = say
    asker = make(server)
    assert await asker.ask().found() == (FOUND,)
    assert [each.over for each in server.asked] == ["udp", "udp"]


async def test_a_cookie_that_is_never_good_enough_leads_to_tcp(
    server: UpstreamServer, make: Make
) -> None:
    server.says[""] = with_cookie(rcode=23)
    asker = make(server)
    assert await asker.ask().found() == (FOUND,)
    assert [each.over for each in server.asked] == ["udp", "udp", "tcp"]


async def test_after_a_move_an_upstream_gets_another_cookie(
    server: UpstreamServer, make: Make
) -> None:
    server.says[""] = with_cookie()
    asker = make(server)
    await asker.ask().one()
    asker.upstreams.renew_cookies()
    await asker.ask("next.example").one()
    first, then = map(cookie_of, server.asked)
    assert len(then) == 8
    assert then != first


async def test_a_quiet_question_learns_no_cookie(server: UpstreamServer, make: Make) -> None:
    server.says[""] = with_cookie(rcode=23)
    asker = make(server)
    answers = asker.ask("helpline.example", untraced=True)
    assert await answers.found() == (FOUND,)
    assert asker.upstreams.numbers()[0][0].server_cookie == b""


# --- what an upstream cannot bear --------------------------------------------------------------


def intolerant(asked: Asked) -> list[bytes]:
    """Answer like servers that speak EDNS and take no option that they do not know."""
    return failing(1)(asked) if asked.options else data(asked)


async def test_an_upstream_that_bears_no_option_is_asked_without_for_a_while(
    server: UpstreamServer, make: Make
) -> None:
    server.says[""] = intolerant
    asker = make(server)
    assert await asker.ask().found() == (FOUND,)
    assert await asker.ask("next.example").found() == (FOUND,)
    options = [(each.edns, each.options) for each in server.asked]
    assert options == [(True, [10]), (True, []), (True, [])]
    asker.clock.wait(NO_EDNS_FOR)
    await asker.ask("later.example").one()
    assert server.asked[3].options == [10]


def only_without_options(asked: Asked) -> list[bytes]:
    """Answer like an upstream behind a firewall that drops queries with options."""
    return silent(asked) if asked.options else data(asked)


def only_without_edns(asked: Asked) -> list[bytes]:
    return silent(asked) if asked.edns else data(asked)


@pytest.mark.parametrize(
    ("way", "edns", "tries"), [(only_without_options, True, 2), (only_without_edns, False, 3)]
)
async def test_what_an_upstream_is_silent_to_is_learned_after_some_queries(
    server: UpstreamServer, make: Make, way: Callable[[Asked], list[bytes]], edns: bool, tries: int
) -> None:
    asker = make(server, deadline=10.0)
    server.says[""] = way
    for number in range(POOR_ANSWERS):
        answers = asker.ask(f"{number}.example")
        for one in range(1, tries + 1):
            await server.heard(number * tries + one)
            if one < tries:
                asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
        assert await answers.found() == (FOUND,)
    assert await asker.ask("later.example").found() == (FOUND,)
    (asked,) = server.asked[POOR_ANSWERS * tries :]
    assert (asked.edns, asked.options) == (edns, [])


async def test_a_datagram_that_was_lost_now_and_then_teaches_nothing(
    server: UpstreamServer, make: Make
) -> None:
    asker = make(server, deadline=10.0)
    for number in range(POOR_ANSWERS + 1):
        server.says[""] = only_without_options
        answers = asker.ask(f"{number}.example")
        await server.heard(3 * number + 1)
        asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
        assert await answers.found() == (FOUND,)
        server.says[""] = data
        assert await asker.ask(f"good.{number}.example").found() == (FOUND,)
    assert server.asked[-1].options == [10]
    health, _ = asker.upstreams.numbers()[0]
    assert health.level_for(asker.ask(), asker.clock.time()) == FULL
