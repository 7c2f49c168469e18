"""Number the lists, keep protected names out of those that block, and index them all.  Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from copdns.lists.index import DictIndex, Index, ListInfo, ListKind
from copdns.lists.parse import Problem, Unused
from copdns.model import Matcher

Pairs = tuple[tuple[Matcher, bool], ...]

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
    """A list before it has its number; the fields are those of ListInfo and ListStatus."""

    slug: str
    kind: ListKind
    subject: str
    title: str
    pairs: Pairs
    unused: Mapping[Unused, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    error: str = ""
    licence: str = ""
    maintainer: str = ""
    report: str = ""


@dataclass(frozen=True, slots=True)
class ListStatus:
    """How a list was read.  unused: counts by reason.  error: why none of it is in force."""

    info: ListInfo
    unused: Mapping[Unused, int]
    problems: tuple[Problem, ...] = ()
    error: str = ""

    @property
    def used(self) -> int:
        return self.info.size


def shelve(drafts: Sequence[Draft]) -> tuple[Index, tuple[ListStatus, ...]]:
    """Return the index over all lists, numbered in their order, and how each was read."""
    help_first = [draft for draft in drafts if draft.kind is ListKind.PROTECTED]
    guard = DictIndex((_info(0, draft), draft.pairs) for draft in help_first)
    guarded = [_without_protected(d, guard) if d.kind in _BLOCKING else d for d in drafts]
    infos = [_info(number, draft) for number, draft in enumerate(guarded)]
    index = DictIndex(zip(infos, (draft.pairs for draft in guarded), strict=True))
    statuses = (
        ListStatus(info, draft.unused, draft.problems, draft.error)
        for info, draft in zip(infos, guarded, strict=True)
    )
    return index, tuple(statuses)


def _without_protected(draft: Draft, guard: Index) -> Draft:
    """Leave out what names a protected name itself.

    An entry above one stays: the order of decision asks for protected names before any list.
    """
    pairs = tuple(pair for pair in draft.pairs if not guard.find(pair[0].name))
    left_out = len(draft.pairs) - len(pairs)
    if not left_out:
        return draft
    unused = Counter(draft.unused)
    unused[Unused.PROTECTED] += left_out
    return replace(draft, pairs=pairs, unused=dict(unused))


def _info(number: int, draft: Draft) -> ListInfo:
    return ListInfo(
        number=number,
        slug=draft.slug,
        kind=draft.kind,
        subject=draft.subject,
        version=_version(draft.pairs),
        title=draft.title,
        licence=draft.licence,
        maintainer=draft.maintainer,
        report=draft.report,
        size=len(draft.pairs),
    )


def _version(pairs: Iterable[tuple[Matcher, bool]]) -> str:
    """Return a text that changes with what a list holds, whatever the order of its lines."""
    lines = sorted(f"{'!' if allow else ''}{matcher}" for matcher, allow in pairs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
