"""Each setting that changes is told, and only those."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from copdns.household.differences import Difference, audit_line, differences, preset_reason
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets
from copdns.model.household import Band, PrivacyMode
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
    assert audit_line(new, found) == (
        "profile mia set: categories +adult, categories -games, safe_search google off, "
        "bypass on, privacy off"
    )


def test_every_difference_that_a_preset_makes_has_its_reason() -> None:
    for old, new in product(Band, Band):
        preset = bundled_presets()[new]
        before = apply(bundled_presets()[old], MIA)
        assert all(
            preset_reason(preset, each) for each in differences(before, apply(preset, before))
        )


def test_what_a_preset_opens_is_not_said_to_be_closed() -> None:
    preset = bundled_presets()[Band.TO_15]
    opened = Difference("categories", "social", "on", "off")
    assert preset_reason(preset, opened).startswith("You can use everything")
