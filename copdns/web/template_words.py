"""Let templates speak: `{{ _("...") }}`, `{{ ngettext("...", "...", n) }}`, `{{ pgettext(...) }}`.

One environment serves every language: a page is rendered with `phrases`, and its texts are
translated by that.  Values of placeholders are escaped as everything else.  `{{ error | told }}` is
what an error says; `{{ text | coded }}` shows what stands between backticks as code.
`{{ labelled(name, words) }}` puts a colon between two things, for languages differ in its spaces;
`{% call labelled(name) %}...{% endcall %}` does so where the second one is longer, and
`{{ name | bdi }}` keeps a name's own direction.
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


def speak(environment: Environment) -> None:
    """Make an environment translate by the `phrases` that each page is rendered with.

    A text is a format always: a percent sign in one is written `%%`.
    """
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        _gettext, _ngettext, newstyle=True, pgettext=_pgettext, npgettext=_npgettext
    )
    environment.filters["told"] = _told
    environment.filters["coded"] = coded
    environment.filters["listed"] = _listed
    environment.filters["bdi"] = _bdi
    environment.globals["labelled"] = _labelled


def coded(text: str) -> Markup:
    """Return a text, escaped, with what stands between backticks as code."""
    return Markup(_CODE.sub(r'<code dir="ltr">\1</code>', str(escape(text))))  # noqa: S704 - escaped


_CODE = re.compile(r"`([^`<>]+)`")


@pass_context
def _told(context: Context, said: UserError | Sentence) -> Markup:
    sentences = said.sentences if isinstance(said, UserError) else (said,)
    return coded(_phrases(context).tell(*sentences))


@pass_context
def _gettext(context: Context, text: str) -> str:
    return _phrases(context).gettext(text)


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    return _phrases(context).ngettext(one, many, count)


@pass_context
def _pgettext(context: Context, about: str, text: str) -> str:
    return _phrases(context).pgettext(about, text)


@pass_context
def _npgettext(context: Context, about: str, one: str, many: str, count: int) -> str:
    return _phrases(context).npgettext(about, one, many, count)


@pass_context
def _listed(context: Context, items: Iterable[str]) -> str:
    """Return things one after the other, as the language puts them."""
    whole = _phrases(context).join_list([escape(each) for each in items])
    return Markup(whole)  # noqa: S704 - each of them is escaped


@pass_context
def _labelled(
    context: Context, what: str, more: str = "", caller: Callable[[], str] | None = None
) -> Markup:
    """Return something and what is said of it; caller: gives that where it is a block."""
    both = [escape(each).strip() for each in (what, caller() if caller else more)]
    return Markup(_phrases(context).label(*both))  # noqa: S704 - each of them is escaped


def _bdi(text: str) -> Markup:
    return Markup("<bdi>{}</bdi>").format(text)


def _phrases(context: Context) -> Phrases:
    return cast(Phrases, context["phrases"])
