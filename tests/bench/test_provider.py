"""The measurement of a node: what it says of its figures, and what dnsdist has without policies."""

from __future__ import annotations

from pathlib import Path

from tests.bench.provider import AIMS, replace_port, report, settings, without_policy


def test_each_figure_is_told_with_its_bound() -> None:
    good = {key: aim.bound for key, aim in AIMS.items()}
    lines = report(good).splitlines()
    assert len(lines) == len(AIMS)
    assert all(line.endswith(": met") for line in lines)
    bad = report({**good, "ratio": 0.6, "change": 301.0})
    assert bad.count("MISSED") == 2
    assert "0.6 x (at least 0.85): MISSED" in bad


def test_without_policies_the_servers_and_the_cache_are_the_same() -> None:
    node = settings(Path("/run/copdns"), 5300)
    text = without_policy(node)
    assert "newPacketCache" in text
    assert "addAction" not in text
    other = replace_port(node)
    assert other.listen != node.listen
    assert other.resolvers == node.resolvers
