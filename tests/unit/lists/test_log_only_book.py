"""Lists that only count at first: from when, until when, and which."""

from __future__ import annotations

from copdns.lists.log_only_book import LogOnly, begin, counting, set_days

DAY = 86_400.0
NOW = 1_774_800_000.0


def test_a_new_list_only_counts_for_its_days_and_then_blocks() -> None:
    wanted = {"boards": 3}
    assert counting({}, wanted, NOW) == {"boards"}  # before its period is noted
    book = begin({}, wanted, NOW)
    assert book == {"boards": LogOnly(NOW, NOW + 3 * DAY)}
    assert counting(book, wanted, NOW + 3 * DAY - 1) == {"boards"}
    assert counting(book, wanted, NOW + 3 * DAY) == frozenset()


def test_a_period_is_not_begun_a_second_time() -> None:
    wanted = {"boards": 3}
    book = begin({}, wanted, NOW)
    assert begin(book, wanted, NOW + 9 * DAY) == book
    blocking = set_days(book, "boards", 0, NOW + DAY)
    assert begin(blocking, wanted, NOW + DAY) == blocking
    assert counting(blocking, wanted, NOW + DAY) == frozenset()


def test_a_list_that_was_gone_from_the_settings_is_a_new_one_when_it_comes_back() -> None:
    book = begin({}, {"boards": 3}, NOW)
    later = NOW + 4 * DAY
    assert begin(book, {}, later) == {}
    assert counting(begin({}, {"boards": 3}, later), {"boards": 3}, later) == {"boards"}


def test_any_list_can_be_set_to_count_from_now_on() -> None:
    book = set_days({}, "ut1-games", 3, NOW)
    assert counting(book, {}, NOW) == {"ut1-games"}
    assert begin(book, {}, NOW + DAY) == book  # though the settings do not ask for it
    assert begin(book, {}, NOW + 3 * DAY) == {}
