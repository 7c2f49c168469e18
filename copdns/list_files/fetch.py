"""Fetch copies of other people's lists, and replace a copy only by one that passes the checks.

`lists/download.py` decides what to request and what a response means; this module waits and writes
files.  Nothing of the household is sent: no cookie, no referrer, and a User-Agent with the version
only.  The system's resolver looks up names, and may be this copdns.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from importlib import import_module
from socket import AddressFamily
from ssl import create_default_context
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from copdns import __version__
from copdns.list_files.copies import PACKED, PACKED_BEFORE, RAW, TEXT, Copies
from copdns.list_files.facts import load_facts
from copdns.list_files.unpack import UnpackJob, read_summary
from copdns.list_files.versions import Versions
from copdns.lists.download import (
    MIB,
    CopyState,
    CopySummary,
    FetchLimits,
    after_failure,
    after_fetch,
    after_held,
    after_not_modified,
    check_copy,
    condition_headers,
    content_error,
    is_own_machine,
    loopback_error,
    redirect_target,
    status_error,
)
from copdns.lists.source import Source
from copdns.lists.version_book import HeldVersion
from copdns.lists.versions import find_reasons
from copdns.model.addresses import bad_url
from copdns.model.errors import FetchError
from copdns.model.matchers import Matcher

if TYPE_CHECKING:  # imported when the first list is fetched: it costs time and memory
    import aiohttp
    from aiohttp import ClientResponse, ClientSession
    from aiohttp.abc import ResolveResult

Clock = Callable[[], float]  # seconds since the epoch
Progress = Callable[[str, int, int | None], None]

CHUNK = 256 << 10
_HEADERS = {"User-Agent": f"copdns/{__version__}", "Accept-Encoding": "gzip"}
# What is the same from every copdns: no version, and nothing that a server gave before.
_SAME_FOR_ALL = {"User-Agent": "copdns", "Accept-Encoding": "identity"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FetchResult(StrEnum):
    """What a try to fetch brought."""

    NEW = "new"
    UNCHANGED = "unchanged"
    HELD = "held"  # a version that waits for a person; the old copy stays
    KEPT = "kept"  # nothing; the old copy stays
    MISSING = "missing"  # nothing, and there is no copy


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """The outcome of a try to fetch a list.  state: of its copy, after the try."""

    slug: str
    result: FetchResult
    state: CopyState


class Fetcher:
    """Fetches lists into a folder.

    session: for the address of a source.  outside: for where a server redirects to, which must not
    be this machine.  progress: called with a slug, the octets received, and the octets in all
    (None: unknown).  reading: a lock held while a list is read, which may take all memory of a
    small machine.
    """

    def __init__(
        self,
        copies: Copies,
        session: ClientSession,
        outside: ClientSession,
        clock: Clock,
        limits: FetchLimits,
        progress: Progress,
        reading: asyncio.Lock,
        vouched: Sequence[Matcher] = (),
    ) -> None:
        self._copies = copies
        self._versions = Versions(copies)
        self._vouched = tuple(map(str, vouched))
        self._session = session
        self._outside = outside
        self._clock = clock
        self._limits = limits
        self._progress = progress
        self._reading = reading

    async def fetch(self, source: Source, *, may_shrink: bool = False) -> FetchOutcome:
        """Fetch a list; errors become an outcome, and the state is written beside the copy.

        may_shrink: accept it though it lost most of its names.
        """
        before = await asyncio.to_thread(self._copies.state, source.slug)
        try:
            await asyncio.to_thread(self._versions.heal, source.slug)
            before = await asyncio.to_thread(self._copies.state, source.slug)
            outcome = await self._fetch_new(source, before, may_shrink)
        except (FetchError, OSError) as error:
            why = self._copies.write_error(error) if isinstance(error, OSError) else str(error)
            state = after_failure(before, why, self._clock())
            # Before the state: on a full disk the unfinished files take the room that it needs.
            await asyncio.to_thread(self._copies.clear, source.slug)
            with suppress(OSError):  # a full disk: the outcome has the error
                await asyncio.to_thread(self._copies.write_state, source.slug, state)
            outcome = FetchOutcome(
                source.slug, FetchResult.KEPT if state.has_copy else FetchResult.MISSING, state
            )
        finally:
            await asyncio.to_thread(self._copies.clear, source.slug)
        return outcome

    async def fetch_octets(self, url: str, limit: int) -> bytes:
        """Return what stands at an address, at most `limit` octets; raise FetchError.

        The request is the same from every copdns.
        """
        found = bytearray()
        with _plain_errors(url, self._limits):
            async with (
                asyncio.timeout(self._limits.total),
                self._open_reply(url, _SAME_FOR_ALL) as reply,
            ):
                if reply.status != 200:
                    raise FetchError(status_error(reply.status))
                async for chunk in reply.content.iter_chunked(CHUNK):
                    found += chunk
                    self._require_within(len(found), limit)
        return bytes(found)

    async def _fetch_new(self, source: Source, before: CopyState, smaller: bool) -> FetchOutcome:
        slug = source.slug
        book = await asyncio.to_thread(self._versions.book, slug)
        held = book.held
        headers = await self._download(source, held.state if held and before.has_copy else before)
        if headers is None and held is not None and before.has_copy:
            return await self._note_held(slug, before)
        if headers is None:
            return await self._note_unchanged(slug, after_not_modified(before, self._clock()))
        copy = await self._unpack_reply(source, before, smaller, book.is_rolled_back)
        check_copy(copy)
        state = after_fetch(source.url, headers, copy, self._clock())
        if before.has_copy and before.sha256 == copy.sha256:
            await asyncio.to_thread(self._versions.drop_held, slug)
            return await self._note_unchanged(slug, replace(state, fetched_at=before.fetched_at))
        if before.has_copy and copy.sha256 in book.refused:
            outcome = await self._note_held(slug, before)
            return replace(outcome, result=FetchResult.UNCHANGED)
        diff = copy.diff
        reasons = diff and find_reasons(
            diff, may_shrink=smaller, was_rolled_back=book.is_rolled_back
        )
        if diff is None or not reasons:
            await asyncio.to_thread(self._versions.take, slug, before, state)
            return FetchOutcome(slug, FetchResult.NEW, state)
        if held is not None and held.state.sha256 == copy.sha256:
            held = replace(held, state=state)
        else:
            is_told = held is not None and held.is_told  # one notice until somebody decides
            held = HeldVersion(state, reasons, diff, self._clock(), is_told)
        await asyncio.to_thread(self._versions.hold, slug, before, held)
        return await self._note_held(slug, before)

    async def _note_unchanged(self, slug: str, state: CopyState) -> FetchOutcome:
        await asyncio.to_thread(self._copies.write_state, slug, state)
        return FetchOutcome(slug, FetchResult.UNCHANGED, state)

    async def _note_held(self, slug: str, before: CopyState) -> FetchOutcome:
        state = after_held(before, self._clock())
        await asyncio.to_thread(self._copies.write_state, slug, state)
        return FetchOutcome(slug, FetchResult.HELD, state)

    # --- downloading --------------------------------------------------------------------------

    async def _download(self, source: Source, before: CopyState) -> Mapping[str, str] | None:
        """Write what the server sends to a file; return its headers, None for 304 (unchanged)."""
        limits = self._limits
        with _plain_errors(source.url, limits):
            async with (
                asyncio.timeout(limits.total),
                self._open_reply(source.url, condition_headers(before, source.url)) as reply,
            ):
                if reply.status == 304 and before.has_copy:
                    return None
                if reply.status != 200:
                    raise FetchError(status_error(reply.status))
                await self._write_reply(source, reply)
                return reply.headers

    @asynccontextmanager
    async def _open_reply(
        self, url: str, headers: Mapping[str, str]
    ) -> AsyncIterator[ClientResponse]:
        """Send the request, follow redirects, and yield the last response."""
        if trouble := bad_url(url):
            raise FetchError(trouble)
        session = self._session
        for _ in range(self._limits.redirects + 1):
            async with session.get(url, headers=headers, allow_redirects=False) as reply:
                if reply.status not in _REDIRECTS:
                    yield reply
                    return
                target = redirect_target(url, reply.headers.get("Location"))
            if not is_own_machine(urlsplit(target).hostname or ""):
                session = self._outside
            url = target
        raise FetchError(
            f"the server redirects more than {self._limits.redirects} times; open the address in "
            "a browser, and use the address you end up at"
        )

    async def _write_reply(self, source: Source, reply: ClientResponse) -> None:
        packed = reply.headers.get("Content-Encoding", "identity").lower()
        if packed not in ("identity", "gzip", "x-gzip"):
            raise FetchError(
                f"the download is compressed with {packed[:20]!r}, though copdns asked for gzip "
                "only; tell the list's maintainer"
            )
        total, octets = reply.content_length, 0
        self._require_within(total or 0)
        path = await asyncio.to_thread(self._copies.scratch_path, source.slug, RAW)
        with path.open("xb") as file:
            async for chunk in reply.content.iter_chunked(CHUNK):
                if not octets and not source.member and (trouble := content_error(chunk[:512])):
                    raise FetchError(trouble)  # without waiting for the rest
                octets += len(chunk)
                self._require_within(octets)
                await asyncio.to_thread(file.write, chunk)
                self._progress(source.slug, octets, total)

    def _require_within(self, octets: int, limit: int | None = None) -> None:
        limit = self._limits.wire if limit is None else limit
        if octets > limit:
            raise FetchError(
                f"the download is larger than {limit / MIB:g} MiB, which is too "
                "large for a list; check the address"
            )

    # --- reading ------------------------------------------------------------------------------

    async def _unpack_reply(
        self, source: Source, before: CopyState, smaller: bool, was_rolled_back: bool
    ) -> CopySummary:
        """Have another process unpack and read it, and write the unfinished text."""
        scratch, slug = self._copies.scratch_path, source.slug
        packed = await asyncio.to_thread(scratch, slug, PACKED)
        packed_before = await asyncio.to_thread(scratch, slug, PACKED_BEFORE)
        is_new = await asyncio.to_thread(self._versions.needs_packing, slug, before)
        data = self._copies.folder.parent
        facts = await asyncio.to_thread(load_facts, data)
        job = UnpackJob(
            raw=str(self._copies.folder / f"{source.slug}{RAW}"),
            text=str(await asyncio.to_thread(self._copies.scratch_path, source.slug, TEXT)),
            member=source.member,
            format=source.format,
            match=source.match,
            limit=self._limits.text,
            packed=str(packed),
            before=str(self._copies.text_path(slug)) if before.has_copy else "",
            before_sha256=before.sha256,
            before_packed=str(packed_before) if is_new else "",
            subject=source.category,
            vouched=self._vouched,
            may_shrink=smaller,
            was_rolled_back=was_rolled_back,
            opens=source.opens,
            data=str(data),
            facts=facts.digest,
        )
        async with self._reading:
            output = await _run_unpack(json.dumps(asdict(job)), self._limits.check)
        outcome = json.loads(output)
        if "error" in outcome:
            raise FetchError(outcome["error"])
        return read_summary(outcome)


@contextmanager
def _plain_errors(url: str, limits: FetchLimits) -> Iterator[None]:
    """Turn errors of the network into a FetchError in plain words; errors of the disk pass."""
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
        raise FetchError(f"{_connection_error(error, host)}; copdns will try again later") from None


def _connection_error(error: aiohttp.ClientError, host: str | None) -> str:
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


async def _run_unpack(job: str, seconds: float) -> str:
    """Run `copdns.list_files.unpack` for a job and return its output."""
    # -P: import nothing from the working directory.
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
async def open_fetcher(
    copies: Copies,
    clock: Clock,
    limits: FetchLimits | None = None,
    progress: Progress = lambda _slug, _octets, _total: None,
    reading: asyncio.Lock | None = None,
    vouched: Sequence[Matcher] = (),
) -> AsyncIterator[Fetcher]:
    """Yield a Fetcher; its connections are closed at the end."""
    # In a thread: it takes some tenths of a second, for which queries must not wait.
    await asyncio.to_thread(import_module, "aiohttp")
    from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, ThreadedResolver

    class Outside(ThreadedResolver):
        """Finds no address of this machine, whatever name leads to it."""

        async def resolve(
            self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
        ) -> list[ResolveResult]:
            found = await super().resolve(host, port, family)
            if any(is_own_machine(each["host"]) for each in found):
                raise loopback_error(host)
            return found

    limits = limits or FetchLimits()
    # aiohttp's own context has no certificates (`app/memory_use.py`); reading them takes a while.
    certificates = await asyncio.to_thread(create_default_context)
    patience = ClientTimeout(total=None, sock_connect=limits.connect, sock_read=limits.idle)

    def open_session(connector: TCPConnector) -> ClientSession:
        return ClientSession(
            connector=connector,
            headers=_HEADERS,
            timeout=patience,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,  # the other process bounds the unpacked size
            trust_env=False,  # no ~/.netrc: no password is sent
        )

    async with (
        open_session(TCPConnector(ssl=certificates)) as session,
        open_session(TCPConnector(ssl=certificates, resolver=Outside())) as outside,
    ):
        yield Fetcher(
            copies, session, outside, clock, limits, progress, reading or asyncio.Lock(), vouched
        )
