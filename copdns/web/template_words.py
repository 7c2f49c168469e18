"""Let templates speak: `{{ _("...") }}`, `{{ ngettext("...", "...", n) }}`, `{{ pgettext(...) }}`.

One environment serves every language: each page is rendered with its `phrases`, which translate the
texts.  Values of placeholders are escaped.  `{{ error | told }}` gives the sentence of an error,
and `{{ text | coded }}` marks text in backticks as code.  `{{ labelled(name, words) }}` puts a
colon between two things, since languages differ in the spaces around it; `{% call labelled(name)
%}...{% endcall %}` does the same with a block.  `{{ words | begun_small }}` is for words of ours
after a colon, which some languages begin small.  `{{ name | bdi }}` isolates a name's direction and
keeps a short one on its line.  `{{ title | unbroken }}` keeps hyphens within a line.  `{{ address |
breakable }}` lets a line end between the parts of an address, so that no word of it breaks in two;
`breakable("/")` only after a slash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from copdns.model.sentences import Sentence, UserError
from copdns.words.phrases import END_ISOLATE, ISOLATE, WORD_JOINER, Phrases


def install_translations(environment: Environment) -> None:
    """Make an environment translate with the `phrases` that each page is rendered with.

    A text is always a format: write a percent sign as `%%`.
    """
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        _gettext, _ngettext, newstyle=False, pgettext=_pgettext, npgettext=_npgettext
    )
    environment.filters["told"] = _error_text
    environment.filters["coded"] = mark_code
    environment.filters["listed"] = _join_list
    environment.filters["bdi"] = _bdi
    environment.filters["unbroken"] = _keep_hyphens
    environment.filters["breakable"] = _break_address
    environment.filters["begun_small"] = _begin_small
    environment.globals["labelled"] = _add_label


def mark_code(text: str) -> Markup:
    """Return a text, escaped, with <code> for what is in backticks."""
    return Markup(_CODE.sub(r'<code dir="ltr">\1</code>', str(escape(text))))  # noqa: S704 - escaped


_CODE = re.compile(r"`([^`<>]+)`")


@pass_context
def _error_text(context: Context, error: UserError | Sentence) -> Markup:
    sentences = error.sentences if isinstance(error, UserError) else (error,)
    said = mark_code(_phrases(context).tell(*sentences))
    return Markup(_SHORT_NAME.sub(lambda found: _keep_hyphens(Markup(found[0])), said))  # noqa: S704 - escaped


# Jinja's own "new style" would fill the placeholders, by no rule of a language.
@pass_context
def _gettext(context: Context, text: str, /, **values: object) -> Markup:
    return _fill(context, _phrases(context).gettext(text), values)


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int, /, **values: object) -> Markup:
    text = _phrases(context).ngettext(one, many, count)
    return _fill(context, text, {"num": count, **values})


@pass_context
def _pgettext(context: Context, about: str, text: str, /, **values: object) -> Markup:
    return _fill(context, _phrases(context).pgettext(about, text), values)


@pass_context
def _npgettext(
    context: Context, about: str, one: str, many: str, count: int, /, **values: object
) -> Markup:
    text = _phrases(context).npgettext(about, one, many, count)
    return _fill(context, text, {"num": count, **values})


def _fill(context: Context, text: str, values: Mapping[str, object]) -> Markup:
    """Return a text of ours, which has no markup of others, with its values, escaped."""
    ours = Markup(_keep_names(text))  # noqa: S704 - ours
    return cast(Markup, _phrases(context).fill(ours, values))


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


@pass_context
def _begin_small(context: Context, text: str) -> str:
    return _phrases(context).begin_small(text)


def _keep_names(text: str) -> str:
    """Return a text of ours in which no line ends within *Wi-Fi* or *grown-up*: each is one word to
    its readers."""
    return text.replace("Wi-Fi", f"Wi-{WORD_JOINER}Fi").replace("rown-up", f"rown-{WORD_JOINER}up")


def _keep_hyphens(text: str) -> Markup:
    """Return a text, escaped, in which no line ends at a hyphen, as titles need it."""
    kept = r'<span class="unbroken">\g<0></span>'
    return Markup(re.sub(r"\w+(?:-\w+)+", kept, str(escape(text))))  # noqa: S704 - escaped


def _break_address(address: str, marks: str = "/.?=") -> Markup:
    """Return an address, escaped, in which a line can end after each mark between two words, but
    not between the scheme and the host, nor before a port.

    marks: "/" alone for an address that people copy: a name that goes on in the next line reads as
    two.
    A short word with hyphens stays whole: a line that ends there reads as if the word were parted.
    """
    parts = re.split(rf"(?<=[{re.escape(marks)}])(?<!//)(?=\w)", address)
    kept = [_keep_hyphens(each) if len(each) <= _SHORT else escape(each) for each in parts]
    return Markup("<wbr>").join(kept)


_SHORT_NAME = re.compile(f"(?<={ISOLATE})[^{ISOLATE}{END_ISOLATE}<>.]{{1,20}}(?={END_ISOLATE})")
_SHORT = 20  # letters: that much fits beside an icon on a narrow phone


def _bdi(text: str) -> Markup:
    """Return a name that keeps its direction; a short one, such as mia-tablet, is on one line."""
    is_short = len(text) <= _SHORT and not isinstance(text, Markup)
    return Markup("<bdi>{}</bdi>").format(_keep_hyphens(text) if is_short else text)


def _phrases(context: Context) -> Phrases:
    return cast(Phrases, context["phrases"])
