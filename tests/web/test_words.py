"""Texts in templates: translated by the page's language, with what people wrote kept harmless."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment, StrictUndefined

from copdns.model.sentences import sentence
from copdns.web.languages import phrases_in
from copdns.web.template_words import install_translations
from copdns.words.phrases import phrases, pseudo
from tests.unit.words.test_phrases import RUSSIAN

TEMPLATES = Path(__file__).parents[2] / "web-ui" / "templates"
# A colon right after a value or a mark, where it is neither in a text nor of a setting's.
COLON = re.compile(r"(?:\}\}|%\}|</\w+>):\s")


def rendered(template: str, language: str = "ru", **values: object) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    install_translations(environment)
    spoken_here = phrases("ru", RUSSIAN) if language == "ru" else phrases_in(language)
    return environment.from_string(template).render(phrases=spoken_here, **values)


def test_one_environment_speaks_every_language() -> None:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    install_translations(environment)
    template = environment.from_string("{{ _('Hello.') }}")
    assert template.render(phrases=phrases("ru", RUSSIAN)) == "Привет."
    assert template.render(phrases=phrases_in("en")) == "Hello."
    assert template.render(phrases=phrases_in("en-XA")) == pseudo("Hello.")


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


def test_no_line_of_a_title_ends_at_a_hyphen() -> None:
    shown = rendered("{{ title | unbroken }}", title="What the grown-ups <see> - here")
    assert shown == ('What the <span class="unbroken">grown-ups</span> &lt;see&gt; - here')


def test_a_short_name_stays_on_its_line_and_a_long_one_may_break() -> None:
    kept = '<span class="unbroken">mia-tablet</span>'
    assert rendered("{{ name | bdi }}", name="mia-tablet") == f"<bdi>{kept}</bdi>"
    long = "the-smallest-of-our-phones"
    assert rendered("{{ name | bdi }}", name=long) == f"<bdi>{long}</bdi>"
    said = sentence("%(device)s belongs to %(name)s now", device="mia-tablet", name="<b>")
    told = rendered("{{ said | told }}", "en", said=said)
    assert told == f"\u2068{kept}\u2069 belongs to \u2068&lt;b&gt;\u2069 now."


@pytest.mark.parametrize(
    ("language", "words", "shown"),
    [
        ("fr", "À toute heure", "à toute heure"),
        ("fr", "Internet activé", "Internet activé"),
        ("es", "Internet encendido", "internet encendido"),
        ("es", "VPN y otras formas", "VPN y otras formas"),
        ("es", "YouTube & TV", "YouTube &amp; TV"),
        ("ru", "Азартные игры", "азартные игры"),
        ("ru", "VPN", "VPN"),
        ("en", "Works at any time", "Works at any time"),
    ],
)
def test_after_a_colon_words_of_ours_begin_as_the_language_has_it(
    language: str, words: str, shown: str
) -> None:
    assert rendered("{{ words | begun_small }}", language, words=words) == shown


@pytest.mark.parametrize(
    ("address", "html"),
    [
        ("http://why.home.arpa:161/a?<c>=d", "http://why.|home.|arpa:161/|a?&lt;c&gt;=|d"),
        ("dns.example/dns-query", 'dns.|example/|<span class="unbroken">dns-query</span>'),
        ("the-smallest-of-our-phones.example", "the-smallest-of-our-phones.|example"),
    ],
)
def test_an_address_breaks_between_its_words(address: str, html: str) -> None:
    assert rendered("{{ address | breakable }}", address=address) == html.replace("|", "<wbr>")


def test_no_line_of_an_address_to_copy_ends_within_its_name() -> None:
    address = "https://dns.example.net:8443/dns-query"
    html = 'https://dns.example.net:8443/<wbr><span class="unbroken">dns-query</span>'
    assert rendered('{{ address | breakable("/") }}', address=address) == html


def test_what_is_put_into_a_text_is_escaped() -> None:
    template = "{{ _('Why do you need %(name)s?', name=name) }}"
    assert rendered(template, name="<b>&") == "Why do you need &lt;b&gt;&amp;?"


FRENCH = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "%(what)s: %(more)s"
msgstr "%(what)s\u00a0: %(more)s"
"""


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ labelled(name, 3) }}", "&lt;i&gt;\u00a0: 3"),
        ("{{ labelled(name | bdi, name) }}", "<bdi>&lt;i&gt;</bdi>\u00a0: &lt;i&gt;"),
        (
            "{% call labelled(name) %}\n<b>{{ name }}</b>\n{% endcall %}",
            "&lt;i&gt;\u00a0: <b>&lt;i&gt;</b>",
        ),
        (
            "{% macro who(it) %}<b>{{ it }}</b>\n{% endmacro %}{{ labelled(who(name), '100%') }}",
            "<b>&lt;i&gt;</b>\u00a0: 100%",
        ),
    ],
)
def test_what_is_labelled_has_the_colon_of_its_language(template: str, shown: str) -> None:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    install_translations(environment)
    page = environment.from_string(template)
    assert page.render(phrases=phrases("fr", FRENCH), name="<i>") == shown
    assert page.render(phrases=phrases_in("en"), name="<i>") == shown.replace("\u00a0", "")


def test_no_template_puts_a_colon_of_its_own_between_two_things() -> None:
    wrong = [
        f"{path.relative_to(TEMPLATES)}:{number}: {line.strip()}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        for number, line in enumerate(path.read_text().splitlines(True), 1)
        if COLON.search(line) and '<code dir="ltr">' not in line
    ]
    assert wrong == []


def test_no_line_ends_within_the_name_of_a_wireless_network() -> None:
    whole = "Wi-\u2060Fi"
    assert rendered("{{ _('On the Wi-Fi.') }}", "en") == f"On the {whole}."
    assert rendered("{{ _('%(name)s', name='My Wi-Fi') }}", "en") == "My Wi-Fi", "as it was typed"
    text = "Stop others on the Wi-Fi from seeing which sites you open (encrypted DNS)"
    assert whole in rendered(f"{{{{ _('{text}') }}}}", "fr")
