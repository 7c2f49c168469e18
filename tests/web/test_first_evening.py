"""A family's first evening on a phone, from an empty box to a request that is answered, with
everything that a person taps or types counted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.running import Program, running
from tests.web.browsing import PHONE, Browsers, Device
from tests.web.guardians import PASSWORD
from tests.web.pages import DOOR

pytestmark = pytest.mark.tools

HOME = "127.0.0.3"  # the guardian's phone
TABLET = "127.0.0.8"  # Mia's
MOST_IN_SETUP = 18  # with the account, and a device that has to be typed in
MOST_IN_ALL = 27


def set_up(ada: Device, program: Program) -> None:
    """Make the account, and go through the setup with one child who has one device."""
    code = json.loads(program.command("account", "code", "--json").stdout)["code"]
    ada.open(f"{DOOR}guardian/setup")
    ada.write("Setup code", code)
    ada.write("Your name", "Ada")
    ada.write(re.compile("^Password"), PASSWORD)
    ada.write("Repeat password", PASSWORD)
    ada.tap("Continue")  # to the first step
    assert "Not fully protected" not in ada.text
    assert_none_covered(ada)
    ada.pick("Country", "Spain")
    ada.tap("Continue")
    ada.tap("Continue")  # no sites of a school
    assert_none_covered(ada)
    ada.write("Name", "Mia")
    ada.choose(re.compile("7 to 9"))
    ada.tap("That's everyone")
    ada.tap("Continue for now")  # the box has no address for a router here
    ada.actions += 1
    ada.page.locator("#add > summary").click()
    ada.write(re.compile("address of the device"), TABLET)
    assert_none_covered(ada)
    ada.pick("Belongs to", "Mia")
    ada.tap("Continue")  # which adds it
    ada.reads(re.compile("belongs to .*Mia.* now"))
    if "Step 6 of 7" in ada.text:  # only where there is a helpline to check
        ada.tap("Continue")
    ada.tap("Continue to the protection check")
    ada.reads("The setup is done.")
    assert ada.pressable("Mia: What's blocked").count() == 1, "what comes next"


def assert_none_covered(ada: Device) -> None:
    """Nothing lies over a field that is on the screen, wherever one has scrolled to."""
    covered = """() => [...document.querySelectorAll("main :is(input, select, textarea)")]
      .filter((each) => {
        const box = each.getBoundingClientRect();
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        const isSeen = each.checkVisibility() && y > 0 && y < innerHeight;
        const top = isSeen && document.elementFromPoint(x, y);
        return top && top !== each && !top.closest("label")?.contains(each);
      })
      .map((each) => each.name)"""
    for share in (0, 0.25, 0.5, 0.75, 1):
        ada.page.evaluate("share => scrollTo(0, share * document.body.scrollHeight)", share)
        assert ada.page.evaluate(covered) == [], f"scrolled to {share}"


def assert_in_sight(mia: Device, button: str) -> None:
    """The first button that begins so can be tapped without a swipe."""
    mia.page.evaluate("scrollTo(0, 0)")
    found = mia.page.locator("#main a.button").filter(has_text=button).first
    there = """each => {
      const box = each.getBoundingClientRect();
      const top = document.elementFromPoint(box.x + box.width / 2, box.bottom - 2);
      return box.bottom < innerHeight && each.contains(top);
    }"""
    assert found.evaluate(there), f"{button}: {found.bounding_box()}"


def test_from_an_empty_box_to_an_answered_request(tmp_path: Path, browsers: Browsers) -> None:
    with running(tmp_path, {}) as program:
        ada = browsers.guardian(program, HOME, PHONE)
        set_up(ada, program)
        in_setup = ada.actions
        mia = browsers.child(program, TABLET, PHONE)
        mia.open("http://www.tiktok.com/")
        assert mia.sees_an_error
        mia.open(DOOR)
        mia.tap("This is my device: show me")
        assert "This browser is new here" not in mia.text
        assert_in_sight(mia, "Ask")
        mia.tap(re.compile("^Ask www.tiktok.com"))
        mia.tap("Send")
        ada.actions += 1
        ada.page.locator("#main").get_by_role("link", name="Overview").click()
        ada.tap(re.compile("^Review"))
        ada.tap("Allow")
        ada.reads("This now applies to")
        mia.reload()
        assert in_setup <= MOST_IN_SETUP
        assert ada.actions + mia.actions <= MOST_IN_ALL
