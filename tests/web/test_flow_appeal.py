"""An appeal from end to end, in real browsers: from the browser's own error page to the answer.

Nobody here opens anything but what stands on the icon of the door, or on a page before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.house import MIA, TOM, traces
from tests.web.browsing import DESK, Browsers, Device, assert_accessible
from tests.web.family import DOOR, HOUR, Family, family
from tests.web.pages import data

READ_WITHIN = 10.0  # seconds from the icon to the reason
SHOWN_WITHIN = 15.0  # seconds from an answer to the child's page, and to what it opened
MOST_ACTIONS = 4
BLOCKED = "games.example"
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
# For what goes the same way as the first.
MORE = pytest.mark.parametrize(
    "scripts",
    [
        pytest.param(True, id="scripts"),
        pytest.param(False, id="no scripts", marks=pytest.mark.whole),
    ],
)

pytestmark = pytest.mark.tools


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Family]:
    with family(tmp_path) as found:
        yield found


# --- what people do -------------------------------------------------------------------------------


def assert_blocked(child: Device, name: str = BLOCKED) -> None:
    child.open(f"http://{name}/")
    assert child.sees_an_error


def asks(child: Device, name: str = BLOCKED) -> None:
    """Find out why something is blocked, and ask for it, in as few steps as there may be."""
    child.actions = 0
    child.open(DOOR)
    child.tap(re.compile("This is my device"))  # once in the life of a browser
    child.reads(name, READ_WITHIN)
    child.reads(re.compile("blocked|rule|closed", re.IGNORECASE), READ_WITHIN)
    child.tap(f"Ask {name}")
    child.tap("Send")
    child.reads(re.compile("^Sent[.!] No"))
    assert child.actions <= MOST_ACTIONS


def finds(guardian: Device, words: str) -> None:
    """Come to the question by what the desk shows."""
    guardian.open("http://copdns.home.arpa/guardian/inbox")
    guardian.reads(words)
    guardian.tap("Review")
    assert guardian.too_wide <= 0


def says_yes(guardian: Device, words: str = BLOCKED) -> None:
    """Say yes for an hour, in two taps from the list of questions."""
    guardian.open("http://copdns.home.arpa/guardian/inbox")
    guardian.reads(words)
    guardian.actions = 0
    guardian.tap("Review")
    assert guardian.page.get_by_label("1 hour").is_checked()
    guardian.tap(re.compile("^Allow$"))
    assert guardian.actions == 2


def sees(child: Device, words: str | re.Pattern[str]) -> None:
    """Read something on the page that the child has before them, which comes by itself or by a
    press of the button for that."""
    if not child.scripts:
        child.tap("Check for an answer")
    child.reads(words, SHOWN_WITHIN)


def comes_in(child: Device, name: str = BLOCKED) -> None:
    child.open(f"http://{name}/")
    child.reads(f"This is {name}", SHOWN_WITHIN)


# --- the flows ------------------------------------------------------------------------------------


@SCRIPTS
def test_a_blocked_child_asks_gets_an_hour_and_is_blocked_again(
    browsers: Browsers, home: Family, scripts: bool
) -> None:
    mia, ada = home.mia(browsers, scripts=scripts), home.ada(browsers, scripts=scripts)
    assert_blocked(mia)
    asks(mia)
    says_yes(ada)
    home.opens(BLOCKED, MIA)
    sees(mia, re.compile("Yes"))
    mia.reads(re.compile("(60|59) minutes left"))
    mia.reads(re.compile("Ada"))
    mine = mia.page.url
    comes_in(mia)
    home.wait(HOUR)
    home.closes(BLOCKED, MIA)
    assert_blocked(mia)
    mia.open(mine)
    mia.reads("That time is over")


@MORE
def test_a_refused_child_reads_why_and_what_they_say_to_it_is_heard(
    browsers: Browsers, home: Family, scripts: bool
) -> None:
    mia, ada = home.mia(browsers, scripts=scripts), home.ada(browsers, scripts=scripts)
    assert_blocked(mia)
    asks(mia)
    finds(ada, BLOCKED)
    ada.page.locator("summary", has_text="Say no").click()
    no = ada.page.locator("form", has=ada.page.locator('[name=state][value="refused"]'))
    no.locator("[name=reason]").select_option("another_way")
    no.locator("[name=text]").fill("Not before the test.")
    no.locator("button").click()
    sees(mia, re.compile("^No"))
    mia.reads("Not before the test.")
    assert not home.dig(BLOCKED, MIA)
    if scripts:  # the form came with the answer
        mia.reload()
    mia.write(re.compile("Do you disagree"), "It is for the test!")
    mia.tap("Please look again")
    finds(ada, BLOCKED)
    ada.reads("It is for the test!")
    ada.choose("1 hour")
    ada.tap(re.compile("^Allow$"))
    home.opens(BLOCKED, MIA)
    if scripts:
        mia.reads(re.compile("minutes? left"), SHOWN_WITHIN)
    else:
        mia.reload()
        mia.reads(re.compile("minutes? left"))
    comes_in(mia)
    home.wait(HOUR)
    home.closes(BLOCKED, MIA)


@MORE
def test_a_paused_child_asks_for_time_and_is_paused_again(
    browsers: Browsers, home: Family, scripts: bool
) -> None:
    mia, ada = home.mia(browsers, scripts=scripts), home.ada(browsers, scripts=scripts)
    assert home.dig("open.example", MIA)
    home.command("pause", "mia")
    home.closes("open.example", MIA)
    assert_blocked(mia, "open.example")
    mia.actions = 0
    mia.open(DOOR)
    mia.reads("The internet is paused", READ_WITHIN)
    mia.tap(re.compile("This is my device"))
    mia.tap("Ask for more time")
    mia.tap("Send")
    assert mia.actions <= MOST_ACTIONS
    says_yes(ada, "extra time")
    home.opens("open.example", MIA)
    assert not home.dig(BLOCKED, MIA)  # time alone was asked for
    sees(mia, re.compile("minutes? left"))
    comes_in(mia, "open.example")
    home.wait(HOUR)
    home.closes("open.example", MIA)
    assert_blocked(mia, "open.example")


@MORE
def test_tom_of_whom_no_name_is_kept_asks_as_well(
    browsers: Browsers, home: Family, scripts: bool
) -> None:
    name = "fun.clubchat.example"
    tom, ada = home.tom(browsers, scripts=scripts), home.ada(browsers, scripts=scripts)
    assert_blocked(tom, name)
    assert_blocked(tom, "casino.example")
    asks(tom, name)
    says_yes(ada, name)
    home.opens(name, TOM)
    sees(tom, re.compile("minutes? left"))
    comes_in(tom, name)
    home.wait(HOUR)
    home.closes(name, TOM)
    assert_blocked(tom, name)
    # What he asked for he told himself; what else was blocked is told to nobody.
    found = traces(data(home.program), rb"casino\.example")
    assert not [each for each in found if each.startswith("log.db")]
    ada.open("http://copdns.home.arpa/guardian/")
    assert "casino" not in ada.text


def test_all_of_it_can_be_done_by_keyboard_alone(browsers: Browsers, home: Family) -> None:
    mia, ada = home.mia(browsers, screen=DESK), home.ada(browsers, screen=DESK)
    assert_blocked(mia)
    mia.open(DOOR)
    mia.tab_to(re.compile("This is my device"))
    mia.follow("Enter")
    mia.reads(BLOCKED)
    mia.tab_to(f"Ask {BLOCKED}")
    mia.follow("Enter")
    mia.tab_to("Something else")  # of several answers, the one that is chosen; arrows change it
    mia.press("ArrowDown")
    assert mia.page.get_by_label("For school").is_checked()
    mia.tab_to("Send")
    mia.follow("Enter")
    mia.reads(re.compile("^Sent[.!] No"))
    ada.tab_to("Requests")
    ada.follow("Enter")
    ada.reads("Waiting for an answer")
    ada.tab_to("Review")
    ada.follow("Enter")
    ada.reads("For school")
    ada.tab_to(re.compile("^Allow$"))
    ada.follow("Enter")
    home.opens(BLOCKED, MIA)
    sees(mia, re.compile("minutes? left"))
    assert_accessible(mia)
    assert_accessible(ada)
