"""Lines of ours that are kept or told in English, known again by their form for other languages.

The command line, the API, the log and a copy of the database have one text; a page has the sentence
of the catalogue that it was made from.  A line in the words of an earlier version is shown in those
of today; a line that no form fits is shown as it is.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property

from copdns.model.sentences import Sentence, Value
from copdns.words.phrases import PLACEHOLDER

_COUNTED = "num"  # the placeholder of the number that a sentence counts


class Forms:
    """Sentences with placeholders, each a form of lines; one that counts fits any number."""

    def __init__(self, *forms: Sentence, former: Mapping[str, str] | None = None) -> None:
        """former: what lines are stored as, and the text of the form that says so on a page.

        It has the placeholders of that form, or more.
        """
        self._forms = forms
        self._many = {form.text: form.many for form in forms if form.many}
        self._former = dict(former or {})

    def find(self, line: str, value: Callable[[str, str], Value]) -> Sentence | None:
        """Return the sentence that a line was made from; None for none of these.

        value: gives what fills a placeholder, from its name and what stood there.
        """
        for said, pattern in self._patterns:
            if found := pattern.fullmatch(line):
                values = {
                    name: int(text) if name == _COUNTED else value(name, text)
                    for name, text in found.groupdict().items()
                }
                return Sentence(said, values, self._many.get(said, ""))
        return None

    @cached_property
    def _patterns(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """Return what is said of which lines, the forms with more words of their own first: they
        say more of a line."""
        many = {many: one for one, many in self._many.items()}
        said = {form.text: form.text for form in self._forms} | many | self._former
        ordered = sorted(said, key=lambda form: -len(PLACEHOLDER.sub("", form)))
        return tuple((said[form], re.compile(_pattern(form), re.DOTALL)) for form in ordered)


def _pattern(text: str) -> str:
    parts = PLACEHOLDER.split(text)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [
        rf"(?P<{name}>{r'[0-9]+' if name == _COUNTED else '.+'})"
        for name in (each[2:-2] for each in parts[1::2])
    ]
    return "".join(parts)
