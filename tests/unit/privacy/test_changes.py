"""A child reads what changed for it, whoever wrote it where, and nothing about anybody else."""

from __future__ import annotations

import pytest

from copdns.privacy.changes import (
    TOGETHER,
    TOLD_FOR,
    ChangeTopic,
    DeviceChange,
    all_changes_for,
    changes_for,
)
from copdns.store.household_db.notes import Change
from tests.household import MIA, NOW, TOM


def told(*lines: str, at: int = int(NOW)) -> list[tuple[ChangeTopic, ...]]:
    changes = [Change(0, at, "Ada", each) for each in lines]
    return [each.about for each in changes_for(MIA, changes, NOW)]


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("profile mia set: category games, no-service roblox", (ChangeTopic.CLOSED,)),
        ("profile mia set: categories +games, services -roblox", (ChangeTopic.CLOSED,)),
        ("profile mia set: privacy off", (ChangeTopic.KEPT,)),
        ("profile mia set: full-log of 3 days", (ChangeTopic.KEPT,)),
        ("profile mia set: band 10-12 proposed", (ChangeTopic.AGE,)),
        (
            "profile mia set: safe_search google strict, name Mia",
            (ChangeTopic.SEARCH, ChangeTopic.NAME),
        ),
        ("profile mia set: youtube strict", (ChangeTopic.SEARCH,)),
        ("profile mia: records deleted (lookups, minutes, requests)", (ChangeTopic.ERASED,)),
        ("profile mia erased: look-ups, minutes, appeals", (ChangeTopic.ERASED,)),
        ("rule added: block games.example for mia", (ChangeTopic.RULES,)),
        ("rule added: block games.example for everyone", (ChangeTopic.RULES,)),
        ("rule added: allow games.example for #children", (ChangeTopic.RULES,)),
        ("rule removed: r3", (ChangeTopic.RULES,)),  # nobody knows whose it was
        ("times suggested for 7-9 applied for mia", (ChangeTopic.TIMES,)),
        ("undone: times suggested for 7-9 applied for mia", (ChangeTopic.TIMES,)),
        ("undone: undone: rule added: block games.example for mia", (ChangeTopic.RULES,)),
        ("device tablet added for mia", (ChangeTopic.DEVICES,)),
        ("household set: timezone Europe/Paris", (ChangeTopic.HOUSE,)),
    ],
)
def test_what_changed_is_told(line: str, about: tuple[ChangeTopic, ...]) -> None:
    assert told(line) == [about]


@pytest.mark.parametrize(
    "line",
    [
        "profile tom set: privacy off",
        "profile mia-2 set: privacy off",
        "profile mia added",
        "rule added: block mia.example for tom",
        "rule removed: block games.example for tom",
        "device tablet added for tom",
        "device tablet changed",
        "appeal a1 of mia: granted",
        "list error: chess.games.example",
        "account Ada made owner",
        "",
    ],
)
def test_what_is_somebody_elses_or_told_elsewhere_is_not(line: str) -> None:
    assert told(line) == []


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("a device added for mia", (ChangeTopic.DEVICES,)),
        ("a device assigned to mia for a while", (ChangeTopic.DEVICES,)),
        ("a device is mia for a while", (ChangeTopic.DEVICES,)),  # as the version before wrote it
        ("setup: device tablet assigned to mia", (ChangeTopic.DEVICES,)),
        ("set-up: device tablet is mia's", (ChangeTopic.DEVICES,)),
        ("device tablet changed: now belongs to mia", (ChangeTopic.DEVICES,)),
        ("device tablet changed: now mia's", (ChangeTopic.DEVICES,)),
        ("device tablet changed: now tom's", (ChangeTopic.DEVICES,)),  # it was hers
        ("device tablet removed", (ChangeTopic.DEVICES,)),
        ("tablet: another browser can be linked", (ChangeTopic.DEVICES,)),
        ("tablet: another browser may be paired", (ChangeTopic.DEVICES,)),
        ("toms-phone: another browser can be linked for mia", (ChangeTopic.DEVICES,)),
        ("mia: PIN removed", (ChangeTopic.DEVICES,)),
        ("mia: PIN taken away", (ChangeTopic.DEVICES,)),
        ("mia paused until someone ends it", (ChangeTopic.TIMES,)),
        ("15 more minutes for mia (bonus)", (ChangeTopic.EXTRA,)),
        ("tonight's bedtime of mia at 21:30", (ChangeTopic.TIMES,)),
        ("tonight's bedtime of mia as usual", (ChangeTopic.TIMES,)),
        ("mia can use games until 20:15", (ChangeTopic.TIMES,)),
        ("mia may have games until 20:15", (ChangeTopic.TIMES,)),
    ],
)
def test_what_is_done_to_a_person_or_a_device_is_told_with_its_line(
    line: str, about: tuple[ChangeTopic, ...]
) -> None:
    (found,) = changes_for(MIA, [Change(0, int(NOW), "Ada", line)], NOW, ["tablet"])
    assert (found.about, found.what) == (about, line)


@pytest.mark.parametrize(
    "line", ["times: all children paused until 16:30", "times: pauses of all children ended"]
)
def test_a_pause_of_all_children_is_told_to_each(line: str) -> None:
    for each in (MIA, TOM):
        (found,) = changes_for(each, [Change(0, int(NOW), "Ada", line)], NOW)
        assert found.about == (ChangeTopic.TIMES,)


@pytest.mark.parametrize(
    ("line", "done"),
    [
        ("a device added for mia", DeviceChange.ADDED),
        ("device tablet added for mia", DeviceChange.ADDED),
        ("setup: device tablet assigned to mia", DeviceChange.ADDED),
        ("set-up: device tablet is mia's", DeviceChange.ADDED),
        ("a device assigned to mia for a while", DeviceChange.LENT),
        ("device tablet changed: now belongs to tom", DeviceChange.MOVED),
        ("device tablet changed", DeviceChange.OTHER),
        ("device tablet removed", DeviceChange.REMOVED),
        ("tablet: another browser can be linked", DeviceChange.BROWSER),
        ("tablet: a linked browser was removed", DeviceChange.NO_BROWSER),
        ("tablet: another browser can be linked for mia", DeviceChange.BROWSER),
        ("tablet: a linked browser was removed for mia", DeviceChange.NO_BROWSER),
        ("mia: PIN set", DeviceChange.PIN),
        ("mia: PIN removed", DeviceChange.NO_PIN),
        ("mia paused until someone ends it", None),
    ],
)
def test_what_was_done_to_a_device_is_told(line: str, done: DeviceChange | None) -> None:
    (found,) = changes_for(MIA, [Change(0, int(NOW), "Ada", line)], NOW, ["tablet"])
    assert found.device == done


@pytest.mark.parametrize(
    "line", ["browser linked to this device", "browser paired with this device"]
)
def test_a_browser_that_was_paired_is_told_of_by_its_device(line: str) -> None:
    both = [Change(0, int(NOW), each, line) for each in ("tablet", "toms-phone")]
    assert [each.author for each in changes_for(MIA, both, NOW, ["tablet"])] == ["tablet"]


def test_a_browser_that_shows_a_persons_page_is_told_to_that_person() -> None:
    linked = Change(0, int(NOW), "tablet", "browser linked to this device for mia")
    assert [each.about for each in changes_for(MIA, [linked], NOW)] == [(ChangeTopic.DEVICES,)]
    assert changes_for(TOM, [linked], NOW, ["tablet"]) == (), "it is of before it was his"


@pytest.mark.parametrize("whose", ["", " for mia"])
def test_a_browser_that_a_guardian_let_in_is_told_of_once(whose: str) -> None:
    let = Change(0, int(NOW) - TOGETHER, "Ada", f"tablet: another browser can be linked{whose}")
    linked = Change(0, int(NOW), "tablet", f"browser linked to this device{whose}")
    devices = ["tablet", "laptop"]
    assert [each.author for each in changes_for(MIA, [linked, let], NOW, devices)] == ["Ada"]
    assert len(all_changes_for(MIA, [linked, let], devices)) == 2, "the person's file has each"
    of_laptop = let._replace(what=let.what.replace("tablet", "laptop"))
    for other in (let._replace(at=let.at - 1), of_laptop):
        assert len(changes_for(MIA, [linked, other], NOW, devices)) == 2, "of no guardian's doing"


@pytest.mark.parametrize(
    ("line", "of_rules", "of_devices"),
    [
        ("rule added: block games.example for mia", True, False),
        ("profile mia set: category games, name Mia", False, False),
        ("a device added for mia", False, True),
    ],
)
def test_a_change_is_of_rules_or_of_devices_or_of_neither(
    line: str, of_rules: bool, of_devices: bool
) -> None:
    (found,) = changes_for(MIA, [Change(0, int(NOW), "Ada", line)], NOW)
    assert (found.is_of_rules, found.is_of_devices) == (of_rules, of_devices)


def test_what_is_only_asked_is_in_the_file_and_no_change() -> None:
    lines = [Change(0, int(NOW), "Ada", "full log of 3 days requested from mia")]
    assert changes_for(MIA, lines, NOW) == ()
    assert [each.about for each in all_changes_for(MIA, lines)] == [(ChangeTopic.ASKED,)]


def test_a_line_that_does_not_say_whose_it_is_is_not_given_away() -> None:
    lines = ("rule removed: r3", "rule added: block games.example for mia")
    changes = [Change(0, int(NOW) - 2 * TOGETHER * n, "Ada", each) for n, each in enumerate(lines)]
    found = changes_for(MIA, changes, NOW)
    assert sorted(each.what for each in found) == ["", lines[1]]


def test_what_is_long_ago_is_told_no_more() -> None:
    line = "profile mia set: privacy off"
    assert told(line, at=int(NOW) - TOLD_FOR) == []
    assert told(line, at=int(NOW) - TOLD_FOR + 1) == [(ChangeTopic.KEPT,)]


def test_the_newest_is_first() -> None:
    changes = [Change(0, int(NOW) - n, "Ada", f"profile mia set: {what}") for n, what in SETTINGS]
    assert [int(NOW) - each.at for each in changes_for(MIA, changes, NOW)] == [1, 5, 9]


SETTINGS = ((9, "privacy off"), (1, "band 10-12"), (5, "category games"))


def test_what_somebody_changes_again_and_again_is_told_once() -> None:
    """A guardian who tries forms out fills no page; what was done an hour later is told again."""
    line = "profile mia set: privacy off"
    moments = [(0, "Ada"), (60, "Ada"), (70, "Bo"), (TOGETHER, "Ada"), (TOGETHER + 1, "Ada")]
    changes = [Change(0, int(NOW) - ago, who, line) for ago, who in moments]
    found = [(int(NOW) - each.at, each.author) for each in changes_for(MIA, changes, NOW)]
    assert found == [(0, "Ada"), (70, "Bo"), (TOGETHER + 1, "Ada")]
    assert len(all_changes_for(MIA, changes)) == 5, "the person's file has each"


def test_a_device_without_the_filter_is_told_beside_another_change_of_that_hour() -> None:
    lines = (
        "device tablet: everything but viruses and scam sites allowed until 20:00",
        "device tablet: the test of the filter ended",
        "rule added: block games.example for mia",
    )
    changes = [Change(0, int(NOW), "Ada", each) for each in lines]
    found = changes_for(MIA, changes, NOW, {"tablet"})
    assert {each.about for each in found} == {(ChangeTopic.RULES,)}
    assert {each.device for each in found} == {
        *(DeviceChange.TRIED, DeviceChange.TRIED_NO_MORE, None),
    }
