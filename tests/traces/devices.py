"""Synthesised devices: what a person does with them, and which look-ups that leads to.

Shaped after captures of real phones, players and games: a burst when an app starts, connections
that stay open for minutes, control connections that are made anew, telemetry beside all of it.
A device remembers an answer for its TTL, at most 60 seconds as children's devices are told, so
only a new connection to a name that it forgot asks.  Names that devices ask for by themselves
stand below `beacon.example`, where the list of beacons knows them; the rest is not told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

TTL = 60.0  # seconds for which a device remembers an answer
BEACON = "beacon.example"

Opened = tuple[float, str]  # when a connection is made, in seconds from the start, and to whom


class Use(NamedTuple):
    """A stretch in which a device is used, or only lies there.  start, length: minutes."""

    start: int
    length: int
    what: Callable[[Random, float], Iterator[Opened]]


def film(chance: Random, seconds: float) -> Iterator[Opened]:
    """A film: an app starts, somebody chooses, then one long connection after the other."""
    at = yield from _start(chance, "film", 9)
    at = yield from _choosing(chance, at, "film")
    while at < seconds:
        yield at, f"edge{chance.randrange(40)}.film.example"
        yield at + 1, f"log.film.{BEACON}"
        if chance.random() < 0.7:  # a control connection was closed in the meantime
            yield at + chance.uniform(5, 60), "api.film.example"
        at += min(chance.lognormvariate(5.1, 0.6), 600)


def clips(chance: Random, seconds: float) -> Iterator[Opened]:
    """Short videos, one after another, from many hosts."""
    at = yield from _start(chance, "clips", 7)
    while at < seconds:
        yield at, f"v{chance.randrange(60)}.clips.example"
        if chance.random() < 0.5:
            yield at + 2, f"img{chance.randrange(4)}.clips.example"
        if chance.random() < 0.3:
            yield at + 3, f"stats.clips.{BEACON}"
        at += chance.expovariate(1 / 50)


def game(chance: Random, seconds: float) -> Iterator[Opened]:
    """Matches of 8 to 20 minutes, played over one open connection, with a lobby between."""
    at = yield from _start(chance, "game", 8)
    while at < seconds:
        for _ in range(chance.randrange(3, 7)):
            yield at, f"{chance.choice(('party', 'shop', 'rank', 'friends'))}.game.example"
            at += chance.uniform(3, 25)
        end = at + chance.uniform(480, 1200)
        yield from _every(chance, at, min(end, seconds), (50, 90), f"event.game.{BEACON}")
        yield from _every(chance, at, min(end, seconds), (90, 330), "presence.game.example")
        at = end


def reading(chance: Random, seconds: float) -> Iterator[Opened]:
    """Pages of many sites, each read for a while."""
    at = chance.uniform(1, 8)
    while at < seconds:
        site = chance.randrange(500)
        yield at, f"www.site{site}.example"
        for _ in range(chance.randrange(3, 14)):
            yield at + chance.uniform(0.2, 4), f"part{chance.randrange(900)}.example"
        yield at + 1, f"ads{chance.randrange(5)}.{BEACON}"
        at += min(chance.lognormvariate(4.0, 0.9), 420)


def chatting(chance: Random, seconds: float) -> Iterator[Opened]:
    """Messages over an open connection; pictures and links come from elsewhere."""
    at = yield from _start(chance, "chat", 4)
    yield at, "gateway.chat.example"
    while at < seconds:
        at += chance.expovariate(1 / 75)
        yield at, f"{chance.choice(('media', 'media2', 'api', 'gateway'))}.chat.example"
        if chance.random() < 0.3:
            yield at + 1, f"preview{chance.randrange(6)}.chat.example"


def resting(chance: Random, seconds: float) -> Iterator[Opened]:
    """A phone that nobody touches: push, telemetry, and a few apps that look for news."""
    yield from _every(chance, 0, seconds, (900, 1700), f"push.{BEACON}")
    for name, between in (("crash", 2400), ("usage", 900), ("config", 3600), ("time", 7200)):
        yield from _every(chance, 0, seconds, (between / 2, between * 1.5), f"{name}.{BEACON}")
    yield from _background(chance, seconds, apps=15, per_hour=5)
    yield from _messages(chance, seconds, per_hour=4)


def charging(chance: Random, seconds: float) -> Iterator[Opened]:
    """A tablet on its charger, which lets many apps work at any time."""
    yield from resting(chance, seconds)
    yield from _background(chance, seconds, apps=25, per_hour=12)


def pocketed(chance: Random, seconds: float) -> Iterator[Opened]:
    """A phone in a pocket, whose chat app gets messages that nobody reads."""
    yield from _messages(chance, seconds, per_hour=6)


def polling(chance: Random, seconds: float) -> Iterator[Opened]:
    """A page of few names that are connected to anew all the time."""
    at = chance.uniform(0, 20)
    while at < seconds:
        yield at, "www.page.example"
        yield at + 0.5, "data.page.example"
        at += 20


UNUSED = frozenset({resting, charging, pocketed})  # where nobody is there


def _start(chance: Random, app: str, names: int) -> Iterator[Opened]:
    at = chance.uniform(0.5, 3)
    for number in range(names):
        yield at, f"{'api' if not number else f'start{number}'}.{app}.example"
        at += chance.expovariate(1 / 2.0)
    yield at, f"start.{app}.{BEACON}"
    return at


def _choosing(chance: Random, at: float, app: str) -> Iterator[Opened]:
    for _ in range(chance.randrange(1, 6)):
        yield at, f"pictures{chance.randrange(3)}.{app}.example"
        at += chance.uniform(5, 40)
    return at


def _every(
    chance: Random, start: float, end: float, between: tuple[float, float], name: str
) -> Iterator[Opened]:
    at = start + chance.uniform(0, between[1])
    while at < end:
        yield at, name
        at += chance.uniform(*between)


def _background(chance: Random, seconds: float, apps: int, per_hour: float) -> Iterator[Opened]:
    at = chance.expovariate(per_hour / 3600)
    while at < seconds:
        app = chance.randrange(apps)
        for number in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
            yield at + number * chance.uniform(0.1, 6), f"sync{number}.app{app}.example"
        yield at + 1, f"app{app}.{BEACON}"
        at += chance.expovariate(per_hour / 3600)


def _messages(chance: Random, seconds: float, per_hour: float) -> Iterator[Opened]:
    at = chance.expovariate(per_hour / 3600)
    while at < seconds:
        yield at, "media.chat.example"
        if chance.random() < 0.25:
            yield at + 2, "api.chat.example"
        at += chance.expovariate(per_hour / 3600)


def asked(uses: tuple[Use, ...], chance: Random) -> Iterator[Opened]:
    """Yield the look-ups of one device: connections to names whose answer it does not hold."""
    held: dict[str, float] = {}
    for at, name in sorted(_opened(uses, chance)):
        if held.get(name, 0.0) <= at:
            held[name] = at + TTL
            yield at, name


def _opened(uses: tuple[Use, ...], chance: Random) -> Iterator[Opened]:
    for use in uses:
        seconds = use.length * 60.0
        start = use.start * 60 + chance.uniform(0, 60)  # nobody begins with the minute
        for at, name in use.what(chance, seconds):
            if at < seconds:
                yield start + at, name
