"""What docs/database-roles.md has to say of each role, from the lists of rights."""

from __future__ import annotations

from copdns.store.provider_db.role_grants import GRANTS, RoleDuty, join_columns

_WORDS = {
    "select": "reads",
    "insert": "adds",
    "update": "changes",
    "delete": "deletes",
    "usage": "takes numbers of",
}


def rows_of(duty: RoleDuty) -> list[str]:
    """Return the rows of a role's table: what it does, and with which tables."""
    tables: dict[str, list[str]] = {}
    for name, rights in GRANTS[duty].items():
        tables.setdefault(_words(rights), []).append(f"`{name}`")
    return [f"| {words} | {', '.join(names)} |" for words, names in tables.items()]


def _words(rights: tuple[str, ...]) -> str:
    found = []
    for right in sorted(join_columns(rights), key=lambda each: [*_WORDS].index(each.split()[0])):
        kind, _, columns = right.removesuffix(")").partition(" (")
        some = ", ".join(f"`{each}`" for each in columns.split(", ")) if columns else ""
        found.append(f"{_WORDS[kind]} {some}".strip())
    return ", ".join(found)
