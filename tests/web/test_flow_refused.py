"""A guardian mends a form that was refused, in a real browser: on a phone, by keyboard."""

from __future__ import annotations

import re

import pytest

from copdns.web.refused_form import ERROR_ID
from tests.e2e.house import ADA
from tests.running import Program
from tests.web.browsing import DESK, PHONE, Browsers, Device, Screen, assert_accessible, wait_until
from tests.web.pages import DOOR, log_in

pytestmark = pytest.mark.tools

PEOPLE, RULES = f"{DOOR}guardian/people", f"{DOOR}guardian/people/mia/rules"
TIME = f"{DOOR}guardian/time/mia"


def guardian(
    browsers: Browsers, program: Program, screen: Screen = PHONE, *, dark: bool = False, lang: str
) -> Device:
    device = browsers.device(program, ADA, screen, dark=dark, language=lang)
    log_in(device, program)
    return device


def focused(device: Device) -> str:
    # A browser gives the focus with the first picture that it draws of a page, and not before.
    wait_until(device.page, "() => document.activeElement !== document.body")
    return str(device.measure("document.activeElement.name || document.activeElement.id"))


def sent(device: Device, address: str, to: str, **fields: str) -> None:
    """Fill the last form of a page that goes to an address, and send it."""
    device.open(address)
    path = to.removeprefix(DOOR.rstrip("/"))
    form = device.page.locator(f'main form[action="{path}"]').last
    form.evaluate("one => { for (let at = one; at; at = at.parentElement) at.open = true }")
    for name, value in fields.items():
        field = form.locator(f'[name="{name}"]')
        if field.first.get_attribute("type") == "radio":
            form.locator(f'[name="{name}"][value="{value}"]').check()
        else:
            field.first.fill(value)
    with device.page.expect_navigation():
        form.locator("button").last.click()


LOOKS = pytest.mark.parametrize(
    ("screen", "dark", "lang"), [(PHONE, False, "en"), (PHONE, True, "ar"), (DESK, False, "fr")]
)


@LOOKS
def test_the_field_that_is_wrong_has_the_focus_and_keeps_what_was_typed(
    browsers: Browsers, program: Program, screen: Screen, dark: bool, lang: str
) -> None:
    ada = guardian(browsers, program, screen, dark=dark, lang=lang)
    sent(ada, RULES, RULES, target="com", action="block", note="Too loud.")
    assert focused(ada) == "target"
    field = ada.page.locator(":focus")
    assert (field.input_value(), field.get_attribute("aria-invalid")) == ("com", "true")
    told = ada.page.locator(f"#{ERROR_ID}").inner_text()
    assert "com" in told
    assert "&#" not in told
    assert ada.page.locator('form [name="note"]').last.input_value() == "Too loud."
    assert ada.page.locator('[name="action"][value="block"]').is_checked()
    assert ada.too_wide <= 0
    assert_accessible(ada)


@LOOKS
def test_what_was_folded_away_is_open_where_something_is_wrong_in_it(
    browsers: Browsers, program: Program, screen: Screen, dark: bool, lang: str
) -> None:
    ada = guardian(browsers, program, screen, dark=dark, lang=lang)
    sent(ada, TIME, f"{TIME}/schedules", name="bedtime", note="Sleep well.")
    assert focused(ada) == "start0"
    assert ada.page.locator(f"#{ERROR_ID}").is_visible()
    assert ada.too_wide <= 0
    assert_accessible(ada)


def test_it_is_mended_by_keyboard_alone(browsers: Browsers, program: Program) -> None:
    ada = guardian(browsers, program, lang="en")
    sent(ada, PEOPLE, PEOPLE, name="Mia", band="7-9")
    ada.reads(re.compile("There is already someone called .*Mia"))
    assert focused(ada) == "name"
    ada.press("End")
    ada.page.keyboard.type(" Bo")
    ada.follow("Enter")
    ada.reads("Mia Bo")
    assert ada.page.url.endswith("/guardian/people/mia-bo")
