"""Number the lists, and build a small index.

`build_index` builds it in memory; `merge.py` builds the one that is written to a file.  Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple
from zlib import crc32

from copdns.lists.index import DictIndex, Index, ListInfo, ListKind
from copdns.lists.parse import SkippedLine, SkipReason
from copdns.lists.special_rules import NOTHING_SPECIAL, SpecialRules, special_digest
from copdns.model.matchers import Matcher, MatchKind

Names = dict[str, MatchKind]

BLOCKING: Final = frozenset(
    {
        ListKind.SECURITY,
        ListKind.BYPASS,
        ListKind.SERVICE,
        ListKind.CATEGORY,
        ListKind.NO_SAFE_SEARCH,
    }
)


class HeldEntry(NamedTuple):
    """An entry that the gate left out.  entry: as in a rule.  name: what it would have taken."""

    entry: str
    reason: SkipReason
    name: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A list that has no number yet; most fields are those of ListInfo and ListStatus.

    blocks, allows: names, and the list's own exceptions, with what each covers.
    special: its rules that are more than a name.
    opens: an allow-list: all its rules are exceptions, for every list about its subject.
    """

    slug: str
    kind: ListKind
    subject: str
    title: str
    blocks: Names = field(default_factory=dict)
    allows: Names = field(default_factory=dict)
    unused: Mapping[SkipReason, int] = field(default_factory=dict)
    problems: tuple[SkippedLine, ...] = ()
    held: tuple[HeldEntry, ...] = ()
    error: str = ""
    licence: str = ""
    maintainer: str = ""
    report: str = ""
    special: SpecialRules = NOTHING_SPECIAL
    opens: bool = False

    @property
    def pairs(self) -> Iterator[tuple[Matcher, bool]]:
        """Yield (matcher, allow) pairs; an object for each name, so for small lists."""
        for names, allow in ((self.blocks, False), (self.allows, True)):
            for name, match in names.items():
                yield Matcher(name, match), allow


@dataclass(frozen=True, slots=True)
class ListStatus:
    """How a list was read.  unused: skipped names by reason.  error: why none of it is in force.

    held: the first entries that the gate left out (`gate.py`); `unused` counts all of them.
    """

    info: ListInfo
    unused: Mapping[SkipReason, int]
    problems: tuple[SkippedLine, ...] = ()
    error: str = ""
    held: tuple[HeldEntry, ...] = ()

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
    """Return the index over lists that have passed the gate, numbered in their order, and how each
    was read."""
    statuses = tuple(status_of(number, draft) for number, draft in enumerate(drafts))
    drafts = [_with_exceptions(draft, drafts) for draft in drafts]
    index = DictIndex(
        ((status.info, draft.pairs) for status, draft in zip(statuses, drafts, strict=True)),
        [draft.special for draft in drafts],
    )
    return index, statuses


def _with_exceptions(draft: Draft, drafts: Sequence[Draft]) -> Draft:
    """Return a draft with the exceptions of the allow-lists about its subject."""
    for each in drafts:
        if each.opens and each is not draft and is_opened_by(draft.kind, draft.subject, each):
            allows = names_of(
                Matcher(*pair) for own in (draft, each) for pair in own.allows.items()
            )
            special = draft.special.with_rules_of(each.special)
            draft = replace(draft, allows=allows, special=special)
    return draft


def is_opened_by(kind: ListKind, subject: str, opening: Draft) -> bool:
    """Tell whether an allow-list lifts what a list of a kind about a subject blocks."""
    return kind in BLOCKING and subject == opening.subject


def status_of(number: int, draft: Draft) -> ListStatus:
    """Return how a list was read.  number: its place in the index."""
    return ListStatus(
        _info_of(number, draft), draft.unused, draft.problems, draft.error, draft.held
    )


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
        size=len(draft.blocks) + len(draft.allows) + draft.special.count,
    )


def _version_of(draft: Draft) -> str:
    """Return a text that changes with the content of a list, not with the order of its lines.

    It adds up a checksum of each name, in a fifth of the time that sorting them takes.  It tells
    people whether a list has changed; whoever writes a list could make two with one version.
    """
    digest = hashlib.sha256()
    for names, sign in ((draft.blocks, ""), (draft.allows, "!")):
        kinds = set(names.values())
        for match in MatchKind:
            same: Collection[str] = ()
            if kinds == {match}:  # as in most lists
                same = names
            elif match in kinds:
                same = [name for name, each in names.items() if each is match]
            total = sum(map(crc32, map(str.encode, same)))
            digest.update(f"{sign}{match} {len(same)} {total}\n".encode())
    if draft.special:
        digest.update(special_digest(draft.special))
    return digest.hexdigest()[:12]
