"""What dnsdist answers to a blocked query: an SOA record, and the reason as an extended DNS error.

`road.py` writes it behind the question at once, without tags, rules and actions of dnsdist.  Those
answer the rest, such as queries that are signed; a test compares both.  Pure.
"""

from __future__ import annotations

from string import Template
from typing import Final, NamedTuple

from copdns.model.names import to_wire
from copdns.provider.plane.snapshot import Layer

FAMILY_TTL: Final = 10  # seconds: how long devices keep a block of each layer
LONG_TTL: Final = 60
_PRIMARY, _MAILBOX = "blocked.invalid", "nobody.invalid"
_TIMES: Final = (1, 3600, 600, 86400)  # serial number, refresh, retry, expire
_IN, _SOA, _OPT = 1, 6, 41
_PAYLOAD: Final = 1232  # octets that dnsdist says it takes, in answers of its own


class BlockAnswer(NamedTuple):
    """Whether there is no such name, or only nothing about it; and for how many seconds."""

    nxdomain: bool
    ttl: int


BLOCK_ANSWERS: Final = {
    Layer.LAW: BlockAnswer(nxdomain=True, ttl=LONG_TTL),
    Layer.SECURITY: BlockAnswer(nxdomain=False, ttl=LONG_TTL),
    Layer.FAMILY: BlockAnswer(nxdomain=False, ttl=FAMILY_TTL),
}


def block_action(layer: Layer) -> str:
    """Return dnsdist's own action for it."""
    nxdomain, ttl = BLOCK_ANSWERS[layer]
    names = f'"{_PRIMARY}.", "{_MAILBOX}."'
    times = ", ".join(map(str, _TIMES))
    says = "true" if nxdomain else "false"
    options = "{soaInAuthoritySection=true}"
    return f'NegativeAndSOAAction({says}, ".", {ttl}, {names}, {times}, {ttl}, {options})'


def block_answers() -> str:
    """Return the functions `prepare_block` and `answer_block`, in Lua."""
    layers = (
        f'    {layer} = {{rcode = {3 if nxdomain else 0}, soa = "{_escape(_soa(ttl))}"}},'
        for layer, (nxdomain, ttl) in BLOCK_ANSWERS.items()
    )
    opt = bytes([0, *_OPT.to_bytes(2), *_PAYLOAD.to_bytes(2), 0, 0])
    return Template(_ANSWER).substitute(BY_LAYER="\n".join(layers), OPT=_escape(opt))


def _soa(ttl: int) -> bytes:
    """Return the record, of the root."""
    names = to_wire(_PRIMARY) + to_wire(_MAILBOX)
    data = names + b"".join(each.to_bytes(4) for each in (*_TIMES, ttl))
    head = b"\0" + _SOA.to_bytes(2) + _IN.to_bytes(2) + ttl.to_bytes(4)
    return head + len(data).to_bytes(2) + data


def _escape(octets: bytes) -> str:
    return "".join(f"\\{each:03}" for each in octets)


_ANSWER: Final = """\
  -- What stands behind the question in the answer to a blocked query: without EDNS, with it, and
  -- with its DO bit, which comes back as it came.
  local blocks = {
$BY_LAYER
  }
  local function both_octets(number)
    return string.char(rest(number, 8), band(number, 255))
  end
  local function prepare_block(verdict)
    local block = blocks[verdict.done]
    if not block then return end
    local error = both_octets(verdict.code) .. verdict.about
    error = both_octets(15) .. both_octets(#error) .. error
    error = both_octets(#error) .. error
    verdict.rcode, verdict.plain = block.rcode, block.soa
    verdict.edns = block.soa .. "$OPT\\0\\0" .. error
    verdict.dnssec = block.soa .. "$OPT\\128\\0" .. error
  end

  -- Turn a query into its answer.  One that has more than a question, and an OPT record of the
  -- version that there is, is left as it came.
  local find_packet = dq_.dnsdist_ffi_dnsquestion_get_header
  local find_size = dq_.dnsdist_ffi_dnsquestion_get_size
  local set_size = dq_.dnsdist_ffi_dnsquestion_set_size
  local function answer_block(dq, verdict, octets)
    local packet = cast("uint8_t*", find_packet(dq))
    local ends = 12 + octets + 4
    local others = packet[4] + packet[6] + packet[7] + packet[8] + packet[9] + packet[10]
    if packet[5] ~= 1 or others ~= 0 or packet[11] > 1 or find_size(dq) < ends then return false end
    local behind = verdict.plain
    if packet[11] == 1 then
      if find_size(dq) < ends + 11 then return false end
      local opt = packet + ends
      if opt[0] ~= 0 or opt[1] ~= 0 or opt[2] ~= 41 or opt[6] ~= 0 then return false end
      behind = opt[7] >= 128 and verdict.dnssec or verdict.edns
    end
    if not set_size(dq, ends + #behind) then return false end
    packet = cast("uint8_t*", find_packet(dq))
    ffi.copy(packet + ends, behind, #behind)
    local flags = packet[2]
    packet[2] = bor(flags, 128)
    packet[3] = bor(band(packet[3], 16), verdict.rcode, band(flags, 1) * 128)
    packet[9], packet[11] = 1, behind == verdict.plain and 0 or 1
    return true
  end"""
