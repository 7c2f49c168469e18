"""Post events to one web server.

Imported when the first event goes to a webhook: most machines have none, and aiohttp takes many
megabytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ssl import create_default_context
from typing import NamedTuple

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
)


class Poster(NamedTuple):
    """Posts to one address.  seconds: for one attempt."""

    session: ClientSession
    url: str
    seconds: float

    async def post(self, body: bytes) -> tuple[str, bool]:
        """Return what went wrong ("" for nothing), and whether another attempt may succeed."""
        try:
            # A redirect would send the event, and the token, to another address.
            async with self.session.post(self.url, data=body, allow_redirects=False) as reply:
                return _judge_status(reply.status)
        except TimeoutError:
            return f"the server did not answer within {self.seconds:g} s", True
        except (ClientError, OSError, UnicodeError) as error:
            return _describe_error(error), True


@asynccontextmanager
async def open_poster(
    url: str, headers: Mapping[str, str], seconds: float
) -> AsyncIterator[Poster]:
    """Yield a Poster; its connections are closed at the end."""
    # aiohttp's own TLS context has no certificates (`app/memory_use.py`).  Reading them takes
    # time, and megabytes until the session is closed.
    encrypted = url.startswith("https:")
    certificates = await asyncio.to_thread(create_default_context) if encrypted else True
    async with ClientSession(
        connector=TCPConnector(ssl=certificates),
        headers=headers,
        timeout=ClientTimeout(total=seconds),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,  # the response is not read
        trust_env=False,  # no ~/.netrc, whose passwords would be sent
    ) as session:
        yield Poster(session, url, seconds)


def _judge_status(status: int) -> tuple[str, bool]:
    """Return what an HTTP status means; 408, 429 and those from 500 on may pass by themselves."""
    if 200 <= status < 300:
        return "", False
    if 300 <= status < 400:
        return (
            f"the server redirects ({status}), and redirects are not followed; write its new "
            "address"
        ), False
    return f"the server answered with status {status}", status in (408, 429) or status >= 500


def _describe_error(error: ClientError | OSError | UnicodeError) -> str:
    """Return what went wrong, without the address."""
    match error:
        case ClientConnectorCertificateError() | ClientConnectorSSLError():
            return (
                "this machine does not trust its certificate; check that this machine's clock is "
                "right"
            )
        case ClientConnectorError():
            return "the server cannot be reached"
        case InvalidURL() | UnicodeError():  # a host such as a..example
            return "its url is not a valid address; check events.webhooks"
    return f"the server's HTTP answer is not valid ({type(error).__name__})"
