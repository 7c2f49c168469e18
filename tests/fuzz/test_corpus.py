"""Octets that once broke something or reached rare code, and some mutated files: none breaks it."""

from __future__ import annotations

import pytest

from tests.fuzz.mutated import check
from tests.fuzz.targets import CORPUS, TARGETS, corpus, run


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept_breaks_nothing(target: str) -> None:
    kept = [*corpus(target)]
    assert kept
    for octets in kept:
        run(target, octets)


def test_the_corpus_is_small_and_has_no_other_folders() -> None:
    assert {each.name for each in CORPUS.iterdir()} <= set(TARGETS)
    assert sum(each.stat().st_size for each in CORPUS.rglob("*") if each.is_file()) < 100_000


def test_some_mutated_lines_and_files_are_read_in_time_or_refused() -> None:
    said: list[str] = []
    assert check(2_000, 40, said.append), said
