"""Decide about copies of other people's lists: what to ask for, what an answer means, and when
to look again.

A copy is replaced only by one that was judged to be better than none; whatever else happens, the
last good one stays and its `State` says why.  Pure: `fetch` waits, `unpack` reads files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from copdns.model.addresses import bad_url
from copdns.model.errors import FetchError

MIB = 1 << 20
HOUR = 3600.0  # seconds
FIRST_RETRY = 60.0  # seconds: the network may just not be up yet
LONGEST_VALIDATOR = 1024  # characters of an ETag that is worth sending back
MANY = 1000  # names: a smaller list may well lose half of them in a day
SHRUNK = 0.3  # of the names before: what falls below that was cut off, or is another list
HARDLY = 0.01  # of the lines: if fewer can be used, they are written in another way


@dataclass(frozen=True, slots=True)
class Limits:
    """What one download may take; octets and seconds.

    wire: as it comes.  text: unpacked.  idle: without a word from the server.  total: all of it,
    with redirects.  check: for unpacking and reading it.
    """

    wire: int = 128 * MIB
    text: int = 256 * MIB
    redirects: int = 5
    connect: float = 15.0
    idle: float = 30.0
    total: float = 900.0
    check: float = 600.0


@dataclass(frozen=True, slots=True)
class Copy:
    """What a list's text turned out to be.  lines: used or not; comments do not count."""

    octets: int
    sha256: str
    names: int
    lines: int


@dataclass(frozen=True, slots=True)
class CopyState:
    """What is known of the copy of one source; `<slug>.json` beside it.

    url, etag, last_modified: where it is from, and how the server called this state of it.
    fetched_at: when it came.  checked_at: when the server last said that it is the newest.
    tried_at: when the server was last asked.  All in seconds since the epoch; None: never.
    octets, sha256, names: of the copy.
    error: why the last try brought nothing; "" when it did.  failures: how many in a row.
    """

    url: str = ""
    etag: str = ""
    last_modified: str = ""
    fetched_at: float | None = None
    checked_at: float | None = None
    tried_at: float | None = None
    octets: int = 0
    sha256: str = ""
    names: int = 0
    error: str = ""
    failures: int = 0

    @property
    def has_copy(self) -> bool:
        return self.fetched_at is not None

    def age(self, now: float) -> float | None:
        """Return for how many seconds nobody vouched for the copy; None without one."""
        return None if self.checked_at is None else max(0.0, now - self.checked_at)

    def without_copy(self) -> CopyState:
        """Return what is left of it when the copy is gone: how the tries went."""
        return CopyState(tried_at=self.tried_at, error=self.error, failures=self.failures)


def read_state(text: str) -> CopyState:
    """Return the state that a file holds; a broken file is as good as none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return CopyState()
    if not isinstance(found, dict):
        return CopyState()
    known = {each.name: found[each.name] for each in fields(CopyState) if each.name in found}
    sound = all(_fits(value, getattr(CopyState(), name)) for name, value in known.items())
    return CopyState(**known) if sound else CopyState()


def _fits(value: Any, default: object) -> bool:
    if default is None:
        return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    return type(value) is type(default)


def dump_state(state: CopyState) -> str:
    """Return a state as its file holds it."""
    return json.dumps(asdict(state), indent=1) + "\n"


# --- asking ---------------------------------------------------------------------------------------


def conditions(state: CopyState, url: str) -> dict[str, str]:
    """Return the headers that ask for news only (RFC 9110 section 13.1).

    state: of a copy that is whole.  Without one, or for another address, all is asked for.
    """
    headers = {}
    if state.url == url and state.has_copy:
        if state.etag:
            headers["If-None-Match"] = state.etag
        if state.last_modified:
            headers["If-Modified-Since"] = state.last_modified
    return headers


def validator(text: str | None) -> str:
    """Return an ETag or Last-Modified that can be sent back as it came, or ""."""
    text = text or ""
    fine = text.isascii() and text.isprintable() and len(text) <= LONGEST_VALIDATOR
    return text if fine else ""


def redirected(url: str, location: str | None) -> str:
    """Return where a redirect leads; raise FetchError for where no list should come from."""
    if not location:
        raise FetchError("the server redirects without saying where to; tell the list's maintainer")
    try:
        target = urljoin(url, location)
    except ValueError:
        raise FetchError(
            "the server redirects to something that is not an address; tell the list's maintainer"
        ) from None
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise FetchError(
            f"the server redirects from https to {_host(target)} without encryption, so others "
            "could change the list on the way; use an address that stays on https"
        )
    if trouble := bad_url(target):
        raise FetchError(f"the server redirects to an address that is not allowed ({trouble})")
    return target


def _host(url: str) -> str:
    return urlsplit(url).hostname or "nowhere"


def status_error(status: int) -> str:
    """Return what a status other than 200 and 304 means, and what to do."""
    if status in (404, 410):
        return (
            f"the server no longer has this file ({status}); find out where the list has moved to"
        )
    if status in (401, 403, 451):
        return (
            f"the server refused the download ({status}); open the address in a browser to see why"
        )
    if status == 429:
        return "the server gets too many requests (429); copdns will try again later"
    if status >= 500:
        return f"the server has a problem ({status}); copdns will try again later"
    return f"the server answered with status {status} instead of the list; check the address"


# --- what came ------------------------------------------------------------------------------------

GZIP = b"\x1f\x8b"

_MAGIC = {
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xfd7zXZ": "a file compressed with xz",
    b"\x28\xb5\x2f\xfd": "a file compressed with zstd",
    b"BZh": "a file compressed with bzip2",
    b"\x7fELF": "a program",
    b"MZ": "a program",
}


def looks_wrong(first: bytes) -> str:
    """Return why what begins so is no list, or "".

    first: some hundred octets.  Of gzip nothing can be said before it is unpacked.
    """
    if first.startswith(GZIP):
        return ""
    for magic, what in _MAGIC.items():
        if first.startswith(magic):
            return f"this is {what}, not a list; use the address of the list as text or gzip"
    head = first.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return (
            "this is a web page, not a list; your network may ask you to log in first, or the "
            "list may have moved"
        )
    if first[257:262] == b"ustar":
        return "this is a tar archive; name the file to use from it (member)"
    if b"\0" in first:
        return "this is not text; use the address of the list as text or gzip"
    return ""


def check_copy(copy: Copy, before: CopyState, *, smaller: bool = False) -> None:
    """Raise FetchError when a copy is worse than the one before, or than none.

    smaller: somebody looked at it, and wants it.
    """
    if not copy.names:
        raise FetchError("the file contains no usable domains; check the address and the format")
    if copy.names < HARDLY * copy.lines:
        raise FetchError(f"only {copy.names} of {copy.lines} lines are usable; check the format")
    had = before.names if before.has_copy else 0
    if not smaller and had >= MANY and copy.names < SHRUNK * had:
        raise FetchError(
            f"the new copy has only {copy.names} domains, the old one {had}; check it, and if that "
            "is right, run copdns lists update --smaller SLUG"
        )


# --- what is known then ---------------------------------------------------------------------------


def after_not_modified(state: CopyState, now: float) -> CopyState:
    """Return the state after the server said that the copy is the newest (304)."""
    return replace(state, checked_at=now, tried_at=now, error="", failures=0)


def after_fetch(url: str, headers: Mapping[str, str], copy: Copy, now: float) -> CopyState:
    """Return the state of a new copy.  url: as in the source, before any redirect."""
    return CopyState(
        url=url,
        etag=validator(headers.get("ETag")),
        last_modified=validator(headers.get("Last-Modified")),
        fetched_at=now,
        checked_at=now,
        tried_at=now,
        octets=copy.octets,
        sha256=copy.sha256,
        names=copy.names,
    )


def after_failure(state: CopyState, error: str, now: float) -> CopyState:
    """Return what is known after a try that failed at `now`.  error: for people."""
    return replace(state, tried_at=now, error=error, failures=state.failures + 1)


def next_fetch_at(slug: str, state: CopyState, every: float, now: float) -> float:
    """Return the moment to ask again (seconds since the epoch); at most `now`: at once.

    every: seconds.  After failures the pauses begin with a minute and grow threefold up to
    `every`.  A tenth of each is drawn from what differs between homes, so that a server is not
    asked by all of them at the same second.
    """
    if state.tried_at is None or state.tried_at > now:  # never, or the clock was wrong then
        return now
    pause = every
    if state.failures:
        pause = min(every, FIRST_RETRY * 3.0 ** min(state.failures - 1, 20))
    return state.tried_at + pause * (1 - 0.1 * _drawn(f"{slug} {state.tried_at}"))


def _drawn(text: str) -> float:
    """Return a number from 0 to 1 that looks random and is the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 0xFFFFFFFF


class ListMetrics(NamedTuple):
    """What is told of one fetched list.  age: seconds; None without a copy.  octets: of it."""

    slug: str
    age: float | None
    octets: int
    failing: bool
