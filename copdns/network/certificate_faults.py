"""What can be wrong with a certificate of encrypted DNS, who refuses it then, and what to do.

`certificate_check.py` finds it.  The rules and their sources: docs/encrypted-dns.md, "What devices
refuse".  Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from copdns.model.sentences import Sentence


class Reader(StrEnum):
    """Who looks at a certificate."""

    ANDROID = "Android"
    APPLE = "iPhone, iPad, Mac"
    FIREFOX = "Firefox"


EVERYONE = tuple(Reader)


class FaultKind(StrEnum):
    """What can be wrong."""

    SELF_SIGNED = "self_signed"
    UNKNOWN_AUTHORITY = "unknown_authority"
    INCOMPLETE = "incomplete"
    NO_NAMES = "no_names"
    OTHER_NAME = "other_name"
    NO_WILDCARD = "no_wildcard"
    ENDED = "ended"
    NOT_YET = "not_yet"
    ENDS_SOON = "ends_soon"
    TOO_LONG = "too_long"
    SHORT_KEY = "short_key"
    UNUSUAL_KEY = "unusual_key"
    WEAK_SIGNATURE = "weak_signature"
    NO_PURPOSE = "no_purpose"
    OTHER_PURPOSE = "other_purpose"


class Fault(NamedTuple):
    """Something that somebody refuses, or will.

    what: is wrong.  todo: what to do about it.  refusers: nobody yet for what only has to be seen
    to.
    """

    kind: FaultKind
    what: Sentence
    todo: Sentence
    refusers: tuple[Reader, ...] = EVERYONE


class CertificateReport(NamedTuple):
    """What a certificate is for, until when (seconds since the epoch), and what is wrong with
    it."""

    names: tuple[str, ...]
    end: int
    faults: tuple[Fault, ...]

    @property
    def refusers(self) -> tuple[Reader, ...]:
        """Who refuses it, for any reason."""
        return tuple(each for each in Reader if any(each in e.refusers for e in self.faults))
