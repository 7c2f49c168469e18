"""scripts/rekey: reworded English keeps its translations."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog

SCRIPT = Path(__file__).parents[1] / "scripts" / "rekey"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_loader("rekey", SourceFileLoader("rekey", str(SCRIPT)))
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def french() -> Catalog:
    catalogue = Catalog(locale="fr")
    catalogue.add("Questions", "Demandes")
    catalogue.add("open", "ouvert")
    catalogue.add("closed", "fermé")
    catalogue.add(("%(num)d look", "%(num)d looks"), ("%(num)d regard", "%(num)d regards"))
    return catalogue


def rekey(script: ModuleType, catalogue: Catalog, folder: Path, *lines: str) -> list[str]:
    table = folder / "renames.tsv"
    table.write_text("\n".join(lines) + "\n", encoding="utf8")
    return list(script.rekey(catalogue, list(script.read(table))))


def test_a_reworded_text_keeps_its_translation(
    script: ModuleType, french: Catalog, tmp_path: Path
) -> None:
    lines = (
        "\tQuestions\tRequests",
        "\t%(num)d look | %(num)d looks\t%(num)d view | %(num)d views",
    )
    assert rekey(script, french, tmp_path, *lines) == []
    assert french["Requests"].string == "Demandes"
    assert french.get(("%(num)d view", "%(num)d views")).string == (
        "%(num)d regard",
        "%(num)d regards",
    )


def test_a_text_that_becomes_two_keeps_it_in_both_and_may_get_a_context(
    script: ModuleType, french: Catalog, tmp_path: Path
) -> None:
    lines = ("\topen\tallowed\t\tsite", "\topen\ton\t\tinternet")
    assert rekey(script, french, tmp_path, *lines) == []
    assert french.get("allowed", "site").string == "ouvert"
    assert french.get("on", "internet").string == "ouvert"


def test_of_two_that_become_one_the_first_line_counts_and_the_loss_is_told(
    script: ModuleType, french: Catalog, tmp_path: Path
) -> None:
    notes = rekey(script, french, tmp_path, "\topen\tstate", "\tclosed\tstate")
    assert french["state"].string == "ouvert"
    assert len(notes) == 1
    assert "'fermé'" in notes[0]


def test_a_text_whose_meaning_moved_is_shown_to_a_translator(
    script: ModuleType, french: Catalog, tmp_path: Path
) -> None:
    assert rekey(script, french, tmp_path, "\tQuestions\tLookups\t!") == [
        "look: 'Lookups' is 'Demandes'"
    ]


def test_a_line_without_a_new_text_is_refused_with_its_place(
    script: ModuleType, french: Catalog, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"renames\.tsv:1: "):
        rekey(script, french, tmp_path, "Questions\tRequests")
