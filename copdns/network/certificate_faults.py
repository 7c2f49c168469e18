"""What can be wrong with a certificate of encrypted DNS, who refuses it then, and what to do.

`certificate_check.py` finds it.  The rules and their sources: docs/encrypted-dns.md, "What devices
refuse".  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from copdns.model.sentences import Sentence, sentence


class Reader(StrEnum):
    """Who looks at a certificate."""

    ANDROID = "Android"
    APPLE = "iPhone, iPad, Mac"
    FIREFOX = "Firefox"


EVERYONE = tuple(Reader)


class FaultKind(StrEnum):
    """What is wrong."""

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

    values: what stands in its sentence, by the placeholder there.  refusers: nobody yet for what
    only has to be seen to.
    """

    kind: FaultKind
    values: Mapping[str, str | int]
    refusers: tuple[Reader, ...] = EVERYONE

    @property
    def what(self) -> Sentence:
        """Return what is wrong."""
        return _fill(_WHAT[self.kind], self.values)

    @property
    def todo(self) -> Sentence:
        """Return what to do about it."""
        return _fill(_TODO[self.kind], self.values)


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


def _fill(said: Sentence, values: Mapping[str, str | int]) -> Sentence:
    return Sentence(said.text, values)


_ANEW = sentence("get a new certificate from an authority that devices know, such as Let's Encrypt")
_RENEW = sentence("see why the program that renews it has not done so, such as certbot or acme.sh")
_WHAT = {
    FaultKind.SELF_SIGNED: sentence("no authority has signed the certificate"),
    FaultKind.UNKNOWN_AUTHORITY: sentence(
        "the certificate is signed by %(authority)s, which devices do not know"
    ),
    FaultKind.INCOMPLETE: sentence(
        "the file does not lead to an authority that devices know: the certificate of "
        "%(authority)s is not in it"
    ),
    FaultKind.NO_NAMES: sentence("the certificate has no name that devices read"),
    FaultKind.OTHER_NAME: sentence("the certificate is for %(names)s, not for %(name)s"),
    FaultKind.NO_WILDCARD: sentence(
        "the certificate is not for the names of devices, which end in %(name)s"
    ),
    FaultKind.ENDED: sentence("the certificate ended on %(day)s"),
    FaultKind.NOT_YET: sentence("the certificate is not valid before %(day)s"),
    FaultKind.ENDS_SOON: sentence("the certificate ends on %(day)s"),
    FaultKind.TOO_LONG: sentence(
        "the certificate is valid for %(days)s days, and %(most)s are allowed"
    ),
    FaultKind.SHORT_KEY: sentence("the key has %(bits)s bits, and %(least)s are needed"),
    FaultKind.UNUSUAL_KEY: sentence("devices do not know this kind of key"),
    FaultKind.WEAK_SIGNATURE: sentence("the certificate is signed with %(digest)s, which is weak"),
    FaultKind.NO_PURPOSE: sentence("the certificate does not say that it is for a server"),
    FaultKind.OTHER_PURPOSE: sentence("the certificate is for something else than a server"),
}
_TODO = {
    FaultKind.SELF_SIGNED: _ANEW,
    FaultKind.UNKNOWN_AUTHORITY: _ANEW,
    FaultKind.INCOMPLETE: sentence(
        "use the file with the whole chain; certbot calls it fullchain.pem"
    ),
    FaultKind.NO_NAMES: _ANEW,
    FaultKind.OTHER_NAME: sentence(
        "get a certificate for %(name)s, or write a name of the certificate in encrypted.name"
    ),
    FaultKind.NO_WILDCARD: sentence("get a certificate that is for *.%(name)s too"),
    FaultKind.ENDED: _RENEW,
    FaultKind.NOT_YET: sentence("check the clock of the copdns computer"),
    FaultKind.ENDS_SOON: _RENEW,
    FaultKind.TOO_LONG: _ANEW,
    FaultKind.SHORT_KEY: sentence("get a new certificate with a key of the kind ECDSA"),
    FaultKind.UNUSUAL_KEY: sentence("get a new certificate with a key of the kind ECDSA"),
    FaultKind.WEAK_SIGNATURE: _ANEW,
    FaultKind.NO_PURPOSE: _ANEW,
    FaultKind.OTHER_PURPOSE: _ANEW,
}
