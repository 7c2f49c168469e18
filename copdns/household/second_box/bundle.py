"""A bundle: what a second box needs to answer as the first one does, numbered and signed.

    copdns-bundle 1 SIGNATURE\n     a line; the signature (Ed25519, RFC 8032) in base64
    {"number": ...}                 JSON, deflated (RFC 1950)

Signed are the words "copdns-bundle 1", a newline, and what follows the line, so that a signature is
good for nothing else.  docs/second-box.md says what is in it, and what is not.

`cryptography` is imported where it is used: most homes have no second box.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from copdns.model.errors import FollowingError

MAX_BUNDLE: Final = 8 << 20  # octets as they travel
MAX_WAIT: Final = 10.0  # seconds for which a request may wait for a newer bundle
MAX_KNOWN_NUMBER: Final = 1 << 53  # beyond, a follower is not believed that it has such a bundle
MAX_OPENED: Final = 64 << 20  # octets of the JSON
_MARK: Final = b"copdns-bundle 1"
_MAX_LINE: Final = 200  # octets

Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # rows by table; a row is cells by column


class FileNote(NamedTuple):
    """A file of lists or facts.  path: below the data folder.  sha256: in hexadecimal digits."""

    path: str
    octets: int
    sha256: str


class Bundle(NamedTuple):
    """number: a later bundle has a larger one.  made: epoch seconds.  household: its id.
    version: of the copdns that made it.  rows: of the household (`store/replica.py`).
    files: of lists and facts, which are fetched one by one."""

    number: int
    made: int
    household: str
    version: str
    rows: Rows
    files: tuple[FileNote, ...]


def sign_bundle(bundle: Bundle, private: bytes) -> bytes:
    """Return a bundle as it travels.  private: the key, 32 octets."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    text = json.dumps(bundle._asdict(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    payload = zlib.compress(text.encode())
    signature = Ed25519PrivateKey.from_private_bytes(private).sign(_octets_to_sign(payload))
    return b" ".join((_MARK, base64.b64encode(signature))) + b"\n" + payload


def read_bundle(octets: bytes, public: bytes) -> Bundle:
    """Return the bundle that this key signed; raise FollowingError for any other octets."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(octets) > MAX_BUNDLE:
        raise FollowingError(f"the bundle is larger than {MAX_BUNDLE >> 20} MiB")
    line, _, payload = octets.partition(b"\n")
    words = line[:_MAX_LINE].rsplit(b" ", 1)
    if words[0] != _MARK or len(words) != 2:
        raise FollowingError("this is no bundle that this version of copdns can read")
    try:
        signature = base64.b64decode(words[1], validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _octets_to_sign(payload))
    except (InvalidSignature, binascii.Error, ValueError):
        raise FollowingError(
            "the bundle is not signed with the key of the box that this one follows"
        ) from None
    try:
        return _parse(_inflate(payload))
    except (ValueError, LookupError, TypeError, RecursionError, zlib.error) as error:
        raise FollowingError(f"the bundle is signed, but not readable here ({error})") from error


def require_newer(bundle: Bundle, number: int) -> None:
    """Raise FollowingError for a bundle that is older than the one with this number."""
    if bundle.number < number:
        raise FollowingError(
            f"the bundle is older ({bundle.number}) than the one that is here ({number})"
        )


def make_signing_key() -> bytes:
    """Return a new private key, 32 octets."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key(private: bytes) -> bytes:
    """Return the public key of a private one, 32 octets."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _octets_to_sign(payload: bytes) -> bytes:
    return _MARK + b"\n" + payload


def _inflate(payload: bytes) -> bytes:
    inflating = zlib.decompressobj()
    text = inflating.decompress(payload, MAX_OPENED)
    if not inflating.eof:
        raise ValueError("it is cut off, or too large")
    return text


def _parse(text: bytes) -> Bundle:
    found = json.loads(text)
    files = tuple(FileNote(str(p), int(o), str(d)) for p, o, d in found["files"])
    rows = {str(table): list(map(dict, each)) for table, each in found["rows"].items()}
    number, made = int(found["number"]), int(found["made"])
    return Bundle(number, made, str(found["household"]), str(found["version"]), rows, files)
