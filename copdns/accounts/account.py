"""Values: accounts and their sessions, tokens, codes, pairings, guests, looks and notices.

`accounts/roles.py` says who may do what; `store/household_db/accounts.py` and the modules beside it
store these values and delete them.  Of a secret only the digest is here: the secret itself is shown
once.  Moments are whole seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from copdns.accounts.roles import Permission, Role
from copdns.model.household import Device, Household

MINUTE, HOUR, DAY = 60, 3_600, 86_400

SESSION_IDLE = 7 * DAY  # a session ends when it has not been used for this long
SESSION_LONGEST = 30 * DAY  # every session ends after this
SESSION_FRESH = 5 * MINUTE  # after a login or step-up; later, `web/step_up.py` asks again
USED_PRECISION = 5 * MINUTE  # "last used" is no more exact, so that most pages write nothing
TOKEN_USUAL, TOKEN_LONGEST = 90 * DAY, 365 * DAY
CODE_LASTS = HOUR  # a code from the console
CODE_KEPT = 400 * DAY  # that it was made; longer than the appeals that it may be about
CODE_TOLD = 7 * DAY  # for how long an account is told of a code, from its next login on
BROWSER_LASTS = 365 * DAY  # for how long a browser stays known after its last login
PAIRING_LASTS = 365 * DAY  # a pairing ends when it has not been used for this long
PAIRING_OPEN = HOUR  # for how long another browser of a device may be paired
GUEST_LASTS = DAY
REQUEST_LASTS = DAY  # for how long a guardian can answer a device that asks to be let in
TALK_INTERVAL = HOUR  # between two notices that the same child wants to talk
PERSON_LASTS = 4 * HOUR  # for how long a PIN makes a shared device somebody's
LOOK_LASTS = 365 * DAY
SAME_LOOK_WITHIN = 5 * MINUTE  # looks at the same thing count as one: paging through a log
NOTICE_LASTS = 90 * DAY

# Prefixes of device ids: of a guest, and (in pairings only) of an address that asks to be let in.
# The id of a named device has no colon.
ANNOUNCED_FROM = 13  # years: what becomes of somebody's devices is announced to them
GUEST_PREFIX, REQUEST_PREFIX = "guest:", "asks:"


@dataclass(frozen=True, slots=True)
class Account:
    """An account that can log in.

    id: short text, unique in its household.  name: what its owner types at the login; also unique.
    profile: the person of the household whose account it is; "" for none.  made: when it was made.
    has_password: False until its one-time code has been used.  totp: the login asks for a second
    factor.
    """

    household: str
    id: str
    name: str
    role: Role
    profile: str = ""
    made: int = 0
    has_password: bool = False
    totp: bool = False


class Credentials(NamedTuple):
    """What a login is checked against.

    password: its hash; "" for none yet.  totp: the secret; "" for none.  totp_used: the time step
    of the last code that was accepted, so that no code counts twice.
    """

    account: Account
    password: str
    totp: str
    totp_used: int


class Session(NamedTuple):
    """A browser that is logged in.

    label: names the browser for people; "" for unknown.  used: exact to 5 minutes.  expires: its
    end, however often it is used.  confirmed: when its owner last typed the password in it, and the
    code of a second factor where there is one; 0: not since the login.
    """

    digest: str
    household: str
    account: str
    label: str
    made: int
    used: int
    expires: int
    confirmed: int = 0

    def is_fresh(self, now: int) -> bool:
        """Tell whether the owner logged in or confirmed it less than 5 minutes ago.

        What nobody should do who finds a browser logged in asks for the password again otherwise.
        """
        return 0 <= now - max(self.made, self.confirmed) < SESSION_FRESH

    def is_over(self, now: int) -> bool:
        """Tell whether it ended or nobody used it for long.  now: seconds since the epoch."""
        return now >= min(self.expires, self.used + SESSION_IDLE)


class Token(NamedTuple):
    """A key for a program.  used: exact to 5 minutes; None for never."""

    household: str
    id: str
    account: str
    label: str
    scopes: frozenset[Permission]
    made: int
    expires: int
    used: int | None = None


class Purpose(StrEnum):
    """What a one-time code is for."""

    SETUP = "setup"  # the first account of a house
    SPENT = "spent"  # nothing: a setup code that was used, or that a newer one ended
    PASSWORD = "password"  # noqa: S105 - a purpose: a new password for an account
    INVITE = "invite"  # an account that a guardian made for somebody else


class Code(NamedTuple):
    """A one-time code as it is stored.  account: "" for the set-up."""

    household: str
    purpose: Purpose
    account: str
    expires: int


class NewCode(NamedTuple):
    """A one-time code that was just made.

    code: shown once.  ends_earlier: a setup code that somebody may hold no longer works.
    """

    code: str
    ends_earlier: bool


class AccountCode(NamedTuple):
    """A code that was made for somebody's account, as its owner is told of it.

    maker: the id of the account that made it, "" for the console.  author: the same in people's
    words.  at, used: seconds since the epoch; used: None where nobody did.
    """

    household: str
    account: str
    purpose: Purpose
    maker: str
    author: str
    at: int
    used: int | None


class Pairing(NamedTuple):
    """A browser that is known to belong to a device.

    used: exact to a day.  proof: from when on it proves who uses the device (`accounts/claims.py`);
    None: never, since somebody there objected.  made, used, proof: seconds since the epoch.
    """

    household: str
    id: str
    device: str
    profile: str
    made: int
    used: int
    proof: int | None = 0

    def proves(self, now: float) -> bool:
        """Tell whether it is proof of person."""
        return self.proof is not None and self.proof <= now


class GuestKind(StrEnum):
    """Why a device belongs to somebody for a while."""

    GUEST = "guest"  # a guardian said so
    PERSON = "person"  # a PIN was typed on a shared device


class Guest(NamedTuple):
    """A device that belongs to somebody for a while.

    address: where its queries come from.  mac: "" where none is known.  profile: "" for the rules
    of guests.  author: who said so, in people's words.
    """

    household: str
    id: str
    kind: GuestKind
    address: str
    mac: str
    profile: str
    author: str
    at: int
    until: int


def with_guests(household: Household, guests: Iterable[Guest], now: float) -> Household:
    """Return the household with its guests as devices after all others.

    Only the household that queries are answered by has them: the stored one does not change, so
    nothing has to be removed when a guest's time ends.

    They come last because the last device with an address or MAC wins.  A guest without a person
    is left out, and so gets the rules of guests.  Where the device shows a token, the guest counts
    too, but not in place of somebody else of 13 or more (`accounts/moves.py`), nor of a device that
    is listed elsewhere.
    """
    devices = tuple(
        Device(
            f"{GUEST_PREFIX}{each.id}",
            "Guest",
            each.profile,
            (each.address,),
            (each.mac,) if each.mac else (),
            instead_of=_tokens_instead(household, each, now),
        )
        for each in guests
        if now < each.until and household.profile(each.profile) is not None
    )
    return replace(household, devices=household.devices + devices) if devices else household


def _tokens_instead(household: Household, guest: Guest, now: float) -> tuple[str, ...]:
    """Return the tokens in whose place a guest counts, where they are shown.

    Those of the devices that are listed there; where none is, of those that are listed nowhere:
    several devices may have one address, such as those behind a second router, and a device that is
    listed elsewhere is not the guest's.
    """
    others = {each.id for each in household.profiles if each.band_at(now).age >= ANNOUNCED_FROM}
    others.discard(guest.profile)
    here = [each for each in household.devices if _is_listed_at(each, guest)]
    nowhere = [each for each in household.devices if not each.addresses and not each.macs]
    return tuple(
        token for each in here or nowhere if each.profile not in others for token in each.tokens
    )


def _is_listed_at(device: Device, guest: Guest) -> bool:
    """Tell whether a device is listed with a guest's MAC address, or with its address or a network
    around that."""
    if guest.mac and device.macs:
        return guest.mac in device.macs
    at = ip_address(guest.address)
    return any(at in ip_network(each) for each in device.addresses)


class GuestRequest(NamedTuple):
    """An unknown device whose user asks to be let in.  address, mac: as in Guest."""

    household: str
    address: str
    mac: str
    at: int


class ViewedPart(StrEnum):
    """What somebody looked at."""

    LOG = "log"  # names, as far as the privacy mode keeps them
    COUNTS = "counts"
    USAGE = "usage"  # minutes of use
    PAGE = "page"  # the child's own page, as the child sees it
    EXPORT = "export"


class AccessRecord(NamedTuple):
    """Somebody looked at what is kept of a person.

    at: when, or when the first of several looks within five minutes was.  account: the id of the
    account; the other guardians see it.
    """

    household: str
    at: int
    account: str
    role: Role
    profile: str
    view: ViewedPart


class NoticeKind(StrEnum):
    """What all guardians are told of; the values are stored."""

    FULL_LOG = "full log announced"
    ACCOUNT_ADDED = "account added"
    ACCOUNT_REMOVED = "account removed"
    ACCOUNT_CHANGED = "account changed"  # a password from the console
    CODE_MADE = "code made"  # with which somebody can log in as an account
    DISAGREEMENT = "guardians disagree"  # about a setting of a person; the preset's holds
    WANTS_TO_TALK = "child wants to talk"  # something happened; it does not say what
    PROPOSAL_DUE = "proposal due"  # the day on which other rules should begin
    LOOKUPS_CHANGED = "lookups changed"  # who answers some names, or is asked for them
    UPSTREAMS_CHANGED = "upstreams changed"  # who is asked for all other names
    SITE_PROTECTED = "site protected"  # from lists and what others block
    PERSON_REMOVED = "person removed"  # with all that was recorded of them
    RECORDS_ERASED = "records erased"  # of a person who stays
    BOX_PAIRED = "box paired"  # a second box, which follows this one


class GuardianNotice(NamedTuple):
    """A notice for all guardians: of what one of them did, or of what a child tells them.

    about: the id of the profile, or the name of the account, of a second box, or of a person who
    is gone; of
    LOOKUPS_CHANGED and SITE_PROTECTED domains, of UPSTREAMS_CHANGED addresses, "" for those that
    the network gives.  author: in people's words.  starts, ends: those of a full log; starts of
    PROPOSAL_DUE is the day of the proposal; else 0.
    """

    id: int
    household: str
    kind: NoticeKind
    about: str
    author: str
    at: int
    starts: int = 0
    ends: int = 0
