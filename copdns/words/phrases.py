"""Put what pages say into a reader's language: texts, plurals, numbers, times, names of countries.

A catalogue is read from its `.po` text as it stands, so that nothing has to be compiled first.
Which language a reader gets is decided here (`negotiate`); nothing here reads a file or knows a
page.  Only this module knows Babel.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from unicodedata import normalize

from babel import Locale, negotiate_locale
from babel.core import get_global
from babel.dates import (
    format_date,
    format_skeleton,
    format_timedelta,
    get_day_names,
)
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from copdns.model.household import LANGUAGES as LANGUAGES
from copdns.model.sentences import Phrase as Phrase
from copdns.model.sentences import Sentence, Value
from copdns.model.times import WEEKDAYS
from copdns.time.days import local_time, zone_of

SOURCE = "en"  # what the texts in templates and modules are written in: it needs no catalogue
BRITISH = Locale("en", "GB")  # whose dates and lists go with our texts: "27 November 2026"
PSEUDO = "en-XA"  # no language: shows what was left untranslated, and what is too tight
# Of the desk: half a page in another one would run from right to left around English sentences.
DESK_LANGUAGES = (SOURCE, "fr", "es")
MAX_HEADER = 1000  # letters of Accept-Language that are looked at

_ENDS = (".", "?", "!", "。", "？", "！", "؟")
# Languages that begin words small after a colon, each with the names that its texts begin with.
_SMALL_AFTER_COLON: Mapping[str, Container[str]] = {
    "es": (),
    "fr": ("Internet",),
    "ru": (),
}
_SPANISH_MARKS = ("¿", "¡")  # with which a question or a call begins

# The context of titles of apps and search engines that have words in them.
APP_NAME = "name of an app"

_DAY_OF_MONTH = re.compile(r"(\d(?:er)?) (?=[^\W\d])")  # such as "1 Dec", "1er déc."
DOT = "\u00a0· "  # between two things: it never begins a line
WORD_JOINER = "\u2060"  # unseen; no line ends beside it (Unicode UAX 14, LB11)

# A name inside a sentence of the other direction keeps its own (Unicode UAX 9).
ISOLATE, END_ISOLATE = "\u2068", "\u2069"

# "And" between two Latin letters or numbers, be they in tags or isolated: a list of a.example and
# b.example has spaces there, as our own texts in Chinese have, and the locale's pattern has none.
_UNSEEN = r"((?:<[^>]*>|[\u2066-\u2069])*)"
_BETWEEN_LATIN = re.compile(rf"([!-;=?-~]){_UNSEEN}和{_UNSEEN}(?=[!-;=?-~])")

# A French word that loses its last letter before a vowel, and the placeholder behind it.
_FRENCH_E = re.compile(r"\b([Dd]|(?:[Ll]ors|[Pp]uis)?[Qq]u|[Jj]usqu)e (?=%\((\w+)\)s)")
# The first letters of a value, be it isolated or in tags.
_FIRST_LETTERS = re.compile(r"(?:<[^>]*>|[\u2066-\u2069])*(\w{1,2})")
_VOWELS = frozenset("aeiou")

UNNAMED_HOUSE = Phrase("household", "Home")  # as a household is called until somebody names it


@dataclass(frozen=True, slots=True)
class Phrases:
    """The texts and formats of one language.

    Its methods take moments as seconds since the epoch, and a zone as the name of a timezone.
    """

    language: str
    locale: Locale
    translations: NullTranslations

    @property
    def tag(self) -> str:
        """Return the language for the page's `lang`: it picks the font for Chinese."""
        return "zh-Hans" if self.language == "zh" else self.language

    @property
    def direction(self) -> str:
        """Return "ltr" or "rtl", for the page's `dir`."""
        return self.locale.text_direction

    @property
    def name(self) -> str:
        """Return what its readers call the language."""
        return (self.locale.get_language_name() or self.language).capitalize()

    def house(self, name: str) -> str:
        """Return the name of a household; of one to which nobody gave a name, in this language."""
        return self.say(UNNAMED_HOUSE) if name == UNNAMED_HOUSE.text else name

    def gettext(self, text: str) -> str:
        return self.translations.gettext(text)

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self.translations.ngettext(one, many, count)

    def pgettext(self, context: str, text: str) -> str:
        return self.translations.pgettext(context, text)

    def npgettext(self, context: str, one: str, many: str, count: int) -> str:
        return self.translations.npgettext(context, one, many, count)

    def say(self, phrase: Phrase, **values: str) -> str:
        """Return a phrase with its placeholders filled, each isolated from the text around it."""
        filled = {name: f"{ISOLATE}{value}{END_ISOLATE}" for name, value in values.items()}
        return self.fill(self.pgettext(*phrase), filled)

    def fill(self, text: str, values: Mapping[str, object]) -> str:
        """Return a text of this language with its placeholders filled.

        French drops a vowel before another one: "la page d’Ada" is "la page de %(name)s".
        values: of a text that is `Markup`, they are escaped.
        """
        if self.language == "fr" and "e %(" in text:
            text = type(text)(_FRENCH_E.sub(lambda found: _elide(found, values), text))
        return text % values

    def tell(self, *sentences: Sentence) -> str:
        """Return what an error says as it stands on a page: with capitals and full stops."""
        return " ".join(self._whole(each) for each in sentences)

    def _whole(self, sentence: Sentence) -> str:
        said = self._fill(sentence)
        if sentence.about:
            said = self.label(f"{ISOLATE}{sentence.about}{END_ISOLATE}", said)
        stop = "" if said.endswith(_ENDS) else "。" if self.language == "zh" else "."
        if said.startswith("copdns"):  # spelled small everywhere
            return said + stop
        at = 1 if said.startswith(_SPANISH_MARKS) else 0
        return f"{said[:at]}{said[at : at + 1].upper()}{said[at + 1 :]}{stop}"

    def _fill(self, sentence: Sentence) -> str:
        text = self.gettext(sentence.text)
        if sentence.many:
            text = self.ngettext(sentence.text, sentence.many, int(str(sentence.values["num"])))
        return self.fill(
            text, {name: self._value(value) for name, value in sentence.values.items()}
        )

    def _value(self, value: Value) -> str | int | float:
        if isinstance(value, Sentence):
            return self._fill(value)
        if isinstance(value, Phrase):
            return self.pgettext(*value)
        return f"{ISOLATE}{value}{END_ISOLATE}" if isinstance(value, str) else value

    def number(self, value: float) -> str:
        """Return a number as this language writes it, such as 1,234.5."""
        return format_decimal(value, locale=self.locale)

    def percent(self, share: float) -> str:
        """Return a share from 0 to 1 in whole percent, as this language writes it, such as 20%."""
        return format_percent(share, locale=self.locale)

    def exact_percent(self, share: float) -> str:
        """Return a share from 0 to 1 in percent with one decimal, such as 30.0%."""
        pattern = self.locale.percent_formats[None].pattern.replace("#,##0", "#,##0.0")
        return format_percent(share, pattern, locale=self.locale)

    def time(self, moment: float, zone: str) -> str:
        """Return the time of day, such as "19:00", in every language.

        A time that has a colon and two digits is read the same in all that we have.  Schedules are
        written so, and a verdict tells its end so (`ends`): one page must not have two clocks.
        """
        return f"{local_time(moment, zone_of(zone)):%H:%M}"

    def date(self, moment: float, zone: str) -> str:
        """Return the date of a moment (seconds since the epoch) in a zone."""
        return self.day(local_time(moment, zone_of(zone)).date())

    def day(self, day: datetime.date) -> str:
        """Return a day that has no moment, such as the one on which a number was checked."""
        text = format_date(day, "long", locale=self.locale)
        # A sentence ends with a day, too: two full stops would stand there.
        return self._spell(text.removesuffix("г.") + "года" if text.endswith("г.") else text)

    def short_day(self, day: datetime.date, *, year: bool = True) -> str:
        """Return a day with its day of the week, in short: "Wed, 25 Nov 2026"."""
        skeleton = "yMMMEd" if year else "MMMEd"
        return self._spell(str(format_skeleton(skeleton, day, locale=self.locale)))

    def weekday(self, day: datetime.date) -> str:
        """Return the day of the week in short: "Wed"."""
        return format_date(day, "ccc", locale=self.locale)

    def day_of_month(self, day: datetime.date) -> str:
        """Return a day without its year: "25 Nov"."""
        return self._spell(str(format_skeleton("MMMd", day, locale=self.locale)))

    def month(self, day: datetime.date) -> str:
        """Return the month of a day, such as "March 2026"."""
        return str(format_skeleton("yMMMM", day, locale=self.locale))

    def moment(self, moment: float, zone: str) -> str:
        """Return date and time of day: "25 Nov 2026, 19:00".

        The month is a word: 11/12 is another day on each side of the Atlantic.
        """
        return self._with_time("yMMMd", moment, zone)

    def when(self, moment: float, zone: str, now: float | None = None) -> str:
        """Return a day of the week with its date, and the time of day; now: only the time where
        the day is the same."""
        if now is not None and is_same_day(moment, now, zone):
            return self.time(moment, zone)
        # No line ends between the number of a day and its month.
        return _DAY_OF_MONTH.sub("\\1\u00a0", self._with_time("MMMEd", moment, zone))

    def _with_time(self, skeleton: str, moment: float, zone: str) -> str:
        day = format_skeleton(skeleton, local_time(moment, zone_of(zone)), locale=self.locale)
        pattern = str(self.locale.datetime_formats["medium"])
        return pattern.format(self.time(moment, zone), self._spell(str(day)))

    def _spell(self, day: str) -> str:
        """Return a written day as people write it, which the formats leave out: "1er déc.", and in
        Chinese no line that ends within the number of a day."""
        if self.language == "fr":
            return re.sub(r"(?<!\d)1 (?=[^\W\d])", "1er ", day)
        return day.replace("日", f"{WORD_JOINER}日") if self.language == "zh" else day

    def join_list(self, items: Sequence[str]) -> str:
        """Return things one after the other, as the language puts them: "games and chat"."""
        text = format_list(list(items), locale=self.locale) if items else ""
        return _BETWEEN_LATIN.sub(r"\1\2 和 \3", text) if self.language == "zh" else text

    def label(self, what: str, more: str) -> str:
        """Return something and what is said of it, with the language's colon between them."""
        return self.gettext("%(what)s: %(more)s") % {"what": what, "more": more}

    def begin_small(self, text: str) -> str:
        """Return words of ours as they stand after a colon: small in French, Russian and
        Spanish, unless they begin with a name."""
        names, first = _SMALL_AFTER_COLON.get(self.language), text.partition(" ")[0]
        if names is None or first in names or not f"{first[1:]}a".islower():  # such as VPN
            return text
        return text[:1].lower() + text[1:]

    def ends(self, ends_text: str, now: float, zone: str) -> str:
        """Return a verdict's `ends_text` as a time, with the weekday where that is not today."""
        day, _, clock = ends_text.partition(" ")
        weekday = WEEKDAYS.index(day.lower())
        if weekday == local_time(now, zone_of(zone)).weekday():
            return clock
        names = get_day_names("wide", "stand-alone", locale=self.locale)
        return f"{names[weekday]} {clock}"

    def weekdays(self) -> list[str]:
        """Return the names of the days of a week, from Monday."""
        names = get_day_names("wide", "stand-alone", locale=self.locale)
        return [names[day] for day in range(7)]

    def duration(self, seconds: float) -> str:
        """Return a length of time in its largest unit, such as "45 minutes"."""
        length = format_timedelta(round(seconds), threshold=1.5, locale=self.locale)
        # As "30 分钟" and "1 小时" of our own stand beside it.
        return re.sub(r"(\d)(?=[^\W\d])", r"\1 ", length) if self.language == "zh" else length

    def language_name(self, language: str) -> str:
        """Return what this language calls another one, such as "français" for "fr"."""
        return str(self.locale.languages.get(language, language))

    def country(self, code: str) -> str:
        """Return the name of a country by its two letters; the letters where it has none."""
        return str(self.locale.territories.get(code, code))


def _elide(found: re.Match[str], values: Mapping[str, object]) -> str:
    """Return a French word as it stands before the value that follows it."""
    first = _FIRST_LETTERS.match(str(values.get(found[2], "")))
    return f"{found[1]}’" if first and _begins_with_vowel(first[1]) else found[0]


def _begins_with_vowel(letters: str) -> bool:
    """Tell whether a French word that begins so lets the one before it drop a vowel.

    An h stays apart: nobody can see whether it is that of "d’Hugo" or that of "de Hassan", and "de
    Hugo" is no mistake.  So does a y before a vowel, as in "de Yann"; "d’Yves" has a vowel.
    """
    plain = normalize("NFD", letters.casefold())
    if plain.startswith("y"):
        return plain[1:2].isalpha() and plain[1:2] not in _VOWELS
    return plain[:1] in _VOWELS or plain.startswith("œ")


def is_same_day(moment: float, now: float, zone: str) -> bool:
    """Tell whether a moment is told by its time alone, or with its day: the words before it are
    others in many languages."""
    at, today = (local_time(each, zone_of(zone)).date() for each in (moment, now))
    return at == today


def phrases(language: str, catalogue: str = "") -> Phrases:
    """Return a language from the text of its `.po` file; the source language needs none."""
    if language == PSEUDO:
        return Phrases(PSEUDO, BRITISH, Pseudo())
    locale = BRITISH if language == SOURCE else Locale.parse(language)
    made = _compile(language, catalogue) if catalogue else NullTranslations()
    return Phrases(language, locale, made)


def _compile(language: str, catalogue: str) -> GNUTranslations:
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(catalogue.encode()), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def zones() -> tuple[str, ...]:
    """Return the time zones that people choose from, such as "Europe/Paris", and UTC."""
    return ("UTC", *sorted(each for each in get_global("zone_territories") if _is_place(each)))


def _is_place(zone: str) -> bool:
    """Tell whether a zone is called by a place: "Etc/..." are hours, "Etc/Unknown" among them."""
    return "/" in zone and not zone.startswith("Etc/")


@lru_cache(maxsize=1)
def zone_countries() -> Mapping[str, str]:
    """Return the country of each zone that is called by a place, such as "FR" of "Europe/Paris"."""
    found: Mapping[str, str] = get_global("zone_territories")
    return {each: found[each] for each in sorted(found) if _is_place(each)}


def country_of_language(accept: str) -> str:
    """Return the country that a browser's first language names, such as "GB" of "en-GB"; "" for
    none, and for "en-US", which browsers say wherever nobody chose.

    accept: an Accept-Language header, of any origin and length.
    """
    first = accept[:MAX_HEADER].split(",")[0].split(";")[0].strip().lower()
    country = first.rpartition("-")[2].upper() if "-" in first else ""
    is_country = len(country) == 2 and country.isascii() and country.isalpha()
    return country if is_country and first != "en-us" else ""


def negotiate(accept: str, household: str = SOURCE, among: Sequence[str] = LANGUAGES) -> str:
    """Return the language for a reader: what its browser prefers, else what the household speaks.

    accept: an Accept-Language header (RFC 9110 section 12.5.4), of any origin and length.
    among: the languages that there are; the source is one of them.
    """
    wanted = list(_languages_by_preference(accept[:MAX_HEADER]))
    if PSEUDO.lower() in wanted[:1]:
        return PSEUDO
    found = negotiate_locale(wanted, among, sep="-")
    return found or (household if household in among else SOURCE)


@lru_cache(maxsize=64)
def _languages_by_preference(accept: str) -> tuple[str, ...]:
    """Return the languages of a header, the best first; what is malformed is passed over."""
    found = []
    for part in accept.lower().split(","):
        match = _WANTED.fullmatch(part.strip())
        quality = float(match["quality"] or 1) if match else 0
        if match and quality > 0:
            found.append((-quality, match["tag"]))
    return tuple(tag for _, tag in sorted(found, key=lambda pair: pair[0]))


_WANTED = re.compile(
    r"(?P<tag>[a-z]{1,8}(?:-[a-z0-9]{1,8})*)\s*(?:;\s*q=(?P<quality>[01](?:\.[0-9]{0,3})?))?",
    re.ASCII,
)


class Pseudo(NullTranslations):
    """English that looks foreign: accented, a third longer, and in brackets.

    A text on a page that has no brackets was not translated; a bracket that is cut off had too
    little room.
    """

    def gettext(self, message: str) -> str:
        return pseudo(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return pseudo(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        return pseudo(message)

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return pseudo(msgid1 if n == 1 else msgid2)


PLACEHOLDER = re.compile(r"(%\(\w+\)[sd]|%%)")
_ACCENTED = str.maketrans("aceinouyACEINOU", "áçéîñöûýÁÇÉÎÑÖÛ")


def pseudo(text: str) -> str:
    """Return a text accented, longer and wrapped; placeholders stay as they are."""
    parts = PLACEHOLDER.split(text)
    parts[::2] = [part.translate(_ACCENTED) for part in parts[::2]]
    return f"[{''.join(parts)}{' ~' * (len(text) // 6 + 1)}]"


def placeholders(text: str) -> list[str]:
    """Return the placeholders of a text in a fixed order, as a translation must have them too."""
    return sorted(PLACEHOLDER.findall(text))
