"""A list whose names nobody can read: `hashed-v1`, for material that must not be written down.

The text begins with lines `key: value`, then an empty line, then one SHA-256 a line in hex, sorted.
Each is that of the salt, a NUL octet and a name in its A-label form, and stands for the name and
all below it.  A question is looked up by the hashes of itself and of the names above it, as many
labels deep as the header says.  That keeps the list from being read over a shoulder; whoever has
it and a list of names can still try each (docs/providers.md).  Pure.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from copdns.model.errors import ListError
from copdns.model.names import normalize

FORMAT: Final = "hashed-v1"
DEEPEST: Final = 6  # labels of a name that is looked up
MOST_NAMES: Final = 1_000_000
_KEYS: Final = {"format", "issuer", "version", "expires", "depth", "salt"}
_SALT = re.compile(r"(?:[0-9a-f]{2}){16,64}")
_LENGTH: Final = 32  # octets of a SHA-256
_LAST_MOMENT: Final = 253_370_764_800  # the year 9999


@dataclass(frozen=True, slots=True)
class HashedList:
    """A list, and who issued it.

    expires: seconds since 1970, from which on it holds nothing.  depth: labels of the longest name
    on it.  hashes: all of them, 32 octets each, sorted.
    """

    issuer: str
    version: str
    expires: int
    depth: int
    salt: bytes
    hashes: bytes

    def __len__(self) -> int:
        return len(self.hashes) // _LENGTH

    def has(self, qname: str, now: int) -> bool:
        """Tell whether a name, lower case and without the dot at its end, is on it or below one."""
        if now >= self.expires:
            return False
        labels = qname.split(".")
        return any(
            self._has_hash(hash_name(".".join(labels[-many:]), self.salt))
            for many in range(1, min(len(labels), self.depth) + 1)
        )

    def _has_hash(self, wanted: bytes) -> bool:
        place = bisect_left(_Rows(self.hashes), wanted)
        return self.hashes[place * _LENGTH : (place + 1) * _LENGTH] == wanted


class _Rows:
    """The hashes as a sequence, to search in."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def __len__(self) -> int:
        return len(self._octets) // _LENGTH

    def __getitem__(self, place: int) -> bytes:
        return self._octets[place * _LENGTH : (place + 1) * _LENGTH]


def hash_name(name: str, salt: bytes) -> bytes:
    """Return the hash of a name in normal form."""
    return sha256(salt + b"\0" + name.encode()).digest()


def write_hashed(names: Iterable[str], issuer: str, version: str, expires: int, salt: bytes) -> str:
    """Return the text of a list of names; raise NameTextError for what is none."""
    wanted = {normalize(each) for each in names}
    depth = max((each.count(".") + 1 for each in wanted), default=1)
    if depth > DEEPEST:
        raise ListError(f"a hashed list has names of at most {DEEPEST} labels")
    head = {
        "format": FORMAT,
        "issuer": issuer,
        "version": version,
        "expires": str(expires),
        "depth": str(depth),
        "salt": salt.hex(),
    }
    hashes = sorted(hash_name(each, salt).hex() for each in wanted)
    return "\n".join([*(f"{key}: {value}" for key, value in head.items()), "", *hashes]) + "\n"


def read_hashed(text: str, where: str) -> HashedList:
    """Return a list; raise ListError with the line that is wrong.  where: for the error."""
    head, separator, rest = text.partition("\n\n")
    values: dict[str, str] = {}
    for number, line in enumerate(head.split("\n"), 1):
        key, colon, value = line.partition(": ")
        if not colon or key not in _KEYS or key in values or not value.strip():
            raise ListError(f"{where}:{number}: not a line of a {FORMAT} header")
        values[key] = value
    if values.get("format") != FORMAT or _KEYS - values.keys() or not separator:
        raise ListError(
            f"{where}: not a whole {FORMAT} header; it needs {', '.join(sorted(_KEYS))}"
        )
    if not _SALT.fullmatch(values["salt"]):
        raise ListError(f"{where}: the salt has 16 to 64 octets in hex")
    return HashedList(
        values["issuer"],
        values["version"],
        _number(values["expires"], _LAST_MOMENT, where, "expires"),
        _number(values["depth"], DEEPEST, where, "depth"),
        bytes.fromhex(values["salt"]),
        _read_hashes(rest, where, head.count("\n") + 3),
    )


def _number(text: str, most: int, where: str, key: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 13 and 0 < int(text) <= most):
        raise ListError(f"{where}: {key} is a whole number from 1 to {most}")
    return int(text)


def _read_hashes(text: str, where: str, first: int) -> bytes:
    lines = text.split("\n")
    if lines[-1:] == [""]:
        lines.pop()
    if len(lines) > MOST_NAMES:
        raise ListError(f"{where}: more than {MOST_NAMES} hashes")
    before = ""
    for number, line in enumerate(lines, first):
        if not re.fullmatch(r"[0-9a-f]{64}", line) or line <= before:
            raise ListError(f"{where}:{number}: not a hash, or not in its order")
        before = line
    return bytes.fromhex("".join(lines))
