"""The tasks of tests/web/tasks.md, each done on a phone without scripts, with its taps counted.

One house and one browser for all, in order; its clock shows the late afternoon, so that there is a
bedtime to move.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import ROOT
from tests.web.browsing import Browsers, Device
from tests.web.family import Family, family
from tests.web.pages import ask

OVERVIEW = "http://copdns.home.arpa/guardian/"
MOST = 3
HEAVIEST = 100_000  # octets of the overview with all that it loads
AFTERNOON = 18  # hour of the house's clock
Task = Callable[[Device], None]

pytestmark = pytest.mark.tools


def _ahead() -> int:
    """Return by how many seconds the house's clock has to be ahead to show the afternoon."""
    now = datetime.now(UTC).astimezone(ZoneInfo("Europe/Paris"))
    return (AFTERNOON - now.hour) % 24 * 3600


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    with family(tmp_path_factory.mktemp("tasks"), ahead=_ahead()) as found:
        found.command("schedule", "add", "night", "--profile", "mia", "daily 20:30-07:00")
        limit = ("60", "--profile", "mia", "--about", "category:games")
        found.command("budget", "add", "play", *limit)
        ask(found.program)
        yield found


def tap(ada: Device, name: str | re.Pattern[str]) -> None:
    """Press what is called so and no more."""
    ada.tap(name if isinstance(name, re.Pattern) else re.compile(rf"^{re.escape(name)}$"))


def taps(*names: str | re.Pattern[str]) -> Task:
    def do(ada: Device) -> None:
        for each in names:
            tap(ada, each)

    return do


def of_mia(words: str) -> re.Pattern[str]:
    """Return what a button on Mia's card is called."""
    return re.compile(rf"^{words} ?: Mia$")


def fold(ada: Device, words: str) -> None:
    """Open a part that folds."""
    ada.actions += 1
    ada.page.locator("summary", has_text=words).first.click()


def fill(ada: Device, field: str, words: str) -> None:
    """Write into a field, which is no tap."""
    ada.page.locator(field).first.fill(words)


def move_bedtime(to: str) -> Task:
    def do(ada: Device) -> None:
        fold(ada, "Tonight's bedtime")
        tap(ada, re.compile(rf"^Tonight's bedtime for Mia: ?{to}"))

    return do


def undo_last(ada: Device) -> None:
    fold(ada, "recent change")
    ada.actions += 1
    ada.page.locator("details.undo form button").first.click()


def ask_why(ada: Device) -> None:
    tap(ada, "Mia's rules")
    tap(ada, "Site rules")
    fill(ada, "input[name=name]", "games.example")
    tap(ada, "Check")


def change_limit(ada: Device) -> None:
    tap(ada, "Mia's time")
    ada.actions += 1
    ada.page.locator("section[aria-labelledby=budgets] summary", has_text="Change").first.click()
    fill(ada, "section[aria-labelledby=budgets] details[open] input[name=minutes0]", "45")
    ada.actions += 1
    ada.page.locator("section[aria-labelledby=budgets] details[open] button").first.click()


def allow_for_an_hour(ada: Device) -> None:
    tap(ada, "Mia's time")
    fold(ada, "Allow something for a while")
    fill(ada, "#names-grant", "films.example")
    tap(ada, "Allow access")


def add_holiday(ada: Device) -> None:
    tap(ada, "Mia's time")
    tap(ada, "School and holiday calendar")
    fill(ada, "input[name=first]", f"{datetime.now(UTC).date() + timedelta(days=30)}")
    ada.actions += 1
    ada.page.locator("form[action='/guardian/calendar/days'] button").last.click()


def read_report(ada: Device) -> None:
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
    "see what was blocked for a child today": (taps("Mia's activity"), "Activity log"),
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
    "look for newer blocklists": (
        taps("Blocklists", "Check for updates now"),
        "newer lists are looked for now",
    ),
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
    browsers: Browsers, home: Family, named: dict[str, int]
) -> None:
    ada = home.ada(browsers, scripts=False)
    for name, (do, shown) in TASKS.items():
        ada.open(OVERVIEW)
        ada.actions = 0
        do(ada)
        ada.reads(shown)
        assert ada.actions == named[name], name
    ada.open(OVERVIEW)
    assert ada.weight < HEAVIEST
    assert ada.too_wide <= 0
