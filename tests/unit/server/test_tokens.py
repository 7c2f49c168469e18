"""Tokens on encrypted connections: who asks, who is refused, and what a stranger can learn of it.

`tests/e2e/test_away.py` shows the same with clients that are not ours.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest

from copdns.model import device_tokens
from copdns.model.device_tokens import tls_name, token_digest, token_text
from copdns.model.household import Device, Household
from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Client, Snapshot
from copdns.server import tls
from copdns.server.places import AS_STRANGER
from copdns.server.secure_listeners import SecureListeners
from copdns.server.tls import DONE, FAILED, REFUSED
from copdns.server.tokens import DeviceTokens
from tests.household import MIA, TOM, block, family
from tests.unit.messages import parsed, query
from tests.unit.server.test_doh import PATH, TYPE, Browser, one_response, plain_client
from tests.unit.streams import GAMES, HOST, STRANGER, Desk, Open, TlsClient, turn
from tests.upstream_server import PATIENCE

NAME = "dns.example"
AWAY = STRANGER  # no device's address, and outside of what is served
MIAS, TOMS, OLD, WRONG = (token_text(bytes([number]) * 16) for number in range(4))
HOME, PUBLIC = DeviceTokens(NAME), DeviceTokens(NAME, only=True)


def house_with(*tokens: str) -> Household:
    """Mia's laptop is at HOST, and Tom's phone nowhere; nobody has OLD any more.

    tokens: of these, the others are revoked.
    """
    laptop, phone = [(token_digest(each),) if each in tokens else () for each in (MIAS, TOMS)]
    devices = (
        Device("laptop", "Laptop", "mia", (HOST,), tokens=laptop),
        Device("phone", "Phone", "tom", ("192.0.2.15",), tokens=phone),
    )
    return family(MIA, TOM, devices=devices, rules=(block(GAMES),))


@pytest.fixture
def over_tls(desk: Open, certificate: Path) -> Open:
    return partial(desk, certificate=certificate, house=house_with(MIAS, TOMS))


@pytest.fixture
def over_https(over_tls: Open) -> Open:
    return partial(over_tls, over="https")


async def tls_client(here: Desk, name: str | None, source: str = AWAY) -> TlsClient:
    client = await here.client(source=source, name=name)
    assert isinstance(client, TlsClient)
    return client


def who_asked(here: Desk) -> str:
    told = here.home.recorder.last
    assert told is not None
    return told.client.device or told.client.policy.profile


# --- over TLS ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("token", "device"), [(MIAS, "laptop"), (TOMS, "phone")])
async def test_a_token_says_who_asks_wherever_it_is(
    over_tls: Open, token: str, device: str
) -> None:
    here = await over_tls(tokens=PUBLIC)
    client = await tls_client(here, tls_name(NAME, token.upper()))
    client.send(query(GAMES))
    assert parsed(await client.receive()).answer == []
    assert who_asked(here) == device


async def test_a_token_counts_also_where_a_session_is_taken_up_again(over_tls: Open) -> None:
    here = await over_tls(tokens=PUBLIC)
    first = await tls_client(here, tls_name(NAME, MIAS))
    first.send(query(GAMES))
    await first.receive()
    again = await here.client(source=AWAY, name=tls_name(NAME, MIAS), session=first.tls.session)
    assert isinstance(again, TlsClient)
    assert again.tls.session_reused
    again.send(query(GAMES))
    await again.receive()
    other = await here.client(source=AWAY, name=tls_name(NAME, TOMS), session=first.tls.session)
    other.send(query(GAMES))
    await other.receive()
    assert who_asked(here) == "phone"  # the name of now, and not of the session


WRONG_NAMES = [None, NAME, tls_name(NAME, WRONG), tls_name(NAME, OLD), f"x.{NAME}", "other.example"]


@pytest.mark.parametrize("name", WRONG_NAMES)
@pytest.mark.parametrize("source", [AWAY, HOST])
async def test_in_public_nobody_else_gets_any_answer(
    over_tls: Open, name: str | None, source: str
) -> None:
    here = await over_tls(tokens=PUBLIC)
    client = await tls_client(here, name, source)
    assert await client.end() == b""
    assert here.home.recorder.last is None
    assert here.connections() == []


@pytest.mark.parametrize("name", [None, NAME, "other.example"])
async def test_at_home_the_address_says_who_asks_without_a_token(
    over_tls: Open, name: str | None
) -> None:
    here = await over_tls(tokens=HOME)
    client = await tls_client(here, name, HOST)
    client.send(query(GAMES))
    await client.receive()
    assert who_asked(here) == "laptop"


@pytest.mark.parametrize("token", [WRONG, OLD, "laptop"])
async def test_at_home_a_wrong_token_is_a_guest_or_refused(over_tls: Open, token: str) -> None:
    guests = await over_tls(tokens=HOME, guests=True)
    client = await tls_client(guests, tls_name(NAME, token), HOST)
    client.send(query(GAMES))
    await client.receive()
    assert who_asked(guests) == "guest"
    refuses = await over_tls(tokens=HOME)
    refused = await tls_client(refuses, tls_name(NAME, token), HOST)
    assert await refused.end() == b""


async def test_who_shows_a_token_is_no_unknown_device_at_an_unknown_address(
    over_tls: Open,
) -> None:
    """Else a guardian would be told of a new device when Mia's phone comes home."""
    here = await over_tls(tokens=HOME)
    here.home.defaults = replace(here.home.defaults, allow=(ip_network(f"{AWAY}/32"),))
    here.home.change()
    client = await tls_client(here, tls_name(NAME, MIAS))
    client.send(query(GAMES))
    await client.receive()
    assert who_asked(here) == "laptop"
    snapshot = here.home.resolver.snapshot
    assert (snapshot.take_unknown(), [*snapshot.recent_requestors(1)]) == ((), [])
    client = await tls_client(here, None)
    client.send(query(GAMES))
    await client.receive()
    assert [each.address for each in snapshot.take_unknown()] == [AWAY]


async def test_not_in_public_a_stranger_is_turned_away_before_anything_is_computed(
    over_tls: Open,
) -> None:
    here = await over_tls(tokens=HOME)
    client = await here.raw_client(AWAY)
    assert await client.end() == b""


async def test_without_a_name_the_server_name_says_nothing(over_tls: Open) -> None:
    here = await over_tls(tokens=DeviceTokens())
    client = await tls_client(here, tls_name(NAME, TOMS), HOST)
    client.send(query(GAMES))
    await client.receive()
    assert who_asked(here) == "laptop"


# --- over HTTPS --------------------------------------------------------------------------------


async def over_http2(here: Desk, path: str, name: str | None = NAME, source: str = AWAY) -> int:
    browser = Browser(await tls_client(here, name, source))
    return (await browser.response(browser.ask(path=path, body=query(GAMES)))).status


async def test_a_path_says_who_asks_and_wins_over_the_name(over_https: Open) -> None:
    here = await over_https(tokens=PUBLIC)
    for name in (NAME, None, tls_name(NAME, MIAS), tls_name(NAME, WRONG)):
        assert await over_http2(here, f"{PATH}/{TOMS}", name) == 200
        assert who_asked(here) == "phone"
    assert await over_http2(here, PATH, tls_name(NAME, MIAS)) == 200
    assert who_asked(here) == "laptop"


async def test_by_http_1_a_path_says_who_asks_too(over_https: Open) -> None:
    here = await over_https(tokens=HOME)
    client = await plain_client(here)
    body = query(GAMES)
    for token, device in (("", "laptop"), (f"/{TOMS}", "phone"), ("", "laptop")):
        head = f"POST {PATH}{token} HTTP/1.1\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}"
        client.put(f"{head}\r\n\r\n".encode() + body)
        assert (await one_response(client)).status == 200
        assert who_asked(here) == device


@pytest.mark.parametrize("path", [PATH, f"{PATH}/{WRONG}", f"{PATH}/{OLD}", f"{PATH}/a/b", "/x"])
async def test_in_public_a_wrong_path_is_as_if_there_were_nothing(
    over_https: Open, path: str
) -> None:
    here = await over_https(tokens=PUBLIC)
    seen = set()
    for method, body, kind in (
        ("POST", query(GAMES), TYPE),
        ("POST", b"x", "text/plain"),
        ("GET", b"", ""),
        ("PUT", b"", ""),
    ):
        browser = Browser(await tls_client(here, NAME, HOST))
        found = await browser.response(browser.ask(method, path, body, kind))
        seen.add((found.status, tuple(found.headers.items()), found.body))
    assert {status for status, _, _ in seen} == {404}
    assert len(seen) == 1
    assert here.home.recorder.last is None


async def test_in_public_a_body_that_is_too_large_shows_no_path_either(over_https: Open) -> None:
    here = await over_https(tokens=PUBLIC)
    for path in (PATH, f"{PATH}/{WRONG}", "/x"):
        for length in ("Content-Length: 70000\r\n", ""):
            client = await plain_client(here)
            head = f"POST {path} HTTP/1.1\r\nContent-Type: {TYPE}\r\n{length}\r\n"
            client.put(head.encode())
            assert (await one_response(client)).status == 404


async def test_a_discovered_path_selects_nobody_by_a_token(over_https: Open) -> None:
    """RFC 9462 section 7: what is discovered has the one path, and the address says who asks."""
    here = await over_https(tokens=HOME)
    assert await over_http2(here, PATH, None, HOST) == 200
    assert who_asked(here) == "laptop"


# --- revoked -----------------------------------------------------------------------------------


def follow(here: Desk) -> None:
    """End connections at a change, as the running program does."""
    own = SecureListeners(here.home.resolver, here.home.clock, [], here.places, here.handshakes)
    here.home.resolver.on_snapshot = own.drop_revoked


async def test_a_revoked_token_ends_its_connections_at_once_and_no_others(over_tls: Open) -> None:
    here = await over_tls(tokens=PUBLIC)
    follow(here)
    mine = [await tls_client(here, tls_name(NAME, token)) for token in (MIAS, TOMS)]
    for each in mine:
        each.send(query(GAMES))
        await each.receive()
    here.home.change(house_with(TOMS))
    assert await mine[0].end() == b""
    mine[1].send(query(GAMES))
    await mine[1].receive()
    again = await tls_client(here, tls_name(NAME, MIAS))
    assert await again.end() == b""


async def test_a_revoked_path_ends_the_connection_that_it_was_asked_on(over_https: Open) -> None:
    here = await over_https(tokens=HOME)
    follow(here)
    browsers = [Browser(await tls_client(here, NAME, HOST)) for _ in range(2)]
    for each, path in zip(browsers, (f"{PATH}/{TOMS}", PATH), strict=True):
        assert (await each.response(each.ask(path=path, body=query(GAMES)))).status == 200
    here.home.change(house_with(MIAS))
    await browsers[0].end()
    stays = await browsers[1].response(browsers[1].ask(path=PATH, body=query(GAMES)))
    assert stays.status == 200


async def test_the_next_question_is_refused_even_before_the_connection_ends(over_tls: Open) -> None:
    here = await over_tls(tokens=PUBLIC)  # nobody ends connections here
    client = await tls_client(here, tls_name(NAME, MIAS))
    client.send(query(GAMES))
    await client.receive()
    here.home.change(house_with(TOMS))
    client.send(query(GAMES))
    assert parsed(await client.receive()).rcode() == 5


# --- many strangers ----------------------------------------------------------------------------


async def strangers(here: Desk, count: int) -> None:
    """Begin a handshake from each of so many addresses, and wait until each is seen."""
    ended = here.handshakes.counts[REFUSED] + len(here.handshakes.under_way) + count
    for number in range(count):
        await here.raw_client(f"127.0.{3 + number // 250}.{1 + number % 250}")
    async with asyncio.timeout(PATIENCE):
        while here.handshakes.counts[REFUSED] + len(here.handshakes.under_way) < ended:
            await turn()


async def test_strangers_have_one_bound_together_and_keep_out_nobody_with_a_token(
    over_tls: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "STRANGERS", 1)
    here = await over_tls(tokens=PUBLIC)
    known = await tls_client(here, tls_name(NAME, MIAS))
    known.send(query(GAMES))
    await known.receive()
    await strangers(here, 30)
    assert len(here.handshakes.under_way) < 10 < here.handshakes.counts[REFUSED]
    again = await tls_client(here, tls_name(NAME, MIAS))
    again.send(query(GAMES))
    await again.receive()
    assert who_asked(here) == "laptop"
    here.home.clock.wait(tls.KNOWN_FOR)
    await strangers(here, 30)
    refused = await here.raw_client(AWAY)
    assert await refused.end() == b""
    assert here.handshakes._known_since == {}  # nobody's address is kept for longer


async def test_strangers_lose_a_handshake_to_each_other_and_not_to_who_has_a_token(
    over_https: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "MAX_HANDSHAKES", 5)
    here = await over_https(tokens=PUBLIC)
    assert await over_http2(here, f"{PATH}/{MIAS}") == 200
    slow = await here.raw_client(AWAY)  # known, and silent for longest
    while not here.handshakes.under_way:
        await turn()
    for number in range(10):
        await here.raw_client(f"127.0.4.{1 + number}")
    async with asyncio.timeout(PATIENCE):
        while here.handshakes.counts[FAILED] < 6:
            await turn()
    assert not slow.reader.at_eof()
    assert here.handshakes.under_way.by_client[AWAY] == 1


@pytest.mark.parametrize("own", [1, 3])
async def test_strangers_who_stay_without_a_token_end_nobodys_connection(
    over_https: Open, own: int
) -> None:
    """Over HTTPS a token comes with a request only, so that who shows none has a place at first."""
    here = await over_https(tokens=PUBLIC, connections=6)
    mine = []
    for _ in range(own):
        mine.append(Browser(await tls_client(here, NAME)))
        asked = mine[-1].ask(path=f"{PATH}/{MIAS}", body=query(GAMES))
        assert (await mine[-1].response(asked)).status == 200
    for number in range(10):
        await tls_client(here, NAME, f"127.0.4.{1 + number}")
    async with asyncio.timeout(PATIENCE):
        while here.handshakes.counts[DONE] < own + 10:
            await turn()
    assert len(here.connections()) == 6
    assert here.places.by_client == {AS_STRANGER: 6 - own, AWAY: own}
    for each in mine:
        asked = each.ask(path=f"{PATH}/{MIAS}", body=query(GAMES))
        assert (await each.response(asked)).status == 200


async def test_where_addresses_count_strangers_take_nothing_from_each_other(
    over_tls: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "STRANGERS", 1)
    here = await over_tls(tokens=HOME)
    for _ in range(15):
        await tls_client(here, None, HOST)
    assert here.handshakes.counts[REFUSED] == 0


# --- what a stranger learns --------------------------------------------------------------------


class Work:
    """Counts digests, and looks for a client: by what differs, a clock could tell."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._done: list[str] = []
        monkeypatch.setattr(device_tokens, "sha256", self._digest)
        identify = Snapshot.identify

        def look(snapshot: Snapshot, requestor: Requestor) -> Client:
            self._done.append("look")
            return identify(snapshot, requestor)

        monkeypatch.setattr(Snapshot, "identify", look)

    def _digest(self, octets: bytes) -> object:
        self._done.append("digest")
        return hashlib.sha256(octets)

    def take(self) -> Counter[str]:
        """Return what was done since the last time."""
        done, self._done = Counter(self._done), []
        return done


async def test_wrong_revoked_and_missing_tokens_take_the_same_work(
    over_https: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed."""
    here = await over_https(tokens=PUBLIC)
    work = Work(monkeypatch)
    done = []
    for path in (PATH, f"{PATH}/{WRONG}", f"{PATH}/{OLD}", f"{PATH}/x"):
        work.take()
        assert await over_http2(here, path) == 404
        done.append(work.take())
    assert done == [done[0]] * 4
    assert done[0]
