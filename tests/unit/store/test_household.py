"""A household comes back as it was stored, whoever else was writing and however it ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from copdns.accounts.lockout import ATTEMPT_WINDOW
from copdns.model.errors import (
    HouseholdError,
    PrivacyError,
    StoreError,
    TooManyTriesError,
    UnknownCodeError,
)
from copdns.model.household import (
    AnnouncedBandChange,
    Band,
    BlockMode,
    Contact,
    Default,
    Device,
    DeviceKind,
    FullLogSpan,
    Household,
    LocalName,
    NameRewrite,
    OwnService,
    PrivacyMode,
    Profile,
    Rule,
    RuleAction,
    SplitUpstream,
)
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import (
    Bonus,
    Budget,
    DayType,
    Extra,
    FailureChoices,
    FilterBreak,
    Grant,
    MovedBedtime,
    OnFailure,
    Origin,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Slot,
    Ticket,
    Topic,
    TopicKind,
)
from copdns.model.verdict import Action, Reason, Verdict
from copdns.privacy.retention import log_row
from copdns.store import household_copy
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.notes import Change
from copdns.store.log_db.querylog import QueryLog
from tests.unit.households import households, running
from tests.unit.store.conftest import SQLITE, OpenStore
from tests.whole import examples

NOW = 1_800_000_000
DAY = 86_400

ADA = Profile("ada", "Ada", Band.ADULT)
TOM = Profile("tom", "Tom", Band.TO_15, tags=frozenset({"kids"}), max_ttl=30)
MIA = Profile(
    "mia",
    "Mia 🦊",
    Band.TO_9,
    tags=frozenset({"kids", "small"}),
    security=False,
    categories=frozenset({"games", "adult"}),
    services=frozenset({"chess"}),
    contacts=frozenset(Contact),
    contact_exceptions=frozenset({"chats"}),
    safe_search=(("google", "strict"), ("youtube", "moderate")),
    no_safe_search=True,
    bypass=True,
    bypass_signs=True,
    canaries=frozenset({"relay"}),
    default=Default.ALLOWLIST,
    block_mode=BlockMode.PAGE,
    privacy=PrivacyMode.BLOCKED,
    always=(Matcher("school.example"), Topic(TopicKind.SERVICE, "music")),
    homework=(Matcher("class.example", MatchKind.BELOW), Topic(TopicKind.LIST, "some-list")),
    timezone="Europe/Paris",
)
GAMES = Topic(TopicKind.CATEGORY, "games")
GRANT = Grant(
    GAMES,
    NOW,
    NOW + 1800.5,
    NOW - 60,
    content=False,
    time=True,
    id="g1",
    profile="mia",
    origin=Origin.TICKET,
    author="ada",
    note="Dishes",
)
BONUS = Bonus("b1", "tom", "games", date(2027, 1, 15), 30, Extra.CREDIT, "ada", NOW)
TICKET = Ticket("t1", "ab12", 45, NOW - 60, NOW + DAY, "mia", GAMES, "Dishes", "ada", NOW, "mia")
PAUSE = PauseSpan("mia", NOW, NOW + 600, homework=True, author="ada")
HOME = Household(
    id="home",
    name="Home",
    timezone="Europe/Vienna",
    guest="tom",
    protected=("school.example",),
    profiles=(MIA, TOM, ADA),
    devices=(
        Device(
            "mias-tablet",
            "Tablet",
            "mia",
            ("192.0.2.1", "2001:db8::/64"),
            ("02:00:00:00:00:01", "02:00:00:00:00:02"),
            DeviceKind.TABLET,
            ("ab" * 32, "cd" * 32),
        ),
        Device("tv", "TV", "tom", ()),
    ),
    rules=(
        Rule("r2", RuleAction.BLOCK, Matcher("games.example"), "mia", note="Not now"),
        Rule("r1", RuleAction.ALLOW, Matcher("a.example", MatchKind.EXACT), "#kids", created=NOW),
        Rule("r3", RuleAction.BLOCK, Matcher("b.example", MatchKind.BELOW), over_security=True),
        Rule("r4", RuleAction.BLOCK, "198.51.100.0/24", unsafe_search=True),
    ),
    services=(
        OwnService(
            "club",
            "The chess club",
            (Matcher("club.example"), Matcher("c.example", MatchKind.EXACT)),
            Contact.KNOWN,
        ),
    ),
    local_names=(
        LocalName("printer.home.arpa", ("192.0.2.9",)),
        LocalName("*.dev.home.arpa", ("192.0.2.9",), scope="#children"),
        LocalName("b.home.arpa", (), ("TXT a  b, c", "SRV 0 0 631 b.home.arpa")),
    ),
    rewrites=(NameRewrite(Matcher("old.example", MatchKind.BELOW), "new.example"),),
    split_upstreams=(
        SplitUpstream("corp.example", ("192.0.2.53", "[2001:db8::53]:5353")),
        SplitUpstream("corp.example", ("tls://dns.example@192.0.2.53",), "mia"),
        SplitUpstream("", ("192.0.2.53",), "#children"),
    ),
    calendar=SchoolCalendar(frozenset({4, 5}), ((date(2026, 12, 24), DayType.HOLIDAY),)),
    language="fr",
    country="FR",
    helplines=("fr-line",),
    day_starts=240,
    schedules=(
        Schedule(
            "bedtime",
            "mia",
            (Slot(frozenset({"school_night", "sun"}), 1260, 600), Slot(frozenset({"sat"}), 0, 1)),
            (GAMES, Matcher("chess.example", MatchKind.EXACT)),
            opens=True,
            grace=5,
            note="Sleep well",
            weeks=date(2026, 11, 30),
        ),
        Schedule("rest", "mia", (Slot(frozenset({"daily"}), 0, 60),), learning=True),
    ),
    budgets=(
        Budget(
            "games",
            "#kids",
            (("school", 60), ("daily", 0)),
            (GAMES,),
            carry_over=True,
            grace=3,
            note="Play outside",
        ),
    ),
    failures=FailureChoices(OnFailure.ESSENTIAL, OnFailure.OPEN, OnFailure.ESSENTIAL),
    pauses=(PAUSE, PauseSpan("tom", NOW)),
    grants=(GRANT, Grant(None, NOW, NOW + 1, NOW, id="g2", profile="tom")),
    bonuses=(BONUS,),
    tickets=(TICKET, Ticket("t2", "cd34", 10, NOW, NOW + DAY)),
    moved_bedtimes=(MovedBedtime("mia", NOW + 60, NOW + 120, NOW + DAY, "Ada"),),
    filter_breaks=(FilterBreak("tablet", "mia", NOW, NOW + 600, "Ada"),),
)


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[HouseholdStore]:
    with open_store() as store:
        await store.create(HOME, "ada", NOW)
        yield store


@pytest.fixture
def raw(tmp_path: Path, store: HouseholdStore) -> Iterator[sqlite3.Connection]:
    """The tables as someone with an editor sees them, who also takes the copy away."""
    store.path.with_name(household_copy.FILE).unlink()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        yield connection


async def change(
    store: HouseholdStore, edit: Callable[[Household], Household], now: int = NOW
) -> Household:
    return await store.change("home", edit, author="ada", what="tried", now=now)


def with_profile(profile: Profile) -> Callable[[Household], Household]:
    def edit(home: Household) -> Household:
        others = [each for each in home.profiles if each.id != profile.id]
        return replace(home, profiles=(*others, profile))

    return edit


def without_profile(profile_id: str) -> Callable[[Household], Household]:
    def edit(home: Household) -> Household:
        return replace(
            home,
            guest="",
            profiles=tuple(each for each in home.profiles if each.id != profile_id),
            devices=tuple(each for each in home.devices if each.profile != profile_id),
            pauses=(),
            grants=(),
            bonuses=(),
            tickets=(),
            moved_bedtimes=(),
            filter_breaks=(),
        )

    return edit


# What is stored comes back


async def test_a_household_comes_back_as_it_was_stored(
    open_store: OpenStore, store: HouseholdStore
) -> None:
    assert await store.household("home") == replace(HOME, revision=1)
    with open_store() as other:
        assert await other.household("home") == replace(HOME, revision=1)


async def test_people_who_are_set_alike_do_not_take_memory_for_each(tmp_path: Path) -> None:
    chosen = replace(
        MIA,
        categories=frozenset({"games", "gambling"}),
        contacts=frozenset({Contact.STRANGERS}),
        safe_search=(("seek", "strict"),),
    )
    house = Household("town", "Town", profiles=(chosen, replace(chosen, id="lia", name="Lia")))
    with HouseholdStore.open(tmp_path) as store:
        await store.create(house, "ada", NOW)
        found = await store.household("town")
    assert found is not None
    mia, lia = found.profiles
    for each in ("categories", "contacts", "safe_search"):
        assert getattr(lia, each) is getattr(mia, each) == getattr(chosen, each)
    assert isinstance(next(iter(lia.contacts)), Contact)


async def test_no_field_of_the_model_is_forgotten(store: HouseholdStore) -> None:
    """A field that is new in the model is to be set in HOME above, and thereby in the tables."""
    watched = replace(
        MIA,
        full_log=FullLogSpan(NOW, NOW + DAY),
        band_change=AnnouncedBandChange(Band.TO_6, NOW + DAY),
    )
    home = await change(store, with_profile(watched))
    assert await store.household("home") == home
    values = [
        home,
        *home.profiles,
        *home.devices,
        *home.rules,
        *home.services,
        *home.local_names,
        *home.rewrites,
        *home.split_upstreams,
        home.calendar,
        home.failures,
        *home.schedules,
        *(slot for each in home.schedules for slot in each.slots),
        *home.budgets,
        *home.pauses,
        *home.grants,
        *home.bonuses,
        *home.tickets,
        *home.moved_bedtimes,
        *home.filter_breaks,
    ]
    every = {(type(value), each.name) for value in values for each in fields(value)}
    stored = {
        (type(value), each.name)
        for value in values
        for each in fields(value)
        if getattr(value, each.name) != each.default
    }
    of_guests = {(Device, "instead_of")}  # made for guests for a while, who are not stored
    assert stored == every - of_guests


async def test_a_household_that_nobody_stored_is_none(store: HouseholdStore) -> None:
    assert await store.household("bos") is None


async def test_households_are_told_apart(store: HouseholdStore) -> None:
    bos = Household("bos", "Bo's", profiles=(replace(MIA, name="Bo"),))
    await store.create(bos, "bo", NOW)
    await change(store, lambda home: replace(home, rules=()))
    assert await store.households() == ("bos", "home")
    assert await store.household("bos") == replace(bos, revision=1)
    assert [each.author for each in await store.changes("bos")] == ["bo"]


async def test_an_id_is_given_once(store: HouseholdStore) -> None:
    with pytest.raises(HouseholdError, match="the household 'home' already exists"):
        await store.create(Household("home", "Another"), "bo", NOW)
    assert await store.household("home") == replace(HOME, revision=1)


PROFILES = st.lists(
    st.builds(
        replace,
        st.sampled_from([MIA, ADA, TOM]),
        band=st.sampled_from([Band.TO_6, Band.TO_9]),
        name=st.text(st.characters(exclude_categories=("Cs",))),
        categories=st.frozensets(st.sampled_from(["games", "adult"])),
        max_ttl=st.none() | st.integers(0, 60),
    ),
    unique_by=lambda profile: profile.id,
)
RULES = st.lists(
    st.builds(
        Rule,
        st.sampled_from("abcdef"),
        st.sampled_from(RuleAction),
        st.builds(Matcher, st.sampled_from(["a.example", "b.example"]), st.sampled_from(MatchKind)),
        note=st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
    ),
    unique_by=lambda rule: rule.id,
)
HOUSEHOLDS = st.builds(
    lambda profiles, rules: Household("any", "", profiles=tuple(profiles), rules=tuple(rules)),
    PROFILES,
    RULES,
)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(HOUSEHOLDS, min_size=2, max_size=5))
def test_any_edit_after_any_other_is_stored_whole(
    engine: str, open_fresh: OpenStore, steps: list[Household]
) -> None:
    assume(engine == SQLITE or _fits_postgres(*steps))

    async def all_steps(store: HouseholdStore) -> None:
        await store.create(steps[0], "ada", NOW)
        for step in steps[1:]:
            edited = await store.change("any", lambda _, to=step: to, author="", what="", now=NOW)
            assert replace(edited, revision=0) == step
            assert await store.household("any") == edited

    with open_fresh() as store:
        asyncio.run(all_steps(store))


@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(before=households().flatmap(running), after=households().flatmap(running))
def test_any_household_takes_the_place_of_any_other(
    engine: str, open_fresh: OpenStore, before: Household, after: Household
) -> None:
    """Full logs and bands have rules of their own; everything else is as it was given."""
    assume(engine == SQLITE or _fits_postgres(before, after))
    after = replace(after, id=before.id, profiles=tuple(map(_unwatched, after.profiles)))
    before = replace(before, profiles=tuple(map(_unwatched, before.profiles)))

    async def both(store: HouseholdStore) -> None:
        assert await store.create(before, "ada", NOW) == replace(before, revision=1)
        await store.change(before.id, lambda _: after, author="ada", what="", now=NOW)
        stored = await store.household(before.id)
        assert stored is not None
        assert replace(stored, revision=0) == after

    with open_fresh() as store:
        asyncio.run(both(store))


def _fits_postgres(*households: Household) -> bool:
    """Tell whether all texts do without the one character that PostgreSQL has not."""
    return "\\x00" not in repr(households)


def _unwatched(profile: Profile) -> Profile:
    return replace(profile, band=Band.TO_9, full_log=None, band_change=None)


# Edits


async def test_an_edit_raises_the_revision_and_leaves_a_line_in_the_audit(
    store: HouseholdStore,
) -> None:
    edited = await store.change(
        "home",
        lambda home: replace(home, rules=home.rules[1:]),
        author="ada",
        what="rule r2 removed",
        now=NOW + 5,
    )
    assert edited == replace(HOME, rules=HOME.rules[1:], revision=2)
    assert await store.household("home") == edited
    assert await store.changes("home") == (
        Change(1, NOW, "ada", "created"),
        Change(2, NOW + 5, "ada", "rule r2 removed"),
    )


async def test_the_audit_gives_its_newest_lines(store: HouseholdStore) -> None:
    for number in range(5):
        await change(store, lambda home, n=number: replace(home, name=str(n)))
    assert [each.revision for each in await store.changes("home", limit=2)] == [5, 6]


@pytest.mark.parametrize("name", ["Ren\udce9", "\ud83d"])
async def test_half_a_character_is_refused_in_words_and_changes_nothing(
    store: HouseholdStore, name: str
) -> None:
    before = await store.household("home")
    with pytest.raises(HouseholdError, match="is not UTF-8 text") as caught:
        await change(store, lambda home: replace(home, name=name))
    str(caught.value).encode()
    assert await store.household("home") == before


async def test_an_edit_that_changes_nothing_leaves_no_trace(store: HouseholdStore) -> None:
    assert await change(store, lambda home: replace(home, revision=77)) == replace(HOME, revision=1)
    assert len(await store.changes("home")) == 1


async def test_an_edit_that_fails_changes_nothing(store: HouseholdStore) -> None:
    def refuse(home: Household) -> Household:
        raise HouseholdError("there is no profile 'bo'")

    with pytest.raises(HouseholdError, match="no profile 'bo'"):
        await change(store, refuse)
    assert await change(store, lambda home: replace(home, name="x")) == replace(
        HOME, name="x", revision=2
    )


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda home: replace(home, id="bos"), "cannot be renamed to 'bos'"),
        (lambda home: replace(home, profiles=(MIA, MIA)), "profiles: 'mia' is there twice"),
        (lambda home: replace(home, rules=home.rules * 2), "rules: 'r2' is there twice"),
        (
            lambda home: replace(home, profiles=(MIA, ADA)),
            "device 'tv': there is no profile 'tom'",
        ),
        (
            lambda home: replace(home, grants=(replace(GRANT, profile="bo"),)),
            "grant 'g1': there is no profile 'bo'",
        ),
        (
            lambda home: replace(home, pauses=(PauseSpan("bo", NOW),)),
            "a pause: there is no profile 'bo'",
        ),
        (
            lambda home: replace(home, pauses=(PauseSpan("mia", NOW), PAUSE)),
            "pauses: 'mia' is there twice",
        ),
    ],
)
async def test_a_household_that_contradicts_itself_is_refused(
    store: HouseholdStore, edit: Callable[[Household], Household], told: str
) -> None:
    with pytest.raises(HouseholdError, match=told):
        await change(store, edit)
    assert await store.household("home") == replace(HOME, revision=1)


async def test_only_a_household_that_is_there_can_be_edited(store: HouseholdStore) -> None:
    with pytest.raises(HouseholdError, match="no household 'bos'"):
        await store.change("bos", lambda home: home, author="", what="", now=NOW)


async def test_order_is_kept_when_something_is_put_first(store: HouseholdStore) -> None:
    first = Rule("r0", RuleAction.ALLOW, Matcher("first.example"))
    await change(store, lambda home: replace(home, rules=(first, *reversed(home.rules))))
    home = await store.household("home")
    assert home is not None
    assert [each.id for each in home.rules] == ["r0", "r4", "r3", "r1", "r2"]


async def test_edits_of_one_process_that_come_together_all_count(store: HouseholdStore) -> None:
    def add(number: int) -> Callable[[Household], Household]:
        rule = Rule(f"n{number}", RuleAction.BLOCK, Matcher(f"n{number}.example"))
        return lambda home: replace(home, rules=(*home.rules, rule))

    await asyncio.gather(*[change(store, add(number)) for number in range(20)])
    home = await store.household("home")
    assert home is not None
    assert len(home.rules) == len(HOME.rules) + 20
    assert home.revision == 21


# What ended goes


def ended(before: Household) -> Household:
    """Return a household in which of everything one ended on the first day, and one did not."""
    return replace(
        before,
        pauses=(PauseSpan("mia", 0, DAY), PauseSpan("tom", 0)),
        grants=(
            Grant(None, 0, DAY, 0, id="g1", profile="mia"),
            Grant(None, 0, 2 * DAY, 0, id="g2", profile="mia"),
        ),
        bonuses=(
            Bonus("b1", "mia", "games", date(1970, 1, 1), 5),
            Bonus("b2", "mia", "games", date(1970, 1, 3), 5),
        ),
        tickets=(
            Ticket("t1", "a", 5, 0, DAY),
            Ticket("t2", "b", 5, 0, 9 * DAY, redeemed=DAY, redeemed_by="mia"),
            Ticket("t3", "c", 5, 0, 9 * DAY),
        ),
        moved_bedtimes=(MovedBedtime("mia", 0, 60, DAY), MovedBedtime("tom", 0, 60, 2 * DAY)),
    )


async def test_what_ended_is_kept_for_thirty_days_and_then_goes(store: HouseholdStore) -> None:
    home = await change(store, ended)
    assert await store.tidy(31 * DAY) == 0
    assert await store.household("home") == home
    assert await store.tidy(31 * DAY + 1) == 5
    assert await store.household("home") == replace(
        home,
        pauses=home.pauses[1:],
        grants=home.grants[1:],
        tickets=home.tickets[2:],
        moved_bedtimes=home.moved_bedtimes[1:],
    )
    await store.tidy(33 * DAY)
    left = await store.household("home")
    assert left is not None
    assert [each.id for each in left.bonuses] == ["b2"]
    assert len(await store.changes("home")) == 2  # created, and the change that made them


async def test_a_household_is_changed_as_ever_after_tidying(store: HouseholdStore) -> None:
    await change(store, ended)
    await store.tidy(100 * DAY)
    home = await change(store, lambda home: replace(home, grants=(*home.grants, GRANT)))
    assert home.grants == (GRANT,)
    assert await store.household("home") == home


# Codes of tickets


async def test_unknown_codes_are_counted_over_restarts_and_forgotten_soon(
    open_store: OpenStore,
) -> None:
    tickets = (Ticket("t1", "right", 5, 0, DAY),)
    for number in range(5):
        with open_store() as store:
            if not number:
                await store.create(replace(HOME, tickets=tickets), "ada", 0)
            with pytest.raises(UnknownCodeError):
                await store.redeem("home", "wrong", "mia", device="d", author="mia", now=number)
    with open_store() as store:
        for profile, device in (("mia", ""), ("tom", "d")):
            with pytest.raises(TooManyTriesError):
                await store.redeem("home", "right", profile, device=device, author="", now=5)
        assert len(await store.changes("home")) == 1
        await store.tidy(5 + ATTEMPT_WINDOW)
        home = await store.redeem("home", "right", "mia", author="mia", now=5)
        assert home.tickets[0].redeemed_by == "mia"


async def test_a_right_code_makes_up_for_wrong_ones(store: HouseholdStore) -> None:
    tickets = (Ticket("t1", "right", 5, 0, DAY),)
    await change(store, lambda home: replace(home, tickets=tickets))
    for code in ("a", "b", "c", "d", "right", "e", "f", "g", "h"):
        known = nullcontext() if code == "right" else pytest.raises(UnknownCodeError)
        with known:
            await store.redeem("home", code, "mia", author="mia", now=9)


# The privacy rules hold for everything that is written


async def test_a_full_log_of_a_teenager_is_announced_however_it_came(
    store: HouseholdStore,
) -> None:
    now = FullLogSpan(NOW, NOW + DAY)
    home = await change(store, with_profile(replace(TOM, full_log=now)))
    announced = FullLogSpan(NOW + DAY, NOW + 2 * DAY)
    assert home.profiles[-1].full_log == announced
    assert await store.full_logs("home", "tom") == (announced,)
    assert await store.full_logs("home", "mia") == ()


async def test_a_new_household_is_no_way_past_the_announcement(store: HouseholdStore) -> None:
    watched = replace(TOM, full_log=FullLogSpan(NOW, NOW + DAY))
    bos = await store.create(Household("bos", "Bo's", profiles=(watched,)), "bo", NOW)
    assert bos.profiles[0].full_log == FullLogSpan(NOW + DAY, NOW + 2 * DAY)


async def test_removing_a_profile_does_not_clear_its_past(store: HouseholdStore) -> None:
    watched = replace(MIA, full_log=FullLogSpan(NOW, NOW + DAY))
    await change(store, with_profile(watched))
    await change(store, without_profile("mia"))
    later = replace(MIA, full_log=FullLogSpan(NOW + 9 * DAY, NOW + 10 * DAY))
    with pytest.raises(PrivacyError, match="once every 30 days"):
        await change(store, with_profile(later), now=NOW + 9 * DAY)


async def test_making_a_teenager_anew_as_a_small_child_is_announced(
    store: HouseholdStore,
) -> None:
    await change(store, without_profile("tom"))
    home = await change(store, with_profile(replace(TOM, band=Band.TO_9)))
    assert home.profiles[-1] == replace(TOM, band_change=AnnouncedBandChange(Band.TO_9, NOW + DAY))


async def test_an_announced_band_is_in_force_from_its_moment_for_whoever_edits(
    store: HouseholdStore,
) -> None:
    await change(store, with_profile(replace(TOM, band=Band.TO_9)))
    home = await store.household("home")
    assert home is not None
    announced = home.profiles[-1]
    assert announced.band is Band.TO_15
    home = await change(store, with_profile(replace(announced, name="Thomas")), now=NOW + DAY)
    assert home.profiles[-1] == replace(TOM, name="Thomas", band=Band.TO_9)


async def test_what_was_recorded_of_an_adult_is_gone_before_it_could_be_seen_as_a_childs(
    store: HouseholdStore, tmp_path: Path
) -> None:
    """No guardian lowers another one's age group to read what they looked up."""
    verdict = Verdict(Action.BLOCK, Reason.RULE, 8)
    with closing_log(QueryLog(tmp_path)) as log:
        store.forget = log.erase
        for who in ("ben", "mia"):
            row = log_row(PrivacyMode.BLOCKED, "home", who, "x", f"{who}.example", 1, verdict, NOW)
            assert row is not None
            log.add(row)
        ben = Profile("ben", "Ben", Band.ADULT)
        await change(store, with_profile(ben))
        home = await change(store, with_profile(replace(ben, band=Band.TO_17)))
        assert qnames(log) == ["ben.example", "mia.example"], "it is announced only"
        announced = home.profile("ben")
        assert announced is not None
        await change(store, with_profile(replace(announced, name="Benno")), now=NOW + DAY)
        assert qnames(log) == ["mia.example"]


@contextmanager
def closing_log(log: QueryLog) -> Iterator[QueryLog]:
    try:
        yield log
    finally:
        log.stop()


def qnames(log: QueryLog) -> list[str]:
    log.flush()
    return sorted(each.row.qname for each in log.rows("home", None))


async def test_asking_again_for_what_is_announced_changes_nothing(store: HouseholdStore) -> None:
    first = await change(store, with_profile(replace(TOM, band=Band.TO_9)))
    again = await change(store, with_profile(replace(TOM, band=Band.TO_9)), now=NOW + 60)
    assert again == first


async def test_nobody_sets_the_full_mode_for_good(store: HouseholdStore) -> None:
    with pytest.raises(PrivacyError):
        await change(store, with_profile(replace(MIA, privacy=PrivacyMode.FULL)))


# Odd data, other writers, sudden ends


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("update profile set band = 'baby' where id = 'mia'", "table profile, row 'mia'.*'baby'"),
        ("update profile set tags = '{' where id = 'tom'", "table profile, row 'tom'"),
        ("update profile set tags = '[1]' where id = 'tom'", "table profile, row 'tom'.*not text"),
        ("update profile set full_log_start = 5", "table profile, row 'mia'.*not a whole number"),
        ("update profile set safe_search = '[]'", "table profile, row 'mia'.*not a mapping"),
        ("update profile set security = 'yes'", "table profile, row 'mia'.*not a whole number"),
        ("update device set addresses = '\"192.0.2.1\"'", "table device, row 'mias-tablet'"),
        ("update rule set note = x'ff' where id = 'r1'", "table rule, row 'r1'"),
        (
            "update rule set note = cast(x'ff' as text) where id = 'r3'",
            "table rule, row 'r3'.*surrogates",
        ),
        ("update own_service set contact = 'maybe'", "table own_service, row 'club'"),
        ("update household set protected = ''", "table household, row 'home'"),
        ("update household set failure_clock = 'maybe'", "table household, row 'home'.*'maybe'"),
        ("update household set days = '[]'", "table household, row 'home'.*not a mapping"),
        ("update household set weekend = '[\"son\"]'", "table household, row 'home'"),
        ("update profile set always = '[\"x:y\"]'", "table profile, row 'mia'.*'x'"),
        ("update schedule set slots = '[[1, 2, 3]]'", "table schedule, row 'bedtime'.*not a list"),
        ("update schedule set slots = '[[[], 2]]'", "table schedule, row 'bedtime'.*of 3 each"),
        ("update budget set minutes = '{}'", "table budget, row 'games'.*of 2 each"),
        ("update grant set ends = 'soon'", "table grant, row 'g1'.*not a date and time"),
        ("update bonus set day = 'today'", "table bonus, row 'b1'.*'today'"),
        ("update ticket set about = 'odd:x'", "table ticket, row 't1'.*'odd'"),
    ],
)
async def test_an_odd_row_is_told_with_its_table_and_key(
    store: HouseholdStore, raw: sqlite3.Connection, statement: str, told: str
) -> None:
    raw.execute(statement)
    with pytest.raises(StoreError, match=told) as caught:
        await store.household("home")
    assert str(caught.value).startswith(str(store.path))
    with pytest.raises(StoreError, match=told):
        await change(store, lambda home: replace(home, name="x"))


async def test_an_odd_memory_of_a_profile_is_told_as_well(
    store: HouseholdStore, raw: sqlite3.Connection
) -> None:
    raw.execute("insert into former_profile values ('home', 'bo', 'baby')")
    with pytest.raises(StoreError, match="table former_profile, row 'bo'"):
        await change(store, with_profile(Profile("bo", "Bo", Band.TO_6)))


async def test_a_lost_table_is_an_error_of_the_store(
    store: HouseholdStore, raw: sqlite3.Connection
) -> None:
    raw.execute("drop table rule")
    with pytest.raises(StoreError, match=r"household\.db: no such table"):
        await store.household("home")


ADD_RULES = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from copdns.model.household import Rule, RuleAction
from copdns.model.matchers import Matcher
from copdns.store.household_db.household import HouseholdStore

async def main(folder, name, number):
    with HouseholdStore.open(Path(folder)) as store:
        for n in range(int(number)):
            rule = Rule(f"{name}{n}", RuleAction.BLOCK, Matcher(f"{name}{n}.example"))
            home = await store.change(
                "home",
                lambda home: replace(home, rules=(*home.rules, rule)),
                author=name, what="rule added", now=n,
            )
            print(home.revision, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def adding(folder: Path, name: str, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ADD_RULES, str(folder), name, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def test_two_processes_that_edit_at_once_both_win(
    tmp_path: Path, store: HouseholdStore
) -> None:
    for process in [adding(tmp_path, "ada", 15), adding(tmp_path, "tom", 15)]:
        process.communicate()
        assert process.returncode == 0
    home = await store.household("home")
    assert home is not None
    added = {f"{name}{n}" for name in ("ada", "tom") for n in range(15)}
    assert added < {each.id for each in home.rules}
    assert home.revision == 31
    revisions = [each.revision for each in await store.changes("home")]
    assert revisions == list(range(1, 32))


async def test_a_killed_process_loses_nothing_that_it_was_told_is_stored(
    tmp_path: Path, store: HouseholdStore
) -> None:
    process = adding(tmp_path, "ada", 100_000)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(10)]
    os.kill(process.pid, signal.SIGKILL)
    rest, _ = process.communicate()
    lines = "".join([*told, rest]).splitlines(keepends=True)
    revision = int([each for each in lines if each.endswith("\n")][-1])
    with HouseholdStore.open(tmp_path) as survivor:
        home = await survivor.household("home")
        assert home is not None
        assert revision <= home.revision <= revision + 1  # one may be stored and not yet told
        assert len(home.rules) == len(HOME.rules) + home.revision - 1
        await change(survivor, lambda home: replace(home, name="goes on"))


async def test_a_busy_database_is_told_as_such(
    tmp_path: Path, store: HouseholdStore, raw: sqlite3.Connection
) -> None:
    store._connection.execute("pragma busy_timeout = 1")
    raw.execute("begin immediate")
    with pytest.raises(StoreError, match="try again in a moment"):
        await change(store, lambda home: replace(home, name="x"))
    assert await store.household("home") == replace(HOME, revision=1)  # readers never wait
    raw.execute("rollback")
    await change(store, lambda home: replace(home, name="x"))
