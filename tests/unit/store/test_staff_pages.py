"""The staff's pages: what each role sees, and what forms do, without a script."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from copdns.provider.law.edits import DAY
from copdns.provider.rollout.rollouts import (
    FleetNode,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
)
from copdns.store.provider_db.rollout_rows import RolloutStore
from copdns.web.staff.console import PAGES, safe_path
from copdns.web.staff.sign_on import FRESH
from tests.provider_staff import DOCUMENT, NOW
from tests.unit.store.staff_site import OPERATIONS, Site, running_site
from tests.unit.store.test_staff_routes import MAY

pytestmark = pytest.mark.once

HTML = {"Accept": "text/html"}
ENDS = f"{datetime.fromtimestamp(NOW + DAY, UTC):%Y-%m-%dT%H:%M}"
ORDER = {
    "authority": "A court",
    "reference": "1 O 23/26",
    "scope": "all customers",
    "country": "FR",
    "names": "bad.example\nhelp.example",
    "begins": "",
    "ends": ENDS,
    "decider": "rev",
    "decide_hours": "24",
}
CHECKED = {**ORDER, "checksum": DOCUMENT}


@dataclass
class Visitor:
    """Somebody with a browser, who reads pages and sends forms."""

    site: Site
    session: aiohttp.ClientSession

    async def open(self, path: str) -> tuple[int, str]:
        async with self.session.get(self.site.origin + path, headers=HTML) as response:
            return response.status, await response.text()

    async def send(
        self, path: str, fields: dict[str, str] | aiohttp.FormData | None = None, origin: str = ""
    ) -> tuple[int, str, str]:
        """Send a form; return the status, the page and its path."""
        headers = {**HTML, "Origin": origin or self.site.origin}
        send = self.session.post(self.site.origin + path, data=fields or {"a": ""}, headers=headers)
        async with send as response:
            return response.status, await response.text(), response.url.path


@pytest.fixture
async def site(postgres: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(postgres, tmp_path) as site:
        yield site


async def visitor(site: Site, who: str) -> Visitor:
    browser = await site.logged_in(who) if who else site.browser()
    return Visitor(site, browser.session)


def menu_of(page: str) -> set[str]:
    return set(re.findall(r'<li><a href="(/staff/[a-z]+)"', page))


async def test_every_page_for_every_role_a_guardian_and_a_stranger(site: Site) -> None:
    ada = await visitor(site, "ada")
    assert (await ada.send("/staff/orders", CHECKED))[0] == 200
    reviewer = await site.logged_in("rev")
    case = {"name": "www.club.example", "list": "casinos", "entry": "club.example"}
    _, made = await reviewer.post("/staff/desk", {**case, "reason": "harmless"})
    numbers = {"/staff/orders": site.store.size(), "/staff/desk": made["number"]}
    wrong = []
    for who in ("ada", "bo", "rev", "aud", "sup", "north", ""):
        them = await visitor(site, who)
        if not who:
            them.session.cookie_jar.update_cookies({"copdns_session": "a guardian's"})
        for path in PAGES:
            number = next((n for begins, n in numbers.items() if path.startswith(begins)), 0)
            status, page = await them.open(path.format(number=number, text="2026-Q3"))
            may = who in MAY[f"GET {path}"].split()
            wanted = 200 if may else 403 if who else 401
            if status != wanted or "<h1>" not in page or ("Traceback" in page):
                wrong.append((who, path, status))
            if may:
                menu = {each for each in PAGES if PAGES[each].picture and who in MAY[f"GET {each}"]}
                if menu_of(page) != menu:
                    wrong.append((who, path, menu_of(page) ^ menu))
    assert wrong == []
    assert {each.path for each in OPERATIONS if each.method == "GET"} - PAGES.keys() == {
        "/staff/status"
    }


async def test_an_order_by_forms_from_its_entry_to_the_second_person(site: Site) -> None:
    ada, bo, rev = [await visitor(site, who) for who in ("ada", "bo", "rev")]
    form = aiohttp.FormData(ORDER)
    form.add_field("document", b"%PDF of a court", filename="order.pdf")
    status, page, path = await ada.send("/staff/orders", form)
    assert (status, path) == (200, f"/staff/orders/{site.store.size()}")
    assert "waits for a second person" in page
    assert "Another person has to confirm" in page
    status, page, _ = await ada.send(f"{path}/confirm")
    assert status == 409
    assert "Another person than the one who entered it" in page
    assert "Confirm a legal order" in (await bo.open("/staff/me"))[1]
    status, page, _ = await bo.send(f"{path}/confirm")
    assert "in force" in page
    assert "Decide about a protected name" in (await rev.open("/staff/me"))[1]
    decision = {"name": "help.example", "is_blocked": "no", "why": "A helpline."}
    status, page, _ = await rev.send(f"{path}/decide", decision)
    assert "rev decided that it stays open. A helpline." in page
    status, page, _ = await ada.send(f"{path}/withdraw", {"why": "Lifted on appeal."})
    assert "Withdrawn" in page
    assert "Lifted on appeal." in page


async def test_a_rollout_is_undone_and_the_layer_of_families_opened_by_forms(site: Site) -> None:
    ada, rev = await visitor(site, "ada"), await visitor(site, "rev")
    assert "Nothing was rolled out" in (await ada.open("/staff/rollouts"))[1]
    assert site.households
    store = RolloutStore(site.households.pool)
    done, number = RolloutStep(NOW, "copdns", RolloutStage.DONE, RolloutState.GOING), 0
    for label in ("1.0", "1.1"):
        found = store.begin(RolloutKind.PACKAGE, label, {}, "root", NOW)
        assert found
        number = found.number
        store.add_step(number, lambda _: done)
    store.report(FleetNode("n1", "north", True, NOW))
    undo = f"/staff/rollouts/{number}/undo"
    page = (await rev.open("/staff/rollouts"))[1]
    assert "n1" in page
    assert undo not in page, "a reviewer sees and decides nothing"
    assert undo in (await ada.open("/staff/rollouts"))[1]
    status, page, path = await ada.send(undo, {"why": "It fails on <one> machine."})
    assert (status, path) == (200, "/staff/rollouts")
    assert "ada\u00a0· It fails on &lt;one&gt; machine." in page
    status, page, _ = await ada.send(undo, {"why": "Again."})
    assert status == 409
    assert "undone already" in page
    opened = {"why": "A list blocks schools.", "hours": "2"}
    status, page, _ = await ada.send("/staff/rollouts/open-family", {**opened, "hours": "25"})
    assert status == 409
    assert "at most 24 hours" in page
    status, page, _ = await ada.send("/staff/rollouts/open-family", opened)
    assert "It is open for all subscribers until" in page
    status, page, _ = await ada.send("/staff/rollouts/close-family", {"why": "Mended."})
    assert "It blocks what families chose." in page


async def test_a_rollout_is_begun_frozen_and_thawed_by_forms(site: Site) -> None:
    ada, rev = await visitor(site, "ada"), await visitor(site, "rev")
    page = (await rev.open("/staff/rollouts"))[1]
    assert 'action="/staff/' not in page.partition("<main")[2], "a reviewer only sees"
    begin = "/staff/rollouts"
    status, page, _ = await ada.send(begin, {"kind": "lists", "label": ""})
    assert (status, "has no lists" in page) == (409, True)
    site.list_files["lists/bets.txt"] = b"one.example\n"
    status, page, path = await ada.send(begin, {"kind": "lists", "label": ""})
    assert (status, path, "on canary nodes" in page) == (200, begin, True)
    status, page, _ = await ada.send(begin, {"kind": "lists", "label": ""})
    assert (status, "is under way" in page) == (409, True)
    assert site.households
    store = RolloutStore(site.households.pool)
    (lists,) = store.load()
    assert (lists.steps[0].by, store.files(lists.number).keys()) == ("ada", site.list_files.keys())
    undone = RolloutStep(NOW, "copdns", RolloutStage.CANARY, RolloutState.UNDONE, "Blocks.")
    store.add_step(lists.number, lambda _: undone)
    status, page, _ = await ada.send(begin, {"kind": "lists", "label": ""})
    assert (status, "was undone" in page) == (409, True)
    assert (await ada.send(begin, {"kind": "lists", "label": "", "again": "yes"}))[0] == 200
    for fields, why in (
        ({"kind": "package", "label": " "}, "is missing"),
        ({"kind": "package", "label": "x" * 101}, "at most 100"),
        ({"kind": "schema", "label": "1.5"}, "by a command"),
        ({"kind": "all of it", "label": "1.5"}, "kind"),
    ):
        status, page, _ = await ada.send(begin, fields)
        assert (status, why in page) == (409, True), fields
    assert (await ada.send(begin, {"kind": "package", "label": "<1.5>"}))[0] == 200
    assert "&lt;1.5&gt;" in (await rev.open(begin))[1]
    status, page, _ = await ada.send(f"{begin}/freeze", {"why": "", "begins": "", "ends": ENDS})
    assert status == 409
    far = {"why": "Exams.", "begins": "2090-12-01T08:00", "ends": "2090-12-02T08:00"}
    status, page, _ = await ada.send(f"{begin}/freeze", far)
    assert (status, "within a year" in page) == (409, True)
    frozen = {"why": "Exams.", "begins": "", "ends": ENDS}
    assert "Exams." in (await ada.send(f"{begin}/freeze", frozen))[1]
    (freeze,) = store.freezes(NOW)
    assert freeze.by == "ada"
    thaw = f"{begin}/freezes/{freeze.number}/thaw"
    status, page, path = await ada.send(thaw)
    assert (status, path, "Exams." in page) == (200, begin, False)
    assert (await ada.send(thaw))[0] == 409
    assert (await ada.send(f"{begin}/freeze", frozen))[0] == 200
    (freeze,) = store.freezes(NOW)
    site.later(FRESH + 1)
    # A session that was left open ends no freeze: all that waits would go on.
    assert (await ada.send(f"{begin}/freezes/{freeze.number}/thaw"))[0] == 403
    assert store.freezes(NOW) == (freeze,)
    assert (await ada.send(begin, {"kind": "package", "label": "1.6"}))[0] == 403
    # Nor does it let go on what was stopped; to stop it was quick.
    (package,) = (each for each in store.load() if each.kind is RolloutKind.PACKAGE)
    why = {"why": "It was another."}
    assert (await ada.send(f"{begin}/{package.number}/stop", why))[0] == 200
    resume = f"{begin}/{package.number}/resume"
    assert (await ada.send(resume, why))[0] == 403
    assert store.load()[-1].state is RolloutState.STOPPED
    assert "Prove that it is you, then: Let it go on" in (await ada.open(begin))[1]
    assert "Prove that it is you" in (await ada.open(begin))[1]


async def test_a_refused_form_shows_what_was_written(site: Site) -> None:
    ada = await visitor(site, "ada")
    status, page, _ = await ada.send("/staff/orders", {**CHECKED, "country": "France"})
    assert status == 409
    for shown in (
        "is no country",
        'value="A court"',
        "bad.example\nhelp.example",
        '<details class="card" open>',
    ):
        assert shown in page.replace("&#39;", "'"), shown
    status, page, _ = await ada.send("/staff/orders", {**CHECKED, "ends": "<b>soon"})
    assert status == 409
    assert "<b>soon" not in page
    assert (await ada.send("/staff/orders", ORDER, "http://evil.example"))[0] == 403


async def test_an_order_without_names_is_a_confidential_one(site: Site) -> None:
    """It names a list of hashes by the checksum of its document."""
    ada = await visitor(site, "ada")
    without = {**CHECKED, "names": ""}
    assert (await ada.send("/staff/orders", without))[0] == 409
    status, page, _ = await ada.send("/staff/orders", {**without, "is_confidential": "yes"})
    assert (status, "confidential" in page) == (200, True)


async def test_step_up_leads_to_the_sign_on_and_back_to_the_page(site: Site) -> None:
    ada, bo = await visitor(site, "ada"), await visitor(site, "bo")
    _, _, path = await ada.send("/staff/orders", CHECKED)
    site.later(FRESH + 1)
    status, page = await bo.open(path)
    assert "<button>Confirm" not in page
    again = re.search(r'href="(/staff/login\?again=1[^"]*)"', page)
    assert again
    assert (await bo.send(f"{path}/confirm"))[0] == 403
    site.sign_on.subject = "subject of bo"
    status, page = await bo.open(again[1].replace("&amp;", "&"))
    assert (status, f'content="0;url={path}"' in page) == (200, True)
    assert "<button>Confirm" in (await bo.open(path))[1]
    site.later(FRESH + 1)
    status, page, _ = await bo.send(f"{path}/withdraw", {"why": " "})
    again = re.search(r'href="/staff/login\?again=1&amp;next=([^"]*)"', page)
    assert status == 409
    assert again
    assert again[1].replace("%2F", "/") == path, "a page that can be opened"


async def test_a_case_by_forms_takes_two_reviewers(site: Site) -> None:
    rev, other = await visitor(site, "rev"), await visitor(site, "rev2")
    case = {"name": "www.club.example", "list": "casinos", "entry": "club.example"}
    _, page, path = await rev.send("/staff/desk", {**case, "reason": "harmless"})
    assert "the other reviewer" not in page
    _, page, _ = await rev.send(f"{path}/decide", {"reason": "list_error"})
    assert "waits for the second reviewer" in page
    assert "Decide whether a list is right" in (await other.open("/staff/me"))[1]
    _, page, _ = await other.send(f"{path}/decide", {"reason": "list_error"})
    assert "taken off the list" in page
    assert "1 entry taken out by reviewers" in (await rev.open("/staff/statement"))[1]


@pytest.mark.parametrize(
    "text", ["//evil.example/staff/", "https://evil.example/staff/me", "/guardian/", "/staff/\n"]
)
def test_a_login_leads_back_to_pages_of_ours_alone(text: str) -> None:
    assert safe_path(text) == ""
    assert safe_path("/staff/orders/7") == "/staff/orders/7"
