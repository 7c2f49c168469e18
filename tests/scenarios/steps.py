"""What can stand under `steps` in a scenario: each reads its line, and plays it in a home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import dns.flags
from pydantic import Field

from copdns.dns.records import AAAA, CNAME, HTTPS, PTR, A
from copdns.household.edits import replace_household
from copdns.model.names import normalize
from copdns.model.verdict import Action, Reason
from copdns.policy.decide import explain
from copdns.privacy.recent_blocks import OwnedDevice
from tests.home import Home, Reply
from tests.household import BO, GUEST
from tests.scenarios import fits
from tests.scenarios.story import (
    ScenarioShape,
    Step,
    duration,
    household,
    lists_of,
    merged,
    moment,
)
from tests.scenarios.time_steps import (
    GrantNow,
    MakeTicket,
    MoreMinutes,
    MoveBedtime,
    PauseNow,
    Redeem,
    Remaining,
    Restart,
    SetClock,
    Unpause,
    Use,
    WeekOf,
)

WHO = {"guest": GUEST, "bo": BO}


class Ask(Step):
    """{ask: mia chess.example A, get: blocked}: a question, and what is expected of its answer.

    get: blocked, refused, failed, open (whatever there is), nothing (there is no such record),
    no such name, or the data of the type asked.  chain: the CNAME targets before it.
    upstream_asked: how often an upstream was asked for this.  no_trace: nothing at all changed.
    recursion: false: "tell me only what you know already", as `dig +norecurse` asks.
    """

    ask: str
    get: str | list[str]
    chain: list[str] | None = None
    reason: Reason | None = None
    step: int | None = None
    category: str | None = None
    service: str | None = None
    in_list: str | None = Field(None, alias="list")
    rule: str | None = None
    via: str | None = None
    until: str | None = None
    ede: int | None = None
    says: str | None = None
    rcode: str | None = None
    ttl: int | None = None
    ttl_at_most: int | None = None
    upstream_asked: int | None = None
    no_trace: bool = False
    tcp: bool = False
    edns: bool = True
    recursion: bool = True

    def play(self, home: Home, story: ScenarioShape) -> None:
        who, name, rtype = (*self.ask.split(), "A")[:3]
        before, asked = home.traces(), len(home.upstream.asked)
        flags = dns.flags.RD if self.recursion else 0
        reply = home.ask(WHO.get(who, who), name, rtype, edns=self.edns, tcp=self.tcp, flags=flags)
        fits.check(home, reply)
        self._compare_data(home, reply)
        self._compare_verdict(reply, story)
        assert reply.ede is None or self.ede is None or reply.ede[0] in (self.ede, 17)
        if not home.structured and self.edns:
            assert self.ede is None or (reply.ede and reply.ede[0]) == self.ede
            assert self.says is None or (reply.ede and reply.ede[1]) == self.says, reply.ede
            assert self.rcode is None or reply.rcode == self.rcode
        longest = max(reply.ttls, default=0)
        assert self.ttl is None or longest == self.ttl
        assert self.ttl_at_most is None or longest <= self.ttl_at_most
        if self.upstream_asked is not None:
            assert len(home.upstream.asked) - asked == self.upstream_asked
        if self.no_trace:
            assert home.traces() == before

    def _compare_data(self, home: Home, reply: Reply) -> None:
        action = reply.verdict.action
        match self.get:
            case "blocked":
                assert action is Action.BLOCK
            case "refused":
                assert reply.rcode == "REFUSED"
            case "failed":
                assert reply.rcode == "SERVFAIL"
            case "no such name":
                assert (reply.rcode, reply.message.answer) == ("NXDOMAIN", [])
                assert action is not Action.BLOCK
            case "nothing":
                assert (reply.rcode, reply.data) == ("NOERROR", [])
                assert action is not Action.BLOCK
            case "open":
                assert reply.rcode == "NOERROR"
                assert reply.data
                assert action is not Action.BLOCK
            case wanted:
                assert reply.rcode == "NOERROR"
                texts = [wanted] if isinstance(wanted, str) else wanted
                assert sorted(reply.data) == sorted(texts)
        if self.chain is not None:
            links = [rrset for rrset in reply.message.answer if rrset.rdtype == CNAME]
            assert [rrset[0].target.to_text()[:-1] for rrset in links] == self.chain

    def _compare_verdict(self, reply: Reply, story: ScenarioShape) -> None:
        fields = ("reason", "step", "category", "service", "rule", "via")
        wanted = {each: getattr(self, each) for each in fields} | {"list": self.in_list}
        wanted = {each: value for each, value in wanted.items() if value is not None}
        assert {each: getattr(reply.verdict, each) for each in wanted} == wanted
        if self.until is not None:
            assert reply.verdict.valid_until == moment(self.until, story.day), (
                reply.verdict.valid_until
            )


class Wait(Step):
    """{wait: 2h}"""

    wait: str

    def play(self, home: Home, story: ScenarioShape) -> None:
        home.wait(duration(self.wait))


class At(Step):
    """{at: 21:00}: wait until then."""

    at: str

    def play(self, home: Home, story: ScenarioShape) -> None:
        seconds = moment(self.at, story.day) - home.clock.wall
        assert seconds > 0, "that is in the past"
        home.wait(seconds)


class UpstreamIs(Step):
    """{upstream: dead}: from now on no upstream answers; {upstream: alive}: they do again."""

    upstream: Literal["dead", "alive"]

    def play(self, home: Home, story: ScenarioShape) -> None:
        home.upstream.is_dead = self.upstream == "dead"


class Change(Step):
    """{change: {profiles: {mia: {block: [a.example]}}}}: the house with more or other keys."""

    change: dict[str, Any]

    def play(self, home: Home, story: ScenarioShape) -> None:
        new = household(merged(story.house, self.change), lists_of(story))
        home.change(replace_household(home.house, new))


class Check(Step):
    """{check: mia a.example, says: {10: allow rule, 13: block category}, decides: 10}.

    says: action and reason of every step that has one to say; the others have nothing to say.
    """

    check: str
    says: dict[str, str]
    decides: int

    def play(self, home: Home, story: ScenarioShape) -> None:
        who, name, rtype = (*self.check.split(), "A")[:3]
        policy = home.resolver.snapshot.policy(home.house.id, who)
        qtype = {"A": A, "AAAA": AAAA, "HTTPS": HTTPS, "PTR": PTR}[rtype]
        steps = explain(policy, normalize(name), qtype, home.clock.wall)
        said = {
            str(each.number): f"{each.verdict.action} {each.verdict.reason}"
            for each in steps
            if each.verdict is not None
        }
        assert said == self.says
        assert [each.number for each in steps if each.is_decisive] == [self.decides]


class Ring(Step):
    """{ring: mia, names: [a.example]}: the last blocks that Mia's device shows, newest first."""

    ring: str
    names: list[str]

    def play(self, home: Home, story: ScenarioShape) -> None:
        owned = OwnedDevice(home.house.id, self.ring, f"{self.ring}-phone")
        blocks = home.recent.blocks(owned, home.clock.wall)
        assert [each.name for each in blocks] == self.names
        assert len({each.code for each in blocks}) == len(blocks)


class Kept(Step):
    """{kept: mia, rows: [a.example 18:00], counts: 3}: what the log has of a profile by now.

    rows: name and time of each; counts: how many look-ups in all.
    """

    kept: str
    rows: list[str]
    counts: int

    def play(self, home: Home, story: ScenarioShape) -> None:
        home.recorder.flush(home.clock.wall)
        rows = [row for row in home.log.rows if row.profile == self.kept]
        wanted = [each.split(maxsplit=1) for each in self.rows]
        assert [row.qname for row in rows] == [name for name, _ in wanted]
        assert [row.at for row in rows] == [moment(at, story.day) for _, at in wanted]
        counts = home.log.counts.items()
        assert sum(n for key, n in counts if key.profile == self.kept) == self.counts


KINDS: Mapping[str, type[Step]] = {
    "ask": Ask,
    "at": At,
    "bonus": MoreMinutes,
    "change": Change,
    "check": Check,
    "clock": SetClock,
    "credit": MoreMinutes,
    "grant": GrantNow,
    "kept": Kept,
    "left": Remaining,
    "pause": PauseNow,
    "redeem": Redeem,
    "restart": Restart,
    "ring": Ring,
    "ticket": MakeTicket,
    "unpause": Unpause,
    "bedtime": MoveBedtime,
    "upstream": UpstreamIs,
    "use": Use,
    "wait": Wait,
    "week": WeekOf,
}


def play(step: dict[str, Any], home: Home, story: ScenarioShape) -> None:
    """Play one step; its first key says which kind it is."""
    KINDS[next(iter(step))].model_validate(step).play(home, story)
