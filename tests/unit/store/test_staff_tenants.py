"""Staff of one tenant see what is about it, and nothing of another tenant, whatever they try."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from copdns.provider.law.edits import DAY
from copdns.provider.law.events import TenantAdded
from copdns.provider.staff.desk import CaseOrigin, CaseReason, DeskCase
from copdns.provider.staff.duties import StaffMember, StaffRole
from copdns.web.staff.console import PAGES
from copdns.web.staff.lots import draw
from copdns.web.staff.operations import StaffOperation
from tests.provider_staff import NOW, staff_added
from tests.unit.store.staff_site import OPERATIONS, Site, StaffBrowser, running_site
from tests.unit.store.test_staff_pages import HTML, menu_of
from tests.unit.store.test_staff_routes import ORDER

pytestmark = pytest.mark.once

NORTHERN = tuple(StaffMember(f"n-{role}", f"N {role}", role, "north") for role in StaffRole)
SOUTHERN = tuple(StaffMember(f"s-{role}", f"S {role}", role, "south") for role in StaffRole)
# What staff of a tenant may do, by role; all else is for the operator's.
MAY = {
    "administrator": """
        GET /staff/me|GET /staff/status|GET /staff/entries|GET /staff/statement
        |GET /staff/report/{text}|GET /staff/people|POST /staff/people
        |POST /staff/people/{text}/remove""",
    "support": "GET /staff/me|GET /staff/status",
    "auditor": """
        GET /staff/me|GET /staff/status|GET /staff/entries|GET /staff/statement
        |GET /staff/report/{text}|GET /staff/desk|GET /staff/desk/{number}
        |GET /staff/desk/{number}/text""",
    "reviewer": """
        GET /staff/me|GET /staff/status|GET /staff/entries|GET /staff/statement
        |GET /staff/report/{text}|GET /staff/desk|GET /staff/desk/{number}
        |GET /staff/desk/{number}/text|POST /staff/desk|POST /staff/desk/{number}/decide
        |POST /staff/desk/{number}/again|POST /staff/desk/{number}/redraw""",
}
BODY = {"why": "Why not.", "reason": "list_error", "name": "www.club.example"}


@pytest.fixture
async def site(postgres: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(postgres, tmp_path) as site:
        site.store.write("console", NOW, lambda _: TenantAdded("south", "South", "FR"))
        for each in (*NORTHERN, *SOUTHERN):
            who = replace(each, subject=f"subject of {each.id}")
            site.store.write("console", NOW, lambda _, who=who: staff_added(who))  # type: ignore[misc]
        yield site


async def call(
    browser: StaffBrowser, operation: StaffOperation, number: int, text: str
) -> tuple[int, Any]:
    path = operation.path.format(number=number, text=text)
    return await (browser.get(path) if operation.method == "GET" else browser.post(path, BODY))


async def case_of(site: Site, who: str) -> int:
    """Let a reviewer add a case about a list; return its number."""
    new = {"name": "www.club.example", "list": "casinos", "entry": "club.example"}
    status, made = await (await site.logged_in(who)).post(
        "/staff/desk", {**new, "reason": "harmless"}
    )
    assert status == 200
    return int(made["number"])


def is_for_them(role: str, operation: StaffOperation) -> bool:
    allowed = {each.strip() for each in MAY[role].split("|")}
    return f"{operation.method} {operation.path}" in allowed


async def test_each_operation_with_what_is_another_tenants_as_each_role(site: Site) -> None:
    case, wrong = await case_of(site, "s-reviewer"), []
    for who in NORTHERN:
        them = await site.logged_in(who.id)
        for operation in OPERATIONS:
            route = f"{who.role} {operation.method} {operation.path}"
            status, found = await call(them, operation, case, "s-support")
            may = is_for_them(who.role, operation)
            refused = status == 403 and found["detail"] == "this is not one of your duties"
            if refused == may:
                wrong.append(f"{route}: {status}")
            # A case or person of another tenant is as one that is not there.
            nobody = (await call(them, operation, 99, "nobody"))[1]
            shown = str(nobody).replace("case 99", f"case {case}").replace("nobody", "s-support")
            if may and operation.method + operation.path != "GET/staff/statement":
                if str(found) != shown:
                    wrong.append(f"{route}: {found} and not {nobody}")
                if "south" in shown or "www.club.example" in shown or "'s-reviewer'" in shown:
                    wrong.append(f"{route} tells {shown}")
    assert wrong == [], "\n".join(wrong)
    assert site.desk.find(case).decisions == ()
    assert not site.store.load().staff["s-support"].is_gone


async def test_they_see_what_is_about_their_tenant_and_the_operator_sees_all(site: Site) -> None:
    ada = await site.logged_in("ada")
    assert (await ada.post("/staff/orders", {**ORDER, "is_confidential": True}))[0] == 200
    north, south = await case_of(site, "n-reviewer"), await case_of(site, "s-reviewer")
    reviewer, auditor = await site.logged_in("n-reviewer"), await site.logged_in("n-auditor")
    for them in (reviewer, auditor):
        assert [each["number"] for each in (await them.get("/staff/desk"))[1]] == [north]
        assert (await them.get(f"/staff/desk/{north}"))[0] == 200
    rev = await site.logged_in("rev")
    assert {each["number"] for each in (await rev.get("/staff/desk"))[1]} == {north, south}
    lines = (await auditor.get("/staff/entries"))[1]
    assert {each["kind"] for each in lines} == {"tenant added", "staff added"}
    assert len(lines) == 1 + len(NORTHERN) + 1  # the tenant, its staff, and its first administrator
    assert (await auditor.get("/staff/status"))[1] == {"entries": len(lines)}
    admin = await site.logged_in("n-administrator")
    assert (await admin.post("/staff/people/n-support/remove"))[0] == 200
    assert "staff removed" in {each["kind"] for each in (await auditor.get("/staff/entries"))[1]}
    assert len((await ada.get("/staff/entries"))[1]) == site.store.size()
    taken = {"id": "s-support", "name": "New", "role": "support", "tenant": "north"}
    status, told = await admin.post("/staff/people", taken)
    assert (status, "south" in str(told)) == (409, False)
    duties = (await reviewer.get("/staff/me"))[1]["duties"]
    assert "decide_holds" not in duties
    assert (await auditor.get("/staff/statement"))[1]["document"]["law"]["confidential"] == 0


def disputed(site: Site, tenant: str, how_many: int) -> None:
    asked = NOW - 100 * DAY
    for number in range(how_many):
        new = DeskCase(
            *(0, tenant, CaseOrigin.GUARDIAN, f"s{number}.example", "casinos", f"{number}.example"),
            *(CaseReason.HARMLESS, asked, asked + DAY, tuple(draw(["rev", "rev2"], 2))),
        )
        site.desk.add(new)


async def test_the_report_of_a_tenant_tells_no_small_number_and_no_small_rest(site: Site) -> None:
    auditor = await site.logged_in("n-auditor")
    quarter = "2026-Q3"

    async def received() -> object:
        status, found = await auditor.get(f"/staff/report/{quarter}")
        assert status == 200
        document = found["document"]
        assert document["tenant"] == {"id": "north", "name": "North", "country": "FR"}
        assert "south" not in str(found)
        return document["disputes"]["received"]

    disputed(site, "north", 19)
    disputed(site, "south", 30)
    assert await received() is None, "a small number"
    disputed(site, "north", 1)  # the same line again is the same case
    assert await received() is None
    site.drop_cases()
    disputed(site, "north", 25)
    disputed(site, "south", 19)
    assert await received() is None, "a small rest, as all together are published"
    disputed(site, "south", 20)
    assert await received() == 25


async def test_the_published_report_tells_staff_who_know_their_own_no_small_rest(
    site: Site,
) -> None:
    """A tenant's reviewers and auditors have its cases before them, and can count them."""
    rev = await site.logged_in("rev")

    async def received() -> object:
        return (await rev.get("/staff/report/2026-Q3"))[1]["document"]["disputes"]["received"]

    disputed(site, "north", 25)
    assert await received() == 25, "nobody else asked anything"
    disputed(site, "south", 19)
    assert await received() is None, "44 less 25 would be 19"
    disputed(site, "south", 20)
    assert await received() == 45


async def test_the_number_of_a_case_tells_not_how_many_others_asked(site: Site) -> None:
    before = await case_of(site, "n-reviewer")
    disputed(site, "south", 9)
    disputed(site, "north", 1)
    numbers = {each.number for each in site.desk.load()}
    assert before in numbers
    assert len(numbers) == 11
    assert max(numbers) - min(numbers) > 1000


async def test_their_pages_have_what_they_may_see_in_the_menu(site: Site) -> None:
    case = await case_of(site, "n-reviewer")
    for who in NORTHERN:
        them = await site.logged_in(who.id)
        async with them.session.get(f"{site.origin}/staff/me", headers=HTML) as response:
            page = await response.text()
        wanted = {
            each
            for each, shown in PAGES.items()
            if shown.picture and f"GET {each}" in {m.strip() for m in MAY[who.role].split("|")}
        }
        assert menu_of(page) == wanted, who.id
        for each in ("statement", "report/2026-Q3", "entries", "desk", f"desk/{case}", "people"):
            async with them.session.get(f"{site.origin}/staff/{each}", headers=HTML) as response:
                shown = await response.text()
                assert response.status in (200, 403), each
                assert "<h1>" in shown
