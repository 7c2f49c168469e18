"""What a person gets of what is kept: whole, readable by machines, and nobody else's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from copdns.accounts.account import AccessRecord, ViewedPart
from copdns.accounts.roles import Role
from copdns.model.household import PrivacyMode
from copdns.model.times import PauseSpan, Ticket
from copdns.model.verdict import Reason
from copdns.privacy.masked_names import build_mask
from copdns.privacy.personal_data import (
    Blocked,
    Day,
    PersonalData,
    by_category,
    counts_by_day,
    export_data,
    plain,
    plain_moment,
)
from copdns.privacy.retention import CountKey, LogRow
from tests.household import MIA, NOW, block, family, library

HOUR = int(NOW) // 3600


def count(n: int, action: str, hour: int = HOUR, category: str = "") -> tuple[CountKey, int]:
    return CountKey("home", "mia", hour, action, "category", category), n


def test_days_are_those_of_the_household() -> None:
    """At 22:00 UTC it is the next day in Paris, where summer began that night."""
    late = HOUR + 6
    counts = [count(3, "allow"), count(2, "block"), count(1, "block", late)]
    first, second = counts_by_day(counts, "Europe/Paris")
    assert (first.date.isoformat(), first.asked, first.blocked) == ("2026-03-30", 1, 1)
    assert second == Day(second.date, 5, 2)
    assert len(counts_by_day(counts, "UTC")) == 1


def test_categories_are_of_what_was_blocked() -> None:
    counts = [
        count(1, "block", category="games"),
        count(5, "block", category="ads"),
        count(9, "allow", category="games"),
        count(9, "block"),
    ]
    assert by_category(counts) == (("ads", 5), ("games", 1))


def test_the_file_has_all_that_is_about_the_person_and_no_code() -> None:
    row = LogRow(
        int(NOW), "home", "mia", "", "toys.example", 1, "block", "rule", "", "", "", "", ""
    )
    house = replace(
        family(rules=(block("toys.example", "mia"), block("bets.example", "tom"))),
        pauses=(PauseSpan("mia", int(NOW)), PauseSpan("tom", int(NOW))),
        tickets=(
            Ticket("t1", "d" * 64, 30, int(NOW), int(NOW) + 60, "mia"),
            Ticket("t2", "e" * 64, 30, int(NOW), int(NOW) + 60, "tom"),
        ),
    )
    kept = PersonalData(rows=(row,), counts=(count(1, "block"),), pin=True)
    found = json.loads(json.dumps(export_data(house, MIA, kept, NOW, None)))
    assert [each["qname"] for each in found["look_ups"]] == ["toys.example"]
    assert found["look_ups"][0]["at"] == "2026-03-29T16:00:00Z"
    assert len(found["rules"]) == len(found["pauses"]) == len(found["tickets"]) == 1
    assert "dddd" not in json.dumps(found)
    assert "bets.example" not in json.dumps(found)
    assert found["pin"] is True


def test_a_minute_of_the_day_is_no_moment() -> None:
    assert plain(PauseSpan("mia", 1200))["start"] == 1200
    assert plain(PauseSpan("mia", int(NOW)))["start"] == plain_moment(NOW)


def test_a_guardians_file_hides_what_tells_too_much_and_what_only_the_device_shows() -> None:
    row = LogRow(
        int(NOW), "home", "mia", "", "faith.example", 1, "block", "rule", "", "", "", "", ""
    )
    blocks = (Blocked("toys.example", NOW, Reason.RULE),)
    kept = PersonalData(rows=(row,), blocks=blocks, pin=True)
    hidden = build_mask(["faith.example"], library())
    mine = export_data(family(), MIA, kept, NOW, None)
    theirs = export_data(family(), MIA, kept, NOW, hidden)
    assert [each["qname"] for each in theirs["look_ups"]] == ["other"]
    assert mine.keys() - theirs.keys() == {
        *("browsers", "devices_for_a_while", "accounts", "last_blocks", "pin"),
        *("question", "proposal", "device_weeks", "other_home"),
    }
    assert "toys.example" not in json.dumps(theirs)


def test_a_look_says_the_role_and_no_account_and_a_count_its_hour() -> None:
    look = AccessRecord("home", int(NOW), "a1", Role.OWNER, "mia", ViewedPart.LOG)
    found = export_data(
        family(), MIA, PersonalData(looks=(look,), counts=(count(3, "block"),)), NOW, None
    )
    assert found["who_looked"] == [{"at": "2026-03-29T16:00:00Z", "role": "owner", "view": "log"}]
    assert found["counts"][0]["hour"] == "2026-03-29T16:00:00Z"


@pytest.mark.parametrize("mode", [PrivacyMode.COUNTS, PrivacyMode.BLOCKED])
def test_hours_of_whom_only_counts_are_kept_are_in_nobody_elses_file(mode: PrivacyMode) -> None:
    house, mia = family(replace(MIA, privacy=mode)), replace(MIA, privacy=mode)
    key, n = count(3, "block")
    kept = PersonalData(counts=((key._replace(hour=key.hour - 2), n), (key, n)))
    found = export_data(house, mia, kept, NOW, build_mask([], library()))["counts"]
    by_hour = mode is PrivacyMode.BLOCKED
    first = "2026-03-29T00:00:00Z"
    hours = ["2026-03-29T14:00:00Z", "2026-03-29T16:00:00Z"] if by_hour else [first]
    assert [each["hour"] for each in found] == hours
    assert sum(each["n"] for each in found) == 6
    assert len(export_data(house, mia, kept, NOW, None)["counts"]) == 2, "their own has each hour"
