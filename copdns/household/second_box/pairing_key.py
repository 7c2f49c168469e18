"""The key that joins a second box to the first: shown once, typed or pasted there.

    copdns-follow-BASE64URL     id (8 octets), secret (32), public key (32), check (4)

The secret seals what both say to each other; the public key tells the first box's bundles from
those of anybody else.  Pure.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final, NamedTuple

from copdns.model.errors import FollowingError

PREFIX: Final = "copdns-follow-"
ID_OCTETS: Final = 8
SECRET_OCTETS: Final = 32
_PUBLIC_OCTETS: Final = 32
_CHECK_OCTETS: Final = 4


class PairingKey(NamedTuple):
    """id: of the pairing at the first box, 16 hexadecimal digits.  secret: 32 octets that both
    have.  public: the first box's key (Ed25519), 32 octets."""

    id: str
    secret: bytes
    public: bytes

    @property
    def text(self) -> str:
        """The key as a person copies it."""
        octets = bytes.fromhex(self.id) + self.secret + self.public
        return PREFIX + base64.urlsafe_b64encode(octets + _check(octets)).decode().rstrip("=")


def parse_pairing_key(text: str) -> PairingKey:
    """Return the key of a text; raise FollowingError."""
    written = "".join(text.split())
    if not written.startswith(PREFIX):
        raise FollowingError(f"this is no key of a second box: it begins with {PREFIX}")
    body = written.removeprefix(PREFIX)
    try:
        octets = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        octets = b""
    rest, check = octets[:-_CHECK_OCTETS], octets[-_CHECK_OCTETS:]
    if len(rest) != ID_OCTETS + SECRET_OCTETS + _PUBLIC_OCTETS or check != _check(rest):
        raise FollowingError("a character of this key is missing or wrong; copy it as a whole")
    public = rest[ID_OCTETS + SECRET_OCTETS :]
    return PairingKey(rest[:ID_OCTETS].hex(), rest[ID_OCTETS:][:SECRET_OCTETS], public)


def _check(octets: bytes) -> bytes:
    return hashlib.sha256(PREFIX.encode() + octets).digest()[:_CHECK_OCTETS]
