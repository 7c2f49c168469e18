"""A tenant's name, colours and texts on the pages of its families, and what they must be like.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from copdns.model.contrast import TEXT, can_be_read, is_colour
from copdns.model.errors import RegisterError
from copdns.model.sentences import Sentence, sentence

MOST_NAME: Final = 40  # characters
MOST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class TenantLook:
    """light, dark: the colour of links and buttons by day and by night, such as "#4048b0".

    contact: a URL where customers get help; "" for none.  texts: a sentence at the end of each
    page, by language.
    """

    name: str
    light: str
    dark: str
    contact: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


def check_look(look: TenantLook, languages: tuple[str, ...]) -> TenantLook:
    """Return a look that can be shown to children; raise RegisterError with what to change.

    languages: those that pages have.
    """
    _require_text(sentence("the name"), look.name, MOST_NAME)
    for colour, dark in ((look.light, False), (look.dark, True)):
        if not is_colour(colour):
            raise RegisterError(
                "'%(colour)s' is no colour; write one such as #4048b0", colour=colour
            )
        if not can_be_read(colour, dark=dark):
            raise RegisterError(_too_faint_at_night(colour) if dark else _too_faint(colour))
    if look.contact and not look.contact.startswith("https://"):
        raise RegisterError("the contact is a page; it begins with https://")
    for language, text in look.texts.items():
        if language not in languages:
            raise RegisterError(
                "%(language)s is none of %(names)s", language=language, names=", ".join(languages)
            )
        _require_text(sentence("the text"), text, MOST_TEXT)
    return look


def _too_faint(colour: str) -> Sentence:
    return sentence(
        "%(colour)s is hard to read by day: its contrast is below %(ratio)s to 1; take a darker "
        "one",
        colour=colour,
        ratio=TEXT,
    )


def _too_faint_at_night(colour: str) -> Sentence:
    return sentence(
        "%(colour)s is hard to read at night: its contrast is below %(ratio)s to 1; take a lighter "
        "one",
        colour=colour,
        ratio=TEXT,
    )


def _require_text(what: Sentence, text: str, most: int) -> None:
    if not text.strip() or len(text) > most or not text.isprintable():
        raise RegisterError(
            "%(what)s is missing, or has more than %(most)s characters", what=what, most=most
        )
