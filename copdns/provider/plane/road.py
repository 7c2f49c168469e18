"""The road of a query on a node, in Lua: whose it is, which lists its name is on, what follows.

dnsdist runs it for each query, in each of its threads.  It looks into the tables by LMDB itself:
dnsdist's own look-ups begin a transaction each, copy keys and values, and keep them as tags.

LuaJIT compiles the way of nearly all queries, as long as three things hold.  dnsdist's handle of a
query, which it cannot convert in compiled code, is converted only where it is another one than
before.  There is no loop on that way.  Texts of the tables are cut up once, and kept until their
table changes.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from string import Template
from typing import Final

from copdns.model.addresses import Network
from copdns.provider.plane.block_answers import block_answers
from copdns.provider.plane.block_counts import count_blocks
from copdns.provider.plane.lmdb_in_lua import LIBRARY, LMDB, OPEN_TABLES
from copdns.provider.plane.name_sets import HELP, UNTRACED
from copdns.provider.plane.response_road import response_parts
from copdns.provider.plane.rows import ASKS, BY_PORT, PERSONAL, SOON, PlaneTable, table_file
from copdns.provider.plane.short_cut_layout import (
    ADDRESSES,
    ADDRESSES_FILE,
    BUCKETS,
    ENTRY,
    FILTER_FILE,
    FILTER_WORDS,
    FIRST_CODE,
    IN_BUCKET,
    NOBODY,
    PREFIXES_FILE,
    SHARED_CODE,
    WORD,
)
from copdns.provider.plane.short_cut_lookups import short_cut_lookups
from copdns.provider.plane.snapshot import NO_CLASS, Layer
from copdns.provider.plane.token_road import NO_TOKENS, RoadParts, token_parts
from copdns.provider.plane.verdicts import SAFE_SEARCH

HOUSEHOLD_TLV: Final = 0xE0  # of the PROXY header to copdns: the id of the household
SOON_TTL: Final = 60  # at most, of every answer to a group whose class changes soon
MOST_SETS: Final = 4096  # names of listed sites that each thread of dnsdist remembers
FEWEST_LABELS: Final = 2  # of a name that a list can have: not a whole top-level domain

Stranger = tuple[Iterable[Network], int]  # networks, and the group of who is not known there


def road(folder: str, strangers: Sequence[Stranger], below: str | None = None) -> Iterator[str]:
    """Yield the lines that open the tables, and the functions of queries and of responses.

    below: also yield the one for queries that may show a token; what follows one in a server name,
    such as ".dns.example.net", "" for no name; None where nothing is encrypted.
    """
    yield 'local ffi = require("ffi")'
    yield f"ffi.cdef[[{LMDB}]]"
    yield f'local lmdb = ffi.load("{LIBRARY}")'
    yield OPEN_TABLES
    yield "local opened = {"
    for table in PlaneTable:
        if table is PlaneTable.STATE:
            continue  # dnsdist looks into that one
        yield f'  {table} = open("{folder}/{table_file(table)}"),'
    for name, file, octets in (
        ("addresses", ADDRESSES_FILE, ADDRESSES * WORD),
        ("prefixes", PREFIXES_FILE, BUCKETS * IN_BUCKET * ENTRY),
        ("filter", FILTER_FILE, FILTER_WORDS * WORD),
    ):
        yield f'  {name} = map("{folder}/{file}", {octets}),'
    yield "}"
    yield "-- Each thread has a Lua of its own, in which the tables that are open are numbers."
    text = _function(strangers, NO_TOKENS, own_lua=True)
    yield f'local road = ([===[{text}]===]):gsub("@([a-z_]+)@", opened)'
    yield "-- Responses go through the one Lua of this file."
    text = _function(strangers, response_parts(), own_lua=False)
    yield f'local response_road = ([===[{text}]===]):gsub("@([a-z_]+)@", opened)'
    yield "local look_inside = loadstring(response_road)()"
    if below is not None:
        text = _function(strangers, token_parts(below), own_lua=True)
        yield "-- The same for what comes encrypted, with what a device shows as its token."
        yield f'local token_road = ([===[{text}]===]):gsub("@([a-z_]+)@", opened)'


def _function(strangers: Iterable[Stranger], parts: RoadParts, *, own_lua: bool) -> str:
    """Return a function.  own_lua: whether it is the first in its Lua that needs these types."""
    networks = "".join(f"\n  {line}," for each in strangers for line in _networks(*each))
    return Template(_ROAD).substitute(
        TYPES=f"\n  ffi.cdef[[{LMDB}]]" if own_lua else "",
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
        SAFE_SEARCH=SAFE_SEARCH,
        LAW=Layer.LAW,
        SECURITY=Layer.SECURITY,
        BLOCKS=block_answers(),
        COUNTS=count_blocks(),
        HOUSEHOLD_TLV=HOUSEHOLD_TLV,
        SHORT_CUTS=short_cut_lookups(),
        NOBODY=NOBODY,
        SHARED_CODE=SHARED_CODE,
        FIRST_CODE=FIRST_CODE,
        MOST_SETS=MOST_SETS,
        FORCED=parts.forced,
        IS_FORCED=parts.is_forced,
        SAID=parts.said,
        BEGIN=parts.begin,
    )


def _networks(networks: Iterable[Network], group: int) -> Iterator[str]:
    """Yield each network as its octets, how many bits of them count, and the group there."""
    for network in networks:
        octets = ", ".join(map(str, network.network_address.packed))
        yield f'{{{{{octets}}}, {network.prefixlen}, "{group:03}-"}}'


# Numbers between @ are filled in when dnsdist starts.
_ROAD: Final = """
  local ffi = require("ffi")$TYPES
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
  local of_names = cast("MDB_env*", @names@)

$SHORT_CUTS
  -- A name of a site that may be listed: in lower case, its labels, and the longest that may be.
  local function read_name(octets)
    local count, at, first = 0, 0, nil
    for each = 0, octets - 1 do
      local octet = lower[name[each]]
      name[each] = octet
      if each == at then
        labels[count] = each
        count = count + 1
        at = at + octet + 1
      end
    end
    count = count - 1  -- the root
    for each = 0, count - $FEWEST do
      if not first and name_may_have(labels[each], octets) then first = each end
    end
    return count, first
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
  local octets_of_address = 0
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

  -- What the short cut of addresses does not tell.
  local is_shared = false
  local function group_of_line(dq, code)
    local group = code == $SHARED_CODE and "$BY_PORT" or ""
    if octets_of_address == 16 then group = look_up(subscribers, address, 16) end
    is_shared = group == "$BY_PORT"
    if is_shared then group = look_up_port(ports, dq) end
    return group
  end
  local function group_of(dq, code)
    local group = group_of_line(dq, code)
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
        local mark = number % 2 == 1 and "$PERSONAL" or "-"
        row = string.format("%03d%s", math.floor(number / 2), mark)
      end
      class = cut_class(look_up(groups, row, #row))
      classes[group] = class
    end
    return class
  end

$BLOCKS

$COUNTS

  -- LAYER:CODE:TEXT; without a layer, nothing happens.
  local function cut_verdict(found, set)
    local done, code, about = found:match("^(%a+):(%d+):(.*)$$")
    local verdict = {done = done, code = tonumber(code), about = about, text = found}
    verdict.is_untraced = set:find("$UNTRACED", 1, true) ~= nil
    if done then
      prepare_block(verdict)
      prepare_count(verdict)
    end
    return verdict
  end
  local known, known_at = {}, -1
  local function verdict_of(class, set)
    db.mdb_env_info(of_verdicts, info)
    local at = tonumber(info.last_txn)
    if at ~= known_at then known, known_at = {}, at end
    local of_class = known[class.number]
    if not of_class then
      of_class = {}
      known[class.number] = of_class
    end
    local verdict = of_class[set]
    if not verdict then
      local asked = class.number .. "|" .. set
      verdict = cut_verdict(look_up(verdicts, asked, #asked), set)
      of_class[set] = verdict
    end
    return verdict
  end

  -- LENGTH:EXACT/BELOW differs between the name of the entry and the names below it.
  local function set_here(found, octets)
    if not found:find(":", 1, true) then return found end
    local length, exact, below = found:match("^(%d+):([^/]*)/(.*)$$")
    return tonumber(length) == octets and exact or below
  end

  -- What the lists say of names as they were spelt, until the table changes: the same few names are
  -- most of those that are blocked, and a look into a million names waits for memory ten times.
  local sets, sets_at, sets_there = {}, -1, 0
  local function known_set(asked)
    db.mdb_env_info(of_names, info)
    local at = tonumber(info.last_txn)
    if at ~= sets_at or sets_there == $MOST_SETS then sets, sets_at, sets_there = {}, at, 0 end
    return sets[asked]
  end
  local function keep_set(asked, set)
    sets[asked] = set
    sets_there = sets_there + 1
  end

$FORCED
  -- Whose household it is, where it has rules, and somebody has one about this name, or the class
  -- cannot say all that it wants.  It is looked up as the group was: where tables change, the
  -- address may still have, or have already, a row of who has it alone.
  local function household_of(dq, class, octets, count, first)$IS_FORCED
    if not class.is_personal then return "" end
    local is_meant = class.asks or first and look_up_name(exceptions, octets, count, first)
    if not is_meant then return "" end
    if is_shared then return look_up_port(personal_ports, dq) end
    return look_up(personal, address, octets_of_address)
  end

  -- What a listed name, a closed class or rules of its own ask for.
  local values = ffi.new("dnsdist_ffi_proxy_protocol_value_t[2]")
  local function decide(dq, octets, count, first, set, class)
    if class.is_closing_soon then limit_ttl(dq, $SOON_TTL) end
    local verdict = verdict_of(class, set)
    -- A host below a help name that lists may block: it is on lists, but in no cache either.
    if verdict.is_untraced then tag(dq, "help", "1") end
    -- The law comes first, then the household, then the class; the EDE says which.
    local household = ""
    if verdict.done ~= "$LAW" then household = household_of(dq, class, octets, count, first) end
    if household == "" then count_block(verdict) end
    if household == "" and verdict.rcode and answer_block(dq, verdict, octets) then
      if verdict.done == "$SECURITY" then tag(dq, "done", "$SECURITY") end  -- for dnstap
      return Allow
    end
    if verdict.done then tag(dq, "done", verdict.done) end
    if household ~= "" then
      values[0].value, values[0].size, values[0].type = household, #household, $HOUSEHOLD_TLV
      say(dq, $SAID, values)
      restartable(dq)
      tag(dq, "instead", verdict.done or "open")
      tag(dq, "household", "1")
      tag(dq, "verdict", verdict.text)
      if verdict.metric then tag(dq, "metric", verdict.metric) end
      if verdict.category then tag(dq, "category", verdict.category) end
    elseif verdict.done and verdict.done ~= "$SAFE_SEARCH" then
      explain(dq, verdict.code, verdict.about, #verdict.about)
    elseif not (verdict.done or verdict.is_untraced) then
      return Allow
    end
    return None
  end

  -- dnsdist uses one handle again and again.
  local question, last = ffi.new("dnsdist_ffi_dnsquestion_t*[1]"), nil
  local function read(handle)
    if handle ~= last then
      question[0] = handle
      last = handle
    end
    find_name(question[0], raw, size)
    ffi.copy(name, raw[0], size[0])
    find_address(question[0], cast("const void**", from), width)
    return tonumber(size[0])
  end

  -- A site that may be listed, a class with something to say, an address that the map has not.
  local function look_closer(octets, is_listed)
    local count, first, set, asked = 0, nil, false, nil
    if is_listed then
      asked = text(name, octets)
      set = known_set(asked)
      if set == nil then
        count, first = read_name(octets)
        set = first and look_up_name(names, octets, count, first) or false
        if set then set = set_here(set, octets) end
        -- Of who asked for help nothing stays, not even that somebody did.
        if not (set and (set == "$HELP" or set:find("$UNTRACED", 1, true))) then
          keep_set(asked, set)
        end
        asked = nil
      end
    end
    -- Help names pass, before everything that counts, limits or writes down.
    if set == "$HELP" then
      tag(question[0], "help", "1")
      take(question[0], "help", 4)
      return Pool
    end
    read_address()
    local code = code_of_address()
    is_shared = false
    local group = code
    if code < $FIRST_CODE then group = group_of(question[0], code) end
    local class = class_of(group)
    if asked and class.is_personal then count, first = read_name(octets) end
    if not set and (class.is_plain or class.is_only_personal and not first) then return Allow end
    return decide(question[0], octets, count, first, set or "", class)
  end

  -- On no list, and nothing to say about it: the way of nearly all.  The order matters: names,
  -- addresses, groups, verdicts, as they are written.
  local function go(handle)
    local octets = read(handle)
    local site = find_site(octets)
    local is_listed = site and site_may_have(site, octets)
    if not is_listed then
      local code = code_of_address()
      if code >= $FIRST_CODE then
        local class = class_of(code)
        if class.is_plain or class.is_only_personal then return Allow end
      end
    end
    return look_closer(octets, is_listed)
  end
$BEGIN
"""

# Where a household's rules hold and no copdns is there, the class decides after all.
EXPLAIN: Final = f"""
  local ffi, dq_ = require("ffi"), require("ffi").C
  return function(dq)
    dq_.dnsdist_ffi_dnsquestion_set_tag(dq, "instead", "")
    dq_.dnsdist_ffi_dnsquestion_set_tag(dq, "household", "")
    local found = dq_.dnsdist_ffi_dnsquestion_get_tag(dq, "verdict")
    local done, code, about = (found == nil and "" or ffi.string(found)):match("^(%a+):(%d+):(.*)$")
    if code and done ~= "{SAFE_SEARCH}" then
      dq_.dnsdist_ffi_dnsquestion_set_extended_dns_error(dq, tonumber(code), about, #about)
      for _, each in ipairs({{"metric", "category"}}) do
        local metric = dq_.dnsdist_ffi_dnsquestion_get_tag(dq, each)
        if metric ~= nil then dq_.dnsdist_ffi_metric_inc(metric, #ffi.string(metric)) end
      end
    end
    return DNSAction.None
  end
"""
