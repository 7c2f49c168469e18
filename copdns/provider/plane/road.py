"""The road of a query on a node, in Lua: whose it is, which lists its name is on, what follows.

dnsdist runs it for each query, in each of its threads.  It looks into the tables by LMDB itself:
dnsdist's own look-ups begin a transaction each, copy keys and values, and keep them as tags.

LuaJIT compiles the way of nearly all queries, as long as three things hold.  dnsdist's handle of a
query, which it cannot convert in compiled code, is converted only where it is another one than
before.  A function without loops stands before the only loop that all queries run through.  Texts
of the tables are cut up once, and kept until their table changes.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from string import Template
from typing import Final

from copdns.model.addresses import Network
from copdns.provider.plane.name_sets import HELP, UNTRACED
from copdns.provider.plane.rows import ASKS, BY_PORT, PERSONAL, SOON, PlaneTable, table_file
from copdns.provider.plane.short_cut_layout import (
    ADDRESSES,
    ADDRESSES_FILE,
    FILTER_FILE,
    FILTER_WORDS,
    FIRST_CODE,
    NOBODY,
    PRIME,
    SHARED_CODE,
    WORD,
)
from copdns.provider.plane.snapshot import NO_CLASS, Layer

HOUSEHOLD_TLV: Final = 0xE0  # of the PROXY header to copdns: the id of the household
SOON_TTL: Final = 60  # at most, of every answer to a group whose class changes soon
FEWEST_LABELS: Final = 2  # of a name that a list can have: not a whole top-level domain
LIBRARY: Final = "liblmdb.so.0"  # which dnsdist itself has loaded

Stranger = tuple[Iterable[Network], int]  # networks, and the group of who is not known there


def road(folder: str, strangers: Iterable[Stranger]) -> Iterator[str]:
    """Yield the lines that open the tables, and the function that each query runs through."""
    yield 'local ffi = require("ffi")'
    yield f"ffi.cdef[[{_LMDB}]]"
    yield f'local lmdb = ffi.load("{LIBRARY}")'
    yield _OPEN
    yield "local opened = {"
    for table in PlaneTable:
        if table is PlaneTable.STATE:
            continue  # dnsdist looks into that one
        yield f'  {table} = open("{folder}/{table_file(table)}"),'
    addresses, names = f"{folder}/{ADDRESSES_FILE}", f"{folder}/{FILTER_FILE}"
    yield f'  addresses = map("{addresses}", {ADDRESSES * WORD}),'
    yield f'  filter = map("{names}", {FILTER_WORDS * WORD}),'
    yield "}"
    yield "-- Each thread has a Lua of its own, in which the tables that are open are numbers."
    yield f'local road = ([===[{_function(strangers)}]===]):gsub("@([a-z_]+)@", opened)'


def _function(strangers: Iterable[Stranger]) -> str:
    networks = "".join(f"\n  {line}," for each in strangers for line in _networks(*each))
    return Template(_ROAD).substitute(
        LMDB=_LMDB,
        LIBRARY=LIBRARY,
        STRANGERS=networks,
        FEWEST=FEWEST_LABELS,
        BY_PORT=BY_PORT.decode(),
        HELP=HELP,
        UNTRACED=UNTRACED,
        PERSONAL=PERSONAL,
        ASKS=ASKS,
        SOON=SOON,
        SOON_TTL=SOON_TTL,
        NO_CLASS=NO_CLASS,
        LAW=Layer.LAW,
        HOUSEHOLD_TLV=HOUSEHOLD_TLV,
        PRIME=PRIME,
        NUMBERS=(1 << 36) // FILTER_WORDS,
        NOBODY=NOBODY,
        SHARED_CODE=SHARED_CODE,
        FIRST_CODE=FIRST_CODE,
    )


def _networks(networks: Iterable[Network], group: int) -> Iterator[str]:
    """Yield each network as its octets, how many bits of them count, and the group there."""
    for network in networks:
        octets = ", ".join(map(str, network.network_address.packed))
        yield f'{{{{{octets}}}, {network.prefixlen}, "{group:03}-"}}'


_LMDB: Final = """
  typedef struct MDB_env MDB_env;
  typedef struct MDB_txn MDB_txn;
  typedef struct MDB_cursor MDB_cursor;
  typedef struct { size_t size; const uint8_t *data; } MDB_val;
  typedef struct {
    void *address; size_t map_size, last_page; long last_txn; unsigned int most_readers, readers;
  } MDB_envinfo;
  int mdb_env_create(MDB_env **);
  int mdb_env_open(MDB_env *, const char *, unsigned int, int);
  int mdb_env_info(MDB_env *, MDB_envinfo *);
  int mdb_txn_begin(MDB_env *, MDB_txn *, unsigned int, MDB_txn **);
  int mdb_txn_renew(MDB_txn *);
  void mdb_txn_reset(MDB_txn *);
  void mdb_txn_abort(MDB_txn *);
  int mdb_dbi_open(MDB_txn *, const char *, unsigned int, unsigned int *);
  int mdb_get(MDB_txn *, unsigned int, MDB_val *, MDB_val *);
  int mdb_cursor_open(MDB_txn *, unsigned int, MDB_cursor **);
  int mdb_cursor_get(MDB_cursor *, MDB_val *, MDB_val *, int);
  void mdb_cursor_close(MDB_cursor *);
  int open(const char *, int, ...);
  int close(int);
  void *mmap(void *, size_t, int, int, int, long);
"""
_OPEN: Final = """\
local function open(path)
  local env, txn, dbi = ffi.new("MDB_env*[1]"), ffi.new("MDB_txn*[1]"), ffi.new("unsigned int[1]")
  local function check(code)
    if code ~= 0 then error(path .. ": cannot be opened, LMDB says " .. code) end
  end
  check(lmdb.mdb_env_create(env))
  check(lmdb.mdb_env_open(env[0], path, 0x224000, 432))  -- NOSUBDIR, RDONLY, NOTLS
  check(lmdb.mdb_txn_begin(env[0], nil, 0x20000, txn))
  check(lmdb.mdb_dbi_open(txn[0], nil, 0, dbi))
  lmdb.mdb_txn_abort(txn[0])
  if dbi[0] ~= 1 then error(path .. ": LMDB numbers its tables otherwise") end
  return tostring(ffi.cast("uintptr_t", env[0]))
end
local function map(path, octets)
  local file = ffi.C.open(path, 0)
  local at = file >= 0 and ffi.C.mmap(nil, octets, 1, 1, file, 0)  -- to read, and shared
  if not at or at == ffi.cast("void*", -1) then error(path .. ": cannot be opened") end
  ffi.C.close(file)
  return tostring(ffi.cast("uintptr_t", at))
end"""

# Numbers between @ are filled in when dnsdist starts.
_ROAD: Final = """
  local ffi = require("ffi")
  ffi.cdef[[$LMDB]]
  local db, dq_ = ffi.load("$LIBRARY"), ffi.C
  local cast, text = ffi.cast, ffi.string
  local find_name = dq_.dnsdist_ffi_dnsquestion_get_qname_raw
  local find_address = dq_.dnsdist_ffi_dnsquestion_get_remoteaddr
  local find_port = dq_.dnsdist_ffi_dnsquestion_get_remote_port
  local tag, take = dq_.dnsdist_ffi_dnsquestion_set_tag, dq_.dnsdist_ffi_dnsquestion_set_result
  local limit_ttl = dq_.dnsdist_ffi_dnsquestion_set_max_returned_ttl
  local explain = dq_.dnsdist_ffi_dnsquestion_set_extended_dns_error
  local say = dq_.dnsdist_ffi_dnsquestion_add_proxy_protocol_values
  local restartable = dq_.dnsdist_ffi_dnsquestion_set_restartable
  local Allow, None, Pool = DNSAction.Allow, DNSAction.None, DNSAction.Pool
  local strangers = {$STRANGERS
  }

  -- What has been looked up: `value`.  A transaction is begun once in a thread and renewed.
  local key, value, info = ffi.new("MDB_val"), ffi.new("MDB_val"), ffi.new("MDB_envinfo")
  local function begin(env)
    local txn = ffi.new("MDB_txn*[1]")
    local code = db.mdb_txn_begin(cast("MDB_env*", env), nil, 0x20000, txn)
    if code ~= 0 then error("a table cannot be read, LMDB says " .. code) end
    db.mdb_txn_reset(txn[0])
    return txn[0]
  end
  local function renew(txn)
    local code = db.mdb_txn_renew(txn)
    if code ~= 0 then error("a table cannot be read, LMDB says " .. code) end
  end
  local function has(txn, at, size)
    key.data, key.size = at, size
    local code = db.mdb_get(txn, 1, key, value)
    if code ~= 0 and code ~= -30798 then
      db.mdb_txn_reset(txn)
      error("a table cannot be read, LMDB says " .. code)
    end
    return code == 0
  end
  local function look_up(txn, at, size)
    renew(txn)
    local found = has(txn, at, size) and text(value.data, value.size) or ""
    db.mdb_txn_reset(txn)
    return found
  end
  local names, subscribers = begin(@names@), begin(@subscribers@)
  local groups, verdicts = begin(@groups@), begin(@verdicts@)
  local exceptions, personal = begin(@exceptions@), begin(@personal@)
  local ports, personal_ports = begin(@ports@), begin(@personal_ports@)
  local of_groups, of_verdicts = cast("MDB_env*", @groups@), cast("MDB_env*", @verdicts@)

  -- The name in wire form and lower case, where its labels begin, and whether a table may have it
  -- or a name above it.  The number of a name above it is what is left of its own without the sum
  -- of the octets before.
  local raw, size = ffi.new("const char*[1]"), ffi.new("size_t[1]")
  local name, labels = ffi.new("uint8_t[256]"), ffi.new("uint8_t[130]")
  local before, powers = ffi.new("double[130]"), ffi.new("double[256]")
  local lower = ffi.new("uint8_t[256]")
  local power = 1
  for each = 0, 255 do
    lower[each] = (each >= 65 and each <= 90) and each + 32 or each
    powers[each] = power
    power = power * 256 % $PRIME
  end
  local filter = cast("const uint32_t*", @filter@)
  local addresses = cast("const uint32_t*", @addresses@)
  local band, bor, shift, rest = bit.band, bit.bor, bit.lshift, bit.rshift
  local floor = math.floor
  local function may_have(number)
    number = number % $PRIME
    local word = floor(number / $NUMBERS)
    local low = number - word * $NUMBERS
    local bits = bor(shift(1, low), shift(1, rest(low, 5)), shift(1, rest(low, 10)))
    return band(filter[word], bits) == bits
  end
  local function read_name(octets, index)
    local count, at, number = 0, 0, 0
    for each = 0, octets - 1 do
      local octet = lower[name[each]]
      if each == at then
        labels[count], before[count] = each, number
        count = count + 1
        at = at + octet + 1
      end
      name[each] = octet
      number = number + octet * powers[octets - 1 - each]
    end
    count = count - 1  -- the root
    -- Here, beside the filter: the processor waits for both at the same time.
    local code = index >= 0 and addresses[index] or $NOBODY
    -- The longest name that a table may have; three without a loop, in which compiled code ends.
    local first = count >= $FEWEST and may_have(number) and 0
      or count > $FEWEST and may_have(number - before[1]) and 1
      or count > $FEWEST + 1 and may_have(number - before[2]) and 2
    for each = 3, count - $FEWEST do
      if not first and may_have(number - before[each]) then first = each end
    end
    return count, first, code
  end

  -- A name is looked up from the whole of it upwards; the first entry has all.
  local function look_up_name(txn, octets, count, first)
    local found
    renew(txn)
    for each = first, count - $FEWEST do
      if has(txn, name + labels[each], octets - labels[each]) then
        found = text(value.data, value.size)
        break
      end
    end
    db.mdb_txn_reset(txn)
    return found
  end

  -- A subscriber has an IPv4 address, or an IPv6 prefix of 56 bits.
  local octets_of_address, from = 0, ffi.new("const void*[1]")
  local begins_at, width = cast("const uint8_t**", from), ffi.new("size_t[1]")
  local address = ffi.new("uint8_t[16]")
  local function read_address()
    if width[0] == 4 then
      octets_of_address = 4
      ffi.copy(address, from[0], 4)
    else
      octets_of_address = 16
      ffi.fill(address, 16)
      ffi.copy(address, from[0], 7)
    end
  end

  -- Behind carrier-grade NAT it has some ports of an address.  LMDB finds the first range that does
  -- not end before the port, also one that begins after it or is of another address; its value
  -- begins with the address and the first port, and these are compared.
  local shared, cursor = ffi.new("uint8_t[6]"), ffi.new("MDB_cursor*[1]")
  local function look_up_port(txn, dq)
    local port, found = tonumber(find_port(dq)), ""
    ffi.copy(shared, address, 4)
    shared[4], shared[5] = bit.rshift(port, 8), bit.band(port, 255)
    renew(txn)
    key.data, key.size = shared, 6
    if db.mdb_cursor_open(txn, 1, cursor) == 0 then
      if db.mdb_cursor_get(cursor[0], key, value, 17) == 0 and value.size > 6 then
        local begins = text(value.data, 6)
        local first = begins:byte(5) * 256 + begins:byte(6)
        if begins:sub(1, 4) == text(address, 4) and first <= port then
          found = text(value.data + 6, value.size - 6)
        end
      end
      db.mdb_cursor_close(cursor[0])
    end
    db.mdb_txn_reset(txn)
    return found
  end

  -- An address that no binding names gets what its tenant chose, never a family's policy.
  local function group_of_stranger()
    local at = begins_at[0]
    for _, each in ipairs(strangers) do
      local begins, bits = each[1], each[2]
      local same = #begins == tonumber(width[0])
      for number = 1, same and math.ceil(bits / 8) or 0 do
        local rest = math.max(8 * number - bits, 0)
        same = same and bit.rshift(bit.bxor(at[number - 1], begins[number]), rest) == 0
      end
      if same then return each[3] end
    end
    return ""
  end

  -- What the map of IPv4 addresses does not tell.
  local is_shared = false
  local function group_of(dq, code)
    local group = code == $SHARED_CODE and "$BY_PORT" or ""
    if octets_of_address == 16 then group = look_up(subscribers, address, 16) end
    is_shared = group == "$BY_PORT"
    if is_shared then group = look_up_port(ports, dq) end
    return group ~= "" and group or group_of_stranger()
  end

  -- Marks, then a number; of a group that is not known, the class that is always there.  A class
  -- without marks has nothing to say about names on no list.
  local function cut_class(found)
    local marks, number = found:match("^(%a*)(%d+)$$")
    marks = marks or ""
    return {
      is_plain = number ~= nil and marks == "",
      is_only_personal = number ~= nil and marks == "$PERSONAL",
      is_closing_soon = marks:find("$SOON", 1, true) ~= nil,
      is_personal = marks:find("$PERSONAL", 1, true) ~= nil,
      asks = marks:find("$ASKS", 1, true) ~= nil,
      number = number or "$NO_CLASS",
    }
  end
  local classes, classes_at = {}, -1
  local function class_of(group)
    db.mdb_env_info(of_groups, info)
    local at = tonumber(info.last_txn)
    if at ~= classes_at then classes, classes_at = {}, at end
    local class = classes[group]
    if not class then
      local row = group
      if type(group) == "number" then
        local number = group - $FIRST_CODE
        row = string.format("%03d%s", floor(number / 2), number % 2 == 1 and "$PERSONAL" or "-")
      end
      class = cut_class(look_up(groups, row, #row))
      classes[group] = class
    end
    return class
  end

  -- LAYER:CODE:TEXT; without a layer, nothing happens.
  local function cut_verdict(found)
    local done, code, about = found:match("^(%a+):(%d+):(.*)$$")
    return {done = done, code = tonumber(code), about = about, text = found}
  end
  local known, known_at = {}, -1
  local function verdict_of(class, set)
    db.mdb_env_info(of_verdicts, info)
    local at = tonumber(info.last_txn)
    if at ~= known_at then known, known_at = {}, at end
    local asked = class.number .. "|" .. set
    local verdict = known[asked]
    if not verdict then
      verdict = cut_verdict(look_up(verdicts, asked, #asked))
      known[asked] = verdict
    end
    return verdict
  end

  -- LENGTH:EXACT/BELOW differs between the name of the entry and the names below it.
  local function set_here(found, octets)
    if not found:find(":", 1, true) then return found end
    local length, exact, below = found:match("^(%d+):([^/]*)/(.*)$$")
    return tonumber(length) == octets and exact or below
  end

  -- Whose household it is, where it has rules, and somebody has one about this name, or the class
  -- cannot say all that it wants.  It is looked up as the group was: where tables change, the
  -- address may still have, or have already, a row of who has it alone.
  local function household_of(dq, class, octets, count, first)
    if not class.is_personal then return "" end
    local is_meant = class.asks or first and look_up_name(exceptions, octets, count, first)
    if not is_meant then return "" end
    if is_shared then return look_up_port(personal_ports, dq) end
    return look_up(personal, address, octets_of_address)
  end

  -- What a listed name, a closed class or rules of its own ask for.
  local values = ffi.new("dnsdist_ffi_proxy_protocol_value_t[1]")
  local function decide(dq, octets, count, first, set, class)
    if class.is_closing_soon then limit_ttl(dq, $SOON_TTL) end
    -- A host below a help name that lists may block: it is on lists, but in no cache either.
    local is_untraced = set:find("$UNTRACED", 1, true) ~= nil
    if is_untraced then tag(dq, "help", "1") end
    local verdict = verdict_of(class, set)
    -- The law comes first, then the household, then the class; the EDE says which.
    local household = ""
    if verdict.done ~= "$LAW" then household = household_of(dq, class, octets, count, first) end
    if verdict.done then tag(dq, "done", verdict.done) end
    if household ~= "" then
      values[0].value, values[0].size, values[0].type = household, #household, $HOUSEHOLD_TLV
      say(dq, 1, values)
      restartable(dq)
      tag(dq, "instead", verdict.done or "open")
      tag(dq, "household", "1")
      tag(dq, "verdict", verdict.text)
    elseif verdict.done then
      explain(dq, verdict.code, verdict.about, #verdict.about)
    elseif not is_untraced then
      return Allow
    end
    return None
  end

  -- A function without loops, so that it is compiled as one.
  local question, last = ffi.new("dnsdist_ffi_dnsquestion_t*[1]"), nil
  local function read(handle)
    if handle ~= last then
      question[0] = handle
      last = handle
    end
    find_name(question[0], raw, size)
    ffi.copy(name, raw[0], size[0])
    find_address(question[0], from, width)
    local at, index = begins_at[0], -1
    if width[0] == 4 then index = (at[0] * 256 + at[1]) * 65536 + at[2] * 256 + at[3] end
    return tonumber(size[0]), index
  end

  -- From here on the order matters: names, addresses, groups, verdicts, as they are written.
  return function(handle)
    local octets, index = read(handle)
    local count, first, code = read_name(octets, index)
    local set = first and look_up_name(names, octets, count, first)
    if set then
      set = set_here(set, octets)
      -- Help names pass, before everything that counts, limits or writes down.
      if set == "$HELP" then
        tag(question[0], "help", "1")
        take(question[0], "help", 4)
        return Pool
      end
    end
    local group = code
    if code < $FIRST_CODE then
      read_address()
      group = group_of(question[0], code)
    end
    local class = class_of(group)
    -- On no list, and nothing to say about it: the way of nearly all.
    if not set and (class.is_plain or class.is_only_personal and not first) then return Allow end
    if code >= $FIRST_CODE then
      read_address()
      is_shared = false
    end
    return decide(question[0], octets, count, first, set or "", class)
  end
"""

# Where a household's rules hold and no copdns is there, the class decides after all.
EXPLAIN: Final = """
  local ffi = require("ffi")
  local dq_ = ffi.C
  return function(dq)
    dq_.dnsdist_ffi_dnsquestion_set_tag(dq, "instead", "")
    local found = dq_.dnsdist_ffi_dnsquestion_get_tag(dq, "verdict")
    local code, about = (found == nil and "" or ffi.string(found)):match("^%a+:(%d+):(.*)$")
    if code then
      dq_.dnsdist_ffi_dnsquestion_set_extended_dns_error(dq, tonumber(code), about, #about)
    end
    return DNSAction.None
  end
"""
