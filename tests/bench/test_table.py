"""The tables say what was measured: no more, no less, and plainly where an aim is missed."""

from __future__ import annotations

import pytest

from tests.bench.aims import CHAIN, LANE, MANY, verdicts
from tests.bench.table import held_up, ratio, tables
from tests.bench.workloads import Sample, Values


def rounds(workload: str, server: str, *values: Values) -> list[Sample]:
    return [Sample(workload, server, number, each) for number, each in enumerate(values)]


def rates(server: str, *numbers: float) -> list[Sample]:
    return rounds("hot", server, *({"rate": number, "lost": 0} for number in numbers))


def test_a_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    """A round in which the machine was slow was slow for both."""
    samples = rates("copdns", 100, 50, 90) + rates("unbound", 200, 100, 100)
    assert ratio(samples, "hot", "rate", "copdns", "unbound") == 0.5


def test_rounds_that_only_one_took_part_in_give_no_ratio() -> None:
    samples = rates("copdns", 100, 300) + rates("unbound", 100)
    assert ratio(samples, "hot", "rate", "copdns", "unbound") == 1
    assert ratio(samples, "hot", "rate", "copdns", "dnsdist") is None


def test_a_table_has_a_line_for_each_server_and_nothing_that_was_not_measured() -> None:
    text = tables(rates("unbound", 1000, 2000, 4000) + rates("copdns", 500, 1000), ["unbound"])
    head, *lines = [line.split() for line in text.splitlines()[1:]]
    assert "hot set" in text
    assert "memory" not in text
    assert head[-2:] == ["of", "unbound"]
    assert [line[0] for line in lines] == ["copdns", "unbound"]
    assert lines[0][1:3] == ["750", "500-1,000"]
    assert lines[1][1:3] == ["2,000", "1,000-4,000"]
    assert lines[0][3] == "-"  # p50, which these rounds did not give
    assert [line[-1] for line in lines] == ["0.50", "1.00"]


def test_what_was_lost_in_any_round_is_counted() -> None:
    samples = rounds("latency", "copdns", {"p99": 100, "lost": 2}, {"p99": 90, "lost": 1})
    assert tables(samples, []).splitlines()[2].split()[-3] == "3"


def test_a_load_generator_that_was_held_up_says_so() -> None:
    assert held_up(rounds("latency", "copdns", {"behind": 900.0})) == ""
    text = held_up(rounds("latency", "copdns", {"behind": 900.0}, {"behind": 25_000.0}))
    assert text.startswith("in 1 round (latency)")
    assert "25 ms" in text


def line(text: str, about: str) -> str:
    return next(each for each in text.splitlines() if each.startswith(about))


@pytest.mark.parametrize(
    ("ours", "word"), [(950, "reached"), (900, "reached"), (890, "SHORT OF THE AIM")]
)
def test_a_line_that_is_short_of_its_aim_says_so(ours: float, word: str) -> None:
    text = verdicts(rates(LANE, ours) + rates("unbound", 1000), 1000)
    assert line(text, "hot set").endswith(word)


def test_one_lost_answer_in_one_round_is_short_of_the_aim() -> None:
    lost = [{"lost": 0.0}, {"lost": 1.0}, {"lost": 0.0}]
    text = verdicts(rounds("latency", LANE, *lost), 1000)
    assert line(text, "lost at").endswith("SHORT OF THE AIM")


def test_an_aim_about_a_million_names_is_not_judged_by_fewer() -> None:
    samples = rounds("memory", LANE, {"rss": 70.0})
    assert line(verdicts(samples, 1_000), "RSS").endswith("it is about 1,000,000 names")
    assert line(verdicts(samples, 1_000_000), "RSS").endswith("reached")


def test_an_aim_without_numbers_is_not_judged() -> None:
    assert line(verdicts([], 1000), "hot set").endswith("not measured")


def test_what_a_town_takes_more_than_a_family_is_a_difference() -> None:
    samples = rounds("memory", MANY, {"rss": 95.0}) + rounds("memory", CHAIN, {"rss": 70.0})
    text = verdicts(samples, 1000)
    found = next(each for each in text.splitlines() if "more than" in each)
    assert found.split()[-2:] == ["25.00", "reached"]
