"""Say a block in a sentence or two that travel with the answer, for a browser to show.

What a child's page says in more words.  Nothing in it names a person, a device or what the
household called something: an answer is seen by whoever looks at the screen, and by the program
that asked.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from copdns.model.verdict import Reason, Verdict
from copdns.words import child
from copdns.words.child import Said, Title
from copdns.words.levels import Level
from copdns.words.phrases import END_ISOLATE, ISOLATE, Phrase, Phrases

# %(page)s is a name without http://, since nothing in an answer may lead on by itself.
MORE = Phrase("reason in a browser", "Find out more: %(page)s")

_TIMED = (Reason.SCHEDULE, Reason.BUDGET)


class WireReader(NamedTuple):
    """Who reads it, and what may be named.

    title: gives the title of a service or list by its kind and slug; "" for one that the household
        named itself.
    private: names of people, devices and the household, of which none may be in it.
    now, zone: for saying "07:00" or "Tuesday 07:00".  page: where more is told, without http://.
    """

    phrases: Phrases
    level: Level
    title: Title
    private: Iterable[str]
    now: float
    zone: str
    page: str


def wire_reason(verdict: Verdict, qname: str, reader: WireReader) -> str:
    """Return why a name is blocked, until when, and where to find out more."""
    said = _nameable(verdict, qname, reader)
    parts = [_say(said, reader)]
    until = child.until(verdict, reader.level)
    if until is not None:
        parts.append(_say(until, reader))
    parts.append(reader.phrases.say(MORE, page=reader.page))
    text = " ".join(parts)
    if reader.phrases.direction == "ltr":  # else they keep what is written from left to right whole
        text = text.replace(ISOLATE, "").replace(END_ISOLATE, "")
    return text


def _nameable(verdict: Verdict, qname: str, reader: WireReader) -> Said:
    """Return the reason as far as it may be told: else that someone at home blocked this name."""
    said = child.why(verdict, reader.level)
    if _may_say(said, reader):
        return said
    # The list may have a name of the household's own, while its category has one of ours.
    said = child.why(verdict, min(reader.level, Level.PLAIN, key=_LEVELS.index))
    if _may_say(said, reader):
        return said
    reason = verdict.reason if verdict.reason in _TIMED else Reason.RULE
    # As a rule about this name alone: what else is blocked is not told.
    rule = qname if reader.level is Level.FULL else f"={qname}"
    plain = replace(verdict, reason=reason, category="", service="", list="", rule=rule)
    return child.why(plain, reader.level)


_LEVELS = [*Level]


def _may_say(said: Said, reader: WireReader) -> bool:
    """Tell whether everything that a sentence names has a name, and nobody's."""
    names = [_name_of(kind, value, reader) for kind, value in said.values.items() if kind != "time"]
    return all(names) and not any(_mentions(" ".join(names), each) for each in reader.private)


def _name_of(kind: str, value: str, reader: WireReader) -> str:
    if kind == "name":
        return value
    if kind == "category":
        return value if child.category_name(value) else ""
    return reader.title(kind, value)


def _mentions(text: str, name: str) -> bool:
    whole = rf"(?<!\w){re.escape(name)}(?!\w)"
    return bool(name) and re.search(whole, text, re.IGNORECASE) is not None


def _say(said: Said, reader: WireReader) -> str:
    called: Callable[[str], Phrase | None] = lambda slug: child.category_name(slug, reader.level)  # noqa: E731
    return child.sentence(said, reader.phrases, reader.title, reader.now, reader.zone, called)
