"""`copdns log`: what was kept, counted, followed and erased."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.cli.commands import log as log_module
from copdns.model.verdict import Action, Reason
from copdns.privacy.retention import CountKey, LogRow
from copdns.store.log_db.querylog import QueryLog
from tests.unit.calling import Home

NOW = int(time.time())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.ok("household", "set", "--timezone", "UTC")
    return made


def row(qname: str, profile: str = "mia", at: int = NOW) -> LogRow:
    return LogRow(
        at, "home", profile, "", qname, 28, "block", "category", "games", "", "boards", qname, ""
    )


def write(home: Home, *rows: LogRow, **counts: int) -> None:
    """Let the log have rows, and counts of blocked games by profile."""
    log = QueryLog(home.data)
    for each in rows:
        log.add(each)
    for profile, count in counts.items():
        for _ in range(count):
            log.count(CountKey("home", profile, NOW // 3600, "block", "category", "games"))
    log.stop()


def test_an_empty_log_is_empty(home: Home) -> None:
    assert home.json("log") == []
    assert home.json("log", "counts") == []
    assert len(home.ok("log").splitlines()) == 1


def test_a_row_says_who_asked_what_and_what_happened_in_the_words_of_the_answer(
    home: Home,
) -> None:
    write(home, row("chess.example", at=1_800_000_000))
    assert home.json("log") == [
        {
            "at": "2027-01-15T08:00:00Z",
            "household": "home",
            "profile": "mia",
            "device": "",
            "name": "chess.example",
            "action": "block",
            "reason": "category",
            "category": "games",
            "service": "",
            "list": "boards",
            "rule": "chess.example",
            "via": "",
            "type": "AAAA",
            "text": "category: games (list boards)",
        }
    ]
    line = home.ok("log").splitlines()[1]
    assert line.startswith("2027-01-15 08:00  mia ")
    assert line.endswith("chess.example  AAAA  block   category: games (list boards)")


def test_the_newest_come_last_and_as_many_as_asked_for(home: Home) -> None:
    write(home, row("a.example"), row("b.example", "tom"), row("c.example"))
    assert [each["name"] for each in home.json("log", "--limit", "2")] == ["b.example", "c.example"]
    assert [each["name"] for each in home.json("log", "--profile", "mia")] == [
        "a.example",
        "c.example",
    ]


def test_a_name_in_another_script_is_shown_in_it_and_nothing_steers_the_terminal(
    home: Home,
) -> None:
    write(home, row("xn--bcher-kva.example"), row("a\\027[2j.example"))
    text = home.ok("log")
    assert "bücher.example" in text
    assert "\x1b" not in text


def test_counts_are_by_hour_person_and_category(home: Home) -> None:
    write(home, mia=3, tom=1)
    counts = home.json("log", "counts")
    assert [(each["profile"], each["category"], each["count"]) for each in counts] == [
        ("mia", "games", 3),
        ("tom", "games", 1),
    ]
    assert counts[0]["hour"].endswith(":00:00Z")
    assert len(home.json("log", "counts", "--profile", "tom")) == 1
    assert "category  games     3" in home.ok("log", "counts")


def test_erasing_takes_all_of_one_person_and_nothing_of_others(home: Home) -> None:
    write(home, row("a.example"), row("b.example", "tom"), mia=3, tom=1)
    home.ok("log", "erase", "mia", "--yes")
    assert [each["profile"] for each in home.json("log")] == ["tom"]
    assert [each["profile"] for each in home.json("log", "counts")] == ["tom"]
    assert not any(b"a.example" in file.read_bytes() for file in home.data.iterdir())


def test_erasing_is_asked_about(home: Home) -> None:
    write(home, row("a.example"))
    assert home.call("log", "erase", "mia", typed="n\n").exit_code == 1
    assert len(home.json("log")) == 1
    assert home.call("log", "erase", "mia", typed="y\n").exit_code == 0
    assert home.json("log") == []


def test_how_long_backups_have_what_was_deleted_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase = ("log", "erase", "mia", "--yes")
    assert "backups" not in home.ok(*erase)
    monkeypatch.setenv("COPDNS_BACKUP__FOLDER", str(home.data))
    assert "for 7 days at most" in home.ok(*erase)
    home.ok("profile", "add", "zoe", "--band", "7-9")
    assert "for 7 days at most" in home.ok("profile", "remove", "zoe")


def test_an_unknown_person_is_told_but_one_who_was_removed_can_be_erased(home: Home) -> None:
    write(home, row("a.example", "zoe"), bo=1)
    for words in (["log", "--profile", "mai"], ["log", "erase", "mai", "--yes"]):
        result = home.call(*words)
        assert result.exit_code == 1
        assert "did you mean mia?" in result.stderr
    for profile in ("zoe", "bo", "guest"):
        home.ok("log", "erase", profile, "--yes")


def test_options_before_a_command_below_are_not_lost_silently(home: Home) -> None:
    assert home.call("log", "-f", "counts").exit_code == 2
    assert home.call("log", "--profile", "mia", "counts").exit_code == 2


def test_following_yields_what_comes_and_nothing_twice(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, row("old.example"))
    batches: Iterator[list[str]] = iter([["a.example", "b.example"], ["c.example"]])

    def meanwhile(_seconds: float) -> None:
        names = next(batches, None)
        if names is None:
            raise KeyboardInterrupt
        write(home, *map(row, names))

    monkeypatch.setattr(log_module.time, "sleep", meanwhile)
    lines = home.ok("log", "-f", "--json", "--profile", "mia").splitlines()
    assert [json.loads(line)["name"] for line in lines] == [
        *("old.example", "a.example", "b.example", "c.example")
    ]


def test_following_ends_well_with_ctrl_c(home: Home) -> None:
    write(home, row("old.example"))
    process = home.process("log", "-f")
    assert process.stdout is not None
    assert "old.example" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == ""
    assert process.returncode == 0


def test_erasing_takes_answered_appeals_along_and_the_child_reads_that_it_was_done(
    home: Home,
) -> None:
    to = ContestedVerdict(Action.BLOCK, Reason.RULE, rule="games.example")
    ask = AppealRequest(
        "mia", "tablet", AppealKind.NAME, to, name="games.example", words="For the play."
    )

    appeal = home.file_appeal(ask, NOW).id
    write(home, row("a.example"))
    home.ok("log", "erase", "mia", "--yes")
    (waiting,) = home.json("appeal", "list")
    assert (waiting["id"], waiting["words"]) == (appeal, "")
    home.ok("appeal", "decide", appeal, "--no", "--reason", "not_yet_for_age")
    home.ok("log", "erase", "mia", "--yes")
    assert home.json("appeal", "list", "--all") == []
    assert home.json("household", "history")[-1]["what"].startswith("profile mia: records deleted")
