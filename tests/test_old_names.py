"""What `python -m tests.old_names` takes for a name that a renaming forgot, on made-up sources."""

from __future__ import annotations

import ast

import pytest

from tests.old_names import (
    File,
    Known,
    Names,
    NoSuchCommitError,
    definitions,
    left_as_identifiers,
    left_in_texts,
    library_attributes,
    modules_at,
    old_names,
)

THEN = """
OLD_LIMIT = 3

class Asker:
    patience: int = 3

    def put_off(self) -> None:
        self._waiting = local = 1

class Query:
    def spelled(self) -> str: ...

def spell() -> None: ...
"""
NOW = """
class Requestor:
    timeout: int = 3

    def screen(self) -> None:
        self._pending = local = 1

class Query:
    def spell(self) -> str: ...
"""

NOTHING = Known()


def parsed(text: str, name: str = "copdns.answer") -> list[tuple[str, ast.Module]]:
    return [(name, ast.parse(text))]


@pytest.fixture
def old() -> Names:
    return old_names(parsed(THEN), definitions(parsed(NOW, "copdns.server.answer")))


def identifiers(
    text: str, old: Names, known: Known = NOTHING, path: str = "copdns/a.py"
) -> set[str]:
    file = File(path, text, ast.parse(text))
    return {each.name for each in left_as_identifiers(file, old, known)}


def said(text: str, old: Names, known: Known = NOTHING, path: str = "docs/a.md") -> list[str]:
    tree = ast.parse(text) if path.endswith(".py") else None
    return [each.name for each in left_in_texts(File(path, text, tree), old, known)]


def test_an_old_name_was_defined_then_and_nothing_is_called_so_now(old: Names) -> None:
    assert old.plain == {"OLD_LIMIT", "Asker", "patience", "put_off", "_waiting", "spelled"}


def test_a_member_that_left_its_owner_is_a_pair_even_if_its_name_lives_on(old: Names) -> None:
    """`spell` is a method now, and no function of the module."""
    assert old.members == {("answer", "spell")}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from copdns.answer import Asker as It", {"Asker"}),
        ("x.put_off()", {"put_off"}),
        ("Query(patience=3)", {"patience"}),
        ("print(OLD_LIMIT)", {"OLD_LIMIT"}),
        ("def wait(patience): return patience", set()),  # a name of its own
        ("for patience in x: print(patience)", set()),
        ("from elsewhere import Asker", set()),  # another package's
    ],
)
def test_an_identifier_is_left_over_unless_its_file_means_something_else(
    text: str, found: set[str], old: Names
) -> None:
    assert identifiers(text, old) == found


def test_libraries_and_templates_may_use_the_spelling(old: Names) -> None:
    assert identifiers("x.put_off()", old, Known(attributes={"put_off"})) == set()
    assert identifiers("show(patience=3)", old, Known(parameters={"patience"})) == set()


def test_what_tests_define_is_theirs_and_not_the_programs(old: Names) -> None:
    known = Known(tests={"put_off"})
    assert identifiers("x.put_off()", old, known, "tests/a.py") == set()
    assert identifiers("x.put_off()", old, known, "copdns/a.py") == {"put_off"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`patience` is a number", ["patience"]),
        ("it has patience", []),  # plain English
        ("see `Asker.put_off()`", ["Asker", "put_off"]),
        ("what put_off does", ["put_off"]),  # can be nothing else
        ("fields as of an Asker", ["Asker"]),
        ("Asker of questions", []),  # a sentence begins with a capital
        ("`copdns show patience`", []),  # a command
        ("call `answer.spell` first", ["answer.spell"]),
        ("call `Query.spell` first", []),
        ("`patience.yaml`", []),  # a file
        ("```\npatience put_off `patience`\n```", []),
    ],
)
def test_a_page_speaks_of_an_old_name_where_it_speaks_of_code(
    text: str, found: list[str], old: Names
) -> None:
    assert said(text, old, Known(files={"patience.yaml"})) == found


def test_a_contract_is_no_leftover(old: Names) -> None:
    assert said("set `patience`", old, Known(contracts={"patience"})) == []
    assert said("the column `put_off`", old, Known(in_strings={"put_off"})) == []
    assert said("set `patience`", old, Known(in_strings={"patience"})) == ["patience"]


def test_comments_and_docstrings_are_read_and_may_name_parameters(old: Names) -> None:
    text = 'def wait(patience):\n    """Take `patience`, like `Asker`."""\n    # Then `put_off`.\n'
    assert sorted(said(text, old, path="copdns/a.py")) == ["Asker", "put_off"]


def test_all_that_an_imported_library_has_is_known() -> None:
    found = library_attributes(
        ast.walk(ast.parse("import sqlite3\nfrom tests.rooms import arrows"))
    )
    assert {"Connection", "executemany"} <= found
    assert "arrows" not in found


def test_a_clone_without_the_commit_says_so() -> None:
    with pytest.raises(NoSuchCommitError, match="git fetch --unshallow"):
        modules_at("0123456789abcdef")
