"""Stand-ins that behave: an upstream with scripted answers, a clock, a log without a disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from ipaddress import ip_address

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from copdns.dns.exchange import Exchange
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.query import CacheKey
from copdns.privacy.retention import CountKey, LogRow, WaitingRow, WaitingRows
from copdns.time.clock import Clock, LastSeen, Moment

NO_SUCH_NAME, SILENCE = "no such name", "silence"
BROKEN = "broken"  # SERVFAIL
FILTERED = "filtered"  # the answer is empty, and says so (RFC 8914 section 4.18)
TTL = 300  # seconds

# What a name has that the script does not know.
ANYWHERE: Mapping[str, object] = {"A": "198.51.100.1", "AAAA": "2001:db8::1"}
_SOA = "ns.example. hostmaster.example. 1 3600 600 86400 60"


class FakeClock:
    """Both clocks of a machine, moved by hand, and what copdns takes them for.

    wall: as copdns tells it, where the machine shows something that is surely wrong; to set it is
    to set the machine's.
    """

    def __init__(self, wall: float, mono: float = 1000.0) -> None:
        self._shows = wall
        self.mono = mono
        self._clock = Clock(lambda: self._shows, lambda: self.mono, lambda: False)

    def __call__(self) -> Moment:
        return self._clock()

    @property
    def wall(self) -> float:
        return self._clock().wall

    @wall.setter
    def wall(self, shows: float) -> None:
        self._shows = shows

    @property
    def is_wrong(self) -> bool:
        return self._clock.is_wrong

    def wait(self, seconds: float) -> None:
        self._shows += seconds
        self.mono += seconds
        self._clock.recheck()

    def begin(self, seen: float, goes_on: bool) -> None:
        """Compare with what an earlier run saw, as at a start."""
        self._clock.begin(LastSeen(seen), goes_on)

    def look(self) -> None:
        self._clock.recheck()


class FakeLog:
    """What a `QueryLog` was given, in the order it came."""

    def __init__(self) -> None:
        self.waiting = WaitingRows(1 << 40)
        self.counts: Counter[CountKey] = Counter()
        self.erasures = 0  # raise it when something is erased

    @property
    def rows(self) -> list[LogRow]:
        waiting = self.waiting.rows
        return [each.row() if isinstance(each, WaitingRow) else each for each in waiting]

    def count(self, key: CountKey, n: int = 1) -> None:
        self.counts[key] += n


Script = Mapping[str, object]
"""What an upstream says, by name: an address or several, `no such name`, `silence`, `broken`,
`filtered`, or rdata by type: {"CNAME": "b.example."}, where "ttl" and "filtered" (true) can stand
too."""


class FakeUpstream:
    """Answers with real messages when `deliver` is called, as `UpstreamClient` would later.

    script: what the usual upstream says; names that are not in it exist and have `ANYWHERE`.
    second: the upstream that is asked when the first filters a protected name.
    splits: scripts by the zone that has upstreams of its own.
    filtering: the usual upstream is known to block by answering 0.0.0.0 or ::.
    asked: every question that reached it.
    """

    def __init__(
        self,
        script: Script | None = None,
        second: Script | None = None,
        splits: Mapping[str, Script] | None = None,
        *,
        filtering: bool = False,
    ) -> None:
        self.script = script or {}
        self.asked: list[CacheKey] = []
        self.is_dead = False  # true: it never answers
        self._second = second
        self._splits = splits or {}
        self._filtering = filtering
        self._waiting: list[Exchange] = []

    def ask(self, exchange: Exchange, /) -> None:
        self.asked.append(exchange.key)
        exchange.attempts += 1
        self._waiting.append(exchange)

    def deliver(self) -> None:
        """Answer all that was asked, and what was asked because of it."""
        while self._waiting:
            asked = self._waiting.pop(0)
            answer = None if self.is_dead else self._answer(asked.key, asked.protected)
            asked.take_response(answer)

    def _answer(self, key: CacheKey, protected: bool) -> UpstreamResponse | None:
        script = self._splits.get(key.zone, self.script) if key.zone else self.script
        answer = answer_of(script, key.qname, key.qtype, filtering=self._filtering)
        if (
            protected
            and answer is not None
            and answer.facts.is_filtered
            and self._second is not None
        ):
            return answer_of(self._second, key.qname, key.qtype)
        return answer


def answer_of(
    script: Script, qname: str, qtype: int, *, filtering: bool = False
) -> UpstreamResponse | None:
    """Return what a script says, as read from the wire; None for silence."""
    wire = reply_of(script, qname, qtype)
    return None if wire is None else read_response(wire, filtering=filtering)


def reply_of(script: Script, qname: str, qtype: int) -> bytes | None:
    query = dns.message.make_query(dns.name.from_text(qname), qtype, use_edns=0)
    reply = dns.message.make_response(query, recursion_available=True)
    name, seen = qname, set()
    while name not in seen:
        seen.add(name)
        said = script.get(name, ANYWHERE)
        if said == SILENCE:
            return None
        if said == NO_SUCH_NAME:
            reply.set_rcode(dns.rcode.NXDOMAIN)
            break
        if said == BROKEN:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire()
        by_type = {} if said == FILTERED else _by_type(said)
        if said == FILTERED or by_type.get(FILTERED):
            ede = dns.edns.EDEOption(dns.edns.EDECode.FILTERED, "not for children")
            reply.use_edns(0, options=[ede])
        rtype = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(qtype))
        if rtype not in by_type and "CNAME" in by_type:
            _add(reply, name, "CNAME", by_type)
            name = _list(by_type["CNAME"])[0].rstrip(".").lower()
            continue
        if rtype in by_type:
            _add(reply, name, rtype, by_type)
        break
    if not any(rrset.rdtype == qtype for rrset in reply.answer):
        reply.authority.append(dns.rrset.from_text("example.", TTL, "IN", "SOA", _SOA))
    return reply.to_wire(max_size=65535, want_shuffle=False)  # else in another order each time


def _by_type(said: object) -> Mapping[str, object]:
    """Return rdata by type; bare addresses are A and AAAA records."""
    if isinstance(said, Mapping):
        return said
    found: dict[str, object] = {}
    for text in _list(said):
        rtype = "A" if ip_address(text).version == 4 else "AAAA"
        found[rtype] = [*_list(found.get(rtype, [])), text]
    return found


def _list(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _add(reply: dns.message.Message, name: str, rtype: str, by_type: Mapping[str, object]) -> None:
    ttl = int(str(by_type.get("ttl", TTL)))
    rrset = dns.rrset.from_text(f"{name}.", ttl, "IN", rtype, *_list(by_type[rtype]))
    reply.answer.append(rrset)
