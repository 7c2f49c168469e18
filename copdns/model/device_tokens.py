"""A device's own name: a random token by which it is known wherever it asks from.  Pure.

It stands as a label before the name of the encrypted listener, which the device sends as it begins
a connection (SNI, RFC 6066 section 3), or behind the path of DNS over HTTPS:

    TOKEN.dns.example.net                      DNS over TLS, Android's Private DNS
    https://dns.example.net/dns-query/TOKEN    DNS over HTTPS

Of 128 random bits, so that nobody finds one by trying; only its digest is stored.
docs/encrypted-dns.md explains it to people.
"""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import sha256
from typing import Final

from copdns.model.addresses import USUAL_PATH
from copdns.model.errors import TextError

TOKEN_OCTETS: Final = 16
TOKEN_LENGTH: Final = 26  # characters of base32: fits a label (63), and case does not matter
MAX_TOKENS: Final = 8  # of one device
SHORT_LENGTH: Final = 8  # of a digest, as people name a token
_TOKEN: Final = re.compile(f"[a-z2-7]{{{TOKEN_LENGTH}}}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_HTTPS_PORT: Final = 443
_PATH: Final = USUAL_PATH.encode()


def token_text(octets: bytes) -> str:
    """Return a token of TOKEN_OCTETS random octets, such as "mfzwizltoq2dmnjwgy3tqojqge"."""
    return b32encode(octets).decode().rstrip("=").lower()


def is_token(text: str) -> bool:
    """Tell whether a text could be a token, in lower case."""
    return _TOKEN.fullmatch(text) is not None


def token_digest(shown: str) -> str:
    """Return what is stored of a token: 64 hexadecimal digits, whatever its case.

    shown: what a device sent as one, so any text: the work is the same for a wrong one.
    """
    return sha256(shown.lower().encode(errors="replace")).hexdigest()


def is_stored_token(text: str) -> bool:
    """Tell whether a text is a digest of `token_digest`: no address and no MAC address is."""
    return _DIGEST.fullmatch(text) is not None


def stored_token(text: str) -> str:
    """Read what a household file has of a token: its digest, since a token is shown once."""
    found = text.strip().lower()
    if not is_stored_token(found) or found == token_digest(""):  # as who shows none would be known
        raise TextError(
            "'%(written)s' is not the digest of a token, which has 64 hexadecimal digits; make "
            "a token with the command `device token add`",
            written=text,
        )
    return found


def short_token(digest: str) -> str:
    """Return how people name a token that they cannot see any more."""
    return digest[:SHORT_LENGTH]


def tls_name(name: str, token: str) -> str:
    """Return the server name that a device is told for DNS over TLS.

    name: of the encrypted listener, as `encrypted.name` has it.
    """
    return f"{token}.{name}"


def https_address(name: str, port: int, token: str) -> str:
    """Return the address that a device is told for DNS over HTTPS."""
    at = "" if port == _HTTPS_PORT else f":{port}"
    return f"https://{name}{at}{USUAL_PATH}/{token}"


def token_in_name(asked: str | None, name: str) -> str | None:
    """Return what stands before the listener's name in the name that a device asked for by SNI.

    It may be no token at all.  asked: None without SNI.  name: "" where none is set.  None: the
    device did not say that it is a certain one.
    """
    if not asked or not name:
        return None
    before, dot, rest = asked.lower().rstrip(".").rpartition(f".{name}")
    return before if dot and not rest else None


def is_token_name(qname: str, below: str) -> bool:
    """Tell whether a device looks up the server name that it was told, which has its token.

    qname: in lower case.  below: what follows a token, such as ".dns.example.net"; not "".
    """
    return qname.endswith(below) and _TOKEN.fullmatch(qname[: -len(below)]) is not None


def token_in_path(path: bytes) -> str | None:
    """Return what stands behind the path of DNS over HTTPS; None for the path without any.

    It may be no token at all.  path: without its query.  Raises ValueError for another path.
    """
    if path == _PATH:
        return None
    if not path.startswith(_PATH + b"/") or path == _PATH + b"/":
        raise ValueError(path)
    return path[len(_PATH) + 1 :].decode("ascii", "replace")


def shown_token(text: str | None, *, tokens_only: bool) -> str:
    """Return the digest by which a device is looked for; "" where its address says who asks.

    text: as `token_in_name` and `token_in_path` give it.  tokens_only: of a listener that answers
    nobody by the address; without a token one asks there as with a wrong one.  The digest is made
    in any case, so that neither takes longer than the other.
    """
    digest = token_digest(text or "")
    return digest if text is not None or tokens_only else ""
