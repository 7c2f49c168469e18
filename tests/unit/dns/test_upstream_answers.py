"""What upstreams send back: errors, forgeries, old servers, and answers too large for UDP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
import structlog.testing

from copdns.dns.exchange import NO_EDNS_FOR
from copdns.dns.upstream import UpstreamClient
from copdns.dns.upstream_queries import SWEEP_INTERVAL
from tests.unit.upstreams import ATTEMPT, DEADLINE, FOUND, WWW, Answers, Make
from tests.upstream_server import (
    Asked,
    UpstreamServer,
    Way,
    after,
    always_truncated,
    bare_error,
    data,
    failing,
    filtered,
    garbled,
    lowering,
    nothing,
    once,
    silent,
    truncated,
    without_edns,
    without_edns_politely,
)

# --- answers that will not do ------------------------------------------------------------------


@pytest.mark.parametrize("rcode", [1, 2, 4, 5])
async def test_an_error_is_given_only_when_nobody_knows_better(
    server: UpstreamServer, second: UpstreamServer, make: Make, rcode: int
) -> None:
    server.says[""] = failing(rcode)
    asker = make(server, second)
    assert await asker.ask().found() == (FOUND,)
    second.says[""] = failing(rcode)
    answer = await asker.ask("other.example").one()
    assert answer is not None
    assert (answer.rcode, answer.cache_ttl) == (rcode, 0)


async def test_an_error_is_better_than_silence(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""], second.says[""] = failing(2), silent
    asker = make(server, second)
    answers = asker.ask()
    await second.heard()
    asker.clock.wait(DEADLINE + SWEEP_INTERVAL)
    answer = await answers.one()
    assert answer is not None
    assert answer.rcode == 2


async def test_a_late_error_does_not_disturb_who_is_asked_now(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = failing(2)
    server.hold()
    second.hold()
    asker = make(server, second)
    asker.upstreams.configure(
        {"": [server.address, second.address], "first.example": [server.address]}
    )
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    await second.heard()
    server.release()
    await asker.ask(WWW._replace(zone="first.example")).one()  # what came before this was read
    second.release()
    assert await answers.found() == (FOUND,)
    assert len(second.asked) == 1


async def test_a_malformed_answer_is_left_for_the_next_upstream(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = garbled
    asker = make(server, second)
    assert await asker.ask().found() == (FOUND,)
    assert asker.numbers(1) == (1, 1, 0)


async def test_an_upstream_that_filters_a_protected_name_is_left_for_the_next(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = filtered
    asker = make(server, second)
    assert await asker.ask(protected=True).found() == (FOUND,)
    answer = await asker.ask("toys.example").one()
    assert answer is not None
    assert answer.facts.is_filtered


@pytest.mark.parametrize("says", [failing(3), nothing])
async def test_of_two_that_differ_about_a_protected_name_the_one_with_an_address_counts(
    server: UpstreamServer, second: UpstreamServer, make: Make, says: Way
) -> None:
    server.says[""] = says
    asker = make(server, second)
    assert await asker.ask(protected=True).found() == (FOUND,)
    assert await asker.ask("toys.example").found() == ()
    second.says[""] = says
    answer = await asker.ask("other.example", protected=True).one()
    assert answer is not None
    assert answer.facts.addresses == ()


async def test_a_protected_name_without_an_address_does_not_wait_for_who_rests(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""], second.says[""] = failing(3), silent
    asker = make(server, second)
    answers = asker.ask(protected=True)
    await second.heard()
    asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    answer = await answers.one()
    assert answer is not None
    assert answer.rcode == 3
    again = await asker.ask("other.example", protected=True).one()
    assert again is not None
    assert len(second.asked) == 1


async def test_a_filtered_answer_is_better_than_none(server: UpstreamServer, make: Make) -> None:
    server.says[""] = filtered
    answer = await make(server).ask(protected=True).one()
    assert answer is not None
    assert answer.facts.is_filtered


# --- forgeries ---------------------------------------------------------------------------------


def another_id(wire: bytes) -> bytes:
    return bytes([wire[0] ^ 1]) + wire[1:]


def another_name(wire: bytes) -> bytes:
    return wire.replace(b"\x07example", b"\x07exbmple").replace(b"\x07EXAMPLE", b"\x07EXBMPLE")


def a_question(wire: bytes) -> bytes:
    return wire[:2] + bytes([wire[2] & 0x7F]) + wire[3:]


def another_type(wire: bytes) -> bytes:
    end = wire.index(b"\0\0\1\0\1", 12)
    return wire[:end] + b"\0\0\x1c\0\1" + wire[end + 5 :]


def evil(wire: bytes) -> bytes:
    return wire.replace(FOUND, b"\x7f\x66\x66\x66")


@pytest.mark.parametrize(
    "forged", [another_id, a_question, another_type, lambda wire: wire[:11], lambda _: b""]
)
async def test_what_is_no_answer_to_the_question_is_passed_over(
    server: UpstreamServer, make: Make, forged: Callable[[bytes], bytes]
) -> None:
    server.says[""] = after(lambda wire: forged(evil(wire)))
    asker = make(server)
    assert await asker.ask().found() == (FOUND,)
    assert asker.numbers() == (1, 0, 0)


async def test_an_answer_in_other_letters_is_not_taken_at_its_word(
    server: UpstreamServer, make: Make
) -> None:
    name = "a-name-long-enough-to-be-mixed.example"
    server.says[name] = once(
        after(lambda wire: evil(wire[:12] + wire[12:50].swapcase() + wire[50:]))
    )
    asker = make(server)
    assert await asker.ask(name).found() == (FOUND,)
    assert len(server.asked) == 2


async def test_a_datagram_from_elsewhere_does_not_arrive(
    server: UpstreamServer, make: Make
) -> None:
    server.hold()
    asker = make(server)
    answers = asker.ask()
    await server.heard()
    (asked,) = server.asked
    (forged,) = data(asked)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.66", 0))
        stranger.sendto(evil(forged), ("127.0.0.1", asked.port))
    server.release()
    assert await answers.found() == (FOUND,)


# --- what an upstream cannot do ----------------------------------------------------------------


async def test_an_upstream_that_changes_letters_is_asked_in_lower_case(
    server: UpstreamServer, make: Make
) -> None:
    name = "a-name-long-enough-to-be-mixed.example"
    server.says[""] = lowering
    asker = make(server)
    with structlog.testing.capture_logs() as logs:
        assert await asker.ask(name).found() == (FOUND,)
        assert await asker.ask(name).found() == (FOUND,)
    assert [asked.name == f"{name}." for asked in server.asked] == [False, True, True]
    assert len(logs) == 1
    assert asker.numbers()[1] == 0


@pytest.mark.parametrize("way", [without_edns, without_edns_politely])
async def test_an_upstream_without_edns_is_asked_without_for_a_while(
    server: UpstreamServer, make: Make, way: Callable[[Asked], list[bytes]]
) -> None:
    server.says[""] = way
    asker = make(server)
    assert await asker.ask().found() == (FOUND,)
    assert await asker.ask("next.example").found() == (FOUND,)
    assert [asked.edns for asked in server.asked] == [True, False, False]
    asker.clock.wait(NO_EDNS_FOR)
    server.says[""] = data
    assert await asker.ask("later.example").found() == (FOUND,)
    assert server.asked[-1].edns


async def test_one_question_that_is_not_understood_ends_edns_for_no_other(
    server: UpstreamServer, make: Make
) -> None:
    server.says["odd.example"] = bare_error
    asker = make(server)
    assert await asker.ask("odd.example").one() is None
    assert await asker.ask().found() == (FOUND,)
    assert [asked.edns for asked in server.asked] == [True, False, True]


async def test_the_next_upstream_is_asked_with_edns(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = bare_error
    assert await make(server, second).ask().found() == (FOUND,)
    assert [asked.edns for asked in second.asked] == [True]


# --- TCP ---------------------------------------------------------------------------------------


async def test_a_truncated_answer_is_fetched_over_tcp(server: UpstreamServer, make: Make) -> None:
    server.says[""] = truncated
    asker = make(server)
    assert await asker.ask(WWW._replace(do=True, cd=True)).found() == (FOUND,)
    assert [asked.over for asked in server.asked] == ["udp", "tcp"]
    assert server.asked[1].do
    assert server.asked[1].options == []
    assert asker.numbers() == (1, 0, 1)


async def test_what_is_truncated_over_tcp_too_is_not_given(
    server: UpstreamServer, make: Make
) -> None:
    server.says[""] = always_truncated
    assert await make(server).ask().one() is None


async def test_an_upstream_without_tcp_is_left_for_the_next(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = truncated
    server._tcp.close()
    await server._tcp.wait_closed()
    asker = make(server, second)
    assert await asker.ask().found() == (FOUND,)
    assert asker.numbers(1) == (1, 1, 1)


async def test_a_silent_connection_is_left_for_the_next_upstream(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = lambda asked: truncated(asked) if asked.over == "udp" else []
    asker = make(server, second)
    answers = asker.ask()
    await server.heard(2)
    asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    assert await answers.found() == (FOUND,)


async def test_a_silent_connection_ends_with_the_deadline(server: UpstreamServer) -> None:
    server.says[""] = lambda asked: truncated(asked) if asked.over == "udp" else []
    upstreams = UpstreamClient(asyncio.get_running_loop(), deadline=0.15, attempt=0.1)
    upstreams.configure({"": [server.address]})
    answers = Answers()
    upstreams.ask(answers)
    assert await answers.one() is None
    await asyncio.gather(*upstreams._tcp.tasks)
    upstreams.close()
