"""When an age group was confirmed is stored with the household, and lasts as long as the person."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from copdns.household.ages import AgeConfirmation
from copdns.household.check import KnownIds
from copdns.household.edits import remove_profile, set_profile
from copdns.model.errors import HouseholdError
from copdns.model.household import Band
from copdns.store.db import open_database
from copdns.store.household_db.ages import Ages
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.migrations import HOUSEHOLD
from copdns.store.household_db.thread import StoreThread
from tests.household import MIA, TOM, family
from tests.unit.store.conftest import OpenStore
from tests.unit.store.earlier import household_before

AT = 1_795_518_000


@pytest.fixture
async def households(open_store: OpenStore) -> AsyncIterator[HouseholdStore]:
    with open_store() as store:
        await store.create(family(MIA, TOM, devices=()), "ada", AT)
        yield store


@pytest.fixture
def ages(households: HouseholdStore) -> Ages:
    return Ages(StoreThread(households))


async def test_whoever_chooses_an_age_group_confirms_it(
    households: HouseholdStore, ages: Ages
) -> None:
    assert (await ages.all("home"))["mia"] == AgeConfirmation(AT)
    for at, values in ((AT + 1, {"name": "Mia B."}), (AT + 2, {"band": Band.TO_12})):
        edit = partial(set_profile, profile_id="mia", known=KnownIds(), **values)
        await households.change("home", edit, author="ada", what="", now=at)
    found = await ages.all("home")
    assert found["mia"] == AgeConfirmation(AT + 2), "another name says nothing about the age"
    assert found["tom"] == AgeConfirmation(AT)
    younger = partial(set_profile, profile_id="tom", known=KnownIds(), band=Band.TO_12)
    await households.change("home", younger, author="ada", what="", now=AT + 3)
    assert (await ages.all("home"))["tom"] == AgeConfirmation(AT + 3), "it is announced"


async def test_a_guardian_and_the_person_can_say_that_it_is_right(
    households: HouseholdStore, ages: Ages
) -> None:
    await ages.say_right("home", "mia", AT + 5)
    assert (await ages.all("home"))["mia"] == AgeConfirmation(AT, AT + 5)
    await ages.confirm("home", "mia", "Ada", AT + 9)
    assert (await ages.all("home"))["mia"] == AgeConfirmation(AT + 9)
    (*_, last) = await households.changes("home")
    assert (last.author, last.what) == ("Ada", "age group 7-9 confirmed for mia")
    with pytest.raises(HouseholdError):
        await ages.confirm("home", "bo", "Ada", AT)


async def test_nothing_is_left_of_somebody_who_was_removed(
    households: HouseholdStore, ages: Ages
) -> None:
    edit = partial(remove_profile, profile_id="tom")
    await households.change("home", edit, author="ada", what="", now=AT)
    assert list(await ages.all("home")) == ["mia"]


def test_a_household_from_before_counts_from_the_update(tmp_path: Path) -> None:
    with household_before("0032", tmp_path / "old.db") as connection:
        columns = [row[1] for row in connection.execute("pragma table_info(profile)")]
        cells = [
            "7-9" if each == "band" else "home" if each == "household" else "" for each in columns
        ]
        cells[columns.index("id")] = "mia"
        connection.execute(f"insert into profile values ({', '.join('?' * len(cells))})", cells)
    now = int(time.time())
    with closing(open_database(tmp_path / "old.db", HOUSEHOLD)) as connection:
        (row,) = connection.execute("select profile, at, said from age_confirmed").fetchall()
    assert (row[0], row[2]) == ("mia", None)
    assert 0 <= row[1] - now < 60
