"""Every route of the staff, tried by every role, a guardian and a stranger; how one logs in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey

from copdns.accounts.guesses import MAX_WRONG
from copdns.provider.law.edits import DAY
from copdns.provider.staff.duties import Duty
from copdns.store.provider_db.staff_sessions import StaffSession
from copdns.web.staff.sign_on import FRESH
from copdns.web.staff.site import digest_of
from tests.provider_staff import DOCUMENT, NOW
from tests.unit.store.staff_site import OPERATIONS, Site, StaffBrowser, running_site

pytestmark = pytest.mark.once

KEEPERS, READERS = "ada bo", "ada bo rev aud"
# Who of ada and bo (administrators), rev(iewer), aud(itor), sup(port), and north (an administrator
# of one tenant) may use each route.  Written here once more, so that the table of duties is held.
MAY = {
    "GET /staff/me": "ada bo rev aud sup north",
    "GET /staff/status": "ada bo rev aud sup north",
    "GET /staff/orders": READERS,
    "POST /staff/orders": KEEPERS,
    "GET /staff/orders/{number}": READERS,
    "GET /staff/orders/{number}/names": KEEPERS,
    "POST /staff/orders/{number}/confirm": KEEPERS,
    "POST /staff/orders/{number}/withdraw": KEEPERS,
    "POST /staff/orders/{number}/decide": "ada bo rev",
    "GET /staff/security": READERS,
    "POST /staff/security": KEEPERS,
    "POST /staff/security/{number}/confirm": KEEPERS,
    "POST /staff/security/{number}/withdraw": KEEPERS,
    "GET /staff/preservations": READERS,
    "POST /staff/preservations": KEEPERS,
    "POST /staff/preservations/{number}/confirm": KEEPERS,
    "POST /staff/preservations/{number}/end": READERS,  # its keeper, as the register says
    "GET /staff/entries": f"{READERS} north",
    "GET /staff/statement": f"{READERS} north",
    "GET /staff/report/{text}": f"{READERS} north",
    "GET /staff/checklist": READERS,
    "GET /staff/people": "ada bo north",
    "POST /staff/people": "ada bo north",
    "POST /staff/people/{text}/remove": "ada bo north",
    "GET /staff/rollouts": READERS,
    "POST /staff/rollouts": KEEPERS,
    "POST /staff/rollouts/freeze": KEEPERS,
    "POST /staff/rollouts/freezes/{number}/thaw": KEEPERS,
    "POST /staff/rollouts/{number}/undo": KEEPERS,
    "POST /staff/rollouts/{number}/stop": KEEPERS,
    "POST /staff/rollouts/{number}/resume": KEEPERS,
    "POST /staff/rollouts/open-family": KEEPERS,
    "POST /staff/rollouts/close-family": KEEPERS,
    "GET /staff/desk": "rev aud",
    "POST /staff/desk": "rev",
    "GET /staff/desk/{number}": "rev aud",
    "GET /staff/desk/{number}/text": "rev aud",
    "POST /staff/desk/{number}/decide": "rev",
    "POST /staff/desk/{number}/again": "rev",
    "POST /staff/desk/{number}/redraw": "rev",
}
ORDER: dict[str, Any] = {
    "authority": "A court",
    "reference": "1 O 23/26",
    "scope": "all customers",
    "country": "FR",
    "names": ["bad.example", "help.example"],
    "begins": NOW,
    "ends": NOW + DAY,
    "document": DOCUMENT,
    "decider": "rev",
    "decide_within": DAY,
}


@pytest.fixture
async def site(postgres: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(postgres, tmp_path) as site:
        yield site


async def call(browser: StaffBrowser, method: str, path: str) -> tuple[int, Any]:
    place = path.format(number=99, text="nobody")
    return await (browser.get(place) if method == "GET" else browser.post(place))


async def test_every_route_as_every_role_a_guardian_and_a_stranger(site: Site) -> None:
    assert MAY.keys() == {f"{each.method} {each.path}" for each in OPERATIONS}
    browsers = {
        who: await site.logged_in(who) for who in ["ada", "bo", "rev", "aud", "sup", "north"]
    }
    guardian, stranger = site.browser(), site.browser()
    guardian.session.cookie_jar.update_cookies({"copdns_session": "a guardian's of a household"})
    guardian.session.cookie_jar.update_cookies({"copdns_staff": "a guardian's of a household"})
    wrong, before = [], site.store.size()
    for operation in OPERATIONS:
        route = f"{operation.method} {operation.path}"
        for who, browser in browsers.items():
            status, found = await call(browser, operation.method, operation.path)
            refused = (status, found.get("detail") if isinstance(found, dict) else None) == (
                403,
                "this is not one of your duties",
            )
            if refused == (who in MAY[route].split()):
                wrong.append((route, who, status))
        for browser in (guardian, stranger):
            status, _ = await call(browser, operation.method, operation.path)
            if status != 401:
                wrong.append((route, "not logged in", status))
    assert wrong == []
    assert site.store.size() == before, "empty bodies write nothing"


def test_no_duty_and_no_route_is_about_a_household() -> None:
    words = {"household", "profile", "child", "log", "query", "appeal", "device", "usage"}
    routes = " ".join(each.path for each in OPERATIONS)
    assert not [each for each in words if each in routes or any(each in duty for duty in Duty)]


async def test_two_people_put_an_order_in_force_and_the_decider_decides(site: Site) -> None:
    ada, bo, rev = [await site.logged_in(who) for who in ("ada", "bo", "rev")]
    status, found = await ada.post("/staff/orders", ORDER)
    path = f"/staff/orders/{found['number']}"
    assert status == 200
    assert (await ada.post(f"{path}/confirm"))[0] == 409
    assert (await bo.post(f"{path}/confirm"))[0] == 200
    decision = {"name": "help.example", "is_blocked": False, "why": "A helpline."}
    assert (await ada.post(f"{path}/decide", decision))[0] == 409
    assert (await rev.post(f"{path}/decide", decision))[0] == 200
    _, shown = await rev.get(path)
    assert (shown["state"], shown["held"][0]["blocked"]) == ("in force", False)
    site.later(DAY)
    again = await site.logged_in("rev")
    assert (await again.get(path))[1]["state"] == "over"


async def test_who_answers_for_a_request_to_preserve_ends_it(site: Site) -> None:
    ada, rev, auditor = [await site.logged_in(who) for who in ("ada", "rev", "aud")]
    new = {key: ORDER[key] for key in ("authority", "reference", "country", "document", "ends")}
    new |= {"records": ["decisions"], "since": NOW - DAY, "through": NOW, "keeper": "aud"}
    assert (await ada.post("/staff/preservations", {**new, "keeper": "sup"}))[0] == 409
    _, found = await ada.post("/staff/preservations", new)
    path = f"/staff/preservations/{found['number']}/end"
    assert (await rev.post(path, {"why": "Given."}))[0] == 409
    assert (await auditor.post(path, {"why": "Given."}))[0] == 200


async def test_a_confidential_order_shows_its_names_to_who_keeps_it(site: Site) -> None:
    ada, rev = await site.logged_in("ada"), await site.logged_in("rev")
    _, found = await ada.post("/staff/orders", {**ORDER, "is_confidential": True})
    path = f"/staff/orders/{found['number']}"
    bo, auditor = await site.logged_in("bo"), await site.logged_in("aud")
    assert (await bo.post(f"{path}/confirm"))[0] == 200
    assert (await auditor.get(path))[1]["held"] == []
    assert [each["name"] for each in (await rev.get(path))[1]["held"]] == ["help.example"]
    assert (await rev.get(path))[1]["names"] == []
    assert (await rev.get(f"{path}/names"))[0] == 403
    assert (await ada.get(f"{path}/names"))[1] == ["bad.example", "help.example"]
    site.later(FRESH + 1)
    shown, waits = (await rev.get(path))[1]["held"], (await rev.get("/staff/me"))[1]["waits"]
    assert shown[0]["name"] == waits[0]["about"] == "a protected name"
    (listed,) = (await rev.get("/staff/orders"))[1]
    assert "help.example" not in str(listed)


async def test_what_is_grave_takes_a_proof_of_the_last_minutes(site: Site) -> None:
    ada, bo = await site.logged_in("ada"), await site.logged_in("bo")
    _, found = await ada.post("/staff/orders", ORDER)
    path = f"/staff/orders/{found['number']}/confirm"
    site.later(FRESH + 1)
    status, refused = await bo.post(path)
    assert (status, refused["type"]) == (403, "urn:copdns:problem:step-up")
    site.sign_on.subject, site.sign_on.is_old = "subject of bo", True
    assert (await bo.get("/staff/login?again=1"))[0] == 403, "the sign-on did not ask again"
    site.sign_on.is_old = False
    before = bo.cookie()
    assert (await bo.get("/staff/login?again=1"))[0] == 200
    assert (await bo.post(path))[0] == 200
    assert bo.cookie() != before
    assert site.sessions.use(before, int(site.now)) is None


async def test_a_token_that_does_not_tell_when_it_was_proved_is_no_new_proof(site: Site) -> None:
    site.sign_on.claims = {"auth_time": None}
    bo = await site.logged_in("bo")
    assert (await bo.get("/staff/me"))[0] == 200
    status, refused = await bo.post("/staff/orders/99/confirm")
    assert (status, refused["type"]) == (403, "urn:copdns:problem:step-up")
    assert (await bo.get("/staff/login?again=1"))[0] == 403


async def test_staff_of_a_tenant_add_staff_of_this_tenant_alone(site: Site) -> None:
    north = await site.logged_in("north")
    new = {"id": "new", "name": "New", "role": "reviewer", "tenant": "north"}
    assert (await north.post("/staff/people", {**new, "tenant": ""}))[0] == 409
    assert (await north.post("/staff/people", {**new, "role": "administrator"}))[0] == 409
    assert (await north.post("/staff/people", new))[0] == 200
    assert [each["id"] for each in (await north.get("/staff/people"))[1]] == ["north", "new"]
    assert (await north.post("/staff/people/rev/remove"))[0] == 409
    assert (await north.post("/staff/people/new/remove"))[0] == 200


async def test_a_session_ends(site: Site) -> None:
    rev, ada = await site.logged_in("rev"), await site.logged_in("ada")
    idle, out = await site.logged_in("aud"), await site.logged_in("sup")
    assert (await ada.post("/staff/people/rev/remove"))[0] == 200
    assert (await rev.get("/staff/me"))[0] == 401, "who does not work here any more"
    back = {"id": "rev", "name": "Another", "role": "reviewer", "login": "another login"}
    assert (await ada.post("/staff/people", back))[0] == 409, "an id is given once"
    other = {**back, "id": "rev2", "login": "another login"}
    assert (await ada.post("/staff/people", other))[0] == 409, "somebody has it, with a login"
    assert (await out.post("/staff/logout"))[0] == 200
    assert (await out.get("/staff/me"))[0] == 401
    site.later(1801)
    assert (await idle.get("/staff/me"))[0] == 401


async def test_guesses_at_a_session_end_and_who_works_goes_on(site: Site) -> None:
    ada, stranger = await site.logged_in("ada"), site.browser()
    new = StaffSession(digest_of("right"), "bo", int(NOW), int(NOW), int(NOW))
    site.sessions.add(new)

    async def show(cookie: str, sender: str) -> int:
        headers = {"X-Forwarded-For": sender, "Cookie": f"copdns_staff={cookie}"}
        async with stranger.session.get(f"{site.origin}/staff/me", headers=headers) as reply:
            return reply.status

    answers = [await show(f"guess{number}", "192.0.2.66") for number in range(MAX_WRONG + 3)]
    assert answers == [401] * MAX_WRONG + [429] * 3
    assert await show("right", "192.0.2.66") == 429
    assert await show(ada.cookie(), "192.0.2.66") == 200
    assert await show("right", "198.51.100.7") == 200


async def test_another_site_cannot_let_a_browser_send_something(site: Site) -> None:
    ada = await site.logged_in("ada")
    assert (await ada.post("/staff/orders", ORDER, Origin="http://evil.example"))[0] == 403
    assert (await ada.post("/staff/logout", Origin="http://evil.example"))[0] == 403
    send = ada.session.post(
        f"{site.origin}/staff/orders", data=b"{}", headers={"Origin": site.origin}
    )
    async with send as response:
        assert response.status == 415


async def test_a_body_that_nothing_can_store_is_a_problem_and_no_bug(site: Site) -> None:
    ada = await site.logged_in("ada")
    headers = {"Origin": site.origin, "Content-Type": "application/json"}
    for body in (b"[" * 100_000, b"\xff", b'{"link": "https://a.example/\\ud800"}', b"[]", b"1"):
        send = ada.session.post(f"{site.origin}/staff/orders", data=body, headers=headers)
        async with send as response:
            assert (response.status, response.content_type) == (400, "application/problem+json")
    new = {"id": "new", "name": "New", "role": "support"}
    for login in (None, 1, "a\x00b", "a" * 256):
        assert (await ada.post("/staff/people", {**new, "login": login}))[0] == 409


async def test_a_bug_is_a_problem_and_its_words_go_nowhere(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ada, name = await site.logged_in("ada"), "verysecret.example"

    def fail() -> None:
        raise RuntimeError(name)

    monkeypatch.setattr(site.store, "size", fail)
    status, found = await ada.get("/staff/me")
    assert (status, found["detail"]) == (500, "something went wrong here")
    assert "verysecret" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "http://127.0.0.1:1"}, "of another sign-on"),
        ({"aud": "another"}, "for another program"),
        ({"aud": ["copdns", "another"]}, "for two, and not said for whom"),
        ({"nonce": "another"}, "of another login"),
        ({"nonce": None}, "of no login"),
        ({"exp": NOW - 60}, "over"),
        ({"iat": NOW + 3600}, "of the future"),
        ({"sub": None}, "of nobody"),
        ({"sub": "subject of mia"}, "of somebody who does not work here"),
        ({"sub": ""}, "of nobody, as staff without a login have it"),
    ],
)
async def test_a_token_that_is_not_for_this_login_lets_nobody_in(
    site: Site, claims: dict[str, Any], why: str
) -> None:
    browser = site.browser()
    site.sign_on.subject, site.sign_on.claims = "subject of ada", claims
    assert (await browser.get("/staff/login"))[0] == 403, why
    assert browser.cookie() == ""


@pytest.mark.parametrize("algorithm", ["Ed25519", "EdDSA"])
@pytest.mark.parametrize("named", [{}, {"alg": "Ed25519"}, {"alg": "EdDSA"}])
async def test_a_sign_on_with_a_key_of_ed25519_calls_it_by_either_name(
    site: Site, algorithm: str, named: dict[str, str]
) -> None:
    site.sign_on.key = OKPKey.generate_key("Ed25519", {"kid": "k1", **named})
    site.sign_on.signs_with = OKPKey.import_key(
        {k: v for k, v in site.sign_on.key.as_dict(private=True).items() if k != "alg"}
    )
    site.sign_on.algorithm = algorithm
    await site.logged_in("ada")
    site.sign_on.signs_with = OKPKey.generate_key("Ed25519", {"kid": "k1"})
    assert (await site.browser().get("/staff/login"))[0] == 403, "of somebody else"


async def test_a_key_of_another_curve_lets_nobody_in(site: Site) -> None:
    site.sign_on.subject, site.sign_on.algorithm = "subject of ada", "EdDSA"
    site.sign_on.key = OKPKey.generate_key("Ed448", {"kid": "k1"})
    assert (await site.browser().get("/staff/login"))[0] == 403


async def test_a_signature_of_somebody_else_lets_nobody_in(site: Site) -> None:
    site.sign_on.subject = "subject of ada"
    site.sign_on.signs_with = ECKey.generate_key("P-256", {"kid": "k1"})
    assert (await site.browser().get("/staff/login"))[0] == 403


async def test_a_login_belongs_to_the_browser_that_began_it_and_is_good_once(site: Site) -> None:
    site.sign_on.subject = "subject of ada"
    mine, victim = site.browser(), site.browser()
    async with mine.session.get(f"{site.origin}/staff/login", allow_redirects=False) as begun:
        to_sign_on = begun.headers["Location"]
    async with mine.session.get(to_sign_on, allow_redirects=False) as done:
        back = done.headers["Location"].removeprefix(site.origin)
    assert (await victim.get(back))[0] == 403
    assert (await mine.get(back))[0] == 200
    assert (await mine.get(back))[0] == 403


async def test_a_login_that_was_finished_is_over_also_with_its_cookie(site: Site) -> None:
    site.sign_on.subject = "subject of ada"
    mine = site.browser()
    async with mine.session.get(f"{site.origin}/staff/login", allow_redirects=False) as begun:
        sealed, to_sign_on = begun.cookies["copdns_staff_login"].value, begun.headers["Location"]
    async with mine.session.get(to_sign_on, allow_redirects=False) as done:
        back = done.headers["Location"].removeprefix(site.origin)
    again = list(site.sign_on.asked.items())
    for status in (200, 403):
        mine.session.cookie_jar.update_cookies({"copdns_staff_login": sealed})
        assert (await mine.get(back))[0] == status
        site.sign_on.asked.update(again)  # a sign-on that takes a code twice
    site.later(601)
    mine.session.cookie_jar.update_cookies({"copdns_staff_login": sealed})
    assert (await mine.get(back))[0] == 403
    mine.session.cookie_jar.update_cookies({"copdns_staff_login": site.keys.seal("{}")})
    assert (await mine.get(back))[0] == 403, "sealed for something else"


async def test_cookies_over_https_are_of_this_host_alone(postgres: str, tmp_path: Path) -> None:
    public = "https://staff.provider.example"
    async with running_site(postgres, tmp_path, public_origin=public) as site:
        site.sign_on.subject = "subject of ada"
        ask = site.browser().session.get
        async with ask(f"{site.origin}/staff/login", allow_redirects=False) as begun:
            sealed = begun.cookies["__Host-copdns_staff_login"]
        async with ask(begun.headers["Location"], allow_redirects=False) as done:
            back = done.headers["Location"]
        headers = {"Cookie": f"__Host-copdns_staff_login={sealed.value}"}
        async with ask(back, headers=headers) as finished:
            sent = finished.cookies
        for each in (sealed, *sent.values()):
            assert (each["path"], each["secure"], each["domain"]) == ("/", True, "")
        assert sent["__Host-copdns_staff_login"]["max-age"] == "0"
        mine = sent["__Host-copdns_staff"].value
        for name, status in (("__Host-copdns_staff", 200), ("copdns_staff", 401)):
            headers = {"Cookie": f"{name}={mine}"}
            async with ask(f"{site.origin}/staff/me", headers=headers) as answer:
                assert answer.status == status, name


async def test_a_thousand_logins_that_a_stranger_begins_push_nobody_out(site: Site) -> None:
    ada, stranger = site.browser(), site.browser()
    site.sign_on.subject = "subject of ada"
    async with ada.session.get(f"{site.origin}/staff/login", allow_redirects=False) as begun:
        to_sign_on = begun.headers["Location"]
    for _ in range(1001):
        begin = stranger.session.get(f"{site.origin}/staff/login", allow_redirects=False)
        async with begin as response:
            assert response.status == 303
    async with ada.session.get(to_sign_on) as back:
        assert (await back.json())["id"] == "ada"


async def test_a_second_factor_can_be_asked_for(postgres: str, tmp_path: Path) -> None:
    async with running_site(postgres, tmp_path, factor="mfa") as site:
        await site.logged_in("ada")
        for methods in (["pwd"], "no-mfa", None):
            site.sign_on.claims = {"amr": methods}
            assert (await site.browser().get("/staff/login"))[0] == 403
