"""The tasks of tests/web/tasks.md, each done on a phone without scripts, with its taps counted; and
again by keyboard alone, in a house that has only a certificate of its own.

One house and one browser for all of a kind, in order; its clock shows the late afternoon, so that
there is a bedtime to move.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import ROOT
from tests.e2e.house import MIA
from tests.running import free_port
from tests.web.browsing import MOST_TABS, Browsers, Device
from tests.web.family import Family, family
from tests.web.pages import ask

if TYPE_CHECKING:
    from playwright.sync_api import Locator

OVERVIEW = "{}://copdns.home.arpa/guardian/"
MOST = 3
HEAVIEST = 100_000  # octets of the overview with all that it loads
AFTERNOON = 18  # hour of the house's clock
Task = Callable[["Doer"], None]

pytestmark = pytest.mark.tools


def _ahead() -> int:
    """Return by how many seconds the house's clock has to be ahead to show the afternoon."""
    now = datetime.now(ZoneInfo("Europe/Paris"))
    then = now.replace(hour=AFTERNOON) + timedelta(days=now.hour > AFTERNOON)
    # Not by the clock on the wall, which may be set on or back until then.
    return int((then.astimezone(UTC) - now.astimezone(UTC)).total_seconds())


class Hand:
    """How somebody does the tasks: with a finger.  scheme, port: of the addresses."""

    scheme = "http"

    def __init__(self) -> None:
        self.port = free_port()

    def tap(self, ada: Device, target: Locator) -> None:
        target.click()

    def fill(self, ada: Device, field: Locator, words: str) -> None:
        field.fill(words)


class Keys(Hand):
    """By keyboard, over HTTPS by the house's own certificate."""

    scheme = "https"

    def tap(self, ada: Device, target: Locator) -> None:
        self._reach(ada, target)
        if target.evaluate("(each) => each.localName") == "summary":
            ada.page.keyboard.press("Enter")
        else:  # or the next target could be reached on this page, and gone when it is pressed
            ada.follow("Enter")

    def fill(self, ada: Device, field: Locator, words: str) -> None:
        self._reach(ada, field)
        if field.get_attribute("type") == "date":  # its parts stand in an order of the browser's
            field.fill(words)
        else:
            ada.page.keyboard.type(words)

    def _reach(self, ada: Device, target: Locator) -> None:
        target.wait_for()
        for _ in range(MOST_TABS):
            if target.evaluate("(each) => each === document.activeElement"):
                return
            ada.page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not reach {target}")


HANDS = [Hand, pytest.param(Keys, marks=pytest.mark.whole)]


@dataclass
class Doer:
    """Ada at her phone or her keyboard.  taps: since the overview was opened."""

    device: Device
    hand: Hand
    taps: int = 0

    def press(self, target: Locator) -> None:
        self.taps += 1
        self.hand.tap(self.device, target)

    def locate(self, selector: str, **more: Any) -> Locator:
        return self.device.page.locator(selector, **more).first


@pytest.fixture(scope="module", params=HANDS, ids=["finger", "keyboard"])
def hand(request: pytest.FixtureRequest) -> Hand:
    found: Hand = request.param()
    return found


@pytest.fixture(scope="module")
def home(hand: Hand, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    secure = {"COPDNS_WEB__TLS_PORT": str(hand.port)} if hand.scheme == "https" else {}
    folder = tmp_path_factory.mktemp("tasks")
    with family(folder, ahead=_ahead(), environment=secure) as found:
        found.command("schedule", "add", "night", "--profile", "mia", "daily 20:30-07:00")
        found.command("profile", "set", "mia", "--privacy", "full", "--days", "2")
        limit = ("60", "--profile", "mia", "--about", "category:games")
        found.command("budget", "add", "play", *limit)
        ask(found.program)
        found.program.ask("www.bet365.com", source=MIA)
        yield found


def tap(ada: Doer, name: str | re.Pattern[str]) -> None:
    """Press what is called so and no more."""
    exact = name if isinstance(name, re.Pattern) else re.compile(rf"^{re.escape(name)}$")
    ada.press(ada.device.pressable(exact))


def taps(*names: str | re.Pattern[str]) -> Task:
    def do(ada: Doer) -> None:
        for each in names:
            tap(ada, each)

    return do


def of_mia(words: str) -> re.Pattern[str]:
    """Return what a button on Mia's card is called."""
    return re.compile(rf"^{words} ?: Mia$")


def fold(ada: Doer, words: str) -> None:
    """Open a part that folds."""
    ada.press(ada.locate("summary", has_text=words))


def fill(ada: Doer, field: str, words: str) -> None:
    """Write into a field, which is no tap."""
    ada.hand.fill(ada.device, ada.locate(field), words)


def move_bedtime(to: str) -> Task:
    def do(ada: Doer) -> None:
        fold(ada, "Tonight's bedtime")
        tap(ada, re.compile(rf"^Tonight's bedtime for Mia: ?{to}"))

    return do


def undo_last(ada: Doer) -> None:
    fold(ada, "recent change")
    ada.press(ada.locate("details.undo form button"))


def ask_why(ada: Doer) -> None:
    tap(ada, "Mia's rules")
    tap(ada, "Site rules")
    fill(ada, "input[name=name]", "games.example")
    tap(ada, "Check")


def allow_what_was_blocked(ada: Doer) -> None:
    tap(ada, "Mia's activity")
    ada.device.reads("Gambling")  # why, on the row
    row = ".log > li:has-text('bet365.com')"
    ada.press(ada.locate(f"{row} details.menu > summary"))
    ada.press(ada.locate(f"{row} details.menu button.quiet", has_text="Allow"))


def see_what_a_device_did(ada: Doer) -> None:
    tap(ada, "Mia's activity")
    fold(ada, "More choices")
    ada.locate("select[name=device]").select_option("mia-tablet")
    ada.press(ada.locate("details[open] button.outline", has_text="Show"))


def change_limit(ada: Doer) -> None:
    limits = "section[aria-labelledby=budgets]"
    tap(ada, "Mia's time")
    ada.press(ada.locate(f"{limits} summary", has_text="Change"))
    fill(ada, f"{limits} details[open] input[name=minutes0]", "45")
    ada.press(ada.locate(f"{limits} details[open] button"))


def allow_for_an_hour(ada: Doer) -> None:
    tap(ada, "Mia's time")
    fold(ada, "Allow something for a while")
    fill(ada, "#names-grant", "films.example")
    tap(ada, "Allow access")


def add_holiday(ada: Doer) -> None:
    tap(ada, "Mia's time")
    tap(ada, "School and holiday calendar")
    fill(ada, "input[name=first]", f"{datetime.now(UTC).date() + timedelta(days=30)}")
    ada.press(ada.device.page.locator("form[action='/guardian/calendar/days'] button").last)


def read_report(ada: Doer) -> None:
    fold(ada, "More")
    tap(ada, "Household")
    tap(ada, re.compile("^Monthly report"))  # the row says what it is too


# By the task's name in tasks.md: what is tapped, and what is read then.
TASKS: dict[str, tuple[Task, str | re.Pattern[str]]] = {
    "give 15 more minutes": (
        taps(of_mia("15 more minutes.*")),
        re.compile("This now applies to Mia"),
    ),
    "pause a child for half an hour": (
        taps(of_mia("Pause for 30 minutes")),
        re.compile("This now applies to Mia: Paused until"),
    ),
    "let a child go on": (taps(of_mia("End pause")), "This no longer applies to Mia"),
    "leave only homework sites on for an hour": (
        taps(of_mia("Only homework sites, 1 hour")),
        "This now applies to Mia: Homework mode until",
    ),
    "pause everyone for dinner": (
        taps("Pause everyone for 30 minutes"),
        "This now applies to Tom: Paused until",
    ),
    "let everyone go on": (taps("End everyone's pause"), "This no longer applies to Tom"),
    "let bedtime begin later tonight": (
        move_bedtime("21:00"),
        re.compile("tonight's bedtime at .?21:00"),
    ),
    "let bedtime begin earlier tonight": (
        move_bedtime("20:00"),
        re.compile("tonight's bedtime at .?20:00"),
    ),
    "undo what was done last": (undo_last, re.compile("This now applies to")),
    "answer a child's request with yes": (taps(of_mia("Review"), re.compile("^Allow$")), "Allowed"),
    "find out why a site is blocked for a child": (ask_why, "games.example"),
    "read the monthly report": (read_report, "Monthly report"),
    "find why a site was blocked, and allow it": (
        allow_what_was_blocked,
        re.compile("This now applies to Mia|Allowed now"),
    ),
    "see what a device did today": (see_what_a_device_did, re.compile("· mia-tablet")),
    "change a daily limit": (change_limit, "This now applies to Mia"),
    "allow something for an hour, whatever the time": (
        allow_for_an_hour,
        "This now applies to Mia: Temporary access",
    ),
    "say that a day is a holiday": (add_holiday, "This now applies to"),
    "create a code for extra time": (
        taps("Mia's time", "Codes for extra time", "Create codes"),
        re.compile("[0-9A-Z]{4}-[0-9A-Z]{4}"),
    ),
    "see what was changed, and by whom": (taps("History"), "Every change, and every time"),
    "see whose each device is": (taps("All devices"), "Tom's phone"),
}


@pytest.fixture(scope="module")
def named() -> dict[str, int]:
    """Return the taps of each task, as tasks.md has them."""
    text = (ROOT / "tests" / "web" / "tasks.md").read_text(encoding="utf-8")
    return {
        name: int(number) for name, number in re.findall(r"\| ([a-z1].+?) \|.*\| (\d) \|", text)
    }


def test_the_tasks_are_those_that_are_named(named: dict[str, int]) -> None:
    assert named.keys() == TASKS.keys()
    assert len(named) == 20
    assert max(named.values()) <= MOST


def test_each_task_takes_no_more_taps_than_it_says(
    browsers: Browsers, hand: Hand, home: Family, named: dict[str, int]
) -> None:
    ada = Doer(home.ada(browsers, hand.scheme, scripts=False, ports={443: hand.port}), hand)
    overview = OVERVIEW.format(hand.scheme)
    for name, (do, shown) in TASKS.items():
        ada.device.open(overview)
        ada.taps = 0
        do(ada)
        ada.device.reads(shown)
        assert ada.taps == named[name], name
        assert ada.device.page.url.startswith(f"{hand.scheme}:")
    ada.device.open(overview)
    assert ada.device.weight < HEAVIEST
    assert ada.device.too_wide <= 0
