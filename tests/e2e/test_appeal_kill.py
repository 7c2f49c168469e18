"""An appeal outlives the program that is killed between any two of its steps, and a flood of them
costs only whoever makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import pytest

from copdns.appeals.appeal import Appeal, AppealState
from copdns.appeals.life import MOST_OPEN
from copdns.appeals.review import DecisionReason
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore
from tests.e2e.house import ADA, MIA, TOM, House, eventually, house
from tests.e2e.visitor import Page, Visitor, set_up

NAME = "chess.games.example"
FAMILY = {
    "id": "home",
    "profiles": {
        "mia": {"band": "7-9", "devices": {"mia-tablet": [MIA]}, "block": ["games.example"]},
        "tom": {"band": "13-15", "devices": {"tom-phone": [TOM]}, "block": ["games.example"]},
    },
}
YES, NO = DecisionReason.FAIR_ENOUGH, DecisionReason.ANOTHER_WAY
SAID = {"text": "Because."}


class Step(NamedTuple):
    """One step of an appeal.  By whom, at which path below it, with which form."""

    who: str
    path: str
    fields: dict[str, str]
    then: AppealState


LOOK = Step("ada", "/guardian/appeals/{}/look", {}, AppealState.SEEN)
REFUSE = Step(
    "ada",
    "/guardian/appeals/{}/decide",
    {"state": "refused", "reason": NO, **SAID},
    AppealState.REFUSED,
)
DISAGREE = Step("mia", "/ask/{}/disagree", {"words": "But it is chess!"}, AppealState.TALK)
GRANT = Step(
    "ada",
    "/guardian/appeals/{}/decide",
    {"state": "granted", "reason": YES, "lasts": "1h", **SAID},
    AppealState.GRANTED,
)
WITHDRAW = Step("mia", "/ask/{}/withdraw", {}, AppealState.WITHDRAWN)


class People(NamedTuple):
    mia: Visitor
    ada: Visitor

    def take(self, home: House, step: Step, appeal: str) -> Page:
        who: Visitor = getattr(self, step.who)
        return who.send(home.program, step.path.format(appeal), **step.fields)


@contextmanager
def living(folder: Path) -> Iterator[House]:
    with house(folder, {}, FAMILY) as home:
        yield home


def asked(home: House) -> People:
    """Let Mia pair her tablet and ask, and Ada have an account."""
    people = People(Visitor(MIA), Visitor(ADA))
    set_up(home.program, people.ada)
    people.mia.send(home.program, "/device")
    page = people.mia.send(home.program, "/ask", name=NAME, words="For the club.", wanted="1h")
    assert page.location.startswith("/ask/"), page.text
    return people


def stored(folder: Path) -> Appeal:
    async def work() -> tuple[Appeal, ...]:
        with HouseholdStore.open(folder / "data") as store:
            return await AppealStore(store).appeals("home")

    (found,) = asyncio.run(work())
    return found


def kill(home: House) -> None:
    home.program.process.kill()
    home.program.process.wait()


@pytest.mark.parametrize(
    "steps",
    [(LOOK, REFUSE, DISAGREE, GRANT), (LOOK, WITHDRAW)],
    ids=["disagreed with", "withdrawn"],
)
def test_nothing_is_lost_when_the_program_is_killed_between_two_steps(
    tmp_path: Path, steps: tuple[Step, ...]
) -> None:
    with living(tmp_path) as home:
        people = asked(home)
        kill(home)
    appeal = stored(tmp_path)
    assert (appeal.ask.name, appeal.ask.words) == (NAME, "For the club.")
    for step in steps:
        with living(tmp_path) as home:
            page = people.take(home, step, appeal.id)
            assert page.status == 303, page.text
            kill(home)
        appeal = stored(tmp_path)
        assert appeal.state is step.then
    if steps[-1] is GRANT:
        assert [each.state for each in appeal.answers] == [AppealState.REFUSED, AppealState.GRANTED]
        assert appeal.more_words == "But it is chess!"
        with living(tmp_path) as home:
            assert home.ask(NAME).data
            assert (
                "But it is chess!"
                in people.ada.open(home.program, f"/guardian/appeals/{appeal.id}").text
            )


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
def test_a_program_that_is_killed_in_the_middle_of_a_yes_has_given_all_of_it_or_nothing(
    tmp_path: Path, share: float
) -> None:
    """share: of the time that a step takes, after which it is killed."""
    with living(tmp_path) as home:
        people = asked(home)
        appeal = stored(tmp_path).id
        began = monotonic()
        people.take(home, LOOK, appeal)
        moment = share * (monotonic() - began)
        began = monotonic()
        connection = people.ada.begin(home.program, "POST", GRANT.path.format(appeal), GRANT.fields)
        eventually(lambda: monotonic() - began >= moment)
        kill(home)
        connection.close()
    state = stored(tmp_path).state
    assert state in (AppealState.SEEN, AppealState.GRANTED)
    with living(tmp_path) as home:
        assert bool(home.ask(NAME).data) is (state is AppealState.GRANTED)


def test_a_thousand_questions_in_a_minute_are_limited_and_cost_nobody_else_anything(
    tmp_path: Path,
) -> None:
    with living(tmp_path) as home:
        program = home.program
        mia, tom, ada = Visitor(MIA), Visitor(TOM), Visitor(ADA)
        set_up(program, ada)
        for each in (mia, tom):
            each.send(program, "/device")
        size = (tmp_path / "data" / "household.db").stat().st_size
        statuses = []
        slowest = 0.0
        for number in range(1000):
            statuses.append(mia.send(program, "/ask", name=f"n{number}.games.example").status)
            if number % 100 == 0:
                slowest = max(slowest, took(lambda: home.ask("open.example", source=TOM)))
        assert statuses.count(303) == MOST_OPEN
        assert statuses.count(429) == 1000 - MOST_OPEN
        assert slowest < 1
        page = tom.send(program, "/ask", name=NAME, words="I need it.")
        assert page.status == 303
        inbox = ada.open(program, "/guardian/inbox").text
        assert inbox.count('/look"') == MOST_OPEN + 1
        assert "I need it." in inbox
        assert (tmp_path / "data" / "household.db").stat().st_size <= size + (1 << 16)


def took(work: Callable[[], object]) -> float:
    began = monotonic()
    work()
    return monotonic() - began
