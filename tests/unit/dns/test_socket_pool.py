"""Which upstreams there are, and the sockets to them: how many, how long, and that they close."""

from __future__ import annotations

import asyncio
import os

from copdns.dns.socket_pool import MAX_QUERIES, MAX_SOCKETS, SOCKET_LIFETIME
from copdns.dns.upstream_queries import MAX_PENDING, SWEEP_INTERVAL
from copdns.model.addresses import UpstreamAddress
from tests.unit.upstreams import ATTEMPT, DEADLINE, FOUND, WWW, Make
from tests.upstream_server import UpstreamServer, failing, silent, truncated

# --- which upstreams there are -----------------------------------------------------------------


async def test_what_is_known_of_an_upstream_that_stays_is_kept(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    asker = make(server)
    await asker.ask().one()
    health, counters = asker.upstreams.numbers()[0]
    asker.upstreams.configure({"": [second.address, server.address]}, filtering=[server.address])
    assert asker.upstreams.numbers()[1] == (health, counters)
    assert (health.label, health.filtering) == ("2", True)
    asker.upstreams.configure({"": [server.address]})
    assert (health.label, health.filtering) == ("1", False)
    assert asker.upstreams.healths == (health,)


async def test_an_upstream_that_is_gone_is_asked_no_more_but_heard(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.hold()
    asker = make(server)
    answers = asker.ask()
    await server.heard()
    asker.upstreams.configure({"": [second.address]})
    assert await asker.ask("other.example").found() == (FOUND,)
    server.release()
    assert await answers.found() == (FOUND,)
    asker.clock.wait(SWEEP_INTERVAL)
    assert asker.upstreams._groups.gone == []
    assert len(server.asked) == 1


async def test_a_question_to_one_that_is_gone_is_sent_again_to_another(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    server.says[""] = silent
    asker = make(server)
    answers = asker.ask()
    await server.heard()
    asker.upstreams.configure({"": [second.address]})
    asker.clock.wait(ATTEMPT + SWEEP_INTERVAL)
    assert await answers.found() == (FOUND,)


async def test_a_domain_with_upstreams_of_its_own_asks_only_them(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    asker = make(server)
    asker.upstreams.configure({"": [server.address], "home.example": [second.address]})
    await asker.ask(WWW._replace(qname="nas.home.example", zone="home.example")).one()
    await asker.ask().one()
    assert (server.names, second.names) == (["www.example"], ["nas.home.example"])
    assert len(asker.upstreams.healths) == 1  # those of split domains say nothing of the usual
    second.says[""] = failing(2)
    answer = await asker.ask(WWW._replace(qname="a.home.example", zone="home.example")).one()
    assert answer is not None
    assert answer.rcode == 2
    assert len(server.asked) == 1


# --- bounds ------------------------------------------------------------------------------------


async def test_there_is_a_limit_to_what_waits(server: UpstreamServer, make: Make) -> None:
    server.says[""] = silent
    asker = make(server)
    waiting = [asker.ask(f"{number}.example") for number in range(MAX_PENDING)]
    assert await asker.ask("one-too-many.example").one() is None
    asker.clock.wait(DEADLINE + SWEEP_INTERVAL)
    for each in waiting:
        assert await each.one() is None
    assert asker.upstreams._pending == 0


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_sockets_are_used_for_a_while_and_then_closed(
    server: UpstreamServer, make: Make
) -> None:
    before = open_files()
    asker = make(server)
    for _ in range(3):
        for number in range(MAX_SOCKETS):
            await asker.ask(f"{number}.example").one()
        asker.clock.wait(SOCKET_LIFETIME + 1)
        await asker.ask().one()
        asker.clock.wait(SWEEP_INTERVAL)
    assert open_files() - before <= MAX_SOCKETS + 1  # and the poll over all of them
    old = {asked.port for asked in server.asked[: MAX_SOCKETS // 2]}
    assert not old & {asked.port for asked in server.asked[-2:]}
    asker.upstreams.close()
    assert open_files() == before


async def test_a_socket_that_is_spent_waits_for_its_last_answers(
    server: UpstreamServer, make: Make
) -> None:
    asker = make(server)
    (upstream,) = asker.upstreams._groups.all_upstreams()
    server.hold()
    answers = [asker.ask(f"{number}.example") for number in range(8)]
    await server.heard(8)
    asker.clock.wait(SWEEP_INTERVAL)
    for each in upstream.pool.open:
        each.queries = MAX_QUERIES
    while not upstream.pool._retired:
        asker.ask("more.example")
        upstream.pool._flush()  # as each turn of the loop does: one turn, one socket
    retired = upstream.pool._retired[0]
    asker.clock.wait(SWEEP_INTERVAL)
    assert retired.sock.fileno() >= 0
    server.release()
    assert [await each.found() for each in answers] == [(FOUND,)] * 8
    asker.clock.wait(2 * SWEEP_INTERVAL)
    assert retired.sock.fileno() == -1


async def test_closed_it_tells_everybody_and_keeps_no_socket(
    server: UpstreamServer, second: UpstreamServer, make: Make
) -> None:
    before = open_files()
    server.says[""] = silent
    server.says["long.example"] = lambda asked: truncated(asked) if asked.over == "udp" else []
    asker = make(server)
    waiting = [asker.ask(), asker.ask("long.example")]
    await server.heard(3)
    asker.upstreams.configure({"": [second.address]})
    asker.upstreams.close()
    assert [await each.one() for each in waiting] == [None, None]
    await asyncio.gather(*asker.upstreams._tcp.tasks, return_exceptions=True)
    assert await asker.ask().one() is None
    assert asker.upstreams.healths == ()
    server._tcp.close()
    assert open_files() <= before


async def test_an_upstream_over_ipv6(make: Make) -> None:
    async with UpstreamServer("::1") as server:
        assert await make(server).ask().found() == (FOUND,)
        server.says[""] = truncated
        assert await make(server).ask().found() == (FOUND,)


async def test_an_address_without_a_way_to_it_is_left_at_once(
    server: UpstreamServer, make: Make
) -> None:
    asker = make(server)
    nowhere = UpstreamAddress("fe80::1", 53)  # without its interface there is no way
    asker.upstreams.configure({"": [nowhere, server.address]})
    assert await asker.ask().found() == (FOUND,)
    asker.upstreams.configure({"": [nowhere]})
    answers = asker.ask()
    assert answers.all == []
    assert await answers.one() is None
