"""A guardian asks a provider's reviewers about a list; at home there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.model.times import Schedule, Slot
from copdns.model.verdict import Action, Reason
from copdns.web.many_households.review_desk import ListQuestion, PassedOn
from copdns.web.routes import application
from tests.home import Home
from tests.household import MIA, TOM, block, family, library
from tests.web.guardians import guardian_client
from tests.web.site import Site, send, text

LIST = "gambling-list"
WORDS = "All my friends from school meet there"


class Reviewers:
    """Reviewers in memory; `test_pass_on.py` of the store tries the real way to them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ListQuestion]] = []
        self.told: dict[str, PassedOn] = {}

    async def answers(self, household: str, now: int) -> Mapping[str, PassedOn]:
        return self.told

    async def pass_on(self, household: str, question: ListQuestion, now: int) -> bool:
        self.asked.append((household, question))
        self.told[question.appeal] = PassedOn(question.by, now, "waiting", now + 259_200, 0)
        return True


@pytest.fixture
def home() -> Home:
    mia = replace(MIA, categories=frozenset({"gambling"}))
    rule = replace(block("toys.example", "mia"), id="r1")
    night = Schedule("bedtime", "mia", (Slot(frozenset({"daily"}), 21 * 60, 600),))
    return Home(
        family(mia, TOM, rules=(rule,), schedules=(night,)),
        library(categories={"gambling": ["poker.example"]}),
    )


async def ask(
    site: Site, to: ContestedVerdict, name: str, kind: AppealKind = AppealKind.NAME
) -> str:
    """File a request of Mia's; return its page."""
    wanted = AppealRequest("mia", "mia-phone", kind, to, name=name, words=WORDS)
    return f"/guardian/appeals/{(await site.appeals.file('home', wanted, site.now)).appeal.id}"


LISTED = ContestedVerdict(Action.BLOCK, Reason.CATEGORY, list=LIST, rule="poker.example")
OWN = ContestedVerdict(Action.BLOCK, Reason.RULE, rule="toys.example")
SWITCH = ContestedVerdict(Action.BLOCK, Reason.SERVICE, service="play")
BEDTIME = ContestedVerdict(Action.BLOCK, Reason.SCHEDULE, period="bedtime")
BUTTON = "Ask the reviewers"
YOURS = "What blocks this was set in your family, so you decide."
YOURS_TOO = "was set in your family, so you decide that. But the list"


async def test_a_guardian_asks_and_reads_what_becomes_of_it(site: Site) -> None:
    reviewers = Reviewers()
    at_a_provider(site, reviewers)
    async with guardian_client(site) as client:
        page = await ask(site, LISTED, "mia-asks.poker.example")
        shown = await text(client, page)
        assert BUTTON in shown
        assert "nothing that Mia wrote" in shown
        await send(client, f"{page}/pass-on", 400, reason="because of " + WORDS)
        shown = await send(client, f"{page}/pass-on", reason="harmless")
        assert "Ada asked your internet provider's reviewers" in shown.replace("&#39;", "'")
        assert "Two reviewers are looking at it." in shown
        assert BUTTON not in shown
        ((household, question),) = reviewers.asked
        assert household == "home"
        assert question[2:] == ("poker.example", LIST, "poker.example", "harmless")
        assert WORDS not in str(question)
        told = reviewers.told[question.appeal]
        reviewers.told[question.appeal] = told._replace(state="refused", reason="harmful_content")
        assert "The reviewers found the list to be right" in await text(client, page)
        assert "reviewers have answered" in await text(client, "/guardian/inbox")
        opened = told._replace(state="opened", until=site.now + 90 * 86_400, reason="list_error")
        reviewers.told[question.appeal] = opened
        shown = await text(client, page)
        assert "they took it off the list, until" in shown


async def test_what_the_family_set_is_not_asked_of_others(site: Site) -> None:
    reviewers = Reviewers()
    at_a_provider(site, reviewers)
    async with guardian_client(site) as client:
        page = await ask(site, OWN, "toys.example")
        shown = await text(client, page)
        assert BUTTON not in shown
        assert YOURS in shown
        await send(client, f"{page}/pass-on", 400, reason="harmless")
        assert YOURS in await text(client, await ask(site, SWITCH, "play.example"))
    assert reviewers.asked == []


async def test_a_bedtime_is_the_familys_and_a_list_beside_it_is_asked_of_the_reviewers(
    site: Site,
) -> None:
    reviewers = Reviewers()
    at_a_provider(site, reviewers)
    async with guardian_client(site) as client:
        page = await ask(site, BEDTIME, "open.example")
        shown = await text(client, page)
        assert YOURS in shown
        assert BUTTON not in shown
        await send(client, f"{page}/pass-on", 400, reason="harmless")
        assert reviewers.asked == []
        page = await ask(site, BEDTIME, "mia-asks.poker.example")
        shown = await text(client, page)
        assert YOURS_TOO in shown
        assert YOURS not in shown
        await send(client, f"{page}/pass-on", reason="harmless")
        ((_, question),) = reviewers.asked
        assert question[2:] == ("poker.example", LIST, "poker.example", "harmless")


async def test_of_the_whole_internet_at_bedtime_the_family_decides(site: Site) -> None:
    at_a_provider(site, Reviewers())
    async with guardian_client(site) as client:
        shown = await text(client, await ask(site, BEDTIME, "", AppealKind.TIME))
        assert YOURS in shown
        assert BUTTON not in shown


async def test_at_home_there_is_nobody_to_ask(site: Site) -> None:
    async with guardian_client(site) as client:
        page = await ask(site, LISTED, "www.poker.example")
        assert BUTTON not in await text(client, page)
        await send(client, f"{page}/pass-on", 404, reason="harmless")
        assert YOURS not in await text(client, await ask(site, BEDTIME, "open.example"))


def at_a_provider(site: Site, reviewers: Reviewers) -> None:
    site.context = replace(site.context, review_desk=reviewers)
    site.app = application(site.context)
