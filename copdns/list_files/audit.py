"""Measure what lists block, by names that people sorted by hand.

A table labels each name with what it is about: `PORN`, `NEWS`, `LGBT` and so on.  The audit asks
the policy of a profile about every name and counts, by label and by list, how many are blocked.
Pure: nothing is resolved.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from copdns.lists.index import ListInfo, ListKind
from copdns.model.errors import ListError, NameTextError
from copdns.model.household import Profile
from copdns.model.names import normalize
from copdns.policy.context import HouseholdContext
from copdns.policy.decide import Policy, decide
from copdns.policy.matching import ListSet
from copdns.policy.special_names import A, special_use_answer

LABEL_COLUMNS = ("label", "category_code")
NAME_COLUMNS = ("name", "host", "domain", "url")
MAX_ERRORS = 5


class LabelledName(NamedTuple):
    """A name in normal form, with the label that people gave it."""

    label: str
    name: str


@dataclass(frozen=True, slots=True)
class LabelTable:
    """The rows of a table, each once.  skipped: number of rows whose name is not public."""

    rows: tuple[LabelledName, ...]
    skipped: int = 0

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(row.label for row in self.rows)


def read_table(text: str, file: str) -> LabelTable:
    """Return the table of a text with tabs between columns; raise ListError with file and line.

    The first line may name the columns, one of LABEL_COLUMNS and one of NAME_COLUMNS; without it
    they are a label and a name.  A name may be a URL.  Other lines with `#` are comments.
    """
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    named = _find_columns(lines[0])
    label_at, name_at = named or (0, 1)
    rows: dict[LabelledName, None] = {}
    left_out = 0
    wrong: list[str] = []
    for number, line in enumerate(lines, 1):
        if (number == 1 and named) or not line.strip() or line.startswith("#"):
            continue
        try:
            row = _read_row(line.split("\t"), label_at, name_at)
        except ValueError as error:
            wrong.append(f"{file}:{number}: {error}")
            continue
        if row is None:
            left_out += 1
        else:
            rows[row] = None
    if wrong:
        more = [f"and {len(wrong) - MAX_ERRORS} more lines"] if len(wrong) > MAX_ERRORS else []
        raise ListError("\n".join(wrong[:MAX_ERRORS] + more))
    if not rows:
        raise ListError(f"{file}: there are no public internet domains in this file")
    return LabelTable(tuple(rows), left_out)


def _find_columns(line: str) -> tuple[int, int] | None:
    """Return the places of label and name; None where the first line names no columns."""
    names = [name.strip().lower() for name in line.removeprefix("#").split("\t")]
    label = next((names.index(each) for each in LABEL_COLUMNS if each in names), None)
    name = next((names.index(each) for each in NAME_COLUMNS if each in names), None)
    return None if label is None or name is None else (label, name)


def _read_row(fields: list[str], label_at: int, name_at: int) -> LabelledName | None:
    """Return a row, or None for a name that is not public; raise ValueError for a wrong line."""
    if len(fields) <= max(label_at, name_at):
        columns = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
        raise ValueError(f"has {columns}; write a label, a tab and a domain")
    label, text = fields[label_at].strip(), fields[name_at].strip()
    if not label:
        raise ValueError("has no label; write what the domain is about")
    found = _URL.fullmatch(text)
    host = found["host"] if found else text
    if host.startswith("["):
        return None  # an IPv6 address
    try:
        name = normalize(host)
    except NameTextError as error:
        raise ValueError(str(error)) from None
    if not name:
        raise ValueError("has no domain; write one")
    public = "." in name and not name[-1].isdigit() and special_use_answer(name, A) is None
    return LabelledName(label, name) if public else None


_URL = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/?#@]*@)?(?P<host>\[[^]/]*\]|[^/?#:@]*)(?::[0-9]*)?"
    r"(?:[/?#].*)?"
)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some names are blocked.  lists: by slug, how many each list blocks by itself."""

    names: int
    blocked: int
    lists: Mapping[str, int]

    def percent(self, blocked: int | None = None) -> float:
        """Return the percentage of blocked names, or of `blocked`; 0 where there are no names."""
        return 100 * (self.blocked if blocked is None else blocked) / (self.names or 1)


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit.

    labels: by label, in alphabetical order.  wanted: of names whose label should be blocked;
    others: of all other names.
    """

    labels: Mapping[str, Share]
    wanted: Share
    others: Share


def audit(
    table: LabelTable,
    policy: Policy,
    lists: Iterable[ListInfo],
    wanted: Collection[str],
    now: float,
) -> Audit:
    """Return what a policy blocks of a table.  now: seconds since the epoch.

    lists: those that are also counted one by one.  wanted: labels that should be blocked.
    A name that an earlier step allows, such as a protected one, is blocked by no list; one that a
    rule blocks counts in the total only.  A name with two labels counts under each; in the sums it
    is wanted if one of them is.
    """
    alone = [(info.slug, ListSet([info])) for info in lists]
    blockers: dict[str, frozenset[str] | None] = {}
    for _, name in table.rows:
        if name not in blockers:
            blocked = decide(policy, name, A, now).blocks
            entries = policy.find_entries(name, A) if blocked else ()
            slugs = frozenset(slug for slug, each in alone if each.find(entries))
            blockers[name] = slugs if blocked else None
    names_of = {
        label: [row.name for row in table.rows if row.label == label]
        for label in sorted(table.labels)
    }
    named = {name for label in wanted for name in names_of[label]}
    return Audit(
        {label: _share_of(names, blockers) for label, names in names_of.items()},
        _share_of(named, blockers),
        _share_of(blockers.keys() - named, blockers),
    )


def _share_of(names: Collection[str], blockers: Mapping[str, frozenset[str] | None]) -> Share:
    blocked = [slugs for name in names if (slugs := blockers[name]) is not None]
    lists = Counter(slug for slugs in blocked for slug in slugs)
    return Share(len(names), len(blocked), dict(sorted(lists.items())))


def blocking_lists(profile: Profile, context: HouseholdContext) -> Iterator[ListInfo]:
    """Yield the lists that can block something for a profile."""
    services = context.blocked_services(profile)
    for info in context.index.infos:
        in_use = {
            ListKind.SECURITY: profile.security,
            ListKind.BYPASS: profile.bypass,
            ListKind.SERVICE: info.subject in services,
            ListKind.CATEGORY: info.subject in profile.categories,
            ListKind.NO_SAFE_SEARCH: profile.no_safe_search,
        }
        if in_use.get(info.kind):
            yield info
