"""Asking upstreams over real sockets: who is asked, how long, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import structlog.testing

from copdns.dns.exchange import BACKOFF
from copdns.dns.message import UpstreamResponse
from copdns.dns.records import HTTPS
from copdns.dns.upstream import UpstreamClient
from copdns.dns.upstream_queries import SECOND_AFTER, SWEEP_INTERVAL
from tests.unit.upstreams import ATTEMPT, DEADLINE, FOUND, WWW, Answers, Asker, Make
from tests.upstream_server import (
    Asked,
    UpstreamServer,
    always_truncated,
    authenticated,
    bare_error,
    data,
    failing,
    filtered,
    garbled,
    lowering,
    nothing,
    silent,
    truncated,
    without_edns,
)

# --- the usual case ----------------------------------------------------------------------------


async def test_a_question_is_answered(server: UpstreamServer, make: Make) -> None:
    asker = make(server)
    assert await asker.ask().found() == (FOUND,)
    assert asker.numbers() == (1, 0, 0)
    (asked,) = server.asked
    assert (asked.name.lower(), asked.rtype, asked.over) == ("www.example.", "A", "udp")


async def test_letters_ids_and_ports_are_drawn_by_lot(server: UpstreamServer, make: Make) -> None:
    asker = make(server)
    for _ in range(40):
        await asker.ask("a-long-name-of-many-letters.example").one()
    assert len({asked.name for asked in server.asked}) == 40
    assert len({asked.message.id for asked in server.asked}) > 35
    assert len({asked.port for asked in server.asked}) > 10


@pytest.mark.parametrize("do", [False, True])
@pytest.mark.parametrize("cd", [False, True])
async def test_an_upstream_hears_do_and_cd_and_of_options_a_cookie_alone(
    server: UpstreamServer, make: Make, do: bool, cd: bool
) -> None:
    await make(server).ask(WWW._replace(do=do, cd=cd, qtype=HTTPS)).one()
    (asked,) = server.asked
    assert (asked.do, bool(asked.message.flags & 0x10)) == (do, cd)
    assert (asked.edns, asked.options, asked.message.payload) == (True, [10], 1232)


async def test_authenticated_is_believed_of_loopback_alone(
    server: UpstreamServer, make: Make
) -> None:
    server.says[""] = authenticated
    asker = make(server)
    answer = await asker.ask().one()
    assert answer is not None
    assert answer.ad
    asker.upstreams.numbers()[0][0].trusted = False
    answer = await asker.ask().one()
    assert answer is not None
    assert not answer.ad


async def test_many_questions_at_once_each_get_their_own_answer(
    server: UpstreamServer, make: Make
) -> None:
    asker = make(server)
    asked = [asker.ask(f"{number}.example") for number in range(150)]
    assert [await each.found() for each in asked] == [(FOUND,)] * 150
    assert asker.upstreams._pending == 0


# --- nobody answers ----------------------------------------------------------------------------


async def test_without_upstreams_nobody_answers(make: Make) -> None:
    answers = make().ask()
    assert answers.all == []  # never before the asker is ready for it
    assert await answers.one() is None


async def test_a_closed_port_is_left_at_once(closed: UpstreamServer, make: Make) -> None:
    asker = make(closed)
    assert await asker.ask().one() is None
    assert asker.numbers()[1] == 1


async def test_a_closed_port_is_left_for_the_next_upstream(
    closed: UpstreamServer, server: UpstreamServer, make: Make
) -> None:
    asker = make(closed, server)
    assert await asker.ask().found() == (FOUND,)
    assert asker.upstreams.numbers()[0][0].backoff_until > asker.clock.time()
    assert await asker.ask().found() == (FOUND,)
    assert asker.numbers(1)[0] == 1  # it rests


async def test_a_silent_upstream_is_asked_again_and_given_up_at_the_deadline(
    server: UpstreamServer, make: Make
) -> None:
    server.says[""] = silent
    asker = make(server)
    answers = asker.ask()
    for times in (1, 2, 3):
        await server.heard(times)
        assert answers.all == []
        asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    assert await answers.one() is None
    assert len(server.asked) == 3
    assert asker.upstreams._pending == 0


async def test_beside_a_silent_upstream_the_next_is_asked_after_a_third_of_the_time(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = silent
    asker = make(server, second)
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(ATTEMPT * SECOND_AFTER - SWEEP_INTERVAL)
    assert second.asked == []
    asker.clock.wait(2 * SWEEP_INTERVAL)
    assert await answers.found() == (FOUND,)
    assert (asker.numbers(1), asker.numbers(2)) == ((2, 0, 0), (1, 0, 0))
    await server.heard(2)
    assert server.asked[1].name == "."  # a probe: it may only have been slow with this name
    assert await asker.ask("next.example").found() == (FOUND,)
    assert len(server.asked) == 2  # meanwhile nobody waits for it
    asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    assert asker.numbers(1) == (2, 1, 0)


async def test_an_upstream_that_was_slow_with_one_name_is_asked_for_the_next(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says["slow.example"] = silent
    asker = make(server, second)
    answers = asker.ask("slow.example")
    await server.heard()
    asker.clock.wait(ATTEMPT * SECOND_AFTER + SWEEP_INTERVAL)
    assert await answers.found() == (FOUND,)
    health, _ = asker.upstreams.numbers()[0]
    await asker.until(lambda: not health.backoff_until)
    assert await asker.ask("next.example").found() == (FOUND,)
    assert server.names == ["slow.example", "", "next.example"]
    assert len(second.asked) == 1


async def test_an_upstream_that_was_silent_for_the_whole_time_rests(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = silent
    second.hold()
    asker = make(server, second)
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    await second.heard()
    second.release()
    assert await answers.found() == (FOUND,)
    assert (asker.numbers(1), asker.numbers(2)) == ((1, 1, 0), (1, 0, 0))
    await asker.ask("other.example").one()
    assert len(server.asked) == 1


async def test_of_an_upstream_that_filters_and_one_that_does_not_one_is_asked_at_a_time(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = silent
    asker = make(server, second)
    asker.upstreams.numbers()[1][0].filtering = True
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(ATTEMPT - SWEEP_INTERVAL)
    assert second.asked == []
    asker.clock.wait(2 * SWEEP_INTERVAL)
    assert await answers.found() == (FOUND,)


async def test_the_first_counts_though_a_second_was_asked_and_knew_nothing(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.hold()
    second.says[""] = failing(2)
    asker = make(server, second)
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(ATTEMPT * SECOND_AFTER + SWEEP_INTERVAL)
    await second.heard()
    server.release()
    assert await answers.found() == (FOUND,)
    assert (asker.numbers(1), asker.numbers(2)) == ((1, 0, 0), (1, 0, 0))


async def test_the_second_counts_though_the_first_said_late_that_it_knows_nothing(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = failing(2)
    server.hold()
    second.hold()
    asker = make(server, second)
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(ATTEMPT * SECOND_AFTER + SWEEP_INTERVAL)
    await second.heard()
    server.release()
    second.release()
    assert await answers.found() == (FOUND,)
    assert len(server.asked) == len(second.asked) == 1


async def test_a_second_upstream_that_cannot_be_reached_leaves_the_first_its_time(
    server: UpstreamServer, closed: UpstreamServer, make: Make
) -> None:
    server.hold()
    asker = make(server, closed)
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(ATTEMPT * SECOND_AFTER + SWEEP_INTERVAL)
    await asker.until(lambda: asker.numbers(2)[1])
    server.release()
    assert await answers.found() == (FOUND,)


# --- probes ------------------------------------------------------------------------------------


async def test_an_upstream_that_works_again_is_found_by_a_probe_and_not_by_a_query(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = silent
    asker = make(server, second)
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(ATTEMPT * SECOND_AFTER + SWEEP_INTERVAL)
    assert await answers.found() == (FOUND,)
    for number in range(3):  # while it rests, and while it is probed in vain, nobody waits for it
        asker.clock.wait(BACKOFF)
        assert await asker.ask(f"{number}.example").found() == (FOUND,)
    asked = [each.name for each in server.asked]
    assert asked[0].lower() == "www.example."
    assert set(asked[1:]) == {"."}
    server.says[""] = nothing
    heard, (health, _) = len(server.asked), asker.upstreams.numbers()[0]
    await asker.until(lambda: len(server.asked) > heard, step=SWEEP_INTERVAL)
    await asker.until(lambda: not health.failures)
    server.says[""] = data
    await asker.ask("later.example").one()
    assert server.names[-1] == "later.example"


async def test_probes_end_with_the_trouble_and_with_the_client(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    asker = make(server, second)
    await asker.ask().one()
    asker.clock.wait(10 * BACKOFF)
    assert server.names == ["www.example"]
    assert second.asked == []
    assert asker.upstreams._pending == 0


async def test_two_silent_upstreams_take_no_longer_than_the_deadline_and_both_rest(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = second.says[""] = silent
    asker = make(server, second, deadline=ATTEMPT)
    answers = asker.ask()
    asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    assert await answers.one() is None
    assert (asker.numbers(1), asker.numbers(2)) == ((1, 1, 0), (1, 1, 0))


async def test_with_two_of_three_silent_the_third_answers_in_time(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = second.says[""] = silent
    async with UpstreamServer("127.0.0.4") as third:
        asker = make(server, second, third)
        answers = asker.ask()
        began = asker.clock.time()
        await asker.until(lambda: answers.all, step=SWEEP_INTERVAL / 10)
        assert await answers.found() == (FOUND,)
    assert asker.clock.time() - began < 1.8  # seconds


async def test_when_all_are_silent_each_is_tried_twice_at_most(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = second.says[""] = silent
    asker = make(server, second, deadline=60.0)
    answers = asker.ask()
    for _ in range(10):
        asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    assert await answers.one() is None
    await server.heard(2)
    await second.heard(2)
    assert (len(server.asked), len(second.asked)) == (2, 2)


async def test_a_late_answer_is_an_answer(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.hold()
    second.hold()
    asker = make(server, second)
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    await second.heard()
    server.release()
    assert await answers.found() == (FOUND,)
    health, _ = asker.upstreams.numbers()[0]
    assert health.rtt == pytest.approx(ATTEMPT + SWEEP_INTERVAL)  # from its own question on
    second.release()
    assert await asker.ask("next.example").found() == (FOUND,)
    assert len(answers.all) == 1


async def test_an_answer_after_the_deadline_is_nobodys(server: UpstreamServer, make: Make) -> None:
    server.hold()
    asker = make(server)
    answers = asker.ask()
    await server.heard()
    asker.clock.wait(DEADLINE + SWEEP_INTERVAL)
    server.release()
    assert await answers.one() is None
    assert await asker.ask("next.example").found() == (FOUND,)
    assert len(answers.all) == 1


async def test_a_mistake_of_who_waits_does_not_leave_the_others_waiting(
    server: UpstreamServer, make: Make
) -> None:
    server.says[""] = silent
    asker = make(server)

    class Mistaken(Answers):
        def take_response(self, answer: UpstreamResponse | None) -> None:
            raise ZeroDivisionError

    asker.upstreams.ask(Mistaken())
    answers = asker.ask("other.example")
    with structlog.testing.capture_logs() as logged:
        asker.clock.wait(DEADLINE + SWEEP_INTERVAL)
    assert await answers.one() is None
    (line,) = [each for each in logged if "error" in each]
    assert (line["event"], line["error"]) == ("a bug in using a response", "ZeroDivisionError")


async def test_a_real_clock_keeps_the_deadline(server: UpstreamServer) -> None:
    server.says[""] = silent
    loop = asyncio.get_running_loop()
    upstreams = UpstreamClient(loop, deadline=0.2, attempt=0.08)
    upstreams.configure({"": [server.address]})
    answers, began = Answers(), loop.time()
    upstreams.ask(answers)
    late: list[bool] = []
    # By the loop's own order: a machine that stands still is no delay of ours.
    loop.call_later(0.2 + 10 * SWEEP_INTERVAL, lambda: late.append(not answers.all))
    assert await answers.one() is None
    assert loop.time() - began >= 0.2
    assert True not in late
    upstreams.close()


# --- quiet -------------------------------------------------------------------------------------


def state(asker: Asker) -> object:
    """Return all that is told of upstreams, and all that is remembered of them."""
    return [
        (
            {name: getattr(health, name) for name in health.__slots__},
            {name: repr(getattr(counters, name)) for name in counters.__slots__},
        )
        for health, counters in asker.upstreams.numbers()
    ]


@pytest.mark.parametrize(
    "way",
    [
        *(data, silent, failing(2), truncated, always_truncated),
        *(lowering, without_edns, bare_error, garbled, filtered),
    ],
)
async def test_a_quiet_question_leaves_no_trace(
    server: UpstreamServer, second: UpstreamServer, make: Make, way: Callable[[Asked], list[bytes]]
) -> None:
    asker = make(server, second)
    await asker.ask("before.example").one()
    before = state(asker)
    server.says[""] = way
    with structlog.testing.capture_logs() as logs:
        answers = asker.ask("helpline-for-children.example", untraced=True, protected=True)
        await server.heard(2)
        if way is silent:
            asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
        assert await answers.found() == (FOUND,)
    assert state(asker) == before
    assert logs == []


async def test_a_quiet_question_to_a_closed_port_leaves_no_trace(
    closed: UpstreamServer, make: Make
) -> None:
    asker = make(closed)
    before = state(asker)
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            assert await asker.ask("helpline.example", untraced=True).one() is None
    assert state(asker) == before
    assert logs == []


# --- trouble that is told ----------------------------------------------------------------------


async def test_trouble_is_told_once_and_so_is_its_end(server: UpstreamServer, make: Make) -> None:
    server.says[""] = silent
    asker = make(server, deadline=0.5)
    with structlog.testing.capture_logs() as logs:
        for number in range(5):
            answers = asker.ask(f"{number}.example")
            asker.clock.wait(0.5 + SWEEP_INTERVAL)
            assert await answers.one() is None
        server.says[""] = data
        await asker.ask().one()
    assert [(each["event"], each["upstream"]) for each in logs] == [
        ("an upstream does not answer", "1"),
        ("an upstream answers again", "1"),
    ]
