"""Why a list could not be fetched or read is known again, so that each reads it in their own
language."""

from __future__ import annotations

import ast
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from copdns.list_files.copies import Copies
from copdns.list_files.index_store import PENDING
from copdns.lists.download import _MAGIC, content_error, status_error
from copdns.model.addresses import bad_url
from copdns.model.sentences import Sentence
from copdns.words.download_warnings import failure
from copdns.words.phrases import END_ISOLATE, ISOLATE, phrases

ROOT = Path(__file__).parents[3]
PSEUDO = phrases("en-XA")

# Functions that return such a text, and the one that raises it for a file of the owner's.
SAYING = {
    ("copdns/lists/download.py", "bad_url"),
    ("copdns/lists/download.py", "status_error"),
    ("copdns/lists/download.py", "content_error"),
    ("copdns/list_files/fetch.py", "_connection_error"),
    ("copdns/list_files/unpack.py", "_error_text"),
    ("copdns/list_files/copies.py", "write_error"),
    ("copdns/lists/drafts.py", "_placement_error"),
    ("copdns/list_files/list_text.py", "read_text"),
}
# What a FetchError may be given besides a text of its own: what one of those functions returned.
RETURNED = {
    *("trouble", "trouble or 'this is not a tar archive; leave out `member`'"),
    *("status_error(reply.status)", "self.write_error(error)", "outcome['error']"),
    "self._copies.write_error(error)",
}
NO_WORDS = {"x: x"}  # a path, and what the system said


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "copdns").rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def errors(tree: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield what errors of a name are given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node.args[0]


def said() -> Iterator[tuple[str, ast.expr]]:
    """Yield where the code says why, and the expression that does."""
    for where, tree in sources():
        found = [*errors(tree, "FetchError"), *of_functions(where, tree)]
        if where == "copdns/lists/parse.py":
            found += errors(tree, "ListError")
        if where == "copdns/list_files/unpack.py":
            found += outcomes(tree)
        yield from ((f"{where}:{each.lineno}", each) for each in found)


def of_functions(where: str, tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or (where, node.name) not in SAYING:
            continue
        yield from errors(node, "ListError")
        for each in ast.walk(node):
            if isinstance(each, ast.Return | ast.Assign) and each.value is not None:
                yield each.value


def outcomes(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what stands under "error" in what the other process tells."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (value for key, value in pairs if key and ast.unparse(key) == "'error'")


def texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts of an expression that have words, with an x for each value."""
    if isinstance(node, ast.BoolOp | ast.IfExp):
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.expr):
                yield from texts(each)
    elif " " in (text := written(node)):
        yield text


def written(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(written, node.values))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return "x" if isinstance(node, ast.FormattedValue) else ""


def test_every_text_that_the_code_has_for_it_is_known_again() -> None:
    found = {(at, text) for at, node in said() for text in texts(node)}
    assert len(found) > 40
    unknown = {each for each in found if any(" " in value for value in values(failure(each[1])))}
    assert {each for each in unknown if each[1] not in NO_WORDS} == set()


def values(sentence: Sentence) -> Iterator[str]:
    """Yield what stands in a sentence untranslated: of the code's texts that is an x."""
    for value in sentence.values.values():
        yield from values(value) if isinstance(value, Sentence) else (str(value),)


def test_no_text_comes_from_where_it_is_not_looked_for() -> None:
    given = [each for _, tree in sources() for each in errors(tree, "FetchError")]
    others = {ast.unparse(each) for each in given if not written(each)}
    assert others == RETURNED


@pytest.mark.parametrize(
    "line",
    [
        bad_url("lists.example/list.txt"),
        bad_url("ftp://lists.example/"),
        *map(status_error, (404, 403, 429, 503, 418)),
        *map(content_error, (b"<html>", b"\0", *_MAGIC)),
        Copies(Path("/data")).write_error(OSError(errno.ENOSPC, "No space left on device")),
        Copies(Path("/data")).write_error(OSError(errno.EROFS, "Read-only file system")),
        Copies(Path("/data")).write_error(OSError(errno.EACCES, "Permission denied")),
        "lists.example cannot be reached (Connection refused); copdns will try again later",
        "the archive has no a/domains (it contains nothing); correct `member`",
        PENDING,
    ],
)
def test_a_line_is_known_again_and_says_the_same(line: str) -> None:
    found = failure(line)
    assert str(found) == line
    assert found.text != "%(line)s"
    assert PSEUDO.tell(found).startswith("[")


@pytest.mark.parametrize(
    "line",
    [
        *map(content_error, _MAGIC),
        Copies(Path("/data")).write_error(OSError(errno.EACCES, "Permission denied")),
        "lists.example closed the connection; copdns will try again later",
        "the server redirects to an address that is not allowed "
        f"({bad_url('ftp://lists.example/')})",
    ],
)
def test_what_is_within_a_line_is_translated_too(line: str) -> None:
    assert PSEUDO.tell(failure(line)).count("[") == 2


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (
            "lists.example ended the connection; it is tried again later",
            "lists.example closed the connection; copdns will try again later",
        ),
        (
            "the server has no such file any more (404); see where the list moved to",
            "the server no longer has this file (404); find out where the list has moved to",
        ),
        (
            "the copy could not be written (disk full); make room on the disk of /data",
            "the copy could not be saved (disk full); free some space on the disk of /data",
        ),
    ],
)
def test_a_line_that_the_version_before_wrote_reads_as_one_of_today(before: str, now: str) -> None:
    assert str(failure(before)) == now
    assert PSEUDO.tell(failure(before)) == PSEUDO.tell(failure(now))


def test_what_the_system_said_stays_as_it_came() -> None:
    told = PSEUDO.tell(failure("a.example cannot be reached (Connection refused)"))
    assert f"{ISOLATE}Connection refused{END_ISOLATE}" in told


def test_a_line_of_another_form_is_shown_as_it_is() -> None:
    assert str(failure("something 100% new")) == "something 100% new"
