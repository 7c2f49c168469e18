"""What an error says to people: an English text of the catalogue, and the values that stand in it.

`str()` is for the command line, the API and the log; a page has `Phrases.tell` put it into the
reader's language.  `make words` finds the texts where they are written: as the first argument of
`sentence`, `plural_sentence`, or of an error that is a `UserError`.  Pure, and without Babel: most
of copdns raises errors and shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self


class Phrase(NamedTuple):
    """A text of the catalogue, as modules hand it on untranslated; `make words` finds these calls.

    context: who it is for, or what it is: "pictures", "plain", "full", "category" ...
    text: English, with placeholders such as %(time)s.
    """

    context: str
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, without a capital and a full stop: the command line puts "copdns: " before it.

    text: English, with placeholders such as %(name)s; a percent sign in it is doubled.
    values: what fills them; a Sentence or a Phrase is translated on its own.
    many: the text for any number but one, "" where none is counted; the number is `num`.
    place: where it is wrong, as the file's reader knows it; about: the same for a page's.
    """

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)
    many: str = ""
    place: str = ""
    about: str = ""

    def __str__(self) -> str:
        text = self.many if self.many and self.values["num"] != 1 else self.text
        said = text % {name: _plain(value) for name, value in self.values.items()}
        return f"{self.place}: {said}" if self.place else said

    def at(self, place: str, about: str = "") -> Sentence:
        """Return the sentence with the place that it is about."""
        return replace(self, place=place, about=about)


Value = str | int | float | Sentence | Phrase


def sentence(text: str, /, **values: Value) -> Sentence:
    """Return a sentence; the text stands there as it is, so that it is found."""
    return Sentence(text, values)


def plural_sentence(one: str, many: str, num: int, /, **values: Value) -> Sentence:
    """Return a sentence with a number, which stands as %(num)d in its texts."""
    return Sentence(one, {**values, "num": num}, many)


def literal(text: str) -> Sentence:
    """Return a sentence that is no format: what somebody sent may stand in it as it is."""
    return Sentence(text.replace("%", "%%"), {})


class UserError(Exception):
    """An error that has sentences for whoever sent something.

    name: of the field of a form that it is about, where it is about one.
    """

    def __init__(self, *said: str | Sentence, name: str = "", **values: Value) -> None:
        """said: a text with its values, or sentences that are made already."""
        self.sentences = tuple(Sentence(e, values) if isinstance(e, str) else e for e in said)
        self.name = name
        super().__init__("\n".join(map(str, self.sentences)))

    def for_field(self, name: str) -> Self:
        """Return the error as one about a field: known where the form is read."""
        self.name = name
        return self


def _plain(value: Value) -> str | int | float:
    """Return what fills a placeholder: what a stranger wrote must not steer a terminal."""
    if isinstance(value, Phrase):
        return value.text
    if not isinstance(value, str):
        return str(value) if isinstance(value, Sentence) else value
    return value if value.isprintable() else "".join(map(_printable, value))


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else repr(letter)[1:-1]
