"""DNS over TLS: handshakes, what only an encrypted reply has, and who is turned away when."""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from pathlib import Path

import dns.edns
import dns.message
import pytest
from dns.message import Message

from copdns.server import tls
from copdns.server.tls import DONE, FAILED, MAX_HANDSHAKES, REFUSED, Handshakes
from tests.encrypted_server import make_certificate
from tests.unit.messages import ID, parsed, query
from tests.unit.streams import (
    GAMES,
    OTHER,
    SLOW,
    STRANGER,
    Client,
    Desk,
    Open,
    TlsClient,
    numbered,
    serving,
    turn,
)
from tests.upstream_server import PATIENCE

PADDING = dns.edns.OptionType.PADDING
KEEPALIVE = 11


@pytest.fixture
def encrypted(desk: Open, certificate: Path) -> Open:
    return partial(desk, certificate=certificate)


def asking(name: str, *options: dns.edns.Option) -> bytes:
    return dns.message.make_query(name, "A", use_edns=0, options=options).to_wire()


def options_of(reply: Message) -> dict[int, dns.edns.Option]:
    return {int(each.otype): each for each in reply.options}


async def until(desk: Desk, result: str, count: int) -> None:
    """Wait until so many handshakes ended so."""
    async with asyncio.timeout(PATIENCE):
        while desk.handshakes.counts[result] < count:
            await turn()


# --- what travels ------------------------------------------------------------------------------


async def test_the_home_knows_who_asks_and_over_what(encrypted: Open) -> None:
    here = await encrypted()
    client = await here.client()
    client.send(query(GAMES))
    await client.receive()
    told = here.home.recorder.last
    assert (told.client.policy.profile if told else "") == "mia"
    here.home.recorder.flush(here.home.clock.wall)
    assert here.home.counters.queries == {"udp": 0, "tcp": 0, "tls": 1, "https": 0, "quic": 0}


@pytest.mark.parametrize("name", [GAMES, SLOW])
async def test_a_reply_is_padded_for_who_pads(encrypted: Open, name: str) -> None:
    here = await encrypted()
    client = await here.client()
    client.send(asking(name, dns.edns.GenericOption(PADDING, bytes(70))))
    if name == SLOW:
        await here.asked(1)
        here.home.upstream.deliver()
    reply = await client.receive()
    assert len(reply) == 468
    assert set(options_of(parsed(reply))) >= {PADDING}


async def test_a_reply_is_not_padded_for_who_does_not(encrypted: Open) -> None:
    client = await (await encrypted()).client()
    client.send(asking(GAMES))
    assert PADDING not in options_of(parsed(await client.receive()))


async def test_nothing_is_padded_in_clear_text(desk: Open) -> None:
    client = await (await desk()).client()
    client.send(asking(GAMES, dns.edns.GenericOption(PADDING, bytes(70))))
    assert PADDING not in options_of(parsed(await client.receive()))


async def test_who_asks_is_told_how_long_a_silent_connection_lives(either: Open) -> None:
    client = await (await either(idle=12.5)).client()
    client.send(asking(GAMES, dns.edns.GenericOption(KEEPALIVE, b"")), asking(GAMES))
    first, second = [options_of(parsed(await client.receive())) for _ in range(2)]
    assert int.from_bytes(first[KEEPALIVE].to_wire(), "big") == 125  # tenths of a second
    assert KEEPALIVE not in second


# --- handshakes --------------------------------------------------------------------------------


async def test_a_session_is_taken_up_again_without_another_certificate(encrypted: Open) -> None:
    here = await encrypted()
    client = await here.client()
    client.send(query(GAMES))
    await client.receive()  # with the tickets, which come after the handshake
    assert isinstance(client, TlsClient)
    again = await here.client(session=client.tls.session)
    assert isinstance(again, TlsClient)
    assert (client.tls.session_reused, again.tls.session_reused) == (False, True)


async def test_the_protocol_is_named_and_nothing_old_is_spoken(encrypted: Open) -> None:
    here = await encrypted()
    client = await here.client()
    assert isinstance(client, TlsClient)
    assert client.tls.selected_alpn_protocol() == "dot"
    assert client.tls.version() == "TLSv1.3"
    here.client_context.maximum_version = ssl.TLSVersion.TLSv1_2
    older = await here.client()
    assert isinstance(older, TlsClient)
    assert older.tls.version() == "TLSv1.2"
    name, _, _ = older.tls.cipher() or ("", "", 0)
    assert name.startswith("ECDHE")
    assert here.context is not None
    for each in here.context.get_ciphers():
        assert each["aead"]
        assert each["kea"] in ("kx-ecdhe", "kx-any")


async def test_a_client_that_speaks_no_tls_is_told_and_left(encrypted: Open) -> None:
    here = await encrypted()
    client = await here.raw_client()
    client.send(query(GAMES))
    assert (await client.end())[:1] in (b"", b"\x15")  # at most an alert (RFC 8446 section 6)
    await until(here, FAILED, 1)
    assert here.handshakes.counts == {DONE: 0, FAILED: 1, REFUSED: 0}


async def test_a_client_that_begins_no_handshake_is_left(
    encrypted: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE", 0.05)
    here = await encrypted(idle=PATIENCE)
    client = await here.raw_client()
    assert await client.end() == b""
    assert (here.handshakes.counts[FAILED], len(here.handshakes.under_way)) == (1, 0)


async def test_what_makes_no_sense_later_ends_the_connection(encrypted: Open) -> None:
    here = await encrypted()
    client = await here.client()
    client.writer.write(bytes(100))
    await client.end()
    assert here.connections() == []
    assert here.handshakes.counts == {DONE: 1, FAILED: 0, REFUSED: 0}


# --- who is turned away ------------------------------------------------------------------------


async def test_who_begins_too_many_handshakes_is_closed_before_and_nobody_else(
    encrypted: Open,
) -> None:
    here = await encrypted(handshakes=1)
    greedy = [await here.raw_client() for _ in range(20)]
    await until(here, REFUSED, 10)
    told = [each for each in greedy if await _is_closed(each)]
    assert len(told) == here.handshakes.counts[REFUSED]
    other = await here.client(source=OTHER)
    other.send(query(GAMES))
    assert (await other.receive())[:2] == ID
    here.home.clock.wait(10)
    again = await here.client()
    again.send(query(GAMES))
    assert (await again.receive())[:2] == ID


async def test_a_stranger_is_closed_before_anything_is_computed_for_it(encrypted: Open) -> None:
    here = await encrypted()
    client = await here.raw_client(source=STRANGER)
    assert await client.end() == b""
    assert here.handshakes.counts == {DONE: 0, FAILED: 0, REFUSED: 1}


async def _is_closed(client: Client) -> bool:
    """Tell whether the server ended the connection, after it has seen all that came before."""
    for _ in range(3):
        await turn()
    return client.reader.at_eof() or client.reader.exception() is not None


async def test_a_client_with_too_many_connections_loses_one_of_its_own(encrypted: Open) -> None:
    here = await encrypted(client_connections=2)
    other = await here.client(source=OTHER)
    first, second, third = [await here.client() for _ in range(3)]
    assert await first.end() == b""
    for client in (other, second, third):
        client.send(query(GAMES))
        assert (await client.receive())[:2] == ID


async def test_with_too_many_connections_the_client_with_the_most_loses_one(
    encrypted: Open,
) -> None:
    here = await encrypted(connections=3)
    other = await here.client(source=OTHER)  # silent for longest, but it has one only
    first, *rest = [await here.client() for _ in range(3)]
    assert await first.end() == b""
    for client in (other, *rest):
        client.send(query(GAMES))
        assert (await client.receive())[:2] == ID


async def test_handshakes_that_do_not_go_on_keep_nobody_out(encrypted: Open) -> None:
    here = await encrypted()
    for _ in range(MAX_HANDSHAKES + 5):
        await here.raw_client()
    await until(here, FAILED, 5)
    other = await here.client(source=OTHER)
    other.send(query(GAMES))
    assert (await other.receive())[:2] == ID
    assert len(here.handshakes.under_way) <= MAX_HANDSHAKES


async def test_closed_it_leaves_no_handshake_under_way(encrypted: Open) -> None:
    here = await encrypted()
    client = await here.raw_client()
    async with asyncio.timeout(PATIENCE):
        while not here.handshakes.under_way:
            await turn()
    here.server.close()
    assert await client.end() == b""
    assert len(here.handshakes.under_way) == 0


# --- another certificate -----------------------------------------------------------------------


async def test_another_certificate_is_for_connections_from_then_on(
    encrypted: Open, tmp_path: Path
) -> None:
    here = await encrypted()
    before = await here.client()
    before.send(numbered(1, SLOW))
    await here.asked(1)
    here.context = serving(make_certificate(tmp_path, "other.example").path, ["dot"])
    after = await here.client()
    assert isinstance(before, TlsClient)
    assert isinstance(after, TlsClient)
    seen = [each.tls.getpeercert(binary_form=True) for each in (before, after)]
    assert seen[0] != seen[1]
    here.home.upstream.deliver()
    assert (await before.receive())[:2] == b"\0\1"
    before.send(query(GAMES))
    assert (await before.receive())[:2] == ID


async def test_what_comes_after_a_goodbye_is_not_kept(encrypted: Open) -> None:
    here = await encrypted()
    client = await here.client()
    client.send(query(SLOW))
    await here.asked(1)
    client.stop_sending()
    (connection,) = here.connections()
    assert isinstance(connection, tls.TlsConnection)
    async with asyncio.timeout(PATIENCE):
        while not connection.is_ended:
            await turn()
        for _ in range(50):
            client.writer.write(bytes(16_384))
            await client.writer.drain()
            await turn()
    assert connection._incoming.pending == 0
    here.home.upstream.deliver()
    assert (await client.receive())[:2] == ID


def test_no_address_is_kept_longer_than_the_rate_of_its_handshakes_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound = Handshakes(2)
    assert [bound.may_begin("192.0.2.1", 0.0) for _ in range(11)] == [True] * 10 + [False]
    assert not bound.may_begin("192.0.2.1", 0.4)
    bound.may_begin("192.0.2.2", 3.0)
    assert [*bound._buckets] == ["192.0.2.1", "192.0.2.2"]
    bound.may_begin("192.0.2.2", 6.0)
    assert [*bound._buckets] == ["192.0.2.2"]
    monkeypatch.setattr(tls, "MAX_CLIENTS", 3)
    for number in range(3, 9):
        bound.may_begin(f"192.0.2.{number}", 6.0)
    assert [*bound._buckets] == ["192.0.2.6", "192.0.2.7", "192.0.2.8"]
