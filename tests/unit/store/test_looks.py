"""No look is hidden, and no guardian does behind the other's back what both must know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from copdns.accounts.account import (
    LOOK_LASTS,
    NOTICE_LASTS,
    SAME_LOOK_WITHIN,
    NoticeKind,
    ViewedPart,
)
from copdns.accounts.roles import CHOICE_LASTS, Actor, Balance, Role
from copdns.app.account_chores import AccountChores, event_of
from copdns.events.bus import EventBus
from copdns.model.events import AccountEvent, Event, EventKind, PersonEvent
from copdns.model.household import FullLogSpan, Household, PrivacyMode, Profile
from copdns.store.household_db.looks import Looks, Notices
from tests.unit.account_values import DAY, NOW, House


def with_mia(edit: Callable[[Profile], Profile]) -> Callable[[Household], Household]:
    def edited(household: Household) -> Household:
        profiles = (edit(each) if each.id == "mia" else each for each in household.profiles)
        return replace(household, profiles=tuple(profiles))

    return edited


async def test_a_look_is_kept_for_the_child_to_see(house: House) -> None:
    looks, ada = Looks(house.thread), await house.person("Ada", profile="ada")
    await looks.note(ada, "mia", ViewedPart.LOG, NOW)
    (found,) = await looks.of("home", "mia")
    assert (found.at, found.role, found.view, found.account) == (
        NOW,
        Role.GUARDIAN,
        ViewedPart.LOG,
        ada.id,
    )
    assert await looks.of("home", "tom") == ()
    assert await looks.of("bos") == ()


async def test_paging_through_a_log_is_one_look(house: House) -> None:
    looks, ada = Looks(house.thread), await house.person("Ada")
    other = await house.person("Other")
    for second in (0, 10, SAME_LOOK_WITHIN - 1):
        await looks.note(ada, "mia", ViewedPart.LOG, NOW + second)
    assert len(await looks.of("home", "mia")) == 1
    await looks.note(ada, "mia", ViewedPart.COUNTS, NOW + 1)
    await looks.note(other, "mia", ViewedPart.LOG, NOW + 1)
    await looks.note(ada, "mia", ViewedPart.LOG, NOW + SAME_LOOK_WITHIN)
    assert len(await looks.of("home", "mia")) == 4
    assert (await looks.of("home", "mia"))[0].at == NOW + SAME_LOOK_WITHIN


async def test_a_clock_that_is_set_back_hides_no_look(house: House) -> None:
    looks, ada = Looks(house.thread), await house.person("Ada")
    await looks.note(ada, "mia", ViewedPart.LOG, NOW)
    await looks.note(ada, "mia", ViewedPart.LOG, NOW - DAY)
    assert len(await looks.of("home", "mia")) == 2


async def test_a_look_at_oneself_is_none(house: House) -> None:
    looks = Looks(house.thread)
    await looks.note(Actor("home", "", "Mia", Role.CHILD, "mia"), "mia", ViewedPart.PAGE, NOW)
    await looks.note(await house.person("Ada", profile="ada"), "ada", ViewedPart.LOG, NOW)
    assert await looks.of("home") == ()


async def test_looks_outlive_the_account_and_end_after_a_year(house: House) -> None:
    looks, other = Looks(house.thread), await house.person("Other")
    await house.account("Ada")
    await looks.note(other, "mia", ViewedPart.LOG, NOW)
    await house.accounts.remove("home", other.id, None, NOW)
    assert len(await looks.of("home", "mia")) == 1
    assert await looks.tidy(NOW + LOOK_LASTS - 1) == 0
    assert await looks.tidy(NOW + LOOK_LASTS) == 1


async def test_no_full_log_begins_unseen_by_the_other_guardian(house: House) -> None:
    notices = Notices(house.thread)
    await house.account("Ada", Role.OWNER)
    other = await house.account("Other")
    before = {each.id for each in await notices.unseen("home", other.id)}
    full = FullLogSpan(NOW, NOW + DAY)
    await house.store.change(
        "home", with_mia(lambda mia: replace(mia, full_log=full)), author="Ada", what="x", now=NOW
    )
    (notice,) = [each for each in await notices.unseen("home", other.id) if each.id not in before]
    assert (notice.kind, notice.about, notice.author) == (NoticeKind.FULL_LOG, "mia", "Ada")
    assert event_of(notice) == PersonEvent(
        EventKind.FULL_LOG_ANNOUNCED, "home", "mia", NOW, NOW + DAY
    )
    await notices.mark_seen("home", other.id, [notice.id], NOW)
    await notices.mark_seen("home", other.id, [notice.id], NOW)
    assert notice not in await notices.unseen("home", other.id)
    # One that stays as it is, is no news.
    await house.store.change(
        "home", with_mia(lambda mia: replace(mia, name="M")), author="Ada", what="x", now=NOW
    )
    assert (await notices.all("home"))[0].id == notice.id


async def test_who_is_removed_at_the_console_is_told_to_all(house: House) -> None:
    notices = Notices(house.thread)
    ada, other = await house.account("Ada"), await house.account("Other")
    await house.accounts.remove("home", other.id, None, NOW)
    newest = (await notices.unseen("home", ada.id))[-1]
    assert (newest.kind, newest.about) == (NoticeKind.ACCOUNT_REMOVED, "Other")
    assert event_of(newest) == AccountEvent(EventKind.ACCOUNT_REMOVED, "home", "Other", NOW)


async def test_events_are_made_of_notices_once(house: House) -> None:
    notices = Notices(house.thread)
    await house.account("Ada")
    untold = await notices.find_untold()
    assert [each.kind for each in untold] == [NoticeKind.ACCOUNT_ADDED]
    await notices.mark_told(each.id for each in untold)
    assert await notices.find_untold() == ()
    assert await Looks(house.thread).tidy(NOW + NOTICE_LASTS) == 1


async def test_nobody_sees_anothers_notices_away(house: House) -> None:
    notices = Notices(house.thread)
    ada = await house.account("Ada")
    bo = await house.account("Bo", household="bos")
    (notice,) = await notices.unseen("home", ada.id)
    await notices.mark_seen("bos", bo.id, [notice.id], NOW)
    assert await notices.unseen("home", ada.id) == (notice,)


# --- two guardians who want something differently -------------------------------------------------


def preset(profile: Profile) -> Profile:
    return replace(profile, privacy=PrivacyMode.BLOCKED, bypass=True)


async def sets(house: House, account: str, now: int = NOW, **values: object) -> Profile:
    after = await house.store.change(
        "home",
        with_mia(lambda mia: replace(mia, **values)),  # type: ignore[arg-type]
        author=account,
        what="set",
        now=now,
        balance=Balance(account, preset),
    )
    mia = after.profile("mia")
    assert mia is not None
    return mia


@pytest.mark.parametrize(("chosen", "who"), [(False, ""), (True, "mia")])
async def test_which_child_wants_to_talk_is_told_only_where_somebody_chose_that(
    house: House, chosen: bool, who: str
) -> None:
    await Notices(house.thread).note_wish_to_talk("home", "mia", "Mia", NOW)
    events, heard = EventBus(lambda *_: False), list[Event]()
    events.subscribe(heard.append)
    await AccountChores(house.thread, lambda: NOW, lambda: chosen).tell(events)
    assert heard == [PersonEvent(EventKind.WANTS_TO_TALK, "home", who, NOW)]


@pytest.fixture
async def two(house: House) -> tuple[str, str]:
    return (await house.account("Ada")).id, (await house.account("Other")).id


async def test_what_two_set_differently_is_the_presets(house: House, two: tuple[str, str]) -> None:
    ada, other = two
    assert (await sets(house, ada, privacy=PrivacyMode.OFF)).privacy is PrivacyMode.OFF
    after = await sets(house, other, privacy=PrivacyMode.COUNTS, block_mode="refused")
    assert after.privacy is PrivacyMode.BLOCKED
    assert after.block_mode == "refused"  # about which they do not differ
    newest = (await Notices(house.thread).all("home"))[0]
    assert (newest.kind, newest.about) == (NoticeKind.DISAGREEMENT, "mia")
    assert event_of(newest) == PersonEvent(EventKind.GUARDIANS_DISAGREE, "home", "mia", NOW)


async def test_agreeing_ends_it(house: House, two: tuple[str, str]) -> None:
    ada, other = two
    await sets(house, ada, privacy=PrivacyMode.OFF)
    await sets(house, other, privacy=PrivacyMode.COUNTS)
    assert (await sets(house, ada, privacy=PrivacyMode.COUNTS)).privacy is PrivacyMode.COUNTS


async def test_a_word_counts_for_a_month_and_as_long_as_its_guardian_is_one(
    house: House, two: tuple[str, str]
) -> None:
    ada, other = two
    await sets(house, ada, privacy=PrivacyMode.OFF)
    later = NOW + CHOICE_LASTS
    after = await sets(house, other, later, privacy=PrivacyMode.COUNTS)
    assert after.privacy is PrivacyMode.COUNTS
    await house.accounts.remove("home", other, None, later)
    after = await sets(house, ada, later, privacy=PrivacyMode.OFF)
    assert after.privacy is PrivacyMode.OFF


async def test_one_guardian_changes_their_own_mind_freely(
    house: House, two: tuple[str, str]
) -> None:
    ada, _ = two
    for mode in (PrivacyMode.OFF, PrivacyMode.COUNTS, PrivacyMode.OFF):
        assert (await sets(house, ada, privacy=mode)).privacy is mode
