"""How lists did when measured: the file is what the lists say, and the docs what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from copdns.list_files.load import bundled_text, measured_scores
from copdns.lists.catalogue import read_files
from tests.list_scores import PAGE, ROOT, measure

CHOSEN = "### How they were chosen"


@pytest.mark.shared_data
def test_the_file_is_what_the_lists_block_of_the_table(shared_data: Path) -> None:
    assert PAGE.read_text() == "\n".join(measure(shared_data)) + "\n", "run tests.list_scores"


def test_the_sums_are_of_the_whole_table_and_every_list_is_in_the_catalogue() -> None:
    scores, catalogue = measured_scores(), read_files(bundled_text).catalogue
    assert scores.lists.keys() <= {each.slug for each in catalogue.sources}
    for slug, each in scores.lists.items():
        assert (each.caught.of if each.caught else 0) + each.others.of == scores.domains, slug
        assert set(each.wanted) <= scores.labels.keys(), slug
        assert (each.caught is None) == (not each.wanted), slug


def test_the_docs_say_what_the_file_says() -> None:
    part = (ROOT / "docs" / "lists.md").read_text().partition(CHOSEN)[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.*?) \| (.*?) \|$", part, re.MULTILINE)
    scores, told = measured_scores(), 0
    for slug, of_subject, of_others in rows:
        each = scores.lists[slug]
        if each.caught and (found := re.match(r"([0-9]+) of ([0-9]+) ", of_subject)):
            assert (int(found[1]), int(found[2])) == (each.caught.blocked, each.caught.of), slug
            told += 1
        for blocked, of in re.findall(r"([0-9]+) of ([0-9]+) ", of_others):
            labels = [label for label, n in scores.labels.items() if n == int(of)]
            assert int(blocked) in {each.blocked.get(label, 0) for label in labels}, slug
    assert told >= 6
