"""The network that a query names (client subnet, RFC 7871), which no server behind dnsdist is told.

What servers of listed zones are told is the site's own: `unbound.py`.  Pure.
"""

from __future__ import annotations

from typing import Final

from copdns.provider.plane.token_road import AWAY

SUBNET: Final = 8  # the EDNS option

# Take all EDNS options out of a query, whose size and DO bit stay.  What stands otherwise than a
# client writes it (more than a question and an OPT record) is refused; from outside the networks of
# subscribers, where it may show no token, it gets nothing.
STRIP: Final = f"""
  local ffi = require("ffi")
  local dq_ = ffi.C
  local name, size = ffi.new("const char*[1]"), ffi.new("size_t[1]")
  local find_tag = dq_.dnsdist_ffi_dnsquestion_get_tag
  local function refuse(dq)
    return find_tag(dq, "{AWAY}") ~= nil and DNSAction.Drop or DNSAction.Refused
  end
  return function(dq)
    dq_.dnsdist_ffi_dnsquestion_get_qname_raw(dq, name, size)
    local packet = ffi.cast("uint8_t*", dq_.dnsdist_ffi_dnsquestion_get_header(dq))
    local at = 12 + tonumber(size[0]) + 4
    local others = packet[4] + packet[6] + packet[7] + packet[8] + packet[9] + packet[10]
    if packet[5] ~= 1 or others ~= 0 or packet[11] ~= 1 then return refuse(dq) end
    if dq_.dnsdist_ffi_dnsquestion_get_size(dq) < at + 11 or packet[at] ~= 0 then
      return refuse(dq)
    end
    packet[at + 9], packet[at + 10] = 0, 0
    dq_.dnsdist_ffi_dnsquestion_set_size(dq, at + 11)
    return DNSAction.None
  end
"""
