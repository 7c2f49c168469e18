"""Values: the browsers that get notices by Web Push, what each wants to hear, and the keys.

docs/push.md explains it to people.  Moments are whole seconds since the epoch, UTC.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import StrEnum
from typing import NamedTuple

_BASE64 = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_POINT, _SECRET = 65, 16  # octets: an uncompressed point of P-256, and the shared secret


class PushKind(StrEnum):
    """What a browser can be told of; the values are stored, and sent by forms."""

    REQUESTS = "requests"
    ANSWERS = "answers"
    WARNINGS = "warnings"
    DEVICES = "devices"


GUARDIANS_KINDS = tuple(PushKind)
CHILDS_KINDS = (PushKind.ANSWERS, PushKind.WARNINGS)
# What is ticked before somebody chooses.
GUARDIANS_USUAL = frozenset({PushKind.REQUESTS, PushKind.DEVICES})
CHILDS_USUAL = frozenset(CHILDS_KINDS)


class PushBrowser(NamedTuple):
    """What a browser gives whoever may send to it (Push API, PushSubscription).

    endpoint: the URL at its push service; whoever knows it can try to send there.  p256dh: its
    public key, an uncompressed point of P-256.  auth: a secret of 16 octets.  Both in base64url
    (RFC 4648 section 5) without padding.
    """

    endpoint: str
    p256dh: str
    auth: str

    @property
    def is_valid(self) -> bool:
        """Whether both keys have the form that RFC 8291 sections 3.1 and 3.2 demand."""
        point, secret = read_octets(self.p256dh), read_octets(self.auth)
        return len(point) == _POINT and point[0] == 4 and len(secret) == _SECRET


class PushSubscription(NamedTuple):
    """A browser that gets notices.

    id: short text, unique in its household.  language: of LANGUAGES, as the page was read in.
    label: names the browser for people; "" for unknown.  account: the guardian's, "" of a child.
    profile: the child's, "" of a guardian.
    """

    household: str
    id: str
    browser: PushBrowser
    kinds: frozenset[PushKind]
    language: str
    label: str
    made: int
    account: str = ""
    profile: str = ""


class PushKeys(NamedTuple):
    """The keys that push services know this copdns by (RFC 8292), in base64url without padding.

    private: 32 octets; it leaves its file only for the process that signs.  public: the point.
    """

    private: str
    public: str


def read_octets(text: str) -> bytes:
    """Return what a text in base64url says; b"" for one that is none."""
    if not _BASE64.fullmatch(text.rstrip("=")):
        return b""
    bare = text.rstrip("=")
    try:
        return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except ValueError:
        return b""


def write_octets(octets: bytes) -> str:
    """Return octets in base64url without padding."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
