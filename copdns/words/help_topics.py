"""What the offline help says: one topic in one language, at three levels, with a card for parents.

A topic is a YAML file in `web-ui/help/`; all languages have the same topics in the same shape.
Links and numbers come from `words/helplines.py` alone, so a topic holds none.  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from copdns.model import yaml_text
from copdns.words.levels import Level

# What a child may need to know, and two pages in the same form.
TOPICS = ("bullying", "grooming", "scams", "stolen_account", "screen_time")
VISIBLE, REPORT = "visible", "report"
PAGES = (*TOPICS, VISIBLE, REPORT)


class Picture(StrEnum):
    """What a picture shows; each is a drawing of `web-ui/pictures/`."""

    SAD = "sad"
    HAPPY = "happy"
    HEART = "heart"
    TALK = "talk"  # two people who speak
    ADULT = "adult"  # a child and a grown-up
    PHONE = "phone"
    STOP = "stop"  # a raised hand
    CLOSE = "close"  # a page that is being closed
    KEEP = "keep"  # a picture of what the screen showed
    LOCK = "lock"
    KEY = "key"
    GIFT = "gift"
    MASK = "mask"  # somebody who pretends
    SECRET = "secret"  # noqa: S105 - a picture of two who whisper
    QUESTION = "question"
    CLOCK = "clock"
    MOON = "moon"
    PLAY = "play"  # a ball
    EYE = "eye"
    HOUSE = "house"
    BLOCK = "block"  # somebody who is kept out


class PictureSentence(NamedTuple):
    """A sentence and the picture beside it."""

    picture: Picture
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one level.  know: what the topic is about.  do: what helps, step by step."""

    know: tuple[str, ...]
    do: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """Help for a parent who wants to talk about the topic with a child."""

    begin: str
    ask: tuple[str, ...]
    say: tuple[str, ...]
    avoid: tuple[str, ...]
    then: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HelpTopic:
    """A topic in one language.  title, title_full: its name for children up to 12, and from 13.

    pictures: its texts at the level of pictures.
    plain, full: its texts at the other levels.  card: for parents; None where there is none.
    """

    title: str
    title_full: str
    pictures: tuple[PictureSentence, ...]
    plain: Words
    full: Words
    card: Card | None

    def title_at(self, level: Level) -> str:
        """Return the title; teenagers and adults have their own."""
        return self.title_full if level is Level.FULL else self.title

    def at(self, level: Level) -> Words:
        """Return what is said in sentences alone; the level of pictures has `pictures`."""
        return self.full if level is Level.FULL else self.plain


def topic(text: str, file: str) -> HelpTopic:
    """Read a topic; raise a ConfigError that lists every mistake."""
    shape = yaml_text.read(text, file, TopicShape)
    card = shape.card
    return HelpTopic(
        shape.title,
        shape.title_full or shape.title,
        tuple(
            PictureSentence(picture, said)
            for each in shape.pictures
            for picture, said in each.items()
        ),
        Words(shape.plain.know, shape.plain.do),
        Words(shape.full.know, shape.full.do),
        None if card is None else Card(card.begin, card.ask, card.say, card.avoid, card.then),
    )


# A sentence ends as its script ends one, and holds no address: those are not ours to give here.
Sentence = Annotated[str, Field(pattern=r"^[^<>@/]{2,300}[.!?。！？؟»\"”]$")]
Sentences = Annotated[tuple[Sentence, ...], Field(min_length=2, max_length=8)]


Title = Annotated[str, Field(min_length=2, max_length=80)]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class WordsShape(_Shape):
    """What a topic says at one reading level."""

    know: Sentences
    do: Sentences


class CardShape(_Shape):
    """The card of a topic for whoever is asked for help: how to begin, what to say and to avoid."""

    begin: Sentence
    ask: Sentences
    say: Sentences
    avoid: Sentences
    then: Sentences


class TopicShape(_Shape):
    """The shape of a file in web-ui/help/."""

    title: Title
    title_full: Title | None = None
    pictures: Annotated[tuple[dict[Picture, Sentence], ...], Field(min_length=4, max_length=7)]
    plain: WordsShape
    full: WordsShape
    card: CardShape | None = None

    @model_validator(mode="after")
    def _has_one_picture_a_sentence(self) -> TopicShape:
        if any(len(each) != 1 for each in self.pictures):
            raise ValueError("pictures: one line each, such as `- sad: Someone was mean.`")
        return self
