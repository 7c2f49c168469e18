"""Lines of ours that are kept or told in English, known again by their form for other languages.

The command line, the API, the log and a copy of the database have one text; a page has the sentence
of the catalogue that it was made from.  A line that no form fits is shown as it is.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

from copdns.model.sentences import Sentence, Value
from copdns.words.phrases import PLACEHOLDER


class Forms:
    """Sentences with placeholders, each a form of lines."""

    def __init__(self, *forms: Sentence) -> None:
        self._forms = forms

    def find(self, line: str, value: Callable[[str, str], Value]) -> Sentence | None:
        """Return the sentence that a line was made from; None for none of these.

        value: gives what fills a placeholder, from its name and what stood there.
        """
        for form, pattern in self._patterns:
            if found := pattern.fullmatch(line):
                values = {name: value(name, text) for name, text in found.groupdict().items()}
                return Sentence(form.text, values)
        return None

    @cached_property
    def _patterns(self) -> tuple[tuple[Sentence, re.Pattern[str]], ...]:
        """Return the forms, those with more words of their own first: they say more of a line."""
        ordered = sorted(self._forms, key=lambda form: -len(PLACEHOLDER.sub("", form.text)))
        return tuple((form, re.compile(_pattern(form.text), re.DOTALL)) for form in ordered)


def _pattern(text: str) -> str:
    parts = PLACEHOLDER.split(text)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [f"(?P<{each[2:-2]}>.+)" for each in parts[1::2]]
    return "".join(parts)
