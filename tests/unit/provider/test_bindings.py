"""An address is never another family's, whatever of the news is lost, late, or comes twice."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import pytest

from copdns.provider.address_blocks import AddressBlock, read_block
from copdns.provider.bindings import DOUBT, REMEMBERED, Bindings, SessionChange, SessionEvent

START, UPDATE, STOP = SessionChange.START, SessionChange.UPDATE, SessionChange.STOP
KEPT_FOR = 900.0
ADDRESS, PORT = "192.0.2.7", 5353
BLOCK = read_block(ADDRESS)
PREFIX = read_block("2001:db8:0:100::/56")


def event(
    kind: SessionChange,
    session: str,
    line: str,
    at: float,
    *blocks: AddressBlock,
    machine: str = "bng",
) -> SessionEvent:
    return SessionEvent(kind, machine, session, line, at, blocks or None)


@pytest.fixture
def bindings() -> Bindings:
    return Bindings(KEPT_FOR)


def test_a_session_has_its_addresses_from_its_start_to_its_stop(bindings: Bindings) -> None:
    changed = bindings.take(event(START, "1", "ada", 100, BLOCK, PREFIX), 100)
    assert changed == {BLOCK, PREFIX}
    assert bindings.line_at(ADDRESS, PORT, 101) == "ada"
    assert bindings.line_at("2001:db8:0:1ff::9", PORT, 101) == "ada"
    assert bindings.line_at("2001:db8:0:200::9", PORT, 101) == ""
    assert dict(bindings.lines(101)) == {BLOCK: "ada", PREFIX: "ada"}
    assert bindings.take(event(STOP, "1", "", 200), 200) == {BLOCK, PREFIX}
    assert bindings.line_at(ADDRESS, PORT, 201) == ""
    assert len(bindings) == 0


def test_lines_share_an_address_by_its_ports(bindings: Bindings) -> None:
    low, high = read_block(f"{ADDRESS}:1024-2047"), read_block(f"{ADDRESS}:2048-4095")
    bindings.take(event(START, "1", "ada", 100, low), 100)
    bindings.take(event(START, "2", "tom", 101, high), 101)
    found = [bindings.line_at(ADDRESS, port, 102) for port in (1023, 1024, 2047, 2048, 4095, 4096)]
    assert found == ["", "ada", "ada", "tom", "tom", ""]
    bindings.take(event(STOP, "1", "ada", 103), 103)
    assert bindings.line_at(ADDRESS, 1024, 104) == ""
    assert bindings.line_at(ADDRESS, 2048, 104) == "tom"


def test_a_lost_stop_ends_with_the_next_line_at_the_address(bindings: Bindings) -> None:
    bindings.take(event(START, "1", "ada", 100, BLOCK), 100)
    assert bindings.take(event(START, "2", "tom", 200, BLOCK), 200) == {BLOCK}
    assert bindings.line_at(ADDRESS, PORT, 201) == "tom"


def test_a_lost_stop_ends_with_the_next_session_of_its_line(bindings: Bindings) -> None:
    bindings.take(event(START, "1", "ada", 100, BLOCK), 100)
    there = read_block("192.0.2.8")
    assert bindings.take(event(START, "2", "ada", 200, there), 200) == {BLOCK, there}
    assert bindings.line_at(ADDRESS, PORT, 201) == ""


def test_a_lost_stop_ends_by_itself(bindings: Bindings) -> None:
    bindings.take(event(START, "1", "ada", 100, BLOCK), 100)
    bindings.take(event(UPDATE, "1", "ada", 400), 400)
    assert bindings.expire(1299) == frozenset()
    assert bindings.line_at(ADDRESS, PORT, 1299) == "ada"
    assert bindings.line_at(ADDRESS, PORT, 1300) == ""  # before anybody tidied up
    assert bindings.expire(1300) == {BLOCK}
    assert bindings.take(event(UPDATE, "1", "ada", 1400, BLOCK), 1400) == {BLOCK}
    assert bindings.line_at(ADDRESS, PORT, 1401) == "ada"  # only the news had been lost


def test_what_comes_late_changes_nothing(bindings: Bindings) -> None:
    first = event(START, "1", "ada", 100, BLOCK)
    bindings.take(event(START, "2", "tom", 200, BLOCK), 200)
    assert bindings.take(first, 210) == frozenset()
    assert bindings.take(event(UPDATE, "1", "ada", 150, BLOCK), 211) == frozenset()
    assert bindings.take(event(STOP, "1", "ada", 190), 212) == frozenset()
    assert bindings.line_at(ADDRESS, PORT, 220) == "tom"
    bindings.take(event(STOP, "2", "tom", 300), 300)
    assert bindings.take(event(UPDATE, "2", "tom", 299, BLOCK), 301) == frozenset()
    assert bindings.take(event(UPDATE, "2", "tom", 301, BLOCK), 301) == frozenset()
    assert bindings.line_at(ADDRESS, PORT, 302) == ""


def test_what_comes_twice_changes_nothing(bindings: Bindings) -> None:
    start = event(START, "1", "ada", 100, BLOCK)
    assert bindings.take(start, 100) == {BLOCK}
    assert bindings.take(start, 105) == frozenset()
    assert len(bindings) == 1


def test_an_update_that_is_older_than_another_does_not_give_back_what_was_left(
    bindings: Bindings,
) -> None:
    there = read_block("192.0.2.8")
    bindings.take(event(START, "1", "ada", 100, BLOCK), 100)
    assert bindings.take(event(UPDATE, "1", "ada", 200, there), 200) == {BLOCK, there}
    assert bindings.take(event(UPDATE, "1", "ada", 150, BLOCK), 201) == frozenset()
    assert bindings.line_at(ADDRESS, PORT, 202) == ""


def test_what_two_lines_claim_is_nobodys_until_one_of_them_is_heard_of(bindings: Bindings) -> None:
    bindings.take(event(START, "1", "ada", 100, BLOCK), 100)
    other = event(START, "7", "tom", 100 + DOUBT, BLOCK, machine="other")
    assert bindings.take(other, 102) == {BLOCK}
    assert bindings.line_at(ADDRESS, PORT, 103) == ""
    assert bindings.take(event(UPDATE, "7", "tom", 110, BLOCK, machine="other"), 110)
    assert bindings.line_at(ADDRESS, PORT, 111) == "tom"


def test_what_nobody_settles_is_forgotten(bindings: Bindings) -> None:
    bindings.take(event(START, "1", "ada", 100, BLOCK), 100)
    bindings.take(event(START, "2", "tom", 101, BLOCK), 101)
    bindings.expire(101 + KEPT_FOR)
    assert len(bindings) == 0


def test_a_block_that_covers_others_takes_their_place(bindings: Bindings) -> None:
    low, high = read_block(f"{ADDRESS}:0-99"), read_block(f"{ADDRESS}:100-199")
    bindings.take(event(START, "1", "ada", 100, low), 100)
    bindings.take(event(START, "2", "tom", 100, high), 100)
    assert bindings.take(event(START, "3", "mia", 200, BLOCK), 200) == {
        low,
        high,
        BLOCK,
    }
    assert {bindings.line_at(ADDRESS, port, 201) for port in (50, 150, 300)} == {"mia"}


def test_all_sessions_of_a_machine_are_over_when_it_begins_anew(bindings: Bindings) -> None:
    there = read_block("192.0.2.8")
    bindings.take(event(START, "1", "ada", 100, BLOCK), 100)
    bindings.take(event(START, "1", "tom", 100, there, machine="other"), 100)
    bindings.take(event(START, "2", "mia", 201, PREFIX), 201)  # after it, and known before
    assert bindings.restart("bng", 200, 202) == {BLOCK}
    assert bindings.line_at(ADDRESS, PORT, 203) == ""
    assert bindings.line_at("192.0.2.8", PORT, 203) == "tom"
    assert bindings.line_at("2001:db8:0:100::1", PORT, 203) == "mia"
    assert bindings.take(event(UPDATE, "1", "ada", 199, BLOCK), 204) == frozenset()
    # Numbers may begin anew as well.
    assert bindings.take(event(START, "1", "ben", 205, BLOCK), 205) == {BLOCK}
    assert bindings.take(event(STOP, "1", "ada", 150), 206) == frozenset()
    assert bindings.line_at(ADDRESS, PORT, 207) == "ben"


def test_a_number_that_another_line_gets_ends_the_session_before(bindings: Bindings) -> None:
    there = read_block("192.0.2.8")
    bindings.take(event(START, "1", "ada", 100, BLOCK), 100)
    assert bindings.take(event(START, "1", "tom", 200, there), 200) == {BLOCK, there}
    assert (bindings.line_at(ADDRESS, PORT, 201), bindings.line_at("192.0.2.8", PORT, 201)) == (
        "",
        "tom",
    )
    assert bindings.take(event(START, "1", "ada", 100, BLOCK), 202) == frozenset()
    assert bindings.take(event(UPDATE, "1", "mia", 300, BLOCK), 300) == {there}
    assert len(bindings) == 0


def test_a_prefix_within_another_lines_is_nobodys(bindings: Bindings) -> None:
    inner = read_block("2001:db8:0:100::/64")
    bindings.take(event(START, "1", "ada", 100, inner), 100)
    bindings.take(event(START, "2", "tom", 200, PREFIX), 200)
    assert bindings.line_at("2001:db8:0:100::1", PORT, 201) == ""
    assert bindings.line_at("2001:db8:0:101::1", PORT, 201) == "tom"
    assert [line for block, line in bindings.lines(201) if block == inner] == []


def test_a_clock_that_is_ahead_wins_nothing(bindings: Bindings) -> None:
    bindings.take(event(START, "1", "ada", 90_000, BLOCK), 100)
    bindings.take(event(START, "2", "tom", 200, BLOCK), 200)
    assert bindings.line_at(ADDRESS, PORT, 201) == "tom"
    assert bindings.line_at(ADDRESS, PORT, 200 + KEPT_FOR) == ""


def test_ends_are_forgotten_after_a_day(bindings: Bindings) -> None:
    for number in range(50):
        bindings.take(event(STOP, str(number), "", number), number)
    bindings.take(event(STOP, "7", "", 100), 100)
    bindings.restore_end(("bng", "kept"), 3, 4)  # older than what was told meanwhile
    assert bindings.forget_ends(REMEMBERED + 3) == {("bng", str(number)) for number in range(4)}
    assert ("bng", "kept") in bindings.forget_ends(REMEMBERED + 60)
    assert bindings.take(event(UPDATE, "7", "tom", 90, PREFIX), REMEMBERED + 61) == frozenset()
    assert bindings.take(event(UPDATE, "8", "ben", REMEMBERED, PREFIX), REMEMBERED + 61)


def test_a_machine_that_ends_much_at_once_is_doubted_in_all_that_it_told_before() -> None:
    blocks = [read_block(f"192.0.2.{number}") for number in range(100)]
    bindings = bindings_told_of(blocks)
    for number in range(20):
        stop = event(STOP, f"{number}", "", 10_000 + number)
        assert bindings.take(stop, 10_000 + number) == {blocks[number]}
    assert bindings.line_at("192.0.2.50", PORT, 10_021) == "line50"
    changed = bindings.take(event(STOP, "20", "", 10_021), 10_021)
    assert changed == {*blocks[20:]}
    assert bindings.line_at("192.0.2.50", PORT, 10_022) == ""
    assert dict(bindings.lines(10_022)) == {}
    update = event(UPDATE, "50", "line50", 10_030, blocks[50])
    assert bindings.take(update, 10_030) == {blocks[50]}
    assert bindings.line_at("192.0.2.50", PORT, 10_031) == "line50"


def test_where_news_may_be_lost_late_news_of_a_machine_not_heard_of_before_is_in_doubt(
    bindings: Bindings,
) -> None:
    bindings.doubt_all(100)
    bindings.take(event(UPDATE, "1", "ada", 99, BLOCK), 101)
    assert bindings.line_at(ADDRESS, PORT, 102) == ""
    assert bindings.take(event(UPDATE, "1", "ada", 102, BLOCK), 102) == {BLOCK}
    assert bindings.line_at(ADDRESS, PORT, 103) == "ada"


def bindings_told_of(blocks: Sequence[AddressBlock]) -> Bindings:
    """Return what holds when sessions began one after the other, a minute apart."""
    bindings = Bindings(KEPT_FOR * 100)
    for number, block in enumerate(blocks):
        at = 1000.0 + number * 60
        bindings.take(event(START, f"{number}", f"line{number}", at, block), at)
    return bindings


# --- a machine begins anew, and its sessions with it ---------------------------------------------

SESSIONS, SECONDS = 40_000, 300.0
LATE, LOST, TWICE = 0.01, 0.01, 0.01
MOMENT = 1_000_000.0  # when it begins anew


class Moved(NamedTuple):
    """bindings: what is known before.  owners: by address, whose it is afterwards, and from when.
    told: what the network tells, with when it comes."""

    bindings: Bindings
    owners: dict[str, tuple[str, float]]
    told: list[tuple[float, SessionEvent]]

    def is_right(self, address: str, now: float) -> bool:
        """Tell whether who asks from an address is no other than its owner, who has it by now."""
        line, since = self.owners[address]
        return now < since or self.bindings.line_at(address, PORT, now) in ("", line)


def move_all(lot: Random, *, stops: bool) -> Moved:
    """Have each line get another's address.  stops: the end of each former session is told."""
    addresses = [f"100.64.{number >> 8}.{number & 255}" for number in range(SESSIONS)]
    found = Moved(Bindings(KEPT_FOR), {}, [])
    for number, address in enumerate(addresses):
        start = event(START, f"a{number}", f"line{number}", MOMENT - 600, read_block(address))
        found.bindings.take(start, MOMENT - 600)
    lot.shuffle(addresses)
    for number, address in enumerate(addresses):
        at = MOMENT + 30 + lot.random() * SECONDS
        found.owners[address] = f"line{number}", at
        stop = event(STOP, f"a{number}", f"line{number}", MOMENT)
        start = event(START, f"b{number}", f"line{number}", at, read_block(address))
        for each in (stop, start) if stops else (start,):
            if lot.random() >= LOST:
                comes = each.at + (lot.random() * 60 if lot.random() < LATE else 0.1)
                found.told.append((comes, each))
                if lot.random() < TWICE:
                    found.told.append((comes + 5, each))
    found.told.sort(key=lambda each: each[0])
    return found


@pytest.mark.parametrize("restart", [True, False], ids=["with Accounting-On", "with each stop"])
def test_40_000_sessions_move_in_five_minutes_and_nobody_has_anothers(*, restart: bool) -> None:
    lot = Random(40_000)
    moved = move_all(lot, stops=not restart)
    if restart:
        moved.bindings.restart("bng", MOMENT, MOMENT + 1)
    addresses, now = [*moved.owners], MOMENT
    for now, each in moved.told:
        moved.bindings.take(each, now)
        assert moved.is_right(lot.choice(addresses), now)
    assert all(moved.is_right(each, now) for each in addresses)
    known = sum(bool(moved.bindings.line_at(each, PORT, now)) for each in addresses)
    assert known > 0.985 * SESSIONS
