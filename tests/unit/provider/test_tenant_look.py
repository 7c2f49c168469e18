"""A brand's name and colours on families' pages: only what can be read by day and by night."""

from __future__ import annotations

import pytest

from copdns.model.contrast import DARK_GROUNDS, LIGHT_GROUNDS
from copdns.model.errors import RegisterError
from copdns.model.household import LANGUAGES
from copdns.provider.tenant_look import TenantLook, check_look
from copdns.web.many_households.look_sheet import look_sheet
from tests.unit.web.test_colours import schemes

LIGHT, DARK = "#0a549c", "#9cc9ff"


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (TenantLook("North", "#8ab4e8", DARK), "by day"),
        (TenantLook("North", LIGHT, "#0a549c"), "at night"),
        (TenantLook("North", "blue", DARK), "no colour"),
        (TenantLook("North", LIGHT, "#9cc9ff;}"), "no colour"),
        (TenantLook(" ", LIGHT, DARK), "name"),
        (TenantLook("N" * 41, LIGHT, DARK), "name"),
        (TenantLook("North", LIGHT, DARK, "javascript:alert(1)"), "https"),
        (TenantLook("North", LIGHT, DARK, texts={"de": "Hallo."}), "none of"),
        (TenantLook("North", LIGHT, DARK, texts={"fr": ""}), "text"),
    ],
)
def test_what_children_could_not_read_or_follow_is_refused(look: TenantLook, why: str) -> None:
    with pytest.raises(RegisterError, match=why):
        check_look(look, LANGUAGES)


def test_a_look_that_can_be_read_is_taken() -> None:
    look = TenantLook("North", LIGHT, DARK, "https://north.example/help", {"fr": "Bonjour."})
    assert check_look(look, LANGUAGES) == look
    sheet = look_sheet("look-0a549c-9cc9ff.css")
    assert sheet is not None
    assert sheet.startswith(f":root{{--action:{LIGHT};")
    assert f"--action:{DARK};" in sheet
    for name in ("look-8ab4e8-9cc9ff.css", "look-0a549c-9cc9fg.css", "look-.css", "copdns.css"):
        assert look_sheet(name) is None, name


@pytest.mark.parametrize(("scheme", "grounds"), [("light", LIGHT_GROUNDS), ("dark", DARK_GROUNDS)])
def test_the_grounds_are_those_of_the_sheet(scheme: str, grounds: tuple[str, ...]) -> None:
    colours = schemes()[scheme]
    names = ("paper", "card", "sunken", "on-action")
    assert [_long(colours[each]) for each in names] == list(grounds)


def _long(colour: str) -> str:
    """Return "#ffffff" for "#fff"."""
    digits = colour.removeprefix("#")
    return colour if len(digits) == 6 else "#" + "".join(each * 2 for each in digits)
