"""What PostgreSQL says differently than SQLite: parameters, transactions, tables and triggers.

Pure.  The store's SQL keeps to what both understand; this is the rest, and each rule is here once:

- parameters: `?` is `%s`, `:name` is `%(name)s` (psycopg's), and a percent sign is doubled;
- a parameter that may be null is compared before it is asked whether it is, in the store's own
  text: PostgreSQL takes its type from the first use;
- a number as a condition: `not told` is `told = 0`;
- SQLite's hint not to use an index, `+household`, goes;
- `begin immediate` waits for all other writers, as SQLite's own does;
- in tables: types, identity for `integer primary key`, `rowid` where SQLite has one unseen, and
  `collate nocase`, which is a unique index on the lower-case letters;
- a trigger is a function and a trigger.

Texts compare by their octets on both ("C").
"""

from __future__ import annotations

import re
from functools import lru_cache

# Words of SQL's own in PostgreSQL that name a table or a column of ours.
_RESERVED = ("grant", "some")
# What may follow `not` without being a number that is a condition.
_AFTER_NOT = {"null", "exists", "in", "like", "between", "deferrable"}

_STATEMENTS = {
    "begin immediate": "begin; select pg_advisory_xact_lock(hashtext(current_schema()))",
    "begin": "begin isolation level repeatable read, read only",
    "pragma query_only = on": "set default_transaction_read_only = on",
}

# Functions of SQLite's, as far as the store uses them, in the schema of its tables.
FUNCTIONS = (
    """
    create function json_each(items text) returns table (key bigint, value text)
        language sql immutable strict as $$
        select place - 1, item
          from json_array_elements_text(items::json) with ordinality as each (item, place) $$""",
    """
    create function json_extract(items text, place text) returns bigint
        language sql immutable strict as $$
        select (items::json ->> trim('$[]' from place)::integer)::bigint $$""",
    """
    create function instr(whole text, part text) returns integer
        language sql immutable strict as $$ select strpos(whole, part) $$""",
)

_TOKEN = re.compile(
    r"""
    (?P<text>'(?:[^']|'')*' | "(?:[^"]|"")*")
  | (?P<place>\?)
  | (?<![:\w]):(?P<name>[a-z_]\w*)
  | (?P<percent>%)
  | \bnot\s+(?P<number>[a-z_]\w*)
  | (?<=[\s(])\+(?=[a-z_])
    """,
    re.VERBOSE,
)


@lru_cache(maxsize=1024)
def translate(sql: str) -> str:
    """Return a statement of the store as psycopg takes it, with parameters."""
    return _TOKEN.sub(_translate_token, sql)


def _translate_token(found: re.Match[str]) -> str:
    kind = found.lastgroup
    if kind == "text":
        return found[0].replace("%", "%%")
    if kind == "place":
        return "%s"
    if kind == "name":
        return f"%({found['name']})s"
    if kind == "percent":
        return "%%"
    if kind == "number":
        number = found["number"]
        return found[0] if number in _AFTER_NOT else f"{number} = 0"
    return ""  # the hint


def whole_statement(sql: str) -> tuple[str, ...]:
    """Return what a statement without parameters is here, where that is something else; else ()."""
    if sql in _STATEMENTS:
        return (_STATEMENTS[sql],)
    kind, _, _ = sql.lstrip().lower().partition(" ")
    return tuple(schema_statements(sql)) if kind in {"create", "alter", "drop"} else ()


def schema_statements(sql: str) -> list[str]:
    """Return what makes a table, an index, a trigger or a column.

    sql: one statement, as a migration or SQLite's own catalogue has it.  Raises ValueError for what
    is written in no way of ours.
    """
    words = " ".join(sql.split())
    kind = words.lower().split()[:2]
    if kind == ["create", "table"]:
        return _create_table(words)
    if kind == ["create", "trigger"]:
        return _create_trigger(words)
    if kind == ["drop", "trigger"]:
        return [f"drop function {words.split()[2]}() cascade"]
    if kind[0] == "alter":
        return [_quote(_types(words))]
    if kind[1] == "index" or kind == ["create", "unique"]:
        return [_quote(re.sub(r"\bnot (\w+)", r"\1 = 0", words, flags=re.IGNORECASE))]
    raise ValueError(f"no table, index, trigger or column: {words}")


def _create_table(words: str) -> list[str]:
    found = re.fullmatch(r"create table (\w+) \((.*)\)( without rowid)?", words, re.IGNORECASE)
    if found is None:
        raise ValueError(f"no table of ours: {words}")
    table, body, is_without = found.groups()
    folded = re.findall(r"(\w+) text[^,]* collate nocase", body)
    indexes = []
    for columns in re.findall(r", unique \(([^)]*)\)", body):
        if not set(folded).isdisjoint(columns.split(", ")):
            body = body.replace(f", unique ({columns})", "")
            keys = [f"lower({each})" if each in folded else each for each in columns.split(", ")]
            indexes.append(f"create unique index {table}_once on {table} ({', '.join(keys)})")
    body = _types(body.replace(" collate nocase", ""))
    identity = "bigint generated by default as identity"
    numbered = re.sub(r"bigint primary key( autoincrement)?", f"{identity} primary key", body)
    if numbered == body and not is_without:
        numbered += f", rowid {identity}"
    return [_quote(f"create table {table} ({numbered})"), *map(_quote, indexes)]


def _types(words: str) -> str:
    """Return columns with PostgreSQL's types; the name of a column may be that of a type."""
    for ours, theirs in (
        ("integer", "bigint"),
        ("real", "double precision"),
        ("blob", "bytea"),
        ("text", 'text collate "C"'),
    ):
        words = re.sub(rf'(\w+"?) {ours}\b', rf"\1 {theirs}", words, flags=re.IGNORECASE)
    return words.replace("x''", "''")


def _create_trigger(words: str) -> list[str]:
    found = re.fullmatch(
        r"create trigger (\w+) after (\w+) on (\w+) (?:when (.*?) )?begin (.*) end",
        words,
        re.IGNORECASE,
    )
    if found is None:
        raise ValueError(f"no trigger of ours: {words}")
    name, event, table, condition, body = found.groups()
    done = re.sub(r"insert or replace into (\w+) \(([^)]*)\)(.*?);", _replace_by_first_column, body)
    guarded = f"if {condition} then {done} end if;" if condition else done
    return [
        f"create function {name}() returns trigger language plpgsql as"
        f" $$ begin {_quote(guarded)} return null; end $$",
        f"create trigger {name} after {event} on {table} for each row execute function {name}()",
    ]


def _replace_by_first_column(found: re.Match[str]) -> str:
    table, columns, rest = found.groups()
    key, *others = columns.split(", ")
    new = ", ".join(f"{each} = excluded.{each}" for each in others)
    return f"insert into {table} ({columns}){rest} on conflict ({key}) do update set {new};"


def _quote(sql: str) -> str:
    """Return SQL with our names quoted that are words of SQL's own here."""
    return _NAMES.sub(lambda found: f'"{found[1]}"' if found[1] else found[0], sql)


_NAMES = re.compile(rf"""'[^']*'|"[^"]*"|\b({"|".join(_RESERVED)})\b""")
