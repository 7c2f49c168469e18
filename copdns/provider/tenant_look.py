"""A tenant's name, colours and texts on the pages of its families, and what they must be like.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from copdns.model.contrast import TEXT, can_be_read, is_colour
from copdns.model.errors import RegisterError

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
    _require_text("the name", look.name, MOST_NAME)
    for colour, dark in ((look.light, False), (look.dark, True)):
        if not is_colour(colour):
            raise RegisterError(f"{colour!r} is no colour; write one such as #4048b0")
        if not can_be_read(colour, dark=dark):
            hint = "a lighter" if dark else "a darker"
            where = "at night" if dark else "by day"
            raise RegisterError(
                f"{colour} cannot be read {where}: its contrast is below {TEXT} to 1; "
                f"take {hint} one"
            )
    if look.contact and not look.contact.startswith("https://"):
        raise RegisterError("the contact is a page; it begins with https://")
    for language, text in look.texts.items():
        if language not in languages:
            raise RegisterError(f"{language} is none of {', '.join(languages)}")
        _require_text("the text", text, MOST_TEXT)
    return look


def _require_text(what: str, text: str, most: int) -> None:
    if not text.strip() or len(text) > most or not text.isprintable():
        raise RegisterError(f"{what} is missing, or has more than {most} characters")
