"""Indexes of lists for tests: each list a list of rules, of which one with ! is an exception."""

from __future__ import annotations

from copdns.lists.compiled_index import pack, unpack
from copdns.lists.index import DictIndex, Index, ListInfo, ListKind
from copdns.lists.merge import merge
from copdns.lists.small_index import Draft, names_of
from copdns.model.matchers import Matcher, parse_matcher


def in_memory(*lists: list[str], kind: ListKind = ListKind.CATEGORY) -> DictIndex:
    return DictIndex(
        (ListInfo(number, f"list-{number}", kind, "games", "1"), _read(lines))
        for number, lines in enumerate(lists)
    )


def compiled(*lists: list[str], kind: ListKind = ListKind.CATEGORY) -> Index:
    """Return the index of the same lists, written as a file and read from that again."""
    drafts = [_draft(number, _read(lines), kind) for number, lines in enumerate(lists)]
    return unpack(memoryview(b"".join(pack(merge(drafts), "key")))).index


def _draft(number: int, rules: list[tuple[Matcher, bool]], kind: ListKind) -> Draft:
    blocks, allows = (
        names_of(rule for rule, is_exception in rules if is_exception is wanted)
        for wanted in (False, True)
    )
    return Draft(f"list-{number}", kind, "games", "", blocks, allows)


def _read(lines: list[str]) -> list[tuple[Matcher, bool]]:
    return [(parse_matcher(line.removeprefix("!")), line[0] == "!") for line in lines]
