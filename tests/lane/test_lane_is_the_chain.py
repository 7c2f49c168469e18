"""The fast lane changes nothing but speed.

Two homes are told and asked the same, one with a lane and one without: each reply has the same
octets, its TTLs too, and what is counted, noted and logged is the same, minutes of use too.  By
default 60,000 messages are sent; COPDNS_LANE says how many.  COPDNS_LANE_DIGEST names a file for
the number that all replies and traces give (`tests/lane/digest.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import dns.exception
import dns.message

from copdns.model.verdict import Reason
from tests.fakes import FakeClock
from tests.household import NOW
from tests.lane.chance import Chance
from tests.lane.digest import Digest
from tests.lane.twins import Sent, Twin
from tests.lane.world import Answers

ASKED = int(os.environ.get("COPDNS_LANE", "60000"))
DIGEST = os.environ.get("COPDNS_LANE_DIGEST")
LOOK = 100  # bursts between two looks at all that is kept


def happen(chance: Chance, fast: Twin, slow: Twin) -> None:
    """Let one thing happen in both homes, most often nothing."""
    both, state, lot = (fast, slow), fast.state, chance.lot.random()
    if lot < 0.012:
        chance.change(state)
        for each in both:
            each.change()
    elif lot < 0.014:
        chance.look_round(state)
        for each in both:
            each.look_round()
    elif lot < 0.016:
        chance.settings(state)
        for each in both:
            each.renew()
    elif lot < 0.018:
        chance.trust(state)
        for each in both:
            each.trust()
    elif lot < 0.06:
        for each in both:
            each.pass_on()
    elif lot < 0.062:
        for each in both:
            each.erased()
    elif lot < 0.064:
        for each in both:
            each.keep_house()


Replies = Mapping[str, Sequence[bytes]]


def difference(sent: Sequence[Sent], fast: Replies, slow: Replies) -> str:
    """Return what was asked, and said, where two homes said different things."""
    lines = [f"asked: {each.source} {each.transport} {_text(each.message)}" for each in sent]
    for who in sorted({*fast, *slow}):
        if fast.get(who) != slow.get(who):
            for what, replies in (("lane", fast), ("chain", slow)):
                lines += [f"{what} to {who}: {_text(each)}" for each in replies.get(who, ())]
    return "\n".join(lines)


def _text(wire: bytes) -> str:
    try:
        read = dns.message.from_wire(wire, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return wire.hex()
    return f"{wire[2:].hex()}\n{read}\n"


def test_with_and_without_the_lane_all_is_the_same() -> None:
    clock = FakeClock(NOW)
    chance, answers = Chance(7, clock), Answers(clock)
    state = chance.state()
    digest = Digest()
    with ExitStack() as stack:
        fast, slow = (
            stack.enter_context(closing(Twin(state, clock, answers, fast=each)))
            for each in (True, False)
        )
        bursts = used = 0
        while slow.sent < ASKED:
            happen(chance, fast, slow)
            chance.wait()
            for each in (fast, slow):
                each.look()
            sent, deliver = chance.burst(ASKED), chance.lot.random() < 0.95
            said, expected = (each.ask(sent, deliver=deliver) for each in (fast, slow))
            if said != expected:
                raise AssertionError(difference(sent, said, expected))
            if DIGEST:
                digest.add([(each.source, each.message, each.transport) for each in sent])
                digest.add(said)
            bursts += 1
            used += bool(slow.readings.used)
            if not bursts % LOOK:
                assert fast.traces() == slow.traces()
                if DIGEST:
                    digest.add(fast.traces())
        fast.ask([]), slow.ask([])
        assert fast.traces() == slow.traces()
        if DIGEST:
            digest.add(fast.traces())
            Path(DIGEST).write_text(f"{slow.sent} messages: {digest.hexdigest()}\n")
        assert used > bursts / 10
        assert slow.fast == 0
        assert fast.fast > fast.sent / 2
        assert {reason for _, reason in fast.counters.verdicts} == set(Reason)
