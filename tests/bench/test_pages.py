"""The table of the pages is made of pages that were answered."""

from __future__ import annotations

from click.testing import CliRunner

from tests.bench.pages import main


def test_each_page_has_its_line_and_the_slowest_is_the_first() -> None:
    few = ["--rows", "20", "--appeals", "3", "--times", "1"]
    done = CliRunner().invoke(main, few, catch_exceptions=False)
    assert done.exit_code == 0
    head, *lines, following = done.output.splitlines()
    assert head.split() == ["page", "median", "ms"]
    taken = [float(line.split()[1]) for line in lines]
    assert taken == sorted(taken, reverse=True)
    assert {"/guardian/", "/guardian/appeals/a1", "/me"} <= {line.split()[0] for line in lines}
    assert following.startswith("following the log for a second, 20 browsers, 40 new rows: ")
