"""Lists of hashes in the data plane: the table that they are in, and how dnsdist asks it.

The law's layer can have lists whose names nobody reads (`law/hashed_list.py`).  Their names cannot
stand in the table of names, so a query is hashed: the name, and those above it.  Doing so for each
query would cost as much as all else on its road, so it is done for responses of resolvers alone:
what the cache answers was looked up before, and what is on a list does not get into the cache.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from string import Template
from typing import Final

from copdns.provider.law.hashed_list import hash_name
from copdns.provider.plane.snapshot import ListedNames

LISTS_KEY: Final = b"lists"
ON_A_LIST: Final = b"1"
OPEN: Final = b"!"  # protected: open whatever a list has
_EDE: Final = 'SetExtendedDNSErrorResponseAction(16, "legal")'
_TAG: Final = "hashed"


def hashed_rows(listed: ListedNames) -> Iterator[tuple[bytes, bytes]]:
    """Yield the rows: how names are hashed, names on lists, and protected names.

    A protected name is open with all below it; a person decides about what the law wants of those
    (`law/register_in_force.py`), and here nobody can read which that is.
    """
    ways: dict[bytes, int] = {}  # how deep names are looked at, by salt
    found: dict[bytes, bytes] = {}
    special = listed.special
    protected = {each.name for each in chain(special.help, special.protected)}
    for each in listed.hashed:
        # No deeper than somebody here named a name, or many labels would cost much.
        depth = max((each.depth, *(name.count(".") + 1 for name in protected)))
        ways[each.salt] = max(ways.get(each.salt, 0), depth)
        found.update(dict.fromkeys(each.each_hash(), ON_A_LIST))
    for salt in ways:
        found.update((hash_name(name, salt), OPEN) for name in protected)
    if ways:
        lists = "/".join(f"{depth}:{salt.hex()}" for salt, depth in sorted(ways.items()))
        yield LISTS_KEY, lists.encode()
        yield from found.items()


def hashed_rules() -> Iterator[str]:
    """Yield the lines of dnsdist's configuration."""
    yield _FORGET
    yield "\n-- Lists of hashes, of the law: a resolver's answer about a name on one says that"
    yield "-- there is no such name, and is not kept.  Nobody here reads these names."
    yield Template(_LOOK).substitute(LISTS=LISTS_KEY.decode(), OPEN=OPEN.decode(), TAG=_TAG)
    yield "addResponseAction(AllRule(), LuaResponseAction(find_hashed))"
    yield "local all_types = {}"
    yield "for each = 1, 65535 do"
    yield "  if each ~= 41 then all_types[#all_types + 1] = each end  -- all but the OPT record"
    yield "end"
    for action in ("ClearRecordTypesResponseAction(all_types)", _EDE):
        yield f'addResponseAction(TagRule("{_TAG}", "1"), {action})'
    yield f'addResponseAction(TagRule("{_TAG}", "1"), SetSkipCacheResponseAction())'


_FORGET: Final = """
-- Responses are looked at before they are kept.  So when lists change, what was kept goes; and once
-- more a second later: one that was on its way then had been looked at, and was kept after it.
local change_info, known_lists, is_emptied_again = ffi.new("MDB_envinfo"), "", false
local function last_change(table)
  lmdb.mdb_env_info(ffi.cast("MDB_env*", loadstring("return " .. table)()), change_info)
  return tonumber(change_info.last_txn)
end
local function lists_now()
  return last_change(opened.names) .. "/" .. last_change(opened.hashed)
end
local function forget_kept(lists)
  local is_new = known_lists ~= "" and lists ~= known_lists
  if is_new or is_emptied_again then pcall(function() getPool(""):getCache():expunge(0) end) end
  is_emptied_again, known_lists = is_new, lists
end"""

_LOOK: Final = """\
ffi.cdef[[unsigned char *SHA256(const unsigned char *, size_t, unsigned char *);]]
local hashed_env = ffi.cast("MDB_env*", loadstring("return " .. opened.hashed)())
local hashed_txn = ffi.new("MDB_txn*[1]")
local hashed_key, hashed_value = ffi.new("MDB_val"), ffi.new("MDB_val")
local hashed_digest = ffi.new("uint8_t[32]")
local hashed_ways, hashed_at = {}, -1
if lmdb.mdb_txn_begin(hashed_env, nil, 0x20000, hashed_txn) ~= 0 then
  error("the table of hashes cannot be read")
end
lmdb.mdb_txn_reset(hashed_txn[0])
local function look_up_hash(at, size)
  hashed_key.data, hashed_key.size = ffi.cast("const uint8_t*", at), size
  if lmdb.mdb_get(hashed_txn[0], 1, hashed_key, hashed_value) ~= 0 then return "" end
  return ffi.string(hashed_value.data, hashed_value.size)
end
-- How names are hashed.
local function read_hashed_ways()
  local at = last_change(opened.hashed)
  if at == hashed_at then return end
  hashed_ways, hashed_at = {}, at
  lmdb.mdb_txn_renew(hashed_txn[0])
  for depth, salt in look_up_hash("$LISTS", 5):gmatch("(%d+):(%x+)") do
    local octets = salt:gsub("%x%x", function(each) return string.char(tonumber(each, 16)) end)
    hashed_ways[#hashed_ways + 1] = {tonumber(depth), octets .. "\\0"}
  end
  lmdb.mdb_txn_reset(hashed_txn[0])
end
-- What is protected ends the search: "open", "found", or nil.
local function look_up_name(name)
  local labels, found = {}, nil
  for each in name:gmatch("[^.]+") do labels[#labels + 1] = each end
  for _, way in ipairs(hashed_ways) do
    for first = #labels, math.max(1, #labels - way[1] + 1), -1 do
      local text = way[2] .. table.concat(labels, ".", first)
      ffi.C.SHA256(text, #text, hashed_digest)
      local row = look_up_hash(hashed_digest, 32)
      if row == "$OPEN" then return "open" end
      if row ~= "" then found = "found" end
    end
  end
  return found
end
-- Where the name that was asked for leads by CNAME records: whose the other records are.
local function look_up_others(packet, asked)
  local overlay, before = newDNSPacketOverlay(packet), asked
  for at = 0, overlay:getRecordsCountInSection(1) - 1 do
    local name = overlay:getRecord(at).name:toString():lower()
    if name ~= before then
      local found = look_up_name(name)
      if found then return found end
      before = name
    end
  end
end
local function is_hashed(dr)
  local asked = dr.qname:toString():lower()
  local found = look_up_name(asked)
  if not found then
    local packet = dr:getContent()
    if packet:byte(7) * 256 + packet:byte(8) > 1 then  -- records of the answer
      -- What is not a message is none for whoever asked, either.
      local is_read, other = pcall(look_up_others, packet, asked)
      found = is_read and other
    end
  end
  return found == "found"
end
function find_hashed(dr)
  if #hashed_ways == 0 then return DNSResponseAction.None end
  if lmdb.mdb_txn_renew(hashed_txn[0]) ~= 0 then return DNSResponseAction.ServFail end
  local found = is_hashed(dr)
  lmdb.mdb_txn_reset(hashed_txn[0])
  if found then
    dr:setTag("$TAG", "1")
    dr.rcode = DNSRCode.NXDOMAIN
    dr.dh:setAD(false)  -- nothing that is signed says so
  end
  return DNSResponseAction.None
end"""
