"""Fetch copies of other people's lists, and let a copy go only for a better one.

What to ask and what an outcome means decides `lists/download.py`; waiting, sockets and files are
here.  Nothing of the household is sent: no cookie, no referrer, and a name of ours that says the
version only.  Names are looked up by the system's resolver, which may be this very copdns.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from ssl import create_default_context
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from copdns import __version__
from copdns.list_files.copies import RAW, TEXT, Copies
from copdns.list_files.unpack import UnpackJob
from copdns.lists.download import (
    MIB,
    Copy,
    CopyState,
    Limits,
    after_failure,
    after_fetch,
    after_not_modified,
    check_copy,
    conditions,
    looks_wrong,
    redirected,
    status_error,
)
from copdns.lists.source import Source
from copdns.model.addresses import bad_url
from copdns.model.errors import FetchError

if TYPE_CHECKING:  # imported when the first list is fetched: it costs time and memory
    import aiohttp
    from aiohttp import ClientResponse, ClientSession

Clock = Callable[[], float]  # seconds since the epoch
Progress = Callable[[str, int, int | None], None]

CHUNK = 256 << 10
_HEADERS = {"User-Agent": f"copdns/{__version__}", "Accept-Encoding": "gzip"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FetchResult(StrEnum):
    """What a try brought."""

    NEW = "new"
    UNCHANGED = "unchanged"
    KEPT = "kept"  # nothing; the old copy stays
    MISSING = "missing"  # nothing, and there is no copy


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """How a try went.  state: what is known of the copy now."""

    slug: str
    news: FetchResult
    state: CopyState


class Fetcher:
    """Fetches lists into a folder.

    progress: called with a slug, the octets that came, and how many there will be (None: unknown).
    reading: held while a list is read, which takes the memory of a small machine.
    """

    def __init__(
        self,
        copies: Copies,
        session: ClientSession,
        clock: Clock,
        limits: Limits,
        progress: Progress,
        reading: asyncio.Lock,
    ) -> None:
        self._copies = copies
        self._session = session
        self._clock = clock
        self._limits = limits
        self._progress = progress
        self._reading = reading

    async def fetch(self, source: Source, *, smaller: bool = False) -> FetchOutcome:
        """Ask for a list; whatever happens is an outcome, and noted beside the copy.

        smaller: take it even when it lost most of its names.
        """
        before = await asyncio.to_thread(self._copies.state, source.slug)
        try:
            outcome = await self._fetched(source, before, smaller)
        except (FetchError, OSError) as error:
            why = self._copies.not_written(error) if isinstance(error, OSError) else str(error)
            state = after_failure(before, why, self._clock())
            # First: where the disk is full, what was begun takes the room that the note needs.
            await asyncio.to_thread(self._copies.clear, source.slug)
            with suppress(OSError):  # a full disk: the outcome tells of it
                await asyncio.to_thread(self._copies.note, source.slug, state)
            outcome = FetchOutcome(
                source.slug, FetchResult.KEPT if state.has_copy else FetchResult.MISSING, state
            )
        finally:
            await asyncio.to_thread(self._copies.clear, source.slug)
        return outcome

    async def _fetched(self, source: Source, before: CopyState, smaller: bool) -> FetchOutcome:
        headers = await self._download(source, before)
        if headers is None:
            state = after_not_modified(before, self._clock())
            await asyncio.to_thread(self._copies.note, source.slug, state)
            return FetchOutcome(source.slug, FetchResult.UNCHANGED, state)
        copy = await self._checked(source)
        check_copy(copy, before, smaller=smaller)
        state = after_fetch(source.url, headers, copy, self._clock())
        if before.has_copy and before.sha256 == copy.sha256:
            state = replace(state, fetched_at=before.fetched_at)
            await asyncio.to_thread(self._copies.note, source.slug, state)
            return FetchOutcome(source.slug, FetchResult.UNCHANGED, state)
        await asyncio.to_thread(self._copies.put, source.slug, state)
        return FetchOutcome(source.slug, FetchResult.NEW, state)

    # --- the way here -------------------------------------------------------------------------

    async def _download(self, source: Source, before: CopyState) -> Mapping[str, str] | None:
        """Write what the server sends to a file and return its headers; None: nothing is new."""
        limits = self._limits
        with _plain_errors(source.url, limits):
            async with (
                asyncio.timeout(limits.total),
                self._asked(source.url, conditions(before, source.url)) as reply,
            ):
                if reply.status == 304 and before.has_copy:
                    return None
                if reply.status != 200:
                    raise FetchError(status_error(reply.status))
                await self._written(source, reply)
                return reply.headers

    @asynccontextmanager
    async def _asked(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[ClientResponse]:
        """Ask, go where the server sends us, and give the last answer."""
        if trouble := bad_url(url):
            raise FetchError(trouble)
        for _ in range(self._limits.redirects + 1):
            async with self._session.get(url, headers=headers, allow_redirects=False) as reply:
                if reply.status not in _REDIRECTS:
                    yield reply
                    return
                url = redirected(url, reply.headers.get("Location"))
        raise FetchError(
            f"the server redirects more than {self._limits.redirects} times; open the address in "
            "a browser, and use the address you end up at"
        )

    async def _written(self, source: Source, reply: ClientResponse) -> None:
        packed = reply.headers.get("Content-Encoding", "identity").lower()
        if packed not in ("identity", "gzip", "x-gzip"):
            raise FetchError(
                f"the download is compressed with {packed[:20]!r}, though copdns asked for gzip "
                "only; tell the list's maintainer"
            )
        total, octets = reply.content_length, 0
        self._within(total or 0)
        path = await asyncio.to_thread(self._copies.scratch, source.slug, RAW)
        with path.open("xb") as file:
            async for chunk in reply.content.iter_chunked(CHUNK):
                if not octets and not source.member and (trouble := looks_wrong(chunk[:512])):
                    raise FetchError(trouble)  # no need to wait for the rest
                octets += len(chunk)
                self._within(octets)
                await asyncio.to_thread(file.write, chunk)
                self._progress(source.slug, octets, total)

    def _within(self, octets: int) -> None:
        if octets > self._limits.wire:
            raise FetchError(
                f"the download is larger than {self._limits.wire / MIB:g} MiB, which is too "
                "large for a list; check the address"
            )

    # --- looking at it ------------------------------------------------------------------------

    async def _checked(self, source: Source) -> Copy:
        """Let another process unpack and read it; the unfinished text is there then."""
        job = UnpackJob(
            raw=str(self._copies.folder / f"{source.slug}{RAW}"),
            text=str(await asyncio.to_thread(self._copies.scratch, source.slug, TEXT)),
            member=source.member,
            format=source.format,
            match=source.match,
            limit=self._limits.text,
        )
        async with self._reading:
            said = await _asked_process(json.dumps(asdict(job)), self._limits.check)
        outcome = json.loads(said)
        if "error" in outcome:
            raise FetchError(outcome["error"])
        return Copy(**outcome)


@contextmanager
def _plain_errors(url: str, limits: Limits) -> Iterator[None]:
    """Say in plain words what went wrong on the way; errors of our disk pass."""
    import aiohttp

    host = urlsplit(url).hostname
    try:
        yield
    except aiohttp.ServerTimeoutError:
        raise FetchError(
            f"{host} did not send anything for {limits.idle:g} s; copdns will try again later"
        ) from None
    except TimeoutError:
        raise FetchError(
            f"the download took longer than {limits.total:g} s; copdns will try again later"
        ) from None
    except aiohttp.ClientError as error:
        raise FetchError(f"{_trouble(error, host)}; copdns will try again later") from None


def _trouble(error: aiohttp.ClientError, host: str | None) -> str:
    import aiohttp

    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"{error.host} was not found; check that this machine is online"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return (
                f"this machine does not trust the certificate of {error.host}; check that its "
                "clock is right"
            )
        case aiohttp.ClientConnectorError():
            return f"{error.host} cannot be reached ({error.os_error.strerror})"
        case aiohttp.ClientPayloadError():
            return "the download was cut off"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return f"{host} closed the connection"
    return f"the HTTP answer of {host} is not valid ({type(error).__name__})"


async def _asked_process(job: str, seconds: float) -> str:
    """Run `copdns.list_files.unpack` for a job and return what it says."""
    # -P: nothing is imported from the folder that we happen to be in.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "copdns.list_files.unpack"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            out, _ = await process.communicate(f"{job}\n".encode())
    except TimeoutError:
        raise FetchError(
            f"reading the list took longer than {seconds:g} s, so it was skipped; use a smaller "
            "list"
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise FetchError(
            f"reading the list ended with {process.returncode}, possibly because memory ran out; "
            "see sources.max_names"
        )
    return out.decode()


@asynccontextmanager
async def fetching(
    copies: Copies,
    clock: Clock,
    limits: Limits | None = None,
    progress: Progress = lambda _slug, _octets, _total: None,
    reading: asyncio.Lock | None = None,
) -> AsyncIterator[Fetcher]:
    """Give what fetches lists; connections end with it."""
    from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

    limits = limits or Limits()
    # aiohttp's own context has no certificates (`lean`); reading them takes a while.
    certificates = await asyncio.to_thread(create_default_context)
    patience = ClientTimeout(total=None, sock_connect=limits.connect, sock_read=limits.idle)
    async with ClientSession(
        connector=TCPConnector(ssl=certificates),
        headers=_HEADERS,
        timeout=patience,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,  # what it unpacks to is bounded elsewhere
        trust_env=False,  # no ~/.netrc: nobody's password goes out
    ) as session:
        yield Fetcher(copies, session, clock, limits, progress, reading or asyncio.Lock())
