"""The paper about a million queries a second follows from its formulas and the last bench."""

from __future__ import annotations

import re
from math import ceil
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "data-plane.md").read_text()
MEASURED, PAPER = PAGE.split("## A million queries a second, on paper")
FORMULAS = re.findall(r"`=([^`]+)`", PAPER)


def number(text: str) -> float:
    return float(text.replace(",", "").split()[0])


def inputs() -> dict[str, float]:
    """Return what the signs stand for here."""
    rows = re.findall(r"^\| `(\w)` \|.*\| ([\d.,]+)[^|]*\|$", PAPER, re.MULTILINE)
    return {sign: number(value) for sign, value in rows}


def told(what: str) -> float:
    """Return what the table of results has."""
    found = re.search(rf"^\| {what} \|.*\| ([\d.,]+)[^|]*\|$", PAPER, re.MULTILINE)
    assert found, what
    return number(found[1])


def worked_out(changed: dict[str, float] | None = None) -> dict[str, float]:
    """Return what the formulas of the spreadsheet give, by what stands before each."""
    cells = {**inputs(), **(changed or {})}
    functions = {"MAX": max, "ROUNDUP": lambda value, places: ceil(value) if not places else 0}
    for name, formula in zip(
        ("C", "U", "D", "dnsdist", "unbound", "copdns", "nodes"), FORMULAS, strict=True
    ):
        cells[name] = eval(formula, functions, cells)
    return cells


@pytest.mark.parametrize(
    ("what", "name", "places"),
    [
        ("queries for copdns", "C", 0),
        ("queries for unbound", "U", 0),
        ("queries that dnsdist answers itself", "D", 0),
        ("cores of dnsdist", "dnsdist", 1),
        ("cores of unbound", "unbound", 1),
        ("cores of copdns", "copdns", 1),
        ("nodes, so that one of three sites may fail", "nodes", 0),
    ],
)
def test_a_result_is_what_its_formula_gives(what: str, name: str, places: int) -> None:
    assert round(worked_out()[name], places) == told(what)


def test_a_node_bears_its_part_when_a_site_is_away() -> None:
    cells = worked_out()
    share = cells["Q"] / (cells["nodes"] * 2 / 3)
    assert round(share) == told("queries a second of a node, with a site away")
    more = worked_out({"d": 2 * cells["d"]})["dnsdist"] - cells["dnsdist"]
    assert f"twice of it is {more:.0f} more cores" in PAPER


def test_what_is_called_measured_is_the_last_figure_of_the_bench() -> None:
    cells = inputs()
    answer = re.search(
        r"40 rounds in turns gave ([\d.]+) µs of processor time", " ".join(MEASURED.split())
    )
    assert answer
    assert cells["d"] == pytest.approx(float(answer[1]) / 1e6)
    personal = re.search(r"sends to its upstream .*; (\d+) to \d+, and \d+ to (\d+), at", MEASURED)
    assert personal
    assert cells["c"] == pytest.approx(float(personal[2]) / 1e6)
    table = re.search(r"table of a million subscribers \| at most 25 MB \| ([\d.]+) MB", MEASURED)
    assert table
    assert told("table of `S` subscribers") == float(table[1])
    households = (Path(__file__).parents[1] / "docs" / "providers.md").read_text()
    kept = re.search(r"memory of copdns then: (\d+) MB", households)
    assert kept
    assert told("households in PostgreSQL in use, kept by a copdns") == float(kept[1])
