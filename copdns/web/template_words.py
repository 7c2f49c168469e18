"""Let templates speak: `{{ _("...") }}`, `{{ ngettext("...", "...", n) }}`, `{{ pgettext(...) }}`.

One environment serves every language: each page is rendered with its `phrases`, which translate the
texts.  Values of placeholders are escaped.  `{{ error | told }}` gives the sentence of an error,
and `{{ text | coded }}` marks text in backticks as code.  `{{ labelled(name, words) }}` puts a
colon between two things, since languages differ in the spaces around it; `{% call labelled(name)
%}...{% endcall %}` does the same with a block.  `{{ name | bdi }}` isolates a name's direction, and
`{{ title | unbroken }}` keeps hyphens within a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import cast

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from copdns.model.sentences import Sentence, UserError
from copdns.words.phrases import Phrases

WORD_JOINER = "\u2060"  # unseen; no line ends beside it (Unicode UAX 14, LB11)


def install_translations(environment: Environment) -> None:
    """Make an environment translate with the `phrases` that each page is rendered with.

    A text is always a format: write a percent sign as `%%`.
    """
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        _gettext, _ngettext, newstyle=True, pgettext=_pgettext, npgettext=_npgettext
    )
    environment.filters["told"] = _error_text
    environment.filters["coded"] = mark_code
    environment.filters["listed"] = _join_list
    environment.filters["bdi"] = _bdi
    environment.filters["unbroken"] = _keep_hyphens
    environment.globals["labelled"] = _add_label


def mark_code(text: str) -> Markup:
    """Return a text, escaped, with <code> for what is in backticks."""
    return Markup(_CODE.sub(r'<code dir="ltr">\1</code>', str(escape(text))))  # noqa: S704 - escaped


_CODE = re.compile(r"`([^`<>]+)`")


@pass_context
def _error_text(context: Context, error: UserError | Sentence) -> Markup:
    sentences = error.sentences if isinstance(error, UserError) else (error,)
    return mark_code(_phrases(context).tell(*sentences))


@pass_context
def _gettext(context: Context, text: str) -> str:
    return _keep_names(_phrases(context).gettext(text))


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    return _keep_names(_phrases(context).ngettext(one, many, count))


@pass_context
def _pgettext(context: Context, about: str, text: str) -> str:
    return _keep_names(_phrases(context).pgettext(about, text))


@pass_context
def _npgettext(context: Context, about: str, one: str, many: str, count: int) -> str:
    return _keep_names(_phrases(context).npgettext(about, one, many, count))


@pass_context
def _join_list(context: Context, items: Iterable[str]) -> str:
    """Return things as a list in a sentence of the language: "a, b and c"."""
    whole = _phrases(context).join_list([escape(each) for each in items])
    return Markup(whole)  # noqa: S704 - each of them is escaped


@pass_context
def _add_label(
    context: Context, what: str, more: str = "", caller: Callable[[], str] | None = None
) -> Markup:
    """Return a label and what it labels.  caller: gives the second part, where that is a block."""
    both = [escape(each).strip() for each in (what, caller() if caller else more)]
    return Markup(_phrases(context).label(*both))  # noqa: S704 - each of them is escaped


def _keep_names(text: str) -> str:
    """Return a text of ours in which no line ends within *Wi-Fi*: it is one word to its readers."""
    return text.replace("Wi-Fi", f"Wi-{WORD_JOINER}Fi")


def _keep_hyphens(text: str) -> Markup:
    """Return a text, escaped, in which no line ends at a hyphen, as titles need it."""
    kept = r'<span class="unbroken">\g<0></span>'
    return Markup(re.sub(r"\w+(?:-\w+)+", kept, str(escape(text))))  # noqa: S704 - escaped


def _bdi(text: str) -> Markup:
    return Markup("<bdi>{}</bdi>").format(text)


def _phrases(context: Context) -> Phrases:
    return cast(Phrases, context["phrases"])
