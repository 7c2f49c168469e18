"""The names of the bench are the same everywhere, and each is listed or it is not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import mean

from tests.bench.names import OPEN, QUESTIONS, changed, listed, name, write_hot_set

MANY = 20_000


def test_a_number_is_the_same_name_on_every_machine() -> None:
    assert [name(0), name(1), name(OPEN)] == [
        "www.bababababa-shop.com.example",
        "safomizate.net.example",
        "m.vozofariki-club.net.example",
    ]


def test_no_name_covers_another() -> None:
    names = {*listed(MANY), *(name(OPEN + number) for number in range(MANY))}
    assert len(names) == 2 * MANY
    above = {each.partition(".")[2] for each in names}
    assert not names & above


def test_a_short_list_is_the_beginning_of_a_long_one() -> None:
    assert list(listed(100)) == list(listed(MANY))[:100]


def test_lengths_are_like_those_of_public_lists() -> None:
    names = [each.removesuffix(".example") for each in listed(MANY)]
    assert 15 < mean(map(len, names)) < 22  # public lists: 15 to 26
    assert max(len(label) for each in names for label in each.split(".")) <= 63


def test_three_questions_in_ten_are_about_listed_names(tmp_path: Path) -> None:
    hot_set = write_hot_set(tmp_path, MANY)
    asked = [line.split() for line in hot_set.hot.read_text().splitlines()]
    inside = set(listed(MANY))
    assert len(asked) == QUESTIONS
    assert all((kind == "blocked") == (each in inside) for each, kind in asked)
    assert 0.29 < sum(kind == "blocked" for _, kind in asked) / QUESTIONS < 0.31
    only_blocked = [line.split() for line in hot_set.hot_blocked.read_text().splitlines()]
    assert only_blocked == [each for each in asked if each[1] == "blocked"]


def test_few_names_get_most_of_the_questions(tmp_path: Path) -> None:
    hot_set = write_hot_set(tmp_path, MANY)
    counts = Counter(hot_set.hot.read_text().splitlines()).most_common()
    assert len(hot_set.each.read_text().splitlines()) == hot_set.size == 10_000
    assert sum(count for _, count in counts[:100]) > QUESTIONS * 0.45


def test_an_update_leaves_the_hot_set_as_it_was(tmp_path: Path) -> None:
    hot = write_hot_set(tmp_path, 1000).each.read_text().split()
    after = set(changed(1000, "marker.example"))
    assert "marker.example" in after
    assert len(after) == 991
    assert set(hot[0::2]) & set(listed(1000)) <= after
