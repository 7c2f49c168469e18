"""What a node says of itself to the copdns beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from copdns.app.node.status import FILE, SILENT, WRITE_EVERY, NodeStatus, StatusFile

NOW = 1_770_000_000.0


def test_a_node_says_what_is_not_as_it_should_be_and_when_it_is_silent(tmp_path: Path) -> None:
    now = [NOW]
    file = StatusFile(tmp_path, lambda: now[0])
    assert file.warning == ""
    assert file.gauges()["copdns_node_age_seconds"]() == -1
    file.write(NodeStatus(away="PostgreSQL is away", law="2 lines", law_missing=2))
    assert file.warning == "PostgreSQL is away; 2 lines"
    gauges = {name: read() for name, read in file.gauges().items()}
    assert gauges == {
        "copdns_node_away": True,
        "copdns_node_law_missing": 2,
        "copdns_node_age_seconds": 0,
    }
    file.write(NodeStatus())
    assert file.warning == ""
    now[0] += SILENT + 1
    assert "start copdns node run" in file.warning


def test_a_status_that_is_the_same_is_written_again_only_when_it_is_old(tmp_path: Path) -> None:
    now = [NOW]
    file = StatusFile(tmp_path, lambda: now[0])
    for later, expected in ((0, 0), (1, 0), (WRITE_EVERY + 1, WRITE_EVERY + 1)):
        now[0] = NOW + later
        file.write(NodeStatus())
        status = file.read()
        assert status is not None
        assert status.at == NOW + expected


def test_where_nothing_can_be_written_it_grows_old(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "gone", lambda: NOW)
    file.write(NodeStatus())
    assert file.read() is None


@pytest.mark.parametrize("at", [str(NOW + 9_000), "NaN", "Infinity"])
def test_a_node_is_silent_also_by_a_clock_that_was_set_back_or_none(
    tmp_path: Path, at: str
) -> None:
    file = StatusFile(tmp_path, lambda: NOW)
    (tmp_path / FILE).write_text(f'{{"at": {at}}}')
    assert "start copdns node run" in file.warning
    assert not file.gauges()["copdns_node_age_seconds"]() <= SILENT
