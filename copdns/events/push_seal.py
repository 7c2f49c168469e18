"""python -m copdns.events.push_seal: encrypt and sign messages for browsers, or make the keys.

A process of its own: the library takes 10 MB, and most machines send none.  Standard input has
JSON: {"make": true}, or keys, contact, now and messages; standard output has the result as JSON.
It sends nothing: `push_sender.py` does.

Not pywebpush, which would do all of it: it brings a second HTTP client and four packages more, one
of which has to be built.  RFC 8291 and 8292 are what follows here, over `cryptography`, which
copdns has for its certificate; tests/unit/events/test_push_seal.py compares it with the example of
RFC 8291 and with an independent library.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from copdns.model.push import PushBrowser, PushKeys, read_octets, write_octets

RECORD = 4096  # octets: of the one record that a message is (RFC 8291 section 4)
PADDED = 1024  # octets of each text: its length tells nobody what it says
SIGNED_FOR = 12 * 3600  # seconds; at most 24 hours (RFC 8292 section 2)
_CURVE = ec.SECP256R1()


class SealedMessage(NamedTuple):
    """What is sent to a push service.  body: in base64url.  authorization: the header's value."""

    body: str
    authorization: str


def seal(
    text: bytes,
    browser: PushBrowser,
    own: ec.EllipticCurvePrivateKey,
    salt: bytes,
    padded: int = PADDED,
) -> bytes:
    """Return a text as only the browser can read it (RFC 8291 section 3.4, RFC 8188 section 2).

    own: a key for this message alone.  salt: 16 random octets.  padded: at least so many octets are
    encrypted, so that short texts are as long as others.  Raises ValueError for a point that is
    not on the curve.
    """
    theirs, secret = read_octets(browser.p256dh), read_octets(browser.auth)
    public = own.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, theirs))
    key = _derive(shared, secret, b"WebPush: info\0" + theirs + public, 32)
    cipher = AESGCM(_derive(key, salt, b"Content-Encoding: aes128gcm\0", 16))
    nonce = _derive(key, salt, b"Content-Encoding: nonce\0", 12)
    record = text + b"\2" + bytes(max(0, padded - len(text)))  # 2: the last record
    head = salt + RECORD.to_bytes(4) + len(public).to_bytes(1) + public
    return head + cipher.encrypt(nonce, record, None)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def sign(endpoint: str, keys: PushKeys, contact: str, now: int) -> str:
    """Return the header by which a push service knows who sends (RFC 8292 sections 2 and 3).

    contact: a mailto: or https: URL; "" for none.  now: seconds since the epoch.
    """
    parts = urlsplit(endpoint)
    claims: dict[str, object] = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": now + SIGNED_FOR,
    }
    if contact:
        claims["sub"] = contact
    said = ".".join(_as_json(each) for each in ({"typ": "JWT", "alg": "ES256"}, claims))
    key = ec.derive_private_key(int.from_bytes(read_octets(keys.private)), _CURVE)
    pair = decode_dss_signature(key.sign(said.encode(), ec.ECDSA(hashes.SHA256())))
    # JWS has both numbers one after the other, 32 octets each (RFC 7518 section 3.4).
    signature = write_octets(b"".join(each.to_bytes(32) for each in pair))
    return f"vapid t={said}.{signature}, k={keys.public}"


def _as_json(value: object) -> str:
    return write_octets(json.dumps(value, separators=(",", ":")).encode())


def make_keys() -> PushKeys:
    """Return new keys."""
    key = ec.generate_private_key(_CURVE)
    public = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    private = key.private_numbers().private_value.to_bytes(32)
    return PushKeys(write_octets(private), write_octets(public))


def _answer(wanted: dict[str, Any]) -> object:
    if "make" in wanted:
        return make_keys()._asdict()
    browser = PushBrowser(*wanted["browser"])
    keys = PushKeys(*wanted["keys"])
    own = ec.generate_private_key(_CURVE)
    body = seal(wanted["text"].encode(), browser, own, os.urandom(16))
    header = sign(browser.endpoint, keys, wanted["contact"], wanted["now"])
    return SealedMessage(write_octets(body), header)._asdict()


if __name__ == "__main__":
    json.dump(_answer(json.load(sys.stdin)), sys.stdout)
