"""What tests keep of lists is what would be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from copdns.list_files import index_store, load
from copdns.lists import drafts
from copdns.lists.catalogue import read_files
from copdns.lists.source import ListSource
from tests import reading_lists


def test_lists_are_read_again_once_a_file_differs(tmp_path: Path) -> None:
    toys = tmp_path / "toys.txt"
    sources = [ListSource("toys", "games", "domains", "subtree", path=str(toys))]
    toys.write_text("toys.example\n")
    first = load.load_catalogue(sources)
    assert load.load_catalogue(sources) is index_store.load_catalogue(sources) is first
    toys.write_text("more-toys.example\n")
    second = load.load_catalogue(sources)
    assert first.index.find("toys.example")
    assert not second.index.find("toys.example")
    assert second.index.find("more-toys.example")


def test_a_list_is_told_by_its_text_and_one_without_by_its_file(tmp_path: Path) -> None:
    one, two = (
        ListSource("toys", "games", "domains", "subtree", path=str(tmp_path / name))
        for name in ("one.txt", "two.txt")
    )
    errors = [load.load_catalogue([each]).statuses[-1].error for each in (one, two)]
    assert [each.partition(": ")[0] for each in errors] == [one.path, two.path]
    for each in (one, two):
        Path(each.path).write_text("toys.example\n")
    first = load.load_catalogue([one])
    assert load.load_catalogue([two]) is first
    assert load.load_catalogue([replace(two, category="videos")]) is not first


def test_rules_of_the_gate_are_kept_for_the_bundled_files_only() -> None:
    found = load.bundled_files()
    kept = drafts.read_gate_rules(found, load.bundled_text)
    assert drafts.read_gate_rules(found, load.bundled_text) is kept
    assert kept == reading_lists._read_rules(found, load.bundled_text)
    others = read_files(load.bundled_text)
    assert drafts.read_gate_rules(others, load.bundled_text) is not kept
    assert drafts.read_gate_rules(found, lambda file: load.bundled_text(file)) is not kept
