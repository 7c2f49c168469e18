"""What errors say to people can be put into their language: read off the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from copdns.model import errors
from copdns.model.sentences import UserError
from copdns.words.phrases import placeholders

ROOT = Path(__file__).parents[1]

# Told in English alone: the command line and the API are for the owner and for programs.
ENGLISH = ("copdns/cli/", "copdns/web/api/")

# What a UserError may be given besides a text: sentences that were made where they are found.
MADE = {
    "no_such",  # copdns/model/violations.py
    "sentence_of",  # what another error says
    "plural_sentence",
    "sentence",
    "_needs_days",  # copdns/time/schedule.py
    "_id_taken",  # copdns/household/time_edits.py
    "failure",  # copdns/words/download_warnings.py: known again by its form
    *("_too_faint", "_too_faint_at_night"),  # copdns/provider/tenant_look.py
    "load_sentence",  # copdns/model/sentence_json.py: as another process made it
}
# Names that hold such sentences.
HELD = {"wrong", "found", "nothing", "too_large", "BAD_CODE", "_BUSY", "NO_CHOICE"}

TOLD = {
    name
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, UserError) and each is not UserError
}
HTTP = {
    *("HTTPForbidden", "HTTPNotFound", "HTTPBadRequest", "HTTPUnauthorized", "HTTPConflict"),
    "HTTPTooManyRequests",
    *("HTTPGone", "HTTPTooManyRequests", "HTTPServiceUnavailable"),
}
# Forms by which lines and titles are known again: the values come from those.
FORMS = tuple(
    f"copdns/words/{each}.py"
    for each in ("audit", "warnings", "download_warnings", "child", "composed_notes")
)
NO_VALUES = {"name", "until"}  # arguments of errors that stand in no text


def calls(names: set[str], without: tuple[str, ...] = ENGLISH) -> Iterator[tuple[str, ast.Call]]:
    for path in sorted((ROOT / "copdns").rglob("*.py")):
        where = str(path.relative_to(ROOT))
        if where.startswith(without):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and called(node.func) in names:
                yield f"{where}:{node.lineno}", node


def called(func: ast.expr) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_translatable(node: ast.expr) -> bool:
    """Tell whether an argument is a text that `make words` finds, or a sentence that is one."""
    match node:
        case ast.Starred(ast.GeneratorExp() | ast.Name() | ast.Attribute()):
            return (
                "told" in ast.unparse(node) or "sentence" in ast.unparse(node).lower() or held(node)
            )
        case ast.IfExp():
            return is_translatable(node.body) and is_translatable(node.orelse)
        case ast.Call():
            return called(node.func) in MADE or held(node)
    return is_text(node) or held(node)


def held(node: ast.expr) -> bool:
    if isinstance(node, ast.Starred):
        return held(node.value)
    if isinstance(node, ast.Name):
        return node.id in HELD
    # A table of sentences, with one for the rest: copdns/appeals/opening.py.
    return ast.unparse(node) == "_CLOSED.get(to.reason, _NOTHING)"


def test_every_error_that_is_told_to_somebody_can_be_translated() -> None:
    bare = [at for at, call in calls(TOLD) if not call.args]
    wrong = [
        f"{at}: {ast.unparse(each)}"
        for at, call in calls(TOLD)
        for each in call.args[:1]
        if not is_translatable(each)
    ]
    assert (bare, wrong) == ([], [])


def test_every_refusal_of_a_page_has_a_text_that_is_found() -> None:
    wrong = [
        at
        for at, call in calls(HTTP)
        for each in (*call.args, *(word.value for word in call.keywords))
        if not is_text(each)
    ]
    assert wrong == []


def test_nothing_that_was_written_elsewhere_is_taken_for_the_text_of_a_sentence() -> None:
    """A percent sign in it would be a placeholder; `literal` and `said` know that."""
    wrong = [
        f"{at}: {ast.unparse(each)}"
        for at, call in calls({*TOLD, "sentence", "plural_sentence"}, without=())
        for each in call.args[:1]
        if isinstance(each, ast.JoinedStr)
        or (isinstance(each, ast.Call) and called(each.func) in ("str", "format", "join"))
    ]
    assert wrong == []


@pytest.mark.parametrize("made", [TOLD, {"sentence"}, {"plural_sentence"}])
def test_the_values_of_a_sentence_are_those_of_its_text(made: set[str]) -> None:
    wrong = []
    for at, call in calls(made):
        texts = [each.value for each in call.args if is_text(each)]  # type: ignore[attr-defined]
        wanted = {each[2:-2] for text in texts for each in placeholders(text) if each != "%%"}
        given = {str(each.arg) for each in call.keywords} - (NO_VALUES - wanted)
        if at.startswith(FORMS):
            continue
        if texts and wanted != (given | ({"num"} if made == {"plural_sentence"} else set())):
            wrong.append(f"{at}: {sorted(wanted ^ given)}")
    assert wrong == []


def test_the_words_are_collected_from_every_error_that_is_told() -> None:
    command = (ROOT / "scripts" / "words").read_text()
    missing = {each for each in TOLD | {"sentence"} if f"--keywords {each} " not in command}
    used = {called(call.func) for _, call in calls(HTTP) if call.keywords}
    assert missing | {each for each in used if f"--keywords {each} " not in command} == set()
