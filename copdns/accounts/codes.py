"""Draw random codes, which people read aloud and type, and secrets, which programs store.

Of tickets, codes of accounts and secrets only the digests made here are stored.
"""

from __future__ import annotations

import secrets
from hashlib import pbkdf2_hmac, sha256
from typing import NamedTuple

from copdns.accounts.code_text import LETTERS, plain_code
from copdns.accounts.other_home import NONCE, SALT, SECRET, SharedChild, seal_child
from copdns.model.device_tokens import TOKEN_OCTETS, token_text
from copdns.model.household import Band

_ROUNDS = 20_000

ACCOUNT_CODE = "account"  # the kind of one-time codes, for `code_digest`


def make_appeal_code() -> str:
    """Return a new code for a recent block, such as "K7QF-2M9D": 40 random bits."""
    return _code()


def make_appeal_id() -> str:
    """Return a new id for an appeal, such as "k7qf2m9d"; random, so that none can be guessed."""
    return _code().replace("-", "").lower()


def make_ticket_code() -> str:
    """Return a new code that a child redeems for minutes, such as "7K3M-PQ9T": 40 random bits.

    It is shown once; only its `ticket_digest` is stored.
    """
    return _code()


class ChildFile(NamedTuple):
    """What one home makes for a child who lives in another one, too.

    secret: of these two homes alone.  code: opens the file, such as "5M2R-9KTD": 40 bits.
    text: the file, one line.
    """

    secret: bytes
    code: str
    text: str


def make_child_file(name: str, band: Band) -> ChildFile:
    """Return a new file; encrypting it takes a part of a second (`seal_child`)."""
    secret, code = secrets.token_bytes(SECRET), _code()
    text = seal_child(SharedChild(name, band, secret), code, secrets.token_bytes(SALT + NONCE))
    return ChildFile(secret, code, text)


def make_one_time_code() -> str:
    """Return a new code that opens an account once, such as "9T3K-7M2Q": 40 random bits."""
    return _code()


def make_recovery_code() -> str:
    """Return a new code that replaces the second factor once: 40 random bits."""
    return _code()


def make_family_code() -> str:
    """Return a new code of a provider's household, such as "9T3K-7M2Q-4XPA": 60 random bits.

    Among a million of them a guess finds one with a chance of one in a million millions.
    """
    return f"{_code()}-{_code()[:4]}"


def family_code_key(code: str) -> str:
    """Return a household's code as it is stored, however it was typed; "" for what is none."""
    meant = plain_code(code).decode(errors="replace")
    is_code = len(meant) == 12 and meant.isascii() and meant.isalnum()
    return "-".join(meant[at : at + 4] for at in (0, 4, 8)) if is_code else ""


def make_nonce(octets: int) -> bytes:
    """Return random octets that are used once."""
    return secrets.token_bytes(octets)


def make_pairing_secret() -> bytes:
    """Return the id and the secret of a new pairing of two boxes: 40 random octets."""
    return secrets.token_bytes(40)


def make_bundle_step() -> int:
    """Return by how much the number of the next bundle is larger: 1 to 2^20, drawn at random.

    So a database of an earlier time does not come to a number that was given before.
    """
    return 1 + secrets.randbelow(1 << 20)


def ticket_digest(code: str) -> str:
    """Return the digest of a ticket's code, however it was typed."""
    return code_digest(code, "ticket")


def code_digest(code: str, kind: str) -> str:
    """Return the digest of a code, however it was typed: 64 hexadecimal digits.

    Case, blanks and dashes do not count; O is 0, I and L are 1.  All codes of a kind share a salt,
    since a code is found by its digest.  Codes are random, so a dictionary does not help, and at
    some 10 ms a guess nobody tries all 40 bits against a copy of the database.
    """
    return pbkdf2_hmac("sha256", plain_code(code), f"copdns {kind}".encode(), _ROUNDS).hex()


def make_secret() -> str:
    """Return 256 new random bits for a cookie or a token, as 43 characters that need no quoting."""
    return secrets.token_urlsafe(32)


def secret_digest(secret: str) -> str:
    """Return the digest that is stored of a secret from `make_secret`.

    Nobody can try 256 random bits through, so one round of SHA-256 is enough.
    """
    return sha256(secret.encode(errors="replace")).hexdigest()


def make_device_token() -> str:
    """Return a new token by which a device is recognised: 128 random bits (`device_tokens.py`).

    It is shown once; only its `token_digest` is stored.
    """
    return token_text(secrets.token_bytes(TOKEN_OCTETS))


def make_short_id() -> str:
    """Return a new id that says nothing and need not be secret: 10 characters, 50 random bits."""
    return "".join(secrets.choice(LETTERS) for _ in range(10)).lower()


def _code() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"
