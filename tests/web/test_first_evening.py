"""A family's first evening on a phone, from an empty box to a request that is answered, with
everything that a person taps, types and reads counted (tests/web/evening.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.web.browsing import Browsers, Device
from tests.web.evening import Walk, empty_box, table, walk_through
from tests.web.pages import DOOR

pytestmark = pytest.mark.tools

MOST_WORDS = 1275  # from README.md to the answer that the child reads, each once
MOST_WORDS_OF_A_SCREEN = 200  # of what was on none before; README.md is no screen
MOST_TAPS = 28
MOST_SCREENS = 16
MINUTES = (
    8.5  # for somebody who reads each new word once, whom nothing is slower than measured here
)


def test_somebody_who_reads_has_answered_a_child_in_eight_and_a_half_minutes(
    tmp_path: Path, browsers: Browsers
) -> None:
    with empty_box(tmp_path) as program:
        walk = walk_through(program, browsers, Walk(look=look_at))
        mia = walk.people["Mia"].device
        mia.open(DOOR)
        assert_in_sight(mia, "#answers .picture, #answers .tile, #answers .reason")
    screens, told = walk.screens[1:], table(walk)
    assert walk.words <= MOST_WORDS, told
    assert max(each.new for each in screens) <= MOST_WORDS_OF_A_SCREEN, told
    assert walk.taps <= MOST_TAPS, told
    assert len(screens) <= MOST_SCREENS, told
    # What the browser needs to load a page is the machine's, which has other work here.
    assert walk.seconds - sum(each.load for each in screens) < MINUTES * 60, told


def look_at(device: Device) -> None:
    """See what holds on every page of that evening."""
    if "/guardian/wizard" in device.page.url:
        assert_none_covered(device)
        assert "Not fully protected" not in device.text
    if "/wizard/devices" in device.page.url:
        assert_names_above(device)
        assert device.text.count("You are using this one now.") == 1, "Ada's phone, not the tablet"
    if "/guardian/checks" in device.page.url:
        assert device.pressable("Mia: What's blocked").count() == 1, "what comes next"
    if device.page.url.endswith(".arpa/"):  # the child's first page
        assert "This browser is new here" not in device.text
        if device.page.get_by_role("link", name=re.compile("^Ask www.tiktok.com")).count():
            assert_in_sight(device, "#main a.button")


def assert_names_above(ada: Device) -> None:
    """The name of each device stands over the whole row, whatever the answers below it are."""
    widths = """() => [...document.querySelectorAll("fieldset")].map((each) => {
      const [name, row] = [each.querySelector("input:not([type])"), each.querySelector("legend")];
      return name ? Math.round(row.offsetWidth - name.offsetWidth) : 0;
    })"""
    assert set(ada.page.evaluate(widths)) == {0}


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


def assert_in_sight(device: Device, selector: str) -> None:
    """The first of these can be seen, and tapped, without a swipe."""
    device.page.evaluate("scrollTo(0, 0)")
    found = device.page.locator(selector).first
    there = """each => {
      const box = each.getBoundingClientRect();
      const top = document.elementFromPoint(box.x + box.width / 2, box.bottom - 2);
      return box.bottom < innerHeight && (each.contains(top) || top.contains(each));
    }"""
    assert found.evaluate(there), f"{selector}: {found.bounding_box()}"
