"""Texts in templates: translated by the page's language, with what people wrote kept harmless."""

from __future__ import annotations

from jinja2 import Environment, StrictUndefined

from copdns.languages import spoken
from copdns.phrases import phrases, pseudo
from copdns.web.words import speak
from tests.unit.test_phrases import RUSSIAN


def rendered(template: str, language: str = "ru", **values: object) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    speak(environment)
    spoken_here = phrases("ru", RUSSIAN) if language == "ru" else spoken(language)
    return environment.from_string(template).render(phrases=spoken_here, **values)


def test_one_environment_speaks_every_language() -> None:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    speak(environment)
    template = environment.from_string("{{ _('Hello.') }}")
    assert template.render(phrases=phrases("ru", RUSSIAN)) == "Привет."
    assert template.render(phrases=spoken("en")) == "Hello."
    assert template.render(phrases=spoken("en-XA")) == pseudo("Hello.")


def test_a_level_has_its_own_words() -> None:
    assert rendered("{{ pgettext('pictures', 'Hello.') }}") == "Эй!"


def test_plurals_are_those_of_the_language() -> None:
    template = "{{ ngettext('%(num)d minute', '%(num)d minutes', n) }}"
    assert [rendered(template, n=n) for n in (1, 3, 5)] == ["1 минута", "3 минуты", "5 минут"]


def test_what_is_listed_is_escaped_once() -> None:
    template = (
        "{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}{{ [bold('&'), name] | listed }}"
    )
    assert rendered(template, "en", name="<i>") == "<b>&amp;</b> and &lt;i&gt;"


def test_what_is_put_into_a_text_is_escaped() -> None:
    template = "{{ _('Why do you need %(name)s?', name=name) }}"
    assert rendered(template, name="<b>&") == "Why do you need &lt;b&gt;&amp;?"
