"""Post one message to a push service: at an address of the internet, or at home where that is set.

Imported with the first message, as `posting.py` is with the first webhook: aiohttp takes many
megabytes.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from ssl import create_default_context

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from copdns import __version__
from copdns.events.push_endpoints import may_send_to
from copdns.events.push_result import PushOutcome, PushResult, judge_status


class CheckedResolver(AbstractResolver):
    """Looks names up as the machine does, and refuses one that leads where nothing may be sent.

    Whoever answers for a name could otherwise point it here.  inner: who looks up.  private: as
    for `is_allowed_endpoint`.
    """

    def __init__(self, inner: AbstractResolver, *, private: bool) -> None:
        self._inner = inner
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name; raise OSError where one may not be sent to."""
        found = await self._inner.resolve(host, port, family)
        if not all(may_send_to(each["host"], private=self._private) for each in found):
            raise OSError(f"{host} has an address to which no notices are sent")
        return found

    async def close(self) -> None:
        await self._inner.close()


def resolver_for(*, private: bool) -> AbstractResolver:
    """Return who looks up a push service.  private: it may be at home."""
    return CheckedResolver(ThreadedResolver(), private=private)


async def post_message(
    endpoint: str,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float,
    resolver: AbstractResolver,
) -> PushResult:
    """Return what a push service says to a message."""
    connector = TCPConnector(
        ssl=await asyncio.to_thread(create_default_context),
        resolver=resolver,
        use_dns_cache=False,  # each look-up is checked
    )
    try:
        async with (
            ClientSession(
                connector=connector,
                headers={"User-Agent": f"copdns/{__version__}"},
                timeout=ClientTimeout(total=seconds),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,  # the response is not read
                trust_env=False,
            ) as session,
            # A redirect could lead anywhere.
            session.post(endpoint, data=body, headers=headers, allow_redirects=False) as reply,
        ):
            return judge_status(reply.status, reply.headers.get("Retry-After", ""))
    except TimeoutError:
        return PushResult(
            PushOutcome.AGAIN, why=f"the push service did not answer within {seconds:g} s"
        )
    except (ClientError, OSError, UnicodeError) as error:
        why = f"no connection to the push service: {_why(error)}"
        return PushResult(PushOutcome.AGAIN, why=why)


def _why(error: Exception) -> str:
    """Return what was wrong with a connection, without the address of the browser."""
    if isinstance(error, ClientConnectorCertificateError | ClientSSLError):
        return "its certificate is not valid"
    if isinstance(error, ClientConnectorDNSError):
        return "its name was not found"
    found = error.os_error if isinstance(error, ClientConnectorError) else error
    return getattr(found, "strerror", None) or type(error).__name__
