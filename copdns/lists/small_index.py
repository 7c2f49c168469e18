"""Number the lists, keep protected names out of those that block, and build a small index.

`build_index` builds it in memory; `merge.py` builds the one that is written to a file.  Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from copdns.lists.index import DictIndex, Index, ListInfo, ListKind
from copdns.lists.parse import SkippedLine, SkipReason
from copdns.model.matchers import Matcher, MatchKind

Names = Mapping[str, MatchKind]

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
    """A list that has no number yet; most fields are those of ListInfo and ListStatus.

    blocks, allows: names, and the list's own exceptions, with what each covers.
    """

    slug: str
    kind: ListKind
    subject: str
    title: str
    blocks: Names = field(default_factory=dict)
    allows: Names = field(default_factory=dict)
    unused: Mapping[SkipReason, int] = field(default_factory=dict)
    problems: tuple[SkippedLine, ...] = ()
    error: str = ""
    licence: str = ""
    maintainer: str = ""
    report: str = ""

    @property
    def pairs(self) -> Iterator[tuple[Matcher, bool]]:
        """Yield (matcher, allow) pairs; an object for each name, so for small lists."""
        for names, allow in ((self.blocks, False), (self.allows, True)):
            for name, match in names.items():
                yield Matcher(name, match), allow


@dataclass(frozen=True, slots=True)
class ListStatus:
    """How a list was read.  unused: skipped names by reason.  error: why none of it is in force."""

    info: ListInfo
    unused: Mapping[SkipReason, int]
    problems: tuple[SkippedLine, ...] = ()
    error: str = ""

    @property
    def used_count(self) -> int:
        return self.info.size


def names_of(matchers: Iterable[Matcher]) -> dict[str, MatchKind]:
    """Return matchers as the names of a draft; EXACT and BELOW of one name are SUBTREE."""
    names: dict[str, MatchKind] = {}
    for name, match in ((each.name, each.match) for each in matchers):
        names[name] = match if names.get(name, match) is match else MatchKind.SUBTREE
    return names


def build_index(drafts: Sequence[Draft]) -> tuple[Index, tuple[ListStatus, ...]]:
    """Return the index over all lists, numbered in their order, and how each was read."""
    protected = ProtectedFilter(drafts)
    stripped = [protected.strip(draft) for draft in drafts]
    statuses = tuple(status_of(number, draft) for number, draft in enumerate(stripped))
    index = DictIndex(
        (status.info, draft.pairs) for status, draft in zip(statuses, stripped, strict=True)
    )
    return index, statuses


class ProtectedFilter:
    """Keeps protected names out of lists that block."""

    __slots__ = ("_index", "_second_labels")

    def __init__(self, drafts: Iterable[Draft]) -> None:
        """drafts: only the protected groups among them count."""
        groups = [draft for draft in drafts if draft.kind is ListKind.PROTECTED]
        self._index = DictIndex((_info_of(0, draft), draft.pairs) for draft in groups)
        self._second_labels = frozenset(
            _second_label(name) for each in groups for name in each.blocks
        )

    def strip(self, draft: Draft) -> Draft:
        """Return a draft without entries at or below protected names, which count as unused.

        An entry above a protected name stays: the order of decision asks for protected names before
        any list that blocks.
        """
        if draft.kind not in _BLOCKING:
            return draft
        left_out = {
            name for names in (draft.blocks, draft.allows) for name in self._protected_names(names)
        }
        if not left_out:
            return draft
        blocks, allows = _without(draft.blocks, left_out), _without(draft.allows, left_out)
        count = len(draft.blocks) + len(draft.allows) - len(blocks) - len(allows)
        unused = {
            **draft.unused,
            SkipReason.PROTECTED: draft.unused.get(SkipReason.PROTECTED, 0) + count,
        }
        return replace(draft, blocks=blocks, allows=allows, unused=unused)

    def _protected_names(self, names: Names) -> list[str]:
        # Of a million names, only those whose last label but one is that of a protected name are
        # looked up.
        second_labels, find = self._second_labels, self._index.find
        return [name for name in names if _second_label(name) in second_labels and find(name)]


def _second_label(name: str) -> str:
    """Return the last label but one; the only label of a name of one."""
    return name.rsplit(".", 2)[-2:][0]


def _without(names: Names, left_out: set[str]) -> Names:
    return {name: match for name, match in names.items() if name not in left_out}


def status_of(number: int, draft: Draft) -> ListStatus:
    """Return how a list was read.  number: its place in the index."""
    return ListStatus(_info_of(number, draft), draft.unused, draft.problems, draft.error)


def _info_of(number: int, draft: Draft) -> ListInfo:
    return ListInfo(
        number=number,
        slug=draft.slug,
        kind=draft.kind,
        subject=draft.subject,
        version=_version_of(draft),
        title=draft.title,
        licence=draft.licence,
        maintainer=draft.maintainer,
        report=draft.report,
        size=len(draft.blocks) + len(draft.allows),
    )


def _version_of(draft: Draft) -> str:
    """Return a text that changes with the content of a list, not with the order of its lines."""
    digest = hashlib.sha256()
    for names, sign in ((draft.blocks, ""), (draft.allows, "!")):
        for match in MatchKind:
            same = sorted([name for name, each in names.items() if each is match])
            digest.update(f"{sign}{match} {len(same)}\n".encode())
            digest.update("\n".join(same).encode())
    return digest.hexdigest()[:12]
