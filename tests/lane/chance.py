"""What the two homes are told and asked, drawn by lot: the same for the same seed."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from random import Random
from struct import pack
from typing import Any

from copdns.dns.records import DO, RD
from copdns.model.household import (
    Band,
    BlockMode,
    Contact,
    Default,
    FullLogSpan,
    Household,
    LocalName,
    NameRewrite,
    PrivacyMode,
    Profile,
    SplitUpstream,
)
from copdns.model.matchers import parse_matcher
from copdns.model.names import to_wire
from copdns.model.times import (
    EVERY_DAY,
    Budget,
    Grant,
    PauseSpan,
    Schedule,
    Slot,
    Subject,
    parse_subject,
)
from copdns.model.verdict import Reason
from copdns.policy.judge import RebindingGuard
from copdns.policy.snapshot import Sightings
from copdns.server.forwarders import NO_FORWARDERS, Forwarder, Forwarders
from copdns.time.plan import NO_TIME_PLAN, Closure, TimePlan
from tests.fakes import FakeClock
from tests.forwarding import own, proxied
from tests.household import ADA, MIA, TOM
from tests.lane.twins import Sent, State
from tests.lane.world import (
    DEVICES,
    FORWARDER,
    GUEST,
    MAC,
    NAMES,
    OFTEN,
    PLAIN,
    QTYPES,
    RULES,
    SOURCES,
    lists,
)
from tests.unit.messages import message, opt, option

HOT = 40  # messages that are sent again and again


class Chance:
    """Draws everything that happens."""

    def __init__(self, seed: int, clock: FakeClock) -> None:
        self.lot = Random(seed)
        self._clock = clock
        self._hot: list[Sent] = []

    def state(self) -> State:
        return State(self._household(), lists())

    # --- clocks -----------------------------------------------------------------------------------

    def wait(self) -> None:
        """Move the clocks, by fractions that add up exactly; now and then the wall clock jumps."""
        lot, clock = self.lot, self._clock
        kind = lot.random()
        if kind < 0.35:
            clock.wait(lot.randrange(64) / 1024)
        elif kind < 0.38:
            clock.wait(lot.randrange(2048) / 1024)
        elif kind < 0.40:
            clock.wait(lot.randint(1, 2))
        elif kind < 0.402:
            clock.wait(lot.randrange(400))
        if lot.random() < 0.004:
            seconds = lot.choice([1 + 1 / 1024, 2, 61, 3600, 4 * 3600 + 0.5])
            clock.wall += lot.choice([-1, 1]) * seconds

    # --- changes ----------------------------------------------------------------------------------

    def change(self, state: State) -> None:
        """Change something of what is in force."""
        if self.lot.random() < 0.4:
            state.house = self._household(state.house)
        else:
            self._time(state)

    def _household(self, before: Household | None = None) -> Household:
        lot = self.lot
        old = before.profiles if before else (MIA, TOM, ADA)
        every = before is None
        profiles = tuple(
            self._profile(each) if every or lot.random() < 0.4 else each for each in old
        )
        house = before or Household("home", "Example family", devices=DEVICES)
        house = replace(house, profiles=profiles)
        if every or lot.random() < 0.4:
            house = replace(house, rules=tuple(rule for rule in RULES if lot.random() < 0.5))
        if every or lot.random() < 0.3:
            house = replace(house, **self._shared())
        if every or lot.random() < 0.4:
            house = replace(house, **self._times())
        return house

    def _times(self) -> dict[str, Any]:
        """Draw what the household says about time, most of it around now."""
        return {
            "timezone": self.lot.choice(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
            "schedules": tuple(self._schedule(place) for place in range(self.lot.randrange(3))),
            "budgets": tuple(self._budget(place) for place in range(self.lot.randrange(4))),
            "pauses": self._some(self._pause())[: self.lot.randrange(2)],
            "grants": tuple(self._given(place) for place in range(self.lot.randrange(3))),
        }

    def _schedule(self, place: int) -> Schedule:
        lot = self.lot
        minute = (int(self._clock.wall) // 60 + lot.randint(-60, 5) + 60 * lot.randrange(24)) % 1440
        slot = Slot(frozenset({EVERY_DAY}), minute, lot.choice([1, 2, 60]))
        grace = lot.choice([0, 5])
        return Schedule(f"s{place}", self._scope(), (slot,), self._about(), grace=grace)

    def _budget(self, place: int) -> Budget:
        lot = self.lot
        minutes = (EVERY_DAY, lot.choice([0, 1, 3, 10, 30]))
        return Budget(f"b{place}", self._scope(), (minutes,), self._about(), lot.random() < 0.2)

    def _pause(self) -> PauseSpan:
        start = int(self._clock.wall) + self.lot.randint(-9, 9)
        end = self._perhaps(None, start + self.lot.choice([10, 60]))
        return PauseSpan(self.lot.choice(["mia", "tom"]), start, end, self.lot.random() < 0.5)

    def _given(self, place: int) -> Grant:
        about = self.lot.choice([None, *self._about()])
        who = self.lot.choice(["mia", "tom"])
        return replace(self._grant(), about=about, id=f"g{place}", profile=who, time=True)

    def _scope(self) -> str:
        return self.lot.choice(["", "mia", "tom"])

    def _about(self) -> tuple[Subject, ...]:
        every = ("category:games", "service:social", "list:ads-list", "www9.example")
        return tuple(map(parse_subject, self._some(*every))) if self.lot.random() < 0.7 else ()

    def _shared(self) -> dict[str, Any]:
        """Draw what the whole household has in common."""
        old = NameRewrite(
            parse_matcher("old.example"), self.lot.choice(["new.example", "localhost"])
        )
        return {
            "guest": self._perhaps("mia", ""),
            "protected": self._some("school.example"),
            "local_names": self._some(LocalName("printer.example", ("127.0.0.20",))),
            "rewrites": self._some(old),
            "split_upstreams": self._some(SplitUpstream("corp.example", ("127.0.0.53",))),
        }

    def _profile(self, old: Profile) -> Profile:
        lot, now = self.lot, int(self._clock.wall)
        return replace(
            old,
            band=lot.choice([Band.TO_9, Band.TO_15, Band.ADULT]),
            security=lot.random() < 0.8,
            categories=frozenset(self._some("games", "ads")),
            services=frozenset(self._some("social")),
            contacts=frozenset(self._some(Contact.STRANGERS)),
            contact_exceptions=frozenset(self._some("chat")),
            safe_search=self._some(("search", "strict"), ("video", "moderate")),
            no_safe_search=lot.random() < 0.5,
            bypass=lot.random() < 0.5,
            canaries=frozenset(self._some("canary")),
            default=lot.choice([Default.ALLOW] * 5 + [Default.ALLOWLIST]),
            block_mode=lot.choice([*BlockMode]),
            privacy=lot.choice([PrivacyMode.OFF, PrivacyMode.COUNTS, PrivacyMode.BLOCKED]),
            full_log=self._perhaps(
                FullLogSpan(now + lot.randint(-9, 9), now + lot.randint(10, 99)), None
            ),
            max_ttl=lot.choice([None, None, 1, 20]),
            always=tuple(map(parse_subject, self._some("www6.example", "service:chat"))),
            homework=tuple(map(parse_subject, self._some("school.example"))),
        )

    def _time(self, state: State) -> None:
        """Draw a profile's pauses, bedtimes and grants."""
        profile = self.lot.choice(state.house.profiles).id
        state.timing[profile] = self._perhaps(NO_TIME_PLAN, None) or TimePlan(
            tuple(self._closure() for _ in range(self.lot.randrange(3))),
            tuple(self._grant() for _ in range(self.lot.randrange(3))),
            tuple(map(parse_matcher, self._some("www8.example", "texts.example"))),
        )

    def _closure(self) -> Closure:
        start, end = self._stretch()
        reason = self.lot.choice([Reason.PAUSED, Reason.SCHEDULE, Reason.BUDGET])
        return Closure(reason, start, end, self._about())

    def _grant(self) -> Grant:
        start, end = self._stretch()
        name = parse_matcher(
            self.lot.choice(["games.example", "www1.example", "ads.example", "to-games.example"])
        )
        return Grant(name, start, end, start, self.lot.random() < 0.7, self.lot.random() < 0.5)

    def _stretch(self) -> tuple[float, float]:
        start = self._clock.wall + self.lot.randrange(-32 << 10, 32 << 10) / 1024
        return start, start + self.lot.choice([5, 30.25, 90, 900])

    def look_round(self, state: State) -> None:
        seen = {GUEST: MAC} if self.lot.random() < 0.5 else {}
        state.sightings = Sightings(neighbours=seen)

    def settings(self, state: State) -> None:
        self.trust(state)
        allowed = self._some(ip_network("192.168.1.0/24"))
        state.rebinding = RebindingGuard(
            self.lot.random() < 0.9, allowed, self._some("both.example")
        )

    def trust(self, state: State) -> None:
        listed = Forwarder(ip_network(FORWARDER), proxy=True, mac=True)
        state.forwarders = self._perhaps(Forwarders([listed]), NO_FORWARDERS)

    def _perhaps(self, one: Any, other: Any) -> Any:
        return one if self.lot.random() < 0.3 else other

    def _some(self, *each: Any) -> tuple[Any, ...]:
        return tuple(one for one in each if self.lot.random() < 0.6)

    # --- questions --------------------------------------------------------------------------------

    def burst(self, most: int) -> list[Sent]:
        """Draw what is asked at once; most of it was asked a moment ago."""
        lot = self.lot
        count = 100 if lot.random() < 0.002 else lot.randint(1, 20)
        return [self._asked() for _ in range(min(count, most))]

    def _asked(self) -> Sent:
        lot = self.lot
        if len(self._hot) < HOT or lot.random() < 0.06:
            sent = self._new()
            if len(self._hot) < HOT:
                self._hot.append(sent)
            elif lot.random() < 0.2:
                self._hot[lot.randrange(HOT)] = sent
        else:
            sent = self._hot[int(HOT * lot.random() ** 4)]
        asked = sent.message
        if not asked.startswith(b"\r\n"):  # no PROXY header
            asked = lot.randbytes(2) + asked[2:]
        return sent._replace(message=asked, transport="tcp" if lot.random() < 0.02 else "udp")

    def _new(self) -> Sent:
        source = self.lot.choices(SOURCES, OFTEN)[0]
        asked = self._question()
        if self.lot.random() < 0.02:
            head = self._perhaps(own(), proxied(source))
            return Sent(FORWARDER, head + asked)
        if self.lot.random() < 0.02:
            return Sent(source, self._broken(asked))
        return Sent(source, asked)

    def _question(self) -> bytes:
        """Draw a message that is a question, and nearly always a plain one."""
        lot = self.lot
        name = lot.choice(PLAIN) if lot.random() < 0.4 else lot.choice(NAMES)
        wire = to_wire(name) if lot.random() < 0.98 else b"\x03a.b\x02\0\xff\x07example\0"
        if lot.random() < 0.3:
            wire = bytes(lot.choice([o, o ^ 0x20]) if chr(o).isalpha() else o for o in wire)
        qtype = lot.choices([*QTYPES], [*QTYPES.values()])[0]
        qclass = 1 if lot.random() < 0.99 else lot.choice([3, 255])
        flags = (RD if lot.random() < 0.97 else 0) | self._flags()
        edns = [self._edns()] if lot.random() < 0.7 else []
        return message(wire + pack("!HH", qtype, qclass), flags=flags, additional=edns)

    def _flags(self) -> int:
        """Draw AD, CD, and bits that mean nothing in a question."""
        lot = self.lot
        return sum(bit for bit in (0x20, 0x10) if lot.random() < 0.15) + (
            lot.choice([0x40, 0x80, 0x0200, 0x0400, 3]) if lot.random() < 0.02 else 0
        )

    def _edns(self) -> bytes:
        lot = self.lot
        options = b""
        if lot.random() < 0.2:
            options += option(10, lot.randbytes(8))  # a cookie
        if lot.random() < 0.1:
            options += option(26)  # structured errors
        if lot.random() < 0.1:
            options += option(12, bytes(lot.choice([8, 100, 440, 468, 600])))  # padding
        if lot.random() < 0.05:
            options += option(8, b"\0\1\x18\0\xc6\x33\x64")  # client subnet
        ttl = (DO if lot.random() < 0.25 else 0) | (1 << 16 if lot.random() < 0.01 else 0)
        return opt(options, size=lot.choice([0, 512, 600, 1232, 1232, 1232, 4096, 65535]), ttl=ttl)

    def _broken(self, asked: bytes) -> bytes:
        """Make something else of a question."""
        return self.lot.choice(
            [
                asked[:-3],
                asked[:7],
                b"",
                asked[:2] + b"\x81" + asked[3:],  # a response
                asked[:2] + b"\x29" + asked[3:],  # UPDATE
                asked[:4] + b"\0\2" + asked[6:],  # two questions
                asked + bytes(4200),
                asked[:10] + b"\0\2" + asked[12:] + opt(),
            ]
        )
