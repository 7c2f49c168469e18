"""How long somebody has to wait after failed logins, and after wrong ticket codes.

Logins count per account and per address.  Failures of a browser that the account knows count for
that browser alone, and those of unknown browsers do not make it wait: so no stranger can lock a
guardian out of their own telephone.  PINs count per device: five wrong ones let nobody wait who
types that PIN elsewhere, until many devices guess it.  Moments of logins are monotonic seconds: the
log ends with the program.

A ticket's code has 40 random bits, so a few guesses find none; the limit prevents many guesses.
The store keeps the attempts, so those of the page, the API and the command line count together.
Their moments are seconds since the epoch.  Pure: the log and the attempts are values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

FREE_TRIES = 5  # failures without a wait
FREE_TRIES_PER_ADDRESS = 20  # several people, or several accounts, may share an address
FREE_TRIES_EVERYWHERE = 20  # at a PIN, of which each device counts for FREE_TRIES at most
FIRST_WAIT, MAX_WAIT = 30.0, 900.0  # seconds; each failure doubles the wait
FORGET_AFTER = 86_400.0  # seconds without a failure
MAX_ENTRIES = 4096  # of each kind; the one that failed longest ago is dropped

MAX_WRONG_CODES = 5  # of tickets, within ATTEMPT_WINDOW
ATTEMPT_WINDOW = 900  # seconds for which an attempt counts

FailureKey = tuple[str, str]  # the kind (account, address, browser, pin), and which


class FailureCount(NamedTuple):
    """tries: how many failed.  last: when the last one did."""

    tries: int
    last: float


class Attempt(NamedTuple):
    """An attempt to log in.

    account: "account:<id>", or the name as typed where there is no such account: so the wait does
    not show which accounts there are.  browser: the digest of a browser that the account knows,
    else "".  is_pin: account is whose PIN it is.
    """

    account: str
    address: str
    browser: str = ""
    is_pin: bool = False


@dataclass(frozen=True, slots=True)
class FailureLog:
    """The failures by account, address and browser, the oldest first."""

    failures: Mapping[FailureKey, FailureCount] = field(default_factory=dict)


def seconds_to_wait(log: FailureLog, attempt: Attempt, now: float) -> float:
    """Return how many seconds this attempt has to wait; 0 for none."""
    return max(_seconds_left(key, log.failures.get(key), now) for key in _keys(attempt))


def add_failure(log: FailureLog, attempt: Attempt, now: float) -> FailureLog:
    """Return the log with one more failure.

    To be called before the password is checked, so that a hundred attempts at once count as a
    hundred; `clear_failures` takes it back.
    """
    failures = dict(log.failures)
    for key in _keys(attempt):
        before = failures.pop(key, None)
        known = before is not None and now - before.last < FORGET_AFTER
        tries = before.tries if before is not None and known else 0
        if key[0] != "pin" or _has_free_tries(log, attempt, now):
            tries += 1
        failures[key] = FailureCount(tries, now)
        _make_room(failures, key[0])
    return FailureLog(failures)


def _has_free_tries(log: FailureLog, attempt: Attempt, now: float) -> bool:
    """Tell whether this device has failed less than FREE_TRIES times at a PIN."""
    there = log.failures.get(_key_of_device(attempt))
    return there is None or there.tries < FREE_TRIES or now - there.last >= FORGET_AFTER


def clear_failures(log: FailureLog, attempt: Attempt) -> FailureLog:
    """Return the log after a login that succeeded.

    The address loses this attempt only: whoever owns one account must not gain further guesses at
    others by logging in between.  The account is cleared, but not by a login from a known browser,
    which clears that browser alone.  Of a PIN, what this device failed is cleared, and what others
    did stays.
    """
    failures = dict(log.failures)
    device = failures.get(_key_of_device(attempt)) if attempt.is_pin else None
    for key in _keys(attempt):
        found = failures.get(key)
        if found is None:
            continue
        its_own = min(device.tries, FREE_TRIES) if device is not None else 1
        back = its_own if key[0] == "pin" else 1
        if key[0] in ("address", "pin") and found.tries > back:
            failures[key] = found._replace(tries=found.tries - back)
        else:
            del failures[key]
    return FailureLog(failures)


def take_back_failure(log: FailureLog, attempt: Attempt) -> FailureLog:
    """Return the log without one failure that was none; all others of the attempt stay.

    So whoever has one household's code gains no guesses at others by typing it in between.
    """
    failures = dict(log.failures)
    for key in _keys(attempt):
        found = failures.pop(key, None)
        if found is not None and found.tries > 1:
            failures[key] = found._replace(tries=found.tries - 1)
    return FailureLog(failures)


def _keys(attempt: Attempt) -> tuple[FailureKey, ...]:
    if attempt.browser:
        return (("browser", attempt.browser),)
    address = ("address", client_network(attempt.address))
    if attempt.is_pin:
        return (_key_of_device(attempt), ("pin", attempt.account), address)
    return (("account", attempt.account), address)


def _key_of_device(attempt: Attempt) -> FailureKey:
    # With its whole address: all devices of a home may share a /64, and FREE_TRIES_EVERYWHERE
    # bounds one that changes its own.
    return "account", f"pin:{attempt.account} {attempt.address}"


def client_network(address: str) -> str:
    """Return the address, or the /64 of an IPv6 address: a device may choose any address in it."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None and not found.is_loopback:
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(getattr(found, "ipv4_mapped", None) or found)


def _seconds_left(key: FailureKey, failures: FailureCount | None, now: float) -> float:
    if failures is None or now - failures.last >= FORGET_AFTER:
        return 0.0
    over = failures.tries - _FREE.get(key[0], FREE_TRIES)
    if over < 0:
        return 0.0
    seconds = min(MAX_WAIT, FIRST_WAIT * 2.0 ** min(over, 16))
    return max(0.0, failures.last + seconds - now)


_FREE = {"address": FREE_TRIES_PER_ADDRESS, "pin": FREE_TRIES_EVERYWHERE}


def _make_room(failures: dict[FailureKey, FailureCount], kind: str) -> None:
    if len(failures) > MAX_ENTRIES:
        of_kind = list(_keys_of_kind(failures, kind))
        if len(of_kind) > MAX_ENTRIES:
            del failures[of_kind[0]]


def _keys_of_kind(failures: Mapping[FailureKey, FailureCount], kind: str) -> Iterator[FailureKey]:
    return (key for key in failures if key[0] == kind)


class WrongCode(NamedTuple):
    """An attempt with a code that does not exist.  device: "" for none, as on the command line."""

    profile: str
    device: str
    at: int


def codes_refused_until(
    attempts: Iterable[WrongCode], profile: str, device: str, now: int
) -> int | None:
    """Return until when a profile, or its device, may try no code; None where it may.

    After the clock was set back an attempt may lie in the future: it counts within the same window.
    """
    recent = sorted(
        each.at
        for each in attempts
        if abs(now - each.at) < ATTEMPT_WINDOW
        and (each.profile == profile or (each.device == device != ""))
    )
    return recent[-MAX_WRONG_CODES] + ATTEMPT_WINDOW if len(recent) >= MAX_WRONG_CODES else None
