"""The catalogues are whole: every text that is used, in every language, fit to be shown."""

from __future__ import annotations

import re
import subprocess
import sys
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from copdns.list_files.load import load_catalogue
from copdns.words.desk import GROUPS
from copdns.words.phrases import APP_NAME, DESK_LANGUAGES, LANGUAGES, PLACEHOLDER, placeholders

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "web-ui" / "locale"
TRANSLATED = [each for each in LANGUAGES if each != "en"]
# What a provider's staff reads, on its pages and in errors.
STAFF = (
    "web-ui/templates/staff/",
    "copdns/web/staff/",
    "copdns/provider/",
    *("copdns/app/node/", "copdns/list_files/rollout_files.py"),
    "copdns/store/provider_db/",
)
# The desk is for grown-ups: its texts have fewer languages, and are shown in English elsewhere.
# Below: what errors say to guardians; a child can meet those of appeals, guests and pairings alone.
DESK = (
    "web-ui/templates/desk/",
    *STAFF,
    *(
        f"copdns/web/{each}"
        for each in (
            *("desk/", "calendars.py", "logins.py", "more_time.py"),
            *("report.py", "unknown_devices.py"),
        )
    ),
    "copdns/privacy/digest.py",
    *(
        f"copdns/model/{each}.py"
        for each in ("addresses", "matchers", "names", "times", "violations")
    ),
    "copdns/household/",
    "copdns/household/moving_in/",
    "copdns/web/moving_in/",
    "copdns/store/gravity.py",
    "copdns/cli/",
    "copdns/network/certificate_check.py",
    *(f"copdns/time/{each}.py" for each in ("ics", "moments", "schedule")),
    "copdns/accounts/passphrase.py",
    "copdns/events/notices.py",
    "copdns/events/mqtt_messages.py",
    *(
        f"copdns/store/household_db/{each}.py"
        for each in (
            *("account_rows", "accounts", "attempts", "edit", "household", "sessions", "tables"),
        )
    ),
    *(f"copdns/words/{each}.py" for each in ("audit", "desk", "download_warnings", "warnings")),
    "blocklists/",
)
AT_THE_DESK = tuple(each for each in DESK_LANGUAGES if each != "en")


def path_of(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "copdns.po"


@cache
def catalogue(language: str) -> Catalog:
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return collected(ROOT, tmp_path_factory.mktemp("words") / "copdns.pot")


def collected(folder: Path, out: Path) -> Catalog:
    """Collect the texts below a folder as `make words` does."""
    command = (ROOT / "scripts" / "words").read_text()
    found = re.search(r'pybabel" --quiet (extract .*?) --output', command, re.DOTALL)
    assert found
    arguments = found[1].replace("\\\n", " ").split()
    subprocess.run(
        [sys.executable, "-m", "babel.messages.frontend", "--quiet", *arguments, "-o", out, "."],
        cwd=folder,
        check=True,
    )
    with out.open("rb") as file:
        return read_po(file)


def forms(message_string: str | tuple[str, ...]) -> tuple[str, ...]:
    return (message_string,) if isinstance(message_string, str) else message_string


def translated(language: str) -> list[Message]:
    """Return what a catalogue has translated, besides its head."""
    return [each for each in catalogue(language) if each.id and any(forms(each.string))]


def is_wanted(message: Message, language: str) -> bool:
    """Tell whether a text is to be there in a language: one that a child reads, in all."""
    return language in AT_THE_DESK or not all(
        path.startswith(DESK) for path, _ in message.locations
    )


@pytest.mark.parametrize(
    ("places", "languages"),
    [
        (["web-ui/templates/door.html"], TRANSLATED),
        (["web-ui/templates/desk/inbox.html", "web-ui/templates/pieces.html"], TRANSLATED),
        (["copdns/web/wording.py"], TRANSLATED),
        (["web-ui/templates/desk/inbox.html", "copdns/web/desk/inbox.py"], ["fr", "es"]),
    ],
)
def test_only_what_no_child_reads_has_fewer_languages(
    places: list[str], languages: list[str]
) -> None:
    message = Message("Hello.", locations=[(place, 1) for place in places])
    assert [each for each in TRANSLATED if is_wanted(message, each)] == languages


TEMPLATE = """
{{ _("Hello, %(name)s.", name=name) }}
{{ pgettext("plain", "Wait.") }}
{{ npgettext("plain", "%(num)d page", "%(num)d pages", n) }}
{% trans %}As a block.{% endtrans %}
"""
MODULE = """
from copdns.words.phrases import Phrase

WORDS = (Phrase("pictures", "Two " "halves."), Phrase("plain", "Wait."))
"""


def test_texts_of_templates_and_modules_are_found(tmp_path: Path) -> None:
    for name, text in (
        ("web-ui/templates/child/page.html", TEMPLATE),
        ("copdns/web/template_words.py", MODULE),
        ("babel.cfg", (ROOT / "babel.cfg").read_text()),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = {(each.context, each.id) for each in collected(tmp_path, tmp_path / "all.pot")}
    assert found - {(None, "")} == {
        (None, "Hello, %(name)s."),
        ("plain", "Wait."),
        ("plain", ("%(num)d page", "%(num)d pages")),
        (None, "As a block."),
        ("pictures", "Two halves."),
    }


def test_what_is_said_of_data_that_ships_is_collected(used: Catalog) -> None:
    library = load_catalogue([])
    said = {each.title for each in library.canaries.values()}
    said |= {each.about for each in library.canaries.values()}
    said |= {each.note for each in library.engines.values() if each.note}
    said |= {text for each in library.services.values() for text in each.affects.values()}
    assert said <= {each.id for each in used}
    named = {each.id for each in used if each.context == APP_NAME}
    assert {"ChatGPT and Sora", "YouTube Restricted Mode"} <= named
    assert "YouTube" not in named


def test_every_group_of_services_has_a_name() -> None:
    assert {each.group for each in load_catalogue([]).services.values()} <= set(GROUPS)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated(used: Catalog, language: str) -> None:
    missing = []
    for message in used:
        found = catalogue(language).get(message.id, message.context)
        if not message.id or not is_wanted(message, language):
            continue
        if found is None or not all(forms(found.string)) or found.fuzzy:
            missing.append((message.context, message.id))
    hint = "run `make words`, then translate what is new"
    if reworded := [near for _, text in missing if (near := former_text(text, language))]:
        hint = f"reworded? use scripts/rekey, which keeps the translations of {reworded}"
    assert missing == [], hint


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_left_that_nothing_uses(used: Catalog, language: str) -> None:
    texts = [each for each in catalogue(language) if each.id]
    left = [each.id for each in texts if used.get(each.id, each.context) is None]
    assert left == [], "delete them, or mark them with #~ until they are reworded"


def former_text(text: str | tuple[str, ...], language: str) -> str:
    """Return the text no longer used whose words are most like a new one's; "" for none."""
    left = [each for each, *_ in map(forms, (m.id for m in catalogue(language).obsolete.values()))]
    near = get_close_matches(forms(text)[0], left, n=1, cutoff=0.6)
    return near[0] if near else ""


def test_a_reworded_text_is_told_from_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Catalog(locale="fr")
    old.obsolete["Read why, and ask for it"] = Message("Read why, and ask for it", "Lis pourquoi")
    monkeypatch.setattr("tests.test_words.catalogue", lambda _: old)
    assert former_text("See why, and ask for it", "fr") == "Read why, and ask for it"
    assert former_text("Phone", "fr") == ""


# Words that must not become one in translation, each with a text of the pages that has just it.
APART = (
    (("request", "Requests"), ("lookup", "Lookups")),
    (("blocked", "site"), ("off", "internet")),
)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_language_has_a_glossary_with_a_word_for_each_term(language: str) -> None:
    head, *rows = (LOCALE / language / "glossary.tsv").read_text(encoding="utf8").splitlines()
    assert head.split("\t") == ["term", "translation", "note"]
    cells = [row.split("\t") for row in rows]
    assert [row for row in cells if len(row) != 3 or not row[0] or not row[1]] == []
    assert len({row[0] for row in cells}) == len(cells) >= 30


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_request_is_no_lookup_and_what_is_blocked_is_not_off(language: str) -> None:
    found = catalogue(language)
    texts = [found[each].string for each in ("Requests", "Lookups") if each in found]
    assert len(set(texts)) == len(texts)
    blocked, off = found.get("blocked", "site"), found.get("off", "internet")
    if blocked and off and blocked.string and off.string:
        assert blocked.string != off.string


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_takes_the_same_placeholders(language: str) -> None:
    wrong = []
    for message in translated(language):
        wanted = placeholders(forms(message.id)[-1])
        # A form for exactly one or two may say the number in words.
        plural = not isinstance(message.id, str)
        for form in forms(message.string):
            has = placeholders(form)
            if has != wanted and not (plural and has == [p for p in wanted if p != "%(num)d"]):
                wrong.append(form)
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_text_is_no_markup_and_a_lone_percent_sign_is_doubled(language: str) -> None:
    texts = [form for each in translated(language) for form in forms(each.string)]
    assert [
        text for text in texts if re.search(r"[<>&]|%(?!\(\w+\)[sd])", text.replace("%%", ""))
    ] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_plural_forms_are_those_of_the_language(language: str) -> None:
    right = get_plural(language)
    header = catalogue(language)
    assert (header.num_plurals, header.plural_expr) == (right.num_plurals, right.plural_expr)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_is_in_its_own_script(language: str) -> None:
    script = {"ar": r"[؀-ۿ]", "ru": r"[а-яё]", "zh": r"[一-鿿]"}.get(language, r"[a-z]")
    said = [each for each in translated(language) if has_words(each)]
    texts = [form for each in said for form in forms(each.string)]
    assert [text for text in texts if not re.search(script, text.lower())] == []


def has_words(message: Message) -> bool:
    """Tell whether a text is more than placeholders and what stands between them."""
    return any(letter.isalpha() for letter in PLACEHOLDER.sub("", forms(message.id)[-1]))


def test_a_french_sign_never_begins_a_line() -> None:
    # What stands apart from its word by a space goes to the next line with it, or not at all.
    apart = re.compile(r" [;:?!»]|« ")
    texts = {form for each in translated("fr") for form in forms(each.string)}
    texts.update(path.read_text() for path in (ROOT / "web-ui" / "help" / "fr").glob("*.yaml"))
    assert {text for text in texts if apart.search(text)} == set()


# What is said to a friend or to a child, as no guardian is spoken to; a quotation may.
FAMILIAR = {
    "es": r"tus?|tú|ti|contigo|tienes|puedes|dejas|has|(?<!se )elige|imprime|pon|define|consigue",
    "fr": r"tu|tes|ton|toi",
}


@pytest.mark.parametrize("language", sorted(FAMILIAR))
def test_the_dashboard_speaks_to_guardians_as_to_adults(language: str) -> None:
    familiar = re.compile(rf"\b(?:{FAMILIAR[language]})\b", re.IGNORECASE)
    said = [
        re.sub(r"«[^»]*»", "", form)
        for each in translated(language)
        if each.locations and all(file.startswith(DESK) for file, _ in each.locations)
        for form in forms(each.string)
    ]
    assert [text for text in said if familiar.search(text)] == []


def test_each_language_has_its_catalogue_and_no_catalogue_is_left_over() -> None:
    assert sorted(path.name for path in LOCALE.iterdir()) == sorted(TRANSLATED)
