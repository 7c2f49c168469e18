"""Every page that people read, as data: what screenshots show and what axe-core looks at.

A page that is missing here fails tests/web/test_pages.py.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from copdns.accounts.codes import ACCOUNT_CODE, code_digest
from copdns.accounts.passwords import hash_password
from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.list_files.own_lists import OwnLists
from copdns.lists.own_lists import OwnList
from copdns.lists.parse import ListFormat
from copdns.model.matchers import MatchKind
from copdns.model.verdict import Action, Reason
from copdns.network.setup_steps import SetupStep
from copdns.privacy.consent import Question
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.consents import Consents
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.pairings import Pairings
from copdns.store.household_db.thread import StoreThread
from copdns.web.certificate import make_pem
from copdns.web.pages import Pages
from copdns.web.session import SESSION
from tests.e2e.house import ADA, MIA, ROOT, TOM
from tests.running import Program, free_port, running
from tests.unit.household.moving_in.files import ADGUARD
from tests.web.browsing import DESK, PHONE, Browsers, Device, Screen

T = TypeVar("T")

NO_PAGE = "Failed to load resource: the server responded with a status of"
DOOR = "http://copdns.home.arpa/"
ENCRYPTED = "dns.example.net"  # the name of encrypted DNS
DESK_LOGIN, SET_UP = f"{DOOR}guardian/login", f"{DOOR}guardian/setup"
PASSWORD = "seven green bottles"
SOMEBODYS = "127.0.0.9"  # a device that nobody named


class Who(StrEnum):
    """Who reads: a child by the level of its texts, or a guardian."""

    PICTURES = "pictures"
    PLAIN = "plain"
    FULL = "full"
    GUARDIAN = "guardian"


CHILD = (Who.PICTURES, Who.PLAIN, Who.FULL)
GUARDIAN = (Who.GUARDIAN,)


class Page(NamedTuple):
    """A page.

    route: as in copdns/web/routes.py.  who: all who read it.  path: how it is opened, where that
    is not the route itself; {code} and its like are filled in by `at_home`.
    then: what somebody does there, after which the page is another one.  called: of that one.
    """

    route: str
    who: tuple[Who, ...]
    path: str = ""
    then: Callable[[Device], None] | None = None
    called: str = ""

    @property
    def name(self) -> str:
        """Return the page's part of a file's name: "why-code" for "/why/{code}"."""
        if self.called:
            return self.called
        where = self.path.partition("?")[0] or self.route
        return "-".join(where.replace("{", "").replace("}", "").split("/")).strip("-") or "door"


def _at_login(device: Device) -> None:
    """Look at the login as somebody who is not in: whoever is sees the overview there."""
    kept = device.page.context.cookies()
    device.page.context.clear_cookies(name=SESSION)
    device.page.goto(DESK_LOGIN)
    device.page.context.add_cookies(kept)  # type: ignore[arg-type]  # as they came


PAGES: tuple[Page, ...] = (
    Page("/", CHILD),
    Page("/why/{code}", CHILD),
    Page("/rules", CHILD),
    Page("/month", CHILD),
    Page("/check", CHILD, "/check?name=games.example"),
    Page("/ask", CHILD, "/ask?name=chess2.games.example"),
    Page("/ask/{appeal}", CHILD),
    Page("/age", CHILD),
    Page("/protection", (Who.PLAIN,)),
    Page("/protection/{code}", (Who.PLAIN, Who.FULL), "/protection/k7qf2m9d"),
    Page("/device/setup", CHILD),
    Page("/device/test", (Who.PLAIN,)),
    Page("/device/test/{code}", (Who.PLAIN, Who.FULL), "/device/test/k7qf2m9d"),
    Page("/guardian/login", GUARDIAN, then=_at_login),
    Page("/guardian/setup", GUARDIAN),
    Page("/guardian/", GUARDIAN),
    Page("/guardian/wizard", GUARDIAN),
    *(Page("/guardian/wizard/{step}", GUARDIAN, f"/guardian/wizard/{each}") for each in SetupStep),
    Page("/guardian/checks", GUARDIAN),
    Page("/guardian/me", GUARDIAN),
    Page("/guardian/me/factor", GUARDIAN),
    Page("/guardian/accounts", GUARDIAN),
    Page("/guardian/join", GUARDIAN),
    Page("/guardian/notices", GUARDIAN),
    Page("/guardian/app", GUARDIAN),
    Page("/guardian/offline", GUARDIAN),
    Page("/guardian/offline/empty", GUARDIAN),
    Page("/guardian/inbox", GUARDIAN),
    Page("/guardian/appeals/{appeal}", GUARDIAN),
    Page("/guardian/time", GUARDIAN),
    Page("/guardian/time/{person}", GUARDIAN, "/guardian/time/mia"),
    Page("/guardian/calendar", GUARDIAN),
    Page("/guardian/tickets", GUARDIAN),
    Page("/guardian/people", GUARDIAN),
    Page("/guardian/people/{person}", GUARDIAN, "/guardian/people/mia"),
    Page("/guardian/people/{person}/closed", GUARDIAN, "/guardian/people/mia/closed"),
    Page("/guardian/people/{person}/search", GUARDIAN, "/guardian/people/mia/search"),
    Page("/guardian/people/{person}/preset", GUARDIAN, "/guardian/people/mia/preset?band=13-15"),
    Page(
        "/guardian/people/{person}/rules", GUARDIAN, "/guardian/people/mia/rules?name=games.example"
    ),
    Page("/guardian/people/{person}/open", GUARDIAN, "/guardian/people/mia/open"),
    Page("/guardian/people/{person}/kept", GUARDIAN, "/guardian/people/mia/kept"),
    Page("/guardian/house", GUARDIAN),
    Page("/guardian/devices", GUARDIAN),
    Page(
        "/guardian/devices/{device}/setup",
        GUARDIAN,
        "/guardian/devices/mia-tablet/setup?code=k7qf2m9d",
    ),
    Page("/guardian/devices/{device}/away", GUARDIAN, "/guardian/devices/mia-tablet/away"),
    Page("/guardian/encrypted", GUARDIAN),
    Page("/guardian/boxes", GUARDIAN),
    Page("/guardian/homes", GUARDIAN),
    Page("/guardian/names", GUARDIAN),
    Page("/guardian/guests", GUARDIAN),
    Page("/guardian/cards", GUARDIAN),
    Page("/guardian/month", GUARDIAN),
    Page("/guardian/lists", GUARDIAN),
    Page("/guardian/move-in", GUARDIAN),
    Page("/guardian/lists/own", GUARDIAN),
    Page("/guardian/facts", GUARDIAN),
    Page("/guardian/lists/own/{list}", GUARDIAN, "/guardian/lists/own/board-games"),
    Page("/guardian/log", GUARDIAN),
    Page("/guardian/numbers", GUARDIAN),
    Page("/guardian/changes", GUARDIAN),
    Page("/guardian/settings", GUARDIAN),
    Page("/guardian/targets", GUARDIAN),
    Page("/guardian/agreement/{profile}", GUARDIAN, "/guardian/agreement/tom"),
    Page("/me", CHILD),
    Page("/consent", GUARDIAN),
    Page("/help", CHILD),
    Page("/bad", CHILD),
    Page("/app", CHILD),
    Page("/offline", CHILD),
    Page("/offline/empty", (Who.PLAIN,)),
    Page("/whose", CHILD),
    Page("/ticket", CHILD),
    Page("/timer", CHILD),
)


def _send(action: str, **fields: str) -> Callable[[Device], None]:
    """Fill in the form that goes to an address, and send it, whatever the browser thinks of it."""

    def then(device: Device) -> None:
        form = device.page.locator(f'form[method="post"][action="{action}"]').first
        with device.page.expect_navigation():
            form.evaluate(
                """(form, fields) => {
                    form.noValidate = true;
                    for (const name in fields) form.elements[name].value = fields[name];
                    form.requestSubmit(form.querySelector("button"));
                }""",
                fields,
            )

    return then


def _unfold(device: Device) -> None:
    """Open all that folds away, but for the menu."""
    device.page.evaluate(
        "document.querySelectorAll('main details').forEach((each) => { each.open = true; })"
    )


def _menu(device: Device) -> None:
    """Open what the menu of a phone folds away; a wide screen shows all of it."""
    folded = device.page.locator(".main-menu summary")
    if folded.is_visible():
        folded.click()


def _logged_out(device: Device) -> None:
    """Mistype the password as somebody who is not in."""
    _at_login(device)
    kept = device.page.context.cookies()
    device.page.context.clear_cookies(name=SESSION)
    device.page.locator("#name").fill("Ada")
    device.page.locator("#password").fill("wrong")
    with device.page.expect_navigation():
        device.page.locator("main form button").click()
    device.page.context.add_cookies(kept)  # type: ignore[arg-type]  # as they came


def _without_session(device: Device) -> None:
    """Let the session end while a form is open, and send that."""
    kept = device.page.context.cookies()
    device.page.context.clear_cookies(name=SESSION)
    _send("/guardian/people", name="Bo")(device)
    device.page.context.add_cookies(kept)  # type: ignore[arg-type]  # as they came


def _ask_first(device: Device) -> None:
    """Press a button for what cannot be undone."""
    form = device.page.locator('form[action$="/revoke"]').first
    with device.page.expect_navigation():
        form.evaluate("form => form.requestSubmit()")


def _send_file(device: Device) -> None:
    """Send a file of another filter."""
    octets = ADGUARD.encode()
    device.page.locator("#file").set_input_files(
        {"name": "AdGuardHome.yaml", "mimeType": "text/yaml", "buffer": octets}
    )
    with device.page.expect_navigation():
        device.page.locator("main form:has(#file) button").click()


def _went_wrong(device: Device) -> None:
    """Show what is shown where a page of ours has a bug."""
    tag = device.page.evaluate("document.documentElement.lang")
    request = make_mocked_request("GET", "/", {"Accept-Language": tag}, app=web.Application())
    values: dict[str, Any] = dict.fromkeys(("said", "guardians"), ()) | {"back": "", "actor": None}
    shown = Pages().render(request, "error.html", status=500, home="/", **values)
    device.page.route(
        "**/",
        lambda route: route.fulfill(status=500, body=str(shown.text), content_type="text/html"),
    )
    device.page.goto(DOOR)
    device.page.unroute("**/")


def _from_elsewhere(device: Device) -> None:
    """Send a form as another site would."""
    action = f"{DOOR}ticket"
    device.page.goto("about:blank")
    device.page.set_content(f'<form method="post" action="{action}"><button>x</button></form>')
    with device.page.expect_navigation():
        device.page.locator("button").click()


# What pages become when something is done there, or goes wrong.
MOMENTS: tuple[Page, ...] = (
    *(
        Page(route, GUARDIAN, path, _unfold, f"unfolded-{called}")
        for route, path, called in (
            ("/guardian/time/{person}", "/guardian/time/mia", "time"),
            ("/guardian/people/{person}", "/guardian/people/mia", "person"),
            ("/guardian/people/{person}/closed", "/guardian/people/mia/closed", "closed"),
            ("/guardian/people/{person}/rules", "/guardian/people/mia/rules?name=888.com", "rules"),
            ("/guardian/people/{person}/open", "/guardian/people/mia/open", "open"),
            ("/guardian/people/{person}/kept", "/guardian/people/mia/kept", "kept"),
            ("/guardian/devices", "", "devices"),
            ("/guardian/calendar", "", "calendar"),
            ("/guardian/appeals/{appeal}", "", "appeal"),
            ("/guardian/lists", "", "lists"),
            ("/guardian/names", "", "names"),
        )
    ),
    Page("/guardian/", GUARDIAN, "", _menu, "menu"),
    Page("/guardian/move-in", GUARDIAN, "", _send_file, "move-in-preview"),
    Page(
        "/guardian/tickets",
        GUARDIAN,
        "",
        _send("/guardian/tickets", count="3", label="For the garden"),
        "tickets-made",
    ),
    Page(
        "/guardian/names",
        GUARDIAN,
        "",
        _send("/guardian/names/local", name="nas.home.arpa", addresses="192.0.2.7"),
        "what-applies-now",
    ),
    Page("/guardian/devices", GUARDIAN, "", _ask_first, "are-you-sure"),
    Page(
        "/guardian/people/{person}/closed",
        GUARDIAN,
        "/guardian/people/mia/closed",
        lambda device: (
            device.page.evaluate(
                """document.querySelectorAll('[value="chatgpt"], [value="apple_tv_music"]')
                .forEach((each) => { each.checked = true; })"""
            ),
            _send("/guardian/people/mia/closed")(device),
        )[1],
        "what-else-stops",
    ),
    Page(
        "/guardian/people/{person}/open",
        GUARDIAN,
        "/guardian/people/mia/open",
        _send("/guardian/people/mia/open/always", names="not a name!"),
        "refused-open",
    ),
    Page(
        "/guardian/people/{person}/rules",
        GUARDIAN,
        "/guardian/people/mia/rules",
        _send("/guardian/people/mia/rules", target="not a name!"),
        "refused-rule",
    ),
    Page("/guardian/people", GUARDIAN, "", _send("/guardian/people", name="Mia"), "refused-person"),
    Page(
        "/guardian/devices",
        GUARDIAN,
        "",
        _send("/guardian/devices", known="nonsense", profile="mia"),
        "refused-device",
    ),
    Page(
        "/guardian/me",
        GUARDIAN,
        "",
        _send("/guardian/me/password", current="wrong", password="short", again="short"),
        "refused-password",
    ),
    Page(
        "/guardian/setup",
        GUARDIAN,
        "",
        _send("/guardian/setup", code="wrong", name="Ada", password=PASSWORD, again=PASSWORD),
        "refused-setup",
    ),
    Page(
        "/ask",
        (Who.PICTURES, Who.PLAIN),
        "/ask?name=chess2.games.example",
        _send("/ask", words="Please. " * 200),
        "refused-ask",
    ),
    Page("/ticket", CHILD, "", _send("/ticket", code="WRONG"), "refused-ticket"),
    Page("/guardian/login", GUARDIAN, "/guardian/people", _logged_out, "refused-login"),
    Page("/guardian/people", GUARDIAN, "", _without_session, "error-401"),
    Page("/ticket", CHILD, "", _from_elsewhere, "error-403"),
    Page("/", (Who.PLAIN, *GUARDIAN), "", _went_wrong, "error-500"),
    Page("/nowhere", (*CHILD, *GUARDIAN), "/nowhere", None, "error-404"),
    Page("/guardian/nowhere", GUARDIAN, "/guardian/nowhere", None, "error-404-desk"),
)
EVERYTHING = (*PAGES, *MOMENTS)

# A list that was pasted, whose page is one of PAGES.
PASTED = OwnList("board-games", "Board games", "games", ListFormat.DOMAINS, MatchKind.SUBTREE)
PASTED_TEXT = "chess.example\nlocalhost\nakamaiedge.net\n"

# Text to be sent on, and an address that leads on to a page.
NO_HTML = (
    *("/guardian/appeals/{appeal}/report", "/guardian"),
    *("/app.webmanifest", "/worker.js", "/guardian/app.webmanifest", "/guardian/worker.js"),
    *("/device/setup/{file}", "/guardian/devices/{device}/setup/{file}"),
    *("/device/away/{code}/{file}", "/guardian/devices/{device}/away/{code}/{file}"),
)
# There for ten minutes after a token was made: tests/web/test_first_phone.py looks at them.
AWAY = ("/device/away/{code}", "/guardian/devices/{device}/away/{code}")
NOT_PAGES = (
    *("/healthz", "/readyz", "/metrics", "/static", "/api"),
    *("/protection/dot", "/guardian/log/live", "/me/data.json"),
    *("/guardian/asking", "/guardian/asking/{person}"),
    *AWAY,
    "/guardian/move-in/{code}",  # led to by a file: one of MOMENTS
)


class Look(NamedTuple):
    """How a page is shown."""

    size: str
    light: str
    language: str

    @property
    def screen(self) -> Screen:
        return {"phone": PHONE, "desk": DESK}[self.size]


LOOKS = tuple(Look(*each) for each in product(("phone", "desk"), ("light", "dark"), ("en", "ar")))

# Whose device it is, and what the example family's Mia is for it: texts of the middle level are
# for those of 10 to 12.
DEVICES = {
    Who.PICTURES: (MIA, "7-9"),
    Who.PLAIN: (MIA, "10-12"),
    Who.FULL: (TOM, "7-9"),
    Who.GUARDIAN: (ADA, "7-9"),
}


@contextmanager
def example(folder: Path, band: str = "7-9", *, forked: bool = True) -> Iterator[Program]:
    """Run the program with the example family, in which Mia has this preset, and Ada a device.

    forked: as for `running`.
    """
    family = (ROOT / "config" / "household-example.yaml").read_text()
    at_home = family.replace("timezone: Europe/Paris", "timezone: Europe/London\ncountry: GB")
    changed = at_home.replace("preset: 7-9", f"preset: {band}").replace(
        "preset: adult", "preset: adult\n    devices: {ada-laptop: [127.0.0.3]}"
    )
    (folder / "household.yaml").write_text(changed)
    certificate = folder / "dns.pem"
    now = int(time.time())
    certificate.write_text(make_pem((ENCRYPTED,), now - 86_400, now + 86_400 * 60))
    settings = {
        "household": str(folder / "household.yaml"),
        "encrypted": {
            "name": ENCRYPTED,
            "tls_port": free_port(),
            "https_port": free_port(),
            "certificate": str(certificate),
            "key": str(certificate),
        },
    }
    with running(folder, settings, forked=forked) as program:
        yield program


def at_home(device: Device, program: Program, who: Who) -> Mapping[str, str]:
    """Make a browser the known one of its device, or log a guardian in; let something happen that
    pages can tell of.  Return what fills in their paths."""
    _make_account(program)
    pair(device, program)
    if who is Who.GUARDIAN:
        for source in (MIA, TOM, SOMEBODYS):
            program.ask("888.com", source=source)
        program.command("schedule", "suggest", "--profile", "mia")
        OwnLists(data(program)).put(PASTED, PASTED_TEXT)
        log_in(device, program)
    appeal = ask(program)["mia" if device.way.source == MIA else "tom"]
    device.open(DOOR)
    codes = device.page.locator('a[href^="/why/"]').first
    code = (codes.get_attribute("href") or "").removeprefix("/why/") if codes.count() else ""
    return {"code": code, "appeal": appeal}


def pair(device: Device, program: Program) -> None:
    """Let this browser be one that its device is known by, as a guardian can."""
    admit(program, device.way.source)
    device.open(f"{DOOR}me")
    device.page.locator('form[action="/device"] button').click()
    device.open(DOOR)
    count_from_now(program)


def admit(program: Program, source: str) -> None:
    """Let the next browser of a device be one that it is known by."""
    program.ask("clubchat.example", source=source)
    with beside(program) as thread:
        person, name = {
            MIA: ("mia", "mia-tablet"),
            TOM: ("tom", "tom-phone"),
            ADA: ("ada", "ada-laptop"),
        }[source]
        pairings, now = Pairings(thread), int(time.time())
        done(pairings.pair("home", name, person, now))  # the first one, where there is none yet
        for each in done(pairings.of("home", name))[1:]:  # a device has some browsers at most
            done(pairings.revoke("home", each.id, "Ada", now))
        done(pairings.let_another_in("home", name, "Ada", now))


def count_from_now(program: Program) -> None:
    """Let each browser count for its device, as it does a day after that was announced."""
    with beside(program) as thread:
        done(thread.write(lambda each: each.execute("update pairing set proof = made")))


def _make_account(program: Program) -> None:
    """Make Ada's account, unless it is there: what she does is told as hers."""
    with beside(program) as thread:
        if done(Accounts(thread).all("home")):
            return
    made = json.loads(program.command("account", "code", "--json").stdout)
    with beside(program) as thread:
        digest, hashed = code_digest(made["code"], ACCOUNT_CODE), hash_password(PASSWORD)
        done(Accounts(thread).set_up(digest, "Ada", hashed, int(time.time())))


def log_in(device: Device, program: Program, scheme: str = "http") -> None:
    """Log Ada in; the first time she makes her account.  scheme: a login over HTTPS is one there
    alone."""
    with beside(program) as thread:
        there = done(Accounts(thread).all("home"))
    device.open(DESK_LOGIN.replace("http:", f"{scheme}:"))
    if not there:
        made = json.loads(program.command("account", "code", "--json").stdout)
        device.open(SET_UP.replace("http:", f"{scheme}:"))
        device.page.locator("#code").fill(made["code"])
        device.page.locator("#again").fill(PASSWORD)
    device.page.locator("#name").fill("Ada")
    device.page.locator("#password").fill(PASSWORD)
    device.page.locator("main form button").click()


def ask(program: Program) -> Mapping[str, str]:
    """Let Mia and Tom have asked for something, and Ada be asked for consent; return the ids of
    the children's questions."""
    now, asked = int(time.time()), {}
    with HouseholdStore.open(data(program)) as store:
        appeals = AppealStore(store)
        for profile, device, name in (
            ("mia", "mia-tablet", "games.example"),
            ("tom", "tom-phone", "ads.example"),
        ):
            to = ContestedVerdict(Action.BLOCK, Reason.RULE, rule=name)
            wanted = AppealRequest(
                profile, device, AppealKind.NAME, to, name=name, words="For school."
            )
            asked[profile] = done(appeals.file("home", wanted, now)).appeal.id
        consents = Consents(StoreThread(store))
        if done(consents.of("home", "ada")) is None:
            done(consents.ask(Question("home", "ada", 3, "Rita", now)))
    return asked


def done(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine gives; not in this thread, where Playwright has its event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextmanager
def beside(program: Program) -> Iterator[StoreThread]:
    """Open the program's data, as its commands do."""
    with StoreThread.open(data(program)) as thread:
        yield thread


def data(program: Program) -> Path:
    return Path(program.options[-1])


def walk(
    browsers: Browsers, program: Program, who: Who, look: Look, pages: Sequence[Page] = EVERYTHING
) -> Iterator[tuple[Page, Device]]:
    """Open all pages of somebody, one after the other."""
    theirs = [page for page in pages if who in page.who]
    if not theirs:
        return
    device = browsers.device(
        program,
        DEVICES[who][0],
        look.screen,
        dark=look.light == "dark",
        language=look.language,
    )
    filled = at_home(device, program, who)
    device.complaints.clear()
    for page in theirs:
        device.open("http://copdns.home.arpa" + (page.path or page.route).format(**filled))
        if page.then is not None:
            page.then(device)
        if page.called:  # that a page came with an error is no fault of its look
            device.complaints[:] = [e for e in device.complaints if not e.startswith(NO_PAGE)]
        yield page, device
    device.close()


def take_screenshots(
    browsers: Browsers,
    folder: Path,
    work: Path,
    pages: Sequence[Page] = EVERYTHING,
    looks: Sequence[Look] = LOOKS,
) -> int:
    """Take a picture of each page, for everybody who reads it, in every look; return how many.

    work: an empty folder for the program's data.
    """
    taken = 0
    for band in sorted({band for _, band in DEVICES.values()}):
        (work / band).mkdir()
        with example(work / band, band) as program:
            readers = [who for who in Who if DEVICES[who][1] == band]
            for who, look in product(readers, looks):
                for page, device in walk(browsers, program, who, look, pages):
                    device.screenshot(folder / f"{page.name}-{who}-{'-'.join(look)}.png")
                    taken += 1
    return taken
