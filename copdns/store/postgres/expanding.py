"""Let a step of the schema only add, so that programs that do not know it run on.

What they write has defaults in the columns that are new, and what they delete takes with it what is
about it in the tables that are new.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from copdns.model.errors import StoreError
from copdns.store.connection import Rows
from copdns.store.postgres.connection import PostgresConnection


class ExpandingConnection:
    """A connection for one expanding step.  Raises StoreError, also for what does more than add."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection
        self._made: set[str] = set()  # tables of this step

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        """Run one statement of both engines."""
        self._check(sql)
        return self._connection.execute(sql, parameters)

    def run_here(self, sql: str) -> Rows:
        """Run one statement that is PostgreSQL's own."""
        self._check(sql)
        return self._connection.run_here(sql)

    def _check(self, sql: str) -> None:
        if trouble := why_not_only_added(sql, self._made):
            raise StoreError(f"PostgreSQL: a step that only adds may not do this: {trouble}")
        if made := re.match(r"\s*create table (\w+)", sql, re.IGNORECASE):
            self._made.add(made[1].lower())


def why_not_only_added(sql: str, made: set[str]) -> str:
    """Return what a statement does that programs that do not know it could notice; "" for nothing.

    made: the tables that the same step made, which may have anything.
    """
    words = " ".join(sql.lower().split())
    if "--" in words or "/*" in words:
        return "it has a comment, in which anything could stand"
    if words.startswith("create trigger"):
        return _why_not_only_deletes(words, made)
    if ";" in words:
        return "it is more than one statement"
    if found := re.match(r"(create (?:unique )?index \w+ on|insert into) (\w+)", words):
        if words.startswith("insert"):
            changes = re.search(r"\b(delete from|update|merge into|insert into)\b", words[1:])
            is_new = found[2] in made and not changes
        else:
            is_new = found[2] in made or bool(_PLAIN_INDEX.fullmatch(words))
        return "" if is_new else "it inserts into or restricts a table that is there"
    if words.startswith("create table"):
        return _why_holds_back(words)
    found = re.fullmatch(r"alter table (\w+) add column (\w+ .*)", words)
    if found is None:
        return f"it is none of the statements that add: {words[:60]}"
    if found[1] in made:
        return ""
    column = found[2]
    if "," in _without_brackets(column):
        return "it does more than add one column"
    if re.search(r"\b(unique|check|primary key|references|exclude|generated)\b", column):
        return "the new column restricts rows that are there"
    if "not null" in column and not re.search(r"\bdefault (?!null\b)", column):
        return "the new column has no default"
    return ""


# Of columns as they are: what an expression, a cast or a type of index refuses, the version before
# could not write any more.
_PLAIN_INDEX = re.compile(r"create index \w+ on \w+ \([\w ,]+\)(?: where [^():]*)?")


def _without_brackets(words: str) -> str:
    """Return SQL without what stands in quotes and in brackets."""
    words = re.sub(r"'[^']*'", "", words)
    while (shorter := re.sub(r"\([^()]*\)", "", words)) != words:
        words = shorter
    return words


def _why_not_only_deletes(words: str, made: set[str]) -> str:
    """Return what a trigger does more than take along what is about a row that was deleted."""
    found = re.fullmatch(
        r"create trigger \w+ after delete on \w+(?: for each row)?(?: when [^;]*)?"
        r" begin delete from (\w+) where [^;]*; end",
        words,
    )
    if found is None or found[1] not in made:
        return "a trigger that does more than delete, with a row, what is about it in a new table"
    return ""


def _why_holds_back(words: str) -> str:
    """Return whether rows of a new table would keep those of others from being deleted."""
    for found in re.finditer(r"\breferences \w+(?: \([^)]*\))?([^,]*)", words):
        if not re.search(r"on delete (cascade|set null)", found[1]):
            return "rows of the new table keep those that they belong to from being deleted"
    return ""
