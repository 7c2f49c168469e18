"""Write the configuration of dnsdist: the road of a query on a node of a provider.

Every line has its reason above it; docs/providers.md has the road as a whole.  What changes while
dnsdist runs is in the tables (`rows.py`); this is what does not.  Rules run before the cache, so
one cache of clean answers serves everybody.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from copdns.model.addresses import Network
from copdns.provider.plane.name_sets import HELP, UNTRACED
from copdns.provider.plane.rows import ASKS, BY_PORT, PERSONAL, SOON, PlaneTable, table_file
from copdns.provider.plane.snapshot import IPV6_PREFIX, NO_CLASS, Layer
from copdns.provider.plane.verdicts import SAFE_SEARCH
from copdns.provider.rollout.figures import COUNTERS, END, STATISTICS_FILE

HOUSEHOLD_TLV: Final = 0xE0  # of the PROXY header to copdns: the id of the household
FAMILY_TTL: Final = 10  # seconds: how long devices keep a block of each layer
LONG_TTL: Final = 60
HELP_TTL: Final = 60  # of every answer about a help name, so that no TTL tells when somebody asked
SOON_TTL: Final = 60  # at most, of every answer to a group whose class changes soon
FEWEST_LABELS: Final = 2  # of a name that a list can have: not a whole top-level domain
NSID: Final = 3  # the EDNS option
_THIS_MACHINE: Final = ("127.0.0.1/32", "::1/128")
SOA: Final = '"blocked.invalid.", "nobody.invalid.", 1, 3600, 600, 86400'


@dataclass(frozen=True, slots=True)
class Tenant:
    """Networks of subscribers, and the group of an address that no binding names."""

    networks: tuple[Network, ...]
    group: int


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """One dnsdist.

    folder: of the tables.  listen, tls_listen, https_listen: addresses with ports.  certificate,
    key: files, for the last two.  resolvers: addresses with ports of unbound.  safe_source: the
    address to ask it from for safe search (`unbound.py`).  copdns: for households with rules of
    their own.  site: what NSID begins with.  dnstap: the Unix socket of whoever takes blocks by
    security; "" for nobody.  cache_size: answers.  threads: sockets for each address of `listen`.
    """

    site: str
    folder: str
    listen: tuple[str, ...]
    resolvers: tuple[str, ...]
    safe_source: str
    copdns: tuple[str, ...]
    tenants: tuple[Tenant, ...]
    tls_listen: tuple[str, ...] = ()
    https_listen: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    dnstap: str = ""
    cache_size: int = 2_000_000
    threads: int = 1


def dnsdist_config(node: NodeSettings) -> str:
    """Return the configuration, in Lua."""
    parts = (_HEAD, _listeners(node), _silence(), _servers(node), _tables(node), _road(node))
    return "\n".join("\n".join(part) for part in (*parts, _each_second(node))) + "\n"


_HEAD: Final = (
    "-- Made by copdns; docs/providers.md explains the road of a query.",
    "-- Change the settings of the node and make it anew; dnsdist reads it when it starts.",
)


def _listeners(node: NodeSettings) -> Iterator[str]:
    yield "\n-- Where subscribers ask; a socket for each thread."
    for at in node.listen:
        for _ in range(node.threads):
            yield f"addLocal({_text(at)}, {{reusePort={_bool(node.threads > 1)}}})"
    if node.tls_listen:
        yield "-- DNS over TLS."
    for at in node.tls_listen:
        yield f"addTLSLocal({_text(at)}, {_text(node.certificate)}, {_text(node.key)})"
    if node.https_listen:
        yield "-- DNS over HTTPS."
    for at in node.https_listen:
        files = f"{_text(node.certificate)}, {_text(node.key)}"
        yield f'addDOHLocal({_text(at)}, {files}, {{"/dns-query"}}, {{library="nghttp2"}})'
    yield "-- Nobody but subscribers is answered, and this machine, which looks whether it is."
    networks = [str(network) for tenant in node.tenants for network in tenant.networks]
    yield f"setACL({_list([*networks, *_THIS_MACHINE])})"


def _silence() -> Iterator[str]:
    yield "\n-- dnsdist would ask its makers for news of itself by DNS."
    yield 'setSecurityPollSuffix("")'
    yield "-- It would keep the last 10,000 queries with names and addresses for its console."
    yield "setRingBuffersOptions({recordQueries=false, recordResponses=false})"
    yield "-- And would write addresses of clients that it drops."
    yield "setVerbose(false)"
    yield "setVerboseHealthChecks(false)"


def _servers(node: NodeSettings) -> Iterator[str]:
    yield "\n-- Resolvers, for everybody, and for help names, whose answers no cache here keeps."
    for at in node.resolvers:
        yield f'newServer({{address={_text(at)}, pool={{"", "help"}}, {_CHECK}}})'
    yield "-- The same, which give the safe hosts of search engines to this address; no cache."
    for at in node.resolvers:
        source = f"source={_text(node.safe_source)}"
        yield f'newServer({{address={_text(at)}, {source}, pool="safe", {_CHECK}}})'
    yield "-- copdns, which learns the address and the household from a PROXY header."
    for at in node.copdns:
        yield f'newServer({{address={_text(at)}, pool="copdns", useProxyProtocol=true, {_CHECK}}})'
    yield "-- One cache for all.  Answers keep their TTL in it, which tells nobody who asked when."
    yield f'getPool(""):setCache(newPacketCache({node.cache_size}, {{dontAge=true}}))'


# A name that nobody has, so that no resolver asks others for it (RFC 6761); once a second.
_CHECK: Final = 'checkName="health.invalid.", checkInterval=1, maxCheckFailures=2'


def _tables(node: NodeSettings) -> Iterator[str]:
    yield "\n-- The tables, which copdns changes while they are read; a lookup sees a whole commit."
    for table in PlaneTable:
        yield f'local {table} = newLMDBKVStore({_text(f"{node.folder}/{table_file(table)}")}, "")'
    yield "-- Names are looked up from the whole name upwards; the first entry has all."
    yield f"local by_name = KeyValueLookupKeySuffix({FEWEST_LABELS}, true)"
    yield "-- A subscriber has an IPv4 address, or an IPv6 prefix."
    yield f"local by_address = KeyValueLookupKeySourceIP(32, {IPV6_PREFIX})"
    yield "-- Behind carrier-grade NAT it has some ports of an address."
    yield "local by_port = KeyValueLookupKeySourceIP(32, 128, true)"


def _road(node: NodeSettings) -> Iterator[str]:
    yield "\n-- 1. Which lists is the name on, and is it protected?"
    yield _look_up(PlaneTable.NAMES, "by_name", "set")
    yield "-- 2. Whose address is it?"
    yield _look_up(PlaneTable.SUBSCRIBERS, "by_address", "group")
    yield "-- Lines may share it, behind carrier-grade NAT: then its ports tell."
    yield f'addAction(TagRule("group", "{BY_PORT.decode()}"), SetTagAction("shared", "1"))'
    yield from _look_up_ports(PlaneTable.PORTS, "group", _SHARED)
    yield "-- An address that no binding names gets what its tenant chose, never a family's policy."
    for tenant in node.tenants:
        networks = _list([str(each) for each in tenant.networks])
        unknown = f'AndRule{{TagRule("group", ""), NetmaskGroupRule({networks})}}'
        yield f'addAction({unknown}, SetTagAction("group", "{tenant.group:03}-"))'
    yield "-- 3. Which class has the group at this moment?"
    yield _look_up(PlaneTable.GROUPS, 'KeyValueLookupKeyTag("group")', "class")
    yield "-- 4. Who asks for NSID is told the site and the revision, below."
    yield f'addAction(EDNSOptionRule({NSID}), SetTagAction("nsid", "1"))'
    yield "-- 5. Help names pass, before everything that counts, limits or writes down.  Names on"
    yield "--    no list pass to the cache unless the class is closed.  All else goes on."
    yield f"addAction(AllRule(), LuaFFIPerThreadAction([[{_ROUTE}]]))"
    yield "-- 6. What does the class do with these lists?"
    yield _look_up(PlaneTable.VERDICTS, 'KeyValueLookupKeyTag("key")', "verdict")
    yield "-- 7. Does the household have rules, and somebody a rule about this name, or can the"
    yield "--    class not say all that it wants?  Then copdns decides; while none is there, the"
    yield "--    class does.  Whose it is, is looked up as the group was: where tables change, the"
    yield "--    address may still have, or have already, a row of who has it alone."
    yield "addAction(AndRule{"
    yield '    TagRule("personal", "1"),'
    exceptions = f"KeyValueStoreLookupRule({PlaneTable.EXCEPTIONS}, by_name)"
    yield f'    OrRule{{TagRule("asks", "1"), {exceptions}}},'
    yield '    PoolAvailableRule("copdns"),'
    yield '}, SetTagAction("decides", "1"))'
    alone = f'AndRule{{TagRule("decides", "1"), NotRule({_SHARED})}}'
    found = f'KeyValueStoreLookupAction({PlaneTable.PERSONAL}, by_address, "household")'
    yield f"addAction({alone}, {found})"
    shared = f'AndRule{{TagRule("decides", "1"), {_SHARED}}}'
    yield from _look_up_ports(PlaneTable.PERSONAL_PORTS, "household", shared)
    yield "-- 8. The law comes first, then the household, then the class; the EDE says which."
    yield f"addAction(AllRule(), LuaFFIPerThreadAction([[{_DECIDE}]]))"
    yield "-- 9. A block by law says that there is no such name, the others that it has no address."
    yield _block(Layer.LAW, nxdomain=True, ttl=LONG_TTL)
    yield _block(Layer.SECURITY, nxdomain=False, ttl=LONG_TTL)
    yield _block(Layer.FAMILY, nxdomain=False, ttl=FAMILY_TTL)
    yield "-- 10. Search engines with their safe mode."
    yield f'addAction(TagRule("done", "{SAFE_SEARCH}"), PoolAction("safe"))'
    yield "-- 11. Hosts below help names that nothing blocked: as these, in no cache."
    yield 'addAction(TagRule("help", "1"), PoolAction("help"))'
    yield "-- 12. All else is answered from the cache, or by a resolver."
    if node.dnstap:
        yield "\n-- Blocks by security are told, with the address, which may belong to an infected"
        yield "-- machine.  What a family or the law blocks is told to nobody."
        yield f"local told_to = newFrameStreamUnixLogger({_text(node.dnstap)})"
        log = f"DnstapLogResponseAction({_text(node.site)}, told_to)"
        ours = f"NotRule(NetmaskGroupRule({_list(list(_THIS_MACHINE))}))"
        blocked = f'AndRule{{TagRule("done", "{Layer.SECURITY}"), {ours}}}'
        yield f"addSelfAnsweredResponseAction({blocked}, {log})"
    yield "\n-- A copdns that cannot answer, as for a household that it cannot read just then,"
    yield "-- leaves a query to the class.  What that blocks stays without an answer."
    for instead, pool in (("open", ""), (SAFE_SEARCH, "safe")):
        rule = f'AndRule{{TagRule("instead", "{instead}"), RCodeRule(DNSRCode.SERVFAIL)}}'
        again = f'function(dr) dr:setTag("instead", ""); dr.pool = "{pool}"; dr:restart(); '
        end = "return DNSResponseAction.None end"
        yield f"addResponseAction({rule}, LuaResponseAction({again}{end}))"
    yield "\n-- Answers about help names have one TTL: the rest of one tells when somebody asked."
    ttl = f"LimitTTLResponseAction({HELP_TTL}, {HELP_TTL})"
    yield f'addResponseAction(TagRule("help", "1"), {ttl})'


def _each_second(node: NodeSettings) -> Iterator[str]:
    yield "\n-- NSID: the site and the revision in force, which is looked up once a second."
    yield 'local told = ""'
    yield "local function tell_nsid()"
    yield f'  local now = {_text(node.site + "/")} .. {PlaneTable.STATE}:lookup("revision")'
    yield "  if now == told then return end"
    yield "  told = now"
    yield f"  local say = SetEDNSOptionResponseAction({NSID}, now)"
    for kind in ("", "CacheHit", "SelfAnswered"):
        yield f'  pcall(rm{kind}ResponseRule, "nsid")'
        yield f'  add{kind}ResponseAction(TagRule("nsid", "1"), say, {{name="nsid"}})'
    yield "end"
    yield "-- Counters of all together, for rollouts; no name and no address is among them."
    path = f"{node.folder}/{STATISTICS_FILE}"
    yield f"local counted = {_list(list(COUNTERS))}"
    yield "local function write_figures()"
    yield f'  local file = io.open({_text(path)}, "w")'
    yield "  if not file then return end"
    yield "  local found, lines = getStatisticsCounters(), {}"
    yield "  for _, each in ipairs(counted) do"
    yield '    if found[each] then lines[#lines + 1] = each .. " " .. tostring(found[each]) end'
    yield "  end"
    yield f"  lines[#lines + 1] = {_text(END)}"
    yield '  file:write(table.concat(lines, "\\n"), "\\n")'
    yield "  file:close()"
    yield "end"
    yield "function maintenance()"
    yield "  tell_nsid()"
    yield "  pcall(write_figures)"
    yield "end"
    yield "maintenance()"


_ROUTE: Final = f"""
  local ffi = require("ffi")
  local dq_ = ffi.C
  local get, put = dq_.dnsdist_ffi_dnsquestion_get_tag, dq_.dnsdist_ffi_dnsquestion_set_tag
  local name, size = ffi.new("const char*[1]"), ffi.new("size_t[1]")
  return function(dq)
    local class, set = get(dq, "class"), get(dq, "set")
    if class == nil or set == nil then return DNSAction.ServFail end
    -- On no list, and the class has no mark before its number: the way of nearly all.
    if set[0] == 0 and class[0] >= 48 and class[0] <= 57 then return DNSAction.Allow end
    set, class = ffi.string(set), ffi.string(class)
    -- LENGTH:EXACT/BELOW differs between the name of the entry and the names below it.
    local length, exact, below = set:match("^(%d+):([^/]*)/(.*)$")
    if length then
      dq_.dnsdist_ffi_dnsquestion_get_qname_raw(dq, name, size)
      set = tonumber(length) == tonumber(size[0]) and exact or below
    end
    if set == "{HELP}" then
      put(dq, "help", "1")
      dq_.dnsdist_ffi_dnsquestion_set_result(dq, "help", 4)
      return DNSAction.Pool
    end
    -- A host below a help name that lists may block: it is on lists, but in no cache either.
    if set:find("{UNTRACED}", 1, true) then put(dq, "help", "1") end
    -- Marks, then a number; of a group that is not known, the class that is always there.
    local marks, number = class:match("^(%a*)(%d*)$")
    if not number or number == "" then marks, number = "", "{NO_CLASS}" end
    if marks:find("{SOON}") then
      dq_.dnsdist_ffi_dnsquestion_set_max_returned_ttl(dq, {SOON_TTL})
    end
    if marks:find("{PERSONAL}") then put(dq, "personal", "1") end
    if marks:find("{ASKS}") then put(dq, "asks", "1") end
    put(dq, "key", number .. "|" .. set)
    return DNSAction.None
  end
"""
_DECIDE: Final = f"""
  local ffi = require("ffi")
  local dq_ = ffi.C
  local get, put = dq_.dnsdist_ffi_dnsquestion_get_tag, dq_.dnsdist_ffi_dnsquestion_set_tag
  local values = ffi.new("dnsdist_ffi_proxy_protocol_value_t[1]")
  local function text(dq, tag)
    local found = get(dq, tag)
    return found == nil and "" or ffi.string(found)
  end
  return function(dq)
    local done, code, about = text(dq, "verdict"):match("^(%a+):(%d+):(.*)$")
    local household = text(dq, "household")
    if household ~= "" and done ~= "{Layer.LAW}" then
      dq_.dnsdist_ffi_dnsquestion_set_restartable(dq)
      put(dq, "instead", done or "open")
      values[0].value, values[0].size, values[0].type = household, #household, {HOUSEHOLD_TLV}
      dq_.dnsdist_ffi_dnsquestion_add_proxy_protocol_values(dq, 1, values)
      dq_.dnsdist_ffi_dnsquestion_set_result(dq, "copdns", 6)
      return DNSAction.Pool
    end
    if done then
      put(dq, "done", done)
      dq_.dnsdist_ffi_dnsquestion_set_extended_dns_error(dq, tonumber(code), about, #about)
    end
    return DNSAction.None
  end
"""


_SHARED: Final = 'TagRule("shared", "1")'  # the group was found by the port


def _look_up(table: PlaneTable, key: str, tag: str) -> str:
    return f'addAction(AllRule(), KeyValueStoreLookupAction({table}, {key}, "{tag}"))'


def _look_up_ports(table: PlaneTable, tag: str, rule: str) -> Iterator[str]:
    """Yield what looks up who has the port that a query came from, where a rule holds.

    dnsdist finds the first range that does not end before the port, also one that begins after it
    or that is of another address.  So what it finds, which begins with the key of the first port,
    is compared.
    """
    found = f'KeyValueStoreRangeLookupAction({table}, by_port, "{table}")'
    yield f"addAction({rule}, {found})"
    rest = _REST.replace("FROM", table).replace("TO", tag)
    yield f"addAction({rule}, LuaFFIPerThreadAction([[{rest}]]))"


_REST: Final = """
  local ffi = require("ffi")
  local dq_ = ffi.C
  local found, most = ffi.new("char[512]"), 512
  local from, octets = ffi.new("const void*[1]"), ffi.new("size_t[1]")
  return function(dq)
    local size = tonumber(dq_.dnsdist_ffi_dnsquestion_get_tag_raw(dq, "FROM", found, most))
    local rest = ""
    if size > 6 then
      dq_.dnsdist_ffi_dnsquestion_get_remoteaddr(dq, from, octets)
      local begins = ffi.string(found, 6)
      local first = begins:byte(5) * 256 + begins:byte(6)
      local port = tonumber(dq_.dnsdist_ffi_dnsquestion_get_remote_port(dq))
      if octets[0] == 4 and ffi.string(from[0], 4) == begins:sub(1, 4) and first <= port then
        rest = ffi.string(found + 6, size - 6)
      end
    end
    dq_.dnsdist_ffi_dnsquestion_set_tag(dq, "TO", rest)
    return DNSAction.None
  end
"""


def _block(layer: Layer, *, nxdomain: bool, ttl: int) -> str:
    options = "{soaInAuthoritySection=true}"
    answer = f'NegativeAndSOAAction({_bool(nxdomain)}, ".", {ttl}, {SOA}, {ttl}, {options})'
    return f'addAction(TagRule("done", "{layer}"), {answer})'


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _list(texts: list[str]) -> str:
    return "{" + ", ".join(map(_text, texts)) + "}"


def _text(text: str) -> str:
    """Return a text in Lua; raise ValueError for one that would need escaping."""
    if not text.isascii() or not text.isprintable() or set(text) & {'"', "\\"}:
        raise ValueError(f"{text!r} must not stand in a configuration of dnsdist")
    return f'"{text}"'
