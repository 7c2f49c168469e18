"""Look at a certificate of encrypted DNS as a phone, a computer or a browser does.

That is: the way to an authority that they know, the name, the dates, the key and what it is for.
Pure: who looks gives the certificates, the authorities and the time.  The library takes 10 MB, so
the running program does not import this; a process of its own does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from copdns.model.sentences import sentence
from copdns.network.certificate_faults import Fault, FaultKind, Reader

MAX_DAYS = 398  # that Apple's devices take of an authority that came with them
SOON = timedelta(days=7)  # an authority's program renews weeks before the end
MIN_BITS = 2048  # of an RSA key
_UNSIGNED = sentence("no authority has signed the certificate")
_ANEW = sentence("get a new certificate from an authority that devices know, such as Let's Encrypt")
_WHOLE = sentence("use the file with the whole chain; certbot calls it fullchain.pem")
_RENEW = sentence("see why the program that renews it has not done so, such as certbot or acme.sh")
_OTHER_KEY = sentence("get a new certificate with a key of the kind ECDSA")
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


class Expected(NamedTuple):
    """What a certificate should be.

    name: that devices are told; "" for none, which then is not compared.
    wildcard: for names of devices below it too.  now: aware.
    """

    name: str
    wildcard: bool
    now: datetime


def find_faults(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], expected: Expected
) -> tuple[Fault, ...]:
    """Return what devices refuse.

    chain: as the server sends it, its own certificate first; at least one.
    roots: of the authorities that devices know.
    """
    own = chain[0]
    way, end = _follow(chain, roots)
    return (
        *end,
        *_name_faults(own, expected),
        *_date_faults(way, expected.now),
        *_length_faults(own),
        *_key_faults(own),
        *_signature_faults(way),
        *_purpose_faults(own),
    )


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names that a certificate is for, in lower case; no device reads its subject
    (RFC 9525 section 2)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(each.lower() for each in found.value.get_values_for_type(x509.DNSName))


def covers(names: Sequence[str], name: str) -> bool:
    """Tell whether one of these names is that of a server, or `*` and what is behind its first
    label (RFC 9525 section 6.3)."""
    _, _, above = name.lower().partition(".")
    return name.lower() in names or (bool(above) and f"*.{above}" in names)


# --- the way to an authority ----------------------------------------------------------------------


def _follow(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> tuple[list[x509.Certificate], tuple[Fault, ...]]:
    """Return the certificates on the way to an authority, without its own, and why it is none."""
    way, left = [chain[0]], list(chain[1:])
    while True:
        last = way[-1]
        if any(_has_signed(each, last) for each in roots):
            return way, ()
        if last.issuer == last.subject:
            if len(way) == 1:
                return way, (Fault(FaultKind.SELF_SIGNED, _UNSIGNED, _ANEW),)
            said = sentence(
                "the certificate is signed by %(authority)s, which devices do not know",
                authority=last.subject.rfc4514_string(),
            )
            return way, (Fault(FaultKind.UNKNOWN_AUTHORITY, said, _ANEW),)
        above = next((each for each in left if _has_signed(each, last)), None)
        if above is None:
            said = sentence(
                "the file does not lead to an authority that devices know: the certificate of "
                "%(authority)s is not in it",
                authority=last.issuer.rfc4514_string(),
            )
            return way, (Fault(FaultKind.INCOMPLETE, said, _WHOLE),)
        left.remove(above)
        way.append(above)


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    if authority.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


# --- name and dates -------------------------------------------------------------------------------


def _name_faults(own: x509.Certificate, expected: Expected) -> Iterator[Fault]:
    names, name = names_of(own), expected.name
    if not names:
        said = sentence("the certificate has no name that devices read")
        yield Fault(FaultKind.NO_NAMES, said, _ANEW)
        return
    if name and not covers(names, name):
        yield Fault(
            FaultKind.OTHER_NAME,
            sentence(
                "the certificate is for %(names)s, not for %(name)s",
                names=", ".join(names),
                name=name,
            ),
            sentence(
                "get a certificate for %(name)s, or write a name of the certificate in "
                "encrypted.name",
                name=name,
            ),
        )
    if name and expected.wildcard and f"*.{name}" not in names:
        yield Fault(
            FaultKind.NO_WILDCARD,
            sentence(
                "the certificate is not for the names of devices, which end in %(name)s", name=name
            ),
            sentence("get a certificate that is for *.%(name)s too", name=name),
        )


def _date_faults(way: Sequence[x509.Certificate], now: datetime) -> Iterator[Fault]:
    end = min(each.not_valid_after_utc for each in way)
    start = max(each.not_valid_before_utc for each in way)
    if now > end:
        said = sentence("the certificate ended on %(day)s", day=f"{end:%Y-%m-%d}")
        yield Fault(FaultKind.ENDED, said, _RENEW)
    elif now > end - SOON:
        said = sentence("the certificate ends on %(day)s", day=f"{end:%Y-%m-%d}")
        yield Fault(FaultKind.ENDS_SOON, said, _RENEW, ())
    if now < start:
        said = sentence("the certificate is not valid before %(day)s", day=f"{start:%Y-%m-%d}")
        yield Fault(FaultKind.NOT_YET, said, sentence("check the clock of the copdns computer"))


def _length_faults(own: x509.Certificate) -> Iterator[Fault]:
    lasts = own.not_valid_after_utc - own.not_valid_before_utc
    if lasts > timedelta(days=MAX_DAYS):
        said = sentence(
            "the certificate is valid for %(days)s days, and %(most)s are allowed",
            days=lasts.days,
            most=MAX_DAYS,
        )
        yield Fault(FaultKind.TOO_LONG, said, _ANEW, (Reader.APPLE,))


# --- key, signature, purpose ----------------------------------------------------------------------


def _key_faults(own: x509.Certificate) -> Iterator[Fault]:
    key = own.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_BITS:
            said = sentence(
                "the key has %(bits)s bits, and %(least)s are needed",
                bits=key.key_size,
                least=MIN_BITS,
            )
            yield Fault(FaultKind.SHORT_KEY, said, _OTHER_KEY, (Reader.APPLE,))
        return
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, _CURVES):
        said = sentence("devices do not know this kind of key")
        yield Fault(FaultKind.UNUSUAL_KEY, said, _OTHER_KEY)


def _signature_faults(way: Sequence[x509.Certificate]) -> Iterator[Fault]:
    for each in way:
        digest = each.signature_hash_algorithm
        if digest is not None and digest.name in {"md5", "sha1"}:
            said = sentence(
                "the certificate is signed with %(digest)s, which is weak",
                digest=digest.name.upper(),
            )
            yield Fault(FaultKind.WEAK_SIGNATURE, said, _ANEW)
            return


def _purpose_faults(own: x509.Certificate) -> Iterator[Fault]:
    try:
        found = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        said = sentence("the certificate does not say that it is for a server")
        yield Fault(FaultKind.NO_PURPOSE, said, _ANEW, (Reader.APPLE,))
        return
    if ExtendedKeyUsageOID.SERVER_AUTH not in found:
        said = sentence("the certificate is for something else than a server")
        yield Fault(FaultKind.OTHER_PURPOSE, said, _ANEW)
