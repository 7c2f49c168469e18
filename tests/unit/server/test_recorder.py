"""Tests of what is counted and kept of a reply, and of what is not."""

from __future__ import annotations

from dataclasses import replace
from struct import pack

import pytest

from copdns.dns.query import Query, read_query
from copdns.model.bypass_signs import OTHERS_HEARD, Heard, SignKind
from copdns.model.household import Band, FullLogSpan, PrivacyMode, Profile
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Client
from copdns.privacy.list_counts import week_of
from copdns.privacy.recent_blocks import OwnedDevice, RecentBlocks
from copdns.privacy.retention import CountKey, LogRow
from copdns.server.metrics import Counters
from copdns.server.recorder import Recorder
from tests.fakes import FakeLog
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, asker, block, client, family, policy

ALLOWED = Verdict(Action.ALLOW, Reason.DEFAULT, 15)
BLOCKED = Verdict(Action.BLOCK, Reason.CATEGORY, 13, category="games", list="games-list")
HELP = Verdict(Action.ALLOW, Reason.PROTECTED, 4, is_untraced=True)
HOUR = int(NOW) // 3600


def query(name: bytes = b"\x01a\x07example\x00", qtype: int = 1) -> Query:
    return read_query(pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + name + pack("!HH", qtype, 1))


def reply(rcode: int = 0) -> bytes:
    return pack("!HHHHHH", 1, 0x8180 | rcode, 1, 0, 0, 0)


class Desk:
    """A recorder with all that it writes to."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.recent = RecentBlocks("CODE".__str__)
        self.log = FakeLog()
        self.recorder = Recorder(self.counters, self.recent, self.log)

    def tell(
        self,
        verdict: Verdict,
        of: Policy,
        asked: Query | None = None,
        now: float = NOW,
        device: str = "mia-phone",
        rcode: int = 0,
    ) -> None:
        self.recorder.record(
            client(of, device), asker("mia"), asked or query(), verdict, reply(rcode), now
        )

    def ring(self, device: str = "mia-phone", profile: str = "mia") -> list[str]:
        owned = OwnedDevice("home", profile, device)
        return [block.name for block in self.recent.blocks(owned, NOW)]

    def state(self) -> object:
        self.recorder.flush(NOW)
        counters = [repr(getattr(self.counters, name)) for name in dir(Counters) if name[0] != "_"]
        return counters, list(self.log.rows), dict(self.log.counts), self.ring()


def mode(privacy: PrivacyMode, profile: Profile = MIA) -> Policy:
    return policy(replace(profile, privacy=privacy))


def test_replies_are_counted_by_transport_rcode_reason_and_category() -> None:
    desk, of = Desk(), mode(PrivacyMode.COUNTS)
    desk.tell(ALLOWED, of)
    desk.tell(ALLOWED, of, rcode=3)
    desk.tell(BLOCKED, of)
    desk.recorder.flush(NOW)
    assert desk.counters.queries == {"udp": 3, "tcp": 0, "tls": 0, "https": 0, "quic": 0}
    assert (desk.counters.rcodes[0], desk.counters.rcodes[3]) == (2, 1)
    assert desk.counters.verdicts == {
        (Action.ALLOW, Reason.DEFAULT): 2,
        (Action.BLOCK, Reason.CATEGORY): 1,
    }
    assert desk.counters.categories == {"games": 1}


def test_what_was_passed_on_is_not_passed_on_again() -> None:
    desk, of = Desk(), mode(PrivacyMode.COUNTS)
    desk.tell(BLOCKED, of)
    desk.recorder.flush(NOW)
    desk.recorder.flush(NOW)
    desk.tell(BLOCKED, of)
    desk.recorder.flush(NOW)
    assert desk.counters.verdicts == {(Action.BLOCK, Reason.CATEGORY): 2}
    assert sum(desk.log.counts.values()) == 2


def test_of_many_tallies_some_are_passed_on_at_a_time_and_none_is_lost() -> None:
    desk, policies = Desk(), [mode(PrivacyMode.COUNTS, each) for each in (MIA, TOM, ADA)]
    passed = []
    for _ in range(4):
        for of in policies:
            desk.tell(BLOCKED, of)
        desk.recorder.flush(NOW, 2)
        passed.append(sum(desk.log.counts.values()))
    desk.recorder.flush(NOW, 2)
    assert passed == [2, 5, 8, 11]
    assert sum(desk.log.counts.values()) == 12


@pytest.mark.parametrize("what", ["other policies", "an erasure"])
def test_nothing_waits_when_somebody_may_be_gone(what: str) -> None:
    desk = Desk()
    for profile in (MIA, TOM, ADA):
        desk.tell(BLOCKED, mode(PrivacyMode.COUNTS, profile))
    if what == "an erasure":
        desk.log.erasures += 1
    else:
        desk.recorder.forget_policies()
    desk.recorder.flush(NOW, 1)
    assert sum(desk.log.counts.values()) == 3


def test_verdicts_that_counts_cannot_tell_apart_are_tallied_together() -> None:
    desk, of = Desk(), mode(PrivacyMode.COUNTS)
    for rule in ("a.example", "b.example"):
        desk.tell(replace(BLOCKED, rule=rule), of)
    desk.tell(BLOCKED, mode(PrivacyMode.COUNTS, ADA))
    assert sorted(each.count for each in desk.recorder._tallies.values()) == [1, 2]


def test_verdicts_that_counts_tell_apart_are_tallied_apart_in_any_order() -> None:
    desk, of = Desk(), mode(PrivacyMode.BLOCKED)
    kinds = [
        BLOCKED,
        replace(BLOCKED, category="gambling"),
        replace(BLOCKED, reason=Reason.SERVICE),
        replace(BLOCKED, list="another-list"),
        ALLOWED,
        replace(ALLOWED, log_only="boards"),
    ]
    for each in (*kinds, *kinds, *reversed(kinds)):
        desk.tell(replace(each, rule="a.example"), of)
        desk.tell(each, of, rcode=3)
    desk.recorder._take_counts(None)
    counts = {kind: each.count for (_, kind), each in desk.recorder._tallies.items()}
    assert len(counts) == 2 * len(kinds)
    assert {*counts.values()} == {3}


@pytest.mark.parametrize(
    ("privacy", "rows", "counts"),
    [
        (PrivacyMode.OFF, 0, 0),
        (PrivacyMode.COUNTS, 0, 2),
        (PrivacyMode.BLOCKED, 1, 2),
    ],
)
def test_a_profiles_mode_says_what_is_kept(privacy: PrivacyMode, rows: int, counts: int) -> None:
    desk, of = Desk(), mode(privacy)
    desk.tell(ALLOWED, of)
    desk.tell(BLOCKED, of)
    desk.recorder.flush(NOW)
    assert len(desk.log.rows) == rows
    assert sum(desk.log.counts.values()) == counts


def test_counts_are_kept_by_hour_reason_and_category() -> None:
    desk, of = Desk(), mode(PrivacyMode.COUNTS)
    desk.tell(BLOCKED, of)
    desk.tell(BLOCKED, of)
    desk.recorder.flush(NOW)
    assert desk.log.counts == {CountKey("home", "mia", HOUR, "block", "category", "games"): 2}


def test_a_full_log_keeps_every_name_with_its_second_and_device() -> None:
    full = FullLogSpan(int(NOW), int(NOW) + 60)
    desk, of = Desk(), policy(replace(MIA, privacy=PrivacyMode.OFF, full_log=full))
    for after in (-1, 0, 59, 60):
        desk.tell(ALLOWED, of, now=NOW + after)
    assert [(row.at, row.device, row.qname) for row in desk.log.rows] == [
        (int(NOW), "mia-phone", "a.example"),
        (int(NOW) + 59, "mia-phone", "a.example"),
    ]


def test_a_blocked_name_is_kept_once_in_five_minutes() -> None:
    desk, of = Desk(), mode(PrivacyMode.BLOCKED)
    for after in (0, 1, 299, 300):
        desk.tell(BLOCKED, of, now=NOW + after)
    assert [row.at for row in desk.log.rows] == [int(NOW), int(NOW) + 300]
    desk.tell(BLOCKED, of, query(qtype=28), NOW + 300)  # another type says more
    desk.tell(replace(BLOCKED, via="b.example"), of, now=NOW + 300)
    assert len(desk.log.rows) == 4


def test_a_row_without_room_is_counted_once_and_the_child_sees_the_block_all_the_same() -> None:
    desk, of = Desk(), mode(PrivacyMode.BLOCKED)
    waiting = desk.log.waiting
    waiting.capacity = 1
    for name in (b"\x01a\x00", b"\x01b\x00", b"\x01b\x00"):
        desk.tell(BLOCKED, of, query(name))
    desk.tell(replace(BLOCKED, rule="dnstype=AAAA"), of, query(b"\x01c\x00"))  # has no row
    assert ([row.qname for row in desk.log.rows], waiting.refused) == (["a"], 1)
    assert desk.ring() == ["c", "b", "a"]


def test_a_row_tells_what_was_decided_and_nobodys_address() -> None:
    desk = Desk()
    desk.tell(BLOCKED, mode(PrivacyMode.BLOCKED))
    assert desk.log.rows == [
        LogRow(
            int(NOW), "home", "mia", "", "a.example", 1, "block", "category", "games", "",
            "games-list", "", "",
        )
    ]  # fmt: skip


@pytest.mark.parametrize("privacy", [PrivacyMode.OFF, PrivacyMode.COUNTS, PrivacyMode.BLOCKED])
def test_the_last_blocks_of_a_childs_device_are_for_that_device_in_every_mode(
    privacy: PrivacyMode,
) -> None:
    desk = Desk()
    desk.tell(BLOCKED, mode(privacy))
    desk.tell(ALLOWED, mode(privacy), query(b"\x01b\x07example\x00"))
    assert desk.ring() == ["a.example"]


def test_grown_ups_and_devices_that_nobody_named_have_no_last_blocks() -> None:
    desk = Desk()
    desk.tell(BLOCKED, mode(PrivacyMode.COUNTS, ADA), device="ada-phone")
    desk.tell(BLOCKED, mode(PrivacyMode.COUNTS), device="")
    assert desk.ring("ada-phone", "ada") == desk.ring("") == []


@pytest.mark.parametrize("privacy", [PrivacyMode.OFF, PrivacyMode.COUNTS, PrivacyMode.BLOCKED])
@pytest.mark.parametrize(
    "verdict", [HELP, Verdict(Action.BLOCK, Reason.UPSTREAM_FILTERED, 16, is_untraced=True)]
)
def test_a_help_name_changes_nothing_at_all(privacy: PrivacyMode, verdict: Verdict) -> None:
    desk, full = Desk(), FullLogSpan(int(NOW) - 1, int(NOW) + 60)
    desk.tell(BLOCKED, mode(privacy))
    before = desk.state()
    for of in (mode(privacy), policy(replace(MIA, privacy=privacy, full_log=full))):
        desk.tell(verdict, of, query(b"\x04help\x07example\x00"))
    assert desk.state() == before


def test_what_cannot_be_read_is_counted_and_no_more() -> None:
    desk = Desk()
    desk.recorder.count_malformed()
    assert desk.counters.malformed == 1
    assert desk.counters.queries == {"udp": 0, "tcp": 0, "tls": 0, "https": 0, "quic": 0}


def test_policies_of_the_same_profile_before_and_after_a_change_are_counted_together() -> None:
    desk = Desk()
    for band in (Band.TO_9, Band.TO_12):
        desk.tell(BLOCKED, mode(PrivacyMode.COUNTS, replace(MIA, band=band)))
    desk.recorder.flush(NOW)
    assert list(desk.log.counts.values()) == [2]


@pytest.mark.parametrize("name", ["why.faith.example", "why.games.example", "time", "status"])
def test_why_a_name_is_blocked_is_asked_without_a_row_for_the_name(name: str) -> None:
    full = replace(MIA, full_log=FullLogSpan(int(NOW), int(NOW) + 60))
    home = Home(family(full, rules=(block("faith.example"),)))
    assert home.ask("mia", f"{name}.q.home.arpa", "TXT").data
    assert home.log.rows == []
    home.ask("mia", "faith.example")
    assert [row.qname for row in home.log.rows] == ["faith.example"]
    home.recorder.flush(NOW)
    assert sum(home.counters.queries.values()) == 2


# --- lists ----------------------------------------------------------------------------------------

TRIED = replace(ALLOWED, log_only="boards")
WEEK = week_of(NOW)


def listed(desk: Desk) -> dict[tuple[str, str], int]:
    desk.recorder.flush(NOW)
    found = desk.recorder.list_counts.take(NOW)
    assert all((each.household, each.week) == ("home", WEEK) for each in found)
    return {(each.list, each.kind): n for each, n in found.items()}


def test_what_a_list_blocks_or_would_block_is_counted_for_three_people_together() -> None:
    desk, of = Desk(), [mode(PrivacyMode.COUNTS, each) for each in (MIA, TOM, ADA)]
    for each in of[:2]:
        desk.tell(TRIED, each)
        desk.tell(BLOCKED, each)
        desk.tell(ALLOWED, each)
    assert listed(desk) == {}
    desk.tell(TRIED, of[2])
    desk.tell(BLOCKED, of[2])
    assert listed(desk) == {("boards", "log_only"): 3, ("games-list", "caught"): 3}
    assert all(key.action != "block" or key.category for key in desk.log.counts)


def test_nothing_of_a_person_is_counted_whose_mode_is_off() -> None:
    desk = Desk()
    for each, privacy in ((MIA, "counts"), (TOM, "counts"), (ADA, "off")):
        desk.tell(TRIED, mode(PrivacyMode(privacy), each))
    assert listed(desk) == {}


def test_what_waits_for_a_third_person_is_dropped_when_somebody_is_erased() -> None:
    desk = Desk()
    for each in (MIA, TOM):
        desk.tell(TRIED, mode(PrivacyMode.COUNTS, each))
    desk.recorder.flush(NOW)
    desk.log.erasures += 1
    desk.recorder.flush(NOW)
    desk.tell(TRIED, mode(PrivacyMode.COUNTS, ADA))
    assert listed(desk) == {}


def heard(
    verdict: Verdict, transport: str = "udp", name: bytes = b"\x03vpn\x07example\x00"
) -> Heard:
    """Return what is known of a device after one query."""
    desk, found = Desk(), Heard()
    desk.recorder.ways_round = {"vpn.example": SignKind.VPN, "dns.example": SignKind.RESOLVER}
    who = Client("home", "mia-phone", mode(PrivacyMode.COUNTS), True, found)
    requestor = asker("mia", transport)
    desk.recorder.record(who, requestor, query(name), verdict, reply(), NOW)
    return found


def state_of(found: Heard) -> tuple[bool, SignKind | None, bool]:
    return found.lately, found.way, found.proven


WAY_ROUND = Verdict(Action.BLOCK, Reason.BYPASS, 11, list="bypass")


@pytest.mark.parametrize(
    ("verdict", "transport", "name", "known"),
    [
        (ALLOWED, "udp", b"\x01a\x07example\x00", (True, None, False)),
        (WAY_ROUND, "udp", b"\x03vpn\x07example\x00", (True, SignKind.VPN, False)),
        (WAY_ROUND, "tcp", b"\x02eu\x03vpn\x07example\x00", (True, SignKind.VPN, True)),
        (WAY_ROUND, "tcp", b"\x03dns\x07example\x00", (True, SignKind.RESOLVER, True)),
        (WAY_ROUND, "tls", b"\x03vpn\x07example\x00", (True, SignKind.VPN, False)),  # by any page
        (WAY_ROUND, "https", b"\x03vpn\x07example\x00", (True, SignKind.VPN, False)),
        (WAY_ROUND, "tcp", b"\x04ours\x07example\x00", (True, None, False)),  # of another list
        (ALLOWED, "tcp", b"\x03vpn\x07example\x00", (True, None, False)),  # a guardian allows it
    ],
)
def test_of_a_device_it_is_noted_that_it_asked_and_whether_for_a_way_around(
    verdict: Verdict, transport: str, name: bytes, known: tuple[bool, SignKind | None, bool]
) -> None:
    assert state_of(heard(verdict, transport, name)) == known


def test_a_query_for_help_is_not_heard() -> None:
    assert state_of(heard(HELP)) == (False, None, False)
    untraced = replace(WAY_ROUND, is_untraced=True)
    assert state_of(heard(untraced, "tcp")) == (False, None, False)


def test_of_others_no_way_around_is_noted() -> None:
    desk = Desk()
    desk.recorder.ways_round = {"vpn.example": SignKind.VPN}
    desk.tell(WAY_ROUND, mode(PrivacyMode.COUNTS), query(b"\x03vpn\x07example\x00"))
    assert OTHERS_HEARD.way is None
