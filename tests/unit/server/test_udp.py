"""DNS over UDP, with real sockets on loopback and an upstream that answers when told to."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from copdns.dns.mmsg import BATCH_SIZE
from copdns.dns.records import QR, RD
from copdns.model.errors import ListenError
from copdns.model.household import Device
from copdns.server.forwarders import (
    FIELD_HOUSEHOLD,
    FIELD_TOKEN,
    NO_FORWARDERS,
    Forwarder,
    Forwarders,
)
from copdns.server.limits import Limits
from copdns.server.udp import UdpServer
from tests.forwarding import own, proxied
from tests.home import Home
from tests.household import BO, MIA, block, family
from tests.unit.messages import ID, message, parsed, query, question
from tests.upstream_server import PATIENCE

GAMES = "games.example"  # blocked: answered at once
SLOW = "slow.example"  # allowed: answered when the upstream delivers

Listen = Callable[[str], tuple[str, int]]


@pytest.fixture
def home() -> Home:
    here = Device("laptop", "Laptop", "mia", ("127.0.0.0/8", "::1"))
    return Home(family(MIA, devices=(here,), rules=(block(GAMES),)))


@pytest.fixture
async def listen(home: Home) -> Iterator[Listen]:  # type: ignore[misc]
    """Give the address and port of a new server on an address."""
    servers: list[UdpServer] = []

    def listener(address: str) -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        servers.append(UdpServer(loop, home.resolver, home.clock, address, 0))
        return servers[-1]._socket.getsockname()[:2]

    yield listener  # type: ignore[misc]
    for each in servers:
        each.close()


def client(host: str = "127.0.0.1") -> socket.socket:
    """Return a socket that takes datagrams from anywhere."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((host, 0))
    return sock


async def receive(sock: socket.socket) -> tuple[bytes, str]:
    async with asyncio.timeout(PATIENCE):
        reply, peer = await asyncio.get_running_loop().sock_recvfrom(sock, 4096)
    return reply, peer[0]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
async def test_a_reply_leaves_from_the_address_that_was_asked(listen: Listen, address: str) -> None:
    listen("127.0.0.1"), listen("127.0.0.2")
    where = listen(address)
    with client("::1" if ":" in address else "127.0.0.1") as sock:
        sock.sendto(query(GAMES), where)
        reply, source = await receive(sock)
    assert source == address
    assert reply[:2] == ID


async def test_a_reply_that_had_to_wait_leaves_from_there_too(listen: Listen, home: Home) -> None:
    listen("127.0.0.1")
    where = listen("127.0.0.2")
    with client() as fast, client() as slow:
        slow.sendto(query(SLOW), where)
        fast.sendto(query(GAMES), where)
        await receive(fast)
        home.upstream.deliver()
        reply, source = await receive(slow)
    assert source == "127.0.0.2"
    assert parsed(reply).answer


async def test_the_asker_is_known_by_the_address_it_asks_from(listen: Listen, home: Home) -> None:
    where = listen("::1")
    with client("::1") as sock:
        sock.sendto(query(GAMES), where)
        await receive(sock)
    assert home.recorder.last is not None
    assert home.recorder.last.client.policy.profile == "mia"


async def test_more_datagrams_than_one_look_takes_are_all_answered(listen: Listen) -> None:
    where = listen("127.0.0.1")
    with client() as sock:
        for number in range(2 * BATCH_SIZE + 5):
            sock.sendto(number.to_bytes(2, "big") + query(GAMES)[2:], where)
        ids = {(await receive(sock))[0][:2] for _ in range(2 * BATCH_SIZE + 5)}
    assert len(ids) == 2 * BATCH_SIZE + 5


async def test_replies_to_many_that_waited_amid_a_batch_keep_back_no_other(
    listen: Listen, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a query that is sent on shows that those before it were lost."""
    where, answer = listen("127.0.0.1"), home.resolver.answer
    waiting = BATCH_SIZE + 10
    told, wires = b"\0\0", [number.to_bytes(2, "big") for number in range(waiting + BATCH_SIZE)]

    def answer_amid(message: bytes, *rest: Any) -> bytes | None:
        if message[:2] == wires[waiting]:
            home.upstream.deliver()
        return answer(message, *rest)

    monkeypatch.setattr(home.resolver, "answer", answer_amid)
    with client() as sock, client() as other:
        for each in wires[:waiting]:
            sock.sendto(each + query(SLOW)[2:], where)
        other.sendto(told + query(GAMES)[2:], where)
        await receive(other)
        for each in wires[waiting:]:
            sock.sendto(each + query(GAMES)[2:], where)
        replies = [(await receive(sock))[0][:2] for _ in wires]
    assert sorted(replies) == wires


async def test_clients_that_went_away_are_no_trouble(listen: Listen, home: Home) -> None:
    where = listen("127.0.0.1")
    for _ in range(20):
        with client() as gone:
            gone.sendto(query(GAMES), where)
            gone.sendto(query(SLOW), where)
    with client() as sock:
        sock.sendto(query(GAMES), where)
        await receive(sock)
        home.upstream.deliver()  # to ports where nobody listens: the kernel tells of each
        sock.sendto(query(GAMES), where)
        assert (await receive(sock))[0][:2] == ID


async def test_a_reply_over_ipv4_goes_whole_or_not_at_all(home: Home) -> None:
    server = UdpServer(asyncio.get_running_loop(), home.resolver, home.clock, "127.0.0.1", 0)
    try:  # RFC 9715: the kernel sets DF, and fragments nothing
        assert server._socket.getsockopt(socket.IPPROTO_IP, 10) == 3  # IP_PMTUDISC_PROBE
    finally:
        server.close()


@pytest.mark.parametrize(
    "wire", [b"", b"\0", query(GAMES)[:11], message(question(GAMES), flags=QR | RD)]
)
async def test_what_is_no_question_gets_no_reply(listen: Listen, wire: bytes) -> None:
    where = listen("127.0.0.1")
    with client() as sock:
        sock.sendto(wire, where)
        sock.sendto(b"\0\7" + query(GAMES)[2:], where)
        assert (await receive(sock))[0][:2] == b"\0\7"


async def test_a_mistake_is_answered_with_an_error(listen: Listen) -> None:
    where = listen("127.0.0.1")
    with client() as sock:
        sock.sendto(query(GAMES)[:-3], where)
        assert parsed((await receive(sock))[0]).rcode() == 1


async def test_a_reply_is_no_larger_than_the_client_takes(listen: Listen, home: Home) -> None:
    home.upstream.script = {SLOW: {"TXT": [f"{each}{'x' * 100}" for each in range(8)]}}
    where = listen("127.0.0.1")
    with client() as sock, client() as other:
        sock.sendto(query(SLOW, 16), where)
        other.sendto(query(GAMES), where)
        await receive(other)
        home.upstream.deliver()
        reply, _ = await receive(sock)
    assert len(reply) < 512
    assert reply[2] & 0x02


async def test_closed_it_keeps_no_socket(home: Home) -> None:
    before = len(os.listdir("/proc/self/fd"))
    server = UdpServer(asyncio.get_running_loop(), home.resolver, home.clock, "127.0.0.1", 0)
    server.close()
    assert len(os.listdir("/proc/self/fd")) == before
    server._send_later(b"late", bytes(16))  # an answer that had to wait too long
    turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(turn.set)
    await turn.wait()


# --- a forwarder before us ------------------------------------------------------------------------

DNSDIST = "127.0.0.9"
LISTED = Forwarders([Forwarder(ip_network(DNSDIST), proxy=True)])


@pytest.fixture
async def front(home: Home) -> AsyncIterator[UdpServer]:
    """Give a server that believes a forwarder."""
    loop = asyncio.get_running_loop()
    server = UdpServer(loop, home.resolver, home.clock, "127.0.0.1", 0, LISTED)
    yield server
    server.close()


async def brought(front: UdpServer, wire: bytes, by: str = DNSDIST) -> bytes:
    """Return what an address gets for a datagram."""
    with client(by) as sock:
        sock.sendto(wire, front._socket.getsockname()[:2])
        reply, _ = await receive(sock)
    return reply


def asked_by(home: Home) -> str:
    """Return the profile of whoever asked last; "" is a stranger."""
    assert home.recorder.last is not None
    return home.recorder.last.client.policy.profile


async def test_each_message_of_a_forwarder_is_its_senders(front: UdpServer, home: Home) -> None:
    for source, profile, rcode in [("127.0.0.1", "mia", 0), (BO, "", 5), ("127.0.0.1", "mia", 0)]:
        reply = await brought(front, proxied(source) + query(GAMES))
        assert (asked_by(home), parsed(reply).rcode()) == (profile, rcode)


async def test_an_answer_that_had_to_wait_goes_to_the_forwarder(
    front: UdpServer, home: Home
) -> None:
    with client(DNSDIST) as sock:
        sock.sendto(proxied("127.0.0.1") + query(SLOW), front._socket.getsockname()[:2])
        await brought(front, query(GAMES))
        home.upstream.deliver()
        assert parsed((await receive(sock))[0]).answer


@pytest.mark.parametrize("head", [b"", own()])
async def test_a_forwarder_may_ask_for_itself(front: UdpServer, home: Home, head: bytes) -> None:
    await brought(front, head + query(GAMES))
    assert asked_by(home) == "mia"  # whose devices are all of loopback


async def test_a_header_from_anybody_else_is_a_malformed_message(
    front: UdpServer, home: Home
) -> None:
    reply = await brought(front, proxied(BO) + query(GAMES), by="127.0.0.8")
    assert reply[:2] == b"\r\n"
    assert parsed(reply).rcode() == 4
    assert home.recorder.last is None


async def test_who_is_believed_changes_at_once(front: UdpServer, home: Home) -> None:
    wire = proxied(BO) + query(GAMES)
    for listed, rcode in [(LISTED, 5), (NO_FORWARDERS, 4), (LISTED, 5)]:
        front.set_forwarders(listed)
        assert parsed(await brought(front, wire)).rcode() == rcode


def named(household: str, token: bytes = b"") -> bytes:
    """Return the fields of a PROXY header that name a household, and a token's digest."""
    fields = [(FIELD_HOUSEHOLD, household.encode()), (FIELD_TOKEN, token)]
    return b"".join(bytes([kind]) + len(what).to_bytes(2) + what for kind, what in fields if what)


async def test_whoever_a_forwarder_named_before_is_told_from_all_others(
    front: UdpServer, home: Home
) -> None:
    told = [(BO, ""), ("127.0.0.1", "mia"), ("::1", "mia")]
    for household in ("", "oak", "elm", "oak", ""):
        for source, profile in told:
            await brought(front, proxied(source, tlvs=named(household)) + query(GAMES))
            assert asked_by(home) == profile
    remembered = {(each.address, each.household) for each in front._forwarded.values()}
    assert len(remembered) == len(front._forwarded) == len(told) * 3
    assert {each for each, _ in remembered} == {each for each, _ in told}
    assert {each for _, each in remembered} == {"", "oak", "elm"}


async def test_the_port_of_who_asks_a_forwarder_makes_nobody_another(front: UdpServer) -> None:
    ports_at = 16 + 2 * 4
    for port in (b"\1\2", b"\3\4"):
        head = proxied("192.0.2.8", tlvs=named("oak"))
        await brought(front, head[:ports_at] + port + head[ports_at + 2 :] + query(GAMES))
    assert len(front._forwarded) == 1


async def test_nothing_is_remembered_of_who_showed_a_token(front: UdpServer) -> None:
    await brought(front, proxied("192.0.2.8", tlvs=named("oak", bytes(32))) + query(GAMES))
    assert not front._forwarded


async def test_nothing_is_remembered_where_each_message_tells_its_device(front: UdpServer) -> None:
    front.set_forwarders(Forwarders([Forwarder(ip_network(DNSDIST), proxy=True, mac=True)]))
    await brought(front, proxied("192.0.2.8") + query(GAMES))
    assert not front._forwarded


# --- what is in the way ------------------------------------------------------------------------


def listening(home: Home, address: str, port: int) -> UdpServer:
    loop = asyncio.get_running_loop()
    return UdpServer(loop, home.resolver, home.clock, address, port)


async def test_a_port_that_is_taken_is_told_with_a_way_out(home: Home, listen: Listen) -> None:
    host, port = listen("127.0.0.1")
    with pytest.raises(ListenError, match=rf"{host} port {port} \(UDP\): .*another program"):
        listening(home, host, port)


async def test_an_address_of_another_machine_is_told(home: Home) -> None:
    with pytest.raises(ListenError, match="this machine has no such address"):
        listening(home, "192.0.2.1", 0)


async def test_ipv6_and_ipv4_listen_beside_each_other(home: Home) -> None:
    with closing(listening(home, "::", 0)) as six:
        port = six._socket.getsockname()[1]
        with closing(listening(home, "0.0.0.0", port)) as four:
            assert four._socket.getsockname()[:2] == ("0.0.0.0", port)


# --- limits ---------------------------------------------------------------------------------------


def nobody(_requestor: object) -> bool:
    return False


async def flooded(
    home: Home, where: tuple[str, int], before: bytes = b"", count: int = 25
) -> tuple[int, int]:
    """Flood a server; return how many replies were whole, and how many said "ask over TCP".

    before: what comes before each message.  Afterwards time goes by, and one more is answered.
    """
    replies = []
    with client() as sock:
        for number in range(count):
            sock.sendto(before + number.to_bytes(2, "big") + query(GAMES)[2:], where)
        while len(replies) < 20:
            replies.append((await receive(sock))[0])
        home.clock.wait(10)
        sock.sendto(before + ID + query(GAMES)[2:], where)
        while replies[-1][:2] != ID:
            replies.append((await receive(sock))[0])
    truncated = sum(bool(reply[2] & 2) for reply in replies)
    return len(replies) - 1 - truncated, truncated


@pytest.mark.parametrize("lane", [False, True])
async def test_a_flood_is_slowed_whether_or_not_its_reply_is_known(lane: bool) -> None:
    here = Device("laptop", "Laptop", "mia", ("127.0.0.0/8",))
    home = Home(family(MIA, devices=(here,), rules=(block(GAMES),)), lane=lane)
    home.resolver.limits = Limits(client=2, is_exempt=nobody)
    server = UdpServer(asyncio.get_running_loop(), home.resolver, home.clock, "127.0.0.1", 0)
    try:
        where = server._socket.getsockname()[:2]
        assert await flooded(home, where) == (10, 10)
    finally:
        server.close()


async def test_whoever_a_forwarder_names_has_the_bound_and_the_forwarder_none(home: Home) -> None:
    home.resolver.limits = Limits(client=2, is_exempt=nobody)
    forwarders = Forwarders([Forwarder(ip_network("127.0.0.1/32"), proxy=True)])
    loop = asyncio.get_running_loop()
    server = UdpServer(loop, home.resolver, home.clock, "127.0.0.1", 0, forwarders)
    try:
        where = server._socket.getsockname()[:2]
        for source in ("192.0.2.8", "192.0.2.15"):
            assert await flooded(home, where, proxied(source)) == (10, 10)
        assert await flooded(home, where, own()) == (25, 0)
    finally:
        server.close()


async def test_the_packet_cache_notes_that_a_device_asked_as_the_whole_way_does(
    listen: Listen,
) -> None:
    here = Device("laptop", "Laptop", "mia", ("127.0.0.0/8",))
    child = replace(MIA, bypass=True, bypass_signs=True)
    home = Home(family(child, devices=(here,), rules=(block(GAMES),)), lane=True)
    server = UdpServer(asyncio.get_running_loop(), home.resolver, home.clock, "127.0.0.1", 0)
    where, heard = server._socket.getsockname()[:2], home.resolver.snapshot.heard
    try:
        with client() as sock:
            for _ in range(3):  # the first one fills the cache
                heard["home", "mia", "laptop"].lately = False
                sock.sendto(query(GAMES), where)
                await receive(sock)
                home.recorder.flush(home.clock().wall)
                assert heard["home", "mia", "laptop"].lately
    finally:
        server.close()
