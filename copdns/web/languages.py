"""Read languages, help topics and helplines from disk, each at its first use.

For pages only: neither the resolver nor commands load them.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from copdns.list_files.facts import SHIPPED, Facts
from copdns.list_files.resources import read_bundled
from copdns.words.help_topics import HelpTopic, topic
from copdns.words.helplines import Helplines, helplines
from copdns.words.phrases import DESK_LANGUAGES, PSEUDO, SOURCE, Phrases, negotiate, phrases


@cache
def phrases_in(language: str) -> Phrases:
    """Return the phrases of a language of LANGUAGES, or of the pseudo-language for tests."""
    if language in (SOURCE, PSEUDO):
        return phrases(language)
    return phrases(
        language, read_bundled("web-ui", Path("locale", language, "LC_MESSAGES", "copdns.po"))
    )


def spoken_to_guardians(household: str) -> Phrases:
    """Return what a notice to guardians is written in: the household's language, where their pages
    have it.  household: its language, "" for none."""
    return phrases_in(negotiate("", household, DESK_LANGUAGES))


@cache
def help_topic(language: str, slug: str) -> HelpTopic:
    """Return a help topic of TOPICS; the pseudo-language has the English ones."""
    file = Path("help", SOURCE if language == PSEUDO else language, f"{slug}.yaml")
    return topic(read_bundled("web-ui", file), str(file))


@lru_cache(maxsize=2)
def bundled_helplines(facts: Facts = SHIPPED) -> Helplines:
    """Return the helplines and report offices of the facts in force, by country."""
    return helplines(facts.read)
