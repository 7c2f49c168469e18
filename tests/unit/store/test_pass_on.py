"""A family's way to a provider's reviewers: what they get, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from copdns.app.many_households.provider_desk import MOST_WAITING, ProviderDesk
from copdns.appeals.appeal import Appeal, AppealKind, AppealRequest, ContestedVerdict
from copdns.model.household import Household
from copdns.model.verdict import Action, Reason
from copdns.provider.staff.desk import AGAIN_AFTER, OPENS_FOR
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.family_codes import FamilyCodes
from copdns.store.household_db.thread import StoreThread
from copdns.store.provider_backup import copy_from_provider, restore_to_provider
from copdns.store.provider_db.tenants import HouseholdTenants
from copdns.web.many_households.review_desk import ListQuestion
from tests.household import MIA, TOM
from tests.provider_staff import NOW
from tests.unit.store.staff_site import Site, running_site

pytestmark = pytest.mark.once

WORDS = "All my friends from school meet there"
LISTED = ContestedVerdict(Action.BLOCK, Reason.CATEGORY, list="casinos", rule="club.example")


@dataclass
class Families:
    """Two households of one provider, and its desk."""

    site: Site
    desk: ProviderDesk

    async def ask(
        self, household: str, name: str = "www.club.example", at: int = NOW, who: str = "mia"
    ) -> str:
        assert self.site.households
        ask = AppealRequest(who, "line", AppealKind.NAME, LISTED, name=name, words=WORDS)
        filed = await AppealStore(self.site.households).file(household, ask, at)
        return filed.appeal.id

    async def pass_on(self, household: str, appeal: str, line: str = "club.example") -> bool:
        question = ListQuestion(appeal, "Ada", "www.club.example", "casinos", line, "harmless")
        return await self.desk.pass_on(household, question, int(self.site.now))

    async def state(self, household: str, appeal: str) -> tuple[str, str]:
        told = (await self.desk.answers(household, int(self.site.now)))[appeal]
        return told.state, told.reason


@pytest.fixture
async def families(postgres: str, tmp_path: Path) -> AsyncIterator[Families]:
    async with running_site(postgres, tmp_path) as site:
        assert site.households
        for each in ("adas", "bos"):
            home = Household(each, each, profiles=(MIA,), guest="mia")
            await site.households.create(home, "test", NOW)
        yield Families(site, ProviderDesk(site.households.pool))


async def test_a_guardians_question_is_answered_by_two_reviewers(families: Families) -> None:
    site, appeal = families.site, await families.ask("adas")
    assert await families.pass_on("adas", appeal)
    assert await families.pass_on("adas", appeal), "sent twice is harmless"
    assert await families.state("adas", appeal) == ("waiting", "")
    rev, other = await site.logged_in("rev"), await site.logged_in("rev2")
    (waits,) = (await rev.get("/staff/me"))[1]["waits"]
    assert waits["kind"] == "decide_case", "nobody has to open the queue before"
    _, (case,) = await rev.get("/staff/desk")
    assert (case["origin"], case["reviewers"]) == ("guardian", ["rev", "rev2"])
    path = f"/staff/desk/{case['number']}/decide"
    assert (await rev.post(path, {"reason": "list_error"}))[0] == 200
    assert await families.state("adas", appeal) == ("waiting", ""), "the first yes is not told"
    assert (await other.post(path, {"reason": "list_error"}))[0] == 200
    assert await families.state("adas", appeal) == ("opened", "list_error")
    site.later(OPENS_FOR)
    assert await families.state("adas", appeal) == ("over", "list_error")


async def test_a_no_answers_who_asks_next_and_then_it_can_be_asked_anew(families: Families) -> None:
    site, first, second = families.site, await families.ask("adas"), await families.ask("bos")
    await families.pass_on("adas", first)
    rev = await site.logged_in("rev")
    _, (case,) = await rev.get("/staff/desk")
    await rev.post(f"/staff/desk/{case['number']}/decide", {"reason": "harmful_content"})
    await families.pass_on("bos", second)
    for each in (("adas", first), ("bos", second)):
        assert await families.state(*each) == ("refused", "harmful_content")
    site.later(AGAIN_AFTER)
    third = await families.ask("bos", "help.club.example", int(site.now))
    await families.pass_on("bos", third)
    assert await families.state("bos", third) == ("waiting", "")


async def test_the_desk_has_nothing_of_who_asks_and_a_family_sees_its_own_alone(
    families: Families, postgres: str
) -> None:
    site = families.site
    assert site.households
    HouseholdTenants(site.households.pool).assign("adas", "north")
    appeal = await families.ask("adas")
    await families.pass_on("adas", appeal)
    assert await families.desk.answers("bos", NOW) == {}
    rev = await site.logged_in("rev")
    (case,) = (await rev.get("/staff/desk"))[1]
    path = f"/staff/desk/{case['number']}"
    shown = f"{case} {await rev.get(path)}"
    with psycopg.connect(postgres) as operator:
        desk = operator.execute(b"select * from copdns.desk_case").fetchall()
    assert "north" in str(desk)
    for each in (WORDS, "adas", "Ada'", "mia", f"'{appeal}'"):
        assert each not in shown, each
        assert each not in str(desk), each


async def test_what_waits_of_one_family_is_bounded(families: Families) -> None:
    assert families.site.households
    store = AppealStore(families.site.households)
    ask = AppealRequest("mia", "line", AppealKind.NAME, LISTED, name="a.club.example")
    appeals = [f"a{each}" for each in range(MOST_WAITING + 6)]
    for each in appeals:
        await store.replace("adas", Appeal(each, ask, NOW, NOW))
    first, at_once = appeals[: MOST_WAITING - 2], appeals[MOST_WAITING - 2 :]
    for each in first:
        assert await families.pass_on("adas", each, f"{each}.example")
    sent = [families.pass_on("adas", each, f"{each}.example") for each in at_once]
    assert sorted(await asyncio.gather(*sent)) == [False] * 6 + [True] * 2
    assert len(await families.desk.answers("adas", NOW)) == MOST_WAITING
    assert len(families.site.desk.load()) == MOST_WAITING, "what is refused is no case"


async def test_a_request_that_is_deleted_leaves_no_trace(families: Families, postgres: str) -> None:
    appeal = await families.ask("adas")
    await families.pass_on("adas", appeal)
    assert families.site.households
    await AppealStore(families.site.households).drop("adas", appeal)
    assert await families.desk.answers("adas", NOW) == {}


async def test_what_the_provider_keeps_beside_a_household_stays_over_a_restore(
    families: Families, tmp_path: Path
) -> None:
    households = families.site.households
    assert households
    codes, tenants = FamilyCodes(StoreThread(households)), HouseholdTenants(households.pool)
    code = await codes.of("adas")
    tenants.assign("adas", "north")
    appeal = await families.ask("adas")
    await families.pass_on("adas", appeal)
    copies = await copy_from_provider(households, "adas", tmp_path)
    await households.change(
        "adas", lambda home: replace(home, profiles=(MIA, TOM)), author="ada", what="x", now=NOW
    )
    later, toms = (
        await families.ask("adas", "b.club.example"),
        await families.ask("adas", who="tom"),
    )
    for each in (later, toms):
        await families.pass_on("adas", each)
    await restore_to_provider(households, "adas", copies["household.db"], NOW, NOW + 60)
    assert await codes.find(code) == "adas"
    assert tenants.of("adas") == "north"
    assert {*await families.desk.answers("adas", NOW)} == {appeal, later}, "Tom's is gone with him"
    assert await families.state("adas", appeal) == ("waiting", "")
