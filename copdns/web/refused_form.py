"""Give a form back that was refused: filled as it was sent, with what is wrong beside its field.

It works on the page as it is shown afresh, so that no template needs a second way to show its form,
and a new form has this by itself.  A password, a code for one time and a file are never filled in.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from itertools import accumulate

Sent = Mapping[str, Sequence[str]]

TOLD = "what-is-wrong"  # the id of the sentence
_BUTTONS = frozenset({"submit", "button", "reset", "image"})
_NEVER = frozenset({"password", "file"})
_CHOICES = frozenset({"checkbox", "radio"})


def given_back(page: str, action: str, sent: Sent, what: str, name: str = "") -> str | None:
    """Return the page with its form filled; None where it has no form that somebody fills in.

    action: where the form was sent to.  what: the sentence, as HTML.  name: of the field that it is
    about; "", or one that the form does not show: the sentence stands at the form's beginning.
    """
    form = _meant(_read(page, action), sent)
    if form is None:
        return None
    edits = [*_fill(form, sent), _tell(form, what, name), *_tags(form)]
    for start, end, text in sorted(edits, reverse=True):
        page = page[:start] + text + page[end:]
    return page


Edit = tuple[int, int, str]  # from where to where in the page something else stands


@dataclass(slots=True)
class _Tag:
    """A start tag, and where it stands in the page.  end: behind its closing tag, if it has one."""

    tag: str
    attrs: dict[str, str | None]
    start: int
    behind: int
    inside: tuple[
        _Tag, ...
    ] = ()  # the details, fieldsets and labels around it, the outermost first
    until: int = 0  # where its content ends
    text: str = ""  # of an option

    def get(self, name: str) -> str:
        return self.attrs.get(name) or ""

    @property
    def kind(self) -> str:
        if self.tag == "button":
            return self.get("type") or "submit"
        return self.get("type") if self.tag == "input" else self.tag

    @property
    def value(self) -> str:
        usual = "on" if self.kind in _CHOICES else self.text.strip()
        return self.get("value") if "value" in self.attrs else usual

    def written(self) -> str:
        """Return the tag as it is written with its attributes as they are now."""
        parts = (each if v is None else f'{each}="{escape(v)}"' for each, v in self.attrs.items())
        return f"<{' '.join((self.tag, *parts))}>"

    def edit(self) -> Edit:
        return self.start, self.behind, self.written()


@dataclass(slots=True)
class _Form:
    tag: _Tag
    controls: list[_Tag] = field(default_factory=list)
    options: dict[int, list[_Tag]] = field(default_factory=dict)  # of a select, by where it stands
    heads: list[_Tag] = field(default_factory=list)  # headings and legends

    @property
    def typed(self) -> list[_Tag]:
        """What somebody fills in."""
        return [each for each in self.controls if each.kind not in _BUTTONS | {"hidden"}]


class _Reader(HTMLParser):
    """Finds the forms that are sent to one address."""

    def __init__(self, page: str, action: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[_Form] = []
        self._action = action
        self._lines = (0, *accumulate(len(line) + 1 for line in page.split("\n")))
        self._around: list[_Tag] = []
        self._form: _Form | None = None
        self._open: _Tag | None = None  # a heading, option or textarea that goes on
        self._suggests = False  # in a datalist: its options are nobody's choice yet

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text = self.get_starttag_text() or ""
        here = self._here()
        found = _Tag(tag, dict(attrs), here, here + len(text), tuple(self._around))
        if tag in ("details", "fieldset", "label"):
            self._around.append(found)
        self._suggests |= tag == "datalist"
        if tag == "form" and found.get("action").partition("?")[0] == self._action:
            self._form = _Form(found)
            self.forms.append(self._form)
        elif self._form is not None:
            self._in_form(self._form, found)

    def _in_form(self, form: _Form, found: _Tag) -> None:
        if found.tag in ("input", "select", "textarea", "button"):
            form.controls.append(found)
        elif found.tag == "option":
            if self._suggests:
                return
            select = next(each for each in reversed(form.controls) if each.tag == "select")
            form.options.setdefault(select.start, []).append(found)
        elif found.tag in ("h2", "h3", "legend"):
            form.heads.append(found)
        if found.tag in ("option", "textarea", "h2", "h3", "legend"):
            self._open = found

    def handle_data(self, data: str) -> None:
        if self._open is not None and self._open.tag == "option":
            self._open.text += data

    def handle_endtag(self, tag: str) -> None:
        if self._open is not None and tag == self._open.tag:
            self._open.until = self._here()
            self._open = None
        self._suggests &= tag != "datalist"
        if tag == "form":
            self._form = None
        elif self._around and tag == self._around[-1].tag:
            self._around.pop()


def _read(page: str, action: str) -> list[_Form]:
    reader = _Reader(page, action)
    reader.feed(page)
    reader.close()
    return reader.forms


def _meant(forms: list[_Form], sent: Sent) -> _Form | None:
    """Return the form that was sent: several can go to the same address."""
    fit = [each for each in forms if each.typed and _fits(each, sent)]
    return max(fit, key=lambda each: _same(each, sent), default=None)


def _fits(form: _Form, sent: Sent) -> bool:
    """Tell whether a browser sends these fields for a form; what it leaves out may be missing."""
    names = {each.get("name") for each in form.controls}
    optional = _BUTTONS | _CHOICES | {"file", "select"}
    always = {each.get("name") for each in form.controls if each.kind not in optional}
    return not sent or always <= set(sent) <= names


def _same(form: _Form, sent: Sent) -> int:
    """Return how many of the values that nobody types are those that were sent."""
    given = (each for each in form.controls if each.kind in _BUTTONS | {"hidden"})
    return sum(each.value in sent.get(each.get("name"), ()) for each in given)


def _fill(form: _Form, sent: Sent) -> Iterator[Edit]:
    """Fill the controls as they were sent, and open what hides one that is not empty."""
    left = {name: list(values) for name, values in sent.items()}
    for each in form.typed if sent else ():
        values = left.get(each.get("name"), [])
        if each.kind in _NEVER or each.get("autocomplete") == "one-time-code":
            continue
        if each.kind in _CHOICES:
            _mark(each, "checked", values)
            given = "checked" in each.attrs
        elif each.tag == "select":
            for option in form.options.get(each.start, ()):
                _mark(option, "selected", values)
            given = False
        else:
            typed = values.pop(0) if values else ""
            given = bool(typed)
            if each.tag == "textarea":  # whose first line break does not count (HTML 13.1.2.5)
                yield each.behind, each.until, f"\n{escape(typed)}"
            else:
                each.attrs["value"] = typed
        if given:
            _show(each)


def _mark(control: _Tag, word: str, values: Sequence[str]) -> None:
    control.attrs.pop(word, None)
    if control.value in values:
        control.attrs[word] = None


def _show(control: _Tag) -> None:
    for each in control.inside:
        if each.tag == "details":
            each.attrs["open"] = None


def _tell(form: _Form, what: str, name: str) -> Edit:
    """Return the sentence at its place; whoever sent the form is led there."""
    _show(form.tag)
    about = [each for each in form.typed if name and each.get("name") == name]
    if not about:
        place = _beginning(form)
        text = f'<p class="error" role="alert" id="{TOLD}" tabindex="-1" autofocus>{what}</p>'
        return place, place, text
    for each in about[:1] if about[0].kind not in _CHOICES else about:
        described = f"{each.get('aria-describedby')} {TOLD}"
        each.attrs["aria-describedby"] = described.strip()
        if each.kind != "radio":
            each.attrs["aria-invalid"] = "true"
    about[0].attrs["autofocus"] = None
    _show(about[0])
    place = _before(form, about[0])
    # A span, which may stand within a paragraph.
    return place, place, f'<span class="error" role="alert" id="{TOLD}">{what}</span>'


def _beginning(form: _Form) -> int:
    """Return the place behind the form's heading, or where it begins without one."""
    first = form.typed[0].start
    heads = [each for each in form.heads if each.tag != "legend" and each.start < first]
    return _behind(heads[0]) if heads else form.tag.behind


def _before(form: _Form, control: _Tag) -> int:
    """Return the place before a field; of one of several choices, before all of them."""
    if control.kind not in _CHOICES:
        return control.start
    around = [each for each in control.inside if each.start > form.tag.start]
    for each in reversed(around):
        legends = [one for one in form.heads if one.tag == "legend" and one.start > each.start]
        if each.tag == "fieldset" and legends:
            return _behind(legends[0])
    return around[-1].start if around and around[-1].tag == "label" else control.start


def _behind(head: _Tag) -> int:
    return head.until + len(f"</{head.tag}>")


def _tags(form: _Form) -> Iterator[Edit]:
    """Yield the tags whose attributes may be others by now, each once."""
    options = (each for several in form.options.values() for each in several)
    tags = [*form.typed, *options, *form.tag.inside]
    tags += [around for each in form.typed for around in each.inside]
    yield from {each.start: (each.start, each.behind, each.written()) for each in tags}.values()
