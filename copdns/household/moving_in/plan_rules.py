"""Plan which rules come over.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from copdns.household.edit_checks import free_id
from copdns.household.moving_in.draft import MOST_RULES, NOBODY, REFUSALS, PlanDraft, Result, why
from copdns.household.moving_in.wishes import EVERYONE, FileEntry, LineWish, RuleWish, show
from copdns.household.rule_edits import add_rule
from copdns.model.household import Household, Profile, Rule, RuleAction
from copdns.model.matchers import Matcher, MatchKind, parse_target
from copdns.model.sentences import Sentence, sentence

_MOST_NOTE = 200  # characters


def plan_rules(draft: PlanDraft, entries: Sequence[FileEntry]) -> list[tuple[FileEntry, LineWish]]:
    """Add rules; return what becomes a line of a list instead: lines that the file has, and blocks
    beyond `MOST_RULES`."""
    lines: list[tuple[FileEntry, LineWish]] = []
    rules = _Rules(draft)
    for entry in entries:
        if isinstance(entry.wish, LineWish):
            lines.append((entry, entry.wish))
        elif isinstance(entry.wish, RuleWish):
            line = rules.add(entry, entry.wish)
            if line is not None:
                lines.append((entry, line))
    rules.finish()
    return lines


class _Rules:
    """Rules that are checked one by one, and stored together: a household with thousands takes long
    to check."""

    def __init__(self, draft: PlanDraft) -> None:
        self.draft = draft
        self.there = {(str(e.target), e.scope): e.action for e in draft.household.rules}
        self.new: list[Rule] = []
        self.bare: Household | None = None

    def add(self, entry: FileEntry, wish: RuleWish) -> LineWish | None:
        """Add a rule for each scope; return a line in place of one that is too many."""
        scopes = [self.draft.scope(each) for each in wish.scopes]
        known = [each for each in scopes if each is not None]
        if not known:
            self.draft.tell(entry, Result.LEFT, NOBODY)
            return None
        if len(self.new) + len(known) > MOST_RULES:
            return self._too_many(entry, wish)
        try:
            made = [self._make(wish, scope) for scope in dict.fromkeys(known)]
        except REFUSALS as error:
            self.draft.tell(entry, Result.LEFT, why(error))
            return None
        self._take(entry, made)
        return None

    def _make(self, wish: RuleWish, scope: str) -> Rule:
        around = self.draft.around
        if self.bare is None or self.bare.profiles is not self.draft.household.profiles:
            self.bare = self.draft.bare
        note = show(wish.note)[:_MOST_NOTE]
        changed = add_rule(
            self.bare, wish.action, wish.target, around.known, scope=scope, note=note
        )
        return replace(changed.rules[-1], created=around.now)

    def _take(self, entry: FileEntry, made: list[Rule]) -> None:
        new = [each for each in made if (str(each.target), each.scope) not in self.there]
        others = {self.there.get((str(each.target), each.scope)) for each in made} - {None}
        for each in new:
            self.there[str(each.target), each.scope] = each.action
            self.new.append(each)
        if new:
            self.draft.tell(entry, Result.TAKEN, self._describe(new))
        elif others <= {each.action for each in made}:
            self.draft.tell(entry, Result.THERE, sentence("this rule is here already"))
        else:
            said = sentence("another rule about the same says the opposite; remove one of them")
            self.draft.tell(entry, Result.LEFT, said)

    def _describe(self, new: list[Rule]) -> Sentence:
        about, draft = str(new[0].target), self.draft
        scopes = [each.scope for each in new]
        whom = draft.names(each.id for each in draft.household.profiles if is_for(each, scopes))
        is_allow = new[0].action is RuleAction.ALLOW
        if EVERYONE in scopes:
            if is_allow:
                return sentence("a rule that allows %(about)s for everyone", about=about)
            return sentence("a rule that blocks %(about)s for everyone", about=about)
        if is_allow:
            return sentence("a rule that allows %(about)s for %(whom)s", about=about, whom=whom)
        return sentence("a rule that blocks %(about)s for %(whom)s", about=about, whom=whom)

    def _too_many(self, entry: FileEntry, wish: RuleWish) -> LineWish | None:
        try:
            about = _matcher(wish)
        except REFUSALS as error:
            self.draft.tell(entry, Result.LEFT, why(error))
            return None
        if about is None or wish.action is RuleAction.ALLOW or about.match is MatchKind.BELOW:
            said = sentence(
                "more than %(most)s rules would be copied; write the rest by hand", most=MOST_RULES
            )
            self.draft.tell(entry, Result.LEFT, said)
            return None
        start = "||" if about.match is MatchKind.SUBTREE else "|"
        return LineWish(f"{start}{about.name}^", wish.scopes)

    def finish(self) -> None:
        """Give the new rules their ids, after those that are there."""
        household = self.draft.household
        first = int(free_id("r", household.rules)[1:])
        rules = tuple(replace(each, id=f"r{number}") for number, each in enumerate(self.new, first))
        self.draft.household = replace(household, rules=(*household.rules, *rules))


def is_for(person: Profile, scopes: Iterable[str]) -> bool:
    """Tell whether a rule of one of these scopes holds for a person."""
    return not {person.id, *(f"#{each}" for each in person.tags)}.isdisjoint(scopes)


def _matcher(wish: RuleWish) -> Matcher | None:
    """Return the name of a rule; None for a network."""
    found = parse_target(wish.target)
    return found if isinstance(found, Matcher) else None
