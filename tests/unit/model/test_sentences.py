"""What an error says: English for programs, the reader's language for pages."""

from __future__ import annotations

import pytest

from copdns.model.errors import HouseholdError
from copdns.model.sentences import Phrase, plural_sentence, sentence
from copdns.model.violations import no_such
from copdns.words.phrases import END_ISOLATE, ISOLATE, Phrases, phrases

ENGLISH, PSEUDO = phrases("en"), phrases("en-XA")

FRENCH = """
msgid ""
msgstr "Plural-Forms: nplurals=2; plural=(n > 1);\\n"

msgid "there is no %(noun)s '%(wanted)s'; none exists yet"
msgstr "%(noun)s « %(wanted)s » : inconnu"

msgctxt "what is missing"
msgid "profile"
msgstr "profil"

msgid "wait %(num)d second"
msgid_plural "wait %(num)d seconds"
msgstr[0] "attendez %(num)d seconde"
msgstr[1] "attendez %(num)d secondes"
"""


def plain(text: str) -> str:
    return text.replace(ISOLATE, "").replace(END_ISOLATE, "")


def test_the_command_line_gets_english_without_a_capital() -> None:
    error = HouseholdError("there is a device '%(device)s' already", device="tablet")
    assert str(error) == "there is a device 'tablet' already"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("choose another id", "Choose another id."),
        ("is it all there?", "Is it all there?"),
        ("Tick that you are sure.", "Tick that you are sure."),
    ],
)
def test_a_page_gets_whole_sentences(text: str, shown: str) -> None:
    assert ENGLISH.tell(sentence(text)) == shown


def test_a_page_reads_all_that_is_wrong() -> None:
    assert ENGLISH.tell(sentence("no name"), sentence("no age")) == "No name. No age."


def test_chinese_ends_with_its_own_full_stop() -> None:
    assert phrases("zh").tell(sentence("选择")) == "选择。"


def test_texts_nouns_and_numbers_are_translated() -> None:
    french = phrases("fr", FRENCH)
    assert plain(french.tell(no_such("profile", "bo", ()))) == "Profil « bo » : inconnu."
    wait = "wait %(num)d second", "wait %(num)d seconds"
    assert french.tell(plural_sentence(*wait, 1)) == "Attendez 1 seconde."
    assert french.tell(plural_sentence(*wait, 2)) == "Attendez 2 secondes."
    assert str(plural_sentence(*wait, 1)) == "wait 1 second"
    assert str(plural_sentence(*wait, 2)) == "wait 2 seconds"


def test_a_sentence_within_another_is_translated_too() -> None:
    whole = sentence("day: %(what)s", what=sentence("it ends early"))
    assert str(whole) == "day: it ends early"
    assert "[dáý: [ît éñds éárlý" in PSEUDO.tell(whole)


def test_a_value_of_the_other_direction_keeps_its_own() -> None:
    assert f"{ISOLATE}שלום{END_ISOLATE}" in ENGLISH.tell(sentence("%(name)s is gone", name="שלום"))


@pytest.mark.parametrize("language", [ENGLISH, PSEUDO])
def test_a_percent_sign_of_a_value_is_no_placeholder(language: Phrases) -> None:
    assert "100%(x)s" in language.tell(sentence("no name: %(name)s", name="100%(x)s"))


def test_what_a_stranger_wrote_does_not_steer_a_terminal() -> None:
    assert str(sentence("'%(name)s' is gone", name="a\x1b[2Jb\n")) == r"'a\x1b[2Jb\n' is gone"


def test_the_place_is_for_a_file_and_a_page_reads_what_it_is_about() -> None:
    said = sentence("has no times").at("schedules.bedtime.slots", "bedtime")
    assert str(said) == "schedules.bedtime.slots: has no times"
    assert plain(ENGLISH.tell(said)) == "bedtime: has no times."


def test_a_phrase_is_told_in_its_context() -> None:
    assert str(sentence("no %(what)s", what=Phrase("what is missing", "rule"))) == "no rule"
