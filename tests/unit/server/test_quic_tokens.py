"""Tokens over QUIC: who asks, who is refused, and what ends when one is revoked.

The name that a client asks for comes out of aioquic's handshake by a look that aioquic does not
offer (`NamedConnection`): these tests tell when a version of it has changed that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aioquic")

from copdns.model.device_tokens import tls_name
from copdns.server import tls
from copdns.server.quic_streams import NO_ERROR
from copdns.server.secure_listeners import SecureListeners
from copdns.server.tls import REFUSED
from tests.unit.messages import parsed
from tests.unit.server.test_quic import Client, QuicDesk, asking, until
from tests.unit.server.test_tokens import (
    AWAY,
    HOME,
    MIAS,
    NAME,
    OLD,
    PUBLIC,
    TOMS,
    WRONG,
    WRONG_NAMES,
    Work,
    house_with,
)
from tests.unit.streams import GAMES, HOST, turn

Open = Callable[..., Awaitable[QuicDesk]]


@pytest.fixture
async def open_desk(certificate: Path) -> AsyncIterator[Open]:
    opened: list[QuicDesk] = []
    with ExitStack() as stack:

        async def opener(**values: Any) -> QuicDesk:
            house = house_with(MIAS, TOMS)
            opened.append(QuicDesk(stack, certificate, house=house, **values))
            await opened[-1].open()
            return opened[-1]

        yield opener
        for each in opened:
            each.quic.close()
    await turn()


async def answered(here: QuicDesk, client: Client) -> str:
    """Ask, and return which device it was for."""
    reply = parsed(await client.reply(client.ask(asking(GAMES))))
    assert reply.question[0].name.to_text() == f"{GAMES}."
    told = here.home.recorder.last
    assert told is not None
    return told.client.device or told.client.policy.profile


@pytest.mark.parametrize(("token", "device"), [(MIAS, "laptop"), (TOMS, "phone")])
@pytest.mark.parametrize("source", [AWAY, HOST])
async def test_a_token_says_who_asks_wherever_it_is(
    open_desk: Open, token: str, device: str, source: str
) -> None:
    here = await open_desk(tokens=PUBLIC)
    client = await here.greet(source, name=tls_name(NAME, token.upper()))
    assert await answered(here, client) == device


@pytest.mark.parametrize("name", WRONG_NAMES)
@pytest.mark.parametrize("source", [AWAY, HOST])
async def test_in_public_nobody_else_gets_any_answer(
    open_desk: Open, name: str | None, source: str
) -> None:
    here = await open_desk(tokens=PUBLIC)
    client = await here.greet(source, name=name)
    client.ask(asking(GAMES))
    assert await client.end() == NO_ERROR
    assert client.replies == {}
    assert here.home.recorder.last is None
    assert [*here.places.all] == []


@pytest.mark.parametrize("name", [None, NAME, "other.example"])
async def test_at_home_the_address_says_who_asks_without_a_token(
    open_desk: Open, name: str | None
) -> None:
    here = await open_desk(tokens=HOME)
    assert await answered(here, await here.greet(HOST, name=name)) == "laptop"


@pytest.mark.parametrize("token", [WRONG, OLD])
async def test_at_home_a_wrong_token_is_a_guest_or_refused(open_desk: Open, token: str) -> None:
    guests = await open_desk(tokens=HOME, guests=True)
    client = await guests.greet(HOST, name=tls_name(NAME, token))
    assert await answered(guests, client) == "guest"
    refuses = await open_desk(tokens=HOME)
    refused = await refuses.greet(HOST, name=tls_name(NAME, token))
    refused.ask(asking(GAMES))
    assert await refused.end() == NO_ERROR
    assert refused.replies == {}


async def test_not_in_public_a_stranger_is_turned_away_before_anything_is_computed(
    open_desk: Open,
) -> None:
    here = await open_desk(tokens=HOME)
    greeted = asyncio.create_task(here.greet(AWAY, name=tls_name(NAME, MIAS)))
    await until(lambda: here.handshakes.counts[REFUSED] > 0)
    assert here.quic.clients == {}
    greeted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await greeted


async def test_a_revoked_token_ends_its_connections_at_once_and_no_others(
    open_desk: Open,
) -> None:
    here = await open_desk(tokens=PUBLIC)
    own = SecureListeners(here.home.resolver, here.home.clock, [], here.places, here.handshakes)
    here.home.resolver.on_snapshot = own.drop_revoked
    mia, tom = [await here.greet(AWAY, name=tls_name(NAME, each)) for each in (MIAS, TOMS)]
    for each in (mia, tom):
        await answered(here, each)
    here.home.change(house_with(TOMS))
    assert await mia.end() == NO_ERROR
    assert await answered(here, tom) == "phone"
    again = await here.greet(AWAY, name=tls_name(NAME, MIAS))
    assert await again.end() == NO_ERROR


async def test_the_next_question_is_refused_even_before_the_connection_ends(
    open_desk: Open,
) -> None:
    here = await open_desk(tokens=PUBLIC)  # nobody ends connections here
    client = await here.greet(AWAY, name=tls_name(NAME, MIAS))
    await answered(here, client)
    here.home.change(house_with(TOMS))
    assert parsed(await client.reply(client.ask(asking(GAMES)))).rcode() == 5


async def test_wrong_revoked_and_missing_tokens_take_the_same_work(
    open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed."""
    here = await open_desk(tokens=PUBLIC)
    work = Work(monkeypatch)
    done = []
    for name in WRONG_NAMES:
        work.take()
        client = await here.greet(AWAY, name=name)
        assert await client.end() == NO_ERROR
        done.append(work.take())
    assert done == [done[0]] * len(WRONG_NAMES)
    assert done[0]


async def test_who_showed_a_token_is_no_stranger_over_quic_either(
    open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "STRANGERS", 1)
    here = await open_desk(tokens=PUBLIC)
    mia = tls_name(NAME, MIAS)
    assert await answered(here, await here.greet(AWAY, name=mia)) == "laptop"
    bound, mono = here.handshakes, here.home.clock.mono
    while bound.may_begin("127.0.4.1", mono, is_stranger=True):
        pass
    assert await answered(here, await here.greet(AWAY, name=mia)) == "laptop"


async def test_who_shows_a_token_is_no_unknown_device_at_an_unknown_address(
    open_desk: Open,
) -> None:
    here = await open_desk(tokens=HOME)
    here.home.defaults = replace(here.home.defaults, allow=(ip_network(f"{AWAY}/32"),))
    here.home.change()
    assert await answered(here, await here.greet(AWAY, name=tls_name(NAME, MIAS))) == "laptop"
    snapshot = here.home.resolver.snapshot
    assert (snapshot.take_unknown(), [*snapshot.recent_requestors(1)]) == ((), [])
    assert await answered(here, await here.greet(AWAY)) == "guest"
    assert [each.address for each in snapshot.take_unknown()] == [AWAY]
