"""What stands in the log most often, without a trace of what may not be shown."""

from __future__ import annotations

from collections.abc import Callable

from copdns.privacy.retention import LogRow
from copdns.web.desk.activity.top_sites import Site, TopSites, top_sites


def row(qname: str, action: str = "block", *, device: str = "", service: str = "") -> LogRow:
    return LogRow(0, "home", "mia", device, qname, 1, action, "category", "", service, "", "", "")


def tops(
    *rows: LogRow, may_show: Callable[[LogRow], bool] = lambda _: True, most: int = 5
) -> TopSites:
    return top_sites(rows, may_show, lambda slug: slug == "secret", most)


def test_the_most_frequent_comes_first_and_a_tie_goes_by_name() -> None:
    found = tops(row("b.example"), row("c.example"), row("a.example"), row("c.example"))
    assert [each.name for each in found.blocked] == ["c.example", "a.example", "b.example"]
    assert found.blocked[0].n == 2
    assert found.rows == 4


def test_blocked_and_opened_sites_are_told_apart() -> None:
    found = tops(row("a.example"), row("a.example", "allow"), row("s.example", "rewrite"))
    assert found.blocked == (Site("a.example", "", 1),)
    assert found.opened == (Site("a.example", "", 1), Site("s.example", "", 1))


def test_what_may_not_be_shown_leaves_no_gap() -> None:
    rows = [row("other.example")] * 3 + [row(f"n{n}.example") for n in range(3)]
    found = tops(*rows, may_show=lambda each: each.qname != "other.example", most=2)
    assert [each.name for each in found.blocked] == ["n0.example", "n1.example"]


def test_a_site_with_one_row_that_may_not_be_shown_is_not_shown() -> None:
    pointing = row("a.example")._replace(via="hidden.example")
    assert tops(row("a.example"), pointing, may_show=lambda each: not each.via).blocked == ()


def test_a_service_that_guardians_may_not_read_of_is_left_out() -> None:
    found = tops(row("a.example", service="secret"), row("b.example", service="tube"))
    assert found.services == (("tube", 1),)


def test_devices_are_those_of_rows_that_have_one() -> None:
    found = tops(row("a.example", device="phone"), row("b.example"))
    assert found.devices == (("phone", 1),)
