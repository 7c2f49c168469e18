"""What alert rules and the dashboard ask Prometheus for, as its own language reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.conftest import missing

FOLDER = Path(__file__).parents[1] / "config/provider"
SCRAPED = frozenset({"instance", "job"})  # labels that Prometheus gives whatever it scrapes


class Asked(NamedTuple):
    """An expression.  shown: the labels that its words or its legend name."""

    text: str
    shown: frozenset[str]


class Selected(NamedTuple):
    """A series that an expression selects.  labels: that it has to have: what it is matched by, and
    what it is added up by."""

    name: str
    labels: frozenset[str]


def asked() -> list[Asked]:
    """Return all expressions of both files."""
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    found = [Asked(each["expr"], _named(str(each["annotations"]))) for each in rules]
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    targets = [each for panel in panels for each in panel["targets"]]
    return found + [Asked(each["expr"], _named(each.get("legendFormat", ""))) for each in targets]


def _named(words: str) -> frozenset[str]:
    return frozenset(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", words))


def parse(text: str) -> Any:
    """Return an expression as a tree; ValueError for what Prometheus would refuse, too: it knows
    the functions and what they take."""
    try:
        import promql_parser
    except ImportError:
        missing("needs promql-parser (pip install promql-parser)")
    return promql_parser.parse(text)


def selected(tree: Any, labels: frozenset[str] = frozenset()) -> Iterator[Selected]:
    """Yield what a tree selects.  labels: that whatever is around it needs."""
    if hasattr(tree, "matchers"):
        matched = frozenset(each.name for each in tree.matchers.matchers)
        yield Selected(tree.name, matched | labels)
        return
    modifier = getattr(tree, "modifier", None)
    if hasattr(tree, "op") and modifier is not None and hasattr(tree, "expr"):
        labels |= frozenset(modifier.labels)  # `by`; a test refuses `without`
    for part in ("expr", "lhs", "rhs", "vector_selector"):
        if (below := getattr(tree, part, None)) is not None:
            yield from selected(below, labels)
    for below in getattr(tree, "args", ()):
        yield from selected(below, labels)


def result_labels(tree: Any) -> frozenset[str] | None:
    """Return the labels that a result has; None for all of what it selects."""
    modifier = getattr(tree, "modifier", None)
    if hasattr(tree, "expr") and hasattr(tree, "op"):
        return frozenset(modifier.labels) if modifier is not None else frozenset()
    if hasattr(tree, "lhs"):
        return result_labels(tree.lhs)
    for below in getattr(tree, "args", ()):
        if hasattr(below, "parse") and not hasattr(below, "val"):
            return result_labels(below)
    return None


def scraped_labels(exposition: str) -> Mapping[str, frozenset[str]]:
    """Return the labels of each metric that a scrape has."""
    found: dict[str, frozenset[str]] = {}
    for line in exposition.splitlines():
        if match := re.match(r"([a-zA-Z_:][\w:]*)(\{[^}]*\})? ", line):
            name, labels = match[1], re.findall(r'(\w+)="', match[2] or "")
            found[name] = found.get(name, frozenset()) | frozenset(labels)
    return found
