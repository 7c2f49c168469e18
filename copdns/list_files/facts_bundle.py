"""A facts bundle: one file with numbered facts and a signature (Ed25519, RFC 8032).

    copdns-facts 1 KEY SIGNATURE     a line: the key's name and the signature in base64
    {"facts":...}                    the facts in their canonical form (`lists/facts.py`)

Signed are the words "copdns-facts 1", a newline, and the canonical form, so that a signature is
good for nothing else.  docs/facts.md explains it to people.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from copdns.lists.facts import FactSet, read_canonical
from copdns.model.errors import FactsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAX_BUNDLE: Final = 2 << 20  # octets; those that ship take 200 KB
_MARK: Final = b"copdns-facts 1"
_MAX_HEADER: Final = 200  # octets


def key_name(public: bytes) -> str:
    """Return what a bundle calls a public key: the beginning of its digest."""
    return hashlib.sha256(public).hexdigest()[:16]


def read_bundle(octets: bytes, keys: Iterable[str]) -> FactSet:
    """Return the facts of a bundle that one of these keys signed; raise FactsError.

    keys: public ones, as 64 hexadecimal digits.
    """
    # Imported here: it takes a while, and most starts read no bundle.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(octets) > MAX_BUNDLE:
        raise FactsError(f"it is larger than {MAX_BUNDLE >> 20} MiB")
    header, _, payload = octets[:_MAX_HEADER].partition(b"\n")
    payload = octets[len(header) + 1 :]
    words = header.split(b" ")
    if len(words) != 4 or b" ".join(words[:2]) != _MARK:
        raise FactsError("it is no facts bundle")
    by_name = {key_name(bytes.fromhex(each)): bytes.fromhex(each) for each in keys}
    public = by_name.get(words[2].decode("ascii", "replace"))
    if public is None:
        raise FactsError("it is signed with a key that this copdns does not know")
    try:
        signature = base64.b64decode(words[3], validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed_octets(payload))
    except (InvalidSignature, binascii.Error, ValueError):
        raise FactsError("its signature is wrong") from None
    return read_canonical(payload)


def sign_bundle(facts: FactSet, key: Ed25519PrivateKey) -> bytes:
    """Return the bundle; the same facts and key give the same octets."""
    payload = facts.canonical()
    name = key_name(key.public_key().public_bytes_raw()).encode()
    signature = base64.b64encode(key.sign(signed_octets(payload)))
    return b" ".join((_MARK, name, signature)) + b"\n" + payload


def signed_octets(payload: bytes) -> bytes:
    """Return what a signature is about."""
    return _MARK + b"\n" + payload
