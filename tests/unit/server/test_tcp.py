"""DNS over TCP, with real connections on loopback and an upstream that answers when told to.

What holds over TLS as well is tried over both.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_network

import pytest

from copdns.dns.records import QR, RD
from copdns.model.errors import REFUSED, ListenError
from copdns.server import waiting_queries
from copdns.server.connection import StreamLimits
from copdns.server.forwarders import NO_FORWARDERS, Forwarder, Forwarders
from copdns.server.limits import Limits
from copdns.server.tcp import TcpServer
from copdns.time.clock import Moment
from tests.forwarding import STREAM, header, own, proxied
from tests.household import BO
from tests.unit.messages import ID, message, opt, option, parsed, query, question
from tests.unit.streams import GAMES, HOST, SLOW, Client, Open, numbered, pass_time, turn
from tests.upstream_server import PATIENCE

IDLE = 10.0  # seconds


async def test_a_question_is_answered_without_one_over_udp_before(either: Open) -> None:
    client = await (await either()).client()
    client.send(query(GAMES))
    reply = await client.receive()
    assert reply[:2] == ID
    assert parsed(reply).question[0].name.to_text() == f"{GAMES}."


async def test_a_hundred_questions_in_one_segment_are_all_answered(either: Open) -> None:
    here = await either()
    client = await here.client()
    names = [GAMES if number % 2 else f"{number}.example" for number in range(100)]
    client.send(*(numbered(number, name) for number, name in enumerate(names)))
    await here.asked(50)
    here.home.upstream.deliver()
    replies = [await client.receive() for _ in names]
    assert sorted(int.from_bytes(reply[:2], "big") for reply in replies) == list(range(100))
    for reply in replies:
        name = names[int.from_bytes(reply[:2], "big")]
        assert parsed(reply).question[0].name.to_text() == f"{name}."


async def test_a_question_in_single_octets_is_answered(either: Open) -> None:
    client = await (await either()).client()
    client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asked = query(GAMES)
    for octet in len(asked).to_bytes(2, "big") + asked:
        client.put(bytes([octet]))
        await turn()
    assert (await client.receive())[:2] == ID


async def test_a_slow_question_does_not_hold_a_fast_one(either: Open) -> None:
    here = await either()
    client = await here.client()
    client.send(numbered(1, SLOW), numbered(2, GAMES))
    assert (await client.receive())[:2] == b"\0\2"
    here.home.upstream.deliver()
    assert (await client.receive())[:2] == b"\0\1"


async def test_an_answer_too_large_for_a_datagram_is_not_truncated(either: Open) -> None:
    here = await either()
    here.home.upstream.script = {SLOW: {"TXT": [f"{each}{'x' * 100}" for each in range(8)]}}
    client = await here.client()
    client.send(query(SLOW, 16))
    await here.asked(1)
    here.home.upstream.deliver()
    reply = await client.receive()
    assert len(reply) > 512
    assert len(parsed(reply).answer[0]) == 8


async def test_what_is_no_question_gets_silence_and_a_mistake_an_error(either: Open) -> None:
    client = await (await either(in_flight=2)).client()
    response = message(question(GAMES), flags=QR | RD)
    client.send(*[response, b"", b"\0" * 11] * 5, message(b"", questions=0))
    assert parsed(await client.receive()).rcode() == 1
    client.send(query(GAMES))
    assert (await client.receive())[:2] == ID


# --- a forwarder before us ---------------------------------------------------------------------

LISTED = Forwarders([Forwarder(ip_network(HOST), proxy=True)])


async def rcode(client: Client) -> int:
    return int(parsed(await client.receive()).rcode())


async def test_a_header_says_who_asks_all_that_follows(desk: Open) -> None:
    here = await desk(LISTED)
    stranger, mia = await here.client(), await here.client()
    stranger.writer.write(proxied(BO, STREAM))
    mia.writer.write(proxied(HOST, STREAM))
    for _ in range(2):
        for client in (stranger, mia):
            client.send(query(GAMES))
        assert (await rcode(stranger), await rcode(mia)) == (5, 0)


async def test_a_header_in_single_octets_is_read(desk: Open) -> None:
    client = await (await desk(LISTED)).client()
    client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asked = query(GAMES)
    for octet in proxied(BO, STREAM) + len(asked).to_bytes(2, "big") + asked:
        client.writer.write(bytes([octet]))
        await turn()
    assert await rcode(client) == 5


@pytest.mark.parametrize("head", [b"", own()])
async def test_a_forwarder_may_ask_for_itself(desk: Open, head: bytes) -> None:
    client = await (await desk(LISTED)).client()
    client.writer.write(head)
    client.send(query(GAMES))
    assert await rcode(client) == 0


async def test_a_header_comes_once(desk: Open) -> None:
    client = await (await desk(LISTED, idle=IDLE)).client()
    client.writer.write(proxied(BO, STREAM))
    client.send(query(GAMES))
    assert await rcode(client) == 5
    client.writer.write(proxied(HOST, STREAM))  # the length of a message that never comes
    client.send(query(GAMES))
    await pass_time(IDLE)
    assert await client.end() == b""


async def test_a_malformed_header_ends_the_connection(desk: Open) -> None:
    client = await (await desk(LISTED)).client()
    client.writer.write(header(0x21, 0x13, bytes(12)))
    client.send(query(GAMES))
    assert await client.end() == b""


async def test_a_header_that_never_ends_does_not_keep_it_open(desk: Open) -> None:
    client = await (await desk(LISTED, idle=IDLE)).client()
    client.writer.write(proxied(BO, STREAM)[:-1])
    await pass_time(IDLE)
    assert await client.end() == b""


async def test_a_header_from_anybody_else_names_nobody(desk: Open) -> None:
    here = await desk(idle=IDLE)
    client = await here.client()
    client.writer.write(proxied(BO, STREAM))
    client.send(query(GAMES))
    await pass_time(IDLE)
    assert await client.end() == b""
    assert here.home.recorder.last is None


async def test_options_are_read_of_each_message(desk: Open) -> None:
    by_subnet = Forwarders([Forwarder(ip_network(HOST), subnet=True)])
    client = await (await desk(by_subnet)).client()
    strangers = opt(option(8, bytes.fromhex("00012000cb007142")))
    for said, expected in [(strangers, 5), (b"", 0), (strangers, 5)]:
        client.send(query(GAMES, opt=said))
        assert await rcode(client) == expected


async def test_who_is_believed_changes_with_the_next_connection(desk: Open) -> None:
    here = await desk(LISTED, idle=IDLE)
    here.server.set_forwarders(NO_FORWARDERS)
    client = await here.client()
    client.writer.write(proxied(BO, STREAM))
    await pass_time(IDLE)
    assert await client.end() == b""
    here.server.set_forwarders(LISTED)
    client = await here.client()
    client.writer.write(proxied(BO, STREAM))
    client.send(query(GAMES))
    assert await rcode(client) == 5


# --- ends ------------------------------------------------------------------------------------


async def test_a_silent_connection_is_closed(either: Open) -> None:
    client = await (await either(idle=IDLE)).client()
    await pass_time(IDLE)
    assert await client.end() == b""


async def test_octets_that_never_make_a_message_do_not_keep_it_open(desk: Open) -> None:
    here = await desk(idle=IDLE)
    client = await here.client()
    client.send(query(GAMES))
    await client.receive()
    (connection,) = here.connections()
    deadline = connection._deadline
    client.writer.write(b"\0")
    await turn()
    assert connection._deadline == deadline
    await pass_time(IDLE)
    assert await client.end() == b""


async def test_a_client_that_stopped_sending_still_gets_its_answers(either: Open) -> None:
    here = await either(in_flight=2)
    client = await here.client()
    client.send(*(numbered(number, f"{number}.example") for number in range(5)))
    client.stop_sending()
    await here.asked(2)
    here.home.upstream.deliver()
    received = await client.end()
    assert received.count(b"\x07example") == 5
    assert here.connections() == []


async def test_a_client_that_went_away_is_no_trouble(either: Open) -> None:
    here = await either()
    client = await here.client()
    client.send(query(SLOW))
    await here.asked(1)
    client.writer.transport.abort()
    other = await here.client()
    here.home.upstream.deliver()
    other.send(query(GAMES))
    assert (await other.receive())[:2] == ID


async def test_closed_it_ends_every_connection(either: Open) -> None:
    here = await either()
    clients = [await here.client() for _ in range(3)]
    for client in clients:
        client.send(query(GAMES))
        await client.receive()
    here.server.close()
    assert [await client.end() for client in clients] == [b""] * 3
    assert here.connections() == []
    with pytest.raises(ConnectionRefusedError):
        await here.client()


# --- bounds ----------------------------------------------------------------------------------


async def test_with_too_many_connections_the_longest_silent_one_ends(either: Open) -> None:
    here = await either(connections=2)
    first, second = await here.client(), await here.client()
    for client in (second, first):
        client.send(query(GAMES))
        await client.receive()
    third = await here.client()
    assert await second.end() == b""
    for client in (first, third):
        client.send(query(GAMES))
        assert (await client.receive())[:2] == ID


async def test_connections_that_come_together_are_held_to_the_limit_too(either: Open) -> None:
    here = await either(connections=2)
    clients = await asyncio.gather(*(here.client() for _ in range(10)))
    clients[-1].send(query(GAMES))
    await clients[-1].receive()
    assert len(here.connections()) <= 2


async def test_questions_of_one_connection_are_worked_on_a_few_at_a_time(either: Open) -> None:
    here = await either(in_flight=3)
    client = await here.client()
    client.send(*(numbered(number, f"{number}.example") for number in range(10)))
    await here.asked(3)
    await turn()
    assert len(here.home.upstream.asked) == 3
    here.home.upstream.deliver()
    replies = [await client.receive() for _ in range(10)]
    assert {int.from_bytes(reply[:2], "big") for reply in replies} == set(range(10))


async def test_what_is_refused_while_it_is_read_is_asked_once(
    desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_queries, "MAX_WAITERS", 1)
    here = await desk()
    client = await here.client()
    client.send(*(numbered(number, SLOW) for number in range(10)))
    refused = [await client.receive() for _ in range(9)]  # for one more that waits there is no room
    assert [int.from_bytes(each[:2], "big") for each in refused] == list(range(1, 10))
    here.home.upstream.deliver()
    assert (await client.receive())[:2] == bytes(2)
    here.home.recorder.flush(here.home.clock.wall)
    assert here.home.counters.queries["tcp"] == 10


async def test_a_bug_with_one_question_keeps_no_later_one_from_its_answer(either: Open) -> None:
    here = await either(in_flight=1)
    client, clock = await here.client(), here.server.clock

    def broken() -> Moment:
        here.server.clock = clock
        raise RuntimeError("a bug")

    client.send(numbered(1, SLOW), numbered(2, GAMES))
    await here.asked(1)
    here.server.clock = broken
    here.home.upstream.deliver()
    assert (await client.receive())[:2] == b"\0\1"
    for number in (3, 4):
        client.send(numbered(number, GAMES))
        assert (await client.receive())[:2] == bytes([0, number])


async def test_a_client_that_does_not_read_is_not_read_from(desk: Open) -> None:
    here = await desk()
    client = await here.client(buffer=4096)
    asked = 40_000
    client.send(*[query(GAMES)] * asked)
    (connection,) = here.connections() or [None]
    async with asyncio.timeout(PATIENCE):
        while connection is None or not connection.is_clogged:
            await turn()
            (connection,) = here.connections() or [None]
    assert connection._transport is not None
    assert connection._transport.get_write_buffer_size() < 1 << 18
    other = await here.client()
    other.send(query(GAMES))
    assert (await other.receive())[:2] == ID
    for _ in range(asked):
        await client.receive()


async def test_a_client_that_never_reads_is_dropped(either: Open) -> None:
    here = await either(idle=IDLE)
    client = await here.client(buffer=4096)
    client.send(*[query(GAMES)] * 40_000)
    async with asyncio.timeout(PATIENCE):
        while not any(each.is_clogged for each in here.connections()):
            await turn()
    await pass_time(IDLE)
    assert here.connections() == []


# --- listening -------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_told_with_a_way_out(desk: Open) -> None:
    here = await desk()
    second = TcpServer(here.home.resolver, here.home.clock, HOST, here.port, StreamLimits())
    with pytest.raises(ListenError, match=rf"{HOST} port {here.port} \(TCP\): .*another program"):
        await second.start()


async def test_an_address_of_another_machine_is_told(desk: Open) -> None:
    here = await desk()
    second = TcpServer(here.home.resolver, here.home.clock, "192.0.2.1", 0, StreamLimits())
    with pytest.raises(ListenError, match="this machine has no such address"):
        await second.start()


async def test_a_flood_over_tcp_is_refused_and_the_connection_stays(either: Open) -> None:
    house = await either()
    house.home.resolver.limits = Limits(client=2, is_exempt=lambda _: False)
    client = await house.client()
    client.send(*[query(GAMES, opt=opt())] * 12)
    replies = [parsed(await client.receive()) for _ in range(12)]
    told = [int(each.extended_errors()[0].code) for each in replies[10:]]
    assert (len([each for each in replies if each.rcode() == REFUSED]), told) == (2, [31, 31])
    house.home.clock.wait(10)
    client.send(query(GAMES))
    assert parsed(await client.receive()).rcode() != REFUSED
