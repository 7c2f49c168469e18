"""A list whose names nobody can read: `hashed-v1`, for material that must not be written down.

The text begins with lines `key: value`, then an empty line, then one SHA-256 a line in hex, sorted.
Each is that of the salt, a NUL octet and a name in its A-label form, and stands for the name and
all below it.  dnsdist looks a name up by the hashes of itself and of the names above it, as many
labels deep as the header says (`plane/hashed_names.py`).  That keeps the list from being read over
a shoulder; whoever has it and a list of names can still try each.  So at rest it is sealed by the
provider's key (`seal_list`), which whoever takes the file does not have (docs/register.md).  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from copdns.model.errors import ListError

FORMAT: Final = "hashed-v1"
DEEPEST: Final = 6  # labels of a name that is looked up
MOST_NAMES: Final = 1_000_000
MOST_OCTETS: Final = 65 * MOST_NAMES + 65_536  # of a whole file
SEALED: Final = "sealed-v1"  # the first line of one that is sealed; below it stands the rest
MOST_SEALED: Final = MOST_OCTETS // 3 * 4 + 1_024  # octets, in base 64
_KEYS: Final = {"format", "issuer", "version", "expires", "depth", "salt"}
_SALT = re.compile(r"(?:[0-9a-f]{2}){16,64}")
_LENGTH: Final = 32  # octets of a SHA-256
_LAST_MOMENT: Final = 253_370_764_800  # the year 9999


@dataclass(frozen=True, slots=True)
class HashedList:
    """A list, and who issued it.

    expires: seconds since 1970, from which on it holds nothing.  depth: labels of the longest name
    on it.  hashes: all of them, 32 octets each, sorted.  checksum: SHA-256 of its text, in hex.
    """

    issuer: str
    version: str
    expires: int
    depth: int
    salt: bytes
    hashes: bytes
    checksum: str

    def __len__(self) -> int:
        return len(self.hashes) // _LENGTH

    def each_hash(self) -> Iterator[bytes]:
        """Yield its hashes, in their order."""
        for place in range(0, len(self.hashes), _LENGTH):
            yield self.hashes[place : place + _LENGTH]


def hash_name(name: str, salt: bytes) -> bytes:
    """Return the hash of a name in normal form."""
    return sha256(salt + b"\0" + name.encode()).digest()


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
        sha256(text.encode()).hexdigest(),
    )


def seal_list(text: str, where: str, seal: Callable[[str], str]) -> str:
    """Return the file of a list that is sealed; raise ListError for what is no list, or is sealed.

    seal: by the provider's key.  The checksum of the list stays that of its text.
    """
    read_hashed(text, where)
    return f"{SEALED}\n{seal(text)}\n"


def open_list(text: str, where: str, unseal: Callable[[str], str]) -> str:
    """Return the text of a file that may be sealed; raise ListError, and what `unseal` does."""
    first, _, rest = text.partition("\n")
    opened = unseal(rest.removesuffix("\n")) if first == SEALED else text
    if len(opened) > MOST_OCTETS:
        raise ListError(f"{where}: a list of hashes has at most {MOST_OCTETS} octets")
    return opened


def without_names(found: HashedList, names: Iterable[str]) -> HashedList:
    """Return a list without these names, in normal form; its checksum stays that of its text."""
    gone = {hash_name(each, found.salt) for each in names}
    return replace(found, hashes=b"".join(each for each in found.each_hash() if each not in gone))


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
