"""Names that are vouched for: a list that blocks one is wrong, for everyone and not for one child.

Nobody has to ask for such a name: as soon as it is known to be blocked, it is opened, without
telling who met it.  Protected names win over lists anyway (`policy/order.py`); what stands here is
for those that only age presets allow, and for blocks from before a name was protected.  Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from copdns.appeals.appeal import ContestedVerdict, contest
from copdns.dns.records import A
from copdns.household.check import KnownIds
from copdns.household.presets import Preset
from copdns.household.rule_edits import add_rule
from copdns.lists.catalogue import Catalogue
from copdns.lists.index import Index, ListKind, find_shown
from copdns.model.household import Household, Rule, RuleAction
from copdns.model.sentences import sentence
from copdns.model.verdict import Reason
from copdns.policy.decide import Policy, decide

HEALTH, EDUCATION = "health_emergency_rights", "education_reference"
NOTE = sentence("Listed by mistake: this site is known to be safe.").text

Vouch = Callable[[str], bool]


class WrongEntry(NamedTuple):
    """A name that a list names wrongly, as somebody decided; who asked is not stored."""

    name: str
    list: str
    category: str


def vouched_names(library: Catalogue, presets: Iterable[Preset]) -> Vouch:
    """Return what tells whether a help group, the names for health and learning, or what an age
    preset allows vouches for a name."""
    groups = {each.slug for each in library.protected.values() if each.help} | {HEALTH, EDUCATION}
    index = library.index
    numbers = {
        info.number
        for info in index.infos
        if info.kind is ListKind.PROTECTED and info.subject in groups
    }
    allowed = [matcher for each in presets for matcher, _ in each.allowed_names]

    def vouches(name: str) -> bool:
        return any(entry.list in numbers for entry in index.find(name)) or any(
            matcher.covers(name) for matcher in allowed
        )

    return vouches


def is_list_error(name: str, to: ContestedVerdict, vouches: Vouch) -> bool:
    """Tell whether a list closed a name that it must not.

    Not what a person wrote or chose by name, not time, and not the lists against harm: a site
    for children that was broken into is dangerous too.
    """
    return to.reason in (Reason.CATEGORY, Reason.BYPASS) and not to.via and vouches(name)


def open_for_everyone(
    household: Household, name: str, known: KnownIds, now: int
) -> tuple[Household, Rule]:
    """Return the household with a rule that opens a name, and the rule; one that is there stays."""
    for each in household.rules:
        allows = each.action is RuleAction.ALLOW and str(each.target) == name
        if allows and not each.scope:
            return household, each
    changed = add_rule(household, RuleAction.ALLOW, name, known, note=NOTE, created=day_of(now))
    return changed, changed.rules[-1]


def day_of(now: int) -> int:
    """Return when the day of a moment began, UTC: the moment itself would tell who it was."""
    return now - now % 86_400


def what_closes(
    policy: Policy, name: str, now: float, revision: int = 0
) -> ContestedVerdict | None:
    """Return what closes a name for a profile by now, None when it is open.

    An open name needs no appeal, so nothing is stored of one: that keeps help names, which
    nothing closes, out of everybody's sight.  revision: as of a ContestedVerdict.
    """
    verdict = decide(policy, name, A, now)
    return contest(verdict, revision) if verdict.blocks else None


def count_returned_names(
    errors: Iterable[WrongEntry], before: Index, after: Index
) -> dict[str, int]:
    """Return how many names each list has back that it was wrong about, and had not before.

    before: an index without the list counts as one that names nothing.
    """
    back = Counter(
        each.list for each in errors if still_listed(each, after) and not still_listed(each, before)
    )
    return dict(sorted(back.items()))


class CheckedEntry(NamedTuple):
    """A wrong entry as it is now.  still: the list still names it.  closed: it blocks somebody."""

    error: WrongEntry
    still: bool
    closed: bool


def check_entries(
    errors: Iterable[WrongEntry], index: Index, policies: Iterable[Policy], now: float
) -> tuple[CheckedEntry, ...]:
    """Return how names stand that lists were wrong about.  policies: of the whole household."""
    everyone = tuple(policies)
    found = []
    for each in errors:
        still = still_listed(each, index)
        closed = still and any(_closes(policy, each, now) for policy in everyone)
        found.append(CheckedEntry(each, still, closed))
    return tuple(found)


def _closes(policy: Policy, error: WrongEntry, now: float) -> bool:
    verdict = decide(policy, error.name, A, now)
    return verdict.blocks and verdict.list == error.list


def still_listed(error: WrongEntry, index: Index) -> bool:
    """Tell whether a list that was wrong about a name still is."""
    mine = [each.entry for each in find_shown(index, error.name) if each.info.slug == error.list]
    return bool(mine) and not any(entry.allow for entry in mine)
