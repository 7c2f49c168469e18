"""What planning works on: the household as it becomes, for whom things are, and what is told.

`plan.py` says what a plan is, and in which order it is made.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NamedTuple

from copdns.household.check import KnownIds
from copdns.household.moving_in.wishes import EVERYONE, FileEntry
from copdns.lists.own_lists import LineReport
from copdns.lists.source import Source
from copdns.model.errors import CopdnsError
from copdns.model.household import Band, Household
from copdns.model.sentences import Sentence, UserError, literal, sentence

MOST_RULES: Final = 2_000  # of a household that come over; more blocks go into a list
# Of each of these the household is checked again: planning more would take minutes.
MOST_PEOPLE: Final = 100
MOST_DEVICES: Final = 500
MOST_LISTS: Final = 200
MOST_NAMES: Final = 1_000  # local names, rewrites, and names that are asked of other servers


class Result(StrEnum):
    """What becomes of an entry."""

    TAKEN = "taken"
    PARTLY = "partly"  # some of it, or somebody has to do the rest
    THERE = "there"  # already
    LEFT = "left"


class EntryOutcome(NamedTuple):
    """What becomes of an entry.  place, text: as of the entry.  said: as what, or why not."""

    place: str
    text: str
    result: Result
    said: Sentence


class PlannedPerson(NamedTuple):
    """A person whom the plan adds, or who is here already.  is_child: the file says so."""

    id: str
    name: str
    band: Band
    is_new: bool
    is_child: bool


class PlannedList(NamedTuple):
    """A list to be pasted.  people: ids of those who get its category."""

    title: str
    text: str
    people: tuple[str, ...]


Judge = Callable[[str], tuple[LineReport, ...]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan depends on besides the file.

    sources: lists of the catalogue.  own_texts: of the lists that were pasted already.
    judge: returns what becomes of each line of a list for ad blockers.
    ages: the age bands of new people, by id.  now: seconds since the epoch.  is_shared: the
    machine is one for many households, as at a provider: none adds lists or DNS servers.
    """

    household: Household
    known: KnownIds
    sources: Sequence[Source]
    own_texts: Sequence[str]
    judge: Judge
    now: int
    ages: Mapping[str, Band] = field(default_factory=dict)
    is_shared: bool = False

    def with_ages(self, ages: Mapping[str, Band]) -> Surroundings:
        """Return the same with age bands."""
        return replace(self, ages=ages)


@dataclass(slots=True)
class PlanDraft:
    """A plan that is being made.

    household: as it becomes.  outcomes: by the identity of the entry, of which each has one.
    people: the profile of each key of a person.  groups: the ids of whoever came over, by the key
    of a group.  tags: the tag of a group that needs one.
    """

    around: Surroundings
    household: Household
    outcomes: dict[int, EntryOutcome] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    planned: list[PlannedPerson] = field(default_factory=list)
    lists: list[PlannedList] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def bare(self) -> Household:
        """The household without what one more change need not be held against: fast to check."""
        return replace(
            self.household,
            rules=(),
            devices=(),
            local_names=(),
            rewrites=(),
            split_upstreams=(),
            schedules=(),
            budgets=(),
        )

    def tell(self, entry: FileEntry, result: Result, said: Sentence) -> None:
        """Take down what becomes of an entry."""
        self.outcomes[id(entry)] = EntryOutcome(entry.place, entry.text, result, said)

    def refuse(self, entry: FileEntry, error: Exception) -> None:
        """Take down that the household refuses an entry."""
        self.tell(entry, Result.LEFT, why(error))

    def members(self, scopes: Iterable[str]) -> list[str]:
        """Return the ids of those who came over and for whom something is."""
        found: dict[str, None] = {}
        for scope in scopes:
            if scope == EVERYONE:
                found |= dict.fromkeys(self.people.values())
            elif scope.startswith("#"):
                found |= dict.fromkeys(self.groups.get(scope[1:], ()))
            elif scope in self.people:
                found[self.people[scope]] = None
        return list(found)

    def scope(self, scope: str) -> str | None:
        """Return the scope of a rule here; None where nobody came over for whom it is."""
        if scope == EVERYONE:
            return EVERYONE
        members = self.members((scope,))
        if len(members) < 2:
            return members[0] if members else None
        return f"#{self._tag(scope[1:], members)}"

    def _tag(self, group: str, members: Sequence[str]) -> str:
        """Return the tag of a group, which its people get now if it has none yet."""
        if group not in self.tags:
            used = {tag for each in self.household.profiles for tag in each.tags}
            tag, number = group, 1
            while tag in used:
                number += 1
                tag = f"{group}-{number}"
            self.tags[group] = tag
            self.household = replace(
                self.household,
                profiles=tuple(
                    replace(each, tags=each.tags | {tag}) if each.id in members else each
                    for each in self.household.profiles
                ),
            )
        return self.tags[group]

    def names(self, ids: Iterable[str]) -> str:
        """Return the names of people, for a sentence."""
        found = (self.household.profile(each) for each in ids)
        return ", ".join(each.name for each in found if each)


def why(error: Exception) -> Sentence:
    """Return why something was refused, in one sentence."""
    if isinstance(error, UserError) and error.sentences:
        return replace(error.sentences[0], place="", about="")
    return literal(str(error))


REFUSALS: Final = (CopdnsError, ValueError)
NOBODY: Final = sentence("nobody who comes over has it")
