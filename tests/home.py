"""A whole home without sockets: bytes in, bytes out; upstream, clock and log are fakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import dns.edns
import dns.message
import dns.name
import dns.rdatatype

from copdns.app.grace_periods import ended_budgets, ending_schedules, grace_grants
from copdns.dns.cache import Cache
from copdns.dns.help_answers import HelpAnswers, help_keys, pack, unpack
from copdns.dns.query import Query
from copdns.lists.catalogue import Catalogue
from copdns.model.household import Household
from copdns.model.nat64 import Nat64
from copdns.model.times import Grant
from copdns.model.verdict import Requestor, Verdict
from copdns.policy.decide import Policy
from copdns.policy.judge import RebindingGuard
from copdns.policy.snapshot import Client, Snapshot
from copdns.privacy.recent_blocks import RecentBlocks, blocks_in
from copdns.server.answer import Resolver
from copdns.server.help_rounds import HelpRounds
from copdns.server.lazy_free import LazyFreeQueue
from copdns.server.metrics import Counters
from copdns.server.packet_cache import PacketCache
from copdns.server.recorder import Recorder
from copdns.time.clock import continues_when_wrong
from copdns.time.plan import PolicyInputs, ProfileKey, TimePlan
from tests.counting import Counting
from tests.fakes import FakeClock, FakeLog, FakeUpstream
from tests.household import DEFAULTS, NOW, asker, family, library, live
from tests.replies import ede_of

STRUCTURED = dns.edns.GenericOption(26, b"")  # "tell me in a structured way, and forge nothing"


class Told(NamedTuple):
    """What the recorder was told of one reply."""

    client: Client
    verdict: Verdict


class Listening(Recorder):
    """A recorder that also remembers what it was told last, help names included."""

    last: Told | None = None

    def record(
        self,
        client: Client,
        requestor: Requestor,
        query: Query,
        verdict: Verdict,
        reply: bytes,
        now: float,
        *,
        is_unlisted: bool = False,
    ) -> None:
        self.last = Told(client, verdict)
        super().record(client, requestor, query, verdict, reply, now, is_unlisted=is_unlisted)


class Reply(NamedTuple):
    """A reply as dnspython reads it, and the decision behind it (None: nobody was told)."""

    query: dns.message.Message
    message: dns.message.Message
    told: Told | None

    @property
    def verdict(self) -> Verdict:
        assert self.told is not None
        return self.told.verdict

    @property
    def rcode(self) -> str:
        return str(dns.rcode.to_text(self.message.rcode()))

    @property
    def data(self) -> list[str]:
        """The rdata of the type asked for, as text, in the order of the wire."""
        rtype = self.query.question[0].rdtype
        wanted = [
            rrset for rrset in self.message.answer if rtype in (rrset.rdtype, dns.rdatatype.ANY)
        ]
        return [str(rdata) for rrset in wanted for rdata in rrset]

    @property
    def ede(self) -> tuple[int, str] | None:
        return ede_of(self.message)

    @property
    def ttls(self) -> list[int]:
        rrsets = (*self.message.answer, *self.message.authority, *self.message.additional)
        return [rrset.ttl for rrset in rrsets]


MINUTE = 60


class Home:
    """One household behind a Resolver.  structured: its devices send option 26.

    lane: with a fast lane, which is looked into as `server/udp.py` does.
    timing: what the clock adds besides what the household says, by profile.
    fetches_help: while time goes by it asks for help names by itself, as a running program does.
    nat64: how its network translates for devices without IPv4.
    help_file: what the program wrote after the last round, and reads when it starts.
    """

    resolver_type = Resolver

    def __init__(
        self,
        house: Household | None = None,
        lists: Catalogue | None = None,
        *,
        upstream: FakeUpstream | None = None,
        timing: Mapping[str, TimePlan] | None = None,
        at: float = NOW,
        rebinding: RebindingGuard | None = None,
        structured: bool = False,
        lane: bool = False,
        fetches_help: bool = False,
        nat64: Nat64 | None = None,
    ) -> None:
        self.defaults = replace(DEFAULTS, nat64=nat64)
        self.clock = FakeClock(at)
        self.upstream = upstream or FakeUpstream()
        self.log = FakeLog()
        self.structured = structured
        self.house = house or family()
        self.timing = dict(timing or {})
        self._lists = lists or library()
        self._rebinding = rebinding or RebindingGuard()
        self._has_lane = lane
        self._fetches_help = fetches_help
        self.help_file: bytes | None = None
        self._start(Counting(self.house))

    def _start(self, counting: Counting) -> None:
        """Begin as a program does that was just started."""
        self.counting = counting
        self._in_use: dict[ProfileKey, tuple[Grant, ...]] = {}
        self._looked = self.clock.wall
        self.readings = self._read()
        self.counters = Counters()
        codes = map("CODE-{}".format, range(1, 10_000))
        self.recent = RecentBlocks(codes.__next__)
        self.recorder = Listening(
            self.counters,
            self.recent,
            self.log,  # type: ignore[arg-type]
            counting.ledger,
        )
        self.help_answers = HelpAnswers()
        if self.help_file is not None:
            self.help_answers.restore(unpack(self.help_file))
        self._rounds = HelpRounds(
            self.help_answers,
            self.upstream,
            self.clock,
            lambda: self._rebinding,
            Random(0).shuffle,
        )
        self.resolver = self.resolver_type(
            self._live(None),
            self.upstream,  # type: ignore[arg-type]
            Cache(),
            self.recorder,
            self.clock,
            self._rebinding,
            PacketCache(LazyFreeQueue()) if self._has_lane else None,
            None,
            self.help_answers,
        )
        if self._fetches_help:
            self.begin_fetching_help()

    def begin_fetching_help(self) -> None:
        """Ask for help names by itself from now on."""
        self._fetches_help = True
        self._fetch_help()

    def _read(self) -> PolicyInputs:
        return self._with_the_rest(self.counting.readings(self.clock.wall))

    def _with_the_rest(self, used: PolicyInputs) -> PolicyInputs:
        return replace(used, in_use=self._in_use, clock_is_wrong=self.clock.is_wrong)

    def _live(self, before: Snapshot | None) -> Snapshot:
        return live(
            self.house,
            self.timing,
            self.clock.wall,
            before,
            self._lists,
            self.defaults,
            readings=self.readings,
        )

    def change(self, house: Household | None = None, **timing: TimePlan) -> None:
        """Put another household, or a profile's other timing, in force."""
        self.house = self.counting.house = house or self.house
        self.timing |= timing
        self.readings = self._read()
        self.resolver.snapshot = self._live(self.resolver.snapshot)

    def restart(self, *, power_cut: bool = False, shows: float | None = None) -> None:
        """Go on with what is stored: the household, minutes of use, and what the clock showed.

        A power cut loses the minute that runs.  shows: what the machine's clock does afterwards.
        """
        seen = self._looked
        if not power_cut:
            self.counting.close(self.clock.wall)
            seen = self.clock.wall
        if shows is not None:
            self.clock.wall = shows
            self.clock.begin(seen, continues_when_wrong([self.house]))
        self._start(Counting(self.house, self.counting.stored.values()))

    def policy_at(self, who: str, now: float) -> Policy:
        """Return a profile's policy as it is at another moment, if nothing changes until then."""
        lists = self._lists
        return live(self.house, self.timing, now, None, lists).policy(self.house.id, who)

    def wait(self, seconds: float) -> None:
        """Let time go by, and do at each full minute what a running program does then."""
        while seconds > 0:
            step = min(seconds, MINUTE - self.clock.wall % MINUTE)
            self.clock.wait(step)
            self.look()
            if self._fetches_help:
                self._fetch_help()
            seconds -= step

    def leap(self, seconds: float) -> None:
        """Let time go by in one step, as while the machine sleeps: for days in which nobody asks
        for anything, of which each minute would be looked at in vain."""
        self.clock.wait(seconds)
        self.look()

    def _fetch_help(self) -> None:
        """Ask for all help names that are due by now, and write the file after each round."""
        while True:
            if self._rounds.is_over:
                self._rounds.begin(help_keys(self._lists.help_names))
            if self._rounds.ask_due() > 0:
                return
            self.upstream.deliver()
            if self._rounds.is_over:
                self.help_file = pack(self.help_answers.copy())

    def set_clock(self, wall: float) -> None:
        """Set the wall clock; the other one goes on."""
        self.clock.wall = wall
        self.clock.look()
        self.look()

    def look(self) -> None:
        """Count the minutes that are over, and put in force what follows from them and the date."""
        live, now = self.resolver.snapshot, self.clock.wall
        due = live.is_due(now)
        read = self.counting.fold(now, live)
        ends = [*ending_schedules(live, self._looked, now)]
        ends += ended_budgets(live, self.readings.used, read.used, now)
        for end in ends:
            names = self.counting.ledger.names_in_use(*end.who, now)
            self._in_use[end.who] = tuple(grace_grants(live.policy(*end.who), end, names))
        self._looked = now
        if due or ends or now < live.built_at or self._with_the_rest(read) != self.readings:
            self.change()

    def ask(
        self, who: str, name: str, rtype: str = "A", *, edns: bool = True, **more: Any
    ) -> Reply:
        """Ask as a person of the cast, or from an address; more: as for make_query, and tcp."""
        tcp = more.pop("tcp", False)
        options = [STRUCTURED] if self.structured else []
        if edns:
            more = {"use_edns": 0, "options": options, **more}
        query = dns.message.make_query(dns.name.from_text(name), rtype, **more)
        wire = self.send(query.to_wire(), asker(who, "tcp" if tcp else "udp"))
        assert wire is not None, f"no reply to {who} {name} {rtype}"
        return Reply(query, dns.message.from_wire(wire), self.recorder.last)

    def send(self, wire: bytes, by: Requestor) -> bytes | None:
        """Send a message and return its reply, at once or after the upstream spoke."""
        later: list[bytes] = []
        self.recorder.last = None
        if by.transport == "udp" and (known := self._by_lane(wire, by)) is not None:
            return known
        now = self.resolver.answer(wire, by, self.clock(), lambda reply, _: later.append(reply), 0)
        self.upstream.deliver()
        assert len(later) <= 1
        assert now is None or not later
        return later[0] if later else now or None

    def _by_lane(self, wire: bytes, by: Requestor) -> bytes | None:
        lane, moment = self.resolver.packet_cache, self.clock()
        if lane is None:
            return None
        lane.check_clock(moment)
        client = self.resolver.snapshot.identify(by)
        replies = lane.replies_for(client.policy)
        entry = replies.find(wire[2:])
        if entry is None or moment.mono >= entry.check_at or entry.unnoted & replies.bit:
            return None
        replies.tally_of(entry).add()
        if entry.cache_entry is not None:
            entry.cache_entry.recently_used = True
        return wire[:2] + entry.body

    def traces(self) -> object:
        """Return everything that could tell that something was looked up."""
        self.recorder.flush(self.clock.wall)
        counters = {
            name: repr(getattr(self.counters, name)) for name in dir(Counters) if name[0] != "_"
        }
        rings = self.recent._rings.items()  # looking at `blocks` would draw codes
        blocks = [(key, name, at) for key, ring in rings for name, _, at in blocks_in(ring)]
        rows, counts = list(self.log.rows), dict(self.log.counts)
        return counters, rows, counts, blocks, len(self.resolver.responses.cache)
