"""No text for people uses a word that the glossary rules out: docs/glossary.md has the words.

The page's tables are read, so that page and test cannot disagree: the column "not used" rules a
word out everywhere, "not used on" for some readers.  A word in brackets has other, correct uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from babel.messages.pofile import read_po

from copdns.words.phrases import PLACEHOLDER
from tests.test_words import DESK, STAFF

ROOT = Path(__file__).parents[1]
PAGE = "docs/glossary.md"
TEXT = (ROOT / PAGE).read_text()
# Any catalogue will do: each has every English text as a key (tests/test_words.py).
CATALOGUE = ROOT / "web-ui/locale/fr/LC_MESSAGES/copdns.po"

DASHBOARD, CHILD = "the dashboard", "child's pages"
LEVELS = ("pictures", "plain", "full")
PLACES = {DASHBOARD, CHILD, *(f"level `{each}`" for each in LEVELS)}

# Texts in which a word is right, by a pattern, with the reason.
ALLOWED = {
    r"\b[Cc]los(e|ed|ing) (the|your|this) (browser|tab|window|chat)\b": "it is not about a site",
    r"\b[Cc]lose the page\b": "what to do in the browser, before telling someone",
    r"\buntil you close it\b": "what a browser remembers",
    r"\bclosed the connection\b": "of a server that a list was to come from",
    r"\bhave permission to run\b": "a right of the program on the server",
    r"\bcopied without permission\b": "of whoever made it, not of a guardian",
    r"\brouter's own upstream\b": "routers call it so",
    r"\b[a-z_]+\.[a-z_]+\b": "the key of a setting",
}


# Contexts of what stored lines and commands call a part of the household: a guardian who reads them
# finds the same word in the file and on the command line.
STORED = frozenset({"in the audit", "what is missing"})


# What the staff of a provider reads is about law and machines, as the documentation is.
OF_LAW = re.compile(r"\b[Ii]n force\b")


class Said(NamedTuple):
    """An English text, without its placeholders and what is written as code; and who reads it."""

    text: str
    places: frozenset[str]
    where: str


class Table(NamedTuple):
    columns: list[str]
    rows: list[list[str]]


def tables(text: str) -> Iterator[Table]:
    for found in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in found.split("\n")
        ]
        yield Table(lines[0], [line for line in lines[2:] if len(line) > 1])


def words(cell: str) -> list[str]:
    """Return the words of a cell; those whose sense stands in brackets are left to readers."""
    return [each for each in re.split(r",\s*(?![^(]*\))", cell) if each and "(" not in each]


def ruled_out() -> list[str]:
    found = [table for table in tables(TEXT) if table.columns[-1] == "not used"]
    return sorted({word for table in found for row in table.rows for word in words(row[-1])})


def for_some() -> list[tuple[str, str]]:
    """Return each word that some readers should not meet, and where they would."""
    (found,) = (table for table in tables(TEXT) if table.columns[-1] == "not used on")
    return [(row[0], place.strip()) for row in found.rows for place in row[-1].split(";")]


def spelling() -> list[str]:
    """Return what the table of plain words rules out."""
    (found,) = (table for table in tables(TEXT) if table.columns == ["write", "not used"])
    return sorted({word for row in found.rows for word in words(row[-1])})


@cache
def said() -> tuple[Said, ...]:
    return tuple(_said())


def _said() -> Iterator[Said]:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="fr")
    for message in catalogue:
        if not message.id:
            continue
        paths = [path for path, _ in message.locations]
        at_desk = message.context == "desk" or all(path.startswith(DESK) for path in paths)
        places = {DASHBOARD if at_desk else CHILD}
        if any(path.startswith(DESK) for path in paths):
            places.add(DASHBOARD)
        if message.context in STORED:
            places = set()
        if message.context in LEVELS:
            places.add(f"level `{message.context}`")
        for form in (message.id,) if isinstance(message.id, str) else message.id:
            text = plain(form)
            if all(path.startswith(STAFF) for path in paths):
                places, text = set(), OF_LAW.sub("…", text)
            yield Said(text, frozenset(places), ", ".join(paths))


@cache
def helping() -> tuple[Said, ...]:
    return tuple(_helping())


def _helping() -> Iterator[Said]:
    """Yield the sentences of the help topics; the words before a colon are names of pictures."""
    for path in sorted((ROOT / "web-ui/help/en").glob("*.yaml")):
        for text in sentences(yaml.safe_load(path.read_text())):
            yield Said(plain(text), frozenset({CHILD}), str(path.relative_to(ROOT)))


def sentences(of: object) -> Iterator[str]:
    match of:
        case str():
            yield of
        case dict():
            for each in of.values():
                yield from sentences(each)
        case list():
            for each in of:
                yield from sentences(each)


def plain(text: str) -> str:
    """Return what a reader reads as words: placeholders and `code` are not."""
    text = re.sub(r"`[^`]*`", "…", PLACEHOLDER.sub("…", text))
    for pattern in ALLOWED:
        text = re.sub(pattern, "…", text)
    return text


def pattern(word: str) -> re.Pattern[str]:
    """Match a word, or several; one with a capital only where a sentence does not begin."""
    ahead, flags = (r"(?<=[\w,;…] )", re.NOFLAG) if word[0].isupper() else ("", re.IGNORECASE)
    return re.compile(rf"{ahead}(?<![\w-]){re.escape(word)}(?:e?s)?(?![\w-])", flags)


def offences(word: str, texts: tuple[Said, ...], place: str = "") -> list[str]:
    wanted = pattern(word)
    return [
        f"{each.where}: {each.text}"
        for each in texts
        if wanted.search(each.text) and (not place or place in each.places)
    ]


def test_the_page_has_its_tables() -> None:
    assert {"closed", "somebody", "look-up", "Internet", "desk", "house"} <= set(ruled_out())
    assert ("grown-up", "level `full`") in for_some()
    assert {place for _, place in for_some()} <= PLACES
    for table in tables(TEXT):
        assert [row for row in table.rows if len(row) != len(table.columns)] == []
        assert [row for row in table.rows if "" in row[:-1]] == []


def test_no_word_is_wanted_and_ruled_out() -> None:
    main = next(table for table in tables(TEXT) if table.columns[0] == "concept")
    wanted = " | ".join(cell for row in main.rows for cell in row[1:-1])
    assert [word for word in ruled_out() if pattern(word).search(wanted)] == []


def test_no_text_uses_a_word_that_is_ruled_out() -> None:
    assert {word: found for word in ruled_out() if (found := offences(word, said()))} == {}


@pytest.mark.parametrize(("word", "place"), for_some())
def test_no_reader_meets_a_word_for_others(word: str, place: str) -> None:
    assert offences(word, said(), place) == []


def test_no_help_topic_uses_a_word_that_is_ruled_out() -> None:
    assert {word: found for word in spelling() if (found := offences(word, helping()))} == {}


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("closed", "It is closed now.", True),
        ("closed", "An enclosed space.", False),
        ("look-up", "Look-ups of today", True),
        ("Internet", "The Internet is off.", True),
        ("Internet", "Internet off", False),
        ("Internet", "Your internet company", False),
        ("house", "the household", False),
        ("house", "`house` and %(house)s", False),
        ("close", "until you close the browser", False),
    ],
)
def test_a_word_is_found_whole_and_only_in_what_people_read(
    word: str, text: str, found: bool
) -> None:
    assert bool(pattern(word).search(plain(text))) is found
