"""What `dns/upstream.py` needs of connections to an encrypted upstream, however they are made.

`app/encrypted_upstreams.py` and `dns/stream_pool.py` make them.  These are imported only where the
settings name such an upstream, and are not compiled, since what waits is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from copdns.dns.exchange import Exchange
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import CacheKey
from copdns.dns.records import OPTION_PADDING
from copdns.dns.socket_pool import SentQuery
from copdns.model.build import mypyc_attr

BOOTSTRAP_ZONE: Final = "bootstrap:"  # no domain: the group that is asked for upstreams' addresses
# The group that is asked in clear text for the names of time servers, where all else is encrypted.
CLEAR_ZONE: Final = "clear:"
NAT64_ZONE: Final = "nat64:"  # the group that is asked for the prefix of NAT64
PADDED_TO: Final = 128  # octets: queries are a multiple of that (RFC 8467 section 4.1)
_ID_AND_HEADER: Final = 2 + 4  # octets that the query and its option are yet without


@mypyc_attr(allow_interpreted_subclasses=True)
class UpstreamConnections:
    """The connections to one upstream.

    Whoever asks is told later what came of it, never from within a call of these.
    """

    def send(self, message: bytes, sent: SentQuery) -> None:
        """Send a message that lacks its ID."""
        raise NotImplementedError

    def check(self, mono: float) -> None:
        """Give up connections on which nothing comes any more.  mono: monotonic seconds."""
        raise NotImplementedError

    def retire(self) -> None:
        """Close connections as soon as nothing waits on them."""
        raise NotImplementedError

    def is_open(self) -> bool:
        """Tell whether there is a connection, or one is being made."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all at once; nobody is told."""
        raise NotImplementedError


@mypyc_attr(acyclic=True)
class HostLookup(Exchange):
    """A query of the program's own for addresses.

    on_response: gets what came of it, once.  zone: the group of upstreams that is asked.
    """

    __slots__ = ("on_response",)

    def __init__(
        self,
        name: str,
        qtype: int,
        on_response: Callable[[UpstreamResponse | None], None],
        zone: str = BOOTSTRAP_ZONE,
    ) -> None:
        super().__init__(CacheKey(name, qtype, do=False, cd=False, zone=zone))
        self.on_response = on_response

    def take_response(self, answer: UpstreamResponse | None) -> None:
        self.on_response(answer)


def pad_query(message: bytes, options: int = 0) -> bytes:
    """Return a query with a padding option (RFC 7830), so that its length tells little of its name.

    message: without its ID; its OPT record is its end.  options: how many octets of options that
    record has.
    """
    padding = -(len(message) + _ID_AND_HEADER) % PADDED_TO
    at = len(message) - options
    return b"".join(
        (
            message[: at - 2],
            (options + padding + 4).to_bytes(2, "big"),
            message[at:],
            OPTION_PADDING.to_bytes(2, "big"),
            padding.to_bytes(2, "big"),
            bytes(padding),
        )
    )
