"""Forms of the desk by keyboard alone, refused ones among them."""

from __future__ import annotations

import re

from tests.e2e.house import ADA
from tests.running import Program
from tests.web.browsing import DESK, Browsers, Device
from tests.web.pages import log_in

PEOPLE = "http://copdns.home.arpa/guardian/people"
DEVICES = "http://copdns.home.arpa/guardian/devices"
OF_MIA = f"{PEOPLE}/mia"


def ada_at(browsers: Browsers, program: Program) -> Device:
    ada = browsers.guardian(program, ADA, DESK)
    log_in(ada, program)
    return ada


def types(device: Device, label: str | re.Pattern[str], words: str) -> None:
    device.tab_to(label)
    device.page.keyboard.type(words)


def test_what_is_always_open_is_added_by_keyboard(browsers: Browsers, program: Program) -> None:
    ada = ada_at(browsers, program)
    ada.open(f"{OF_MIA}/open")
    ada.tab_to("Add")
    ada.press("Enter")
    types(ada, "Or type sites", "music.example")
    ada.follow("Enter")
    ada.reads("music.example")


def test_a_refused_form_is_mended_where_its_reader_is_led(
    browsers: Browsers, program: Program
) -> None:
    ada = ada_at(browsers, program)
    ada.open(DEVICES)
    ada.tab_to("Add a device manually")
    ada.press("Enter")
    types(ada, "Device name", "Radio")
    types(ada, re.compile("address of the device"), "nonsense")
    types(ada, "Belongs to", "Mia")  # an option of the list
    ada.press("Enter")
    ada.tab_to("Add device")
    ada.follow("Enter")
    ada.page.locator("[role=alert]").wait_for()
    assert ada.page.locator("#add-known:focus").count() == 1
    assert ada.page.locator("#add-name").input_value() == "Radio"
    ada.press("Control+a")
    ada.page.keyboard.type("02:00:00:00:00:17")
    ada.follow("Enter")
    ada.reads(re.compile("Radio"))
    assert not ada.page.locator("[role=alert]").count()
