"""Copies on disk: whole or absent, one writer, and nothing of a killed one is left for long."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from copdns.list_files.choose import ChosenLists
from copdns.list_files.copies import NOT_HERE, Copies, sources_on_disk
from copdns.lists.download import CopyState, CopySummary, after_failure, after_fetch
from copdns.model.errors import FetchError
from tests.unit.list_files.test_choose import source

NOW = 1_800_000_000.0


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    made = Copies(tmp_path)
    with made.hold_lock(wait=False):
        return made


def put(copies: Copies, text: str, slug: str = "toys") -> CopyState:
    state = after_fetch("https://lists.example/", {}, CopySummary(len(text), "ab", 1, 1), NOW)
    copies.scratch_path(slug, ".new").write_text(text)
    copies.replace_copy(slug, state)
    return state


def test_a_copy_and_what_is_known_of_it_take_their_place(copies: Copies) -> None:
    state = put(copies, "a.example\n")
    assert copies.state("toys") == state
    assert copies.text_path("toys").read_text() == "a.example\n"
    assert {each.name for each in copies.folder.iterdir()} == {"toys.txt", "toys.json", "lock"}


def test_nothing_is_known_where_nothing_is(tmp_path: Path) -> None:
    copies = Copies(tmp_path / "never")
    assert copies.state("toys") == CopyState()
    assert copies.mark("toys") is None
    assert not (tmp_path / "never").exists()


def test_without_its_text_a_state_only_tells_of_the_tries(copies: Copies) -> None:
    state = after_failure(put(copies, "a.example\n"), "gone", NOW)
    copies.write_state("toys", state)
    copies.text_path("toys").unlink()
    assert copies.state("toys") == state.without_copy()


def test_a_mark_differs_once_another_copy_took_the_place(copies: Copies) -> None:
    put(copies, "a.example\n")
    before = copies.mark("toys")
    copies.write_state("toys", CopyState())
    assert copies.mark("toys") == before
    put(copies, "b.example\n")
    assert copies.mark("toys") != before


def test_what_a_killed_process_left_is_removed(copies: Copies) -> None:
    for suffix in (".part", ".new", ".tmp"):
        (copies.folder / f"toys{suffix}").write_text("half")
    copies.clear("toys")
    assert [each.name for each in copies.folder.iterdir()] == ["lock"]
    copies.clear("toys")


def test_only_one_changes_copies_at_a_time(copies: Copies) -> None:
    other = Copies(copies.folder.parent)
    with copies.hold_lock(wait=False) as mine, other.hold_lock(wait=False) as theirs:
        assert (mine, theirs) == (True, False)
    with other.hold_lock(wait=True) as theirs:
        assert theirs


def test_chosen_lists_are_to_be_read_and_one_that_is_absent_says_so(copies: Copies) -> None:
    put(copies, "a.example\n")
    chosen = ChosenLists((source("toys"), source("films", "piracy")), own=frozenset({"films"}))
    toys, films = sources_on_disk(chosen, copies, copies.states(["toys"]))
    assert (toys.path, toys.error) == (str(copies.text_path("toys")), "")
    assert (toys.fetched_at, toys.is_catalogued) == (int(NOW), True)
    assert (films.path, films.error, films.is_catalogued) == ("", NOT_HERE, False)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "lists").write_text("a file is in the way")
    with pytest.raises(FetchError, match=r"the owner of .*lists and everything in it"):
        Copies(tmp_path).hold_lock(wait=False).__enter__()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")
def test_what_root_fetches_belongs_to_the_owner_of_the_data(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    copies = Copies(tmp_path)
    with copies.hold_lock(wait=False):
        put(copies, "a.example\n")
    assert {each.stat().st_uid for each in (copies.folder, *copies.folder.iterdir())} == {12345}
