"""`copdns schedule` and `copdns budget`: what is written about time, and a week ahead of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.calling import Home

NOON = 1_795_518_000  # Tuesday 2026-11-24, twelve o'clock in Paris


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr("time.time", lambda: NOON)
    return Home(tmp_path)


def test_a_schedule_is_added_shown_and_removed(home: Home) -> None:
    words = ["mia-bedtime", "school_night", "21:00-07:00", "--profile", "mia"]
    said = "mia: everything off school_night 21:00-07:00 (Sleep well.)"
    added = home.ok("schedule", "add", *words, "--note", "Sleep well.")
    assert added == f"schedule mia-bedtime added: {said}\n"
    assert f"  mia-bedtime: {said}\n" in home.ok("schedule", "show")
    assert home.ok("schedule", "remove", "mia-bedtime").startswith("schedule mia-bedtime removed")
    assert home.json("schedule", "show")["schedules"] == []


def test_every_part_of_a_schedule_can_be_said(home: Home) -> None:
    about = ["--about", "category:games", "--about", "*.play.example"]
    home.ok(
        *("schedule", "add", "play", "school 15:00-17:00,", "weekend 09:00-20:00", "--open"),
        *("--tag", "children", *about, "--grace", "10"),
        *("--weeks", "odd"),
    )
    assert home.json("schedule", "show", "--profile", "mia")["schedules"] == [
        {
            "id": "play",
            "for": "#children",
            "slots": ["school 15:00-17:00", "weekend 09:00-20:00"],
            "about": ["category:games", "*.play.example"],
            "open": True,
            "grace": 10,
            "note": "",
            "weeks": "odd",
            "learning": False,
        }
    ]
    assert home.json("schedule", "show", "--profile", "tom")["schedules"] == []


def test_the_week_ahead_and_check_agree_in_which_weeks_a_schedule_holds(home: Home) -> None:
    words = ["club", "18:00-19:00", "--profile", "mia", "--weeks", "2026-11-27"]
    added = home.ok("schedule", "add", *words)
    assert added.endswith("everything off daily 18:00-19:00, every second week from 2026-11-27\n")
    for first in ("2026-11-20", "2026-11-27", "2026-12-04", "2026-12-11"):
        lines = home.ok("schedule", "preview", "--profile", "mia", "--week", first)
        shown = [line for line in lines.splitlines() if "club" in line]
        asked = ["check", "films.example", "--profile", "mia", "--at", f"{first}T18:30"]
        blocked = home.call(*asked).exit_code == 3
        assert (len(shown), blocked) == (
            (7, True) if first[5:] in ("11-27", "12-11") else (0, False)
        )


def test_a_calendar_file_has_what_the_week_ahead_shows(home: Home) -> None:
    home.ok("schedule", "add", "club", "mon 18:00-19:00", "--profile", "mia", "--weeks", "odd")
    text = home.ok("schedule", "export", "--profile", "mia", "--days", "20")
    starts = [line for line in text.splitlines() if line.startswith("DTSTART")]
    # Of the two Mondays in these days, the one of week 49 alone.
    assert starts == ["DTSTART:20261130T170000Z"]
    shown = home.ok("schedule", "preview", "--profile", "mia", "--week", "2026-11-30")
    assert "Mon 2026-11-30  18:00-19:00 club" in shown


def test_every_part_of_a_budget_can_be_said(home: Home) -> None:
    home.ok(
        *("budget", "add", "mia-games", "school=60,weekend=2h", "--profile", "mia"),
        *("--about", "category:games", "--carry-over", "--grace", "5m", "--note", "Enough."),
    )
    assert home.json("schedule", "show")["budgets"] == [
        {
            "id": "mia-games",
            "for": "mia",
            "minutes": {"school": 60, "weekend": 120},
            "about": ["category:games"],
            "carry_over": True,
            "grace": 5,
            "note": "Enough.",
        }
    ]
    home.ok("budget", "remove", "mia-games")
    assert home.json("schedule", "show")["budgets"] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["schedule", "add", "x", "school"], 2, "write school 21:00-07:00"),
        (["schedule", "add", "x", "schol", "21:00-07:00"], 2, "did you mean school?"),
        (["schedule", "add", "x", "21:00-07:00", "--about", "category:gmaes"], 1, "games"),
        (["schedule", "add", "x", "21:00-07:00", "--about", "app:chess"], 2, "service:youtube"),
        (["schedule", "add", "x", "21:00-07:00", "--profile", "mai"], 1, "did you mean mia?"),
        (["schedule", "add", "x", "21:00-07:00", "--grace", "2h"], 1, "write 0 to 60"),
        (["schedule", "add", "X Y", "21:00-07:00"], 2, "ID"),
        (["schedule", "add", "x", "1:00-2:00", "--tag", "a", "--profile", "mia"], 2, "give one"),
        (["schedule", "remove", "bedtime"], 1, "there is no schedule"),
        (["schedule", "preview", "--week", "soon"], 2, "write one such as 2026-12-24"),
        (["schedule", "preview", "--week", "9999-12-31"], 2, "out of range"),
        (["schedule", "preview", "--profile", "mai"], 1, "did you mean mia?"),
        (["schedule", "day", "2026-12-24..2026-12-20", "holiday"], 2, "second day must come"),
        (["schedule", "day", "2026-12-24", "funday"], 2, "holiday"),
        (["schedule", "suggest", "--profile", "ada"], 1, "no times are suggested"),
        (["budget", "add", "x", "25h"], 2, "more than a day"),
        (["budget", "add", "x", "school=1,school=2"], 1, "is there twice"),
        (["budget", "add", "x", "24h"], 1, "could never turn anything off"),
        (["budget", "remove", "x"], 1, "there is no budget"),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_to_do(
    home: Home, words: list[str], code: int, said: str
) -> None:
    refused = home.call(*words)
    assert refused.exit_code == code
    assert said in " ".join(refused.stderr.split())
    assert not home.json("schedule", "show")["schedules"]


def test_dates_become_holidays_and_usual_days_again(home: Home) -> None:
    added = home.ok("schedule", "day", "2026-12-24..2026-12-26", "holiday")
    assert added == "household: calendar: + 2026-12-24..2026-12-26 holiday\n"
    home.ok("schedule", "day", "2026-12-25", "usual")
    days = home.json("schedule", "show")["calendar"]["days"]
    assert days == {"2026-12-24": "holiday", "2026-12-26": "holiday"}
    assert "  2026-12-24: holiday\n" in home.ok("schedule", "show")


def test_a_week_is_shown_a_line_a_day_with_changes_of_the_clock(home: Home) -> None:
    home.ok("schedule", "add", "bed", "21:00-07:00", "--profile", "mia")
    home.ok("schedule", "add", "games", "sat", "10:00-12:00", "--about", "category:games")
    shown = home.ok("schedule", "preview", "--profile", "mia", "--week", "2026-03-28").splitlines()
    assert len(shown) == 7
    assert shown[0] == (
        "Sat 2026-03-28  00:00-07:00 bed, 10:00-12:00 games (category:games), 21:00-24:00 bed"
    )
    assert "(the clock goes from 02:00 to 03:00" in shown[1]
    everyone = home.ok("schedule", "preview", "--week", "2026-03-28")
    assert "bed (for mia)" in everyone
    assert "games (category:games for everyone)" in everyone
    assert "bed" not in home.ok("schedule", "preview", "--profile", "tom")


def test_a_week_begins_today_and_is_there_for_programs(home: Home) -> None:
    home.ok("schedule", "add", "bed", "21:00-07:00", "--profile", "mia")
    week = home.json("schedule", "preview", "--profile", "mia")
    assert (week["profile"], week["timezone"]) == ("mia", "Europe/Paris")
    assert [each["date"] for each in week["days"]][::6] == ["2026-11-24", "2026-11-30"]
    assert week["days"][0]["closed"][1]["start"] == "2026-11-24T21:00:00+01:00"


CALENDAR = """\
BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Christmas
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20261227
END:VEVENT
BEGIN:VEVENT
SUMMARY:Evening for parents
DTSTART:20261201T180000Z
DTEND:20261201T200000Z
END:VEVENT
BEGIN:VEVENT
SUMMARY:Long ago
DTSTART;VALUE=DATE:20200101
END:VEVENT
END:VCALENDAR
"""


def test_holidays_come_from_a_calendar_file_and_what_is_left_out_is_told(home: Home) -> None:
    file = home.folder / "school.ics"
    file.write_text(CALENDAR)
    home.ok("schedule", "day", "2026-12-24", "school")
    assert home.ok("schedule", "import", str(file)).splitlines() == [
        "household: calendar: + 2026-12-25..2026-12-26 holiday",
        "skipped, not an all-day event: 2026-12-01 Evening for parents",
        "kept as in the calendar: 2026-12-24 is school, not Christmas",
    ]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (None, "choose a calendar file"),
        (b"\xff\xfe", "save it as UTF-8"),
        (b"x" * 5_000_000, "use a smaller one"),
        (b"BEGIN:VCALENDAR\n", "may be incomplete"),
    ],
)
def test_a_calendar_file_that_cannot_be_read_changes_nothing(
    home: Home, octets: bytes | None, said: str
) -> None:
    file = home.folder / "school.ics"
    if octets is not None:
        file.write_bytes(octets)
    refused = home.call("schedule", "import", str(file))
    assert refused.exit_code == 1
    assert "school.ics: " in refused.stderr
    assert said in refused.stderr
    assert not home.data.exists()


def test_a_calendar_file_without_anything_to_come_is_told(home: Home) -> None:
    file = home.folder / "school.ics"
    file.write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    assert "school.ics has no events from 2026-11-24 to " in home.ok(
        "schedule", "import", str(file)
    )


def test_what_is_suggested_for_an_age_is_taken_over_and_nothing_else(home: Home) -> None:
    before = home.json("profile", "show", "mia")
    home.ok("schedule", "suggest", "--profile", "mia")
    after = home.json("profile", "show", "mia")
    times = {"schedules": ["mia-bedtime"], "budgets": ["mia-games"]}
    assert after == before | times
    assert "no change" in home.ok("schedule", "suggest", "--profile", "mia")


def test_a_preset_brings_its_times_only_when_asked(home: Home) -> None:
    home.ok("profile", "add", "zoe", "--preset", "10-12")
    home.ok("profile", "add", "kim", "--preset", "10-12", "--times")
    assert home.json("profile", "show", "zoe")["schedules"] == []
    assert home.json("profile", "show", "kim")["schedules"] == ["kim-bedtime"]
    home.ok("profile", "set", "zoe", "--preset", "10-12", "--times")
    assert home.json("profile", "show", "zoe")["budgets"] == ["zoe-games"]
    for words in (["add", "bo", "--band", "7-9", "--times"], ["set", "zoe", "--times"]):
        assert home.call("profile", *words).exit_code == 2


def test_what_is_always_open_can_be_set_and_taken_back(home: Home) -> None:
    home.ok("profile", "set", "mia", "--always", "service:clubchat", "--always", "school.example")
    home.ok("profile", "set", "mia", "--homework", "category:games")
    shown = home.json("profile", "show", "mia")
    assert shown["always"] == ["service:clubchat", "school.example"]
    assert shown["homework"] == ["category:games"]
    assert "  mia: service:clubchat, school.example\n" in home.ok("schedule", "show")
    home.ok("profile", "set", "mia", "--no-always", "service:clubchat")
    assert home.json("profile", "show", "mia")["always"] == ["school.example"]
    refused = home.call("profile", "set", "mia", "--no-always", "chess.example")
    assert refused.exit_code == 1
    assert home.call("profile", "set", "mia", "--always", "service:none").exit_code == 1


def test_a_person_can_begin_with_what_is_always_open(home: Home) -> None:
    words = ["--always", "school.example", "--homework", "maths.example"]
    home.ok("profile", "add", "zoe", "--band", "7-9", *words)
    shown = home.json("profile", "show", "zoe")
    assert (shown["always"], shown["homework"]) == (["school.example"], ["maths.example"])


def test_looking_at_times_makes_no_file(home: Home) -> None:
    for words in (
        ["schedule", "show"],
        ["schedule", "preview"],
        ["usage"],
        ["pause"],
        ["grant", "list"],
        ["ticket", "list"],
        ["check", "a.example", "--week"],
    ):
        home.ok(*words)
    assert not home.data.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("rule", "add", "block", "games.example"),
        ("schedule", "add", "bedtime", "daily", "21:00-07:00"),
        ("budget", "add", "play", "60"),
    ],
)
def test_what_is_for_a_tag_that_nobody_has_is_kept_and_told(
    home: Home, words: tuple[str, ...]
) -> None:
    result = home.call(*words, "--tag", "nobody")
    assert result.exit_code == 0
    assert "nobody has the tag nobody yet" in result.stderr
    assert "children" in result.stderr
    assert home.call("rule", "add", "block", "bets.example", "--tag", "children").stderr == ""


def test_a_calendar_with_a_zone_that_nobody_knows_is_told(home: Home) -> None:
    file = home.folder / "school.ics"
    file.write_text(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\n"
        "DTSTART;TZID=Nowhere/Land:20270101T000000\nDTEND;TZID=Nowhere/Land:20270103T000000\n"
        "SUMMARY:Trip\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    result = home.call("schedule", "import", str(file))
    assert "unknown time zone Nowhere/Land: its times were read as" in result.stderr


def test_a_note_that_no_child_reads_is_refused(home: Home) -> None:
    result = home.call("rule", "add", "block", "games.example", "--note", "x" * 301)
    assert (result.exit_code, "301 characters; shorten it to 300" in result.stderr) == (2, True)
