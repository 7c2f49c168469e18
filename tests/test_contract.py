"""The contract text: what it forbids, each point of Article 28(3), and times as they are."""

from __future__ import annotations

import re
from pathlib import Path

from copdns.provider.staff.desk import HOUR, TARGETS, CaseOrigin

TEXT = (Path(__file__).parents[1] / "docs" / "contract.md").read_text()
WORDS = re.sub(r"\s+", " ", TEXT)


def test_marketing_profiling_and_telling_who_has_children_are_forbidden() -> None:
    for word in ("marketing, advertising, profiling", "children, is not told to sales"):
        assert word in WORDS.replace("**", "")


def test_the_agreement_has_each_point_of_article_28_3() -> None:
    agreement = TEXT.partition("## Part 2")[2].partition("\n## ")[0]
    assert "Article 28 GDPR" in agreement
    assert re.findall(r"\(([a-h])[,)]", agreement) == list("abcdefgh")
    assert "log, copy or redirect what one chosen subscriber looks up" in WORDS


def test_its_days_are_the_targets_of_the_desk() -> None:
    names = {3: "three", 7: "seven"}
    days = [TARGETS[who] // (24 * HOUR) for who in (CaseOrigin.GUARDIAN, CaseOrigin.SITE_OWNER)]
    assert f"[{names[days[0]]} days; {names[days[1]]} for others]" in WORDS
