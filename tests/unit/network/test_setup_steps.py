"""The set-up: where it goes on, and when a house counts as protected."""

from __future__ import annotations

from pathlib import Path

from copdns.model.household import Household
from copdns.network.setup_steps import Check, SetupItem, SetupState, SetupStep, setup_progress
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.setup import Setups
from copdns.store.household_db.thread import StoreThread
from tests.household import NOW


def test_nothing_is_protected_before_anybody_looked() -> None:
    found = setup_progress(())
    assert (found.protects, found.next_step) == (False, SetupStep.PLACE)
    assert found.open_checks == tuple(Check)


def test_it_protects_once_every_check_passed_or_a_guardian_looked() -> None:
    items = [SetupItem(each, SetupState.PASSED) for each in Check if each is not Check.ALONE]
    assert setup_progress(items).open_checks == (Check.ALONE,)
    for state in (SetupState.FAILED, SetupState.UNKNOWN):
        assert not setup_progress([*items, SetupItem(Check.ALONE, state)]).protects
    assert setup_progress([*items, SetupItem(Check.ALONE, SetupState.CONFIRMED)]).protects


def test_it_goes_on_with_the_first_step_that_is_not_done() -> None:
    done = [SetupItem(each, SetupState.DONE) for each in (SetupStep.PLACE, SetupStep.CHILDREN)]
    assert setup_progress(done).next_step is SetupStep.SCHOOL
    assert setup_progress(SetupItem(each, SetupState.DONE) for each in SetupStep).next_step is None


async def test_what_was_kept_last_counts_and_a_persons_word_is_in_the_audit(tmp_path: Path) -> None:
    with HouseholdStore.open(tmp_path) as store, StoreThread.open(tmp_path) as thread:
        await store.create(Household("home", "Home"), "test", int(NOW))
        setups = Setups(thread)
        await setups.save("home", Check.LISTS, SetupState.FAILED, int(NOW), detail="2 are missing")
        await setups.save("home", Check.LISTS, SetupState.PASSED, int(NOW) + 1)
        await setups.save("home", Check.ALONE, SetupState.CONFIRMED, int(NOW), author="Ada")
        found = await setups.progress("home")
        assert found.items["lists"] == SetupItem("lists", SetupState.PASSED, "", int(NOW) + 1)
        assert (await setups.progress("other")).items == {}
        said = [(each.author, each.what) for each in await store.changes("home")]
        assert said[1:] == [("Ada", "setup: alone confirmed")]


def test_the_router_comes_before_the_devices_that_are_seen_by_it() -> None:
    order = tuple(SetupStep)
    assert order.index(SetupStep.ROUTER) + 1 == order.index(SetupStep.DEVICES)
