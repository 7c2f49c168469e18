"""A proposal waits until a guardian takes it over, and goes with the person."""

from __future__ import annotations

from functools import partial

from copdns.accounts.account import GuardianNotice, NoticeKind
from copdns.app.account_chores import event_of
from copdns.household.edits import remove_device, remove_profile
from copdns.model.events import EventKind, PersonEvent
from copdns.model.household import Band
from copdns.store.household_db.looks import Notices
from copdns.store.household_db.proposals import Proposal, Proposals
from tests.unit.account_values import NOW, House


def proposal(profile: str = "mia", band: Band = Band.TO_12) -> Proposal:
    return Proposal("home", profile, band, NOW + 86_400, "Ada", NOW)


async def test_one_is_kept_for_a_person_and_the_last_counts(house: House) -> None:
    kept = Proposals(house.thread)
    await kept.propose(proposal())
    await kept.propose(proposal(band=Band.TO_15))
    assert await kept.of("home", "mia") == proposal(band=Band.TO_15)
    assert await kept.of("home", "tom") is None
    assert await kept.of("bos", "mia") is None
    (*_, line) = await house.store.changes("home")
    assert line.what == "profile mia set: band 13-15 proposed"


async def test_it_can_be_taken_back_twice(house: House) -> None:
    kept = Proposals(house.thread)
    await kept.propose(proposal())
    await kept.drop("home", "mia")
    await kept.drop("home", "mia")
    assert await kept.of("home", "mia") is None


async def test_nothing_is_proposed_for_nobody(house: House) -> None:
    kept = Proposals(house.thread)
    await kept.propose(proposal("nobody"))
    assert await kept.of("home", "nobody") is None


async def test_it_goes_with_the_person(house: House) -> None:
    kept = Proposals(house.thread)
    await kept.propose(proposal())
    there = await house.store.household("home")
    assert there is not None
    for device in (each.id for each in there.devices if each.profile == "mia"):
        edit = partial(remove_device, device_id=device)
        await house.store.change("home", edit, author="Ada", what="gone", now=NOW)
    edit = partial(remove_profile, profile_id="mia")
    await house.store.change("home", edit, author="Ada", what="gone", now=NOW)
    assert await kept.of("home", "mia") is None


async def test_each_is_brought_up_once_when_its_day_has_come(house: House) -> None:
    kept, notices = Proposals(house.thread), Notices(house.thread)
    await kept.propose(proposal())
    await kept.remind(NOW + 86_399)
    assert await kept.due("home", NOW + 86_399) == ()
    assert not [each for each in await notices.all("home") if is_due(each)]
    for _ in range(2):
        await kept.remind(NOW + 86_400)
    assert await kept.due("home", NOW + 86_400) == (proposal(),)
    assert await kept.due("bos", NOW + 86_400) == ()
    (notice,) = [each for each in await notices.all("home") if is_due(each)]
    assert (notice.about, notice.author) == ("mia", "Ada")
    assert event_of(notice) == PersonEvent(EventKind.PROPOSAL_DUE, "home", "mia", NOW + 86_400)


async def test_another_proposal_is_brought_up_as_well(house: House) -> None:
    kept, notices = Proposals(house.thread), Notices(house.thread)
    await kept.propose(proposal())
    await kept.remind(NOW + 86_400)
    await kept.propose(proposal()._replace(since=NOW + 100_000))
    await kept.remind(NOW + 100_000)
    assert len([each for each in await notices.all("home") if is_due(each)]) == 2


def is_due(notice: GuardianNotice) -> bool:
    return notice.kind is NoticeKind.PROPOSAL_DUE
