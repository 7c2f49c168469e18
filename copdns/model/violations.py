"""What breaks the rules for households, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from copdns.model.sentences import Phrase, Sentence, UserError, sentence


class Violation(NamedTuple):
    """Something in a household that breaks a rule.

    part: a field of Household, such as "profiles".  key: the id or name in it.  field: of that
    value, "" for the whole.  what: says what is wrong.
    """

    part: str
    key: str
    field: str
    what: Sentence

    def __str__(self) -> str:
        return str(self.sentence)

    @property
    def sentence(self) -> Sentence:
        """The sentence with its place: whole for a file's reader, a page names the key alone."""
        return self.what.at(".".join(part for part in self[:3] if part), self.key)


# What a household has: the words in which `no_such` speaks of it.
NOUNS: Mapping[str, Phrase] = {
    each.text: each
    for each in (
        Phrase("what is missing", "account"),
        Phrase("what is missing", "budget"),
        Phrase("what is missing", "category"),
        Phrase("what is missing", "day"),
        Phrase("what is missing", "day of the week"),
        Phrase("what is missing", "device"),
        Phrase("what is missing", "grant"),
        Phrase("what is missing", "language"),
        Phrase("what is missing", "list"),
        Phrase("what is missing", "mode"),
        Phrase("what is missing", "preset"),
        Phrase("what is missing", "profile"),
        Phrase("what is missing", "protected name"),
        Phrase("what is missing", "rule"),
        Phrase("what is missing", "schedule"),
        Phrase("what is missing", "search engine"),
        Phrase("what is missing", "service"),
        Phrase("what is missing", "signal"),
        Phrase("what is missing", "ticket"),
        Phrase("what is missing", "token"),
    )
}


def no_such(noun: str | Sentence, wanted: str, there: Iterable[str]) -> Sentence:
    """Return "there is no profile mai; did you mean mia?", or the list of those there are.

    noun: of NOUNS; another one, which no page needs, stays English.
    """
    known = sorted(there)
    what = NOUNS.get(noun, noun) if isinstance(noun, str) else noun
    if not known:
        return sentence(
            "there is no %(noun)s '%(wanted)s'; none exists yet", noun=what, wanted=wanted
        )
    if close := get_close_matches(wanted, known, n=1):
        return sentence(
            "there is no %(noun)s '%(wanted)s'; did you mean %(close)s?",
            noun=what,
            wanted=wanted,
            close=close[0],
        )
    if len(known) > MOST_NAMED:
        return sentence(
            "there is no %(noun)s '%(wanted)s', nor any with a similar name",
            noun=what,
            wanted=wanted,
        )
    return sentence(
        "there is no %(noun)s '%(wanted)s'; there are: %(there)s",
        noun=what,
        wanted=wanted,
        there=", ".join(known),
    )


MOST_NAMED = 60  # more, such as all lists there are, would help nobody


def parse_problem(parse: Callable[[str], object], text: str) -> Sentence | None:
    """Return what `parse` says against a text, None when it takes it."""
    try:
        parse(text)
    except ValueError as error:
        return sentence_of(error)
    return None


def sentence_of(error: Exception) -> Sentence:
    """Return the sentence of an error; of one that is no UserError, its own words."""
    if isinstance(error, UserError) and len(error.sentences) == 1:
        return error.sentences[0]
    return Sentence("%(what)s", {"what": str(error)})  # no text of the catalogue
