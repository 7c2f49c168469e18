"""Decisions of the reviewers' desk are lines of a chain: what somebody does to a row is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from copdns.appeals.review import DecisionReason
from copdns.model.errors import RegisterError
from copdns.provider.law.keys import ProviderKeys
from copdns.provider.staff.desk import (
    AGAIN_AFTER,
    CaseOrigin,
    CaseReason,
    DeskCase,
    ask_again,
    decide_case,
    with_target,
)
from copdns.provider.staff.desk_chain import KEPT_FOR
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.role_grants import RoleDuty
from tests.database_roles import give_role
from tests.provider_staff import REVIEWER

pytestmark = pytest.mark.once

YES, NO = DecisionReason.LIST_ERROR, DecisionReason.HARMFUL_CONTENT
SECOND = replace(REVIEWER, id="rev2")
OTHERS = tuple(replace(REVIEWER, id=each) for each in ("rev3", "rev4"))


class Desk:
    """A desk with three decided cases.  now: by the database's clock."""

    def __init__(self, conninfo: str, pool: PostgresPool, keys: ProviderKeys) -> None:
        self.conninfo = conninfo
        self.store = DeskStore(pool, keys)
        with psycopg.connect(conninfo) as owner:
            row = owner.execute("select cast(extract(epoch from now()) as bigint)").fetchone()
        assert row is not None
        self.now = int(row[0])
        self.store.begin_lines(self.now)
        self.numbers = [self.add(name) for name in ("club.example", "bets.example", "a.example")]
        for number in self.numbers[:2]:
            self.decide(number, YES)
            self.decide(number, YES, is_second=True)
        self.decide(self.numbers[2], NO)

    def add(self, name: str) -> int:
        kind = CaseOrigin.GUARDIAN, name, "casinos", name, CaseReason.HARMLESS
        case = with_target(DeskCase(0, "north", *kind, self.now, 0, ("rev", "rev2")))
        return self.store.add(case).number

    def decide(self, number: int, reason: DecisionReason, *, is_second: bool = False) -> None:
        who = SECOND if is_second else REVIEWER
        self.store.change(number, lambda case: decide_case(case, who, reason, self.now))

    def run(self, sql: str, *values: object) -> None:
        """Do something as who owns the tables, past all rights and checks."""
        with psycopg.connect(self.conninfo, autocommit=True) as owner:
            owner.execute("set search_path = copdns")
            owner.execute(sql.encode(), values)


@pytest.fixture
def desk(postgres: str, tmp_path: Path) -> Iterator[Desk]:
    keys = ProviderKeys(tmp_path)
    keys.make()
    with ProviderStore.connect(PostgresPool(postgres)) as households:
        apply_own_steps(households.pool, PROVIDER)
        staff = PostgresPool(give_role(postgres, households.pool, RoleDuty.STAFF))
        try:
            yield Desk(postgres, staff, keys)
        finally:
            staff.close()


def test_what_was_decided_fits_also_where_it_was_asked_again(desk: Desk) -> None:
    assert desk.store.verify(desk.now).lines == 5
    later = desk.now + AGAIN_AFTER + 1
    desk.store.change(
        desk.numbers[2], lambda case: ask_again(case, OTHERS, lambda ids, n: list(ids[:n]), later)
    )
    assert desk.store.verify(desk.now).lines == 6
    before = desk.store.verify(desk.now)
    desk.store.begin_lines(desk.now)
    assert desk.store.verify(desk.now) == before, "there were lines already"


@pytest.mark.parametrize(
    ("done", "told"),
    [
        # The rows that nodes read.
        ("update desk_decision set reason = 'harmful_content' where place = 1", "as its lines say"),
        ("update desk_decision set at = at + 1", "as its lines say"),
        ("update desk_decision set by = 'ada' where place = 0", "as its lines say"),
        ("delete from desk_decision where place = 1", "as its lines say"),
        ("delete from desk_decision", "as its lines say"),
        ("update desk_decision set place = 1 - place + 10", "as its lines say"),
        ("update desk_case set entry = 'other.example'", "as its lines say"),
        ("update desk_case set list = 'bets'", "as its lines say"),
        ("delete from desk_case", "is missing, though it was decided"),
        # The lines.
        ("update desk_entry set by = 'ada' where number = 2", "at line 2"),
        ("update desk_entry set at = at - 1 where number = 5", "at line 5"),
        ("update desk_entry set body = replace(body, 'list_error', 'way_round')", "at line 1"),
        ("delete from desk_entry where number = 3", "at line 3"),
        ("delete from desk_entry where number = 5", "are missing"),
        ("delete from desk_entry", "are missing"),
        (
            "update desk_entry set number = - number; update desk_entry set number = "
            "case number when -2 then 3 when -3 then 2 else - number end",
            "at line 2",
        ),
        # Their head.
        ("update desk_head set last = 4", "is not signed"),
        ("update desk_head set first = 2", "is not signed"),
        ("delete from desk_head", "are missing"),
        ("delete from desk_head; delete from desk_entry", "as its lines say"),
    ],
)
def test_what_is_altered_removed_or_moved_is_told(desk: Desk, done: str, told: str) -> None:
    for each in done.split(";"):
        desk.run(each)
    with pytest.raises(RegisterError, match=told):
        desk.store.verify(desk.now)


def test_a_decision_that_something_else_wrote_is_told(desk: Desk) -> None:
    number = desk.add("new.example")
    desk.run("insert into desk_decision values (%s, 0, 'rev', %s, 'list_error', '1')", number, 1)
    desk.run("insert into desk_decision values (%s, 1, 'rev2', %s, 'list_error', '1')", number, 1)
    desk.run("update desk_decision set at = %s where number = %s", desk.now, number)
    with pytest.raises(RegisterError, match=f"case {number} is not as its lines say"):
        desk.store.verify(desk.now)


def test_two_cases_that_changed_their_decisions_are_told(desk: Desk) -> None:
    one, _, other = desk.numbers
    desk.run("delete from desk_decision where number = %s", one)
    desk.run("update desk_decision set number = %s where number = %s", one, other)
    with pytest.raises(RegisterError, match="as its lines say"):
        desk.store.verify(desk.now)


def test_nothing_is_decided_over_lines_that_do_not_fit(desk: Desk) -> None:
    number = desk.add("new.example")
    desk.run("delete from desk_entry where number = 5")
    with pytest.raises(RegisterError, match="are missing"):
        desk.decide(number, YES)
    assert desk.store.find(number).decisions == ()


def test_a_program_without_the_keys_decides_nothing(desk: Desk) -> None:
    number = desk.add("new.example")
    without = DeskStore(desk.store._pool)
    with pytest.raises(RegisterError, match="decides nothing"):
        without.change(number, lambda case: decide_case(case, REVIEWER, YES, desk.now))


def test_old_lines_go_with_their_cases_and_the_rest_still_fits(desk: Desk) -> None:
    # As if the first case had been decided long ago, in a database that is as old.
    first = desk.numbers[0]
    desk.run("delete from desk_head")
    desk.run("delete from desk_entry")
    desk.run("update desk_decision set at = at - %s where number = %s", KEPT_FOR + 9, first)
    desk.run("update desk_case set asked = asked - %s where number = %s", 2 * KEPT_FOR, first)
    desk.store.begin_lines(desk.now)
    found = desk.store.verify(desk.now)
    assert found.lines == 5
    desk.run("delete from desk_case where number = %s", first)  # as a chore does
    assert desk.store.verify(desk.now).lines == 5
    desk.decide(desk.add("new.example"), NO)
    assert desk.store.verify(desk.now).lines == 4, "without its two"


def test_a_case_that_was_asked_again_is_there_until_others_had_time_to_decide(
    desk: Desk, postgres: str
) -> None:
    """It was asked long ago, its no is not that old, and what was decided does not count now."""
    number = desk.numbers[2]
    desk.run("update desk_case set asked = asked - %s where number = %s", KEPT_FOR + 9, number)
    desk.store.change(
        number, lambda case: ask_again(case, OTHERS, lambda ids, n: list(ids[:n]), desk.now)
    )
    with ProviderStore.connect(PostgresPool(postgres)) as families:
        assert DeskStore(families.pool).forget(desk.now) == 0
    assert desk.store.verify(desk.now).lines == 6


def test_who_decided_before_there_were_lines_has_one(desk: Desk) -> None:
    desk.run("delete from desk_head")
    desk.run("delete from desk_entry")
    desk.store.begin_lines(desk.now)
    assert desk.store.verify(desk.now).lines == 5
    with psycopg.connect(desk.conninfo) as owner:
        kinds = owner.execute("select distinct kind from copdns.desk_entry").fetchall()
        bodies = str(owner.execute("select body from copdns.desk_entry").fetchall())
    assert kinds == [("found",)]
    assert "example" not in bodies, "which site it was goes with the case"
