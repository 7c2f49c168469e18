"""The tables say what was measured: no more, no less, and plainly where an aim is missed."""

from __future__ import annotations

import pytest

from tests.bench.aims import CHAIN, LANE, MANY, verdicts
from tests.bench.table import glance, log_rows, markdown, ratio, side_by_side, tables
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
    assert ratio(samples, "hot", "rate", "copdns", "unbound", "dnsdist") is None


def test_the_faster_of_two_is_another_one_in_each_round() -> None:
    samples = rates("copdns", 100, 100, 100)
    samples += rates("unbound", 200, 50, 50) + rates("dnsdist", 100, 100, 400)
    assert ratio(samples, "hot", "rate", "copdns", "unbound", "dnsdist") == 0.5


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


def line(text: str, about: str) -> str:
    return next(each for each in text.splitlines() if each.startswith(about))


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (1500, "reached, with the 1.5 that is worth trying for"),
        (1350, "reached; 1.5 is worth trying for"),
        (1340, "SHORT OF THE AIM"),
    ],
)
def test_a_line_that_is_short_of_its_aim_says_so(ours: float, words: str) -> None:
    samples = rates(LANE, ours) + rates("unbound", 1000) + rates("dnsdist", 900)
    assert line(verdicts(samples, 1000), "hot set").endswith(words)


def test_a_latency_is_judged_by_the_rounds_in_which_nothing_else_ran() -> None:
    ours: list[Values] = [{"p99": 100.0}, {"p99": 900.0, "waited": 0.3}]
    samples = rounds("latency", LANE, *ours) + rounds("latency", "unbound", *[{"p99": 100.0}] * 2)
    assert "  1.00  reached, with" in line(verdicts(samples, 1000), "p99")
    assert line(verdicts(samples, 1000, busy=True), "p99").endswith("(the machine was busy)")
    stolen = [Sample("latency", each, 0, {"p99": 9.0, "stolen": 0.2}) for each in (LANE, "unbound")]
    assert line(verdicts(stolen, 1000), "p99").endswith("(no round was quiet)")


def test_rows_of_the_log_that_were_dropped_count_below_a_rate_only() -> None:
    fast, slow = {"rate": 120_000.0, "dropped": 5.0}, {"rate": 90_000.0, "dropped": 0.0}
    assert line(verdicts(rounds("hot", MANY, fast, slow), 1000), "rows").endswith("reached")
    slow["dropped"] = 1
    assert "SHORT" in line(verdicts(rounds("hot", MANY, fast, slow), 1000), "rows")


def test_one_lost_answer_in_one_round_is_short_of_the_aim() -> None:
    lost = [{"lost": 0.0}, {"lost": 1.0}, {"lost": 0.0}]
    text = verdicts(rounds("latency", LANE, *lost), 1000)
    assert line(text, "lost at").endswith("SHORT OF THE AIM")


def test_an_aim_about_a_million_names_is_not_judged_by_fewer() -> None:
    samples = rounds("memory", LANE, {"rss": 70.0})
    warm = "RSS when warm"
    assert line(verdicts(samples, 1_000), warm).endswith("it is about 1,000,000 names")
    assert line(verdicts(samples, 1_000_000), warm).endswith("reached")


def test_an_aim_without_numbers_is_not_judged() -> None:
    assert line(verdicts([], 1000), "hot set").endswith("not measured")


def test_what_a_town_takes_more_than_a_family_is_a_difference() -> None:
    samples = rounds("memory", MANY, {"rss": 95.0}) + rounds("memory", CHAIN, {"rss": 70.0})
    text = verdicts(samples, 1000)
    found = next(each for each in text.splitlines() if "more than" in each)
    assert found.split()[-2:] == ["25.00", "reached"]


def test_all_rates_stand_in_one_table_as_markdown_that_can_be_pasted() -> None:
    samples = rates("copdns", 1000, 3000) + rates("unbound", 1500, 1500)
    samples += rounds("tcp", "unbound", {"rate": 700.0})
    assert glance(samples, markdown).splitlines() == [
        "**questions a second, medians**",
        "",
        "|  | copdns | unbound |",
        "|---|---:|---:|",
        "| hot | 2,000 | 1,500 |",
        "| tcp | - | 700 |",
    ]
    assert glance([]) == ""


def test_a_rate_is_put_beside_the_faster_of_two_at_a_glance() -> None:
    samples = rates("copdns", 150, 100) + rates("unbound", 100, 50) + rates("dnsdist", 50, 200)
    text = glance(samples)
    assert "copdns of the faster of unbound and dnsdist" in text
    assert text.splitlines()[-1].split()[-1] == "1.00"  # the median of 1.5 and 0.5


def test_another_build_is_compared_with_its_like_round_by_round() -> None:
    samples = rates("copdns", 100, 200) + rates("copdns@before", 100, 100)
    samples += rates("copdns-chain", 50, 50) + rates("copdns-chain@before", 100, 100)
    samples += rounds("latency", "copdns", {"p99": 90.0, "p999": 400.0})
    samples += rounds("latency", "copdns@before", {"p99": 100.0, "p999": 200.0})
    text = side_by_side(samples, ["before"])
    *rows, _, worse = [each.split() for each in text.splitlines()[2:]]
    assert rows == [
        ["hot", "rate", "more", "1.50", "0.50"],
        ["latency", "p99", "less", "0.90", "-"],
        ["latency", "p999", "less", "2.00", "-"],
    ]
    assert " ".join(worse) == (
        "worse by more than 3%: hot rate, copdns-chain of before: 0.50; "
        "latency p999, copdns of before: 2.00"
    )
    alike = rates("copdns", 98) + rates("copdns@before", 100)
    assert side_by_side(alike, ["before"]).endswith("worse by more than 3%: nothing")
    assert side_by_side(samples, []) == ""


def test_the_log_tells_from_which_rate_on_rows_were_dropped() -> None:
    numbers = [(90_000.0, 0.0), (150_000.0, 30.0), (110_000.0, 0.0)]
    samples = rounds(
        "hot", MANY, *({"rate": rate, "dropped": lost, "sent": 10.0} for rate, lost in numbers)
    )
    row = log_rows(samples).splitlines()[2].split()
    assert row == [MANY, "30", "30", "110,000", "150,000"]
