"""Fill a refused form as it was sent, and put the error beside its field.  Pure.

It edits the page's HTML, so templates need no second way to show a form, and a new form works
without more.  Passwords, one-time codes and files are never filled in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from itertools import accumulate

SentFields = Mapping[str, Sequence[str]]

ERROR_ID = "what-is-wrong"  # the id of the sentence
FIELD_ID = "field-that-is-wrong"  # of a field that has none of its own
_MAIN = '<main id="main">'  # as base.html has it
_BUTTONS = frozenset({"submit", "button", "reset", "image"})
_NEVER = frozenset({"password", "file"})
_CHOICES = frozenset({"checkbox", "radio"})


def refill_form(page: str, action: str, sent: SentFields, what: str, name: str = "") -> str | None:
    """Return the page with its form filled in; None where it has no form with fields.

    action: where the form was sent to.  what: the sentence, as HTML.  name: of the field that it is
    about; where that is "" or not in the form, the sentence goes to the form's beginning.
    """
    form = _find_sent_form(_read_forms(page, action), sent)
    if form is None:
        return None
    edits = [*_fill(form, sent), _error_edit(form, what, name), *_link_edit(page, form, what, name)]
    edits += _tag_edits(form)
    for start, end, text in sorted(edits, reverse=True):
        page = page[:start] + text + page[end:]
    return page


Edit = tuple[int, int, str]  # start and end in the page, and the new text


@dataclass(slots=True)
class _Tag:
    """A start tag and its place in the page.

    behind: where the start tag ends.  inside: the details, fieldset and label elements around it,
    the outermost first.  until: where its content ends; 0 without an end tag.  text: of an option.
    """

    tag: str
    attrs: dict[str, str | None]
    start: int
    behind: int
    inside: tuple[_Tag, ...] = ()
    until: int = 0
    text: str = ""

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

    def markup(self) -> str:
        """Return the tag as HTML, with its attributes as they are now."""
        parts = (each if v is None else f'{each}="{escape(v)}"' for each, v in self.attrs.items())
        return f"<{' '.join((self.tag, *parts))}>"

    def edit(self) -> Edit:
        return self.start, self.behind, self.markup()


@dataclass(slots=True)
class _Form:
    tag: _Tag
    controls: list[_Tag] = field(default_factory=list)
    options: dict[int, list[_Tag]] = field(default_factory=dict)  # of a select, by its start
    heads: list[_Tag] = field(default_factory=list)  # headings and legends

    @property
    def fields(self) -> list[_Tag]:
        """The controls that somebody fills in."""
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
        self._open: _Tag | None = None  # a heading, option or textarea without its end tag yet
        self._suggests = False  # in a datalist, whose options are suggestions only

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


def _read_forms(page: str, action: str) -> list[_Form]:
    reader = _Reader(page, action)
    reader.feed(page)
    reader.close()
    return reader.forms


def _find_sent_form(forms: list[_Form], sent: SentFields) -> _Form | None:
    """Return the form that was sent: several may go to the same address."""
    fit = [each for each in forms if each.fields and _fits(each, sent)]
    return max(fit, key=lambda each: _count_equal(each, sent), default=None)


def _fits(form: _Form, sent: SentFields) -> bool:
    """Tell whether a browser could send these fields for a form.  Unchecked controls may be
    missing."""
    names = {each.get("name") for each in form.controls}
    optional = _BUTTONS | _CHOICES | {"file", "select"}
    always = {each.get("name") for each in form.controls if each.kind not in optional}
    return not sent or always <= set(sent) <= names


def _count_equal(form: _Form, sent: SentFields) -> int:
    """Return how many hidden fields and buttons have the values that were sent."""
    controls = (each for each in form.controls if each.kind in _BUTTONS | {"hidden"})
    return sum(each.value in sent.get(each.get("name"), ()) for each in controls)


def _fill(form: _Form, sent: SentFields) -> Iterator[Edit]:
    """Fill the controls as they were sent, and open the details around those that are not empty."""
    left = {name: list(values) for name, values in sent.items()}
    for each in form.fields if sent else ():
        values = left.get(each.get("name"), [])
        if each.kind in _NEVER or each.get("autocomplete") == "one-time-code":
            continue
        if each.kind in _CHOICES:
            _set_flag(each, "checked", values)
            is_filled = "checked" in each.attrs
        elif each.tag == "select":
            for option in form.options.get(each.start, ()):
                _set_flag(option, "selected", values)
            is_filled = False
        else:
            text = values.pop(0) if values else ""
            is_filled = bool(text)
            if each.tag == "textarea":  # browsers drop its first line break (HTML 13.1.2.5)
                yield each.behind, each.until, f"\n{escape(text)}"
            else:
                each.attrs["value"] = text
        if is_filled:
            _open_details(each)


def _set_flag(control: _Tag, word: str, values: Sequence[str]) -> None:
    control.attrs.pop(word, None)
    if control.value in values:
        control.attrs[word] = None


def _open_details(control: _Tag) -> None:
    for each in control.inside:
        if each.tag == "details":
            each.attrs["open"] = None


def _error_edit(form: _Form, what: str, name: str) -> Edit:
    """Return the edit that inserts the sentence; the field is marked and gets the focus."""
    _open_details(form.tag)
    about = [each for each in form.fields if name and each.get("name") == name]
    if not about:
        place = _beginning(form)
        text = f'<p class="error" role="alert" id="{ERROR_ID}" tabindex="-1" autofocus>{what}</p>'
        return place, place, text
    for each in about[:1] if about[0].kind not in _CHOICES else about:
        described = f"{each.get('aria-describedby')} {ERROR_ID}"
        each.attrs["aria-describedby"] = described.strip()
        if each.kind != "radio":
            each.attrs["aria-invalid"] = "true"
    about[0].attrs["autofocus"] = None
    _open_details(about[0])
    place = _before(form, about[0])
    # A span, since a paragraph may be around it.
    return place, place, f'<span class="error" role="alert" id="{ERROR_ID}">{what}</span>'


def _link_edit(page: str, form: _Form, what: str, name: str) -> Iterator[Edit]:
    """Yield the edit that says at the top of the page what is wrong, and leads to its field: who
    comes by the top, or with a magnifier, would see a page like before."""
    place = page.find(_MAIN)
    if place < 0:
        return
    field = next((each for each in form.fields if name and each.get("name") == name), None)
    target = ERROR_ID
    if field is not None:
        target = str(field.attrs.setdefault("id", FIELD_ID))
    text = f'<p class="error top"><a href="#{escape(target)}">{what}</a></p>'
    yield place + len(_MAIN), place + len(_MAIN), text


def _beginning(form: _Form) -> int:
    """Return the place after the form's heading, or the form's beginning without one."""
    first = form.fields[0].start
    heads = [each for each in form.heads if each.tag != "legend" and each.start < first]
    return _behind(heads[0]) if heads else form.tag.behind


def _before(form: _Form, control: _Tag) -> int:
    """Return the place before a field; before all of several choices."""
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


def _tag_edits(form: _Form) -> Iterator[Edit]:
    """Yield an edit for each tag whose attributes may have changed."""
    options = (each for several in form.options.values() for each in several)
    tags = [*form.fields, *options, *form.tag.inside]
    tags += [around for each in form.fields for around in each.inside]
    yield from {each.start: (each.start, each.behind, each.markup()) for each in tags}.values()
