"""The offline help: whole in every language, the same in each, and fit for its readers."""

from __future__ import annotations

import re
from itertools import product
from xml.etree import ElementTree as ET

import pytest

from copdns.list_files.resources import find_folder
from copdns.model.errors import ConfigError
from copdns.web.languages import help_topic, phrases_in
from copdns.words.help_topics import PAGES, TOPICS, HelpTopic, Picture, topic
from copdns.words.levels import Level
from copdns.words.phrases import LANGUAGES, PSEUDO
from tests.reading import average, long_words, longest

ALL = list(product(LANGUAGES, PAGES))
SMALL = """
title: Small
pictures: [{sad: One.}, {happy: Two.}, {stop: Three.}, {heart: Four.}]
plain: {know: [A is so., B is so.], do: [Do it., Do that.]}
full: {know: [A is so., B is so.], do: [Do it., Do that.]}
"""


def sentences(found: HelpTopic) -> list[str]:
    """Return all that a topic says, its card included."""
    words = [*found.plain.know, *found.plain.do, *found.full.know, *found.full.do]
    card = found.card
    more = [card.begin, *card.ask, *card.say, *card.avoid, *card.then] if card else []
    return [each.text for each in found.pictures] + words + more


def shape(found: HelpTopic) -> object:
    """Return how much a topic says where."""
    card = found.card
    return (
        [each.picture for each in found.pictures],
        [len(each) for words in (found.plain, found.full) for each in (words.know, words.do)],
        card and [len(each) for each in (card.ask, card.say, card.avoid, card.then)],
    )


def test_a_topic_says_the_same_thing_at_three_levels() -> None:
    small = topic(SMALL, "small.yaml")
    assert [each.text for each in small.pictures] == ["One.", "Two.", "Three.", "Four."]
    assert small.at(Level.FULL) is small.full
    assert small.at(Level.PLAIN) is small.plain
    assert small.card is None


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("title: Small", "name: Small"),
        ("sad: One.", "smiley: One."),  # a picture that nobody drew
        ("sad: One.", "sad: One"),  # no sentence
        ("sad: One.", 'sad: "See https://help.example/."'),  # links come from elsewhere
        ("sad: One.", "sad: <b>One.</b>"),
        ("{heart: Four.}", "{heart: Four., stop: Five.}"),
        ("[{sad: One.}, ", "["),  # too little
    ],
)
def test_a_topic_that_is_written_wrongly_is_refused(right: str, wrong: str) -> None:
    assert right in SMALL
    with pytest.raises(ConfigError, match=r"small\.yaml"):
        topic(SMALL.replace(right, wrong), "small.yaml")


@pytest.mark.parametrize(("language", "page"), ALL)
def test_every_language_says_all_of_it(language: str, page: str) -> None:
    assert shape(help_topic(language, page)) == shape(help_topic("en", page))


@pytest.mark.parametrize("page", PAGES)
def test_what_a_child_learns_has_a_card_for_parents(page: str) -> None:
    assert (help_topic("en", page).card is not None) is (page in TOPICS)


def test_no_file_is_left_over() -> None:
    found = {path.relative_to(find_folder("web-ui") / "help") for path in _files()}
    assert {str(path) for path in found} == {f"{a}/{b}.yaml" for a, b in ALL}
    assert help_topic(PSEUDO, "scams") == help_topic("en", "scams")


def _files() -> list[object]:
    return [path for path in (find_folder("web-ui") / "help").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("language", "page"), ALL)
def test_the_words_are_of_the_language_and_hold_no_number_to_call(language: str, page: str) -> None:
    script = {"ar": r"[؀-ۿ]", "ru": r"[а-яё]", "zh": r"[一-鿿]"}.get(language, r"[a-z]")
    for text in sentences(help_topic(language, page)):
        assert re.search(script, text.lower())
        assert not re.search(r"\d{3}|www|\.(com|org|net)\b", text)


@pytest.mark.parametrize("language", ["fr", "es", "ar", "ru", "zh"])
def test_nothing_was_left_in_english(language: str) -> None:
    for page in PAGES:
        english = set(sentences(help_topic("en", page)))
        assert not english & set(sentences(help_topic(language, page)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("page", "level", "title"),
    [
        ("grooming", Level.FULL, "Has something bad happened? Get help"),
        ("visible", Level.FULL, "My privacy"),
        ("visible", Level.PLAIN, "Who can see what"),
    ],
)
def test_a_page_is_named_as_it_is_called(
    language: str, page: str, level: Level, title: str
) -> None:
    words = help_topic(language, page).at(level)
    assert phrases_in(language).gettext(title) in " ".join(words.know + words.do)


# Words in the longest sentence; letters of an average word; letters of the longest word.
BOUNDS = {"pictures": (8, 4.0, 8), "plain": (18, 4.1, 9), "full": (30, 4.3, 12)}


def said(level: Level) -> list[str]:
    topics = [help_topic("en", page) for page in PAGES]
    if level is Level.PICTURES:
        return [each.text for found in topics for each in found.pictures]
    return [
        text for found in topics for words in (found.at(level),) for text in words.know + words.do
    ]


@pytest.mark.parametrize("level", Level)
def test_english_is_as_easy_as_its_readers_need(level: Level) -> None:
    most, letters, word = BOUNDS[level]
    assert longest(said(level)) <= most
    assert average(said(level)) <= letters
    assert long_words(said(level), word) == set()


def test_the_levels_get_harder_step_by_step() -> None:
    averages = [average(said(level)) for level in Level]
    assert averages == sorted(averages)


@pytest.mark.parametrize(
    "wrong", ["stupid", "naughty", "should have", "shame on", "forbidden", "your fault is"]
)
def test_nothing_blames(wrong: str) -> None:
    texts = [text.lower() for page in PAGES for text in sentences(help_topic("en", page))]
    assert not [text for text in texts if wrong in text]


@pytest.mark.parametrize("picture", Picture)
def test_every_picture_is_drawn_and_is_used(picture: Picture) -> None:
    drawing = ET.fromstring((find_folder("web-ui") / "pictures" / f"{picture}.svg").read_text())
    assert drawing.tag == "svg"
    assert drawing.attrib["aria-hidden"] == "true"  # the sentence beside it says it
    assert all(each.tag in {"svg", "path", "circle", "rect"} for each in drawing.iter())
    assert picture in {each.picture for page in PAGES for each in help_topic("en", page).pictures}
