"""Asking for what is closed: two steps from the door, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from copdns.appeals.appeal import AppealKind, AppealMotive, AppealState, Decider, WantedLength
from copdns.appeals.opening import ApprovalTerms, Decision
from copdns.appeals.review import DecisionReason
from copdns.model.times import PauseSpan
from tests.home import Home
from tests.household import MIA, NOW, TOM, block, family, library
from tests.reading import has_word
from tests.web.site import Client, Site, send, text, the_only

ADA = Decider("guardian", "Ada", "a1")
HOUR = 3600


@pytest.fixture
def home() -> Home:
    lists = library(
        categories={"games": ["games.example"], "gambling": ["poker.example"]},
        protected={"child_helpline": ["helpline.example"]},
    )
    return Home(family(MIA, TOM, rules=(replace(block("toys.example", "mia"), id="r1"),)), lists)


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        yield made


def code_in(page: str) -> str:
    found = re.search(r'href="/ask\?code=([^"]+)"', page)
    assert found is not None, page
    return found[1]


async def test_two_steps_from_the_door(client: Client, home: Home, site: Site) -> None:
    home.ask("mia", "toys.example")
    code = code_in(await text(client, "/"))
    form = await text(client, f"/ask?code={code}")
    assert "toys.example" in form
    page = await send(client, "/ask", code=code, why="school", wanted="1h")
    assert "No grown-up has seen it yet." in page
    (appeal,) = await site.appeals.appeals("home")
    assert (appeal.ask.name, appeal.ask.why, appeal.ask.wanted) == (
        "toys.example",
        AppealMotive.SCHOOL,
        WantedLength.HOUR,
    )
    assert appeal.ask.to.rule == "toys.example"


async def test_a_yes_opens_it_and_the_page_tells_for_how_long(
    client: Client, home: Home, site: Site
) -> None:
    await send(client, "/ask", name="toys.example", why="game", wanted="1h")
    appeal = await the_only(site)
    context = site.context
    await site.appeals.decide(
        "home",
        appeal,
        Decision(AppealState.GRANTED, DecisionReason.FAIR_ENOUGH, yes=ApprovalTerms()),
        ADA,
        context.known_ids(),
        context.services(),
        site.now,
    )
    await site.follow()
    assert not home.ask("mia", "toys.example").verdict.blocks
    page = await text(client, f"/ask/{appeal}")
    assert "60 minutes left." in page
    assert "Answered by Ada." in page
    home.wait(HOUR)
    assert home.ask("mia", "toys.example").verdict.blocks
    assert "The answer was yes. That time is over now." in await text(client, f"/ask/{appeal}")


async def test_a_no_comes_with_its_reason_and_can_be_contested_once(
    client: Client, site: Site
) -> None:
    await send(client, "/ask", name="toys.example")
    appeal = await the_only(site)
    # What can be done next is as fresh as the answer, where the page stays open meanwhile.
    fresh = re.compile('<div id="next" data-fresh="10">(.*?)</div>', re.DOTALL)
    (before,) = fresh.findall(await text(client, f"/ask/{appeal}"))
    assert "/withdraw" in before
    context = site.context
    decision = Decision(AppealState.REFUSED, DecisionReason.ANOTHER_WAY, "Not before the test.")
    await site.appeals.decide(
        "home", appeal, decision, ADA, context.known_ids(), context.services(), site.now
    )
    page = await text(client, f"/ask/{appeal}")
    assert "Not before the test." in page
    (after,) = fresh.findall(page)
    assert "/disagree" in after
    assert "/withdraw" not in after
    await send(client, f"/ask/{appeal}/disagree", words="It is for school.")
    page = await text(client, f"/ask/{appeal}")
    assert "Please look again" not in page
    await send(client, f"/ask/{appeal}/disagree", 400, words="Please!")


async def test_no_other_browser_at_the_childs_address_fills_up_what_the_child_may_ask(
    client: Client, site: Site
) -> None:
    hers = {each.key: each.value for each in client.session.cookie_jar}
    client.session.cookie_jar.clear()
    for number in range(5):
        await send(client, "/ask", name=f"n{number}.toys.example")
    await send(client, "/ask", 429, name="n5.toys.example")
    client.session.cookie_jar.update_cookies(hers)
    await send(client, "/ask", name="toys.example")
    (newest,) = (e for e in await site.appeals.appeals("home") if e.ask.name == "toys.example")
    assert newest.ask.paired


async def test_another_browser_gets_the_same_whatever_the_child_asked_for(
    client: Client, site: Site
) -> None:
    await send(client, "/ask", name="toys.example")
    for number in range(4):
        await send(client, "/ask", name=f"n{number}.toys.example")
    client.session.cookie_jar.clear()
    pages = [
        await send(client, "/ask", name=name, words="Not hers.")
        for name in ("toys.example", "n0.toys.example", "new.toys.example")
    ]
    assert len(set(pages)) == 1
    hers = [each for each in await site.appeals.appeals("home") if each.ask.paired]
    assert [each.ask.words for each in hers] == [""] * 5


async def test_it_can_be_taken_back(client: Client, site: Site) -> None:
    await send(client, "/ask", name="toys.example")
    appeal = await the_only(site)
    assert "You cancelled this." in await send(client, f"/ask/{appeal}/withdraw")
    assert "You cancelled this." in await send(client, f"/ask/{appeal}/withdraw")


async def test_what_is_open_needs_no_question(client: Client, site: Site) -> None:
    page = await text(client, "/ask?name=www.example")
    assert "is not blocked." in page
    await send(client, "/ask", 400, name="www.example")
    assert await site.appeals.appeals("home") == ()


async def test_what_is_open_is_one_tap_away(client: Client) -> None:
    page = await text(client, "/ask?name=www.example")
    assert "<h1>You do not need to ask</h1>" in page
    assert 'href="https://www.example/" rel="noreferrer"' in page


async def test_a_message_that_is_too_long_is_marked_where_it_stands(client: Client) -> None:
    page = await send(client, "/ask", 400, name="toys.example", words="a" * 300)
    field = page.partition('name="words"')[2].partition("</textarea>")[0]
    assert 'aria-describedby="words-error words-hint" aria-invalid="true"' in field
    assert "a" * 300 in field, "what was typed stays"
    assert (
        "Please make it shorter. You can use up to 280 letters"
        in page.partition('id="words-error"')[2]
    )


async def test_what_was_typed_comes_back_as_it_was_typed(client: Client) -> None:
    """With each of its spaces, and whatever it looks like to us: " · " is a sign of our pages."""
    typed = "maths · physics\u00a0· " * 20
    headers = {"Accept": "text/html", "Origin": f"http://{client.host}:{client.port}"}
    fields = {"name": "toys.example", "words": typed}
    page = await (await client.post("/ask", data=fields, headers=headers)).text()
    field = page.partition('name="words"')[2].partition("</textarea>")[0]
    assert field.endswith(f">{typed}")


async def test_a_teenager_reads_when_guardians_are_reminded(client: Client, site: Site) -> None:
    site.who = "tom"
    site.home.change(family(MIA, TOM, rules=(block("toys.example", "tom"),)))
    client.session.cookie_jar.clear()
    await send(client, "/device")
    await send(client, "/ask", name="toys.example")
    page = await text(client, f"/ask/{await the_only(site)}")
    assert "ll remind your parents or carers." in page


async def test_a_small_child_is_not_led_to_ask_for_what_is_for_adults(
    client: Client, home: Home
) -> None:
    home.change(family(replace(MIA, categories=frozenset({"gambling", "games"})), TOM))
    for name, button in (
        ("poker.example", "Do you think this is a mistake? Say so here."),
        ("games.example", "Ask to use this site"),
    ):
        home.ask("mia", name)
        code = code_in(await text(client, "/"))
        assert button in await text(client, f"/why/{code}")


async def test_a_category_can_be_contested(client: Client, home: Home, site: Site) -> None:
    mia = replace(MIA, categories=frozenset({"gambling"}))
    await site.store.change(
        "home", lambda house: replace(house, profiles=(mia, TOM)), author="", what="", now=site.now
    )
    await site.follow()
    form = await text(client, "/ask?name=poker.example")
    assert 'name="kind" value="category"' in form
    await send(client, "/ask", name="poker.example", kind="category")
    (appeal,) = await site.appeals.appeals("home")
    assert appeal.ask.kind is AppealKind.CATEGORY


async def test_a_paused_child_can_ask_for_time(client: Client, home: Home, site: Site) -> None:
    pause = PauseSpan("mia", int(NOW) - 60, int(NOW) + HOUR)
    await site.store.change(
        "home", lambda house: replace(house, pauses=(pause,)), author="", what="", now=site.now
    )
    await site.follow()
    assert 'href="/ask?about=time"' in await text(client, "/")
    await send(client, "/ask", about="time", wanted="15min")
    (appeal,) = await site.appeals.appeals("home")
    assert appeal.ask.kind is AppealKind.TIME


async def test_a_vouched_name_is_opened_at_once_for_everyone(
    client: Client, home: Home, site: Site
) -> None:
    """A look-up of a help name is never blocked; what a list has against it is a list error."""
    page = await text(client, "/ask?name=helpline.example")
    assert "is not blocked." in page
    assert await site.appeals.appeals("home") == ()


async def test_more_than_five_have_to_wait(client: Client, site: Site) -> None:
    for number in range(5):
        await send(client, "/ask", name=f"a{number}.toys.example")
    await send(client, "/ask", 429, name="one-more.toys.example")
    assert len(await site.appeals.appeals("home")) == 5


@pytest.mark.parametrize("field", ["why", "wanted", "kind"])
async def test_what_is_no_answer_of_the_form_is_refused(
    client: Client, site: Site, field: str
) -> None:
    await send(client, "/ask", 400, name="toys.example", **{field: "<b>"})
    assert await site.appeals.appeals("home") == ()


async def test_nobody_else_reads_or_changes_it(client: Client, site: Site) -> None:
    await send(client, "/ask", name="toys.example", words="A secret.")
    appeal = await the_only(site)
    for who in ("tom", "192.0.2.200", "203.0.113.66"):
        site.who = who
        status = 403 if who != "tom" else 404
        assert "A secret." not in await text(client, f"/ask/{appeal}", status)
        for action in ("withdraw", "disagree"):
            await send(client, f"/ask/{appeal}/{action}", 403)
    (found,) = await site.appeals.appeals("home")
    assert found.state is AppealState.OPEN


async def test_another_browser_at_the_same_address_sees_nothing_of_it(
    client: Client, home: Home, site: Site
) -> None:
    home.ask("mia", "toys.example")
    await send(client, "/ask", name="toys.example", words="A secret.")
    appeal = await the_only(site)
    client.session.cookie_jar.clear()
    page = await text(client, "/")
    assert "toys.example" not in page
    assert not has_word(page, "Mia")
    await text(client, f"/ask/{appeal}", 404)
    await send(client, f"/ask/{appeal}/withdraw", 403)
    assert "This browser is not linked yet" in await send(client, "/device", 403)
    await send(client, "/ask", name="other.toys.example")  # but it may ask


@pytest.mark.parametrize("path", ["/device", "/ask/1/withdraw", "/ask/1/disagree"])
async def test_what_changes_something_is_no_page(client: Client, path: str) -> None:
    await text(client, path, 405)


async def test_the_start_page_shows_what_waits_first_and_drops_what_is_a_week_old(
    client: Client, site: Site
) -> None:
    context = site.context
    decision = Decision(AppealState.REFUSED, DecisionReason.ANOTHER_WAY)
    for number in range(4):
        await send(client, "/ask", name=f"n{number}.toys.example")
        if number:  # the first one waits
            newest = (await site.appeals.appeals("home"))[0]
            assert newest.ask.name[1] == f"{number}"
            await site.appeals.decide(
                "home", newest.id, decision, ADA, context.known_ids(), context.services(), site.now
            )
        site.home.wait(60)

    def told(page: str) -> str:
        return page.partition('id="answers"')[2].partition("</section>")[0]

    shown, _, folded = told(await text(client, "/")).partition("<details>")
    found = [[n for n in range(4) if f"n{n}.toys" in part] for part in (shown, folded)]
    assert found == [[0, 2, 3], [1]]
    assert shown.index("n0.toys") < shown.index("n3.toys") < shown.index("n2.toys")
    assert "What you asked for before" not in shown + folded

    site.home.leap(7 * 24 * HOUR)
    later = told(await text(client, "/"))
    assert "n0.toys" in later
    assert not any(f"n{n}.toys" in later for n in (1, 2, 3))
    assert "What you asked for before" in later
    assert "n1.toys" in (await text(client, "/me")).partition('id="asked-for"')[2]
