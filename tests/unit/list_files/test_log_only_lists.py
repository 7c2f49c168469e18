"""Until when each list only counts, as it is kept on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from copdns.list_files.copies import Copies
from copdns.list_files.log_only_lists import LogOnlyLists
from copdns.settings.config import ListFile, Settings

DAY = 86_400.0
NOW = 1_774_800_000.0
BOARDS = ListFile(
    slug="boards",
    path="boards.txt",
    category="games",
    format="domains",
    match="subtree",
    log_only=3,
)


def trials(folder: Path, *lists: ListFile) -> LogOnlyLists:
    return LogOnlyLists(Copies(folder), lambda: Settings(lists=lists))


def test_a_period_is_noted_once_and_survives_a_restart(tmp_path: Path) -> None:
    first = trials(tmp_path, BOARDS)
    assert first.is_due(NOW)
    first.begin(NOW)
    assert not first.is_due(NOW + DAY)
    again = trials(tmp_path, BOARDS)
    assert again.slugs(NOW + 2 * DAY) == {"boards"}
    assert again.until("boards", NOW) == NOW + 3 * DAY
    assert again.slugs(NOW + 3 * DAY) == frozenset()
    assert not again.is_due(NOW + 3 * DAY)


def test_what_another_process_set_is_followed(tmp_path: Path) -> None:
    ours = trials(tmp_path, BOARDS)
    ours.begin(NOW)
    trials(tmp_path, BOARDS).set_days("boards", 0, NOW + DAY)
    assert not ours.is_due(NOW + DAY)
    assert ours.slugs(NOW + DAY) == frozenset()


@pytest.mark.parametrize(
    "broken", ["", "[]", '{"boards": 1}', "\x00", '{"boards": {"since": "x"}}']
)
def test_a_damaged_file_counts_as_empty(tmp_path: Path, broken: str) -> None:
    ours = trials(tmp_path, BOARDS)
    ours.begin(NOW)
    (tmp_path / "lists" / "log_only.json").write_text(broken)
    ours = trials(tmp_path, BOARDS)
    assert ours.is_due(NOW)
    assert ours.slugs(NOW) == {"boards"}


def test_while_another_process_changes_lists_nothing_is_written(tmp_path: Path) -> None:
    ours = trials(tmp_path, BOARDS)
    with Copies(tmp_path).hold_lock(wait=False):
        ours.begin(NOW)
    assert ours.slugs(NOW) == {"boards"}
    assert ours.is_due(NOW)
