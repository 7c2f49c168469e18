"""Nothing is lost without a word: what destroys something on the dashboard can be undone for ten
minutes, or asks first; and each action says what holds now."""

from __future__ import annotations

import asyncio
import html
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from functools import partial
from typing import NamedTuple

import pytest
from aiohttp import FormData

from copdns.accounts.account import GuestKind
from copdns.accounts.roles import Permission, Role
from copdns.household import edits
from copdns.household.time_edits import remove_period
from copdns.household.token_edits import add_token
from copdns.household.undo import UNDO_FOR
from copdns.list_files.load import load_catalogue
from copdns.model.device_tokens import short_token, token_digest
from copdns.model.household import (
    Band,
    FullLogSpan,
    Household,
    LocalName,
    NameRewrite,
    OwnService,
    Profile,
    SplitUpstream,
)
from copdns.model.matchers import parse_matcher
from copdns.model.times import (
    Bonus,
    Budget,
    DayType,
    FilterBreak,
    Grant,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Ticket,
    Topic,
    TopicKind,
)
from copdns.network.unknown_devices import UnknownDevice
from copdns.privacy.consent import Question
from copdns.store.household_db.proposals import Proposal
from copdns.store.log_db.unknown_devices import save_unknown_devices
from copdns.time.schedule import parse_slots
from copdns.web.recent_actions import RECENT
from tests.home import Home
from tests.household import ADA, ADDRESSES, MIA, NOW, TOM, block, family
from tests.unit.account_values import set_role
from tests.web.access import every_route
from tests.web.guardians import PASSWORD, log_in, set_up
from tests.web.site import HTML, Client, Site, send, text

pytestmark = pytest.mark.logged_in

MINUTE = 60
AT = int(NOW)
GAMES = Topic(TopicKind.CATEGORY, "games")
TIME, PEOPLE, NAMES = "/guardian/time/mia", "/guardian/people/mia", "/guardian/names"
ASKS = "Are you sure?"
ALSO_STOPS = "This will also stop working"

VISITOR = UnknownDevice("home", "u1", "", "02:00:00:00:00:09", "192.0.2.77", "box", AT, AT)
ICS = (
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261221\r\n"
    "DTEND;VALUE=DATE:20261224\r\nSUMMARY:Holidays\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def full_house() -> Household:
    """A house with one of everything that somebody can remove."""
    mia = replace(
        MIA,
        categories=frozenset({"ads"}),
        always=(parse_matcher("school.example"),),
        safe_search=(("google", "strict"),),
    )
    return family(
        mia,
        TOM,
        ADA,
        rules=(replace(block("toys.example", "mia"), id="r1"),),
        schedules=(Schedule("mia-night", "mia", parse_slots("daily 21:00-07:00")),),
        budgets=(Budget("mia-play", "mia", (("daily", 90),), (GAMES,)),),
        pauses=(PauseSpan("mia", AT - 60, None, author="Ada"),),
        filter_breaks=(FilterBreak("mia-phone", "mia", AT - 60, AT + 60, "Ada"),),
        grants=(Grant(GAMES, AT - 60, AT + 7200, AT - 60, time=True, id="g1", profile="mia"),),
        bonuses=(Bonus("b1", "mia", "mia-play", date(2026, 3, 29), 15),),
        tickets=(Ticket("t1", "0" * 64, 30, AT, AT + 9_000_000),),
        services=(OwnService("club", "Club", (parse_matcher("club.example"),)),),
        local_names=(LocalName("nas.example", ("192.0.2.7",)),),
        rewrites=(NameRewrite(parse_matcher("old.example"), "new.example"),),
        split_upstreams=(
            SplitUpstream("work.example", ("192.0.2.53:53",)),
            SplitUpstream("", ("192.0.2.53:53",)),
        ),
        calendar=SchoolCalendar(days=((date(2026, 4, 3), DayType.HOLIDAY),)),
        protected=("school.example",),
        helplines=(),
    )


@pytest.fixture
def site() -> Site:
    return Site(Home(full_house(), load_catalogue(())))


# --- every action, and what becomes of what it destroys -------------------------------------------


class Undone(NamedTuple):
    """It can be undone.  path: if placeholders are filled otherwise than in FILLED."""

    fields: dict[str, str]
    path: str = ""


class Asked(NamedTuple):
    """It asks first: by a page, or by a box or a password in its own form.

    says: what it asks.  sure: what answers the question.
    """

    fields: dict[str, str]
    says: str = ASKS
    sure: tuple[str, str] = ("sure", "on")


class Kept(NamedTuple):
    """It takes nothing away.  why: of what somebody could think that it does.  fields: to try it;
    None where another test does."""

    why: str
    fields: dict[str, str] | None = None


FILLED = {
    "person": "mia",
    "profile": "mia",
    "schedule": "mia-night",
    "budget": "mia-play",
    "grant": "g1",
    "ticket": "t1",
    "rule": "r1",
    "kind": "always",
    "device": "mia-phone",
    "visitor": "u1",
    "step": "place",
    "target": "x",
    "list": "boards",
}
_LOCAL = {"name": "nas.example", "addresses": "192.0.2.9"}
_SERVICE = {"name": "Club", "names": "club.example more.example", "contact": "none"}
_SLOT = {"start0": "20:00", "end0": "07:00"}

ACTIONS: dict[str, Undone | Asked | Kept] = {
    "login": Kept("a session begins"),
    "logout": Kept("a login brings it back"),
    "setup": Kept("the first account is made"),
    "join": Kept("a code is used up, as its paper says"),
    "wizard/{step}": Undone(
        {"name": "Ours", "timezone": "Europe/Berlin", "language": "fr", "country": "FR"}
    ),
    "checks": Kept("the checks run again", {}),
    "checks/confirm": Kept("an answer is stored"),
    "me/password": Asked(
        {"password": "twelve small owls", "again": "twelve small owls"},
        "current password",
        ("current", PASSWORD),
    ),
    "me/factor": Kept("a second factor is added, with a code from it"),
    "me/factor/remove": Asked({}, "current password", ("current", PASSWORD)),
    "me/sessions": Kept("a login brings it back", {"all": "1"}),
    "app/notices": Kept("it can be chosen again"),
    "app/notices/test": Kept("a notice is sent", {"browser": "none"}),
    "app/notices/remove": Kept("it can be turned on again in that browser", {"browser": "none"}),
    "me/tokens": Kept("a token is added"),
    "me/family-code": Kept("only a provider's families have one; its page says what ends"),
    "me/digest": Kept("the page has it, and changes it again"),
    "me/digest/test": Kept("an email is sent"),
    "me/digest/stop": Kept("the address is typed again; nothing else is gone"),
    "me/tokens/remove": Asked({"token": "{token}"}),
    "accounts": Kept("an account is added", {"name": "Ben", "role": "reviewer"}),
    "accounts/{account}/code": Kept("the page gives the code that counts now"),
    "accounts/{account}/remove": Asked({}),
    "repair": Kept("the damaged file is put aside, and is not deleted", {}),
    "notices": Kept("they stay on the page", {}),
    "undo/{action}": Kept("undoing can be undone itself"),
    "appeals/{appeal}/look": Kept("it is stored that somebody looks"),
    "appeals/{appeal}/decide": Kept("the request stays, with its answer"),
    "appeals/{appeal}/pass-on": Kept("the request stays; a provider's reviewers are asked"),
    "time/{person}/pause": Undone({"lasts": "30"}),
    "time/{person}/unpause": Undone({}),
    "time/{person}/bedtime": Undone({"at": "21:30"}),
    "pause-everyone": Undone({}),
    "unpause-everyone": Undone({}),
    "time/{person}/more": Undone({"minutes": "15"}),
    "time/{person}/grants": Undone({"lasts": "60", "what": "category:games", "lifts": "time"}),
    "time/{person}/grants/{grant}/end": Undone({}),
    "time/{person}/suggest": Undone({}),
    "time/{person}/schedules": Undone({"name": "nap", **_SLOT}),
    "time/{person}/schedules/{schedule}": Undone(_SLOT),
    "time/{person}/schedules/{schedule}/remove": Undone({}),
    "time/{person}/budgets": Undone({"name": "all", "day0": "daily", "minutes0": "120"}),
    "time/{person}/budgets/{budget}": Undone({"day0": "daily", "minutes0": "10"}),
    "time/{person}/budgets/{budget}/remove": Undone({}),
    "time/{person}/budgets/{budget}/bonus": Undone({"minutes": "5", "kind": "bonus"}),
    "calendar/days": Undone({"first": "2026-04-03", "last": "2026-04-04", "kind": "school"}),
    "calendar/weekend": Undone({"weekend": "sun"}),
    "calendar/day-start": Undone({"day_starts": "04:00"}),
    "calendar/import": Undone({"file": ICS}),
    "tickets": Undone({"minutes": "30", "days": "7", "seen": "t1"}),
    "tickets/{ticket}/remove": Undone({}),
    "people": Kept("undoing it asks first: below", {"name": "Bo", "band": "7-9"}),
    "people/{person}/answers": Undone({"name": "Mia B", "block_mode": "null", "max_ttl": "9"}),
    "people/{person}/remove": Asked({"heir": ""}, "Tick the box"),
    "people/{person}/closed": Undone({"default": "allow", "security": "on"}),
    "people/{person}/search": Undone({}),
    "people/{person}/preset": Undone({"band": "10-12", "times": "on"}),
    "people/{person}/propose": Kept("a plan is stored; nothing changes", {"band": "10-12"}),
    "people/{person}/propose/drop": Asked({}),
    "people/{person}/age/confirm": Kept("a day is stored"),
    "people/{person}/rules": Undone({"target": "bets.example", "action": "block"}),
    "people/{person}/rules/{rule}/note": Undone({"note": "Later."}),
    "people/{person}/rules/{rule}/remove": Undone({}),
    "people/{person}/open/{kind}": Undone({"names": "music.example"}),
    "people/{person}/open/{kind}/remove": Undone({"subject": "school.example"}),
    "people/{person}/tags": Undone({"tag": "children", "remove": "1"}),
    "people/{person}/kept": Undone({"mode": "off"}),
    "people/{person}/full-log": Kept("a log begins", {"days": "2"}),
    "people/{person}/full-log/stop": Asked({}),
    "people/{person}/full-log/drop": Asked({}),
    "people/{person}/export": Kept("a file is given", {}),
    "people/{person}/erase": Asked({}, "Tick the box"),
    "targets/{target}/test": Kept("a test is sent"),
    "lists/update": Kept("lists are looked for", {}),
    "lists/accept": Kept("a button goes back to the version before"),
    "lists/refuse": Kept("the version in use stays"),
    "lists/trial": Kept("a button lets the list block now, or puts it on trial again"),
    "lists/own": Kept("it can be undone: test_own_lists.py"),
    "lists/own/{list}": Kept("it can be undone: test_own_lists.py"),
    "lists/own/{list}/remove": Kept("it can be undone: test_own_lists.py"),
    "move-in": Kept("a file is read, and nothing is stored"),
    "move-in/{code}/ages": Kept("nothing is stored"),
    "move-in/{code}/store": Kept("it can be undone: test_move_in.py"),
    "move-in/{code}/drop": Kept("nothing was stored"),
    "lists/rollback": Kept("a button goes to each other version that is kept"),
    "facts/update": Kept("newer facts are looked for"),
    "facts/accept": Kept("a button goes back to those before"),
    "facts/keep": Kept("a button makes the changes all the same"),
    "facts/rollback": Kept("a button goes to each other set that is kept"),
    "devices": Undone({"name": "TV", "known": "192.0.2.99", "profile": "tom"}),
    "devices/{device}/change": Undone({"name": "Tablet", "known": "192.0.2.99"}),
    "devices/{device}/remove": Undone({}),
    "devices/{device}/away": Kept("a token is made; undoing revokes it: test_device_away.py"),
    "devices/{device}/tokens/{token}/revoke": Asked({}),
    "devices/{device}/try": Undone({}),
    "devices/{device}/try/end": Undone({}),
    "devices/{device}/let-in": Kept("another browser may be linked", {}),
    "pairings/{pairing}/revoke": Asked({}),
    "unknown/{visitor}/name": Undone({"name": "Box", "profile": "tom"}),
    "unknown/{visitor}/guest": Asked({"refuse": "1"}),
    "unknown/{visitor}/ignore": Kept("a button beside it shows it again", {}),
    "unknown/{visitor}/show": Kept("a button beside it hides it again", {}),
    "guests/{guest}/end": Asked({}),
    "pins/{profile}": Asked({"remove": "1"}),
    "guests/filter": Kept("only a provider's families have it, who undo it (e2e/test_arrival.py)"),
    "guests": Undone({"rules": "mia"}),
    "homes": Kept("a file is made; ending it takes it back: test_homes.py"),
    "homes/look": Kept("it stores nothing: test_homes.py"),
    "homes/agree": Kept("a preview asks first, and it can be ended: test_homes.py"),
    "homes/code": Kept("the other home decided that: test_homes.py"),
    "homes/{person}/end": Kept("it asks first: test_homes.py"),
    "boxes": Kept("a key is made; ending the box takes it back: test_second_box.py"),
    "boxes/{box}/end": Kept("it asks first: test_second_box.py"),
    "names/local": Undone(_LOCAL),
    "names/local/{name}": Undone(_LOCAL, "names/local/nas.example"),
    "names/local/{name}/remove": Undone({}, "names/local/nas.example/remove"),
    "names/rewrites": Undone({"name": "old.example", "target": "other.example"}),
    "names/rewrites/{name}": Undone({"target": "other.example"}, "names/rewrites/old.example"),
    "names/rewrites/{name}/remove": Undone({}, "names/rewrites/old.example/remove"),
    "names/servers": Undone({"upstreams": "192.0.2.54"}),
    "names/servers/remove": Undone({}),
    "names/servers/try": Kept("nothing is saved", {}),
    "names/splits/{name}/try": Kept("nothing is saved"),
    "names/splits": Undone({"name": "work.example", "upstreams": "192.0.2.54"}),
    "names/splits/{name}": Undone({"upstreams": "192.0.2.54"}, "names/splits/work.example"),
    "names/splits/{name}/remove": Undone({}, "names/splits/work.example/remove"),
    "names/failures": Undone({"clock": "essential", "lists": "open", "devices": "last_known"}),
    "names/services": Undone({"name": "Gym", "names": "gym.example", "contact": "none"}),
    "names/services/{name}": Undone(_SERVICE, "names/services/club"),
    "names/services/{name}/remove": Undone({}, "names/services/club/remove"),
}


def actions() -> set[str]:
    below = "/guardian/"
    return {
        each.path.removeprefix(below)
        for each in every_route()
        if each.changes and each.path.startswith(below)
    }


def of(kind: type) -> list[str]:
    return [name for name, each in ACTIONS.items() if isinstance(each, kind)]


def test_every_action_of_the_dashboard_is_undone_asks_first_or_takes_nothing_away() -> None:
    assert actions() == ACTIONS.keys()


async def stored(site: Site) -> Household:
    found = await site.store.household("home")
    assert found is not None
    splits = sorted(found.split_upstreams, key=lambda each: each.key)  # their order says nothing
    return replace(found, revision=0, split_upstreams=tuple(splits))


async def act(client: Client, path: str, fields: dict[str, str], status: int = 200) -> str:
    return await send(client, f"/guardian/{path}", status, **fields)


async def act_shortly(client: Client, path: str, fields: dict[str, str]) -> str:
    """Do as `act` does, but come to a page that is quickly made."""
    data = FormData(fields)
    if "file" in fields:
        data = FormData()
        data.add_field("file", fields["file"].encode(), filename="days.ics")
    headers = {**HTML, "Origin": f"http://{client.host}:{client.port}"}
    path = f"/guardian/{path}"
    reply = await client.post(path, data=data, headers=headers, allow_redirects=False)
    assert reply.status in (200, 303), await reply.text()
    return await reply.text() if reply.status == 200 else await text(client, "/guardian/house")


def undo_path(page: str) -> str:
    found = re.search(r'action="/(guardian/undo/\w+)"', page)
    assert found, page
    return found[1].removeprefix("guardian/")


MARKS = r"<[^>]+>|[\u2066-\u2069]"


def told(page: str) -> list[str]:
    """Return the sentences that a page begins with, without their marks."""
    found = re.findall(
        r'<section class="card done no-print" role="status">(.*?)</section>', page, re.DOTALL
    )
    sentences = re.findall(r"<p>(.*?)</p>", "".join(found), re.DOTALL)
    plain = (re.sub(MARKS, "", each) for each in sentences)
    return [" ".join(html.unescape(each).split()) for each in plain]


@pytest.fixture(autouse=True)
async def filled(client: Client, site: Site) -> dict[str, str]:
    """Fill the rest of the house; return what stands in paths."""
    save_unknown_devices(site.folder, [VISITOR])
    return {**FILLED, "account": (await set_up(site, "Rita", Role.REVIEWER)).id}


@pytest.mark.once
async def test_what_was_destroyed_comes_back_by_one_button(
    client: Client, site: Site, filled: dict[str, str]
) -> None:
    before = await stored(site)
    for name in of(Undone):
        how = ACTIONS[name]
        assert isinstance(how, Undone)
        path = how.path or name.format(**filled)
        page = await act_shortly(client, path, how.fields)
        if ALSO_STOPS in page:
            page = await act_shortly(client, path, {**how.fields, "sure": "on"})
        assert await stored(site) != before, f"{name} does nothing"
        assert told(page), f"{name} does not say what holds now"
        assert all(each.endswith(".") for each in told(page)), told(page)
        page = await act(client, undo_path(page), {"back": "/guardian/house"})
        assert await stored(site) == before, f"{name} is not undone"
        assert told(page), f"undoing {name} does not say what holds now"
        line = (await site.store.changes("home"))[-1]
        assert (line.author, line.what[:8]) == ("Ada", "undone: ")


async def test_it_is_told_once_and_the_button_stays(client: Client, site: Site) -> None:
    before = await stored(site)
    page = await act(client, "time/mia/schedules/mia-night/remove", {})
    assert told(page) == [
        "This no longer applies to Mia: No internet from 21:00 to 07:00 every day."
    ]
    after = await stored(site)
    site.home.wait(UNDO_FOR - MINUTE)
    page = await text(client, "/guardian/lists")
    assert not told(page)
    page = await act(client, undo_path(page), {"back": "/guardian/house"})
    assert await stored(site) == before
    assert told(page) == ["This now applies to Mia: No internet from 21:00 to 07:00 every day."]
    await act(client, undo_path(page), {})
    assert await stored(site) == after, "undoing can be undone too"


async def fill_asked(
    client: Client, site: Site, filled: dict[str, str], name: str
) -> dict[str, str]:
    """Let there be what an action destroys; return what stands in its path."""
    now, filled = site.now, dict(filled)
    if name == "me/tokens/remove":
        (ada,) = [each for each in await site.accounts.all("home") if each.name == "Ada"]
        scopes = [Permission.GIVE_TIME]
        token, _ = await site.context.tokens.make(ada, "Lamp", scopes, now + 9**7, now, "Ada")
        filled["token"] = token.id
    elif name == "people/{person}/propose/drop":
        plan = Proposal("home", "mia", Band.TO_12, now + 9**6, "Ada", now)
        await site.context.proposals.propose(plan)
    elif name == "people/{person}/full-log/stop":
        await set_profile(site, "mia", full_log=FullLogSpan(now, now + 9**5))
    elif name == "people/{person}/full-log/drop":
        await set_profile(site, "tom", band=Band.TO_17)
        await site.context.consents.ask(Question("home", "tom", 2, "Ada", now))
        filled["person"] = "tom"
    elif name == "pairings/{pairing}/revoke":
        await send(client, "/device")
        (filled["pairing"],) = [each.id for each in await site.pairings.of("home")]
    elif name == "devices/{device}/tokens/{token}/revoke":
        digest = token_digest("a" * 26)
        filled["token"] = short_token(digest)
        edit = partial(add_token, device_id="mia-phone", digest=digest)
        await site.store.change("home", edit, author="Ada", what="", now=int(now))
    elif name in ("unknown/{visitor}/guest", "guests/{guest}/end"):
        await site.guests.ask("home", "192.0.2.90", now)
        filled["visitor"] = "192.0.2.90"
        if name.startswith("guests"):
            await site.guests.approve("home", GuestKind.GUEST, "192.0.2.90", "", "Ada", now)
            (filled["guest"],) = [each.id for each in await site.guests.of("home", now)]
    elif name == "pins/{profile}":
        await site.logins.set_pin("home", "mia", "2749", "Ada", now)
    elif name == "me/factor/remove":
        (ada,) = [each for each in await site.accounts.all("home") if each.name == "Ada"]
        await site.accounts.set_totp("home", ada.id, "A" * 32, (), now)
    return filled


async def set_profile(site: Site, profile: str, **values: object) -> None:
    edit = partial(edits.set_profile, profile_id=profile, known=site.context.known_ids(), **values)
    await site.store.change("home", edit, author="Ada", what="", now=site.now)


# What changes by visiting alone.
_OF_VISITS = {"session", "browser", "login_failure", "attempt", "sqlite_sequence"}


def rows(site: Site) -> dict[str, list[tuple[object, ...]]]:
    """Return what the database of the household holds, by table."""
    with closing(sqlite3.connect(site.store.path)) as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table'")
        return {
            name: sorted(connection.execute(f"select * from {name}").fetchall(), key=repr)
            for (name,) in tables.fetchall()
            if name not in _OF_VISITS
        }


LAST = ("people/{person}/erase", "people/{person}/remove", "me/password")  # it ends the others


async def test_what_cannot_be_undone_asks_first(
    client: Client, site: Site, filled: dict[str, str]
) -> None:
    for name in sorted(of(Asked), key=lambda each: LAST.index(each) if each in LAST else -1):
        how = ACTIONS[name]
        assert isinstance(how, Asked)
        there = await fill_asked(client, site, filled, name)
        fields = {key: each.format(**there) for key, each in how.fields.items()}
        path, before = name.format(**there), rows(site)
        asked = await act(client, path, fields, 409 if how.says == ASKS else 400)
        assert how.says in asked
        assert rows(site) == before, f"the question of {name} changes something"
        if how.says == ASKS:
            assert answer(asked, path) == {**fields, "sure": "on"}, name
        page = await act(client, path, {**fields, how.sure[0]: how.sure[1]})
        assert rows(site) != before, f"{name} does nothing"
        assert told(page), f"{name} does not say what holds now"


def answer(asked: str, path: str) -> dict[str, str]:
    """Return what the button of a question sends."""
    found = re.search(
        rf'<form class="card" method="post" action="/guardian/{path}">.*?</form>', asked, re.DOTALL
    )
    assert found, asked
    return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', found[0]))


async def test_what_is_said_to_take_nothing_away_deletes_no_row(
    client: Client, site: Site, filled: dict[str, str]
) -> None:
    for name, how in ACTIONS.items():
        if not isinstance(how, Kept) or how.fields is None:
            continue
        before = rows(site)
        await act(client, name.format(**filled), how.fields)
        after = rows(site)
        fewer = {table for table in before if len(after[table]) < len(before[table])}
        assert fewer <= {"ignored_visitor"}, name


# --- who, how long, and what others did since -----------------------------------------------------


def forms(page: str) -> Iterator[str]:
    yield from re.findall(r'action="(/guardian/undo/\w+)"', page)


async def remove_bedtime(client: Client) -> str:
    return undo_path(await act(client, "time/mia/schedules/mia-night/remove", {}))


async def test_after_ten_minutes_it_is_over(client: Client, site: Site) -> None:
    path = await remove_bedtime(client)
    site.home.wait(UNDO_FOR)
    assert not list(forms(await text(client, "/guardian/")))
    before = await stored(site)
    assert "can no longer be undone" in await act(client, path, {}, 400)
    assert await stored(site) == before


async def test_then_it_is_not_in_memory_either(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was removed is to be gone, also where nobody opens another page."""
    later: list[tuple[float, Callable[[], object]]] = []
    loop = asyncio.get_running_loop()
    real = loop.call_later

    def call_later(delay: float, callback: Callable[..., object], *given: object) -> object:
        if delay != UNDO_FOR:
            return real(delay, callback, *given)
        later.append((delay, partial(callback, *given)))
        return None

    monkeypatch.setattr(loop, "call_later", call_later)
    headers = {**HTML, "Origin": f"http://{client.host}:{client.port}"}
    path = "/guardian/time/mia/schedules/mia-night/remove"
    await client.post(path, headers=headers, allow_redirects=False)
    ((_, forget),) = later
    recent = site.app[RECENT]
    assert "mia-night" in str(vars(recent))
    forget()
    assert "mia-night" not in str(vars(recent))


async def test_a_second_time_is_harmless(client: Client, site: Site) -> None:
    path = await remove_bedtime(client)
    await act(client, path, {})
    before = await stored(site)
    assert "and once" in await act(client, path, {}, 400)
    assert await stored(site) == before


async def test_what_another_guardian_changed_since_is_not_undone(
    client: Client, site: Site
) -> None:
    page = await act(client, "time/mia/budgets/mia-play", {"day0": "daily", "minutes0": "10"})
    path = undo_path(page)

    def bens(house: Household) -> Household:
        (mine,) = house.budgets
        return replace(house, budgets=(replace(mine, minutes=(("daily", 45),)),))

    await site.store.change("home", bens, author="Ben", what="", now=site.now)
    before = await stored(site)
    assert "since then: mia-play;" in re.sub(MARKS, "", await act(client, path, {}, 400))
    assert await stored(site) == before


async def test_what_another_guardian_changed_besides_stays(client: Client, site: Site) -> None:
    path = await remove_bedtime(client)

    bens = partial(remove_period, kind=Budget, key="mia-play")
    await site.store.change("home", bens, author="Ben", what="", now=site.now)
    await act(client, path, {})
    house = await stored(site)
    assert [each.id for each in house.schedules] == ["mia-night"]
    assert house.budgets == ()


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR, Role.GUARDIAN])
async def test_nobody_undoes_what_somebody_else_did(client: Client, site: Site, role: Role) -> None:
    path, before = await remove_bedtime(client), await stored(site)
    await set_up(site, "Bo", role)
    client.session.cookie_jar.clear()
    page = await log_in(client, "Bo")
    assert not list(forms(page))
    await act(client, path, {}, 403)
    assert await stored(site) == before


async def test_who_is_no_guardian_any_more_undoes_nothing(client: Client, site: Site) -> None:
    path, before = await remove_bedtime(client), await stored(site)
    (ada,) = [each for each in await site.accounts.all("home") if each.name == "Ada"]
    await set_up(site, "Ben", Role.OWNER)
    await site.thread.write(partial(set_role, account=ada.id, role=Role.REVIEWER))
    await log_in(client)
    await act(client, path, {}, 403)
    assert await stored(site) == before


async def test_sending_names_elsewhere_by_undoing_asks_for_the_password_too(
    client: Client, site: Site
) -> None:
    path = undo_path(await act(client, "names/splits/work.example/remove", {}))
    site.home.wait(5 * MINUTE)
    before = await stored(site)
    assert "Confirm it is you" in await act(client, path, {}, 403)
    assert await stored(site) == before
    await act(client, path, {"step_up_password": PASSWORD})
    assert [e.name for e in (await stored(site)).split_upstreams if e.name] == ["work.example"]


async def test_protecting_a_site_by_undoing_asks_for_the_password_too(
    client: Client, site: Site
) -> None:
    await act(client, "wizard/school", {"names": ""})
    assert (await stored(site)).protected == ()
    path = undo_path(await text(client, "/guardian/house"))
    site.home.wait(5 * MINUTE)
    assert "Confirm it is you" in await act(client, path, {}, 403)
    assert (await stored(site)).protected == ()
    await act(client, path, {"step_up_password": PASSWORD})
    assert (await stored(site)).protected == ("school.example",)


async def test_a_device_that_comes_back_is_announced_to_its_person(
    client: Client, site: Site
) -> None:
    path = undo_path(await act(client, "devices/mia-phone/remove", {}))
    before = len(rows(site)["claim"])
    await act(client, path, {})
    assert len(rows(site)["claim"]) > before, "as any address that a guardian gives"


async def test_its_linked_browsers_come_back_with_it(client: Client, site: Site) -> None:
    await send(client, "/device")
    before = await site.pairings.links("home")
    assert len(before) == 1
    page = await act(client, "devices/mia-phone/remove", {})
    assert await site.pairings.links("home") == ()
    page = await act(client, undo_path(page), {})
    assert await site.pairings.links("home") == before
    await act(client, undo_path(page), {})
    page = await text(client, "/guardian/house")
    await act(client, undo_path(page), {})
    assert await site.pairings.links("home") == before, "undoing the undoing, and again"


async def test_but_not_one_that_was_unlinked_before(client: Client, site: Site) -> None:
    await send(client, "/device")
    (link,) = await site.pairings.links("home")
    await act(client, f"pairings/{link.id}/revoke", {"sure": "on"})
    path = undo_path(await act(client, "devices/mia-phone/remove", {}))
    await act(client, path, {})
    assert await site.pairings.links("home") == ()


async def test_nor_one_that_was_no_proof_yet(client: Client, site: Site) -> None:
    """Nobody could object to it while the device was away."""
    known = f"{ADDRESSES['mia']} 192.0.2.99"
    await act(client, "devices/mia-phone/change", {"name": "Phone", "known": known})
    await site.follow()
    await send(client, "/device")
    (link,) = await site.pairings.links("home")
    assert link.proof is not None
    assert link.proof > site.now
    path = undo_path(await act(client, "devices/mia-phone/remove", {}))
    await act(client, path, {})
    assert await site.pairings.links("home") == ()


async def test_a_full_log_that_began_has_no_button_that_would_not_end_it(
    client: Client, site: Site
) -> None:
    page = await act(client, "people/mia/full-log", {"days": "2"})
    assert (await stored_mia(site)).full_log is not None
    assert not list(forms(page))


async def stored_mia(site: Site) -> Profile:
    found = (await stored(site)).profile("mia")
    assert found is not None
    return found


async def test_what_an_announced_age_plans_goes_with_the_announcement(
    client: Client, site: Site
) -> None:
    proposals = site.context.proposals
    path = undo_path(await act(client, "people/tom/preset", {"band": "7-9"}))
    assert await proposals.of("home", "tom") is not None
    await act(client, path, {})
    house = await stored(site)
    assert [each.band_change for each in house.profiles if each.id == "tom"] == [None]
    assert await proposals.of("home", "tom") is None, "no page says that it is planned"


async def test_a_plan_that_another_age_ended_comes_back(client: Client, site: Site) -> None:
    proposals = site.context.proposals
    plan = Proposal("home", "mia", Band.TO_12, site.now + 9**6, "Ben", site.now)
    await proposals.propose(plan)
    path = undo_path(await act(client, "people/mia/preset", {"band": "13-15", "only_age": "on"}))
    assert await proposals.of("home", "mia") is None
    await act(client, path, {})
    assert await proposals.of("home", "mia") == plan


async def test_of_a_device_that_waits_it_is_not_said_that_it_is_moved(
    client: Client, site: Site
) -> None:
    for path, fields in (
        ("devices/tom-phone/change", {"profile": "mia", "name": "Phone"}),
        ("devices/tom-phone/remove", {}),
        ("devices", {"name": "New", "profile": "mia", "known": ADDRESSES["tom"]}),
    ):
        page = await act(client, path, fields)
        assert not any("belongs to Mia now" in each for each in told(page)), path
    assert any("still counts as Tom's" in each for each in told(page)), told(page)


# --- the times and settings that are suggested ----------------------------------------------------


async def test_what_is_suggested_is_told_line_by_line_and_takes_nothing_of_ones_own(
    client: Client, site: Site
) -> None:
    page = await text(client, TIME)
    listed = page[page.index("Suggested for this age group") :].partition("</details>")[0]
    assert "Would be removed" not in listed
    for title, line in (
        ("Stays, because you wrote it", "90 minutes"),
        ("Not used, because yours stays", "30 minutes"),
    ):
        assert line in listed[listed.index(title) :]
    # (the bedtime of one's own has the id of the suggested one)
    assert "Would be added" not in listed or "No internet" in listed


async def test_ones_own_limits_and_times_stay(client: Client, site: Site) -> None:
    await act(client, "time/mia/budgets", {"name": "all", "day0": "daily", "minutes0": "120"})
    before = await stored(site)
    await act(client, "time/mia/suggest", {})
    after = await stored(site)
    assert after.budgets == before.budgets
    assert set(after.schedules) >= set(before.schedules)


async def test_what_changed_since_the_list_was_read_is_not_taken_over(
    client: Client, site: Site
) -> None:
    await act(client, "time/mia/schedules/mia-night/remove", {})
    mark = seen(await text(client, TIME))
    await act(client, "time/mia/budgets/mia-play/remove", {})
    before = await stored(site)
    assert "Open the page again" in await act(client, "time/mia/suggest", {"seen": mark}, 400)
    assert await stored(site) == before
    await act(client, "time/mia/suggest", {"seen": seen(await text(client, TIME))})
    assert await stored(site) != before


def seen(page: str) -> str:
    found = re.search(r'/suggest"><input type="hidden" name="seen" value="(\w+)"', page)
    assert found, page
    return found[1]


async def test_nor_are_settings_of_an_age_whose_lines_changed_since(
    client: Client, site: Site
) -> None:
    page = await text(client, f"{PEOPLE}/preset?band=10-12")
    found = re.search(r'/preset">\s*<input type="hidden" name="seen" value="(\w+)"', page)
    assert found, page
    fields = {"band": "10-12", "seen": found[1]}
    await set_profile(site, "mia", categories=frozenset({"ads", "dating"}))
    before = await stored(site)
    assert "Open the page again" in await act(client, "people/mia/preset", fields, 400)
    assert await stored(site) == before
    await act(client, "people/mia/preset", {**fields, "only_age": "on"})
    assert (await stored_mia(site)).band is Band.TO_12, "no line of it is taken over"


async def test_settings_of_ones_own_stay_with_those_of_another_age(
    client: Client, site: Site
) -> None:
    page = await text(client, f"{PEOPLE}/preset?band=16-17")
    assert "Stays, because someone at home set it" in page
    await act(client, "people/mia/preset", {"band": "16-17"})
    house = await stored(site)
    (mia,) = [each for each in house.profiles if each.id == "mia"]
    assert {"ads", "gambling"} <= mia.categories
    assert mia.band is Band.TO_17


async def test_the_history_tells_of_undoing_in_the_readers_language(client: Client) -> None:
    await act(client, await remove_bedtime(client), {})
    assert "Undone: schedule mia-night removed" in re.sub(
        r"[\u2066-\u2069]|</?bdi>", "", await text(client, "/guardian/changes")
    )


@pytest.mark.parametrize("form", ["people", "wizard/children"])
async def test_a_person_who_was_added_is_taken_away_again_after_a_question(
    client: Client, site: Site, form: str
) -> None:
    before = await stored(site)
    path = undo_path(await act(client, form, {"name": "Bo", "band": "7-9", "times": "1"}))
    page = re.sub(MARKS, "", await act(client, path, {}, 409))
    assert "This removes Bo again, with everything recorded about them since then." in page
    assert (await stored(site)).profile("bo") is not None, "not before the question is answered"
    await act(client, path, {"sure": "on"})
    assert await stored(site) == before
