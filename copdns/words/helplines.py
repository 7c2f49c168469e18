"""Say whom a child can call, and where to report what should not be there, country by country.

The country is one that a person chose; nothing here guesses it.  A number comes out only when two
sources print it and none contradicts, or when a guardian confirmed it; the international
directories come out always.  Pure: the caller reads the two files, and makes the pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from copdns.model import yaml_text
from copdns.model.helpline_shapes import Age, Body, For, HelplinesShape, HotlinesShape, LineShape
from copdns.words.phrases import Phrase

NOBODY: frozenset[str] = frozenset()

EVERYWHERE = ("112", "999", "911")  # emergency numbers shown where no country is known
HELPLINES, HOTLINES = "helplines.yaml", "hotlines.yaml"

# What each is called on a page.
CALLED: Mapping[StrEnum, Phrase] = {
    For.CHILD: Phrase("helpline", "For children"),
    For.YOUTH: Phrase("helpline", "For young people"),
    For.FAMILY: Phrase("helpline", "For children and families"),
    For.EVERYONE: Phrase("helpline", "For people of any age"),
    Body.POLICE: Phrase("hotline", "Police"),
    Body.GOVERNMENT: Phrase("hotline", "Public body"),
    Body.CHARITY: Phrase("hotline", "Charity"),
    Body.ASSOCIATION: Phrase("hotline", "Association of internet companies"),
    Age.UNDER_18: Phrase("takedown", "you were under 18 in the picture"),
    Age.ADULT: Phrase("takedown", "you were 18 or over in the picture"),
}


class Phone(NamedTuple):
    """A phone number.  shown: as people read it.  href: "tel:" with digits only, for a link."""

    shown: str
    href: str


class TextMessage(NamedTuple):
    """A message that starts a conversation.  word: what to write, href: "sms:" and the number."""

    word: str
    to: str
    href: str


class Directory(NamedTuple):
    """A site that lists helplines or hotlines of many countries."""

    name: str
    site: str


@dataclass(frozen=True, slots=True)
class Helpline:
    """A helpline as it may be shown; it has at least one of phone, message and site.

    id: what a guardian confirms.  country: two letters of ISO 3166.
    agreed: the day on which the sources were found to agree; None where they do not.
    is_by_text: whether it is written to, by text message, and not called.
    """

    id: str
    country: str
    name: str
    meant_for: For
    phone: Phone | None
    message: TextMessage | None
    site: str
    agreed: date | None
    is_by_text: bool

    @property
    def is_direct(self) -> bool:
        """Whether there is a number to call or to text here, and not only a website."""
        return self.phone is not None or self.message is not None


@dataclass(frozen=True, slots=True)
class ReportingBody:
    """Where to report pictures of abuse.  country: two letters of ISO 3166."""

    id: str
    country: str
    name: str
    body: Body
    site: str


@dataclass(frozen=True, slots=True)
class Takedown:
    """Where to have a picture of oneself taken down.  country: "" is everywhere."""

    id: str
    country: str
    name: str
    age: Age
    site: str


class ReportingHelp(NamedTuple):
    """What the page for reporting harm shows, in its order."""

    emergency: tuple[Phone, ...]
    bodies: tuple[ReportingBody, ...]
    takedown: tuple[Takedown, ...]
    directory: Directory


@dataclass(frozen=True, slots=True)
class Helplines:
    """Helplines and hotlines by country, of both data files.

    Methods take a country as two letters of ISO 3166; an unknown one has the directories only.
    """

    helplines: HelplinesShape
    hotlines: HotlinesShape

    @property
    def countries(self) -> tuple[str, ...]:
        """Every country that something is known of, in order of its letters."""
        known = {each.country for each in self.helplines.lines}
        known |= {each.country for each in self.hotlines.bodies}
        return tuple(sorted(known | self.helplines.emergency.keys()))

    @property
    def directories(self) -> tuple[Directory, ...]:
        return tuple(Directory(each.name, each.site) for each in self.helplines.directories)

    def emergency(self, country: str) -> tuple[Phone, ...]:
        """Return the emergency numbers of a country (ISO 3166, two letters); none where unknown."""
        return tuple(map(phone, self.helplines.emergency.get(country, ())))

    def lines(self, country: str, confirmed: Collection[str] = NOBODY) -> tuple[Helpline, ...]:
        """Return what a child of this country is shown; confirmed: ids that a guardian vouches for.

        Lines with a number come first.
        """
        found = [
            self._line(each, each.id in confirmed)
            for each in self.helplines.lines
            if each.country == country and (each.sources or each.id in confirmed)
        ]
        reachable = [each for each in found if each.phone or each.message or each.site]
        return tuple(sorted(reachable, key=lambda each: not (each.phone or each.message)))

    def to_confirm(self, country: str, confirmed: Collection[str] = NOBODY) -> tuple[Helpline, ...]:
        """Return the lines that would show more once a guardian confirmed them, in full."""
        return tuple(
            self._line(each, confirmed=True)
            for each in self.helplines.lines
            if each.country == country
            and each.id not in confirmed
            and not each.conflict
            and not each.agree
            and (each.number or each.text_to or not each.sources)
        )

    def report(self, country: str, confirmed: Collection[str] = NOBODY) -> ReportingHelp:
        """Return where to report pictures of abuse; links only, nothing is sent from here."""
        here = [each for each in self.hotlines.bodies if each.country == country]
        takedown = [each for each in self.hotlines.takedown if each.country in ("", country)]
        directory = self.hotlines.directory
        return ReportingHelp(
            self.emergency(country),
            tuple(
                ReportingBody(each.id, each.country, each.name, each.body, each.site)
                for each in here
                if each.sources or each.id in confirmed
            ),
            tuple(
                Takedown(each.id, each.country, each.name, each.meant_for, each.site)
                for each in takedown
                if each.sources or each.id in confirmed
            ),
            Directory(directory.name, directory.site),
        )

    def _line(self, each: LineShape, confirmed: bool) -> Helpline:
        dial = not each.conflict and (confirmed or each.agree)
        return Helpline(
            each.id,
            each.country,
            each.name,
            each.meant_for,
            phone(each.number) if dial and each.number else None,
            text_message(each.text_word, each.text_to) if dial and each.text_to else None,
            each.site,
            self.helplines.compiled if each.agree else None,
            bool(each.text_to) and not each.number,
        )


def helplines(read: Callable[[str], str]) -> Helplines:
    """Return the bundled files; read: gives the text of one below `blocklists/`."""
    return Helplines(
        yaml_text.read(read(HELPLINES), HELPLINES, HelplinesShape),
        yaml_text.read(read(HOTLINES), HOTLINES, HotlinesShape),
    )


def phone(number: str) -> Phone:
    """Return a number with its link (RFC 3966); spaces and dashes are for the eye only."""
    return Phone(number, "tel:" + re.sub(r"[ -]", "", number))


def text_message(word: str, to: str) -> TextMessage:
    """Return a message with its link (RFC 5724); phones differ on how a text would be given."""
    return TextMessage(word, to, f"sms:{to}")
