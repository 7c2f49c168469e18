"""Lists of names that nobody can read: only their hashes are published.

Authorities publish lists so whose names are no guide to what is on them.  Two forms are read:

    hashed-v1   a first line `hashed-v1 SALT`, then a line for each name: 64 hexadecimal digits, the
                SHA-256 of the salt and the name, in ASCII.  An entry covers the name and all below
                it.  Lines with `#` are comments.
    BPjM        the German list as eBlocker and home routers have it: a line for each entry with
                the MD5 of the domain, the MD5 of the path, and the path's depth, 32 hexadecimal
                digits, as many, and a number, with or without blanks between.  Only entries without
                a path (depth 0, the MD5 of "" or zeros) are about a whole site; others are counted
                as pages.  A `www.` in front of a domain makes no difference there.

A name is found by hashing it and each name above it.  What was found is told without a name: not
even the verdict shows which one it was.  Pure.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import md5, sha256
from typing import Any, Final

from copdns.lists.line import SkipReason
from copdns.model.errors import ListError
from copdns.model.names import suffixes

HIDDEN: Final = "hidden entry"  # what is told in place of a name
SHA256: Final = "sha256"
MD5: Final = "md5"
_SIZES: Final = {SHA256: 32, MD5: 16}
_HEADER: Final = re.compile(r"hashed-v1(?:[ \t]+(\S{1,128}))?[ \t]*")
_ENTRY: Final = re.compile(r"[0-9a-fA-F]{64}")
_BPJM: Final = re.compile(r"([0-9a-fA-F]{32})[\s;,]*([0-9a-fA-F]{32})?[\s;,]*([0-9]{1,3})?")
_NO_PATH: Final = frozenset({"", "0" * 32, md5(b"", usedforsecurity=False).hexdigest()})


@dataclass(frozen=True, slots=True)
class HashedNames:
    """Sorted hashes in a row, each of the size of its algorithm.  salt: put in front of a name."""

    algorithm: str = SHA256
    salt: str = ""
    octets: bytes = b""

    def __len__(self) -> int:
        return len(self.octets) // _SIZES[self.algorithm]

    def __contains__(self, name: str) -> bool:
        """Tell whether the hash of a name is in the list."""
        if self.algorithm == MD5:
            wanted = _md5_of(name)
        else:
            wanted = sha256(f"{self.salt}{name}".encode()).digest()
        size, low, high = len(wanted), 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.octets[middle * size : (middle + 1) * size] < wanted:
                low = middle + 1
            else:
                high = middle
        return self.octets[low * size : (low + 1) * size] == wanted

    def covers(self, qname: str) -> bool:
        """Tell whether a name or one above it is in the list."""
        return any(each in self for each in suffixes(qname))

    def without(self, names: Iterable[str]) -> HashedNames:
        """Return the hashes but for those of some names."""
        unwanted = hashed_names(names, self.salt, self.algorithm).octets
        size = _SIZES[self.algorithm]
        left_out = {unwanted[at : at + size] for at in range(0, len(unwanted), size)}
        own = [self.octets[at : at + size] for at in range(0, len(self.octets), size)]
        kept = [each for each in own if each not in left_out]
        return self if len(kept) == len(own) else replace(self, octets=b"".join(kept))

    @property
    def texts(self) -> Iterator[str]:
        """Yield the hashes as hexadecimal digits."""
        size = _SIZES[self.algorithm]
        for at in range(0, len(self.octets), size):
            yield self.octets[at : at + size].hex()

    def as_json(self) -> list[str]:
        """Return the algorithm, the salt, and all hashes one after the other in base64."""
        return [self.algorithm, self.salt, b64encode(self.octets).decode()]


def _md5_of(name: str) -> bytes:
    """Return the hash of a domain in the German list, which leaves out `www.`."""
    return md5(name.removeprefix("www.").encode(), usedforsecurity=False).digest()


NO_HASHES: Final = HashedNames()


def hashes_from(found: Any) -> HashedNames:
    """Return the hashes that `as_json` made values for JSON of."""
    algorithm, salt, octets = found
    if algorithm not in _SIZES:
        raise ValueError(f"{algorithm} is no algorithm of hashes")
    return HashedNames(algorithm, salt, b64decode(octets))


def hashed_names(names: Iterable[str], salt: str = "", algorithm: str = SHA256) -> HashedNames:
    """Return names in normal form as their hashes."""
    if algorithm == MD5:
        return HashedNames(MD5, "", b"".join(sorted({_md5_of(each) for each in names})))
    found = {sha256(f"{salt}{each}".encode()).digest() for each in names}
    return HashedNames(SHA256, salt, b"".join(sorted(found)))


def read_hashes(text: str) -> tuple[HashedNames, Mapping[SkipReason, int]]:
    """Return the hashes of a list, and how many lines are not used, by reason.

    Raises ListError for a text that is neither form.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("#", ";", "!"))]
    header = _HEADER.fullmatch(lines[0]) if lines else None
    if header is not None:
        return _read_v1(lines[1:], header[1] or "")
    if lines and not _BPJM.fullmatch(lines[0]):
        raise ListError("this is no list of hashes; it begins with hashed-v1, or is the BPjM's")
    return _read_bpjm(lines)


def _read_v1(lines: list[str], salt: str) -> tuple[HashedNames, Mapping[SkipReason, int]]:
    unused: Counter[SkipReason] = Counter()
    found = []
    for line in lines:
        if _ENTRY.fullmatch(line):
            found.append(bytes.fromhex(line))
        else:
            unused[SkipReason.SYNTAX] += 1
    return HashedNames(SHA256, salt, _row_of(found, unused)), unused


def _read_bpjm(lines: list[str]) -> tuple[HashedNames, Mapping[SkipReason, int]]:
    unused: Counter[SkipReason] = Counter()
    found = []
    for line in lines:
        entry = _BPJM.fullmatch(line)
        if entry is None:
            unused[SkipReason.SYNTAX] += 1
        elif (entry[2] or "").lower() not in _NO_PATH or int(entry[3] or 0):
            unused[SkipReason.PAGE] += 1
        else:
            found.append(bytes.fromhex(entry[1]))
    return HashedNames(MD5, "", _row_of(found, unused)), unused


def _row_of(found: list[bytes], unused: Counter[SkipReason]) -> bytes:
    once = sorted(set(found))
    if len(once) < len(found):
        unused[SkipReason.DUPLICATE] += len(found) - len(once)
    return b"".join(once)
