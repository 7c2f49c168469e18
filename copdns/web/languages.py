"""Read languages, help topics and helplines from disk, each when it is first asked for.

For pages only: commands and the resolver do without, and so without what it takes to load them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from copdns.list_files.load import bundled_text
from copdns.list_files.resources import find_folder
from copdns.model.errors import ListError
from copdns.words.help_topics import HelpTopic, topic
from copdns.words.helplines import Helplines, helplines
from copdns.words.phrases import DESK_LANGUAGES, PSEUDO, SOURCE, Phrases, negotiate, phrases


@cache
def spoken(language: str) -> Phrases:
    """Return a language of LANGUAGES, or the pseudo-language of tests."""
    if language in (SOURCE, PSEUDO):
        return phrases(language)
    return phrases(language, _text(Path("locale", language, "LC_MESSAGES", "copdns.po")))


def spoken_to_guardians(household: str) -> Phrases:
    """Return what a notice to guardians is written in: the household's language, where their pages
    have it.  household: its language, "" for none."""
    return spoken(negotiate("", household, DESK_LANGUAGES))


@cache
def help_topic(language: str, slug: str) -> HelpTopic:
    """Return a topic of TOPICS; the pseudo-language has the English ones."""
    file = Path("help", SOURCE if language == PSEUDO else language, f"{slug}.yaml")
    return topic(_text(file), str(file))


@cache
def bundled_helplines() -> Helplines:
    """Return whom a child can call and where to report abuse, by country."""
    return helplines(bundled_text)


def _text(file: Path) -> str:
    path = find_folder("web-ui") / file
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ListError(f"{path}: {error.strerror}; install copdns again") from error
