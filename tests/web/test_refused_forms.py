"""A form that is refused comes again with what was typed, and says beside the field what is wrong;
in the reader's language."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from copdns.accounts.roles import Role
from copdns.list_files.load import load_catalogue
from copdns.web.refused_form import ERROR_ID
from copdns.web.routes import ROUTES
from copdns.words.phrases import END_ISOLATE, ISOLATE, PSEUDO
from tests.home import Home
from tests.household import family
from tests.web.guardians import PASSWORD, set_up
from tests.web.site import HTML, Client, Site, send, text

pytestmark = pytest.mark.logged_in

MINE = "Mia's <b>&amp; own"


@pytest.fixture
def site() -> Site:
    return Site(Home(family(), load_catalogue(())))


class Sent(NamedTuple):
    """What somebody fills in wrongly.  name: of the field that the sentence is about, "" for none.

    more: fields that no page gives.  page: where it is, if not where it is sent to.
    """

    path: str
    fields: dict[str, str]
    name: str = ""
    page: str = ""


TIME, PEOPLE = "/guardian/time/mia", "/guardian/people/mia"
REFUSED = (
    Sent("/guardian/people", {"name": " ", "band": "7-9"}, "name"),
    Sent("/guardian/people", {"name": MINE * 9, "band": "7-9", "times": "on"}, "name"),
    Sent("/guardian/boxes", {"name": " "}, "name"),
    Sent("/guardian/homes", {"profile": "ada"}, "profile"),
    Sent("/guardian/homes/look", {"file": MINE, "code": "K7QF"}, "file", "/guardian/homes"),
    Sent(f"{PEOPLE}/answers", {"name": MINE, "max_ttl": "never"}, "max_ttl", PEOPLE),
    Sent(f"{PEOPLE}/answers", {"name": MINE, "max_ttl": "99999", "block_mode": "null"}, "max_ttl"),
    Sent(f"{PEOPLE}/remove", {"heir": "tom"}, "sure", PEOPLE),
    Sent(f"{PEOPLE}/rules", {"target": "com", "action": "block", "note": MINE}, "target"),
    Sent(f"{PEOPLE}/rules", {"target": "a b", "action": "block", "note": MINE}, "target"),
    Sent(f"{PEOPLE}/propose", {"band": "10-12", "days": "0"}, "days", f"{PEOPLE}/preset"),
    Sent(f"{PEOPLE}/open/always", {"names": "no/name"}, "", f"{PEOPLE}/open"),
    Sent(f"{PEOPLE}/tags", {"tag": "a b!"}, "tag", PEOPLE),
    Sent("/guardian/devices", {"name": MINE, "known": "somewhere", "profile": "mia"}, "known"),
    Sent("/guardian/names/local", {"name": "a.example", "addresses": MINE}, "addresses"),
    Sent("/guardian/names/rewrites", {"name": MINE, "target": "a.example"}, "name"),
    Sent("/guardian/names/splits", {"name": MINE, "upstreams": "192.0.2.1"}, "name"),
    Sent("/guardian/names/failures", {"clock": "later"}, "clock"),
    Sent("/guardian/names/services", {"name": MINE, "names": "com", "contact": "none"}, "names"),
    Sent(f"{PEOPLE}/erase", {}, "sure", f"{PEOPLE}/kept"),
    Sent(f"{TIME}/schedules", {"start0": "21:00", "end0": "", "note": MINE}, "end0", TIME),
    Sent(f"{TIME}/schedules", {"note": MINE}, "start0", TIME),
    Sent(f"{TIME}/budgets", {"minutes0": "1441", "note": MINE}, "minutes0", TIME),
    Sent(f"{TIME}/budgets", {"minutes0": "9", "names": "no/name", "note": MINE}, "names", TIME),
    Sent(f"{TIME}/grants", {"names": "a.example b.example", "lasts": "60"}, "names", TIME),
    Sent("/guardian/calendar/days", {"first": "2027-02-30", "kind": "holiday"}, "first"),
    Sent("/guardian/calendar/weekend", {"weekend": "someday"}, "weekend"),
    Sent("/guardian/calendar/day-start", {"day_starts": "12:00"}, "day_starts"),
    Sent("/guardian/tickets", {"minutes": "0", "label": MINE}, "minutes"),
    Sent("/guardian/pins/mia", {"pin": "1111"}, "pin", "/guardian/devices"),
    Sent("/guardian/accounts", {"name": "Ada", "role": "guardian"}, "name"),
    Sent("/guardian/me/password", {"password": "x", "again": "y", "current": "z"}, "current"),
    Sent(
        "/guardian/me/digest",
        {"address": MINE, "weekday": "6", "at": "18:00"},
        "address",
        "/guardian/me",
    ),
    Sent(f"{TIME}/pause", {"lasts": "-1"}, "lasts", TIME),
    Sent("/guardian/devices/mia-phone/change", {"known": MINE}, "known", "/guardian/devices"),
    Sent("/guardian/lists/own", {"title": MINE, "text": ""}, "text"),
    Sent("/guardian/wizard/place", {"name": MINE, "timezone": "Mars/Base"}, "timezone"),
    Sent("/guardian/wizard/school", {"names": f"school.example\n{MINE}"}, "names"),
    Sent("/guardian/wizard/children", {"add": "1", "name": MINE, "band": "5"}, "band"),
    Sent("/guardian/setup", {"code": "AAAA-AAAA", "name": MINE, "password": "x", "again": "y"}),
    Sent("/guardian/join", {"code": "AAAA-AAAA", "password": "x" * 12, "again": "x" * 12}, "code"),
)


def page_of(sent: Sent) -> str:
    fields = "answers|days|day-start|weekend|password|local|rewrites|splits|services|failures"
    return sent.page or re.sub(rf"/({fields})$", "", sent.path)


async def filled(client: Client, sent: Sent) -> dict[str, str]:
    """Return what a browser sends: what the form of the page has, and over it what was typed."""
    page = await text(client, page_of(sent))
    forms = re.findall(
        rf'<form[^>]*action="{re.escape(sent.path)}"[^>]*>.*?</form>', page, re.DOTALL
    )
    assert forms, page
    found: dict[str, str] = {}
    for tag in re.findall(r"<(?:input|textarea|select)[^>]*>", max(forms, key=len)):
        name, kind = attribute(tag, "name"), attribute(tag, "type")
        if kind not in ("checkbox", "radio", "file") or " checked" in tag:
            found[name] = attribute(tag, "value")
    return {**found, **sent.fields}


def attribute(tag: str, name: str) -> str:
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return found[1].replace("&#39;", "'").replace("&amp;", "&") if found else ""


def sentence(page: str) -> str:
    found = re.search(rf'role="alert" id="{ERROR_ID}"[^>]*>(.*?)</(?:p|span)>', page)
    assert found, page
    return found[1].replace(ISOLATE, "").replace(END_ISOLATE, "")


async def test_a_refused_form_comes_again_with_what_was_typed(client: Client) -> None:
    for each in REFUSED:  # which changes nothing, so that one house serves for all
        await assert_comes_again(client, each)


async def assert_comes_again(client: Client, sent: Sent) -> None:
    fields = await filled(client, sent)
    page = await send(client, sent.path, 400, **fields)
    said = sentence(page)
    assert said[0].isupper() or not said[0].isalpha(), said
    assert said.endswith((".", "?")), said
    if MINE in fields.values():
        assert "Mia&#x27;s &lt;b&gt;&amp;amp; own" in page
        assert "<b>" not in page
    if sent.name:
        fields_about = re.findall(rf'<[^>]*\sname="{sent.name}"[^>]*>', page)
        assert [each for each in fields_about if ERROR_ID in attribute(each, "aria-describedby")]
    assert page.count(" autofocus") == 1
    target = re.search(r'<main id="main"><p class="error top"><a href="#([^"]+)">', page)
    assert target, "the top of the page leads to what is wrong"
    assert page.count(f' id="{target[1]}"') == 1
    if sent.name:
        assert [each for each in fields_about if attribute(each, "id") == target[1]]


async def test_no_password_comes_back(client: Client) -> None:
    fields = {"password": "twelve small owls", "again": "twelve big owls", "current": PASSWORD}
    page = await send(client, "/guardian/me/password", 400, **fields)
    assert not [each for each in fields.values() if each in page]


async def test_the_code_for_a_second_factor_comes_not_back_and_its_secret_stays(
    client: Client,
) -> None:
    page = await text(client, "/guardian/me/factor")
    secret = re.search(r'name="secret" value="([^"]+)"', page)
    assert secret
    page = await send(client, "/guardian/me/factor", 400, secret=secret[1], code="000000")
    assert secret[1] in page
    assert "000000" not in page


async def test_a_program_reads_the_sentence_alone(client: Client) -> None:
    headers = {"Origin": f"http://{client.host}:{client.port}"}
    fields = {"name": "", "band": "7-9"}
    reply = await client.post("/guardian/people", data=fields, headers=headers)
    assert (reply.status, await reply.text()) == (400, "Enter a name of 1 to 60 characters.\n")


async def test_what_is_sent_again_from_the_form_that_came_back_is_taken(client: Client) -> None:
    sent = Sent("/guardian/people", {"name": " ", "band": "7-9"})
    fields = await filled(client, sent)
    await send(client, sent.path, 400, **fields)
    assert "Bo" in await send(client, sent.path, **{**fields, "name": "Bo"})


async def test_what_is_wrong_is_told_in_the_readers_language(client: Client) -> None:
    headers = {**HTML, "Origin": f"http://{client.host}:{client.port}", "Accept-Language": PSEUDO}
    for sent in REFUSED:
        fields = await filled(client, sent)
        reply = await client.post(sent.path, data=fields, headers=headers)
        said = sentence(await reply.text())
        assert reply.status == 400, sent
        assert re.fullmatch(r"(?:\S+: )?\[.+ ~\]\.(?: (?:\S+: )?\[.+ ~\]\.)*", said), said


async def test_a_button_that_is_refused_leads_back_to_its_page(client: Client) -> None:
    origin = f"http://{client.host}:{client.port}"
    headers = {**HTML, "Origin": origin, "Referer": f"{origin}/guardian/checks?x=1"}
    reply = await client.post("/guardian/checks/confirm", headers=headers)
    page = await reply.text()
    assert reply.status == 400
    assert 'href="/guardian/checks?x=1"' in page
    for elsewhere in ("http://bo.example/guardian/", f"{origin}//bo.example", f"{origin}/\\bo"):
        reply = await client.post(
            "/guardian/checks/confirm", headers={**headers, "Referer": elsewhere}
        )
        assert "Back to where you were" not in await reply.text()


# Forms with a page of their own that no row of REFUSED fills in, each with where it is refused, or
# why it needs no row.
NOT_FILLED_IN = {
    **dict.fromkeys(
        (
            *("/guardian/guests", "/guardian/me/digest/test"),
            *(f"/guardian/people/{{person}}/{each}" for each in ("closed", "preset", "search")),
            *("/guardian/people/{person}/kept", "/guardian/people/{person}/full-log"),
        ),
        "only choices that the page gives",
    ),
    **dict.fromkeys(
        (
            *(f"/guardian/names/{each}/{{name}}" for each in ("local", "rewrites", "services")),
            *("/guardian/names/splits/{name}", "/guardian/lists/own/{list}"),
            "/guardian/time/{person}/schedules/{schedule}",
            "/guardian/time/{person}/budgets/{budget}",
        ),
        "read as the form that adds one",
    ),
    "/guardian/app/notices": "sent by a script: tests/web/test_home_screen.py",
    "/guardian/appeals/{appeal}/decide": "tests/web/test_inbox.py",
    "/guardian/appeals/{appeal}/pass-on": "only a choice that the page gives, at a provider",
    "/guardian/me/factor": "tests/web/test_my_account.py",
    "/guardian/me/factor/remove": "tests/web/test_my_account.py",
    "/guardian/me/tokens": "tests/web/test_my_account.py",
    "/guardian/time/{person}/bedtime": "tests/web/test_overview.py",
    "/guardian/devices/{device}/away": "tests/web/test_device_away.py",
    "/guardian/names/servers": "tests/web/test_dns_servers.py",
    "/guardian/calendar/import": "a file, which no page fills in again",
    "/guardian/homes/code": "its page has it only where a child has another home",
    "/guardian/homes/agree": "only a choice that the preview gives",
    "/guardian/move-in": "a file, which no page fills in again",
    "/guardian/move-in/{code}/ages": "only choices that the page gives",
    **dict.fromkeys(
        (
            "/guardian/people/{person}/rules/{rule}/note",
            "/guardian/time/{person}/budgets/{budget}/bonus",
            "/guardian/time/{person}/more",
            *("/guardian/unknown/{visitor}/guest", "/guardian/unknown/{visitor}/name"),
        ),
        "its page has it only where there is a rule, a limit or an unknown device",
    ),
}


def test_every_form_is_refused_once_or_it_is_said_why_not() -> None:
    paths = [
        route.path
        for route in ROUTES
        if route.method == "POST"
        and route.path.startswith("/guardian")
        and hasattr(route.handler, "__wrapped__")
    ]
    sent = {each.path for each in REFUSED}
    filled_in = sent & set(paths)
    for path in paths:
        form = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        if any(form.fullmatch(each) for each in sent - set(paths)):
            filled_in.add(path)
    assert set(paths) - filled_in == NOT_FILLED_IN.keys()


# Only buttons, or a choice that the page gives: nothing typed is lost with them.
BUTTONS = {
    *("/guardian/devices/{device}/try", "/guardian/devices/{device}/try/end"),
    *("/guardian/logout", "/guardian/login", "/guardian/checks", "/guardian/checks/confirm"),
    *("/guardian/me/sessions", "/guardian/me/tokens/remove", "/guardian/notices"),
    *("/guardian/me/digest/stop", "/guardian/me/family-code", "/guardian/guests/filter"),
    "/guardian/app/notices/remove",
    "/guardian/app/notices/test",
    *("/guardian/accounts/{account}/code", "/guardian/accounts/{account}/remove"),
    *("/guardian/appeals/{appeal}/look", "/guardian/time/{person}/unpause"),
    *("/guardian/time/{person}/grants/{grant}/end", "/guardian/time/{person}/suggest"),
    "/guardian/time/{person}/schedules/{schedule}/remove",
    "/guardian/time/{person}/budgets/{budget}/remove",
    *("/guardian/tickets/{ticket}/remove", "/guardian/people/{person}/propose/drop"),
    "/guardian/people/{person}/age/confirm",
    *("/guardian/people/{person}/rules/{rule}/remove", "/guardian/people/{person}/full-log/stop"),
    *("/guardian/people/{person}/full-log/drop", "/guardian/people/{person}/open/{kind}/remove"),
    *("/guardian/people/{person}/export", "/guardian/lists/update", "/guardian/lists/accept"),
    *("/guardian/lists/refuse", "/guardian/lists/rollback", "/guardian/lists/trial"),
    "/guardian/lists/own/{list}/remove",
    *("/guardian/move-in/{code}/store", "/guardian/move-in/{code}/drop"),
    *("/guardian/facts/update", "/guardian/facts/accept"),
    *("/guardian/facts/keep", "/guardian/facts/rollback"),
    *("/guardian/pause-everyone", "/guardian/unpause-everyone"),
    *("/guardian/boxes/{box}/end", "/guardian/homes/{person}/end"),
    *("/guardian/targets/{target}/test", "/guardian/repair", "/guardian/undo/{action}"),
    *("/guardian/devices/{device}/remove", "/guardian/devices/{device}/let-in"),
    "/guardian/devices/{device}/tokens/{token}/revoke",
    *("/guardian/pairings/{pairing}/revoke", "/guardian/guests/{guest}/end"),
    *("/guardian/names/local/{name}/remove", "/guardian/names/rewrites/{name}/remove"),
    *("/guardian/names/splits/{name}/remove", "/guardian/names/services/{name}/remove"),
    *("/guardian/names/servers/remove", "/guardian/names/servers/try"),
    "/guardian/names/splits/{name}/try",
    *("/guardian/unknown/{visitor}/ignore", "/guardian/unknown/{visitor}/show"),
}


def test_every_form_of_the_desk_that_somebody_fills_in_names_its_page() -> None:
    posts = {
        route.path: route.handler
        for route in ROUTES
        if route.method == "POST" and route.path.startswith("/guardian")
    }
    again = {path for path, handler in posts.items() if hasattr(handler, "__wrapped__")}
    assert set(posts) - again == BUTTONS


@pytest.mark.parametrize(
    ("role", "path", "says"),
    [
        (Role.REVIEWER, "/guardian/people", "a reviewer. You can answer requests"),
        (Role.AUDITOR, "/guardian/accounts", "an auditor. You can read rules and history"),
        (Role.CHILD, "/guardian/people", "Go to the home page to see your own pages"),
    ],
)
async def test_who_may_not_reads_what_they_may_and_whom_to_ask(
    client: Client, site: Site, role: Role, path: str, says: str
) -> None:
    await set_up(site, "Bo", role, "mia" if role is Role.CHILD else "")
    status = 403 if role is Role.CHILD else 200  # where the login leads to
    await send(client, "/guardian/login", status, name="Bo", password=PASSWORD)
    page = await text(client, path, 403)
    assert says in page
    assert "You can ask: Ada" in page


async def test_whoever_is_logged_in_no_more_is_told_so(client: Client) -> None:
    await send(client, "/guardian/logout")
    page = await send(client, "/guardian/people", 401, name="Bo", band="7-9")
    assert "not logged in" in page
    assert "Something went wrong here" not in page


async def test_error_pages_are_in_the_readers_language(client: Client, site: Site) -> None:
    site.who = "192.0.2.99"
    headers = {**HTML, "Accept-Language": PSEUDO}
    for path in ("/ticket", "/guardian/nothing", "/guardian/time/nobody", "/why/AAAA-AAAA"):
        page = await (await client.get(path, headers=headers)).text()
        told = re.findall(r"<p>(.+?)</p>", page.replace("\n", " ").partition("<footer")[0])
        assert told
        for each in told:
            assert re.fullmatch(r"(?:<a [^>]*>)?\s*\[.+\]\.?\s*(?:</a>)?", each.strip()), each
