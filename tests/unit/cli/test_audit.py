"""`copdns lists audit`: what is printed, for whom, and how a bad table is told."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from copdns.list_files import audit_results
from tests.unit.calling import Home

TABLE = """\
#list\tcategory_code\thost\turl
xx\tGAME\tchess.example\thttp://chess.example/
xx\tGAME\tpoker.example\thttp://poker.example/play
xx\tNEWS\tnews.example\thttp://news.example/
xx\tNEWS\twww.poker.example\thttps://www.poker.example/news
xx\tNEWS\t192.0.2.1\thttp://192.0.2.1/
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    rules = {"slug": "rules", "path": "rules.txt", "category": "games", "match": "subtree"}
    home.set(lists=[rules | {"format": "adblock"}])
    (tmp_path / "rules.txt").write_text("||example^\n||poker.example^\n@@||www.poker.example^\n")
    (tmp_path / "t.tsv").write_text(TABLE)
    return home


def audit(home: Home, *words: str) -> str:
    return home.ok("lists", "audit", str(home.folder / "t.tsv"), *words)


def test_labels_are_told_with_what_each_list_blocks_and_all_together(home: Home) -> None:
    lines = audit(home).splitlines()
    assert lines == [
        "4 domains, 2 labels, by all lists; left out: 1 without a public domain",
        "",
        "Blocked",
        "LABEL  LIST        DOMAINS  BLOCKED  SHARE",
        "GAME   rules       2        1        50.0 %",
        "GAME   (in total)  2        1        50.0 %",
        "NEWS   (in total)  2        0        0.0 %",
        "(all)  rules       4        1        25.0 %",
        "(all)  (in total)  4        1        25.0 %",
    ]


def test_wanted_labels_stand_apart_from_all_others(home: Home) -> None:
    first, second = audit(home, "--wanted", "GAME").split("\nShould not be blocked\n")
    assert "\nShould be blocked\n" in first
    assert "GAME " in first
    assert "NEWS" not in first
    assert "NEWS " in second
    assert "GAME" not in second


def test_what_should_not_be_blocked_is_kept_as_numbers_where_somebody_wants_that(
    home: Home,
) -> None:
    audit(home, "--wanted", "GAME")
    assert not [*home.folder.rglob(audit_results.FILE)]
    audit(home, "--wanted", "GAME", "--keep")
    (file,) = home.folder.rglob(audit_results.FILE)
    found = audit_results.load_results(file.parent)
    assert found is not None
    assert found.percent("no-such-list") is None
    assert found.percent("rules") == 100 * found.blocked["rules"] / found.names
    assert "example" not in file.read_text()


def test_the_person_or_the_age_says_which_lists_and_rules_are_asked(home: Home) -> None:
    assert "by Mia" in audit(home, "--profile", "mia")
    home.ok("rule", "add", "block", "news.example", "--profile", "mia")
    found = home.json("lists", "audit", str(home.folder / "t.tsv"), "--profile", "mia")
    blocked = {each["label"]: each["blocked"] for each in found["labels"]}
    assert blocked == {"GAME": 1, "NEWS": 1}
    assert "by age 7-9" in audit(home, "--band", "7-9")
    assert "(all)  (in total)  4        0  " in audit(home, "--band", "7-9")  # games stay open
    assert "(all)  (in total)  4        4  " in audit(home, "--band", "0-6")  # nothing else is


def test_json_holds_the_same(home: Home) -> None:
    found = home.json("lists", "audit", str(home.folder / "t.tsv"), "--wanted", "GAME,")
    rules = {"list": "rules", "blocked": 1, "percent": 50.0}
    game = {"names": 2, "blocked": 1, "percent": 50.0, "lists": [rules]}
    news = {"names": 2, "blocked": 0, "percent": 0.0, "lists": []}
    assert found == {
        "by": "all lists",
        "left_out": 1,
        "labels": [
            {"label": "GAME", "wanted": True, **game},
            {"label": "NEWS", "wanted": False, **news},
        ],
        "should_be": game,
        "should_not_be": news,
        "list_errors": [],
    }


def test_a_table_may_be_packed(home: Home) -> None:
    (home.folder / "t.tsv").write_bytes(gzip.compress(TABLE.encode()))
    assert "4 domains" in audit(home)


def test_a_table_may_be_piped_in(home: Home) -> None:
    assert "4 domains" in home.ok("lists", "audit", "-", typed=TABLE)


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (gzip.compress(TABLE.encode())[:-9], "incomplete; download it again"),
        (b"\x1f\x8bnot packed at all", "incomplete"),
        (b"NEWS\t\xff.example", "not a text file; save it as UTF-8"),
        (
            b"NEWS\tnews.example\nNEWS\tnews example\n",
            "t.tsv:2: 'news example' is not a valid domain",
        ),
    ],
)
def test_a_bad_table_is_told_in_words(home: Home, octets: bytes, words: str) -> None:
    (home.folder / "t.tsv").write_bytes(octets)
    result = home.call("lists", "audit", str(home.folder / "t.tsv"))
    assert result.exit_code == 1
    assert words in result.stderr


def test_a_table_that_is_not_there_is_told_too(home: Home) -> None:
    assert "Is a directory" in home.call("lists", "audit", str(home.folder)).stderr
    result = home.call("lists", "audit", str(home.folder / "none.tsv"))
    assert result.exit_code == 1
    assert "none.tsv: No such file or directory; choose a table" in result.stderr


def test_a_table_that_unpacks_without_end_is_refused(home: Home) -> None:
    (home.folder / "t.tsv").write_bytes(gzip.compress(b"\n" * (70 << 20), 1))
    result = home.call("lists", "audit", str(home.folder / "t.tsv"))
    assert result.exit_code == 1
    assert "larger than 64 MiB" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--profile", "mia", "--band", "7-9"), "cannot be combined"),
        (("--wanted", "GAME,PORN"), "no row has the label PORN; labels in TABLE: GAME, NEWS"),
        (("--band", "8"), "--band"),
    ],
)
def test_options_that_make_no_sense_are_told(home: Home, words: tuple[str, ...], told: str) -> None:
    result = home.call("lists", "audit", str(home.folder / "t.tsv"), *words)
    assert result.exit_code == 2
    assert told in result.stderr
