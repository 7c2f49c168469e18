"""How long somebody who failed to log in has to wait, per account and per address.

A stranger who guesses slows down strangers only: a browser that was logged in before counts for
itself, so nobody can lock a guardian out of their own telephone.  Pure: the book is a value.
`now` is of a clock that only goes forward, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

FREE = 5  # failures that cost nothing but themselves
FREE_ADDRESS = 20  # several people, or several accounts, may share one
FIRST, LONGEST = 30.0, 900.0  # seconds: the first wait; each failure doubles it up to the longest
FORGOTTEN = 86_400.0  # seconds without a failure after which it all begins anew
MOST = 4096  # entries of each kind; the one that failed longest ago makes room

Key = tuple[str, str]  # the kind, and who


class FailureCount(NamedTuple):
    """tries: those that failed.  last: when."""

    tries: int
    last: float


class Attempt(NamedTuple):
    """Somebody tries.

    account: what it is about: "account:<id>", "pin:<profile>", or the name typed where there is
    none such, so that it cannot be told by waiting which there are.  browser: the digest of a
    known browser of that account, else "".
    """

    account: str
    address: str
    browser: str = ""


@dataclass(frozen=True, slots=True)
class FailureLog:
    """Who failed, and when; what is oldest comes first."""

    failures: Mapping[Key, FailureCount] = field(default_factory=dict)


def seconds_to_wait(book: FailureLog, attempt: Attempt, now: float) -> float:
    """Return for how many seconds this must not be tried; 0 is now."""
    return max(_left(key, book.failures.get(key), now) for key in _keys(attempt))


def add_failure(book: FailureLog, attempt: Attempt, now: float) -> FailureLog:
    """Return the book with one more failure.

    To be written before the password is looked at, so that a hundred tries at once are a hundred;
    `succeeded` takes it back.
    """
    failures = dict(book.failures)
    for key in _keys(attempt):
        before = failures.pop(key, None)
        known = before is not None and now - before.last < FORGOTTEN
        failures[key] = FailureCount(before.tries + 1 if before and known else 1, now)
        _make_room(failures, key[0])
    return FailureLog(failures)


def clear_failures(book: FailureLog, attempt: Attempt) -> FailureLog:
    """Return the book without what was held against them.

    The address keeps its count but for this try: whoever owns one account must not get further
    guesses at the others by logging in between.  An account keeps what strangers did to it when it
    was a known browser that got in.
    """
    failures = dict(book.failures)
    for key in _keys(attempt):
        found = failures.get(key)
        if found is None:
            continue
        if key[0] == "address" and found.tries > 1:
            failures[key] = found._replace(tries=found.tries - 1)
        else:
            del failures[key]
    return FailureLog(failures)


def _keys(attempt: Attempt) -> tuple[Key, ...]:
    if attempt.browser:
        return (("browser", attempt.browser),)
    return (("account", attempt.account), ("address", _network(attempt.address)))


def _network(address: str) -> str:
    """Return what one device can hardly leave: an IPv6 address is one of 2^64 that it may take."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None and not found.is_loopback:
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(getattr(found, "ipv4_mapped", None) or found)


def _left(key: Key, failures: FailureCount | None, now: float) -> float:
    if failures is None or now - failures.last >= FORGOTTEN:
        return 0.0
    over = failures.tries - (FREE_ADDRESS if key[0] == "address" else FREE)
    if over < 0:
        return 0.0
    seconds = min(LONGEST, FIRST * 2.0 ** min(over, 16))
    return max(0.0, failures.last + seconds - now)


def _make_room(failures: dict[Key, FailureCount], kind: str) -> None:
    if len(failures) > MOST:
        of_kind = list(_of(failures, kind))
        if len(of_kind) > MOST:
            del failures[of_kind[0]]


def _of(failures: Mapping[Key, FailureCount], kind: str) -> Iterator[Key]:
    return (key for key in failures if key[0] == kind)
