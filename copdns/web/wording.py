"""Say a verdict in the reader's language and words, for templates: `say.why(verdict)`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from aiohttp import web

from copdns.appeals.appeal import Appeal, ContestedVerdict
from copdns.appeals.review import TOLD, DecisionReason
from copdns.lists.catalogue import Catalogue
from copdns.lists.index import ListInfo
from copdns.model.household import Household
from copdns.model.times import Budget, Schedule, Slot, Subject, Topic, TopicKind
from copdns.model.verdict import Verdict
from copdns.web.context import context_of
from copdns.web.languages import spoken
from copdns.web.pages import language_of
from copdns.words import child, desk
from copdns.words.appeals import STANDS, StatusText, appeal_status
from copdns.words.child import Said
from copdns.words.former_notes import note_now
from copdns.words.levels import Level
from copdns.words.phrases import END_ISOLATE, ISOLATE, Phrase, Phrases

# What the desk calls the steps of the order of decision, by their titles in `policy/steps.py`.
STEPS = {
    "client allowed here": Phrase("step", "Device access"),
    "special and own names": Phrase("step", "Local and special names"),
    "legal orders": Phrase("step", "Legal orders"),
    "protected names": Phrase("step", "Sites that are never blocked"),
    "security lists": Phrase("step", "Security lists"),
    "grants": Phrase("step", "Temporary access"),
    "pause": Phrase("step", "Pause"),
    "schedules": Phrase("step", "Schedules"),
    "budgets": Phrase("step", "Daily limits"),
    "own rules": Phrase("step", "Site rules"),
    "ways round the filter": Phrase("step", "Bypass prevention"),
    "services": Phrase("step", "Blocked services"),
    "category lists": Phrase("step", "Blocked categories"),
    "safe search": Phrase("step", "Safe search"),
    "default of the profile": Phrase("step", "All other sites"),
}

# Groups of services, by their slugs in `blocklists/services.yaml`.
GROUPS = {
    "adult": Phrase("group of services", "Adult content"),
    "ai": Phrase("group of services", "AI assistants"),
    "ai_companion": Phrase("group of services", "AI companions"),
    "bypass": Phrase("group of services", "VPNs and proxies"),
    "dating": Phrase("group of services", "Dating"),
    "games": Phrase("group of services", "Games"),
    "games_web": Phrase("group of services", "Browser games"),
    "live": Phrase("group of services", "Live streams"),
    "messaging": Phrase("group of services", "Messaging"),
    "messaging_stranger_risk": Phrase("group of services", "Messaging with strangers"),
    "music": Phrase("group of services", "Music"),
    "school_tools": Phrase("group of services", "School tools"),
    "shopping": Phrase("group of services", "Shopping"),
    "social": Phrase("group of services", "Social media"),
    "social_adult_risk": Phrase("group of services", "Social media with adult content"),
    "video": Phrase("group of services", "Video"),
    "video_kids": Phrase("group of services", "Kids' video"),
}


class Stands(NamedTuple):
    """How far a question is, in words.  until: as of a `Standing`."""

    text: str
    stand: StatusText
    until: float | None


@dataclass(frozen=True, slots=True)
class Wording:
    """Sentences for one reader.  now: seconds since the epoch."""

    phrases: Phrases
    level: Level
    household: Household
    library: Catalogue
    now: float

    def why(self, verdict: Verdict | ContestedVerdict) -> str:
        return self._said(child.why(_whole(verdict), self.level))

    def until(self, verdict: Verdict | ContestedVerdict) -> str:
        return self._said(child.until(_whole(verdict), self.level))

    def hop(self, verdict: Verdict | ContestedVerdict) -> str:
        return self._said(child.hop(_whole(verdict), self.level))

    def what_next(self, verdict: Verdict | ContestedVerdict) -> str:
        return self._said(child.what_next(_whole(verdict), self.level))

    def because(self, reason: DecisionReason) -> str:
        """Return why an appeal was answered so."""
        return self.phrases.gettext(TOLD[reason])

    def step_title(self, title: str) -> str:
        """Return what the desk calls a step of the order of decision."""
        return self.phrases.pgettext(*STEPS[title])

    def category(self, slug: str) -> str:
        name = self._called(slug)
        return self.phrases.pgettext(*name) if name else self.title("category", slug)

    def categories(self, slugs: Iterable[str]) -> list[str]:
        return [self.category(each) for each in slugs]

    def services(self, slugs: Iterable[str]) -> list[str]:
        return [self.title("service", each) for each in slugs]

    def about_category(self, slug: str) -> str:
        about = self._about(slug)
        return self.phrases.pgettext(*about) if about else ""

    def note(self, text: str) -> str:
        """Return a reason that stands beside a rule: a preset's in the reader's language, one that
        a person wrote as it is."""
        return self.phrases.gettext(note_now(text)) if text else ""

    def subject(self, subject: Subject) -> str:
        """Return what a schedule or a budget is about: a category, a service, a list, or a name."""
        if not isinstance(subject, Topic):
            return str(subject)
        if subject.kind is TopicKind.CATEGORY:
            return self.category(subject.slug)
        return self.title(str(subject.kind), subject.slug)

    def subjects(self, about: Sequence[Subject]) -> str:
        """Return all that something is about; "" for everything."""
        return self.phrases.join_list([self.subject(each) for each in about])

    def step(self, number: int) -> str:
        """Return what a step of the order asks."""
        return self.phrases.pgettext(*child.STEPS[number])

    def slots(self, schedule: Schedule) -> str:
        """Return when a schedule holds, such as "every day 20:00 to 07:00"."""
        return self.phrases.join_list([self._slot(each) for each in schedule.slots])

    def _slot(self, slot: Slot) -> str:
        days = [self._day(each) for each in child.DAYS if each in slot.days]
        clock = f"{ISOLATE}{_clock(slot.start)}–{_clock(slot.start + slot.length)}{END_ISOLATE}"
        return f"{self.phrases.join_list(days)} {clock}"

    def minutes(self, budget: Budget) -> str:
        """Return how many minutes there are on which days."""
        return self.phrases.join_list([self._minutes(*each) for each in budget.minutes])

    def _minutes(self, day: str, number: int) -> str:
        told = self.phrases.ngettext("%(num)d minute", "%(num)d minutes", number)
        return f"{told % {'num': number}} {self._day(day)}"

    def _day(self, word: str) -> str:
        return self.phrases.pgettext(*child.DAYS[word])

    def stands(self, appeal: Appeal) -> Stands:
        """Return how far a question is."""
        stand, until = appeal_status(appeal, self.household, self.now)
        phrase = STANDS[stand].at(self.level)
        values = {} if until is None else {"time": self.soon(until)}
        return Stands(self.phrases.say(phrase, **values), stand, until)

    def moment(self, at: float) -> str:
        return self.phrases.when(at, self.household.timezone)

    def soon(self, at: float) -> str:
        """Return a moment, of which the day is told where it is not today."""
        return self.phrases.when(at, self.household.timezone, self.now)

    def opens(self, at: float) -> str:
        """Return when something opens, as reasons tell it (`closed.told_moment`): in the minute
        after it, so that nobody tries in vain."""
        return self.soon(ceil(at / 60) * 60)

    def day(self, at: float) -> str:
        return self.phrases.date(at, self.household.timezone)

    def group(self, slug: str) -> str:
        """Return what a group of services is called."""
        return self.phrases.pgettext(*GROUPS.get(slug, Phrase("group of services", slug)))

    def list_title(self, info: ListInfo) -> str:
        """Return what a list is called, one of ours in the reader's language."""
        ours = self.phrases.gettext(info.title) if info.title else info.slug
        return self._starter(info.slug) or ours

    def title(self, kind: str, slug: str) -> str:
        """Return what a service, list or category of the household's own is called."""
        if kind == "service":
            own = next((each for each in self.household.services if each.slug == slug), None)
            found = own or self.library.services.get(slug)
            return found.title if found else slug
        if kind == "category":
            category = self.library.categories.get(slug)
            return category.title if category else slug
        infos = self.library.index.infos
        named = next((each.title for each in infos if each.slug == slug), slug)
        return self._starter(slug) or named

    def _starter(self, slug: str) -> str:
        """Return what one of our own lists is called, in the reader's language; "" for others,
        which go by the names that their makers gave them."""
        start, _, about = slug.partition("-")
        name = self._called(about) if start == "starter" else None
        if name is None:
            return ""
        what = self.phrases.pgettext(*name)
        return self.phrases.gettext(child.STARTER.text) % {"what": what}

    def _said(self, said: Said | None) -> str:
        if said is None:
            return ""
        zone = self.household.timezone
        return child.sentence(said, self.phrases, self.title, self.now, zone, self._called)

    # What the reader calls a category.
    _called = staticmethod(child.category_name)
    _about = staticmethod(child.about_category)


class DeskSaying(Wording):
    """Sentences for a guardian, about somebody else."""

    __slots__ = ()

    _called = staticmethod(desk.category_name)
    _about = staticmethod(desk.about_category)

    def why(self, verdict: Verdict | ContestedVerdict) -> str:
        return self._said(desk.why(_whole(verdict)))


def wording_for(request: web.Request, household: Household, level: Level) -> Wording:
    parts = context_of(request)
    phrases = spoken(language_of(request))
    return Wording(phrases, level, household, parts.live().library, parts.now())


def desk_saying(request: web.Request, household: Household) -> Wording:
    """Return sentences for a guardian; `saying` has the child's, which some pages preview."""
    parts = context_of(request)
    phrases = spoken(language_of(request))
    return DeskSaying(phrases, Level.FULL, household, parts.live().library, parts.now())


def _whole(verdict: Verdict | ContestedVerdict) -> Verdict:
    if isinstance(verdict, Verdict):
        return verdict
    return Verdict(
        verdict.action,
        verdict.reason,
        0,
        category=verdict.category,
        service=verdict.service,
        list=verdict.list,
        rule=verdict.rule,
        via=verdict.via,
        period=verdict.period,
    )


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"
