"""DNS cookies towards an upstream (RFC 7873, RFC 9018), so that forged answers are known as such.

Our cookie is eight octets that only this upstream has seen.  Once it has sent a cookie of its own,
an answer over UDP without ours is not believed.  Pure.
"""

from __future__ import annotations

from typing import Final

from copdns.dns.records import OPT, OPTION_COOKIE
from copdns.model.build import mypyc_attr

CLIENT_SIZE: Final = 8  # octets
BADCOOKIE: Final = 23  # RFC 7873 section 8; its lower half is what the header has
BADCOOKIE_LOW: Final = BADCOOKIE & 15
_SERVER_SIZES: Final = (8, 32)  # octets, at least and at most
_OPTION_HEAD: Final = 4  # octets: code and length


def opt_with_cookie(size: int, ttl: int, cookie: bytes) -> bytes:
    """Return an OPT record with a cookie option.

    size: octets of a datagram that we take; ttl: the record's, with DO or without.
    """
    return opt_record(size, ttl, cookie_option(cookie))


def cookie_option(cookie: bytes) -> bytes:
    """Return an option with our cookie, and with the upstream's own after it if it sent one."""
    return OPTION_COOKIE.to_bytes(2, "big") + len(cookie).to_bytes(2, "big") + cookie


def opt_record(size: int, ttl: int, options: bytes) -> bytes:
    """Return an OPT record with these options; size, ttl: as for `opt_with_cookie`."""
    numbers = ((OPT, 2), (size, 2), (ttl, 4), (len(options), 2))
    return b"\0" + b"".join(number.to_bytes(octets, "big") for number, octets in numbers) + options


@mypyc_attr(acyclic=True)
class FoundCookie:
    """A cookie in a datagram.  server: the upstream's; b"" where it sent ours alone.

    rest: the datagram without the option, where that was at its end and the only one; else as it
        came.  So the commonest kind of response is still the commonest kind (`dns/message.py`).
    """

    __slots__ = ("rest", "server")

    def __init__(self, server: bytes, rest: bytes) -> None:
        self.server = server
        self.rest = rest


def find_cookie(datagram: bytes, client: bytes) -> FoundCookie | None:
    """Return the cookie that came back with ours; None where ours did not come back.

    Nobody who has not seen ours can have put it there, wherever it is.
    """
    at = datagram.rfind(client)
    if at < _OPTION_HEAD or datagram[at - 4 : at - 1] != _COOKIE_BEGINS:
        return None
    size = datagram[at - 1]
    end = at + size
    server = datagram[at + CLIENT_SIZE : end]
    if size < CLIENT_SIZE or end > len(datagram):
        return None
    if server and not _SERVER_SIZES[0] <= len(server) <= _SERVER_SIZES[1]:
        return None
    alone = (size + _OPTION_HEAD).to_bytes(2, "big")
    if end == len(datagram) and datagram[at - 6 : at - 4] == alone:
        return FoundCookie(server, datagram[: at - 6] + b"\0\0")
    return FoundCookie(server, datagram)


_COOKIE_BEGINS: Final = OPTION_COOKIE.to_bytes(2, "big") + b"\0"  # code, and half of a length
