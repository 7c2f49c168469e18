"""Alerts and the dashboard ask for metrics that there are, and for nobody's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.monitoring_files import asked, parse, result_labels, selected

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "config/provider"
# What dnsdist 1.9 has (its `/metrics`), of which these ask.
DNSDIST = {"queries", "cache_hits", "servfail_responses", "server_status", "server_drops"}
SUFFIXES = ("_total", "_bucket")


def expressions() -> list[str]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    found = [rule["expr"] for group in groups for rule in group["rules"]]
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return found + [each["expr"] for panel in panels for each in panel["targets"]]


def test_prometheus_reads_each_expression_and_words_name_labels_that_it_gives() -> None:
    for text, shown in asked():
        tree = parse(text)
        found = list(selected(tree))
        assert found, text
        assert "without" not in text, "which labels are left, nobody could check"
        given = result_labels(tree)
        if given is not None:
            assert shown <= given, text


@pytest.mark.parametrize("wrong", ["sum(", "rate(up)", "sum by (x (up)", "up == ", "histo(1, up)"])
def test_an_expression_that_prometheus_refuses_is_told(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(wrong)


def test_each_metric_is_there() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    ours = set(re.findall(r"^\| `(copdns_\w+)` \|", page, re.MULTILINE))
    for text in expressions():
        for name in re.findall(r"\bcopdns_\w+", text):
            plain = name
            for suffix in SUFFIXES:
                plain = plain.removesuffix(suffix)
            assert plain in ours, text
        assert set(re.findall(r"\bdnsdist_(\w+)", text)) <= DNSDIST, text


@pytest.mark.parametrize("label", ["household", "profile", "device", "address", "qname", "client"])
def test_nobody_is_in_a_label(label: str) -> None:
    assert not [text for text in expressions() if re.search(rf"\b{label}\b", text)]


def test_each_alert_says_what_to_look_at() -> None:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].count(".") >= 1
