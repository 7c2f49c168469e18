"""Seal what two boxes say to each other with the secret that both have (ChaCha20-Poly1305).

Beside HTTPS: the first box may have made its own certificate, which nobody vouches for, so whoever
stands between the two must be able neither to read nor to change what is said.  A reply belongs to
one request, so an earlier reply is refused; a request that was recorded is not taken again
(`taken_requests.py`).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from copdns.model.errors import FollowingError

NONCE: Final = 12  # octets
_HANDLE: Final = 32  # hexadecimal digits


def seal_request(secret: bytes, pairing: str, octets: bytes, nonce: bytes) -> bytes:
    """Return a sealed request.

    nonce: NONCE random octets, used once; it begins with them, and they name it in the reply.
    """
    return _seal(secret, nonce, octets, b"copdns-follow request " + pairing.encode())


def unseal_request(secret: bytes, pairing: str, sealed: bytes) -> bytes:
    """Return a request; raise FollowingError for one of somebody else."""
    return _unseal(secret, sealed, b"copdns-follow request " + pairing.encode())


def seal_reply(secret: bytes, request: bytes, octets: bytes, nonce: bytes) -> bytes:
    """Return the sealed reply to a sealed request.  nonce: NONCE random octets, used once."""
    return _seal(secret, nonce, octets, b"copdns-follow reply " + request[:NONCE])


def unseal_reply(secret: bytes, request: bytes, sealed: bytes) -> bytes:
    """Return the reply to a sealed request; raise FollowingError for one of somebody else."""
    return _unseal(secret, sealed, b"copdns-follow reply " + request[:NONCE])


def appeal_handle(private: bytes, pairing: str, appeal: str) -> str:
    """Return what a second box calls a request that it sent: nobody makes one from the id alone,
    which the permissions of a bundle have.

    private: the first box's key, 32 octets.
    """
    about = f"copdns-follow appeal {pairing} {appeal}".encode()
    return f"{appeal}-{hmac.new(private, about, hashlib.sha256).hexdigest()[:_HANDLE]}"


def read_appeal_handle(private: bytes, pairing: str, handle: str) -> str:
    """Return the id of a request; "" for a handle that was not made for this pairing."""
    appeal = handle.rpartition("-")[0]
    made = appeal_handle(private, pairing, appeal)
    return appeal if hmac.compare_digest(made.encode(), handle.encode()) else ""


def _seal(secret: bytes, nonce: bytes, octets: bytes, about: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # as in `bundle.py`

    return nonce + ChaCha20Poly1305(secret).encrypt(nonce, octets, about)


def _unseal(secret: bytes, sealed: bytes, about: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    try:
        return ChaCha20Poly1305(secret).decrypt(sealed[:NONCE], sealed[NONCE:], about)
    except (InvalidTag, ValueError):
        raise FollowingError("it was not sealed with the key of this pairing") from None
