"""A child in two homes: the file that one home gives the other, and the codes that both tell.

The file has the name, the age group and a secret of this pair of homes, encrypted with a code that
is told apart from it; the homes are not connected, and nothing else goes from one to the other.
From the secret both make the same two codes: that the other home agreed, and that it is over.
docs/two-homes.md says what that is good for.  Pure, but for the time that the encryption takes.

`cryptography` is imported where it is used: most homes need none of this.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from enum import StrEnum
from typing import Final, NamedTuple

from copdns.accounts.code_text import code_text, plain_code
from copdns.model.errors import HouseholdError
from copdns.model.household import Band

MARK: Final = "copdns-two-homes-1:"
MAX_TEXT: Final = 2000  # characters of a file
MAX_NAME: Final = 100
SALT, NONCE, SECRET = 16, 12, 16  # octets
_WORK: Final = 1 << 14  # of scrypt (RFC 7914): 16 MiB, so that small boxes manage
_CODE_OCTETS: Final = 5


class SharedChild(NamedTuple):
    """What goes from one home to the other.  secret: SECRET octets, of these two homes alone."""

    name: str
    band: Band
    secret: bytes


class HomeMessage(StrEnum):
    """What a code tells the other home."""

    AGREED = "agreed"
    ENDED = "ended"


def seal_child(child: SharedChild, code: str, drawn: bytes) -> str:
    """Return the file, one line of text.  drawn: SALT + NONCE random octets, used once."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    salt, nonce = drawn[:SALT], drawn[SALT:]
    text = json.dumps([child.name, child.band, child.secret.hex()], ensure_ascii=False)
    sealed = ChaCha20Poly1305(_key(code, salt)).encrypt(nonce, text.encode(), MARK.encode())
    return MARK + base64.urlsafe_b64encode(drawn + sealed).decode().rstrip("=")


def open_child(text: str, code: str) -> SharedChild:
    """Return what is in a file; raise HouseholdError for another file, and for a wrong code."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    octets = _octets_of("".join(text.split()))
    salt, nonce, sealed = octets[:SALT], octets[SALT : SALT + NONCE], octets[SALT + NONCE :]
    try:
        opened = ChaCha20Poly1305(_key(code, salt)).decrypt(nonce, sealed, MARK.encode())
        name, band, secret = json.loads(opened)
        child = SharedChild(" ".join(str(name).split()), Band(band), bytes.fromhex(secret))
    except InvalidTag:
        raise HouseholdError(
            "the code does not fit this file, or the file is not whole", name="code"
        ) from None
    except (ValueError, TypeError):
        raise _no_file() from None
    if not 0 < len(child.name) <= MAX_NAME or len(child.secret) != SECRET:
        raise _no_file()
    if not child.band.is_child or not child.name.isprintable():
        raise _no_file()
    return child


def message_code(secret: bytes, message: HomeMessage) -> str:
    """Return the code by which one home tells the other something, such as "K7QF-2M9D"."""
    digest = hmac.digest(secret, f"copdns two homes: {message}".encode(), "sha256")
    return code_text(int.from_bytes(digest[:_CODE_OCTETS]))


def read_message(secret: bytes, code: str) -> HomeMessage | None:
    """Return what a code tells, however it was typed; None for any other one."""
    typed = plain_code(code)
    for message in HomeMessage:
        if hmac.compare_digest(plain_code(message_code(secret, message)), typed):
            return message
    return None


def _key(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(plain_code(code), salt=salt, n=_WORK, r=8, p=1, dklen=32)


def _octets_of(text: str) -> bytes:
    if not text.startswith(MARK) or len(text) > MAX_TEXT:
        raise _no_file()
    packed = text.removeprefix(MARK)
    try:
        octets = base64.b64decode(packed + "=" * (-len(packed) % 4), "-_", validate=True)
    except (binascii.Error, ValueError):
        raise _no_file() from None
    if len(octets) <= SALT + NONCE:
        raise _no_file()
    return octets


def _no_file() -> HouseholdError:
    return HouseholdError("this is no file for a child in two homes; copy all of it", name="file")
