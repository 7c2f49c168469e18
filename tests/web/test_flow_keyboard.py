"""Forms of the desk by keyboard alone, refused ones among them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e.house import ADA
from tests.running import Program
from tests.web.browsing import DESK, PHONE, Browsers, Device, Screen
from tests.web.pages import example, log_in

PEOPLE = "http://copdns.home.arpa/guardian/people"
DEVICES = "http://copdns.home.arpa/guardian/devices"
OF_MIA = f"{PEOPLE}/mia"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with example(tmp_path_factory.mktemp("family")) as found:
        yield found


def ada_at(browsers: Browsers, program: Program, screen: Screen) -> Device:
    ada = browsers.guardian(program, ADA, screen)
    log_in(ada, program)
    return ada


def types(device: Device, label: str | re.Pattern[str], words: str) -> None:
    device.tab_to(label)
    device.page.keyboard.type(words)


def test_what_is_always_open_is_added_by_keyboard(browsers: Browsers, program: Program) -> None:
    ada = ada_at(browsers, program, DESK)
    ada.open(f"{OF_MIA}/open")
    ada.tab_to("Add to it")
    ada.press("Enter")
    types(ada, "Or names", "music.example")
    ada.press("Enter")
    ada.reads("music.example")


def test_a_refused_form_is_mended_where_its_reader_is_led(
    browsers: Browsers, program: Program
) -> None:
    ada = ada_at(browsers, program, DESK)
    ada.open(DEVICES)
    ada.tab_to("Add a device by hand")
    ada.press("Enter")
    types(ada, "What you call it", "Radio")
    types(ada, "MAC address, or address", "nonsense")
    types(ada, "Whose it is", "Mia")  # an option of the list
    ada.press("Enter")
    ada.tab_to("Add it")
    ada.press("Enter")
    ada.page.locator("[role=alert]").wait_for()
    assert ada.page.locator("#add-known:focus").count() == 1
    assert ada.page.locator("#add-name").input_value() == "Radio"
    ada.press("Control+a")
    ada.page.keyboard.type("02:00:00:00:00:17")
    ada.press("Enter")
    ada.reads(re.compile("Radio"))
    assert not ada.page.locator("[role=alert]").count()


def test_the_pages_about_a_person_are_reached_in_one_row(
    browsers: Browsers, program: Program
) -> None:
    ada = ada_at(browsers, program, PHONE)
    ada.open(f"{OF_MIA}/kept")
    tabs = ada.page.locator(".tabs")
    box = tabs.bounding_box()
    assert box is not None
    assert box["height"] < 80
    here = ada.page.locator(".tabs [aria-current]").bounding_box()
    assert here is not None
    assert 0 <= here["x"] <= here["x"] + here["width"] <= PHONE.width
    for words in ("In short", "Always open"):
        ada.tab_to(words)
        shown = ada.page.locator(":focus").bounding_box()
        assert shown is not None
        assert 0 <= shown["x"] <= shown["x"] + shown["width"] <= PHONE.width
