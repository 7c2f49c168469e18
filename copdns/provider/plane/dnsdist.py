"""Write the configuration of dnsdist: the road of a query on a node of a provider.

Every line has its reason above it; docs/data-plane.md has the road as a whole.  What changes while
dnsdist runs is in the tables (`rows.py`); this is what does not.  Rules run before the cache, so
one cache of clean answers serves everybody.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from copdns.model.addresses import USUAL_PATH, Network
from copdns.model.reasons import FORGED
from copdns.provider.plane.block_answers import BLOCK_ANSWERS, block_action
from copdns.provider.plane.block_counts import UPTIME, block_metrics
from copdns.provider.plane.client_subnet import STRIP, SUBNET
from copdns.provider.plane.hashed_names import hashed_rules
from copdns.provider.plane.response_road import BLOCKED_INSIDE, response_rules
from copdns.provider.plane.road import EXPLAIN, road
from copdns.provider.plane.rows import PlaneTable, table_file
from copdns.provider.plane.snapshot import IPV6_PREFIX, Layer
from copdns.provider.plane.token_road import AWAY, WRONG
from copdns.provider.plane.verdicts import SAFE_SEARCH, SAFE_SEARCH_TEXT
from copdns.provider.rollout.figures import COUNTERS, END, STATISTICS_FILE, TURNED_AWAY

HELP_TTL: Final = 60  # of every answer about a help name, so that no TTL tells when somebody asked
NSID: Final = 3  # the EDNS option
MAC_OPTIONS: Final = (65001, 65073)  # those in which routers tell MAC addresses (dnsmasq add-mac)
_THIS_MACHINE: Final = ("127.0.0.1/32", "::1/128")
_EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
# Where strangers may open connections: of each address, or IPv6 prefix, at most so many a second.
MAX_CONNECTIONS: Final = 1000  # at a time
CONNECTION_RATE: Final = 200  # that begin
HANDSHAKE_RATE: Final = 100  # by TLS
RATE_MINUTES: Final = 1  # over which rates are averages
BAN_SECONDS: Final = 10  # for which an address that had more opens none


@dataclass(frozen=True, slots=True)
class Tenant:
    """Networks of subscribers, and the group of an address that no binding names."""

    networks: tuple[Network, ...]
    group: int


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """One dnsdist.

    folder: of the tables.  listen, tls_listen, https_listen: addresses with ports.  certificate,
    key: files, for the last two.  resolvers: addresses with ports of unbound.  source: the address
    to ask it from; "" for any.  safe_source: that for safe search (`unbound.py`).  copdns: for
    households with rules of their own.  site: what NSID begins with.  dnstap: the Unix socket of
    whoever takes blocks by security; "" for nobody.  cache_size: answers.  threads: sockets for
    each address of `listen`.  name: of what is encrypted, before which a
    device's token stands; "" for none.  mac_networks: where routers tell MAC addresses of devices.
    is_public: devices that show a token are answered from everywhere, and nobody else is.
    categories: of lists, by which blocks are counted.
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
    source: str = ""
    cache_size: int = 2_000_000
    threads: int = 1
    name: str = ""
    mac_networks: tuple[Network, ...] = ()
    is_public: bool = False
    categories: tuple[str, ...] = ()

    @property
    def subscribers(self) -> list[str]:
        """The networks of subscribers, and this machine, which looks whether it answers."""
        networks = [str(network) for tenant in self.tenants for network in tenant.networks]
        return [*networks, *_THIS_MACHINE]

    @property
    def is_encrypted(self) -> bool:
        """Whether a device can show a token."""
        return bool(self.tls_listen or self.https_listen)


def dnsdist_config(node: NodeSettings) -> str:
    """Return the configuration, in Lua."""
    parts = (_HEAD, _listeners(node), _silence(), _servers(node), _metrics(node), _tables(node))
    return "\n".join("\n".join(part) for part in (*parts, _road(node), _each_second(node))) + "\n"


_HEAD: Final = (
    "-- Made by copdns; docs/data-plane.md explains the road of a query.",
    "-- Change the settings of the node and make it anew; dnsdist reads it when it starts.",
)


_NO_RESUMPTION: Final = "sessionTickets=false, numberOfStoredSessions=0"


def _listeners(node: NodeSettings) -> Iterator[str]:
    yield "\n-- Where subscribers ask; a socket for each thread."
    for at in node.listen:
        for _ in range(node.threads):
            yield f"addLocal({_text(at)}, {{reusePort={_bool(node.threads > 1)}}})"
    if node.is_encrypted:
        yield "-- A session that is resumed by TLS 1.2 has the server's name of its first"
        yield "-- connection, and with it the token of that: none is resumed."
    if node.tls_listen:
        yield "-- DNS over TLS."
    for at in node.tls_listen:
        files = f"{_text(node.certificate)}, {_text(node.key)}"
        yield f"addTLSLocal({_text(at)}, {files}, {{{_NO_RESUMPTION}}})"
    if node.https_listen:
        yield "-- DNS over HTTPS."
    for at in node.https_listen:
        files = f"{_text(node.certificate)}, {_text(node.key)}"
        # A token stands behind the path.
        options = f'library="nghttp2", exactPathMatching=false, {_NO_RESUMPTION}'
        yield f'addDOHLocal({_text(at)}, {files}, {{"{USUAL_PATH}"}}, {{{options}}})'
    if node.is_public:
        yield "-- Devices with a token may be anywhere; whom else they stand beside, rules tell."
        yield f"setACL({_list(list(_EVERYWHERE))})"
        yield "-- A query without a question is answered before any rule, by UDP to a sender whose"
        yield "-- address may be forged, and as long as it came."
        yield "setDropEmptyQueries(true)"
        yield from _bounds()
        return
    yield "-- Nobody but subscribers is answered, and this machine, which looks whether it is."
    yield f"setACL({_list(node.subscribers)})"


def _bounds() -> Iterator[str]:
    yield "-- Handshakes cost much, so an address opens so many connections and no more."
    yield f"setMaxTCPConnectionsPerClient({MAX_CONNECTIONS})"
    yield "-- From dnsdist 2.0 on also so many a second, and an IPv6 prefix counts as one address."
    yield "if setMaxTLSNewSessionRatePerClient then"
    yield f"  setTCPConnectionsMaskV6({IPV6_PREFIX})"
    yield f"  setMaxTCPConnectionRatePerClient({CONNECTION_RATE})"
    yield f"  setMaxTLSNewSessionRatePerClient({HANDSHAKE_RATE})"
    yield f"  setTCPConnectionRateInterval({RATE_MINUTES})"
    yield f"  setBanDurationForExceedingTCPTLSRate({BAN_SECONDS})"
    yield "end"


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
    source = f"source={_text(node.source)}, " if node.source else ""
    for at in node.resolvers:
        yield f'newServer({{address={_text(at)}, {source}pool={{"", "help"}}, {_CHECK}}})'
    yield "-- The same, which give the safe hosts of search engines to this address; no cache."
    for at in node.resolvers:
        source = f"source={_text(node.safe_source)}"
        yield f'newServer({{address={_text(at)}, {source}, pool="safe", {_CHECK}}})'
    yield "-- copdns, which learns the address and the household from a PROXY header."
    for at in node.copdns:
        yield f'newServer({{address={_text(at)}, pool="copdns", useProxyProtocol=true, {_CHECK}}})'
    yield "-- One cache for all.  Answers keep their TTL in it, which tells nobody who asked when."
    options = "dontAge=true"
    if node.mac_networks:  # the same question of two devices has one answer
        options += f", skipOptions={{{', '.join(map(str, MAC_OPTIONS))}}}"
    yield f'getPool(""):setCache(newPacketCache({node.cache_size}, {{{options}}}))'


# A name that nobody has, so that no resolver asks others for it (RFC 6761); once a second.
_CHECK: Final = 'checkName="health.invalid.", checkInterval=1, maxCheckFailures=2'


def _metrics(node: NodeSettings) -> Iterator[str]:
    yield "\n-- Blocks by layer and by category of a list, of all subscribers together, for the"
    yield "-- provider's quarterly report."
    for name in block_metrics(node.categories):
        yield f'declareMetric({_text(name)}, "counter", "blocks")'


def _tables(node: NodeSettings) -> Iterator[str]:
    yield "\n-- The tables, which copdns changes while they are read: a look-up sees whole commits."
    state = f"{node.folder}/{table_file(PlaneTable.STATE)}"
    yield f'local {PlaneTable.STATE} = newLMDBKVStore({_text(state)}, "")'
    strangers = [(tenant.networks, tenant.group) for tenant in node.tenants]
    below = f".{node.name}" if node.name else ""
    yield from road(node.folder, strangers, below if node.is_encrypted else None)


def _road(node: NodeSettings) -> Iterator[str]:
    yield from _elsewhere(node)
    yield "\n-- 0. A network that a query names (client subnet) goes no further: nobody is told"
    yield "--    where a subscriber is, and one answer is for all."
    yield f"addAction(EDNSOptionRule({SUBNET}), LuaFFIPerThreadAction([[{STRIP}]]))"
    yield "-- 1. Who asks for NSID is told the site and the revision, below."
    yield f'addAction(EDNSOptionRule({NSID}), SetTagAction("nsid", "1"))'
    yield "-- 2. Which lists is the name on, and is it protected?  Whose address is it, and which"
    yield "--    class has the group now?  What does the class do with these lists?  Help names and"
    yield "--    nearly all others end here, and go on to the cache or a resolver."
    if node.is_encrypted:
        yield "--    A query by UDP shows no token, and has a shorter way.  A wrong one is not"
        yield "--    answered, so that nobody takes what a line gets for what a child gets."
        about = _text("queries over HTTPS that showed no right token")
        yield f'declareMetric("{TURNED_AWAY}", "counter", {about})'
        yield "addAction(TCPRule(false), LuaFFIPerThreadAction(road))"
        yield "addAction(TCPRule(true), LuaFFIPerThreadAction(token_road))"
        by_https = f'AndRule{{TagRule("{WRONG}", "1"), HTTPPathRegexRule(".")}}'
        yield f'addAction({by_https}, HTTPStatusAction(404, "Not Found", "text/plain"))'
        yield f'addAction(TagRule("{WRONG}", "1"), DropAction())'
    else:
        yield "addAction(AllRule(), LuaFFIPerThreadAction(road))"
    yield from _macs(node)
    yield "-- 3. The household has rules about this name: copdns decides.  While none is there, the"
    yield "--    class does, and says so."
    yield 'local decides = AndRule{TagRule("household", "1"), PoolAvailableRule("copdns")}'
    yield 'addAction(decides, PoolAction("copdns"))'
    yield f'addAction(TagRule("household", "1"), LuaFFIPerThreadAction([[{EXPLAIN}]]))'
    yield "-- 4. A block by law says that there is no such name, the others that it has no address."
    yield "--    The road answers these itself; what it left is answered the same way here."
    for layer in BLOCK_ANSWERS:
        yield f'addAction(TagRule("done", "{layer}"), {block_action(layer)})'
    yield "-- 5. Search engines with their safe mode."
    yield f'addAction(TagRule("done", "{SAFE_SEARCH}"), PoolAction("safe"))'
    yield "-- 6. Hosts below help names that nothing blocked: as these, in no cache."
    yield 'addAction(TagRule("help", "1"), PoolAction("help"))'
    yield "-- 7. All else is answered from the cache, or by a resolver."
    yield from hashed_rules()
    yield from response_rules()
    yield from _told_blocks(node)
    yield "\n-- A copdns that cannot answer, as for a household that it cannot read just then,"
    yield "-- leaves a query to the class.  What that blocks stays without an answer."
    for instead, pool in (("open", ""), (SAFE_SEARCH, "safe")):
        rule = f'AndRule{{TagRule("instead", "{instead}"), RCodeRule(DNSRCode.SERVFAIL)}}'
        again = 'function(dr) dr:setTag("instead", ""); dr:setTag("household", ""); '
        end = f'dr.pool = "{pool}"; dr:restart(); return DNSResponseAction.None end'
        yield f"addResponseAction({rule}, LuaResponseAction({again}{end}))"
    yield "\n-- A safe host says that it is given in place of the engine; one that cannot be"
    yield "-- resolved, as when its signatures are wrong, says that alone."
    safe = f'TagRule("done", "{SAFE_SEARCH}"), NotRule(TagRule("household", "1"))'
    answered = "NotRule(RCodeRule(DNSRCode.SERVFAIL))"
    says = f"SetExtendedDNSErrorResponseAction({FORGED}, {_text(SAFE_SEARCH_TEXT)})"
    yield f"addResponseAction(AndRule{{{safe}, {answered}}}, {says})"
    yield "\n-- Answers about help names have one TTL: the rest of one tells when somebody asked."
    ttl = f"LimitTTLResponseAction({HELP_TTL}, {HELP_TTL})"
    yield f'addResponseAction(TagRule("help", "1"), {ttl})'


def _elsewhere(node: NodeSettings) -> Iterator[str]:
    if not node.is_public:
        return
    yield "\n-- From outside the networks of subscribers nothing is answered without a token:"
    yield "-- what comes by UDP can show none, and of all else the road of tokens asks for one."
    yield f"local elsewhere = NotRule(NetmaskGroupRule({_list(node.subscribers)}))"
    yield "addAction(AndRule{TCPRule(false), elsewhere}, DropAction())"
    yield f'addAction(elsewhere, SetTagAction("{AWAY}", "1"))'


def _told_blocks(node: NodeSettings) -> Iterator[str]:
    if not node.dnstap:
        return
    yield "\n-- Blocks by security are told, with the address, which may belong to an infected"
    yield "-- machine.  What a family or the law blocks is told to nobody."
    yield f"local told_to = newFrameStreamUnixLogger({_text(node.dnstap)})"
    log = f"DnstapLogResponseAction({_text(node.site)}, told_to)"
    ours = f"NotRule(NetmaskGroupRule({_list(list(_THIS_MACHINE))}))"
    if node.is_public:  # where a device is, nobody is told
        ours += f', NotRule(TagRule("{AWAY}", "1"))'
    blocked = f'AndRule{{TagRule("done", "{Layer.SECURITY}"), {ours}}}'
    yield f"addSelfAnsweredResponseAction({blocked}, {log})"
    inside = f'AndRule{{TagRule("{BLOCKED_INSIDE}", "{Layer.SECURITY}"), {ours}}}'
    yield f"addResponseAction({inside}, {log})"


def _macs(node: NodeSettings) -> Iterator[str]:
    yield "--    A MAC address counts where a router tells it.  Elsewhere the device itself wrote"
    yield "--    it, maybe that of another: an option that is none makes all of them say nothing."
    options = ", ".join(f"EDNSOptionRule({each})" for each in MAC_OPTIONS)
    told = f'TagRule("household", "1"), OrRule{{{options}}}'
    if node.mac_networks:
        told += f", NotRule(NetmaskGroupRule({_list(list(map(str, node.mac_networks)))}))"
    yield f'addAction(AndRule{{{told}}}, SetEDNSOptionAction({MAC_OPTIONS[0]}, "-"))'


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
    yield "-- Counters of all together, for rollouts and the quarterly report; no name and no"
    yield "-- address is among them."
    path = f"{node.folder}/{STATISTICS_FILE}"
    yield f"local counted = {_list([*COUNTERS, *block_metrics(node.categories)])}"
    yield "local begun = os.time()"
    yield "local function write_figures()"
    yield f'  local file = io.open({_text(path)}, "w")'
    yield "  if not file then return end"
    yield "  local found, lines = getStatisticsCounters(), {}"
    yield "  for _, each in ipairs(counted) do"
    yield '    if found[each] then lines[#lines + 1] = each .. " " .. tostring(found[each]) end'
    yield "  end"
    uptime = _text(UPTIME + " ")
    yield f'  lines[#lines + 1] = {uptime} .. string.format("%d", math.max(os.time() - begun, 0))'
    yield f"  lines[#lines + 1] = {_text(END)}"
    yield '  file:write(table.concat(lines, "\\n"), "\\n")'
    yield "  file:close()"
    yield "end"
    yield "function maintenance()"
    yield "  tell_nsid()"
    yield "  local lists = lists_now()  -- before they are read"
    yield "  read_hashed_ways()"
    yield "  forget_kept(lists)"
    yield "  pcall(write_figures)"
    yield "end"
    yield "maintenance()"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _list(texts: list[str]) -> str:
    return "{" + ", ".join(map(_text, texts)) + "}"


def _text(text: str) -> str:
    """Return a text in Lua; raise ValueError for one that would need escaping."""
    if not text.isascii() or not text.isprintable() or set(text) & {'"', "\\"}:
        raise ValueError(f"{text!r} must not stand in a configuration of dnsdist")
    return f'"{text}"'
