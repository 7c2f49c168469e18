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

from copdns.network.certificate_faults import Fault, FaultKind, Reader

MAX_DAYS = 398  # that Apple's devices take of an authority that came with them
SOON = timedelta(days=7)  # an authority's program renews weeks before the end
MIN_BITS = 2048  # of an RSA key
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
                return way, (Fault(FaultKind.SELF_SIGNED, {}),)
            return way, (Fault(FaultKind.UNKNOWN_AUTHORITY, {"authority": _subject(last)}),)
        above = next((each for each in left if _has_signed(each, last)), None)
        if above is None:
            authority = last.issuer.rfc4514_string()
            return way, (Fault(FaultKind.INCOMPLETE, {"authority": authority}),)
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


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


# --- name and dates -------------------------------------------------------------------------------


def _name_faults(own: x509.Certificate, expected: Expected) -> Iterator[Fault]:
    names, name = names_of(own), expected.name
    if not names:
        yield Fault(FaultKind.NO_NAMES, {})
        return
    if name and not covers(names, name):
        yield Fault(FaultKind.OTHER_NAME, {"name": name, "names": ", ".join(names)})
    if name and expected.wildcard and f"*.{name}" not in names:
        yield Fault(FaultKind.NO_WILDCARD, {"name": name})


def _date_faults(way: Sequence[x509.Certificate], now: datetime) -> Iterator[Fault]:
    end = min(each.not_valid_after_utc for each in way)
    start = max(each.not_valid_before_utc for each in way)
    if now > end:
        yield Fault(FaultKind.ENDED, {"day": f"{end:%Y-%m-%d}"})
    elif now > end - SOON:
        yield Fault(FaultKind.ENDS_SOON, {"day": f"{end:%Y-%m-%d}"}, ())
    if now < start:
        yield Fault(FaultKind.NOT_YET, {"day": f"{start:%Y-%m-%d}"})


def _length_faults(own: x509.Certificate) -> Iterator[Fault]:
    lasts = own.not_valid_after_utc - own.not_valid_before_utc
    if lasts > timedelta(days=MAX_DAYS):
        yield Fault(FaultKind.TOO_LONG, {"days": lasts.days, "most": MAX_DAYS}, (Reader.APPLE,))


# --- key, signature, purpose ----------------------------------------------------------------------


def _key_faults(own: x509.Certificate) -> Iterator[Fault]:
    key = own.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_BITS:
            values = {"bits": key.key_size, "least": MIN_BITS}
            yield Fault(FaultKind.SHORT_KEY, values, (Reader.APPLE,))
        return
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, _CURVES):
        yield Fault(FaultKind.UNUSUAL_KEY, {})


def _signature_faults(way: Sequence[x509.Certificate]) -> Iterator[Fault]:
    for each in way:
        digest = each.signature_hash_algorithm
        if digest is not None and digest.name in {"md5", "sha1"}:
            yield Fault(FaultKind.WEAK_SIGNATURE, {"digest": digest.name.upper()})
            return


def _purpose_faults(own: x509.Certificate) -> Iterator[Fault]:
    try:
        found = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        yield Fault(FaultKind.NO_PURPOSE, {}, (Reader.APPLE,))
        return
    if ExtendedKeyUsageOID.SERVER_AUTH not in found:
        yield Fault(FaultKind.OTHER_PURPOSE, {})
