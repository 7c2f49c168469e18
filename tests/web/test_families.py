"""At a provider each family has its own, and nobody has the machine's: every page and operation of
the families' site, tried by a guardian of another household, by staff, with the code alone, and by
a stranger."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp.test_utils import make_mocked_request

from copdns.accounts.guesses import MAX_WRONG
from copdns.app.appeal_chores import AppealChores
from copdns.appeals.life import DAY
from copdns.events.bus import EventBus
from copdns.household.check import violations
from copdns.model.events import EventKind
from copdns.model.household import Device
from copdns.model.push import GUARDIANS_KINDS, PushKind
from copdns.model.times import FailureChoices, OnFailure
from copdns.settings.config import Settings
from copdns.settings.node import NodeSection
from copdns.settings.provider import ProviderSettings
from copdns.store.household_db.digests import Digests
from copdns.store.household_db.family_codes import FamilyCodes
from copdns.store.household_db.sessions import Sessions
from copdns.time.clock import Clock
from copdns.web import health
from copdns.web.home_screen.notices import kinds_here
from copdns.web.many_households.choose_household import DEVICE_COOKIE, FAMILY
from copdns.web.many_households.family_routes import REACHES, find_reach, is_for_families
from copdns.web.person import LINE
from tests.household import library
from tests.unit.store.conftest import postgres, postgres_server  # noqa: F401 - fixtures
from tests.web.access import PAIRED, Route, desk_routes, every_route
from tests.web.families import (
    ADAS,
    BODIES,
    OF_FAMILIES,
    OF_MACHINE,
    TOKEN,
    Families,
    running_families,
)
from tests.web.pages import PASTED, PASTED_TEXT
from tests.web.site import HTML, shown

pytestmark = pytest.mark.once

SENTENCE = "Your internet provider looks after this, for all families."
# What a visitor without a household is answered with: the page that asks for the family's code.
ASKS_FOR_CODE = 'action="/family"'
# Whoever joins has a code of an account, which says whose it is (e2e/test_arrival.py).
JOIN = "/guardian/join"
OF_NOBODY = ("/static/", "/healthz", "/readyz", "/metrics", "/language", "/family", JOIN)


@pytest.fixture
async def families(postgres: str) -> AsyncIterator[Families]:  # noqa: F811
    async with running_families(postgres) as found:
        yield found


def marks(page: str) -> list[str]:
    """Return what of Ada's household stands on a page."""
    return [each for each in ADAS if re.search(rf"(?<!\w){re.escape(each)}(?!\w)", page)]


# --- the table ------------------------------------------------------------------------------------


def test_it_is_said_of_every_route_whether_families_have_it() -> None:
    assert [str(each) for each in every_route() if find_reach(each.path) is None] == []
    routes = [re.sub(r"\{\w+\}", "[^/]+", each.path) for each in every_route()]
    unused = [
        path
        for path in REACHES
        if not any(re.fullmatch(each, path) or each.startswith(f"{path}/") for each in routes)
    ]
    assert unused == []


def test_a_route_that_nobody_thought_of_is_closed_to_families() -> None:
    for path in ("/guardian/new", "/api/v1/new", "/new", "/guardian/new/{id}", ""):
        assert find_reach(path) is None, path
        assert not is_for_families(path), path
    assert is_for_families("/guardian/lists")
    assert not is_for_families("/guardian/lists", "POST")
    assert not is_for_families("/guardian/lists/update", "POST")


# --- a guardian of another household --------------------------------------------------------------


async def test_a_guardian_reads_and_changes_nothing_of_another_household(
    families: Families,
) -> None:
    """Bo, logged in, with all ids of Ada's; and on what he reads, and on children's pages, with her
    family's code and her child's token as well."""
    before, machine = families.rows("home"), families.machine()
    assert sum(map(len, before.values())) > 20
    with_adas = {**families.code_cookie, **families.device_cookie, **families.bo}
    desk = set(desk_routes())
    tries = [(each, with_adas) for each in in_order() if not (each.changes and each in desk)]
    tries += [(each, families.bo) for each in in_order()]
    for route, cookies in tries:
        reply, page = await families.visit(route, cookies)
        assert reply.status < 500, (str(route), page)
        assert marks(page) == [], str(route)
    assert families.rows("home") == before
    assert families.machine() == machine


ENDING = ("/guardian/logout", "/guardian/me/sessions", "/guardian/me/password", "/api/v1/sessions")


def in_order() -> list[Route]:
    """Return all routes, those that end a session last."""
    return sorted(every_route(), key=lambda each: (each.path.startswith(ENDING), each.changes))


# --- who has no account ---------------------------------------------------------------------------


async def test_the_code_alone_opens_nothing_of_a_guardians_or_a_childs(families: Families) -> None:
    before, machine = families.rows("home"), families.machine()
    for route in every_route():
        is_theirs = route in desk_routes() or str(route) in PAIRED
        if is_theirs or not route.changes:
            reply, page = await families.visit(route, families.code_cookie)
            assert reply.status < 500, (str(route), page)
        if is_theirs:
            to_login = reply.headers.get("Location", "").startswith("/guardian/login")
            assert to_login or reply.status in (400, 401, 403, 404), (str(route), reply.status)
            assert marks(page) == [], str(route)
    assert families.rows("home") == before
    assert families.machine() == machine


@pytest.mark.parametrize("who", ["a stranger", "staff"])
async def test_without_a_household_there_is_the_question_for_the_code_alone(
    families: Families, who: str
) -> None:
    cookie = "s" * 43
    cookies = {"copdns_staff": cookie, "copdns_session": cookie} if who == "staff" else {}
    before, machine = families.rows("home"), families.machine()
    for route in every_route():
        reply, page = await families.visit(route, cookies)
        assert marks(page) == [], str(route)
        if not route.path.startswith(OF_NOBODY):
            is_asked = reply.status == 200 and ASKS_FOR_CODE in page
            assert is_asked or reply.status == 401, (str(route), reply.status)
    assert families.rows("home") == before
    assert families.machine() == machine


# --- the machine of all families ------------------------------------------------------------------


async def test_no_guardian_decides_about_the_machine_of_all_families(families: Families) -> None:
    """Ada, the owner of her household, who just typed her password, at every route there is."""
    before = families.machine()
    for route in in_order():
        reply, page = await families.visit(route, families.ada)
        assert reply.status < 500, (str(route), page)
        assert OF_MACHINE not in page or route.path == "/readyz", str(route)
        if not is_for_families(route.path, route.method):
            assert reply.status == 403, str(route)
            assert SENTENCE in page, str(route)
        assert families.machine() == before, str(route)


async def test_numbers_and_troubles_of_the_machine_are_for_the_machine_itself(
    families: Families, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, numbers = Route("GET", "/readyz"), Route("GET", "/metrics")
    assert OF_MACHINE in (await families.visit(ready, {}))[1]
    monkeypatch.setattr(health, "peer_of", lambda _: "192.0.2.66")
    for cookies in ({}, families.ada):
        reply, page = await families.visit(ready, cookies)
        assert (reply.status, page) == (200, "ready\n")
        reply, page = await families.visit(numbers, cookies)
        assert (reply.status, "copdns_" in page) == (403, False)


async def test_no_page_leads_to_what_is_refused(families: Families) -> None:
    seen = 0
    for route in in_order():
        if route.changes or not route.path.startswith("/guardian/"):
            continue
        reply, page = await families.visit(route, families.ada)
        if reply.status != 200 or reply.content_type != "text/html":
            continue
        seen += 1
        links = re.findall(r'href="(/[^"?#]*)', page)
        forms = re.findall(r'method="post" action="(/[^"?#]*)', page)
        dead = [each for each in links if not is_for_families(each)]
        dead += [each for each in forms if not is_for_families(each, "POST")]
        assert dead == [], str(route)
    assert seen > 30


# What a home has and a family of a provider does not: guests of one address, a machine and settings
# of one's own, a router to set up, and a look for signs of bypass.
NOT_THERE = re.compile(
    r"guest rules|copdns computer|computer that copdns|settings file|copdns account|PIN\b"
    r"|your router|your Wi-?Fi|home filter|program in your home|private \(random\)"
    r"|signs that a device|allow for 24 hours|set up copdns yourself|away from home too"
    r"|filter at home",
    re.IGNORECASE,
)


async def test_pages_speak_of_nothing_that_a_home_alone_has(families: Families) -> None:
    """Every page that a guardian, a child's browser, or one with the code alone can open."""
    seen = 0
    for who in (families.ada, families.device_cookie, families.code_cookie):
        for route in in_order():
            if route.changes or route.path.startswith(("/help", "/api/", "/bad")):
                continue
            reply, page = await families.visit(route, who)
            if reply.status == 200 and reply.content_type == "text/html":
                seen += 1
                text = " ".join(re.sub(r"<[^>]*>", " ", page).replace("\u2060", "").split())
                assert NOT_THERE.findall(text) == [], str(route)
    assert seen > 50


async def test_no_page_of_a_child_leads_to_what_is_refused(families: Families) -> None:
    for path in ("/", "/me", "/rules", "/check", "/month", "/consent", "/app"):
        for cookies in (families.device_cookie, families.code_cookie):
            _, page = await families.visit(Route("GET", path), cookies)
            links = re.findall(r'(?:href|action)="(/[^"?#]*)', page)
            assert [each for each in links if not is_for_families(each)] == [], path


async def test_a_device_is_added_by_its_name_and_gets_a_token_afterwards(
    families: Families,
) -> None:
    """Behind most routers an address tells a provider nothing, so none has to be typed."""
    form = {"name": "Tom's tablet", "profile": "tom", "kind": "tablet"}
    sent = await families.send("/guardian/devices", form)
    assert sent.status == 303
    _, page = await families.visit(Route("GET", "/guardian/devices"), families.ada)
    assert "Your provider cannot tell it apart yet: it gets the rules of your connection." in page
    _, file = await families.visit(Route("GET", "/api/v1/household.yaml"), families.ada)
    assert "tokens: []" in file
    changed = await families.send(
        "/guardian/devices/tom-s-tablet/change", {"name": "Tablet", "profile": "tom", "known": ""}
    )
    assert changed.status == 303
    unnamed = await families.send("/guardian/devices", form | {"name": ""})
    assert unnamed.status == 400


async def test_the_setup_has_no_step_about_a_router(families: Families) -> None:
    step = Route("GET", "/guardian/wizard/router")
    reply, page = await families.visit(step, families.ada)
    assert (reply.status, SENTENCE in page) == (403, True)
    _, steps = await families.visit(Route("GET", "/guardian/wizard"), families.ada)
    assert "Your router" not in steps
    assert "Who lives with you" in steps
    sent, _ = await families.visit(Route("POST", "/guardian/wizard/door"), families.ada)
    assert sent.headers["Location"] == "/guardian/"


async def test_the_setup_offers_rules_for_everyone_as_the_page_of_the_filter_does(
    families: Families,
) -> None:
    step = Route("GET", "/guardian/wizard/children")
    _, page = await families.visit(step, families.ada)
    choices = re.findall(r'name="rules" value="(\w+)"( checked)?', page)
    assert choices == [("own", ""), ("mia", ""), ("tom", ""), ("ada", "")]
    sent = await families.send(f"/guardian/guests?next={step.path}", {"rules": "own"})
    assert sent.headers["Location"] == step.path
    _, page = await families.visit(step, families.ada)
    choices = re.findall(r'name="rules" value="(\w+)"( checked)?', page)
    assert choices == [("own", " checked"), ("mia", ""), ("tom", ""), ("ada", "")]
    assert "The family filter is on." in page
    _, page = await families.visit(Route("GET", "/guardian/guests"), families.ada)
    assert "All devices on your connection get Everyone's rules." in " ".join(page.split())


async def test_pages_promise_nothing_that_is_not_sent_there(families: Families) -> None:
    _, account = await families.visit(Route("GET", "/guardian/me"), families.ada)
    assert "Weekly summary by email" not in account
    _, overview = await families.visit(Route("GET", "/guardian/"), families.ada)
    for words in ("left to check", "All checks passed"):
        assert words not in overview
    assert OF_FAMILIES in overview
    request = make_mocked_request("GET", "/guardian/app", app=families.site.app)
    sent = [each for each in GUARDIANS_KINDS if each is not PushKind.DEVICES]
    assert kinds_here(request, GUARDIANS_KINDS) == tuple(sent)


async def test_a_weekly_summary_is_offered_where_the_provider_sends_it(families: Families) -> None:
    choose = Route("POST", "/guardian/me/digest")
    reply, _ = await families.visit(choose, families.ada)
    assert reply.status == 403
    _, page = await families.visit(Route("GET", "/guardian/me"), families.ada)
    assert "weekly summary" not in page
    settings = families.site.settings
    families.site.settings = settings.model_copy(
        update={
            "provider": ProviderSettings(pages="https://family.provider.example"),
            "events": settings.events.model_copy(update={"notices": ("mailto://mail.example",)}),
        }
    )
    _, page = await families.visit(Route("GET", "/guardian/me"), families.ada)
    assert "Send me a weekly summary" in page
    assert "new devices" not in page
    reply, _ = await families.visit(choose, families.ada)
    assert reply.status == 303
    (choice,) = await Digests(families.site.thread).all("home")
    assert choice.address == "ada@mail.example"


async def test_pages_say_how_many_devices_were_really_told_apart(families: Families) -> None:
    door = families.site.context.door
    assert door is not None
    for days, said in (
        ({}, "recognised 0 devices. Not recognised yet:"),
        ({"mia-phone": 20_000}, "recognised 1 device. Your provider sees"),
    ):

        async def heard(_household: str, days: dict[str, int] = days) -> dict[str, int]:
            return days

        door.heard = heard
        for path in ("/guardian/devices", "/guardian/wizard/devices"):
            _, page = await families.visit(Route("GET", path), families.ada)
            assert said in " ".join(page.split()), path


async def test_an_agreement_says_what_holds_at_a_provider(families: Families) -> None:
    agreement = Route("GET", "/api/v1/profiles/mia/agreement")
    _, said = await families.visit(agreement, families.ada)
    origin = f"http://{families.client.host}:{families.client.port}/"
    found = json.loads(said)
    assert (found["rows_days"], found["door"]) == (1, origin)
    _, page = await families.visit(Route("GET", "/guardian/agreement/mia"), families.ada)
    assert "It asks once for our family's code." in page
    assert "copdns.home.arpa" not in page


async def test_pages_say_for_which_devices_a_persons_rules_hold(families: Families) -> None:
    """Mia's phone has a token, Tom has none, and the line gets the rules of Ada."""

    async def read(path: str) -> str:
        _, page = await families.visit(Route("GET", path), families.ada)
        return " ".join(page.split())

    none_yet = "These rules do not apply to any device yet"
    await families.change(guest="ada")
    mias = await read("/guardian/people/mia/rules")
    assert "alone. All other devices get Ada" in mias
    assert none_yet not in mias
    assert "alone. All other devices get Ada" in await read("/guardian/time/mia")
    assert f"{none_yet}. Your provider does not know" in await read("/guardian/time/tom")
    toms = await read("/guardian/people/tom")
    assert f"{none_yet}. Your provider does not know which device" in toms
    not_offered = "Your provider does not offer tokens for devices yet."
    assert not_offered in toms
    assert not_offered in await read("/guardian/devices/tom-phone/away")
    node = NodeSection(https_listen=("192.0.2.53:443",), encrypted_name="dns.example")
    families.site.settings = families.site.settings.model_copy(update={"node": node})
    assert "Give one of Tom's devices a token" in await read("/guardian/people/tom")
    assert "on its other networks" in await read("/guardian/devices/tom-phone/away")
    broken = node.model_copy(update={"certificate": "/none.pem", "key": "/none.key"})
    families.site.settings = families.site.settings.model_copy(update={"node": broken})
    away = await read("/guardian/devices/tom-phone/away")
    assert "They would then open no sites at all" in away
    assert "set up copdns" not in away, "which no family did"
    assert "certificate" not in away.replace('id="certificate"', "").replace('by="certificate"', "")
    node = node.model_copy(update={"public": True})
    families.site.settings = families.site.settings.model_copy(update={"node": node})
    assert "knows this device wherever it is" in await read("/guardian/devices/tom-phone/away")
    assert none_yet not in await read("/guardian/people/ada")
    for path in ("/guardian/devices", "/guardian/wizard/devices"):
        page = await read(path)
        assert "On your connection, 1 device has rules of its own." in page, path
        assert "without a token, a device gets the rules of your connection." in page, path
        assert "guest rules" not in page, path
    await families.change(failures=FailureChoices(devices=OnFailure.OPEN))
    for person in ("people/mia", "people/ada", "time/mia", "time/ada"):
        page = await read(f"/guardian/{person}")
        assert f"{none_yet}: the family filter is off." in page


async def test_the_code_links_no_browser_to_whose_rules_the_line_gets(
    families: Families,
) -> None:
    """Nor where a device of theirs is called after the line."""
    await families.change(guest="mia")
    sent = await families.send("/guardian/devices", {"name": "Line", "profile": "mia"})
    assert sent.status == 303
    for path in ("/", "/me", "/consent", "/app"):
        _, page = await families.visit(Route("GET", path), families.code_cookie)
        assert 'action="/device"' not in page, path
    reply, page = await families.visit(Route("POST", "/device"), families.code_cookie)
    assert "copdns_device" not in reply.cookies
    assert marks(page.replace("Example family", "")) == []


@pytest.mark.parametrize(
    ("who", "told"),
    [("mia", "A grown-up can tell you."), ("tom", "A parent or carer can tell you the answer.")],
)
async def test_with_the_code_alone_no_child_is_told_of_a_page_of_their_own(
    families: Families, who: str, told: str
) -> None:
    await families.change(guest=who)
    page = shown(await families.post("/age", {"band": "16-17"}, families.code_cookie))
    assert told in page
    assert "home page, in the browser" not in page
    for path in ("/month", "/device"):
        _, page = await families.visit(
            Route("POST" if path == "/device" else "GET", path), families.code_cookie
        )
        assert "This browser knows your family, but not you." in page, path
        assert "linked to this device" not in page
        assert "Your page is linked to another" not in page
    _, page = await families.visit(Route("GET", "/app"), families.code_cookie)
    assert "Home page" not in page
    _, page = await families.visit(Route("GET", "/rules"), families.code_cookie)
    assert 'href="/month"' not in page
    _, page = await families.visit(Route("GET", "/rules"), families.device_cookie)
    assert 'href="/month"' in page


async def test_a_guardian_hears_that_the_code_alone_shows_no_answer(families: Families) -> None:
    await families.change(guest="tom")
    await families.post("/age", {"band": "16-17"}, families.code_cookie)
    found = await families.site.context.appeals.appeals("home")
    (asked,) = [each for each in found if each.ask.device == LINE]
    path = f"/guardian/appeals/{asked.id}"
    _, page = await families.visit(Route("GET", path), families.ada)
    assert "It cannot show Tom your answer: tell them what you decide." in page
    sent = {"state": "refused", "reason": "age_suits", "text": ""}
    page = await families.post(f"{path}/decide", sent, families.ada)
    assert "tell the child, because the browser that asked cannot show it" in page.lower()


@pytest.mark.parametrize("name", ["copdns_session", FAMILY, DEVICE_COOKIE, "Authorization"])
async def test_guesses_in_cookies_are_as_limited_as_typed_ones(
    families: Families, name: str
) -> None:
    """A right one that nobody showed lately gets the same answer, and whoever is in stays in."""
    guesser, other = ({"X-Forwarded-For": each} for each in ("192.0.2.66", "198.51.100.7"))

    async def show(secret: str, sender: dict[str, str]) -> int:
        families.client.session.cookie_jar.clear()
        sent = {"Cookie": f"{name}={secret}"}
        if name == "Authorization":
            sent = {name: f"Bearer {secret}"}
        path = "/api/v1/status" if name == "Authorization" else "/rules"
        reply = await families.client.get(path, headers={**sender, **sent, **HTML})
        return reply.status

    site = families.site
    (bo,) = await site.accounts.all("bos")
    inside = {"Cookie": f"copdns_session={families.ada['copdns_session']}", **HTML}
    assert (await families.client.get("/guardian/", headers=guesser | inside)).status == 200
    answers = [await show(f"guess-{number}", guesser) for number in range(MAX_WRONG + 5)]
    assert answers.index(429) == MAX_WRONG
    assert set(answers[MAX_WRONG:]) == {429}
    right = {
        "copdns_session": await Sessions(site.thread).begin(bo, int(site.now)),
        FAMILY: await FamilyCodes(site.thread).renew("home", "Ada", 1),
        DEVICE_COOKIE: TOKEN,
    }.get(name, "none")
    assert await show(right, guesser) == 429
    assert await show(right, other) == (401 if name == "Authorization" else 200)
    families.client.session.cookie_jar.clear()
    assert (await families.client.get("/guardian/", headers=guesser | inside)).status == 200


async def test_no_device_has_the_id_of_a_line(families: Families) -> None:
    """By which a browser with the family's code alone is linked to nobody."""
    own = f"http://{families.client.host}:{families.client.port}"
    cookies = "; ".join(f"{key}={value}" for key, value in families.ada.items())
    headers = {"Origin": own, "Cookie": cookies}
    wanted = {"id": LINE, "name": "Line", "profile": "mia"}
    reply = await families.client.post("/api/v1/devices", json=wanted, headers=headers)
    assert reply.status == 422
    home = await families.site.store.household("home")
    assert home is not None
    device = Device(LINE, "Line", "mia", ())
    told = violations(replace(home, devices=(*home.devices, device)))
    assert [(each.part, each.key) for each in told] == [("devices", LINE)]


async def test_a_childs_page_says_what_is_not_counted_and_names_no_list_that_is_not_there(
    families: Families,
) -> None:
    await families.change(guest="mia")
    for cookie, has_list in (families.code_cookie, False), ({DEVICE_COOKIE: TOKEN}, True):
        reply, page = await families.visit(Route("GET", "/me"), cookie)
        assert reply.status == 200
        assert "without us. We do not count those" in page or "without copdns, nothing is" in page
        assert ('id="only"' in page) is has_list


async def test_what_is_typed_behind_a_proxy_waits_by_the_address_that_the_proxy_tells(
    families: Families,
) -> None:
    async def type_code(sender: str) -> int:
        families.client.session.cookie_jar.clear()
        own = str(families.client.make_url("/")).rstrip("/")
        headers = {"X-Forwarded-For": sender, "Origin": own, **HTML}
        reply = await families.client.post("/family", data={"code": "wrong"}, headers=headers)
        return reply.status

    # What a client wrote itself stands before, and a port is another one each time.
    guesses = [await type_code(f"198.51.100.{n}, 192.0.2.66:{4000 + n}") for n in range(6)]
    assert guesses == [400] * 5 + [429]
    assert await type_code("198.51.100.7") == 400


async def test_a_proxy_on_the_machine_opens_none_of_its_own_numbers_to_a_family(
    families: Families,
) -> None:
    for sender, status in ({}, 200), ({"X-Forwarded-For": "192.0.2.66"}, 403):
        reply = await families.client.get("/metrics", headers={**sender, **HTML})
        assert reply.status == status
        ready = await (await families.client.get("/readyz", headers={**sender, **HTML})).text()
        assert (len(ready.splitlines()) == 1) is (status == 403)


@pytest.mark.parametrize("name", ["copdns_session", FAMILY, DEVICE_COOKIE, "Authorization"])
async def test_a_secret_that_is_no_text_is_a_wrong_one(families: Families, name: str) -> None:
    families.client.session.cookie_jar.clear()
    secret = "a\udcff"
    sent = {name: f"Bearer {secret}"} if name == "Authorization" else {}
    sent = sent or {"Cookie": f"{name}={secret}"}
    reply = await families.client.get("/rules", headers={**sent, **HTML})
    assert reply.status in (200, 400, 401)


async def test_requests_and_reminders_are_told_for_households_that_nobody_watches(
    families: Families,
) -> None:
    heard: list[EventKind] = []
    events = EventBus()
    events.subscribe(lambda event: heard.append(event.kind))
    site = families.site
    chores = AppealChores(
        site.context.appeals,
        library,
        Settings,
        Clock(lambda: site.now, lambda: 0.0, lambda: True),
        events,
    )
    await chores.tell()
    assert heard == [EventKind.APPEAL_MADE]
    site.home.wait(DAY)
    await chores.raise_overdue()
    await chores.tell()
    assert heard[1:] == [EventKind.APPEAL_WAITING]


async def test_a_list_of_the_machine_is_nobodys_to_read(families: Families) -> None:
    """Also one that the provider's own people pasted."""
    families.site.updates.own.put(PASTED, PASTED_TEXT)
    for path in ("/guardian/lists", "/guardian/lists/own/boards", "/api/v1/lists/own/boards"):
        _, page = await families.visit(Route("GET", path), families.ada)
        assert PASTED.title not in page
        assert not [each for each in PASTED_TEXT.split() if each in page]


async def test_what_applies_in_failures_is_the_machines_over_the_api_too(
    families: Families, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's form is no family's; the API has it among the values of the household."""
    chosen = dict.fromkeys(("clock", "lists", "devices"), "open")
    monkeypatch.setitem(BODIES, "PATCH /household", {"failures": chosen})
    before = families.rows("home")
    reply, text = await families.visit(Route("PATCH", "/api/v1/household"), families.ada)
    assert (reply.status, SENTENCE in text) == (403, True)
    assert families.rows("home") == before
