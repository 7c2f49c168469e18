"""Decide about copies of other people's lists: what to request, what a response means, and when to
request again.

A copy is replaced only by one that passes `check_copy`, and that does not differ too much from it
(`versions.py`); otherwise the last good one stays, and its `CopyState` says why.  Pure:
`list_files/fetch.py` waits, `list_files/unpack.py` reads files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from copdns.lists.versions import VersionDiff
from copdns.model.addresses import bad_url
from copdns.model.errors import FetchError

MIB = 1 << 20
HOUR = 3600.0  # seconds
FIRST_RETRY = 60.0  # seconds: the network may not be up yet
MAX_VALIDATOR = 1024  # characters of an ETag or Last-Modified that is sent back
MIN_SHARE_USED = 0.01  # of the lines: a list with fewer usable ones has another format


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one download, in octets and seconds.

    wire: octets received.  text: octets unpacked.  connect: seconds to connect.  idle: seconds
    without data from the server.  total: seconds in all, with redirects.  check: seconds to unpack
    and read it.
    """

    wire: int = 128 * MIB
    text: int = 256 * MIB
    redirects: int = 5
    connect: float = 15.0
    idle: float = 30.0
    total: float = 900.0
    check: float = 600.0


@dataclass(frozen=True, slots=True)
class CopySummary:
    """The text of a list in numbers.

    lines: used or skipped, without comments.  diff: how it differs from the version in force; None
    where there is none, or where the text is the same.
    """

    octets: int
    sha256: str
    names: int
    lines: int
    diff: VersionDiff | None = None


@dataclass(frozen=True, slots=True)
class CopyState:
    """The state of the copy of one source, kept in `<slug>.json` beside it.

    url, etag, last_modified: where the copy is from, and the server's validators for it.
    fetched_at: when it was fetched.  checked_at: when the server last said that it is the newest.
    tried_at: when the server was last asked.  All in seconds since the epoch; None: never.
    octets, sha256, names: of the copy.
    error: why the last try failed; "" where it did not.  failures: failed tries in a row.
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
        """Whether the list was ever fetched."""
        return self.fetched_at is not None

    def age(self, now: float) -> float | None:
        """Return the seconds since the server last confirmed the copy; None without a copy."""
        return None if self.checked_at is None else max(0.0, now - self.checked_at)

    def without_copy(self) -> CopyState:
        """Return the state with only the tries, for a copy that is gone."""
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
    """Return a state as the text of its file."""
    return json.dumps(asdict(state), indent=1) + "\n"


# --- asking ---------------------------------------------------------------------------------------


def condition_headers(state: CopyState, url: str) -> dict[str, str]:
    """Return the headers of a conditional request (RFC 9110 section 13.1).

    state: of a complete copy.  Without a copy, or for another URL, there are none.
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
    usable = text.isascii() and text.isprintable() and len(text) <= MAX_VALIDATOR
    return text if usable else ""


def redirect_target(url: str, location: str | None) -> str:
    """Return the URL that a redirect leads to; raise FetchError for one that is refused."""
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
    if is_own_machine(_host(target)) and not is_own_machine(_host(url)):
        raise loopback_error(_host(target))
    return target


def is_own_machine(host: str) -> bool:
    """Tell whether a host of a URL is this machine itself, by its address or by the name localhost
    (RFC 6761 section 6.3).

    Programs here may trust whoever comes from loopback, as copdns does with its metrics.
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        # Such as "127.1" or "0x7f000001", which systems take for addresses (inet_aton(3)): no
        # name ends in a number, and whoever writes an address so has something to hide.
        last = name.rpartition(".")[2]
        return last.isdigit() or last.startswith("0x")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    plain = mapped or address
    return plain.is_loopback or plain.is_unspecified


def loopback_error(host: str) -> FetchError:
    """Return the error about a redirect to this machine."""
    return FetchError(
        f"the server redirects to {host}, which is this machine itself; tell the list's maintainer"
    )


def _host(url: str) -> str:
    return urlsplit(url).hostname or "nowhere"


def status_error(status: int) -> str:
    """Return what an HTTP status other than 200 and 304 means, and what to do."""
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


def content_error(first: bytes) -> str:
    """Return why content is no list, by its first octets; "" where it may be one.

    first: some hundred octets.  Gzip cannot be judged before it is unpacked.
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


def check_copy(copy: CopySummary) -> None:
    """Raise FetchError for a copy that is no use; `versions.find_reasons` judges the others."""
    if not copy.names:
        raise FetchError("the file contains no usable domains; check the address and the format")
    if copy.names < MIN_SHARE_USED * copy.lines:
        raise FetchError(f"only {copy.names} of {copy.lines} lines are usable; check the format")


# --- the state after it ---------------------------------------------------------------------------


def after_not_modified(state: CopyState, now: float) -> CopyState:
    """Return the state after the server confirmed the copy as the newest (304)."""
    return replace(state, checked_at=now, tried_at=now, error="", failures=0)


def after_held(state: CopyState, now: float) -> CopyState:
    """Return the state of the copy in force after a newer version was held or refused."""
    return replace(state, tried_at=now, error="", failures=0)


def after_rollback(state: CopyState, now: float) -> CopyState:
    """Return the state of an earlier version that a person went back to at `now`.

    Without the server's validators, since the server has another one.
    """
    return replace(state, etag="", last_modified="", tried_at=now, error="", failures=0)


def after_fetch(url: str, headers: Mapping[str, str], copy: CopySummary, now: float) -> CopyState:
    """Return the state of a new copy.  url: of the source, before any redirect."""
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
    """Return the state after a try that failed at `now`.  error: for people."""
    return replace(state, tried_at=now, error=error, failures=state.failures + 1)


def next_fetch_at(slug: str, state: CopyState, every: float, now: float) -> float:
    """Return the moment to ask the server again, seconds since the epoch; at most `now`: at once.

    every: seconds.  After failures the pause begins with a minute and grows threefold up to
    `every`.  Each pause is shortened by up to a tenth, which differs between homes, so that they
    do not all ask a server in the same second.
    """
    if state.tried_at is None or state.tried_at > now:  # never, or the clock was wrong then
        return now
    pause = every
    if state.failures:
        pause = min(every, FIRST_RETRY * 3.0 ** min(state.failures - 1, 20))
    return state.tried_at + pause * (1 - 0.1 * _jitter(f"{slug} {state.tried_at}"))


def _jitter(text: str) -> float:
    """Return a number from 0 to 1 that looks random but is always the same for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 0xFFFFFFFF


class ListMetrics(NamedTuple):
    """What monitoring shows of one fetched list.

    age: seconds since its copy was confirmed; None without a copy.  octets: of the copy.
    is_held: a newer version waits for a person.
    """

    slug: str
    age: float | None
    octets: int
    is_failing: bool
    is_held: bool = False
