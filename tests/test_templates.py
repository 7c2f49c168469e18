"""Templates and languages are compiled once, and anew where their text is another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from copdns.web import pages
from copdns.words.phrases import phrases
from tests import templates
from tests.templates import FOLDER, take_compiled_templates


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Take what is compiled from a new folder; the list grows by each text that is compiled."""
    texts: list[str] = []
    really = Environment._parse

    def parse(self: Environment, source: str, *more: str | None) -> object:
        texts.append(source)
        return really(self, source, *more)

    monkeypatch.setattr(Environment, "_parse", parse)
    monkeypatch.setattr(pages, "Environment", Environment)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return texts


def shown(text: str) -> str:
    return (
        pages.Environment(loader=DictLoader({"page": text})).get_template("page").render(who="Mia")
    )


def test_a_template_is_compiled_once_for_all_who_show_it(compiled: list[str]) -> None:
    take_compiled_templates()
    assert [shown("Hello {{ who }}"), shown("Hello {{ who }}")] == ["Hello Mia", "Hello Mia"]
    assert compiled == ["Hello {{ who }}"]
    assert shown("Bye {{ who }}") == "Bye Mia"
    assert compiled == ["Hello {{ who }}", "Bye {{ who }}"]


def test_where_no_run_keeps_any_each_compiles_its_own(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER)
    take_compiled_templates()
    assert [shown("Hello {{ who }}"), shown("Hello {{ who }}")] == ["Hello Mia", "Hello Mia"]
    assert len(compiled) == 2


PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Yes"\nmsgstr "{}"\n'


def test_a_language_is_compiled_once_for_all_who_speak_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[bytes] = []
    really = templates._compile_language

    def compile_language(text: bytes, code: str) -> bytes:
        texts.append(text)
        return really(text, code)

    monkeypatch.setattr(templates, "_compile_language", compile_language)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    for word in ("Oui", "Oui", "Si", "Oui"):
        assert phrases("fr", PO.format(word)).gettext("Yes") == word
    assert texts == [PO.format(each).encode() for each in ("Oui", "Si")]
    assert len([*tmp_path.iterdir()]) == 2
    monkeypatch.delenv(FOLDER)
    assert phrases("fr", PO.format("Oui")).gettext("Yes") == "Oui"
    assert len(texts) == 3
