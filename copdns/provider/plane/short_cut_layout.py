"""How dnsdist finds an address and a name in the short cuts beside the tables.  Pure."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final

from copdns.provider.plane.rows import BY_PORT, PERSONAL

# Files of another layout need other names: a dnsdist that still runs has these in its memory.
ADDRESSES_FILE: Final = "addresses.map"
PREFIXES_FILE: Final = "prefixes.map"
FILTER_FILE: Final = "sites.filter"
WORD: Final = 4  # octets, of the map of addresses and the filter
ADDRESSES: Final = 1 << 32  # of IPv4; nearly all of the file is a hole, and takes no memory

# An IPv6 prefix times this, modulo 2**56, is the number of its bucket and what tells it from others
# there: no two prefixes have the same product.  Below that an entry has the code of the group, so
# that one store of 64 bits changes it.  A prefix that finds its bucket full is in the table alone.
PREFIX_OCTETS: Final = 7
SPREAD_BY: Final = 0x9E_3779_B97F_4A7D
BUCKETS: Final = 1 << 19
IN_BUCKET: Final = 4
ENTRY: Final = 8  # octets
REST_BITS: Final = 8 * PREFIX_OCTETS - (BUCKETS.bit_length() - 1)
CODE_BITS: Final = 8 * ENTRY - REST_BITS

# A name's number: its first octets as four words of 64 bits, each multiplied by one of these, all
# added up and mixed, modulo 2**64.  Compiled Lua has such numbers, and no other whole ones.
HASHED: Final = 32  # octets of a name in wire form; longer ones that begin alike have one number
MULTIPLIERS: Final = (
    0x9E37_79B9_7F4A_7C15,
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
)
MIXED_BY: Final = 0xD6E8_FEB8_6659_FD93
LARGE_TO_SMALL: Final = 0x20  # of a letter; what else this makes alike is asked of the tables
_FOLDED: Final = bytes(each | LARGE_TO_SMALL for each in range(256))
_WORDS: Final = Struct("<4Q")
_MASK: Final = (1 << 64) - 1

# Words of the filter: first those of sites, which have a listed name or one below it, then those of
# names.  Three bits of a word stand for each.
SITE_WORDS: Final = 1 << 19
NAME_WORDS: Final = 1 << 20
FILTER_WORDS: Final = SITE_WORDS + NAME_WORDS
SITE_SHIFT: Final = 32 - (SITE_WORDS.bit_length() - 1)  # of the upper half of a number
NAME_SHIFT: Final = 32 - (NAME_WORDS.bit_length() - 1)

NOBODY: Final = 0  # in place of a group's code
SHARED_CODE: Final = 1  # its ports tell
FIRST_CODE: Final = 2  # of group 0 without rules of its own


@lru_cache(maxsize=100_000)
def group_code(group: bytes) -> int:
    """Return the code of a group as the table of subscribers has it."""
    if group == BY_PORT:
        return SHARED_CODE
    return FIRST_CODE + 2 * int(group[:-1]) + (group[-1:] == PERSONAL.encode())


def place_prefix(address: bytes) -> tuple[int, int]:
    """Return the first place of an IPv6 prefix's bucket, and its entry without a code."""
    product = int.from_bytes(address[:PREFIX_OCTETS]) * SPREAD_BY & (1 << 8 * PREFIX_OCTETS) - 1
    rest = product & (1 << REST_BITS) - 1
    return (product >> REST_BITS) * IN_BUCKET, rest << CODE_BITS


def name_bits(key: bytes) -> tuple[int, int]:
    """Return which word has the bits of a name in wire form, and the bits."""
    number = _number(key)
    return SITE_WORDS + (number >> 32 + NAME_SHIFT), _bits(number)


def site_bits(key: bytes) -> tuple[int, int]:
    """Return the same of the site that a name belongs to: its last two labels.

    A name with fewer is its own, about which nobody asks.
    """
    return _bits_of_site(_site(key))


@lru_cache(maxsize=1)  # names of a site often stand together
def _bits_of_site(site: bytes) -> tuple[int, int]:
    number = _number(site)
    return number >> 32 + SITE_SHIFT, _bits(number)


def _number(key: bytes) -> int:
    words: tuple[int, ...] = _WORDS.unpack(key[:HASHED].translate(_FOLDED).ljust(HASHED, b"\0"))
    first, second, third, fourth = words
    one, two, three, four = MULTIPLIERS
    number = (first * one + second * two + third * three + fourth * four) & _MASK
    return (number ^ number >> 32) * MIXED_BY & _MASK


def _bits(number: int) -> int:
    return 1 << (number >> 39 & 31) | 1 << (number >> 34 & 31) | 1 << (number >> 27 & 31)


def _site(key: bytes) -> bytes:
    before = begins = 0
    while ends := key[begins]:
        following = begins + ends + 1
        if not key[following]:
            break
        before, begins = begins, following
    return key[before:]
