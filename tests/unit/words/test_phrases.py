"""Words for people: which language, its plurals and dates, and what a pseudo-language shows."""

from __future__ import annotations

import datetime
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from copdns.model.sentences import sentence
from copdns.web.languages import phrases_in
from copdns.words.phrases import LANGUAGES, PSEUDO, Phrase, negotiate, phrases, placeholders, pseudo

BERLIN = "Europe/Berlin"

RUSSIAN = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || "
"n%100>=20) ? 1 : 2);\n"

msgid "Hello."
msgstr "Привет."

msgctxt "pictures"
msgid "Hello."
msgstr "Эй!"

msgid "%(num)d minute"
msgid_plural "%(num)d minutes"
msgstr[0] "%(num)d минута"
msgstr[1] "%(num)d минуты"
msgstr[2] "%(num)d минут"

msgid "Not yet."
msgstr ""
"""


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),  # a country falls back to its language
        ("de, es;q=0.5, en;q=0.1", "es"),  # the best of those that we have
        ("en;q=0.2, ar;q=0.7", "ar"),
        ("zh-Hans-CN", "zh"),
        ("zh-TW", "zh"),
        ("ar-EG;q=1.0", "ar"),
        ("EN-gb", "en"),
        ("fr;q=0, es;q=0.1", "es"),  # zero is "not this one"
        ("de-AT, de", "ru"),  # none of ours: as the household speaks
        ("*", "ru"),
        ("", "ru"),
        ("en-XA", PSEUDO),
        ("en-XA, fr", PSEUDO),
        ("fr, en-XA", "fr"),
        (";;q=,,fr;q=x", "ru"),  # nonsense is passed over
        ("../../etc/passwd", "ru"),
    ],
)
def test_a_reader_gets_the_language_that_its_browser_prefers(accept: str, language: str) -> None:
    assert negotiate(accept, "ru") == language


def test_a_household_whose_language_we_do_not_have_is_spoken_to_in_english() -> None:
    assert negotiate("de", "tlh") == "en"


@given(st.text(max_size=2000))
def test_no_header_breaks_the_choice(accept: str) -> None:
    assert negotiate(accept) in {*LANGUAGES, PSEUDO}


def test_a_catalogue_is_read_as_it_is_written() -> None:
    russian = phrases("ru", RUSSIAN)
    assert russian.gettext("Hello.") == "Привет."
    assert russian.pgettext("pictures", "Hello.") == "Эй!"
    minutes = [russian.ngettext("%(num)d minute", "%(num)d minutes", n) for n in (1, 3, 5, 11, 21)]
    assert [each.removeprefix("%(num)d ") for each in minutes] == [
        *("минута", "минуты", "минут", "минут", "минута")
    ]


@pytest.mark.parametrize("text", ["Not yet.", "Never heard of."])
def test_what_is_not_translated_is_said_in_english(text: str) -> None:
    assert phrases("ru", RUSSIAN).gettext(text) == text


def test_what_is_put_into_a_sentence_is_isolated_from_its_direction() -> None:
    said = phrases_in("en").say(Phrase("pictures", "It is back: %(time)s."), time="19:00")
    assert said == "It is back: \u206819:00\u2069."


@pytest.mark.parametrize("language", LANGUAGES)
def test_arabic_alone_runs_from_right_to_left(language: str) -> None:
    assert phrases_in(language).direction == ("rtl" if language == "ar" else "ltr")


def test_languages_are_called_as_their_readers_call_them() -> None:
    assert [phrases_in(each).name for each in LANGUAGES] == [
        *("English", "Français", "Español", "العربية", "Русский", "中文")
    ]


MONDAY = 1_764_025_200.0  # 2025-11-25 00:00 in Berlin, still Monday 23:00 in UTC


def test_times_are_those_of_the_household_and_in_the_readers_way() -> None:
    assert phrases_in("fr").date(MONDAY, BERLIN) == "25 novembre 2025"
    assert phrases_in("fr").date(MONDAY, "UTC") == "24 novembre 2025"
    assert phrases_in("es").moment(MONDAY, BERLIN) == "25 nov 2025, 00:00"
    assert phrases_in("en").moment(MONDAY, "UTC") == "24 Nov 2025, 23:00"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_clock_in_which_schedules_are_written(language: str) -> None:
    words = phrases_in(language)
    assert words.time(MONDAY + 19 * 3600, BERLIN) == "19:00"
    assert words.moment(MONDAY + 19 * 3600, BERLIN).endswith("19:00")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_date_beside_a_time_cannot_be_read_as_another_one(language: str) -> None:
    told = phrases_in(language).moment(MONDAY, BERLIN)
    assert not re.search(r"\d\W{1,3}11\W", told)  # the month is a word, or marked as one


@pytest.mark.parametrize(
    ("language", "day"),
    [
        ("en", "Tue 25\u00a0Nov"),  # no line ends within a date
        ("fr", "mar. 25\u00a0nov."),
        ("ru", "вт, 25\u00a0нояб."),
        ("zh", "11月25\u2060日周二"),
    ],
)
def test_a_day_is_named_where_it_is_another_one(language: str, day: str) -> None:
    words = phrases_in(language)
    assert words.when(MONDAY, BERLIN, MONDAY + 3600) == words.time(MONDAY, BERLIN)
    for now in (None, MONDAY - 60):  # Monday in Berlin
        told = words.when(MONDAY, BERLIN, now)
        assert told.startswith(day)
        assert told.endswith(words.time(MONDAY, BERLIN))


def test_things_are_listed_as_the_language_does() -> None:
    assert phrases_in("en").join_list([]) == ""
    assert phrases_in("en").join_list(["a"]) == "a"
    assert phrases_in("en").join_list(["a", "b", "c"]) == "a, b and c"
    assert "," not in phrases_in("ar").join_list(["a", "b", "c"])


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Tuesday 07:00"),
        ("fr", "mardi 07:00"),
        ("es", "martes 07:00"),
        ("ru", "вторник 07:00"),
        ("ar", "الثلاثاء 07:00"),
        ("zh", "星期二 07:00"),
    ],
)
def test_an_end_on_another_day_is_told_with_its_weekday(language: str, said: str) -> None:
    assert phrases_in(language).ends("Tue 07:00", MONDAY, "UTC") == said


def test_an_end_today_is_told_by_its_time_alone() -> None:
    assert phrases_in("en").ends("Mon 23:30", MONDAY, "UTC") == "23:30"
    assert phrases_in("en").ends("Tue 07:00", MONDAY, BERLIN) == "07:00"


def test_numbers_lengths_and_countries_are_told_in_the_readers_way() -> None:
    assert phrases_in("fr").number(1234.5) == "1\u202f234,5"
    assert phrases_in("en").duration(45 * 60) == "45 minutes"
    assert phrases_in("ru").duration(2 * 60) == "2 минуты"
    assert phrases_in("zh").duration(2 * 3600) == "2 小时"
    assert phrases_in("es").country("DE") == "Alemania"
    assert phrases_in("es").country("QQ") == "QQ"


def test_a_list_in_chinese_has_spaces_between_latin_letters_alone() -> None:
    chinese = phrases_in("zh")
    assert chinese.join_list(["11月29日 19:51", "19:52"]) == "11月29日 19:51 和 19:52"
    tagged = ["<strong>a.example</strong>", "<strong>b.example</strong>"]
    assert chinese.join_list(tagged) == " 和 ".join(tagged)
    names = ["<bdi>小明</bdi>", "<bdi>小红</bdi>"]
    assert chinese.join_list(names) == "和".join(names)
    assert chinese.join_list(["游戏", "聊天"]) == "游戏和聊天"


def test_the_pseudo_language_shows_what_was_left_and_what_is_too_tight() -> None:
    text = "You have %(minutes)s minutes, 100%% sure."
    made = pseudo(text)
    assert made.startswith("[Yöû ")
    assert made.endswith("]")
    assert len(made) > 1.25 * len(text)
    assert placeholders(made) == placeholders(text)
    assert phrases_in(PSEUDO).pgettext("plain", "No") == pseudo("No") != "No"
    assert phrases_in(PSEUDO).ngettext("one", "many", 2) == pseudo("many")


def test_a_day_in_short_has_its_day_of_the_week() -> None:
    day = datetime.date(2026, 11, 25)
    assert phrases("en").short_day(day) == "Wed, 25 Nov 2026"
    assert phrases("fr").short_day(day, year=False) == "mer. 25 nov."


@pytest.mark.parametrize(("day", "said"), [(1, "mar. 1er déc."), (21, "lun. 21 déc.")])
def test_the_first_of_a_month_has_its_ordinal_in_french(day: int, said: str) -> None:
    assert phrases("fr").short_day(datetime.date(2026, 12, day), year=False) == said


@pytest.mark.parametrize(
    ("language", "written"), [("en", "20%"), ("fr", "20\xa0%"), ("es", "20\xa0%")]
)
def test_a_share_is_written_as_the_language_writes_it(language: str, written: str) -> None:
    assert phrases_in(language).percent(0.2) == written


def test_a_day_in_russian_can_stand_at_the_end_of_a_sentence() -> None:
    day = datetime.date(2026, 11, 28)
    assert phrases("ru").day(day) == "28 ноября 2026\u202fгода"
    assert phrases("es").day(day) == "28 de noviembre de 2026"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("¿quitar esta lista?", "¿Quitar esta lista?"),
        ("¡listo!", "¡Listo!"),
        ("la lista está guardada", "La lista está guardada."),
        ("", "."),
    ],
)
def test_a_sentence_begins_with_a_capital_after_the_marks_of_spanish(said: str, told: str) -> None:
    assert phrases("es").tell(sentence(said)) == told


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Ada", "la page d’Ada"),
        ("Éva", "la page d’Éva"),  # an accent is no consonant
        ("\u2068ada-laptop\u2069", "la page d’\u2068ada-laptop\u2069"),  # isolated
        (Markup("<bdi>Inès</bdi>"), "la page d’<bdi>Inès</bdi>"),
        ("Œdipe", "la page d’Œdipe"),
        ("Yves", "la page d’Yves"),
        ("Yann", "la page de Yann"),  # a y before a vowel is none
        ("Mia", "la page de Mia"),
        ("Hugo", "la page de Hugo"),  # nobody can see which h it is
        ("1 jour", "la page de 1 jour"),
        ("", "la page de "),
    ],
)
def test_french_drops_a_vowel_before_another(name: str, said: str) -> None:
    assert phrases_in("fr").fill("la page de %(name)s", {"name": name}) == said


def test_only_whole_french_words_drop_a_vowel() -> None:
    names = {"name": "Ada"}
    assert phrases_in("fr").fill("De %(name)s, plus que %(name)s", names) == "D’Ada, plus qu’Ada"
    assert (
        phrases_in("fr").fill("le code %(name)s, comme %(name)s", names) == "le code Ada, comme Ada"
    )
    assert phrases_in("es").fill("la página de %(name)s", names) == "la página de Ada"
    hostile = phrases_in("fr").fill(Markup("la page de %(name)s"), {"name": "A<b>"})
    assert hostile == "la page d’A&lt;b&gt;", "a value is escaped"
