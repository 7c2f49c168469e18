"""Number the lists, and keep protected names out of those that block.

`shelve` makes a small index in memory of them; `merge.py` one that is written to a file.  Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from copdns.lists.index import DictIndex, Index, ListInfo, ListKind
from copdns.lists.parse import Problem, SkipReason
from copdns.model.matchers import Match, Matcher

Names = Mapping[str, Match]

_BLOCKING = frozenset(
    {
        ListKind.SECURITY,
        ListKind.BYPASS,
        ListKind.SERVICE,
        ListKind.CATEGORY,
        ListKind.NO_SAFE_SEARCH,
    }
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A list before it has its number; the fields are those of ListInfo and ListStatus.

    blocks, allows: names, and the list's own exceptions, with what each stands for.
    """

    slug: str
    kind: ListKind
    subject: str
    title: str
    blocks: Names = field(default_factory=dict)
    allows: Names = field(default_factory=dict)
    unused: Mapping[SkipReason, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    error: str = ""
    licence: str = ""
    maintainer: str = ""
    report: str = ""

    @property
    def pairs(self) -> Iterator[tuple[Matcher, bool]]:
        """Give (matcher, allow) pairs, for lists that are small enough for objects."""
        for names, allow in ((self.blocks, False), (self.allows, True)):
            for name, match in names.items():
                yield Matcher(name, match), allow


@dataclass(frozen=True, slots=True)
class ListStatus:
    """How a list was read.  unused: counts by reason.  error: why none of it is in force."""

    info: ListInfo
    unused: Mapping[SkipReason, int]
    problems: tuple[Problem, ...] = ()
    error: str = ""

    @property
    def used(self) -> int:
        return self.info.size


def names_of(matchers: Iterable[Matcher]) -> dict[str, Match]:
    """Return matchers as the names of a draft; a name and what is below it make a subtree."""
    names: dict[str, Match] = {}
    for name, match in ((each.name, each.match) for each in matchers):
        names[name] = match if names.get(name, match) is match else Match.SUBTREE
    return names


def build_index(drafts: Sequence[Draft]) -> tuple[Index, tuple[ListStatus, ...]]:
    """Return the index over all lists, numbered in their order, and how each was read."""
    guard = ProtectedFilter(drafts)
    kept = [guard.strip(draft) for draft in drafts]
    statuses = tuple(status_of(number, draft) for number, draft in enumerate(kept))
    index = DictIndex(
        (status.info, draft.pairs) for status, draft in zip(statuses, kept, strict=True)
    )
    return index, statuses


class ProtectedFilter:
    """Keeps protected names out of lists that block."""

    __slots__ = ("_index", "_seconds")

    def __init__(self, drafts: Iterable[Draft]) -> None:
        """drafts: those that are protected groups count, the others pass by."""
        groups = [draft for draft in drafts if draft.kind is ListKind.PROTECTED]
        self._index = DictIndex((_info(0, draft), draft.pairs) for draft in groups)
        self._seconds = frozenset(_second(name) for each in groups for name in each.blocks)

    def strip(self, draft: Draft) -> Draft:
        """Leave out of a draft what names a protected name itself, and count it as unused.

        An entry above one stays: the order of decision asks for protected names before any list.
        """
        if draft.kind not in _BLOCKING:
            return draft
        left_out = {name for names in (draft.blocks, draft.allows) for name in self._covered(names)}
        if not left_out:
            return draft
        blocks, allows = _without(draft.blocks, left_out), _without(draft.allows, left_out)
        count = len(draft.blocks) + len(draft.allows) - len(blocks) - len(allows)
        unused = {
            **draft.unused,
            SkipReason.PROTECTED: draft.unused.get(SkipReason.PROTECTED, 0) + count,
        }
        return replace(draft, blocks=blocks, allows=allows, unused=unused)

    def _covered(self, names: Names) -> list[str]:
        # A million names are looked at: only those that share their last but one label with a
        # protected name are worth a real look.
        seconds, find = self._seconds, self._index.find
        return [name for name in names if _second(name) in seconds and find(name)]


def _second(name: str) -> str:
    """Return the last label but one; of a single label that label."""
    return name.rsplit(".", 2)[-2:][0]


def _without(names: Names, left_out: set[str]) -> Names:
    return {name: match for name, match in names.items() if name not in left_out}


def status_of(number: int, draft: Draft) -> ListStatus:
    return ListStatus(_info(number, draft), draft.unused, draft.problems, draft.error)


def _info(number: int, draft: Draft) -> ListInfo:
    return ListInfo(
        number=number,
        slug=draft.slug,
        kind=draft.kind,
        subject=draft.subject,
        version=_version(draft),
        title=draft.title,
        licence=draft.licence,
        maintainer=draft.maintainer,
        report=draft.report,
        size=len(draft.blocks) + len(draft.allows),
    )


def _version(draft: Draft) -> str:
    """Return a text that changes with what a list holds, whatever the order of its lines."""
    digest = hashlib.sha256()
    for names, sign in ((draft.blocks, ""), (draft.allows, "!")):
        for match in Match:
            same = sorted([name for name, each in names.items() if each is match])
            digest.update(f"{sign}{match} {len(same)}\n".encode())
            digest.update("\n".join(same).encode())
    return digest.hexdigest()[:12]
