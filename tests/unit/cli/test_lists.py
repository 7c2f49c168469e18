"""`copdns lists`: which lists are in force, and which of them hold a name."""

from __future__ import annotations

import time

import pytest

from copdns.privacy.list_counts import ListCountKey, ListCountKind, week_of
from copdns.store.log_db.querylog import QueryLog
from tests.unit.calling import Home


def test_every_list_is_shown_with_what_of_it_is_in_force(home: Home) -> None:
    (home.folder / "boards.txt").write_text("chess.example\nchess.example\nchildline.org.uk\n^x^\n")
    (boards,) = [each for each in home.json("lists", "status") if each["list"] == "boards"]
    assert boards.pop("version")
    assert boards == {
        "list": "boards",
        "kind": "category",
        "about": "games",
        "title": "boards",
        "licence": "",
        "maintainer": "",
        "report": "",
        "used": 1,
        "unused": {"duplicate": 1, "name": 1, "protected": 1},
        "problems": [{"line": 4, "reason": "name", "text": "^x^"}],
        "held": [],
        "error": "",
        "compiled": True,
        "url": "",
        "fetched_at": None,
        "checked_at": None,
        "age": None,
        "octets": 0,
        "fetch_error": "",
        "failures": 0,
        "waiting": None,
        "log_only_until": None,
        "log_only_count": None,
        "errors": [],
    }
    text = home.ok("lists", "status")
    assert "1 duplicate, 1 name, 1 protected" in text
    assert "boards, line 4: name: ^x^" in text


def test_what_a_list_would_have_taken_away_is_told(home: Home) -> None:
    (home.folder / "boards.txt").write_text("chess.example\nakamaiedge.net\na.login.live.com\n")
    (boards,) = [each for each in home.json("lists", "status") if each["list"] == "boards"]
    assert (boards["used"], boards["unused"]) == (1, {"infrastructure": 2})
    assert boards["held"] == [
        {"entry": "a.login.live.com", "reason": "infrastructure", "name": "login.live.com"},
        {"entry": "akamaiedge.net", "reason": "infrastructure", "name": "akamaiedge.net"},
    ]
    text = home.ok("lists", "status")
    assert "2 infrastructure" in text
    assert "boards, left out: infrastructure: akamaiedge.net" in text


def test_the_bundled_lists_name_their_licence_and_where_mistakes_are_told(home: Home) -> None:
    (starter,) = [each for each in home.json("lists", "status") if each["list"] == "starter-games"]
    assert starter["licence"] == "Apache-2.0"
    assert starter["report"]
    assert starter["used"] > 0


def test_a_list_that_cannot_be_read_is_told(home: Home) -> None:
    (home.folder / "boards.txt").unlink()
    text = home.ok("lists", "status")
    assert "boards is not loaded: " in text
    assert "No such file" in text


def test_services_and_protected_groups_are_lists_too(home: Home) -> None:
    kinds = {each["kind"] for each in home.json("lists", "status")}
    assert {"service", "protected", "canary", "security", "category", "bypass"} <= kinds
    assert "roblox" not in home.ok("lists", "status")
    assert "use --all" in home.ok("lists", "status")
    assert "roblox" in home.ok("lists", "status", "--all")


def test_a_name_is_found_in_every_list_that_holds_it_by_its_entry(home: Home) -> None:
    found = home.json("lists", "search", "www.Chess.example")["entries"]
    assert [(each["list"], each["kind"], each["entry"]) for each in found] == [
        ("boards", "category", "chess.example")
    ]
    assert "boards  category  games  chess.example" in home.ok(
        "lists", "search", "www.chess.example"
    )


@pytest.mark.parametrize(
    ("name", "kind", "about"),
    [
        ("www.clubchat.example", "service", "clubchat"),  # the household's own
        ("roblox.com", "service", "roblox"),
        ("www.school.example", "protected", "household"),
        ("childline.org.uk", "protected", "child_helpline"),
        ("use-application-dns.net", "canary", "firefox_doh"),
    ],
)
def test_services_protected_names_and_signals_are_found(
    home: Home, name: str, kind: str, about: str
) -> None:
    found = home.json("lists", "search", name)["entries"]
    assert (kind, about) in {(each["kind"], each["about"]) for each in found}


def test_a_name_that_nothing_holds_is_said_to_be_free(home: Home) -> None:
    assert home.ok("lists", "search", "a.example") == "no list contains a.example\n"
    assert home.json("lists", "search", "a.example")["entries"] == []


def test_a_search_engine_is_named(home: Home) -> None:
    assert home.json("lists", "search", "www.bing.com")["search_engines"] == ["Microsoft Bing"]
    assert "safe search: belongs to Microsoft Bing" in home.ok("lists", "search", "www.bing.com")


def test_what_is_open_to_somebody_is_written_as_a_zone(home: Home) -> None:
    (home.folder / "boards.txt").write_text("chess.example\n")
    home.ok("profile", "set", "mia", "--category", "games")
    lines = home.ok("lists", "export", "--rpz", "--profile", "mia").splitlines()
    assert lines[0] == "$TTL 60"
    assert "chess.example CNAME ." in lines
    assert "*.childline.org.uk CNAME rpz-passthru." not in lines  # nothing blocks it
    assert "chess.example CNAME ." not in home.ok("lists", "export", "--rpz", "--profile", "ada")
    assert home.call("lists", "export", "--rpz", "--profile", "bo").exit_code != 0
    hosts = home.ok("lists", "export", "--hosts", "--profile", "mia").splitlines()
    assert hosts[0].startswith("# copdns: the profile mia")
    assert "0.0.0.0 games.example" in hosts
    assert home.call("lists", "export", "--profile", "mia").exit_code == 2


TRIED = {"slug": "boards", "path": "boards.txt", "category": "games"}
TRIED |= {"format": "domains", "match": "subtree", "log_only": 3}


def test_a_list_on_trial_blocks_nothing_until_it_is_told_to(home: Home) -> None:
    home.set(lists=[TRIED])
    checked = home.json("check", "chess.example", "--profile", "mia")
    assert (checked["action"], checked["log_only"]) == ("allow", "boards")
    assert "the list boards would block it, but only counts for now" in home.ok(
        "check", "chess.example", "--profile", "mia"
    )
    assert home.ok("lists", "log-only", "boards", "--days", "0") == "boards: blocks now\n"
    assert home.json("check", "chess.example", "--profile", "mia")["action"] == "block"


def test_any_list_of_a_category_can_be_put_on_trial(home: Home) -> None:
    assert home.json("check", "chess.example", "--profile", "mia")["action"] == "block"
    assert "boards: only counts until " in home.ok("lists", "log-only", "boards")
    assert home.json("check", "chess.example", "--profile", "mia")["action"] == "allow"
    (boards,) = [each for each in home.json("lists", "status") if each["list"] == "boards"]
    assert boards["log_only_until"]
    assert boards["log_only_count"] is None
    assert "boards: only counts until " in home.ok("lists", "status")
    assert "too few people yet" in home.ok("lists", "status")


def test_a_list_against_harm_is_never_on_trial(home: Home) -> None:
    assert "on trial" in home.call("lists", "log-only", "starter-malware").output
    assert "there is no list chess" in home.call("lists", "log-only", "chess").output
    home.set(lists=[TRIED | {"category": "malware"}])
    assert home.call("lists", "status").exit_code == 78
    home.set(lists=[TRIED | {"opens": True}])
    assert home.call("lists", "status").exit_code == 78


def test_the_scores_of_lists_are_those_that_were_noted(home: Home) -> None:
    assert "nothing is noted yet" in home.ok("lists", "score")
    log = QueryLog(home.data)
    home.data.mkdir(exist_ok=True)
    log.stop()  # makes the file, and closes it
    week = week_of(time.time())
    log.note_lists({ListCountKey("home", "boards", week, ListCountKind.WRONG): 1})
    log.count_lists({ListCountKey("home", "boards", week, ListCountKind.CAUGHT): 30})
    (boards,) = home.json("lists", "score")
    assert (boards["list"], boards["label"]) == ("boards", "games")
    assert [(each["caught"], each["wrong"]) for each in boards["weeks"]] == [(30, 1)]
    assert boards["measured"] is None
    assert "boards" in home.ok("lists", "score", "boards")


def test_what_a_list_caught_and_took_when_it_was_measured_is_told(home: Home) -> None:
    said = home.ok("lists", "score", "ut1-games")
    assert "Measured for copdns on" in said
    assert "55 of 99" in said
    assert "47 of 7,944" in said


PASTED = "ludo.example\nakamaiedge.net\nlocalhost\n"


def fails(home: Home, *words: str, typed: str | None = None) -> str:
    done = home.call(*words, typed=typed)
    assert done.exit_code == 1, done.output
    return done.output


def test_a_pasted_list_is_kept_and_each_line_is_told(home: Home) -> None:
    assert home.json("lists", "own") == []
    said = home.ok("lists", "add", "Board games", "--from", "-", typed=PASTED)
    assert "board-games: 1 line used, 1 ignored, 1 refused" in said
    assert "refused: infrastructure" in said
    (own,) = home.json("lists", "own")
    assert own.pop("changed_at")
    assert own == {
        "list": "board-games",
        "title": "Board games",
        "category": "board-games",
        "format": "domains",
        "match": "subtree",
    }
    (status,) = [each for each in home.json("lists", "status") if each["list"] == "board-games"]
    assert (status["used"], status["title"]) == (1, "Board games")
    home.ok("profile", "set", "mia", "--category", "board-games")
    found = home.json("check", "a.ludo.example", "--profile", "mia")
    assert (found["action"], found["list"]) == ("block", "board-games")
    assert fails(home, "lists", "remove", "board-games")
    lines = home.json("lists", "lines", "board-games")
    assert [each["outcome"] for each in lines["lines"]] == ["taken", "refused", "ignored"]


def test_a_pasted_list_is_replaced_and_removed(home: Home) -> None:
    (home.folder / "pasted.txt").write_text("0.0.0.0 ludo.example\n0.0.0.0 go.example\n")
    file = str(home.folder / "pasted.txt")
    home.ok("lists", "add", "Pasted", "--from", file, "--category", "games")
    (home.folder / "pasted.txt").write_text("go.example\n")
    more = ("--replace", "pasted", "--exact")
    found = home.json("lists", "add", "Other", "--from", file, *more)
    assert (found["list"], found["title"], found["category"]) == ("pasted", "Other", "games")
    assert (found["format"], found["match"], found["taken"]) == ("domains", "exact", 1)
    assert home.ok("lists", "remove", "pasted") == "pasted: removed\n"
    assert home.json("lists", "own") == []
    for command in ("remove", "lines"):
        fails(home, "lists", command, "pasted")


def test_a_list_that_cannot_be_used_is_not_kept(home: Home) -> None:
    said = fails(home, "lists", "add", "X", "--from", "-", typed="what is")
    assert "no line of this list" in said
    assert "category" in fails(
        home, "lists", "add", "X", "--from", "-", "--category", "nothing", typed=PASTED
    )
    assert home.json("lists", "own") == []
