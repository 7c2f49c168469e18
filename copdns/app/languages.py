"""In which language people get notices.  Both functions are called in a thread.

`web/languages.py` reads the catalogues; it is imported when the first notice is written, because
most machines send none.
"""

from __future__ import annotations

from collections.abc import Mapping

from copdns.events.notices import ENGLISH, Speaks
from copdns.model.errors import ListError
from copdns.model.household import Household


def speak_to_guardians(households: Mapping[str, Household], household: str) -> Speaks:
    """Return the language of a household's guardians; of the first one for "" (the machine)."""
    from copdns.web.languages import spoken_to_guardians

    home = households.get(household) or next(iter(households.values()), None)
    try:
        return spoken_to_guardians(home.language if home else "")
    except ListError:  # a catalogue is missing: a notice in English is better than none
        return ENGLISH


def speak_to_browser(language: str) -> tuple[Speaks, str, str]:
    """Return a language of LANGUAGES with its tag and direction."""
    from copdns.web.languages import phrases_in

    try:
        phrases = phrases_in(language)
    except ListError:  # a catalogue is missing
        return ENGLISH, "en", "ltr"
    return phrases, phrases.tag, phrases.direction
