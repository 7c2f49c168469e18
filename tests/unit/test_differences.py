"""Each setting that changes is told, and only those."""

from __future__ import annotations

from dataclasses import replace

from copdns.differences import Difference, differences, reason, told
from copdns.library import bundled_presets
from copdns.model import Band, PrivacyMode
from copdns.presets import apply
from tests.household import MIA


def test_nothing_is_different_from_itself() -> None:
    assert differences(MIA, MIA) == ()


def test_what_is_added_and_what_is_taken_away() -> None:
    old = replace(MIA, categories=frozenset({"games"}), safe_search=(("google", "strict"),))
    new = replace(MIA, categories=frozenset({"adult"}), bypass=True, privacy=PrivacyMode.OFF)
    found = differences(old, new)
    assert Difference("categories", "games", "on", "off") in found
    assert Difference("categories", "adult", "off", "on") in found
    assert Difference("safe_search", "google", "strict", "off") in found
    assert told(new, found) == (
        "profile mia set: categories +adult, categories -games, safe_search google off, "
        "bypass on, privacy off"
    )


def test_every_line_that_a_preset_adds_has_its_reason() -> None:
    for band in Band:
        preset = bundled_presets()[band]
        for each in differences(MIA, apply(preset, MIA)):
            if each.setting != "band" and each.after not in ("off", "allow"):
                assert reason(preset, each), (band, each)
