"""The road of a response: what the name that was asked for leads to may be on a list.

A harmless name can lead to one that is not, by a CNAME, DNAME, HTTPS or SVCB record, and only who
resolves it sees that.  So dnsdist looks at each response with such records that comes from a
resolver, by the class of who asked, as that is now.  One that leads to a listed name is not kept:
the cache stays one for all classes, and what it answers needs no second look.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from string import Template
from typing import Final

from copdns.provider.plane.name_sets import HELP, PROTECTED
from copdns.provider.plane.short_cut_layout import FIRST_CODE
from copdns.provider.plane.token_road import GROUP, RoadParts
from copdns.provider.plane.verdicts import INSIDE, SAFE_SEARCH

BLOCKED_INSIDE: Final = "inside"  # a tag: the layer that blocked what a response leads to
_CNAME, _DNAME, _OPT, _SVCB, _HTTPS = 5, 39, 41, 64, 65


def response_parts() -> RoadParts:
    """Return what stands in `road.py` for it; it begins with a function of a response."""
    begin = Template(_BEGIN).substitute(
        HELP=HELP,
        PROTECTED=PROTECTED,
        FIRST_CODE=FIRST_CODE,
        GROUP=GROUP,
        INSIDE=INSIDE,
        BLOCKED_INSIDE=BLOCKED_INSIDE,
        CNAME=_CNAME,
        DNAME=_DNAME,
        OPT=_OPT,
        SVCB=_SVCB,
        HTTPS=_HTTPS,
    )
    return RoadParts("", "", "1", begin)


def response_rules() -> Iterator[str]:
    """Yield the lines of dnsdist's configuration."""
    yield "\n-- A name may lead to one on a list: such a response is looked at by the class of who"
    yield "-- asked, and is not kept.  What copdns answers, it has judged itself; help names pass."
    leads = f"RecordsTypeCountRule(DNSSection.Answer, {_CNAME}, 1, 65535)"
    types = ", ".join(f"QTypeRule({each})" for each in (_HTTPS, _SVCB))
    others = (("help", "1"), ("household", "1"), ("done", SAFE_SEARCH), ("hashed", "1"))
    not_these = ", ".join(f'NotRule(TagRule("{name}", "{value}"))' for name, value in others)
    rule = f"AndRule{{{not_these}, OrRule{{{leads}, {types}}}}}"
    yield f"addResponseAction({rule}, LuaResponseAction(look_inside))"


_BEGIN: Final = """
  -- Who asked: the address and the port of the response.
  ffi.cdef[[int inet_pton(int, const char *, void *);]]
  local client, port = ffi.new("int32_t[4]"), 0
  find_port = function() return port end
  local function read_client(dr)
    local remote = dr.remoteaddr
    local address_text = remote:toString():match("^[^%%]+")  -- without a scope
    port = remote:getPort()
    from[0], width[0] = client, 4
    if ffi.C.inet_pton(2, address_text, client) == 1 then return end
    width[0] = 16
    if ffi.C.inet_pton(10, address_text, client) ~= 1 then error("no address") end
  end
  local function class_of_client(dr)
    local group = dr:getTag("$GROUP")  -- of a token
    if group == "" then
      read_client(dr)
      read_address()
      local code = code_of_address()
      group = code
      if code < $FIRST_CODE then group = group_of(nil, code) end
    end
    return class_of(group)
  end

  -- The lists of a name in wire form, nil or "" for none.
  local function lists_of(at, octets)
    raw[0] = at
    ffi.copy(name, at, octets)
    local site = find_site(octets)
    if not (site and site_may_have(site, octets)) then return nil end
    local count, first = read_name(octets)
    local found = first and look_up_name(names, octets, count, first)
    return found and set_here(found, octets)
  end
  -- Times say nothing about what is inside: where they do of the name, there is another row.
  local function verdict_inside(class, set)
    class.inside = class.inside or {number = "$INSIDE" .. class.number}
    local verdict = verdict_of(class.inside, set)
    return verdict.text ~= "" and verdict or verdict_of(class, set)
  end

  -- What a response leads to: whether it is listed, and the verdict that blocks it.
  local target = ffi.new("char[256]")
  local find_target = dq_.dnsdist_ffi_dnspacket_get_name_at_offset_raw
  local function read_target(packet, parsed, at)
    local kind = dq_.dnsdist_ffi_dnspacket_get_record_type(parsed, at)
    local begins = dq_.dnsdist_ffi_dnspacket_get_record_content_offset(parsed, at)
    if kind == $HTTPS or kind == $SVCB then begins = begins + 2  -- the priority
    elseif kind ~= $CNAME and kind ~= $DNAME then return 0 end
    return tonumber(find_target(packet, #packet, begins, target, 256))
  end
  local function judge(dr, packet, parsed)
    local is_listed, class = false, nil
    for at = 0, dq_.dnsdist_ffi_dnspacket_get_records_count_in_section(parsed, 1) - 1 do
      local octets = read_target(packet, parsed, at)
      local set = octets > 1 and lists_of(target, octets)
      if set and set ~= "" then
        is_listed = true
        class = class or class_of_client(dr)
        local verdict = verdict_inside(class, set)
        if verdict.rcode then return true, verdict end
      end
    end
    return is_listed, nil
  end

  -- The answer in its place, as for a name that is blocked itself.
  local function answer_in_place(dr, packet, parsed, verdict)
    local behind = verdict.plain
    local count = 0
    for section = 1, 3 do
      count = count + dq_.dnsdist_ffi_dnspacket_get_records_count_in_section(parsed, section)
    end
    for at = 0, count - 1 do
      if dq_.dnsdist_ffi_dnspacket_get_record_type(parsed, at) == $OPT then
        local flags = dq_.dnsdist_ffi_dnspacket_get_record_ttl(parsed, at)
        behind = band(flags, 32768) ~= 0 and verdict.dnssec or verdict.edns
      end
    end
    local question = 12 + #dr.qname:toDNSString() + 4
    local head = packet:sub(1, 2) .. string.char(
      bor(band(packet:byte(3), 1), 128), bor(band(packet:byte(4), 144), verdict.rcode),
      0, 1, 0, 0, 0, 1, 0, behind == verdict.plain and 0 or 1)
    dr:setContent(head .. packet:sub(13, question) .. behind)
  end

  -- For whom a name that is protected leads where, is not asked: it passes.
  local function is_protected(dr)
    local asked = dr.qname:toDNSString()
    local set = lists_of(ffi.cast("const char*", asked), #asked)
    return set and (set == "$HELP" or set:find("$PROTECTED", 1, true) ~= nil)
  end
  local found = ffi.new("dnsdist_ffi_dnspacket_t*[1]")
  local function look(dr, packet, parsed)
    local is_listed, verdict = judge(dr, packet, parsed)
    if not is_listed or is_protected(dr) then return end
    dr.skipCache = true
    if not verdict then return end
    answer_in_place(dr, packet, parsed, verdict)
    count_block(verdict)
    dr:setTag("$BLOCKED_INSIDE", verdict.done)
  end
  return function(dr)
    local packet = dr:getContent()
    if not dq_.dnsdist_ffi_dnspacket_parse(packet, #packet, found) then
      return DNSResponseAction.ServFail
    end
    local is_read, error_text = pcall(look, dr, packet, found[0])
    dq_.dnsdist_ffi_dnspacket_free(found[0])
    if not is_read then error(error_text) end
    return DNSResponseAction.None
  end"""
