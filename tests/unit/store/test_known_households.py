"""The households that a machine knew last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from copdns.model.errors import StoreError
from copdns.model.household import Household
from copdns.store.postgres.outbox import Moved
from copdns.store.provider_db.known_households import FILE, KnownHousehold, LastKnown
from tests.unit.households import households
from tests.whole import examples


@pytest.fixture
def known(tmp_path: Path) -> Iterator[LastKnown]:
    known = LastKnown(tmp_path)
    yield known
    known.close()


def home(name: str, revision: int = 1) -> Household:
    return Household(name, f"The {name}s", revision=revision)


@settings(max_examples=examples(50), deadline=None)
@given(households())
def test_a_household_is_the_same_when_it_is_read_again(household: Household) -> None:
    with TemporaryDirectory() as folder:
        known = LastKnown(Path(folder))
        known.note(household, 1_770_000_000.5)
        asyncio.run(known.write(1))
        assert known.all() == [KnownHousehold(household, 1_770_000_000.5)]
        known.close()


async def test_what_moved_is_gone_unless_it_was_read_anew_also_from_the_disk(
    known: LastKnown,
) -> None:
    for each in (home("ada"), home("bo"), home("mia", 2)):
        known.note(each, inf)
    await known.write(7)
    known.note(home("bo", 2), inf)
    known.forget([Moved("ada", 0), Moved("bo", 2), Moved("mia", 2)])
    await known.write(9)
    assert [each.household for each in known.all()] == [home("bo", 2), home("mia", 2)]
    assert [each.household for each in known.some(["ada", "mia"])] == [home("mia", 2)]
    left = b"".join(each.read_bytes() for each in known.path.parent.iterdir())
    assert b"The adas" not in left
    assert b"The mias" in left
    again = LastKnown(known.path.parent)
    assert again.position == 9
    again.close()


async def test_what_is_noted_while_all_are_deleted_is_kept(known: LastKnown) -> None:
    """As where the database is another one: what is read of that must not wait for a change."""
    known.note(home("ada"), inf)
    await known.write(7)
    known.note(home("mia"), inf)

    def note(statement: str) -> None:
        if statement.startswith("delete from known"):
            known.note(home("bo"), inf)

    known._connection.set_trace_callback(note)
    known.clear()
    known._connection.set_trace_callback(None)
    await known.write(8)
    assert [each.household.id for each in known.all()] == ["bo"]


async def test_of_too_many_those_go_that_were_read_longest_ago(tmp_path: Path) -> None:
    known = LastKnown(tmp_path, 2)
    for number, name in enumerate(("ada", "bo", "mia")):
        known.note(home(name), inf)
        await known.write(number)
    assert [each.household.id for each in known.all()] == ["bo", "mia"]
    known.close()


async def test_what_could_not_be_written_does_not_stay_as_it_was(known: LastKnown) -> None:
    known.note(home("ada"), inf)
    await known.write(1)
    known._connection.execute("alter table followed rename to away")
    known.note(replace(home("ada"), name="Changed", revision=2), inf)
    with pytest.raises(StoreError):
        await known.write(2)
    known._connection.execute("alter table away rename to followed")
    await known.write(3)
    assert known.is_empty


async def test_a_damaged_file_is_kept_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    known = LastKnown(tmp_path)
    assert known.is_empty
    assert known.position is None
    known.close()


async def test_a_file_that_turns_out_to_be_damaged_keeps_nothing_of_before(
    tmp_path: Path,
) -> None:
    known = LastKnown(tmp_path)
    for number in range(400):
        known.note(home(f"h{number}"), inf)
    await known.write(1)
    known.close()
    path = tmp_path / FILE
    octets = path.read_bytes()
    path.write_bytes(octets[:12288] + b"\xff" * (len(octets) - 12288))
    known = LastKnown(tmp_path)
    known.forget([Moved(f"h{number}", 0) for number in range(400)])
    known.note(home("ada"), inf)
    await known.write(2)
    assert [each.household.id for each in known.all()] == ["ada"]
    assert known.position == 2
    known.close()


async def test_what_was_noted_is_written_later_where_a_write_is_cut_off(known: LastKnown) -> None:
    known.note(home("ada"), inf)
    await known.write(1)
    known.forget([Moved("ada", 0)])
    with known._one_by_one:
        writing = asyncio.ensure_future(known.write(2))
        await asyncio.wait({writing}, timeout=0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    await known.write(2)
    assert known.is_empty
