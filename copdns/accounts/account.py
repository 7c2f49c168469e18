"""Accounts and what hangs on them, as values: sessions, tokens, codes, pairings, looks, notices.

What somebody may do is `accounts/roles.py`; where all of it is kept, and for how long,
`store/household_db/accounts.py` and its neighbours.  Secrets are here only as digests: the secret
itself is told once, to whoever needs it.  Moments are whole seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from copdns.accounts.roles import Permission, Role

MINUTE, HOUR, DAY = 60, 3_600, 86_400

SESSION_IDLE = 7 * DAY  # a session that nobody used for so long is over
SESSION_LONGEST = 30 * DAY  # and every session after this
SESSION_FRESH = 15 * MINUTE  # for so long after a login nobody is asked for the password again
TOUCHED = 5 * MINUTE  # "last used" is no more exact, so that reading a page writes nothing
TOKEN_USUAL, TOKEN_LONGEST = 90 * DAY, 365 * DAY
CODE_LASTS = HOUR  # a code from the console
BROWSER_LASTS = 365 * DAY  # a browser that an account was used on, since its last login
PAIRING_LASTS = 365 * DAY  # a pairing that was not used for so long is over
PAIRING_OPEN = HOUR  # for so long a guardian lets a further browser of a device in
GUEST_LASTS = DAY
REQUEST_LASTS = DAY  # for so long a guardian can answer a device that asks to be let in
TOLD_AGAIN = HOUR  # a child who tells the same again within it tells it once
PERSON_LASTS = 4 * HOUR  # who said by PIN that it is them, on a shared device
LOOKS_KEPT = 365 * DAY
LOOKS_JOINED = 5 * MINUTE  # paging through one log is one look
NOTICES_KEPT = 90 * DAY


@dataclass(frozen=True, slots=True)
class Account:
    """Who may log in.

    id: short text, unique in its household; name: what is typed at the login, unique as well.
    profile: the person in the household that this account belongs to, "" for none.
    has_password: False until a code from the console was used.  totp: a second factor is asked for.
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

    password: "" for none yet.  totp: the secret, "" for none.  totp_used: the last time step that
    a code was taken for, so that no code counts twice.
    """

    account: Account
    password: str
    totp: str
    totp_used: int


class Session(NamedTuple):
    """label: what the browser is, for people, "" for unknown.  used: exact to 5 minutes."""

    digest: str
    household: str
    account: str
    label: str
    made: int
    used: int
    expires: int

    def is_fresh(self, now: int) -> bool:
        """Tell whether the password was typed lately enough for what must not be done by whoever
        finds an open browser."""
        return 0 <= now - self.made < SESSION_FRESH

    def is_over(self, now: int) -> bool:
        return now >= min(self.expires, self.used + SESSION_IDLE)


class Token(NamedTuple):
    """A key for a program.  used: exact to 5 minutes, None for never."""

    household: str
    id: str
    account: str
    label: str
    scopes: frozenset[Permission]
    made: int
    expires: int
    used: int | None = None


class Purpose(StrEnum):
    """What a one-time code from the console is good for."""

    SETUP = "setup"  # the first account of a house
    PASSWORD = "password"  # noqa: S105 - a purpose: a new password for an account
    INVITE = "invite"  # an account that a guardian made for somebody else


class Code(NamedTuple):
    """A one-time code, as it is kept.  account: "" for the set-up."""

    household: str
    purpose: Purpose
    account: str
    expires: int


class Pairing(NamedTuple):
    """A browser that belongs to a device.  used: exact to a day."""

    household: str
    id: str
    device: str
    profile: str
    made: int
    used: int


class GuestKind(StrEnum):
    GUEST = "guest"  # a guardian said so
    PERSON = "person"  # a PIN was typed on a shared device


class Guest(NamedTuple):
    """A device that is somebody's for a while.

    address: by which it asks; mac: "" where none is known.  profile: "" for the guests' own rules.
    author: who said so, in people's words.
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


class GuestRequest(NamedTuple):
    """An unknown device whose user asks to be let in.  address, mac: as of a guest."""

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
    """Somebody looked at what is kept of a person.  at: of the first of looks that were joined.

    account: for the other guardians; the child sees the role, and the name as the page likes.
    """

    household: str
    at: int
    account: str
    role: Role
    profile: str
    view: ViewedPart


class NoticeKind(StrEnum):
    FULL_LOG = "full log announced"
    ACCOUNT_ADDED = "account added"
    ACCOUNT_REMOVED = "account removed"
    ACCOUNT_CHANGED = "account changed"  # another role, or a way back in from the console
    DISAGREEMENT = "guardians disagree"  # about a setting of a person; the preset's holds
    WANTS_TO_TALK = "child wants to talk"  # something happened; what, nobody is told here
    PROPOSAL_DUE = "proposal due"  # the day has come on which other rules were to hold


class GuardianNotice(NamedTuple):
    """Something that no guardian may do unseen by the others, or that a child tells all of them.

    about: the id of the profile, or the name of the account.  author: in people's words.  starts,
    ends: of a full log, else 0.
    """

    id: int
    household: str
    kind: NoticeKind
    about: str
    author: str
    at: int
    starts: int = 0
    ends: int = 0
