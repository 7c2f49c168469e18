"""Appeals come back as they were stored, and an answer is stored with all that it made."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.appeals.appeal import (
    Appeal,
    AppealKind,
    AppealMotive,
    AppealState,
    ContestedVerdict,
    WantedLength,
    contest,
)
from copdns.appeals.life import DAY, HOUR, MOST_OPEN
from copdns.appeals.list_errors import WrongEntry
from copdns.appeals.news import mark
from copdns.appeals.opening import ApprovalTerms, Decision
from copdns.appeals.review import VERSION, DecisionReason
from copdns.household.edits import remove_device, remove_profile
from copdns.model.errors import AppealError, AppealLimitError, HouseholdError, StoreError
from copdns.model.household import Household
from copdns.model.verdict import Action, Reason, Verdict
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore
from tests.household import family
from tests.unit.appealing import ADA, AT, KNOWN, SERVICES, TODAY, ask, budget, home, no, yes
from tests.unit.store.conftest import OpenStore

LOW = frozenset({"games"})


@pytest.fixture
async def households(open_store: OpenStore) -> AsyncIterator[HouseholdStore]:
    with open_store() as store:
        await store.create(home(budgets=(budget(),)), "ada", AT)
        yield store


@pytest.fixture
def store(households: HouseholdStore) -> AppealStore:
    return AppealStore(households)


@pytest.fixture
def raw(tmp_path: Path, store: AppealStore) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "household.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def filed(store: AppealStore, name: str = "games.example", now: int = AT) -> Appeal:
    return (await store.file("home", ask(name), now)).appeal


async def decided(
    store: AppealStore, appeal: Appeal, decision: Decision, now: int = AT + HOUR
) -> Appeal:
    return await store.decide("home", appeal.id, decision, ADA, KNOWN, SERVICES, now)


async def stored(households: HouseholdStore) -> Household:
    found = await households.household("home")
    assert found is not None
    return found


async def test_an_appeal_comes_back_with_everything_that_was_sent(store: AppealStore) -> None:
    to = contest(
        Verdict(
            *(Action.BLOCK, Reason.BUDGET, 9, "games", "tube", "games-list", "v1", "*.x.example"),
            *("via.example", 5.0, 9),
            period="play",
        ),
        3,
    )
    sent = ask("", kind=AppealKind.MINUTES, to=to, minutes=20, day=TODAY, words="أنا لم ألعب 🦊")
    found = (await store.file("home", sent, AT)).appeal
    assert found.ask == sent
    assert await store.appeal("home", found.id) == found
    assert await store.appeals("home") == (found,)


async def test_all_of_a_life_comes_back(store: AppealStore) -> None:
    first = await filed(store)
    await store.mark_seen("home", first.id, AT + 1)
    await decided(store, first, no(text="Later."))
    await store.disagree("home", first.id, "mia", "please", AT + DAY, second=False)
    last = await decided(store, first, yes(lasts=600), AT + DAY)
    assert await store.appeal("home", first.id) == last
    assert (last.state, last.seen, last.more_words) == (AppealState.LIMITED, AT + DAY, "please")
    assert [(each.state, each.text) for each in last.answers] == [
        (AppealState.REFUSED, "Later."),
        (AppealState.LIMITED, ""),
    ]
    assert last.answers[1].until == AT + DAY + 600


async def test_lists_are_by_person_and_state_the_newest_first(store: AppealStore) -> None:
    one, two = await filed(store, "a.example"), await filed(store, "b.example", AT + 1)
    tom = await store.file("home", ask("c.example", profile="tom", device="t"), AT + 2)
    await decided(store, one, no())
    found = await store.appeals("home", profile="mia")
    assert [each.id for each in found] == [two.id, one.id]
    assert await store.appeals("home", states=[AppealState.REFUSED]) == (found[1],)
    assert (await store.appeals("home", limit=1))[0] == tom.appeal
    assert await store.appeals("elsewhere") == ()
    assert await store.counts() == {AppealState.OPEN: 2, AppealState.REFUSED: 1}


async def test_a_yes_is_a_permission_a_revision_and_a_line_of_the_audit(
    households: HouseholdStore, store: AppealStore
) -> None:
    before = await stored(households)
    found = await decided(store, await filed(store), yes())
    after = await stored(households)
    (grant,) = after.grants
    assert found.answer is not None
    assert found.answer.made == (f"grant {grant.id}",)
    assert found.answer.policy == VERSION
    assert after.revision == before.revision + 1
    line = (await households.changes("home"))[-1]
    assert (line.revision, line.author) == (after.revision, "Ada")
    assert found.id in line.what
    assert "games.example" not in line.what  # the audit stays; what was asked for does not


async def test_a_no_changes_no_policy_and_is_in_the_audit(
    households: HouseholdStore, store: AppealStore
) -> None:
    before = await stored(households)
    found = await decided(store, await filed(store), no())
    assert found.state is AppealState.REFUSED
    assert await stored(households) == before
    line = (await households.changes("home"))[-1]
    assert (line.revision, line.what) == (before.revision, f"request {found.id} from mia: refused")


@pytest.mark.parametrize("decision", [no(None), yes(lasts=0), yes(everyone=True)])
async def test_an_answer_that_cannot_be_changes_nothing(
    households: HouseholdStore, store: AppealStore, decision: Decision
) -> None:
    first, before = await filed(store), await stored(households)
    with pytest.raises(AppealError):
        await decided(store, first, decision)
    assert await store.appeal("home", first.id) == first
    assert await stored(households) == before


async def test_two_answers_at_once_are_one(store: AppealStore, households: HouseholdStore) -> None:
    first = await filed(store)
    both = await asyncio.gather(
        decided(store, first, yes()), decided(store, first, no()), return_exceptions=True
    )
    said_yes, said_no = (not isinstance(each, AppealError) for each in both)
    assert said_yes is not said_no
    assert len((await stored(households)).grants) == said_yes


async def test_nobody_takes_back_or_disputes_for_somebody_else(store: AppealStore) -> None:
    first = await filed(store)
    with pytest.raises(AppealError):
        await store.withdraw("home", first.id, "tom", AT)
    with pytest.raises(AppealError):
        await store.disagree("home", first.id, "tom", "", AT, second=True)
    for elsewhere in ("other", ""):
        with pytest.raises(AppealError):
            await store.mark_seen(elsewhere, first.id, AT)
    assert await store.appeal("home", first.id) == first
    assert (await store.withdraw("home", first.id, "mia", AT)).state is AppealState.WITHDRAWN


async def test_a_device_that_nobody_named_is_told_what_to_do(store: AppealStore) -> None:
    with pytest.raises(AppealError, match="whose"):
        await store.file("home", ask(profile="guest", device=""), AT)


async def test_a_flood_from_one_device_is_limited_and_costs_the_others_nothing(
    store: AppealStore,
) -> None:
    limited = 0
    for number in range(1000):
        try:
            await store.file("home", ask(f"n{number}.example"), AT + number // 17)
        except AppealLimitError:
            limited += 1
    assert limited == 1000 - MOST_OPEN
    tom = await store.file("home", ask("chess.example", profile="tom", device="tom-phone"), AT + 60)
    assert tom.appeal.state is AppealState.OPEN


async def test_a_person_who_is_removed_takes_what_they_asked_along(
    households: HouseholdStore, store: AppealStore
) -> None:
    await decided(store, await filed(store), no(text="Later."))

    def edit(house: Household) -> Household:
        return remove_profile(replace(house, devices=(), budgets=()), "mia")

    await households.change("home", edit, author="ada", what="gone", now=AT)
    assert await store.appeals("home") == ()


async def test_nobody_is_removed_instead_of_answered(
    households: HouseholdStore, store: AppealStore
) -> None:
    await filed(store)

    def edit(house: Household) -> Household:
        return remove_profile(replace(house, devices=(), budgets=()), "mia")

    with pytest.raises(HouseholdError, match="answer it first"):
        await households.change("home", edit, author="ada", what="gone", now=AT)
    assert len(await store.appeals("home")) == 1


async def test_erasing_leaves_no_row(store: AppealStore, raw: sqlite3.Connection) -> None:
    await decided(store, await filed(store), no(text="Later."))
    assert await store.erase("home", "mia") == 1
    for table in ("appeal", "appeal_answer"):
        assert raw.execute(f"select count(*) from {table}").fetchone() == (0,)


async def test_erasing_is_no_way_to_make_a_question_go_away(
    store: AppealStore, tmp_path: Path
) -> None:
    """What waits keeps its place and its clock; the words go, from every page of the files."""
    words = "Elephants only I know"
    waiting = (await store.file("home", ask(words=words), AT)).appeal
    await store.erase("home", "mia")
    (left,) = await store.appeals("home", profile="mia")
    assert (left.id, left.state, left.ask.name) == (waiting.id, AppealState.OPEN, waiting.ask.name)
    assert (left.ask.words, left.more_words) == ("", "")
    assert await store.erase("home", "mia") == 0
    files = [*tmp_path.glob("household.db*")]
    assert files
    assert not any(b"Elephants" in each.read_bytes() for each in files)


async def test_removing_a_person_leaves_no_word_of_theirs_in_any_file(
    households: HouseholdStore, store: AppealStore, tmp_path: Path
) -> None:
    filed_by_mia = (await store.file("home", ask(words="Elephants only I know"), AT)).appeal
    await decided(store, filed_by_mia, no(text="Giraffes neither."))

    def without_mia(household: Household) -> Household:
        for each in household.devices:
            household = remove_device(household, each.id) if each.profile == "mia" else household
        return remove_profile(household, "mia")

    await households.change("home", without_mia, author="Ada", what="", now=AT)
    files = [*tmp_path.glob("household.db*")]
    assert files
    for words in (b"Elephants", b"Giraffes"):
        assert not any(words in each.read_bytes() for each in files)


# --- names that lists name wrongly ----------------------------------------------------------------


async def test_a_name_that_is_vouched_for_opens_for_everyone_and_tells_nobody_who_asked(
    households: HouseholdStore, store: AppealStore, raw: sqlite3.Connection
) -> None:
    rule = await store.open_list_error("home", "learn.example", ask().to, KNOWN, AT)
    assert (str(rule.target), rule.scope, rule.created % DAY) == ("learn.example", "", 0)
    assert (await stored(households)).rules[-1] == rule
    assert (await households.changes("home"))[-1].at % DAY == 0
    assert await store.open_list_error("home", "learn.example", ask().to, KNOWN, AT) == rule
    assert await store.appeals("home") == ()
    assert await store.list_errors("home") == (WrongEntry("learn.example", "games", "games"),)
    dump = "\n".join(raw.iterdump())
    assert all("mia" not in line for line in dump.splitlines() if "learn.example" in line)


async def test_names_that_were_decided_to_be_errors_are_kept_without_who_asked(
    store: AppealStore,
) -> None:
    wrong = Decision(
        AppealState.GRANTED, DecisionReason.LIST_ERROR, yes=ApprovalTerms(lasts=WantedLength.ALWAYS)
    )
    await decided(store, await filed(store), wrong)
    await decided(store, await filed(store, "other.example"), yes())
    assert await store.list_errors("home") == (WrongEntry("games.example", "games", "games"),)


# --- the clock ------------------------------------------------------------------------------------


async def test_what_waits_too_long_is_brought_up_once_and_opens_until_it_is_answered(
    households: HouseholdStore, store: AppealStore
) -> None:
    first = await filed(store)

    async def look(hours: int) -> list[tuple[bool, bool]]:
        found = await store.raise_overdue(LOW, KNOWN, SERVICES, AT + hours * HOUR)
        return [(each.remind, each.overdue) for _, each in found]

    assert [await look(hours) for hours in (1, 24, 25, 72, 73)] == [
        [],
        [(True, False)],
        [],
        [(False, True)],
        [],
    ]
    late = await store.appeal("home", first.id)
    assert late is not None
    assert (late.state, late.overdue) == (AppealState.ESCALATED, AT + 72 * HOUR)
    (grant,) = (await stored(households)).grants
    assert grant.id == late.provisional
    await decided(store, first, no(), AT + 80 * HOUR)
    (ended,) = (await stored(households)).grants
    assert ended.end == AT + 80 * HOUR


async def test_taking_back_what_is_open_meanwhile_closes_it(
    households: HouseholdStore, store: AppealStore
) -> None:
    first = await filed(store)
    await store.raise_overdue(LOW, KNOWN, SERVICES, AT + 72 * HOUR)
    await store.withdraw("home", first.id, "mia", AT + 73 * HOUR)
    (grant,) = (await stored(households)).grants
    assert grant.end == AT + 73 * HOUR


async def test_events_tell_of_each_state_until_somebody_says_that_they_did(
    store: AppealStore,
) -> None:
    first = await filed(store)
    for _ in range(2):
        ((_, found, before),) = await store.find_untold()
        assert (found, before) == (first, "")
    (new,) = await store.find_untold()
    await decided(store, first, no())
    await store.mark_told(new)
    ((_, found, before),) = await store.find_untold()
    assert (found.state, before) == (AppealState.REFUSED, mark(first))
    await store.mark_told((await store.find_untold())[0])
    assert await store.find_untold() == ()


async def test_texts_go_thirty_days_after_the_answer_and_the_rest_a_year_after(
    store: AppealStore, raw: sqlite3.Connection
) -> None:
    sent = ask("private.example", words="secret wish")
    first = (await store.file("home", sent, AT)).appeal
    waiting = await filed(store, "waits.example")
    await decided(store, first, no(text="kind words"))
    end = AT + HOUR
    assert await store.tidy(end + 30 * DAY) == 0
    assert await store.tidy(end + 30 * DAY + 1) == 1
    assert await store.tidy(end + 30 * DAY + 2) == 0
    dump = "\n".join(raw.iterdump())
    assert not any(each in dump for each in ("private.example", "secret wish", "kind words"))
    left = await store.appeal("home", first.id)
    assert left is not None
    assert left.state is AppealState.REFUSED
    assert left.ask.to == ContestedVerdict(Action.BLOCK, Reason.CATEGORY)
    assert (left.ask.device, left.ask.why) == ("", AppealMotive.OTHER)
    assert await store.tidy(end + 365 * DAY + 1) == 1
    assert await store.appeals("home") == (waiting,)


async def test_a_row_that_somebody_broke_is_told_with_its_place(
    store: AppealStore, raw: sqlite3.Connection
) -> None:
    first = await filed(store)
    raw.execute("update appeal set state = 'lost'")
    with pytest.raises(StoreError, match=f"table appeal, row '{first.id}'"):
        await store.appeals("home")


# --- killed at any moment -------------------------------------------------------------------------

ANSWER = """
import asyncio, os, signal, sys
from pathlib import Path
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore
from tests.unit.appealing import ADA, AT, KNOWN, SERVICES, yes

folder, appeal, left = Path(sys.argv[1]), sys.argv[2], [int(sys.argv[3])]

def count(statement):
    if statement.startswith("pragma"):  # one follows the commit
        return
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    with HouseholdStore.open(folder) as store:
        await store.run(lambda connection: connection.set_trace_callback(count))
        await AppealStore(store).decide("home", appeal, yes(), ADA, KNOWN, SERVICES, AT + 9)

asyncio.run(main())
print(left[0])
"""


def answering(folder: Path, appeal: str, statements: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ANSWER, str(folder), appeal, str(statements)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def test_a_killed_process_leaves_all_of_an_answer_or_nothing(
    households: HouseholdStore, store: AppealStore, tmp_path: Path
) -> None:
    first = await filed(store)
    before = await stored(households)
    most = 1000 - int(answering(tmp_path, (await filed(store, "b.example")).id, 1000).stdout)
    last = await stored(households)
    assert most > 5
    for statements in {0, 1, most // 2, most - 3, most - 2, most - 1}:
        done = answering(tmp_path, first.id, statements)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert await store.appeal("home", first.id) == first
        assert await stored(households) == last
    assert answering(tmp_path, first.id, most).returncode == 0
    found, after = await store.appeal("home", first.id), await stored(households)
    assert found is not None
    assert found.state is AppealState.GRANTED
    assert after.revision == before.revision + 2
    assert len(after.grants) == 2


def test_another_household_has_appeals_of_its_own(tmp_path: Path) -> None:
    async def both() -> None:
        with HouseholdStore.open(tmp_path) as households:
            await households.create(home(), "ada", AT)
            await households.create(replace(family(), id="bo"), "bo", AT)
            store = AppealStore(households)
            mine = (await store.file("home", ask(), AT)).appeal
            assert await store.appeals("bo") == ()
            with pytest.raises(AppealError):
                await store.withdraw("bo", mine.id, "mia", AT)

    asyncio.run(both())
