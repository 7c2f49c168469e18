"""`copdns report`: a month in counts, to be shown to the whole family."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import pytest

from copdns.accounts.account import ViewedPart
from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.model.verdict import Action, Reason
from copdns.privacy.retention import CountKey, LogRow
from copdns.store.household_db.looks import Looks
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from tests.unit.calling import Home

NOW = int(time.time())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.ok("household", "set", "--timezone", "UTC")
    log = QueryLog(made.data)
    hour = NOW // 3600
    log.add(
        LogRow(NOW, "home", "mia", "", "secret.example", 1, "block", "category", "", "", "", "", "")
    )
    for who, category, n in (
        ("mia", "games", 12),
        ("mia", "health_emergency_rights", 40),
        ("tom", "gambling", 3),
        ("ada", "games", 77_777),
    ):
        log.count(CountKey("home", who, hour, "block", "category", category), n)
    log.stop()
    return made


def decided(home: Home) -> None:
    to = ContestedVerdict(Action.BLOCK, Reason.CATEGORY, list="boards", category="games")
    ask = AppealRequest(
        "mia", "tablet", AppealKind.NAME, to, name="chess.example", words="For the club."
    )

    appeal = home.file_appeal(ask, NOW).id
    home.ok("appeal", "decide", appeal, "--yes", "--reason", "list_error", "--for", "1h")


def test_it_counts_blocks_by_category_and_appeals_and_errors_of_lists(home: Home) -> None:
    decided(home)
    found = home.json("report")
    mia = next(each for each in found["people"] if each["profile"] == "mia")
    assert {"about": "games", "n": 12} in mia["closed"]
    appeals = found["appeals"]
    assert (appeals["asked"], appeals["granted_percent"]) == (1, 100)
    assert appeals["median_hours"] < 1
    (boards,) = [each for each in found["lists"] if each["list"] == "boards"]
    assert (boards["errors"], boards["still"]) == (1, 1)


def test_no_name_no_adult_and_no_telling_category_is_in_it(home: Home) -> None:
    decided(home)
    for printed in (json.dumps(home.json("report")), home.ok("report")):
        for word in ("secret.example", "chess.example", "club", "health_emergency", "77777"):
            assert word not in printed, word
        assert not re.search(r"\bada\b", printed)


def test_a_small_number_is_few(home: Home) -> None:
    found = home.json("report")
    tom = next(each for each in found["people"] if each["profile"] == "tom")
    assert (tom["blocked"], tom["closed"]) == (None, [{"about": "gambling", "n": None}])
    assert "few" in home.ok("report")


def test_a_person_of_whom_nothing_is_kept_is_not_counted(home: Home) -> None:
    home.ok("profile", "set", "mia", "--privacy", "off")
    (mia, _) = home.json("report")["people"]
    assert (mia["asked"], mia["closed"], mia["minutes"]) == (None, [], {})
    assert "not recorded" in home.ok("report")


def test_it_is_a_look_at_counts(home: Home) -> None:
    home.ok("report")
    with StoreThread.open(home.data) as thread:
        found = asyncio.run(Looks(thread).of("home", "mia"))
    assert {each.view for each in found} == {ViewedPart.COUNTS, ViewedPart.USAGE}


def test_another_month_and_no_month_at_all(home: Home) -> None:
    found = home.json("report", "--month", "2020-02")
    assert (found["from"], found["until"]) == ("2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z")
    assert "counts have been deleted" in home.ok("report", "--month", "2020-02")
    result = home.call("report", "--month", "2026-13")
    assert (result.exit_code, "not a valid month" in result.stderr) == (2, True)
