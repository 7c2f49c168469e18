"""`copdns appeal`: the guardian's road without a browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copdns.appeals.age import age_request
from copdns.appeals.appeal import Appeal, AppealKind, AppealRequest, contest
from copdns.model.household import Band, Profile
from copdns.model.verdict import Action, Reason, Verdict
from tests.reading import has_word
from tests.unit.appealing import ask
from tests.unit.calling import Home

NOON = 1_795_518_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr("time.time", lambda: NOON)
    found = Home(tmp_path)
    found.ok("rule", "add", "block", "other.example")  # so that the family is stored
    return found


def filed(home: Home, sent: AppealRequest | None = None) -> Appeal:
    return home.file_appeal(sent or boards(), NOON - 60)


def opened(home: Home, *lasts: str) -> None:
    """Answer that a list was wrong; without more the rule is for everyone."""
    lasts = lasts or ("--for", "always", "--everyone")
    home.ok("appeal", "decide", filed(home).id, "--yes", "--reason", "list_error", *lasts)


def boards() -> AppealRequest:
    to = contest(
        Verdict(
            *(Action.BLOCK, Reason.CATEGORY, 13, "games"),
            list="boards",
            list_version="v7",
            rule="chess.example",
        )
    )
    return ask("chess.example", to=to, words="for the \x1b[31mclub", kind=AppealKind.CATEGORY)


def test_what_waits_is_listed_and_what_was_answered_only_when_asked_for(home: Home) -> None:
    found = filed(home)
    text = home.ok("appeal", "list")
    assert "chess.example is not games" in text
    assert "for the [31mclub" in text
    assert "\x1b" not in text
    home.ok("appeal", "decide", found.id, "--no", "--reason", "not_yet_for_age")
    assert home.json("appeal", "list") == []
    (shown,) = home.json("appeal", "list", "--all")
    assert (shown["id"], shown["state"], shown["kind"]) == (found.id, "refused", "category")
    assert shown["answers"][0]["reason"] == "not_yet_for_age"


def test_what_a_yes_opens_is_shown_before(home: Home) -> None:
    found = filed(home)
    text = home.ok("appeal", "show", found.id)
    assert "chess.example (lifts lists and rules)" in text
    shown = home.json("appeal", "show", found.id)
    assert (shown["opens"]["names"], shown["opens"]["content"]) == (["chess.example"], True)
    trap = ask("trap.example", to=contest(Verdict(Action.BLOCK, Reason.SECURITY, 5, "malware")))
    closed = filed(home, trap)
    shown = home.json("appeal", "show", closed.id)
    assert shown["opens"] is None
    assert shown["why_not"] in home.ok("appeal", "show", closed.id)


def test_what_ends_a_yes_first_is_shown_before_and_after(home: Home) -> None:
    found = filed(home)
    assert "nothing before 2026-11-24 13:00" in home.ok("appeal", "show", found.id)
    home.ok("schedule", "add", "lunch", "12:20-13:30", "--profile", "mia")
    text = home.ok("appeal", "show", found.id)
    assert "schedule lunch, 2026-11-24 12:20" in text
    ends = home.json("appeal", "show", found.id)["ends_first"]
    assert (ends["reason"], ends["id"], ends["at"]) == ("schedule", "lunch", "2026-11-24T11:20:00Z")
    words = ("--yes", "--reason", "fair_enough", "--for", "1h")
    text = home.ok("appeal", "decide", found.id, *words)
    assert "ends first: schedule lunch, 2026-11-24 12:20" in text


def test_a_yes_for_an_hour_opens_it(home: Home) -> None:
    found = filed(home)
    words = ("--yes", "--reason", "fair_enough", "--for", "1h")
    text = home.ok("appeal", "decide", found.id, *words)
    assert text.startswith(
        f"request {found.id} from mia: granted until 2026-11-24 13:00 (grant g1)"
    )
    assert json.loads(home.call("check", "chess.example", "--profile", "mia", "--json").stdout)[
        "action"
    ] == ("allow")
    (grant,) = home.json("grant", "list")
    assert (grant["origin"], grant["about"]) == ("appeal", "chess.example")


def test_a_yes_for_always_and_everyone_is_a_rule(home: Home) -> None:
    found = filed(home)
    words = ("--yes", "--reason", "list_error", "--for", "always", "--everyone")
    shown = home.json("appeal", "decide", found.id, *words)
    assert shown["answers"][0]["made"] == ["rule r3"]
    assert "chess.example" in home.ok("rule", "list")
    assert home.json("appeal", "errors") == [
        {
            "name": "chess.example",
            "list": "boards",
            "category": "games",
            "still": True,
            "closed": False,
        }
    ]
    assert "yes" in home.ok("appeal", "errors")
    (home.folder / "boards.txt").write_text("www.go.example\n")
    assert not home.json("appeal", "errors")[0]["still"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--yes",),
        ("--no",),
        ("--no", "--reason", "agreed_time", "--for", "1h"),
        ("--yes", "--reason", "fair_enough", "--for", "soon"),
    ],
)
def test_an_answer_without_a_reason_or_with_what_does_not_fit_is_no_usage(
    home: Home, words: tuple[str, ...]
) -> None:
    found = filed(home)
    assert home.call("appeal", "decide", found.id, *words).exit_code == 2
    assert home.json("appeal", "list")[0]["state"] == "open"


@pytest.mark.parametrize(
    "words",
    [
        ("--no", "--reason", "fair_enough"),
        ("--yes", "--reason", "agreed_time"),
        ("--talk", "--reason", "trial"),
        ("--no", "--reason", "agreed_time"),  # no time blocks it, so it works again at none
        ("--yes", "--reason", "minutes_wrong"),
        ("--yes", "--reason", "waited_too_long"),  # for copdns itself
    ],
)
def test_a_reason_that_does_not_fit_the_answer_is_told_in_words(
    home: Home, words: tuple[str, ...]
) -> None:
    found = filed(home)
    done = home.call("appeal", "decide", found.id, *words)
    assert done.exit_code == 1
    assert home.json("appeal", "list")[0]["state"] == "open"


def test_what_is_told_to_a_maintainer_says_nothing_of_the_child(home: Home) -> None:
    found = filed(home)
    text = home.ok("appeal", "report", found.id)
    for each in ("chess.example", "boards", "v7", "games"):
        assert each in text
    for each in ("mia", "Mia", "club", found.id, "2026", "phone", "Example family"):
        assert not has_word(text, each), each
    ruled = filed(home, ask("other.example", to=contest(Verdict(Action.BLOCK, Reason.RULE, 10))))
    assert home.call("appeal", "report", ruled.id).exit_code == 1


def test_an_appeal_that_is_not_there_is_told_and_looking_makes_no_file(tmp_path: Path) -> None:
    empty = Home(tmp_path)
    assert empty.json("appeal", "list") == []
    assert empty.json("appeal", "errors") == []
    for command in (["show", "k7qf2m9d"], ["decide", "x", "--no", "--reason", "agreed_time"]):
        done = empty.call("appeal", *command)
        assert done.exit_code == 1
        assert "there is no request" in done.output
    assert not empty.data.exists()


def test_a_list_that_is_wrong_again_is_told_and_audited(home: Home) -> None:
    """The names of accepted appeals are asked of every version of a list."""
    opened(home)
    boards = home.folder / "boards.txt"
    before = boards.read_text()
    (found,) = home.json("lists", "audit")["list_errors"]
    assert (found["name"], found["still"]) == ("chess.example", True)
    assert "chess.example, a confirmed false positive" in home.ok("lists", "status")
    boards.write_text(before.replace("chess.example", "checkers.example"))
    (found,) = home.json("appeal", "errors")
    assert (found["still"], found["closed"]) == (False, False)
    assert "a confirmed false positive" not in home.ok("lists", "status")
    boards.write_text(before)
    (listed,) = [each for each in home.json("lists", "status") if each["list"] == "boards"]
    assert [each["still"] for each in listed["errors"]] == [True]
    assert "of which 1 still listed" in home.ok("lists", "audit")


def test_what_a_rule_opened_stays_open_and_what_a_permission_opened_closes_again(
    home: Home,
) -> None:
    opened(home, "--for", "1h")
    assert home.json("appeal", "errors")[0]["closed"] is False
    (grant,) = home.json("grant", "list")
    home.ok("grant", "end", grant["id"])
    assert home.json("appeal", "errors")[0]["closed"] is True
    assert "rule add allow chess.example` allows it" in home.ok("lists", "status")
    home.ok("rule", "add", "allow", "chess.example")
    assert home.json("appeal", "errors")[0]["closed"] is False


def test_an_audit_of_a_table_asks_them_besides(home: Home) -> None:
    table = home.folder / "table.tsv"
    table.write_text("NEWS\tnews.example\n")
    assert home.json("lists", "audit", str(table))["list_errors"] == []
    assert "no false positives were confirmed" in home.ok("lists", "audit")
    opened(home)
    assert "Confirmed false positives" in home.ok("lists", "audit", str(table))
    assert home.call("lists", "audit", "--keep").exit_code == 2


def test_an_age_group_is_answered_with_its_settings_in_sight(home: Home) -> None:
    mia = Profile("mia", "Mia", Band.TO_9)
    found = filed(home, age_request(mia, "tablet", Band.TO_12, "", NOON))
    assert "age group 10-12, not 7-9" in home.ok("appeal", "list")
    shown = home.json("appeal", "show", found.id)
    assert (shown["band"], shown["wanted_band"], shown["opens"]["band"]) == (
        "7-9",
        "10-12",
        "10-12",
    )
    assert shown["opens"]["settings"]
    text = home.ok("appeal", "show", found.id)
    assert all(each in text for each in shown["opens"]["settings"])
    words = ("appeal", "decide", found.id)
    assert home.call(*words, "--no", "--reason", "unsafe_contact").exit_code == 1
    assert home.call(*words, "--no", "--reason", "age_right", "--band", "13-15").exit_code == 2
    home.ok(*words, "--yes", "--reason", "older_now", "--only-age")
    assert home.json("profile", "show", "mia")["band"] == "10-12"


def test_an_age_group_is_confirmed(home: Home) -> None:
    assert "confirmed:" in home.ok("profile", "show", "mia")
    text = home.ok("profile", "confirm-age", "mia")
    assert text == "profile mia: the age group 7-9 is confirmed\n"
    assert home.call("profile", "confirm-age", "bo").exit_code == 1
