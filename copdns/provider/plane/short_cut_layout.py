"""How dnsdist finds an address and a name in the two short cuts beside the tables.  Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from copdns.provider.plane.rows import BY_PORT, PERSONAL

# Files of another layout need other names: a dnsdist that still runs has these in its memory.
ADDRESSES_FILE: Final = "addresses.map"
FILTER_FILE: Final = "names.filter"
WORD: Final = 4  # octets, of both files
ADDRESSES: Final = 1 << 32  # of IPv4; nearly all of the file is a hole, and takes no memory

# A name's number: its wire form as one number of base 256, modulo a prime.  Sums of 255 octets stay
# exact in the floating point of Lua.  Three bits of a word stand for a name.
PRIME: Final = 61_803_398_903  # below 2**36, and near no power of two
FILTER_WORDS: Final = 1 << 20
_NUMBERS: Final = ((1 << 36) // FILTER_WORDS).bit_length() - 1  # bits below those of the word

NOBODY: Final = 0  # in place of a group's code
SHARED_CODE: Final = 1  # its ports tell
FIRST_CODE: Final = 2  # of group 0 without rules of its own


@lru_cache(maxsize=100_000)
def group_code(group: bytes) -> int:
    """Return the code of a group as the table of subscribers has it."""
    if group == BY_PORT:
        return SHARED_CODE
    return FIRST_CODE + 2 * int(group[:-1]) + (group[-1:] == PERSONAL.encode())


def name_bits(key: bytes) -> tuple[int, int]:
    """Return which word has the bits of a name in wire form, and the bits."""
    number = int.from_bytes(key) % PRIME
    bits = 1 << (number & 31) | 1 << (number >> 5 & 31) | 1 << (number >> 10 & 31)
    return number >> _NUMBERS, bits
