"""What our pages say without an "if" is held by a test, or is no promise of ours.

docs/promises.md lists such words by page, each as it stands there: promises with their tests, and
other uses with what they are.  No page of PAGES has an absolute word that is not listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_risks import exists

ROOT = Path(__file__).parents[1]
PAGE = "docs/promises.md"
# The words themselves, what changed once, and measurements promise nothing.
NO_PROMISES = {"glossary.md", "performance.md", "promises.md"}
PAGES = (
    *("README.md", "SECURITY.md"),
    *(
        f"docs/{each.name}"
        for each in sorted((ROOT / "docs").glob("*.md"))
        if each.name not in NO_PROMISES
    ),
)
ABSOLUTE = re.compile(
    r"\b(never|nobody|no one|no trace|no record|always|for ever|impossible|guarantee\w*"
    r"|in (any|every) mode|to the second|no setting can|under no)\b",
    re.IGNORECASE,
)
# What the settings are called, and what an answer to a request lasts for.
NAMES = re.compile(
    r"always allowed|\balways for (this|everyone)\b|always, for everyone|today, or always",
    re.IGNORECASE,
)


def plain(page: str) -> str:
    """Return a page's words in one line, without code, targets of links and emphasis."""
    text = (ROOT / page).read_text()
    text = re.sub(r"^```.*?^```", " ", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`]*`", "…", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"\| nobody (?=\|)", "| … ", text)  # the value of a column
    return " ".join(re.sub(r"[*\[\]]", "", text).split())


def rows(heading: str) -> Iterator[tuple[str, str, str]]:
    """Yield page, words and the last cell of each line below a heading of the page."""
    part = (ROOT / PAGE).read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    for line in re.findall(r"^\| \[.*\|$", part, re.MULTILINE):
        page, words, last = (cell.strip() for cell in line.strip("|").split("|"))
        (target,) = re.findall(r"\]\(([^)]+)\)", page)
        yield str((ROOT / "docs" / target).resolve().relative_to(ROOT)), words.strip('"'), last


PROMISES = tuple(rows("Promises"))
OTHERS = tuple(rows("No promise of ours"))


@pytest.mark.parametrize("page", PAGES)
def test_every_absolute_word_is_listed(page: str) -> None:
    text = NAMES.sub("…", plain(page))
    for listed in sorted(
        (words for at, words, _ in (*PROMISES, *OTHERS) if at == page), key=len, reverse=True
    ):
        text = text.replace(listed, "…")
    left = [text[max(0, each.start() - 60) : each.end() + 60] for each in ABSOLUTE.finditer(text)]
    assert left == [], f"list it in {PAGE} with the test that holds it, or put it in other words"


def test_what_is_listed_stands_there_and_is_absolute() -> None:
    listed = [(page, words) for page, words, _ in PROMISES + OTHERS]
    assert [(page, words) for page, words in listed if words not in plain(page)] == []
    assert [(page, words) for page, words in listed if not ABSOLUTE.search(words)] == []


def test_a_promise_has_a_test_that_is_there() -> None:
    named = {words: re.findall(r"`([^`]+)`", tests) for _, words, tests in PROMISES}
    assert [words for words, found in named.items() if not found] == []
    assert [each for found in named.values() for each in found if not exists(each)] == []
