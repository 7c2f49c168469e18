"""Look a secret up that a browser or a program shows, within the limit of its address.

Where there are too many wrong ones, none is looked up: a right one gets the same answer, as soon.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final, TypeVar

from aiohttp import web

from copdns.accounts.guesses import WINDOW, SecretGuesses
from copdns.web.desk_access import is_loopback
from copdns.web.person import requestor_of

Found = TypeVar("Found")

GUESSES: Final[web.AppKey[SecretGuesses]] = web.AppKey("guesses", SecretGuesses)


class TooManyGuessesError(Exception):
    """This address showed too many wrong secrets."""


async def look_up_secret(
    request: web.Request, secret: str, find: Callable[[], Awaitable[Found]]
) -> Found:
    """Return what a secret finds; false for a wrong one.  Raises TooManyGuessesError."""
    guesses, address = request.app[GUESSES], peer_of(request)
    if not guesses.begin(address, secret, time.monotonic()):
        raise TooManyGuessesError
    try:
        found = await find()
    except BaseException:  # the store is away, or the request was given up: no guess was answered
        guesses.take_back(address, secret)
        raise
    guesses.end(address, secret, is_right=bool(found))
    return found


def note_right(request: web.Request, secret: str) -> None:
    """Note that a secret was just made for who sends a request; at home nothing is noted."""
    if (guesses := request.app.get(GUESSES)) is not None:
        guesses.end(peer_of(request), secret, is_right=True)


def too_many_guesses() -> web.HTTPTooManyRequests:
    """Return the answer to an address that showed too many."""
    found = web.HTTPTooManyRequests(
        reason="Too many tries from this connection. Try again in a quarter of an hour"
    )
    found.headers["Retry-After"] = str(int(WINDOW))
    return found


def peer_of(request: web.Request) -> str:
    """Return the address that a request comes from; "" for this machine itself.

    A proxy of this machine adds its own peer at the end of X-Forwarded-For; what it adds that is no
    address counts as the proxy's.
    """
    peer, said = request.remote or "", request.headers.getall("X-Forwarded-For", [])
    if not is_loopback(peer) or not said:
        return "" if is_loopback(peer) else peer
    return _address_in(said[-1].rpartition(",")[2]) or peer


def typist_of(request: web.Request) -> str:
    """Return the address of who typed a secret: as `peer_of`, and at home the other end of the
    connection, since nothing that a proxy says is read there."""
    here = requestor_of(request).address
    return (peer_of(request) or here) if GUESSES in request.app else here


def _address_in(text: str) -> str:
    """Return an address of X-Forwarded-For without its port, which some proxies add, as each
    connection has another; "" for no address."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ip_address(bare))
    except ValueError:
        return ""
