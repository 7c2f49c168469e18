"""What a person gets of what is kept: whole, readable by machines, and nobody else's."""

from __future__ import annotations

import json
from dataclasses import replace

from copdns.keep import CountKey, Row
from copdns.own_data import Day, Kept, by_category, by_day, exported, plain, plain_moment
from copdns.times import Pause, Ticket
from tests.household import MIA, NOW, block, family

HOUR = int(NOW) // 3600


def count(n: int, action: str, hour: int = HOUR, category: str = "") -> tuple[CountKey, int]:
    return CountKey("home", "mia", hour, action, "category", category), n


def test_days_are_those_of_the_household() -> None:
    """At 22:00 UTC it is the next day in Paris, where summer began that night."""
    late = HOUR + 6
    counts = [count(3, "allow"), count(2, "block"), count(1, "block", late)]
    first, second = by_day(counts, "Europe/Paris")
    assert (first.date.isoformat(), first.asked, first.blocked) == ("2026-03-30", 1, 1)
    assert second == Day(second.date, 5, 2)
    assert len(by_day(counts, "UTC")) == 1


def test_categories_are_of_what_was_blocked() -> None:
    counts = [
        count(1, "block", category="games"),
        count(5, "block", category="ads"),
        count(9, "allow", category="games"),
        count(9, "block"),
    ]
    assert by_category(counts) == (("ads", 5), ("games", 1))


def test_the_file_has_all_that_is_about_the_person_and_no_code() -> None:
    row = Row(int(NOW), "home", "mia", "", "toys.example", 1, "block", "rule", "", "", "", "", "")
    house = replace(
        family(rules=(block("toys.example", "mia"), block("bets.example", "tom"))),
        pauses=(Pause("mia", int(NOW)), Pause("tom", int(NOW))),
        tickets=(
            Ticket("t1", "d" * 64, 30, int(NOW), int(NOW) + 60, "mia"),
            Ticket("t2", "e" * 64, 30, int(NOW), int(NOW) + 60, "tom"),
        ),
    )
    kept = Kept([row], [count(1, "block")], [], [], [], [], [], pin=True)
    found = json.loads(json.dumps(exported(house, MIA, kept, NOW)))
    assert [each["qname"] for each in found["names"]] == ["toys.example"]
    assert found["names"][0]["at"] == "2026-03-29T16:00:00Z"
    assert len(found["rules"]) == len(found["pauses"]) == len(found["tickets"]) == 1
    assert "dddd" not in json.dumps(found)
    assert "bets.example" not in json.dumps(found)
    assert found["pin"] is True


def test_a_minute_of_the_day_is_no_moment() -> None:
    assert plain(Pause("mia", 1200))["start"] == 1200
    assert plain(Pause("mia", int(NOW)))["start"] == plain_moment(NOW)
