"""The guardian's side: all that an answer needs on one page, and an answer that counts at once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from copdns.accounts.roles import Role
from copdns.appeals.age import age_request
from copdns.appeals.appeal import (
    Appeal,
    AppealKind,
    AppealRequest,
    AppealState,
    ContestedVerdict,
    WantedLength,
    reasons_for,
)
from copdns.list_files.load import load_catalogue
from copdns.list_files.resources import find_folder
from copdns.model.household import Band
from copdns.model.times import Budget, Schedule
from copdns.model.verdict import Action, Reason
from copdns.store.household_db.sessions import make_actor
from copdns.time.days import local_time, zone_of
from copdns.time.schedule import parse_slots
from copdns.web.answers import answer_appeal
from tests.home import Home
from tests.household import MIA, TOM, block, family, library
from tests.reading import has_word
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, send, text, the_only

YES = {"state": "granted", "lasts": "1h", "reason": "fair_enough"}
NO = {"state": "refused", "reason": "costs_money"}


@pytest.fixture
def home() -> Home:
    rule = replace(block("toys.example", "mia"), id="r1")
    lists = library(
        categories={"gambling": ["poker.example"]}, services={"video_site": ["video.example"]}
    )
    return Home(family(MIA, TOM, rules=(rule,)), lists)


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        await send(made, "/ask", name="toys.example", why="school", words="For the play.")
        await set_up(site)
        yield made


async def log_in_to_answer(client: Client, site: Site) -> str:
    """Log Ada in; return where the answer to the one request that there is goes."""
    await log_in(client)
    return f"/guardian/appeals/{await the_only(site)}/decide"


@pytest.mark.parametrize("page", ["/guardian/time/mia", "/guardian/people/mia/closed"])
async def test_pages_of_a_person_show_what_they_ask_for_and_looking_for_it_is_no_look(
    client: Client, site: Site, page: str
) -> None:
    """Their script looks at a part of them; without it a reload shows the same."""
    await log_in(client)
    await set_limit(site)
    part = await text(client, "/guardian/asking/mia")
    assert "1 request to answer" in part
    assert "For the play." not in part, "one line: here somebody looks at something else"
    assert await site.context.looks.of("home") == ()
    assert part in await text(client, page), "the script finds no difference"
    for nothing in ("/guardian/asking/tom", page.replace("mia", "tom")):
        assert "request to answer" not in await text(client, nothing)
    await send(client, f"/guardian/appeals/{await the_only(site)}/decide", **NO)
    assert "request to answer" not in await text(client, "/guardian/asking/mia")


async def set_limit(site: Site) -> None:
    """Give Mia a limit: the page that shows its minutes is one that notes a look."""
    limit = Budget("screen", "mia", (("daily", 30),))
    await site.store.change("home", partial(replace, budgets=(limit,)), author="", what="", now=0)
    await site.follow()


async def closed_by_the_clock(site: Site) -> None:
    night = Schedule("night", "mia", parse_slots("daily 00:00-24:00"))
    edit = partial(replace, schedules=(night,))
    await site.store.change("home", edit, author="", what="", now=site.now)
    await site.follow()


async def test_what_ends_a_yes_first_is_told_before_and_after(client: Client, site: Site) -> None:
    """In both, by the same words as to the child: an hour that ends after half of it is no hour."""
    await log_in(client)
    appeal = await the_only(site)
    page = f"/guardian/appeals/{appeal}"
    assert re.search(r"If you choose “1 hour”</dt><dd>\s*Until ", await text(client, page))
    assert "your set times" not in await text(client, f"/ask/{appeal}")
    limit = Budget("screen", "mia", (("daily", 30),))
    await site.store.change("home", partial(replace, budgets=(limit,)), author="", what="", now=0)
    await site.follow()
    told = "Until the daily limit is reached, after about 30 more minutes of use."
    assert told in await text(client, page)
    assert "your limit leaves about 30 minutes" in await text(client, f"/ask/{appeal}")
    soon = Schedule("soon", "mia", parse_slots("daily 16:10-22:00"))
    await site.store.change("home", partial(replace, schedules=(soon,)), author="", what="", now=0)
    await site.follow()
    assert "Until the set times turn it off: 16:10" in await plain(client, page)
    told = "Even if the answer is yes, your set times turn it off: 16:10."
    assert told in await plain(client, f"/ask/{appeal}")
    await send(client, f"{page}/decide", **YES)
    await site.follow()
    assert "Until the set times turn it off: 16:10" in await plain(client, page)
    assert "Your set times turn it off before that: 16:10." in await plain(client, f"/ask/{appeal}")


@pytest.mark.parametrize("wanted", WantedLength)
async def test_a_request_for_any_length_opens_while_it_waits_and_later(
    site: Site, wanted: WantedLength
) -> None:
    async with site.visited() as client:
        await send(client, "/device")
        await send(client, "/ask", name="toys.example", why="school", wanted=wanted.value)
        await set_up(site)
        await log_in(client)
        (asked,) = await site.appeals.appeals("home")
        assert asked.ask.wanted is wanted
        page = f"/guardian/appeals/{asked.id}"
        first = await text(client, page)
        assert "If you choose" in first or wanted is WantedLength.ALWAYS
        await send(client, f"{page}/decide", **YES)
        assert "toys.example" in await text(client, page)


async def plain(client: Client, path: str) -> str:
    """Return a page without the marks for direction."""
    return re.sub("[\u2068\u2069]", "", await text(client, path))


async def test_it_waits_with_the_childs_own_words(client: Client, site: Site) -> None:
    await log_in(client)
    page = await text(client, "/guardian/inbox")
    assert "toys.example" in page
    assert "For the play." in page
    assert "1 request to answer" in await text(client, "/guardian/")


async def test_words_of_a_browser_that_is_not_linked_stand_apart(
    client: Client, site: Site
) -> None:
    hers = {each.key: each.value for each in client.session.cookie_jar}
    client.session.cookie_jar.clear()
    await send(client, "/ask", name="toys.example", words="I hate you all.")
    (other,) = (each for each in await site.appeals.appeals("home") if not each.ask.paired)
    await log_in(client)
    page = await plain(client, "/guardian/inbox")
    told = "From a browser that is not linked to Mia"
    assert page.count(told) == 1
    assert re.search(f"{told}[^<]*“I hate you all.”", page)
    assert "For the play." in page
    page = await plain(client, f"/guardian/appeals/{other.id}")
    assert "It came from a browser that is not linked to Mia, so someone else may" in page
    assert "For the play." not in page
    client.session.cookie_jar.update_cookies(hers)
    page = await plain(client, f"/ask/{other.id}")
    assert "It was sent from a browser that is not linked to you." in page


async def test_what_closed_it_is_told_about_the_child_and_once(client: Client, site: Site) -> None:
    await send(client, "/ask", name="www.toys.example", why="school")
    await log_in(client)
    (asked,) = (e for e in await site.appeals.appeals("home") if e.ask.name == "www.toys.example")
    page = await text(client, f"/guardian/appeals/{asked.id}")
    said = "A parent or carer made a rule that blocks \u2068toys.example\u2069.<span"
    assert said in page


async def test_a_yes_opens_it(client: Client, site: Site, home: Home) -> None:
    await log_in(client)
    appeal = await the_only(site)
    await send(client, f"/guardian/appeals/{appeal}/look")
    assert "A grown-up has seen it." in await text(client, f"/ask/{appeal}")
    await send(client, f"/guardian/appeals/{appeal}/decide", **YES)
    await site.follow()
    assert not home.ask("mia", "toys.example").verdict.blocks
    assert home.ask("mia", "toys.example").verdict.reason == "granted"


async def test_a_yes_ends_at_the_same_minute_on_every_page(client: Client, site: Site) -> None:
    site.home.wait(19)  # seconds into a minute
    await log_in(client)
    appeal = await the_only(site)
    page = await send(client, f"/guardian/appeals/{appeal}/decide", **YES)
    await site.follow()
    pages = (page, *[await text(client, path) for path in ("/guardian/", f"/ask/{appeal}")])
    ends = [re.search(r"until \W*(\d\d:\d\d)", each, re.IGNORECASE) for each in pages]
    assert len({end and end[1] for end in ends}) == 1, ends
    assert all(ends)


async def test_a_yes_says_what_is_open_until_when_and_can_be_undone(
    client: Client, site: Site, home: Home
) -> None:
    await log_in(client)
    appeal = await the_only(site)
    page = await send(client, f"/guardian/appeals/{appeal}/decide", **YES)
    assert re.search(r"This now applies to .*: Temporary access: .*toys\.example.* until ", page)
    await site.follow()
    assert re.search(r"toys\.example.*?: until ", await text(client, "/guardian/"))  # Mia's card
    undo = re.search(r'action="(/guardian/undo/[^"]+)"', page)
    assert undo
    await send(client, undo[1])
    await site.follow()
    assert home.ask("mia", "toys.example").verdict.blocks
    site.home.wait(60)
    assert "Allowed, then taken back" in await text(client, "/guardian/inbox")


async def test_an_answer_without_a_reason_is_refused(client: Client, site: Site) -> None:
    await log_in(client)
    appeal = await the_only(site)
    for fields in ({"state": "refused"}, {"state": "granted"}, {"state": "open", "reason": "x"}):
        await send(client, f"/guardian/appeals/{appeal}/decide", 400, **fields)
    (found,) = await site.appeals.appeals("home")
    assert found.state is AppealState.OPEN


async def answered_twice(client: Client, site: Site, first: dict[str, str], **second: str) -> str:
    """Let Ada answer, and Bo, whose page is still open; return what Bo reads."""
    await set_up(site, "Bo", Role.GUARDIAN)
    where = f"/guardian/appeals/{await the_only(site)}/decide"
    await log_in(client)
    await send(client, where, **first)
    await site.follow()
    await send(client, "/guardian/logout")
    await log_in(client, "Bo")
    return re.sub("[\u2068\u2069]", "", await send(client, where, 409, **second))


async def test_a_no_after_somebody_elses_yes_is_told_kindly_and_can_be_acted_on(
    client: Client, site: Site
) -> None:
    page = await answered_twice(client, site, YES, **NO, text="Not on school days.")
    assert "Something went wrong" not in page
    assert '<h2 id="late">Answered meanwhile</h2>' in page
    assert "Ada has already said yes to this request." in page
    assert "your answer just now was not saved" in page
    assert re.search(r"Allowed: Until 1\d:\d\d\.", page), "what holds now"
    assert "Not on school days.</textarea>" in page, "nothing that was written is lost"
    (found,) = await site.appeals.appeals("home")
    assert (found.state, len(found.answers)) == (AppealState.GRANTED, 1)
    end = re.search(
        r'action="(/guardian/time/mia/grants/[^"]+/end)"><input[^>]*value="(\w+)"', page
    )
    assert end, "the way to change one's mind"
    await send(client, end[1], seen=end[2])
    await site.follow()
    site.home.wait(60)
    page = await text(client, f"/guardian/appeals/{found.id}")
    assert "Allowed, then taken back" in page
    assert "Changed your mind?" not in page


async def test_a_yes_after_somebody_elses_no_leads_to_what_allows_it(
    client: Client, site: Site
) -> None:
    page = await answered_twice(client, site, NO, **YES)
    assert "Ada has already said no to this request." in page
    assert "Nothing was allowed." in page
    assert 'href="/guardian/time/mia#grants"' in page
    assert 'href="/guardian/people/mia/rules?name=toys.example"' in page


async def test_a_further_answer_of_ones_own_is_told_as_that_and_a_double_tap_as_one(
    client: Client, site: Site
) -> None:
    where = await log_in_to_answer(client, site)
    await send(client, where, **YES)
    assert "Something went wrong" not in await send(client, where, **YES)
    page = await send(client, where, 409, **NO)
    assert "You have already said yes to this request." in page
    (found,) = await site.appeals.appeals("home")
    assert len(found.answers) == 1


async def test_another_length_or_a_later_day_is_no_double_tap(client: Client, site: Site) -> None:
    """Who goes back and chooses another length would take it for saved."""
    await log_in(client)
    appeal = await the_only(site)
    where = f"/guardian/appeals/{appeal}/decide"
    await send(client, where, **YES)
    for lasts in ("today", "always", "everyone"):
        page = await send(client, where, 409, **(YES | {"lasts": lasts}))
        assert "You have already said yes to this request." in page
    assert f'name="back" value="/guardian/appeals/{appeal}"' in page, "which is a page"
    site.home.wait(2 * 3600)
    page = await send(client, where, 409, **YES)
    assert "The time of that yes is over now." in page


async def test_a_double_tap_on_always_is_one_answer_until_it_was_taken_back(
    client: Client, site: Site
) -> None:
    where = await log_in_to_answer(client, site)
    always = YES | {"lasts": "always"}
    for _ in range(2):
        await send(client, where, **always)
    (asked,) = await site.appeals.appeals("home")
    assert len(asked.answers) == 1
    await site.store.change("home", partial(replace, rules=()), author="", what="", now=0)
    site.home.wait(5)
    page = await send(client, where, 409, **always)
    assert "You have already said yes to this request." in page


@pytest.mark.parametrize("kind", ["law", "age"])
async def test_nobody_is_told_to_allow_what_no_rule_or_time_can(
    client: Client, site: Site, kind: str
) -> None:
    to = ContestedVerdict(Action.BLOCK, Reason.LEGAL)
    ask = AppealRequest("mia", "phone", AppealKind.NAME, to, name="games.example")
    if kind == "age":
        ask = age_request(MIA, "phone", Band.TO_12, "", site.now)
    filed = (await site.appeals.file("home", ask, site.now)).appeal
    await log_in(client)
    where = f"/guardian/appeals/{filed.id}"
    reason = next(iter(reasons_for(ask, AppealState.REFUSED)))
    await send(client, f"{where}/decide", state="refused", reason=reason)
    assert "Changed your mind?" not in await text(client, where)


async def test_an_answer_to_what_was_cancelled_or_is_somebody_elses_turn_is_told_so(
    client: Client, site: Site
) -> None:
    await set_up(site, "Bo", Role.GUARDIAN)
    where = await refused_and_contested(client, site)
    page = await send(client, f"{where}/decide", 409, **YES)
    assert "someone else has to answer now" in page
    await send(client, f"/ask/{await the_only(site)}/withdraw")
    page = re.sub("[\u2068\u2069]", "", await send(client, f"{where}/decide", 409, **YES))
    assert "Mia has cancelled this request, so it needs no answer." in page


async def test_who_answers_at_the_same_moment_is_told_too(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bo's answer is stored after Ada's page was checked, and before hers is."""
    bo = await set_up(site, "Bo", Role.GUARDIAN)
    await log_in(client)

    async def answer(*given: Any) -> Appeal:
        context, _, household, found, decision = given
        await answer_appeal(context, make_actor(bo), household, found, decision)
        return await answer_appeal(*given)

    monkeypatch.setattr("copdns.web.desk.inbox.answer_appeal", answer)
    page = await send(client, f"/guardian/appeals/{await the_only(site)}/decide", 409, **YES)
    assert "has already said yes to this request." in page


async def test_the_name_on_the_overview_leads_to_the_request_and_tells_the_child(
    client: Client, site: Site
) -> None:
    await log_in(client)
    appeal = await the_only(site)
    page = await text(client, "/guardian/")
    form = re.search(
        rf'<form method="post" action="/guardian/appeals/{appeal}/look">.*?</form>', page, re.DOTALL
    )
    assert form
    button = re.search(r'<button class="link"><span>(.*?)</span></button>', form[0])
    assert button
    assert "toys.example" in button[1]
    await send(client, f"/guardian/appeals/{appeal}/look")
    (found,) = await site.appeals.appeals("home")
    assert found.seen is not None


async def test_who_taps_twice_to_talk_first_says_so_once(client: Client, site: Site) -> None:
    where = await log_in_to_answer(client, site)
    for _ in range(2):
        await send(client, where, state="talk", reason="needs_talk")
    (found,) = await site.appeals.appeals("home")
    assert len(found.answers) == 1
    await send(client, where, **NO)
    (found,) = await site.appeals.appeals("home")
    assert found.state is AppealState.REFUSED, "after they talked"


async def test_what_is_to_be_talked_about_waits_until_it_was(client: Client, site: Site) -> None:
    await log_in(client)
    appeal = await the_only(site)
    where = f"/guardian/appeals/{appeal}/decide"
    await send(client, where, state="talk", reason="needs_talk")
    page = await text(client, "/guardian/inbox")
    assert f'action="/guardian/appeals/{appeal}/look"' in page
    await send(client, where, state="refused", reason="another_way", text=".")
    assert "No requests are waiting." in await text(client, "/guardian/inbox")


async def test_new_questions_stand_above_those_to_be_talked_about(
    client: Client, site: Site
) -> None:
    where = await log_in_to_answer(client, site)
    await send(client, where, state="talk", reason="needs_talk")
    overview = await text(client, "/guardian/")
    assert "1 request to talk about" in overview
    assert "waits for an answer" not in overview
    await closed_by_a_list(client, site)
    page = await text(client, "/guardian/inbox")
    assert page.index("poker.example") < page.index("toys.example")
    overview = await text(client, "/guardian/")
    assert "1 request to talk about" in overview
    assert "1 request to answer" in overview


async def refused_and_contested(client: Client, site: Site) -> str:
    """Let Ada say no and Mia disagree; return the request's page."""
    await log_in(client)
    appeal = await the_only(site)
    where = f"/guardian/appeals/{appeal}"
    await send(client, f"{where}/decide", state="refused", reason="costs_money")
    await send(client, f"/ask/{appeal}/disagree", words="It is free.")
    return where


async def test_what_a_child_disagrees_with_is_somebody_elses_turn(
    client: Client, site: Site
) -> None:
    await set_up(site, "Bo", Role.GUARDIAN)
    where = await refused_and_contested(client, site)
    page = await text(client, where)
    assert "If you choose" not in page, "where there is nothing to choose"
    assert "Mia asked for a second opinion" in page
    assert "Waiting for: Bo" in page
    assert 'action="/guardian/appeals' not in page
    inbox = await text(client, "/guardian/inbox")
    assert "Asked again after an answer" in inbox
    assert "Second opinion needed" in inbox
    assert "waits for an answer" not in await text(client, "/guardian/")
    await send(client, "/guardian/logout")
    await log_in(client, "Bo")
    assert "1 request to answer" in await text(client, "/guardian/")
    page = await text(client, where)
    assert "Your answer is needed" in page
    assert page.index("Mia does not agree with the answer above") < page.index(f"{where}/decide")
    await send(client, f"{where}/decide", **YES)


async def test_where_nobody_else_may_answer_it_is_to_be_talked_about(
    client: Client, site: Site
) -> None:
    where = await refused_and_contested(client, site)
    page = await text(client, where)
    assert "Talk about it, then answer here." in page
    assert f'action="{where}/decide"' in page
    assert "1 request to talk about" in await text(client, "/guardian/")


async def test_the_page_says_what_the_child_will_read(client: Client, site: Site) -> None:
    await log_in(client)
    page = await text(client, f"/guardian/appeals/{await the_only(site)}")
    assert "Mia will see: “You need it for school, so you can use it.”" in page
    assert "Mia will see: “I'd rather talk about this. Let's sit down together.”" in page


async def test_no_reason_is_chosen_beforehand_for_a_no(client: Client, site: Site) -> None:
    await log_in(client)
    page = await text(client, f"/guardian/appeals/{await the_only(site)}")
    no = page.partition('id="reason-refused"')[2].partition("</select>")[0]
    assert " selected" not in no
    assert no.index('<option value="">') < no.index('<option value="not_yet_for_age">')


@pytest.mark.parametrize("action", ["look", "decide"])
async def test_nobody_decides_who_is_not_logged_in(client: Client, site: Site, action: str) -> None:
    appeal = await the_only(site)
    await send(client, f"/guardian/appeals/{appeal}/{action}", 401, state="granted")
    await log_in_as(client, site, Role.AUDITOR)
    await send(client, f"/guardian/appeals/{appeal}/{action}", 403, state="granted")
    (found,) = await site.appeals.appeals("home")
    assert found.state is AppealState.OPEN


async def log_in_as(client: Client, site: Site, role: Role) -> None:
    await set_up(site, "Bo", role)
    await log_in(client, "Bo")


async def test_looking_at_the_page_alone_changes_nothing(client: Client, site: Site) -> None:
    await log_in(client)
    appeal = await the_only(site)
    await text(client, f"/guardian/appeals/{appeal}")
    (found,) = await site.appeals.appeals("home")
    assert found.seen is None


async def test_a_wrong_entry_can_be_told_without_a_word_about_the_child(
    client: Client, site: Site
) -> None:
    mia = replace(MIA, categories=frozenset({"gambling"}))
    await site.store.change(
        "home", lambda house: replace(house, profiles=(mia, TOM)), author="", what="", now=site.now
    )
    await site.follow()
    await send(client, "/ask", name="poker.example", kind="category", words="A card game.")
    there = await site.appeals.appeals("home")
    appeal = next(each.id for each in there if each.ask.name == "poker.example")
    await text(client, f"/guardian/appeals/{appeal}/report")  # the login
    await log_in(client)
    told = await text(client, f"/guardian/appeals/{appeal}/report")
    assert "poker.example" in told
    assert [each for each in ("Mia", "mia", "phone") if has_word(told, each)] == []
    assert "card game" not in told


async def test_what_another_guardian_changes_meanwhile_is_not_told_as_a_yes(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada refuses, while somebody else lifts a rule between what is stored before and after."""
    await log_in(client)

    async def answer(*given: Any) -> Appeal:
        edit = partial(replace, rules=())
        await site.store.change("home", edit, author="Bea", what="", now=site.now)
        return await answer_appeal(*given)

    monkeypatch.setattr("copdns.web.desk.inbox.answer_appeal", answer)
    where = f"/guardian/appeals/{await the_only(site)}/decide"
    page = await send(client, where, state="refused", reason="another_way")
    assert "our answer is saved" in page
    assert "toys.example" not in page.partition('role="status"')[2].partition("</section>")[0]


async def test_what_a_yes_does_not_open_is_told_to_both(client: Client, site: Site) -> None:
    """The rule against toys.example is lifted; at night it stays closed, and nobody is misled."""
    await closed_by_the_clock(site)
    await log_in(client)
    appeal = await the_only(site)
    page = await text(client, f"/guardian/appeals/{appeal}")
    assert "Also blocked by" in page
    assert "This stays blocked too, unless you tick the box below." in page
    where = f"/guardian/appeals/{appeal}/decide"
    page = await send(client, where, **YES)
    still = "Something else still blocks it for Mia: open the request to see what."
    assert still in re.sub("[\u2068\u2069]", "", page), (
        "who says yes in passing does not take it for done"
    )
    assert f'href="/guardian/appeals/{appeal}"' in page
    assert "Something else is blocking it too." in await text(client, f"/ask/{appeal}"), "at once"
    await site.follow()
    page = await text(client, f"/ask/{appeal}")
    assert "Something else is blocking it too." in page
    assert 'href="/ask?name=toys.example"' in page
    for read in (page, await text(client, "/")):
        assert "Something else is blocking it too." in read
        assert "minutes left" not in read, "it is not open for any"
        for sign, stands in (("lock", True), ("happy", False)):  # no smile beside what is blocked
            drawn = (
                (find_folder("web-ui") / "pictures" / f"{sign}.svg")
                .read_text(encoding="utf-8")
                .strip()
            )
            assert (drawn in read) is stands, sign


async def test_a_child_reads_that_a_pause_is_what_blocks_what_was_allowed(
    client: Client, site: Site
) -> None:
    await log_in(client)
    appeal = await the_only(site)
    where = f"/guardian/appeals/{appeal}/decide"
    await send(client, where, **YES)
    await send(client, "/guardian/time/mia/pause", lasts="30")
    await site.follow()
    for page in ("/", f"/ask/{appeal}"):
        read = await text(client, page)
        said = read.partition("Something else is blocking it too.")[2].partition("</section>")[0]
        assert "paused" in said, page


async def test_a_yes_can_open_what_else_closes_it(client: Client, site: Site) -> None:
    """One evening, one question, one answer: no child has to ask twice for one name."""
    await closed_by_the_clock(site)
    await log_in(client)
    appeal = await the_only(site)
    where, yes = f"/guardian/appeals/{appeal}/decide", {"state": "granted", "besides": "on"}
    page = await send(client, where, 400, **yes, lasts="always", reason="fair_enough")
    assert "choose how long" in page
    page = await send(client, where, **yes, lasts="1h", reason="fair_enough")
    assert "still blocks it" not in page
    await site.follow()
    assert not site.home.ask("mia", "toys.example").verdict.blocks
    assert site.home.ask("mia", "open.example").verdict.blocks, "the night holds for the rest"
    assert "Something else is blocking it" not in await text(client, f"/ask/{appeal}")


async def test_where_a_yes_opens_all_nothing_else_is_named(client: Client, site: Site) -> None:
    await log_in(client)
    appeal = await the_only(site)
    assert "Also blocked by" not in await text(client, f"/guardian/appeals/{appeal}")
    where = f"/guardian/appeals/{appeal}/decide"
    await send(client, where, **YES)
    for _ in range(2):  # before it is in force, and after
        assert "Something else is blocking it" not in await text(client, f"/ask/{appeal}")
        await site.follow()


async def closed_by_a_list(client: Client, site: Site, **fields: str) -> str:
    """Let Mia ask for something that a list closes; return the question's id."""
    mia = replace(MIA, categories=frozenset({"gambling"}))
    await site.store.change(
        "home", lambda house: replace(house, profiles=(mia, TOM)), author="", what="", now=site.now
    )
    await site.follow()
    await send(client, "/ask", name="poker.example", words="A card game.", **fields)
    there = await site.appeals.appeals("home")
    return next(each.id for each in there if each.ask.name == "poker.example")


async def test_the_page_tells_which_list_it_was_and_since_when(client: Client, site: Site) -> None:
    appeal = await closed_by_a_list(client, site)
    await log_in(client)
    page = await text(client, f"/guardian/appeals/{appeal}")
    assert "A card game." in page
    for words in (
        "<dt>List</dt>",
        "Version ",
        "Included with copdns.",
        "On the list since",
        "or earlier",
    ):
        assert words in page


async def test_of_an_app_that_somebody_here_blocked_the_list_is_folded(
    client: Client, site: Site
) -> None:
    mia = replace(MIA, services=frozenset({"video_site"}))
    await site.store.change(
        "home", lambda house: replace(house, profiles=(mia, TOM)), author="", what="", now=site.now
    )
    await site.follow()
    await send(client, "/ask", name="video.example")
    asked = next(e for e in await site.appeals.appeals("home") if e.ask.name == "video.example")
    await log_in(client)
    page = await text(client, f"/guardian/appeals/{asked.id}")
    fold = page.index("Where this list comes from")
    assert page.index("If you say yes, this is allowed") < fold < page.index("<dt>List</dt>")
    assert "On the list since" in page


async def test_whom_a_list_is_from_does_not_run_into_the_link() -> None:
    mia = replace(MIA, services=frozenset({"youtube"}))
    site = Site(Home(family(mia, TOM), load_catalogue(())))
    async with site.visited() as client:
        await send(client, "/ask", name="youtube.com")
        await set_up(site)
        await log_in(client)
        page = await text(client, f"/guardian/appeals/{await the_only(site)}")
    assert "the list's maintainer</a>: <bdi>the people who make copdns</bdi></p>" in page


async def test_the_page_tells_since_when_a_rule_is_there(client: Client, site: Site) -> None:
    rule = replace(block("toys.example", "mia", note="After school."), id="r1", created=site.now)
    await site.store.change(
        "home", lambda house: replace(house, rules=(rule,)), author="", what="", now=site.now
    )
    await site.follow()
    await log_in(client)
    page = await text(client, f"/guardian/appeals/{await the_only(site)}")
    assert "Rule added on " in page
    assert "After school." in page


async def test_a_yes_can_be_for_fewer_minutes_than_were_asked_for(
    client: Client, site: Site, home: Home
) -> None:
    await log_in(client)
    where = f"/guardian/appeals/{await the_only(site)}"
    assert 'value="10min"' in await text(client, where)
    await send(client, f"{where}/decide", state="granted", lasts="10min", reason="trial")
    (found,) = await site.appeals.appeals("home")
    assert found.answer is not None
    assert (found.state, found.answer.until) == (AppealState.LIMITED, site.now + 600)


async def test_a_yes_can_be_for_everyone(client: Client, site: Site, home: Home) -> None:
    appeal = await closed_by_a_list(client, site)
    await log_in(client)
    where = f"/guardian/appeals/{appeal}"
    assert 'value="everyone"' in await text(client, where)
    await send(client, f"{where}/decide", state="granted", lasts="everyone", reason="list_error")
    house = await site.store.household("home")
    assert house is not None
    assert [each.scope for each in house.rules if str(each.target) == "poker.example"] == [""]


async def test_a_reviewer_writes_no_rule_for_everyone(
    client: Client, site: Site, home: Home
) -> None:
    appeal = await closed_by_a_list(client, site)
    await log_in_as(client, site, Role.REVIEWER)
    where = f"/guardian/appeals/{appeal}"
    assert 'value="everyone"' not in await text(client, where)
    for for_all in ({"lasts": "everyone"}, {"lasts": "always", "everyone": "on"}):
        sent = {"state": "granted", "reason": "list_error", **for_all}
        page = await send(client, f"{where}/decide", 400, **sent)
        assert "Only a guardian can allow this for everyone" in page
    house = await site.store.household("home")
    assert house is not None
    assert all("poker" not in str(each.target) for each in house.rules)
    await send(client, f"{where}/decide", state="granted", lasts="always", reason="list_error")
    house = await site.store.household("home")
    assert house is not None
    assert [each.scope for each in house.rules if "poker" in str(each.target)] == ["mia"]


async def test_the_page_offers_the_reasons_that_are_true(client: Client, site: Site) -> None:
    """A rule blocked it, so no list was wrong, and it does not work again at any time."""
    await log_in(client)
    where = f"/guardian/appeals/{await the_only(site)}"
    page = await text(client, where)
    assert 'value="another_way"' in page
    for reason in ("list_error", "agreed_time", "minutes_right", "waited_too_long"):
        assert f'value="{reason}"' not in page
    await send(client, f"{where}/decide", 400, state="refused", reason="agreed_time")
    (found,) = await site.appeals.appeals("home")
    assert found.answers == ()


@pytest.mark.parametrize("lasts", ["0min", "-5min", "10", "99999min", "<b>"])
async def test_a_length_that_is_none_changes_nothing(
    client: Client, site: Site, lasts: str
) -> None:
    where = await log_in_to_answer(client, site)
    await send(client, where, 400, state="granted", lasts=lasts, reason="trial")
    (found,) = await site.appeals.appeals("home")
    assert found.state is AppealState.OPEN


async def test_fewer_minutes_than_were_counted_wrongly_can_be_given_back(
    client: Client, site: Site
) -> None:
    budget = Budget("games", "mia", (("daily", 60),), about=())
    await site.store.change(
        "home", lambda house: replace(house, budgets=(budget,)), author="", what="", now=site.now
    )
    await site.follow()
    to = ContestedVerdict(Action.BLOCK, Reason.BUDGET, period="games")
    today = local_time(site.now, zone_of(site.home.house.timezone)).date()
    ask = AppealRequest("mia", "mia-phone", AppealKind.MINUTES, to, minutes=20, day=today)
    appeal = (await site.appeals.file("home", ask, site.now)).appeal.id
    await log_in(client)
    where = f"/guardian/appeals/{appeal}"
    assert "Minutes to give back" in await text(client, where)
    await send(client, f"{where}/decide", state="granted", minutes="5", reason="minutes_wrong")
    house = await site.store.household("home")
    assert house is not None
    assert [each.minutes for each in house.bonuses] == [5]
    found = await site.appeals.appeal("home", appeal)
    assert found is not None
    assert found.state is AppealState.LIMITED
