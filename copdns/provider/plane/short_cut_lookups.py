"""How dnsdist looks into the short cuts, in Lua, without a loop that most queries would enter.

The text goes into `road.py`, which opens the files and reads the name and the address.  Pure.
"""

from __future__ import annotations

from string import Template
from typing import Final

from copdns.provider.plane.short_cut_layout import (
    CODE_BITS,
    HASHED,
    IN_BUCKET,
    LARGE_TO_SMALL,
    MIXED_BY,
    MULTIPLIERS,
    NAME_SHIFT,
    NOBODY,
    PREFIX_OCTETS,
    REST_BITS,
    SITE_SHIFT,
    SITE_WORDS,
    SPREAD_BY,
)


def short_cut_lookups() -> str:
    """Return the functions `find_site`, `site_may_have`, `name_may_have` and `code_of_address`."""
    one, two, three, four = map(_whole, MULTIPLIERS)
    return Template(_LOOKUPS).substitute(
        HASHED=HASHED,
        FOLD=_whole(int.from_bytes([LARGE_TO_SMALL] * 8)),
        ONE=one,
        TWO=two,
        THREE=three,
        FOUR=four,
        MIXED_BY=_whole(MIXED_BY),
        SITE_WORDS=SITE_WORDS,
        SITE_SHIFT=SITE_SHIFT,
        NAME_SHIFT=NAME_SHIFT,
        NOBODY=NOBODY,
        NO_PREFIX=64 - 8 * PREFIX_OCTETS,
        SPREAD_BY=_whole(SPREAD_BY),
        WHOLE=_whole((1 << 8 * PREFIX_OCTETS) - 1),
        REST=_whole((1 << REST_BITS) - 1),
        REST_BITS=REST_BITS,
        IN_BUCKET=IN_BUCKET,
        CODE_MASK=_whole((1 << CODE_BITS) - 1),
        CODE_BITS=CODE_BITS,
    )


def _whole(number: int) -> str:
    """Return a number of 64 bits in Lua."""
    return f"0x{number:016x}LL"


_LOOKUPS: Final = """\
  -- The name in wire form, and whether a table may have it or a name above it.  What stands behind
  -- the name does not count, and neither does the case of its letters.
  local raw, size = ffi.new("const char*[1]"), ffi.new("size_t[1]")
  local name, labels = ffi.new("uint8_t[256 + $HASHED]"), ffi.new("uint8_t[130]")
  local lower = ffi.new("uint8_t[256]")
  for each = 0, 255 do lower[each] = (each >= 65 and each <= 90) and each + 32 or each end
  local counting = ffi.new("int64_t[$HASHED + 1][4]")
  for each = 0, 32 * ($HASHED + 1) - 1 do
    if each % 32 < math.floor(each / 32) then cast("uint8_t*", counting)[each] = 255 end
  end
  local filter = cast("const int32_t*", @filter@)
  local band, bor, xor, shift, rest = bit.band, bit.bor, bit.bxor, bit.lshift, bit.rshift
  local min = math.min

  -- The upper half of a name's number, and five bits below.  It goes through no memory: compiled
  -- code reads what it read before, where a number of another width was written meanwhile.
  local function find_number(begins, octets)
    local words = cast("const int64_t*", name + begins)
    local counts = counting[min(octets - begins, $HASHED)]
    local sum = band(bor(words[0], $FOLD), counts[0]) * $ONE
      + band(bor(words[1], $FOLD), counts[1]) * $TWO
      + band(bor(words[2], $FOLD), counts[2]) * $THREE
      + band(bor(words[3], $FOLD), counts[3]) * $FOUR
    local number = xor(sum, rest(sum, 32)) * $MIXED_BY
    return tonumber(rest(number, 32)), tonumber(band(rest(number, 27), 31))
  end
  local function has_bits(word, upper, below)
    local bits = bor(shift(1, rest(upper, 7)), shift(1, rest(upper, 2)), shift(1, below))
    return band(filter[word], bits) == bits
  end
  local function site_may_have(begins, octets)
    local upper, below = find_number(begins, octets)
    return has_bits(rest(upper, $SITE_SHIFT), upper, below)
  end
  local function name_may_have(begins, octets)
    local upper, below = find_number(begins, octets)
    return has_bits($SITE_WORDS + rest(upper, $NAME_SHIFT), upper, below)
  end

  -- Where the last two labels of a name begin; nothing for one that has fewer.
  local function find_site_far(before, begins, ends)
    while name[ends] ~= 0 do before, begins, ends = begins, ends, ends + name[ends] + 1 end
    return before
  end
  local function find_site(octets)
    local before, begins = 0, name[0] + 1
    if begins >= octets - 1 then return nil end
    local ends = begins + name[begins] + 1
    if name[ends] == 0 then return before end
    before, begins, ends = begins, ends, ends + name[ends] + 1
    if name[ends] == 0 then return before end
    before, begins, ends = begins, ends, ends + name[ends] + 1
    if name[ends] == 0 then return before end
    before, begins, ends = begins, ends, ends + name[ends] + 1
    if name[ends] == 0 then return before end
    return find_site_far(before, begins, ends)
  end

  -- The code of the group of an address, $NOBODY where the short cuts have none.
  local from, width = ffi.new("const int32_t*[1]"), ffi.new("size_t[1]")
  local begins_at = cast("const uint8_t**", from)
  local addresses = cast("const int32_t*", @addresses@) + 2147483648  -- where 128.0.0.0 is
  local prefixes = cast("const int64_t*", @prefixes@)
  local function code_of_prefix()
    local prefix = rest(bit.bswap(cast("const int64_t*", from[0])[0]), $NO_PREFIX)
    local product = band(prefix * $SPREAD_BY, $WHOLE)
    local wanted = band(product, $REST)
    local bucket = prefixes + tonumber(rest(product, $REST_BITS)) * $IN_BUCKET
    local entry = bucket[0]
    if rest(entry, $CODE_BITS) == wanted then return tonumber(band(entry, $CODE_MASK)) end
    entry = bucket[1]
    if rest(entry, $CODE_BITS) == wanted then return tonumber(band(entry, $CODE_MASK)) end
    entry = bucket[2]
    if rest(entry, $CODE_BITS) == wanted then return tonumber(band(entry, $CODE_MASK)) end
    entry = bucket[3]
    if rest(entry, $CODE_BITS) == wanted then return tonumber(band(entry, $CODE_MASK)) end
    return $NOBODY
  end
  local function code_of_address()
    if width[0] ~= 4 then return code_of_prefix() end
    return addresses[xor(bit.bswap(from[0][0]), 0x80000000)]
  end"""
