"""Notes that copdns composed when a request was granted for good, in the reader's language.

A rule keeps its note in English; here the note is known again by its form.  What a person wrote
fits none of them.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from copdns.model.sentences import Sentence, Value, sentence
from copdns.words.known_forms import Forms

# As the version before wrote them.
_FORMER = {
    "Opened after a question. Part of %(service)s.": (
        "Allowed after a request. Part of %(service)s."
    ),
    "This is not %(category)s: decided after a question.": (
        "This is not %(category)s: decided after a request."
    ),
}

_FORMS = Forms(
    sentence("Allowed after a request. Part of %(service)s."),
    sentence("This is not %(category)s: decided after a request."),
    former=_FORMER,
)


def read_stored_note(note: str, title: Callable[[str, str], Value]) -> Sentence | None:
    """Return a stored note as a sentence of the catalogue; None for one that was not composed.

    title: gives the name of what stands there by its kind, "service" or "category", and its slug.
    """
    return _FORMS.find(note, title)
