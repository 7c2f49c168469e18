"""Text and marks stand out from their ground, by day and by night (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re

import pytest

from copdns.list_files.resources import find_folder

TEXT, MARK = 4.5, 3.0  # least contrast
STATES = ("allowed", "limited", "paused", "blocked", "asks", "unknown")
PAIRS = (
    *((each, f"{each}-ground", TEXT) for each in STATES),
    *((each, "card", TEXT) for each in (*STATES, "ink", "soft", "action")),
    *((each, ground, TEXT) for each in ("ink", "soft", "action") for ground in ("paper", "tint")),
    *(("ink", ground, TEXT) for ground in ("sunken", "line", "warm-ground", "asks-ground")),
    *(("ink", f"{each}-ground", TEXT) for each in STATES),
    *(("soft", ground, TEXT) for ground in ("sunken", "asks-ground", "warm-ground")),
    *(("on-action", ground, TEXT) for ground in ("action", "pressed")),
    *((mark, "card", MARK) for mark in ("edge", "c-allowed", "c-blocked", "c-use", "c-study")),
    *((f"c{number}", "card", MARK) for number in range(1, 6)),
    *(("c-night", "c-day", MARK), ("c-use", "c-day", MARK)),
)


def schemes() -> dict[str, dict[str, str]]:
    """Return the colours of the sheet by their names, by day and by night."""
    sheet = (find_folder("web-ui") / "static" / "copdns.css").read_text()
    day, night = re.findall(r"(?<=:root \{)\s+(?:color-scheme|--paper)[^}]*", sheet)[:2]
    found = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]{3,6})\b")
    light = dict(found.findall(day))
    return {"light": light, "dark": light | dict(found.findall(night))}


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(each * 2 for each in digits)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))


def test_contrast_is_computed_as_wcag_says() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read(scheme: str) -> None:
    colours = schemes()[scheme]
    faint = {
        (fore, ground): round(contrast(colours[fore], colours[ground]), 2)
        for fore, ground, least in PAIRS
        if contrast(colours[fore], colours[ground]) < least
    }
    assert faint == {}


def test_a_day_that_is_on_has_an_edge_that_stands_out() -> None:
    """Its own colour is pale, so that marks on it can be seen: without the edge it looks empty."""
    folder = find_folder("web-ui") / "static"
    sheet = (folder / "copdns.css").read_text() + (folder / "desk.css").read_text()
    for part in (r"\.ribbon", r"\.week-row"):
        (rule,) = re.findall(rf"(?<!,) ?{part} \{{([^}}]*)\}}", sheet)
        assert "var(--edge)" in rule
    assert all(contrast(each["edge"], each["card"]) >= MARK for each in schemes().values())


def test_hours_that_are_off_are_the_filled_ones_by_day_and_by_night() -> None:
    """Darker than the card, "off" was an empty box in the dark, and "on" the filled part."""
    for each in schemes().values():
        on, off = (contrast(each[part], each["card"]) for part in ("c-day", "c-night"))
        assert on < MARK < off


def test_the_letters_of_circles_and_tiles_can_be_read() -> None:
    sheet = (find_folder("web-ui") / "static" / "copdns.css").read_text()
    people = re.findall(r"\.k\d \{ --k: (#\w+); --on-k: (#\w+); \}", sheet)
    tiles = [(ground, "#fff") for ground in re.findall(r"\.t\d \{ --k: (#\w+); \}", sheet)]
    assert (len(people), len(tiles)) == (8, 8)
    assert [pair for pair in people + tiles if contrast(*pair) < TEXT] == []


def test_words_beside_charts_are_html_whose_contrast_a_judge_can_measure() -> None:
    """Of words in a picture no judge finds out what is behind them."""
    templates = sorted((find_folder("web-ui") / "templates").rglob("*.html"))
    drawn = {each.name for each in templates if re.search(r"<text[ >]", each.read_text())}
    assert drawn == set()
