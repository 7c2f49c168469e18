"""Tests of how the catalogue names lists that others keep."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copdns import yaml_text
from copdns.errors import ConfigError
from copdns.lists.parse import Form
from copdns.lists.shapes import CatalogueShape
from copdns.lists.source import Source, sources_of
from copdns.model import Match

GAMES: dict[str, Any] = {
    "slug": "bo-games",
    "title": "Games by Bo",
    "category": "games",
    "url": "https://lists.example/games.txt",
    "format": "domains",
    "match": "subtree",
    "licence": "CC0-1.0",
    "maintainer": "Bo",
    "homepage": "https://lists.example/",
    "report": "https://lists.example/mistakes",
    "names": 1200,
    "default": True,
    "about": "Online games, mostly English ones.",
}
PACKED = {"url": "https://lists.example/all.tar.gz", "member": "games/domains"}


def read(**changed: object) -> tuple[Source, ...]:
    """Return the sources of a catalogue with one, changed as said; None leaves a key out."""
    entry = {key: value for key, value in (GAMES | changed).items() if value is not None}
    categories = {"games": {"title": "Games", "about": "Play.", "layer": "content"}}
    text = json.dumps({"categories": categories, "lists": [], "sources": [entry]})
    return sources_of(yaml_text.read(text, "catalogue.yaml", CatalogueShape))


def test_a_source_is_what_the_catalogue_says_of_it() -> None:
    (source,) = read()
    assert source == Source(**GAMES)
    assert source.format is Form.DOMAINS
    assert source.match is Match.SUBTREE
    assert source.member == ""


def test_a_source_may_be_one_file_of_a_packed_folder() -> None:
    (source,) = read(**PACKED)
    assert (source.url, source.member) == (PACKED["url"], PACKED["member"])


def test_a_catalogue_needs_no_sources() -> None:
    text = "categories: {}\nlists: []\n"
    assert sources_of(yaml_text.read(text, "catalogue.yaml", CatalogueShape)) == ()


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"url": "http://lists.example/games.txt"}, "url"),
        ({"url": "https://Lists.example/games.txt"}, "url"),
        ({"url": "https://bo:secret@lists.example/"}, "url"),
        ({"url": "https://lists.example/a list.txt"}, "url"),
        ({"homepage": "lists.example"}, "homepage"),
        ({"report": "bo@lists.example"}, "report"),
        ({"format": "spreadsheet"}, "format"),
        ({"match": "below"}, "match"),
        ({"names": 0}, "names"),
        ({"default": "no"}, "default"),
        ({"about": "online games"}, "about"),
        ({"slug": "Games"}, "slug"),
        ({"licence": ""}, "licence"),
        ({"licence": None}, "licence"),
        ({"colour": "blue"}, "colour"),
        ({"url": PACKED["url"]}, "member is missing"),
        ({"member": PACKED["member"]}, "leave it out"),
    ],
)
def test_a_source_that_is_not_whole_is_refused_with_its_place(
    changed: dict[str, object], place: str
) -> None:
    with pytest.raises(ConfigError, match=rf"catalogue.yaml:1:\d+: sources.1.*{place}"):
        read(**changed)


def test_a_list_of_unclear_licence_is_offered_but_not_used_unasked() -> None:
    assert not read(licence="unclear", default=False)[0].default
    with pytest.raises(ConfigError, match="licence is unclear"):
        read(licence="unclear")
