"""The road of a query that may show a device's token: by DNS over HTTPS, or over TLS by SNI.

The text stands within that of `road.py`, in a function of its own, so that plain queries cost no
more.  Whose a token is, a table tells; copdns then decides by the person of the device.  A token of
another family than the line's does nothing there, so that nobody gets out of the rules at home by
what a friend told them; where a line is nobody's it counts, as it does away from home.  From
outside the networks of subscribers nothing else is answered.  Pure.
"""

from __future__ import annotations

from string import Template
from typing import Final, NamedTuple

from copdns.model.addresses import USUAL_PATH
from copdns.provider.plane.name_sets import HELP
from copdns.provider.plane.short_cut_layout import FIRST_CODE
from copdns.provider.rollout.figures import TURNED_AWAY

TOKEN_TLV: Final = 0xE1  # of the PROXY header to copdns: the digest of a token
WRONG: Final = "wrong"  # a tag: what was shown is nobody's token
AWAY: Final = "away"  # a tag: from outside the networks of subscribers, where a token is needed
GROUP: Final = "group"  # a tag: of the line of the household whose token was shown
_DIGEST: Final = 32  # octets


class RoadParts(NamedTuple):
    """What stands in `road.py` where its functions differ, in Lua.

    forced: names the household of a token.  is_forced: returns it.  said: how many values copdns is
    told.  begin: what dnsdist calls.
    """

    forced: str
    is_forced: str
    said: str
    begin: str


NO_TOKENS: Final = RoadParts("", "", "1", "  return go")


def token_parts(below: str) -> RoadParts:
    """Return the parts; below: what follows a token in a server name, "" for no name."""
    begin = Template(_BEGIN).substitute(
        BELOW=below,
        PATH=USUAL_PATH,
        DIGEST=_DIGEST,
        TOKEN_TLV=TOKEN_TLV,
        FIRST_CODE=FIRST_CODE,
        HELP=HELP,
        WRONG=WRONG,
        AWAY=AWAY,
        TURNED_AWAY=TURNED_AWAY,
        GROUP=GROUP,
    )
    return RoadParts(
        '\n  local forced = ""  -- the household of the token that is shown',
        '\n    if forced ~= "" then return forced end',
        'forced ~= "" and 2 or 1',
        begin,
    )


_BEGIN: Final = """
  -- What a query shows as a token, right or wrong; nil for nothing.
  ffi.cdef[[unsigned char *SHA256(const unsigned char *, size_t, unsigned char *);]]
  local find_path = dq_.dnsdist_ffi_dnsquestion_get_http_path
  local find_server = dq_.dnsdist_ffi_dnsquestion_get_sni
  local below = "$BELOW"
  local server, server_size = ffi.new("const char*[1]"), ffi.new("size_t[1]")
  local function find_shown(dq)
    local path = find_path(dq)
    if path ~= nil then
      local shown = text(path)
      if shown ~= "$PATH" then return shown:sub(#"$PATH" + 1):match("^/(.+)") or "" end
    end
    find_server(dq, server, server_size)
    local octets = tonumber(server_size[0])
    if below == "" or server[0] == nil or octets < #below then return nil end
    local asked = text(server[0], octets):lower()
    return asked:sub(-#below) == below and asked:sub(1, -#below - 1) or nil
  end

  -- Whether the address is that of a line, and of another household's.
  local function is_anothers(dq, household)
    read_address()
    local code = code_of_address()
    is_shared = false
    local group = code
    if code < $FIRST_CODE then group = group_of_line(dq, code) end
    if group == "" then return false end
    if is_shared then return look_up_port(personal_ports, dq) ~= household end
    return look_up(personal, address, octets_of_address) ~= household
  end

  -- Whether it came from outside the networks of subscribers, where no address is a line.
  local find_tag = dq_.dnsdist_ffi_dnsquestion_get_tag
  local function is_away(dq) return find_tag(dq, "$AWAY") ~= nil end

  -- It gets no answer.  What is told so by HTTPS dnsdist counts as an answer of its own, which
  -- for all others is a block; so it is counted here, too.
  local count_one = dq_.dnsdist_ffi_metric_inc
  local function turn_away(dq)
    if find_path(dq) ~= nil then count_one("$TURNED_AWAY", #"$TURNED_AWAY") end
    tag(dq, "$WRONG", "1")
    return None
  end

  -- Help names pass first here, too: also with a token that was revoked.
  local tokens, digest = begin(@tokens@), ffi.new("uint8_t[$DIGEST]")
  return function(handle)
    forced = ""
    local octets = read(handle)
    local dq = question[0]
    local shown = find_shown(dq)
    if not shown then
      if not is_away(dq) then return go(handle) end
      return turn_away(dq)
    end
    local count, first, set = 0, nil, nil
    local site = find_site(octets)
    if site and site_may_have(site, octets) then
      count, first = read_name(octets)
      set = first and look_up_name(names, octets, count, first)
      set = set and set_here(set, octets)
      if set == "$HELP" then return go(handle) end
    end
    shown = shown:lower()
    ffi.C.SHA256(shown, #shown, digest)
    local row = look_up(tokens, digest, $DIGEST)
    if row == "" then return turn_away(dq) end
    local group, household = row:match("^(%d+%a)(.+)$$")
    local counts = household and (is_away(dq) or not is_anothers(dq, household))
    if not counts then return go(handle) end
    values[1].value, values[1].size = cast("const char*", digest), $DIGEST
    values[1].type = $TOKEN_TLV
    forced = household
    tag(dq, "$GROUP", group)
    return decide(dq, octets, count, first, set or "", class_of(group))
  end"""
