"""The reviewers' desk and the public's form: two by lot, an end, and nothing of who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from copdns.appeals.review import DecisionReason
from copdns.model.errors import RegisterError, StoreError
from copdns.model.matchers import Matcher
from copdns.provider.law import edits
from copdns.provider.law.events import HoldDecided
from copdns.provider.plane.snapshot import Layer, NameList
from copdns.provider.staff.desk import (
    AGAIN_AFTER,
    OPENS_FOR,
    CaseOrigin,
    CaseReason,
    CaseState,
    DeskCase,
    ask_again,
    decide_case,
    maintainer_text,
    next_closing,
    open_case,
    open_lists,
)
from copdns.provider.staff.desk_chain import KEPT_FOR
from copdns.provider.staff.site_answer import blocks_of
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.web.staff.public_pace import line_of
from tests.provider_staff import ADA, BO, NOW, REVIEWER, SPECIAL, STAFF, Written, order
from tests.unit.store.staff_site import HOTLINE, OTHER, Site, find, running_site

pytestmark = pytest.mark.once

THIRD, FOURTH = replace(OTHER, id="rev3"), replace(OTHER, id="rev4")
PEOPLE = (*STAFF, OTHER, THIRD, FOURTH)
ASKED = ("www.club.example", "help.club.example")
YES, NO = DecisionReason.LIST_ERROR, DecisionReason.HARMFUL_CONTENT
NEW = DeskCase(
    *(0, "", CaseOrigin.GUARDIAN, "www.club.example", "casinos", "club.example"),
    *(CaseReason.HARMLESS, NOW, 0, ()),
)


def first(ids: Any, many: int) -> list[str]:
    return list(ids[:many])


@pytest.fixture
async def site(postgres: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(postgres, tmp_path) as site:
        yield site


def test_two_by_lot_open_a_line_for_all_and_it_ends() -> None:
    case = open_case(NEW, PEOPLE, first)
    assert (case.drawn, case.due) == (("rev", "rev2"), NOW + 72 * 3600)
    with pytest.raises(RegisterError, match="drawn by others"):
        decide_case(case, THIRD, YES, NOW)
    with pytest.raises(RegisterError, match="may not do this"):
        decide_case(case, ADA, YES, NOW)
    case = decide_case(case, REVIEWER, YES, NOW)
    with pytest.raises(RegisterError, match="another reviewer"):
        decide_case(case, REVIEWER, YES, NOW)
    lists = (
        NameList("casinos", Layer.FAMILY, (Matcher("club.example"), Matcher("bad.example"))),
        NameList("order-1", Layer.LAW, (Matcher("club.example"),)),
    )
    assert open_lists(lists, [case], NOW) == lists
    case = decide_case(case, OTHER, YES, NOW)
    family, law = open_lists(lists, [case], NOW)
    assert (family.names, law) == ((Matcher("bad.example"),), lists[1])
    assert open_lists(lists, [case], NOW + OPENS_FOR) == lists
    assert case.state(NOW + OPENS_FOR) is CaseState.OVER
    assert next_closing([case], NOW) == NOW + OPENS_FOR
    assert next_closing([case], NOW + OPENS_FOR) is None


def test_a_no_can_be_asked_again_once_of_two_others() -> None:
    case = decide_case(open_case(NEW, PEOPLE, first), REVIEWER, NO, NOW)
    assert case.state(NOW) is CaseState.REFUSED
    again = ask_again(case, PEOPLE, first, NOW)
    assert (again.drawn, again.state(NOW)) == (("rev3", "rev4"), CaseState.WAITING)
    refused = decide_case(again, THIRD, NO, NOW)
    with pytest.raises(RegisterError, match="cannot be asked again"):
        ask_again(refused, PEOPLE, first, NOW)
    with pytest.raises(RegisterError, match="two reviewers"):
        ask_again(case, STAFF, first, NOW)
    with pytest.raises(RegisterError, match="of a list one says"):
        decide_case(again, THIRD, DecisionReason.SPECIAL_DAY, NOW)


def test_staff_of_a_tenant_open_nothing_for_all() -> None:
    north = [replace(each, tenant="north") for each in (THIRD, FOURTH)]
    of_north = replace(NEW, tenant="north")
    with pytest.raises(RegisterError, match="two reviewers"):
        open_case(of_north, north, first)
    case = replace(open_case(of_north, PEOPLE, first), drawn=("rev3", "rev4"))
    with pytest.raises(RegisterError, match="may not do this"):
        decide_case(case, north[0], YES, NOW)


def test_what_is_protected_is_not_called_blocked_by_a_list() -> None:
    written = Written()
    number = written.add("ada", order("club.example", is_confidential=True))
    special = replace(SPECIAL, help=(Matcher("help.club.example"),))
    written.add("bo", edits.confirm_order(written.register, number, special, BO, NOW))
    yes = HoldDecided(number, "help.club.example", True, "It insists.")
    before = [blocks_of(n, written.register, find(n), (), special, NOW) for n in ASKED]
    written.add("rev", edits.decide_hold(written.register, yes, special, REVIEWER, NOW))
    after = [blocks_of(n, written.register, find(n), (), special, NOW) for n in ASKED]
    assert before == after, "what was decided about a confidential order is not told"
    assert [[each.list for each in found] for found in before] == [["casinos"], []]


def test_the_text_for_a_maintainer_says_nothing_of_who_asked() -> None:
    case = decide_case(open_case(NEW, PEOPLE, first), REVIEWER, YES, NOW)
    text = maintainer_text(case)
    assert "club.example" in text
    assert not {"guardian", "rev"} & set(text.split())


async def test_a_case_from_the_public_form_to_the_open_site(site: Site) -> None:
    owner = site.browser()
    _, found = await owner.post("/blocked", {"name": "https://www.Club.example/page"})
    (block,) = found["blocked"]
    assert (block["layer"], block["list"], block["version"]) == ("family", "casinos", "7")
    assert block["review"] is None
    asked = {"name": "www.club.example", "list": "casinos", "reason": "harmless"}
    for _ in range(2):  # twice is one case
        _, found = await owner.post("/blocked/review", asked)
    assert found["blocked"][0]["review"]["state"] == "waiting"
    reviewers = [await site.logged_in(who) for who in ("rev", "rev2")]
    (case,) = (await reviewers[0].get("/staff/desk"))[1]
    assert (case["origin"], case["reviewers"], case["hours"]) == ("site_owner", ["rev", "rev2"], 0)
    path = f"/staff/desk/{case['number']}"
    for each in reviewers:
        assert (await each.post(f"{path}/decide", {"reason": "list_error"}))[0] == 200
    assert (await owner.post("/blocked", {"name": "club.example"}))[1]["blocked"] == []
    assert "club.example" in (await reviewers[0].get(f"{path}/text"))[1]["text"]
    site.later(OPENS_FOR)
    assert len((await owner.post("/blocked", {"name": "club.example"}))[1]["blocked"]) == 1


async def test_a_confidential_order_is_told_apart_by_nothing(site: Site) -> None:
    for name, is_secret in (("secret.example", True), ("casino.example", False)):
        new = order(name, is_confidential=is_secret)
        entry = site.store.write("ada", NOW, lambda _, new=new: new)  # type: ignore[misc]
        assert entry
        number = entry.number
        site.store.write(
            "bo",
            NOW,
            lambda now, number=number: edits.confirm_order(now, number, SPECIAL, BO, NOW),  # type: ignore[misc]
        )
    owner = site.browser()
    _, secret = await owner.post("/blocked", {"name": "secret.example"})
    _, free = await owner.post("/blocked", {"name": "free.example"})
    assert {**secret, "name": ""} == {**free, "name": ""}
    assert secret["hotlines"] == [{"name": "A hotline", "site": "https://hotline.example/"}]
    _, told = await owner.post("/blocked", {"name": "casino.example"})
    assert (told["blocked"][0]["by"], told["blocked"][0]["layer"]) == ("A court", "law")


async def test_the_form_is_a_page_without_a_script_in_the_readers_language(site: Site) -> None:
    owner = site.browser()
    async with owner.session.get(f"{site.origin}/blocked") as response:
        assert "<form" in await response.text()
    send = owner.session.post(
        f"{site.origin}/blocked", data={"name": "club.example"}, headers={"Accept-Language": "fr"}
    )
    async with send as response:
        page = await response.text()
        assert response.headers["Cache-Control"] == "no-store"
    assert ("<script" in page, 'lang="fr"' in page, "casinos" in page) == (False, True, True)
    wrong = owner.session.post(f"{site.origin}/blocked", data={"name": "<b>"})
    async with wrong as response:
        assert (response.status, "&lt;b&gt;" in await response.text()) == (400, True)


AWAY = {
    "en": "so we cannot check sites",
    "fr": "donc pas vérifier de sites",
    "es": "no podemos comprobar sitios",
    "ar": "لا يمكننا فحص المواقع",
    "ru": "не можем проверять сайты",
    "zh": "因此无法检查网站",
}


@pytest.mark.parametrize("language", AWAY)
async def test_a_browser_reads_that_the_form_has_no_database_and_a_program_gets_a_problem(
    site: Site, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    def fail(_store: RegisterStore) -> int:
        raise StoreError("PostgreSQL cannot be reached")

    monkeypatch.setattr(RegisterStore, "size", fail)
    owner, accept = site.browser(), {"Accept": "text/html", "Accept-Language": language}
    for method, path in (("GET", ""), ("POST", ""), ("POST", "/review")):
        asked = {"name": "club.example", "reason": "harmless"} if method == "POST" else None
        url = f"{site.origin}/blocked{path}"
        async with owner.session.request(method, url, data=asked, headers=accept) as response:
            page = await response.text()
        assert (response.status, response.content_type) == (503, "text/html")
        assert AWAY[language] in page
        assert "club.example" not in page
        assert (HOTLINE.site in page, "PostgreSQL" in page) == (True, False)
        assert 'name="back" value="/blocked"' in page
    status, found = await owner.post("/blocked", {"name": "club.example"})
    assert (status, found["status"]) == (503, 503)


async def test_a_browser_gets_a_page_wherever_the_public_cannot_be_answered(site: Site) -> None:
    owner, accept = site.browser(), {"Accept": "text/html"}
    for path in ("nothing", "statement/kept/nothing.json"):
        async with owner.session.get(f"{site.origin}/blocked/{path}", headers=accept) as response:
            assert (response.status, response.content_type) == (404, "text/html"), path
            assert "find this page" in await response.text()


async def test_the_form_is_answered_ten_times_a_minute(site: Site) -> None:
    owner = site.browser()
    statuses = [(await owner.post("/blocked", {"name": "club.example"}))[0] for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    site.later(60)
    assert (await owner.post("/blocked", {"name": "club.example"}))[0] == 200


def test_addresses_of_one_line_are_one() -> None:
    assert line_of("2001:db8:1:2::7") == line_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert line_of("2001:db8:1:3::7") != line_of("2001:db8:1:2::7")
    assert line_of("::ffff:198.51.100.7") == line_of("198.51.100.7") == "198.51.100.7"


async def test_a_proxy_of_this_machine_says_who_asks(site: Site) -> None:
    owner, asked = site.browser(), {"name": "club.example"}
    said = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
    for _ in range(10):
        assert (await owner.post("/blocked", asked, **said))[0] == 200
    forged = {"X-Forwarded-For": "192.0.2.1, 198.51.100.7"}
    assert (await owner.post("/blocked", asked, **forged))[0] == 429
    other = {"X-Forwarded-For": "198.51.100.8"}
    assert (await owner.post("/blocked", asked, **other))[0] == 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"name": "\\ud800.example"}', "application/json"),
        (b'{"name": "club\\u0000.example"}', "application/json"),
        (b'{"name": ["club.example"]}', "application/json"),
        (b"{}", "application/json; charset=none-such"),
        (b"name=a", "application/x-www-form-urlencoded; charset=none-such"),
        (b"name=%ED%A0%80.example", "application/x-www-form-urlencoded"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"--x", "multipart/form-data"),
    ],
)
async def test_what_cannot_be_read_is_no_name(site: Site, body: bytes, kind: str) -> None:
    send = site.browser().session.post(
        f"{site.origin}/blocked", data=body, headers={"Content-Type": kind}
    )
    async with send as response:
        assert response.status == 400


async def test_the_language_is_chosen_on_the_form(site: Site) -> None:
    send = site.browser().session.post(
        f"{site.origin}/language", data={"language": "fr", "back": "/blocked"}
    )
    async with send as response:
        assert (response.status, 'lang="fr"' in await response.text()) == (200, True)


async def test_a_no_holds_and_a_case_of_another_tenant_is_not_told(site: Site) -> None:
    rev = await site.logged_in("rev")
    asked = {"name": "www.Club.example", "list": "casinos", "entry": "club.example"}
    asked |= {"reason": "harmless"}
    for wrong in ({"entry": "Mia asked for this"}, {"list": "another"}, {"name": "free.example"}):
        assert (await rev.post("/staff/desk", asked | wrong))[0] == 409
    south = site.desk.add(
        replace(NEW, tenant="south", origin=CaseOrigin.STAFF, due=NOW + 1, drawn=("rev", "rev2"))
    )
    _, case = await rev.post("/staff/desk", asked)
    assert (case["number"] != south.number, case["name"]) == (True, "www.club.example")
    path = f"/staff/desk/{case['number']}"
    assert (await rev.post(f"{path}/decide", {"reason": "harmful_content"}))[0] == 200
    status, refused = await rev.post("/staff/desk", asked)
    assert (status, "asked again" in refused["detail"]) == (409, True)
    nora = replace(REVIEWER, id="nr", tenant="north", subject="subject of nr")
    site.store.write("console", NOW, lambda now: edits.add_staff(now, nora, None))
    status, refused = await (await site.logged_in("nr")).post("/staff/desk", asked)
    assert status == 409, "the line is the same for all tenants"
    assert str(case["number"]) not in refused["detail"].replace("180", "")
    site.later(AGAIN_AFTER)
    rev = await site.logged_in("rev")
    assert (await rev.post("/staff/desk", asked))[0] == 200


async def test_nothing_of_who_asks_is_in_the_database_and_a_case_is_forgotten(
    site: Site, postgres: str
) -> None:
    asked = {"name": "club.example", "list": "casinos", "reason": "help"}
    asked |= {"contact": "mia@club.example"}
    await site.browser().post("/blocked/review", asked)
    with psycopg.connect(postgres) as operator:
        rows = str(operator.execute(b"select * from copdns.desk_case").fetchall())
    assert "club.example" in rows
    assert not [each for each in ("127.0.0", "mia") if each in rows]
    assert site.forget_cases(NOW + 2 * KEPT_FOR) == 0, "a clock that is ahead deletes nothing"
    with psycopg.connect(postgres) as operator:
        number = operator.execute(
            b"update copdns.desk_case set asked = asked - %(long)s, due = due - %(long)s "
            b"returning number",
            {"long": 2 * KEPT_FOR},
        ).fetchall()[0][0]
        operator.execute(
            b"insert into copdns.desk_decision values (%s, 0, 'rev', %s, 'list_error', '1')",
            (number, NOW),
        )
    assert site.forget_cases(NOW) == 0, "it was decided since"
    with psycopg.connect(postgres) as operator:
        operator.execute(b"update copdns.desk_decision set at = at - %s", (KEPT_FOR + 1,))
    assert site.forget_cases(NOW) == 1


async def test_staff_of_a_tenant_see_cases_of_this_tenant_alone(site: Site) -> None:
    case = site.desk.add(replace(NEW, tenant="south", due=NOW + 1, drawn=("rev", "rev2")))
    site.store.write(
        "console",
        NOW,
        lambda now: edits.add_staff(
            now, replace(REVIEWER, id="nr", tenant="north", subject="subject of nr"), None
        ),
    )
    north = await site.logged_in("nr")
    assert (await north.get("/staff/desk"))[1] == []
    assert (await north.get(f"/staff/desk/{case.number}"))[0] == 409
    assert len((await (await site.logged_in("rev")).get("/staff/desk"))[1]) == 1
