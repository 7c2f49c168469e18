"""Say a verdict in the reader's language, for templates: `say.why(verdict)`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from math import ceil
from typing import NamedTuple

from aiohttp import web

from copdns.appeals.appeal import Appeal, ContestedVerdict
from copdns.appeals.review import TOLD, DecisionReason
from copdns.lists.catalogue import Catalogue, Service
from copdns.lists.index import ListInfo, ListKind
from copdns.model.household import Contact, Household, OwnService, Profile
from copdns.model.sentences import Sentence
from copdns.model.times import Budget, Schedule, Slot, Subject, Topic, TopicKind, WeekParity, Weeks
from copdns.model.verdict import Reason, StepNumber, Verdict
from copdns.policy.service_state import Extent, ServiceState, stays_blocked
from copdns.time.bedtime import is_bedtime
from copdns.time.days import local_time, zone_of
from copdns.time.schedule import parse_slots
from copdns.time.weeks import WeekState, week_state
from copdns.web.context import context_of
from copdns.web.languages import phrases_in
from copdns.web.pages import language_of
from copdns.words import child, desk
from copdns.words.appeals import STANDS, STANDS_UNTIL_A_DAY, StatusText, appeal_status
from copdns.words.child import Said
from copdns.words.composed_notes import read_stored_note
from copdns.words.former_notes import note_now
from copdns.words.levels import Level
from copdns.words.phrases import (
    APP_NAME,
    DOT,
    END_ISOLATE,
    ISOLATE,
    Phrase,
    Phrases,
    is_same_day,
)

# What blocks an app whose own switch may be off.
_NOT_ITS_SWITCH = frozenset({Reason.CONTACT, Reason.CATEGORY, Reason.BYPASS, Reason.CANARY})
# What blocks for a while.
_OF_TIME = frozenset({Reason.SCHEDULE, Reason.BUDGET, Reason.PAUSED})


class AppealProgress(NamedTuple):
    """The state of an appeal, in words.  until: see `AppealStatus`."""

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
        """Return the reason of a verdict."""
        return self._say(child.why(self._full_verdict(verdict), self.level))

    def _full_verdict(self, verdict: Verdict | ContestedVerdict) -> Verdict:
        """Return a verdict with the kind of contact and whether a limit gives no minutes, which a
        request does not store."""
        if isinstance(verdict, Verdict):
            return verdict
        is_contact = verdict.reason is Reason.CONTACT
        service = self.service(verdict.service) if is_contact else None
        blocks = service is not None and service.contact is not Contact.NONE
        full = _full_verdict(verdict, service.contact if service and blocks else "")
        # Of days that differ it is not known any more which one was meant.
        budget = next((e for e in self.household.budgets if e.id == verdict.period), None)
        if verdict.reason is Reason.BUDGET and budget is not None:
            return replace(full, no_minutes=not any(minutes for _, minutes in budget.minutes))
        return full

    def service(self, slug: str) -> OwnService | Service | None:
        """Return a service, the household's own first; None where there is none (any more)."""
        own = next((each for each in self.household.services if each.slug == slug), None)
        return own or self.library.services.get(slug)

    def exceptions(self, profile: Profile) -> list[str]:
        """Return what the services are called that a person may use although their contact kind is
        blocked."""
        slugs = profile.contact_exceptions - profile.services
        found = ((each, self.service(each)) for each in slugs)
        slugs_met = [slug for slug, each in found if each and each.contact in profile.contacts]
        return sorted(self.services(slugs_met), key=str.lower)

    def part_of(self, name: str, verdict: Verdict | ContestedVerdict) -> str:
        """Return to which blocked site a name belongs; "" where it is that site itself."""
        return self._say(child.part_of(name, _full_verdict(verdict), self.level))

    def until(self, verdict: Verdict | ContestedVerdict) -> str:
        """Return when it opens again; "" where nobody knows."""
        return self._say(child.until(_full_verdict(verdict), self.level))

    def hop(self, verdict: Verdict | ContestedVerdict) -> str:
        """Return that another name was meant; "" where it was the one asked for."""
        return self._say(child.hop(_full_verdict(verdict), self.level))

    def what_next(self, verdict: Verdict | ContestedVerdict) -> str:
        """Return what the child can do about it; "" where nothing is closed."""
        return self._say(child.what_next(_full_verdict(verdict), self.level))

    def about(self, verdict: Verdict) -> str:
        """Return what the category that blocks is about, for small children; "" for others."""
        told = self.level is not Level.FULL and verdict.reason is Reason.CATEGORY
        return self.about_category(verdict.category) if told else ""

    def is_for_adults(self, verdict: Verdict) -> bool:
        """Tell whether a category blocks that a child should not be led to ask for."""
        return child.is_for_adults(verdict)

    def because(self, reason: DecisionReason) -> str:
        """Return the reason for the answer to an appeal."""
        return self.phrases.gettext(TOLD[reason])

    def step_title(self, number: StepNumber) -> str:
        """Return the dashboard's name for a step of the order of decision."""
        return self.phrases.pgettext(*desk.STEPS[number])

    def category(self, slug: str) -> str:
        """Return what a category is called, also one of the household's own."""
        name = self._category_name(slug)
        return self.phrases.pgettext(*name) if name else self.title("category", slug)

    def categories(self, slugs: Iterable[str]) -> list[str]:
        """Return what several categories are called, in their order."""
        return [self.category(each) for each in slugs]

    def services(self, slugs: Iterable[str]) -> list[str]:
        """Return what several services are called, in their order."""
        return [self.title("service", each) for each in slugs]

    def about_category(self, slug: str) -> str:
        """Return what a category is about; "" for one that is not bundled."""
        about = self._category_note(slug)
        return self.phrases.pgettext(*about) if about else ""

    def note(self, text: str) -> str:
        """Return the note of a rule: copdns's own in the reader's language, a person's as
        written."""
        if composed := read_stored_note(text, self._note_value):
            return self.phrases.tell(composed)
        return self.phrases.gettext(note_now(text)) if text else ""

    def note_to_edit(self, text: str) -> str:
        """Return a note as a field has it that changes it: as it is read, without marks of
        direction, which a note may not have."""
        return self.note(text).replace(ISOLATE, "").replace(END_ISOLATE, "")

    def note_to_keep(self, typed: str, kept: str) -> str:
        """Return what is stored for a note that came from such a field.

        typed: on one line.  kept: what is stored so far.  A note that was left as it was shown
        stays, so that each reader goes on reading copdns's own in their language.
        """
        return kept if typed == " ".join(self.note_to_edit(kept).split()) else typed

    def _note_value(self, kind: str, slug: str) -> str | Phrase:
        name = self._category_name(slug) if kind == "category" else None
        return name or self.title(kind, slug)

    def subject(self, subject: Subject) -> str:
        """Return the name of what a schedule or budget is about: a category, a service, a list, or
        a site."""
        if not isinstance(subject, Topic):
            return str(subject)
        if subject.kind is TopicKind.CATEGORY:
            return self.category(subject.slug)
        return self.title(str(subject.kind), subject.slug)

    def subjects(self, about: Sequence[Subject]) -> str:
        """Return the names of all that something is about; "" for everything."""
        first, *others = [self.subject(each) for each in about] or [""]
        kinds = [isinstance(each, Topic) and each.kind is TopicKind.CATEGORY for each in about[1:]]
        return self.phrases.join_list(
            [first]
            + [
                with_small_letter(each) if is_kind else each
                for each, is_kind in zip(others, kinds, strict=True)
            ]
        )

    def kinds(self, names: Sequence[str]) -> str:
        """Return the names of kinds of sites one after the other: "Games and social media"."""
        return self.phrases.join_list([*names[:1], *map(with_small_letter, names[1:])])

    def step(self, number: StepNumber) -> str:
        """Return what a step of the order of decision asks."""
        return self.phrases.pgettext(*child.STEPS[number])

    def slots(self, schedule: Schedule) -> str:
        """Return when a schedule holds, such as "every day 20:00 to 07:00"."""
        times = self.phrases.join_list([self._slot(each) for each in schedule.slots])
        return f"{times} ({self.weeks(schedule.weeks)})" if schedule.weeks else times

    def with_times(self, said: Sentence) -> Sentence:
        """Return a sentence whose times of a week, where it has some, are told as `slots` does."""
        times = said.values.get("times")
        if not isinstance(times, str):
            return said
        told = self.phrases.join_list([self._slot(each) for each in parse_slots(times)])
        return replace(said, values={**said.values, "times": told})

    def weeks(self, weeks: Weeks) -> str:
        """Return in which weeks a schedule holds, and whether this is one: "every second week:
        this week"."""
        zone = zone_of(self.household.timezone)
        state = week_state(weeks, local_time(self.now, zone).date())
        return self.phrases.label(self._which_weeks(weeks), self._week_text(state))

    def _which_weeks(self, weeks: Weeks) -> str:
        return self.phrases.pgettext(*child.EVERY_SECOND_WEEK)

    def _week_text(self, state: WeekState) -> str:
        if state.is_whole_week:
            return self.phrases.pgettext(*(child.THIS_WEEK if state.holds else child.NEXT_WEEK))
        day = state.changes - timedelta(days=1) if state.holds else state.changes
        said = child.WEEKS_UNTIL if state.holds else child.WEEKS_FROM
        return self.phrases.pgettext(*said) % {"day": self.phrases.short_day(day)}

    def _slot(self, slot: Slot) -> str:
        days = self.phrases.join_list([self._day(each) for each in child.DAYS if each in slot.days])
        if (slot.start, slot.length) == (0, _WHOLE_DAY):
            return self.phrases.pgettext(*child.ALL_DAY) % {"days": days}
        return self._hours(_clock(slot.start), _clock(slot.start + slot.length), days)

    def _hours(self, start: str, end: str, days: str) -> str:
        return f"{days} {ISOLATE}{start}–{end}{END_ISOLATE}"

    def minutes(self, budget: Budget) -> str:
        """Return the minutes of a budget by day; neighbours with as many are told together."""
        return self.phrases.join_list(
            [
                self._minutes(number, [self._day(day) for day, _ in same])
                for number, same in groupby(budget.minutes, key=lambda each: each[1])
            ]
        )

    def _minutes(self, number: int, days: Sequence[str]) -> str:
        text = self.phrases.ngettext("%(num)d minute", "%(num)d minutes", number)
        return f"{text % {'num': number}} {self.phrases.join_list(days)}"

    def _day(self, word: str) -> str:
        return self.phrases.pgettext(*child.DAYS[word])

    def stands(self, appeal: Appeal) -> AppealProgress:
        """Return the state of an appeal."""
        stand, until = appeal_status(appeal, self.household, self.now)
        if until is None:
            return AppealProgress(self.phrases.say(STANDS[stand].at(self.level)), stand, until)
        said, word = (STANDS, "time") if self.is_today(until) else (STANDS_UNTIL_A_DAY, "day")
        phrase, values = said[stand].at(self.level), {word: self.soon(until)}
        return AppealProgress(self.phrases.say(phrase, **values), stand, until)

    def moment(self, at: float) -> str:
        """Return a moment with its day.  at: seconds since the epoch."""
        return self.phrases.when(at, self.household.timezone)

    def moments(self, times: Iterable[float]) -> list[str]:
        """Return different moments in words, the oldest first; a day that the one before has, too,
        is left out.  times: seconds since the epoch."""
        found: dict[str, str] = {}
        before: float | None = None
        for at in sorted(times):
            short = self.phrases.when(at, self.household.timezone, before)
            found.setdefault(self.moment(at), short)
            before = at
        return list(found.values())

    def soon(self, at: float) -> str:
        """Return a moment, with its day unless that is today."""
        return self.phrases.when(at, self.household.timezone, self.now)

    def is_today(self, at: float) -> bool:
        """Tell whether `soon` gives a time alone: the texts around it have the context "time", and
        "day" otherwise."""
        return is_same_day(at, self.now, self.household.timezone)

    def next_minute(self, at: float) -> float:
        """Return when something is allowed again, rounded up to the next minute
        (`time_steps.weekday_and_time` does so too), so that nobody tries too early."""
        return ceil(at / 60) * 60

    def day(self, at: float) -> str:
        """Return the date of a moment.  at: seconds since the epoch."""
        return self.phrases.date(at, self.household.timezone)

    def group(self, slug: str) -> str:
        """Return the name of a group of services."""
        return self.phrases.pgettext(*desk.GROUPS.get(slug, Phrase("group of services", slug)))

    def app_name(self, title: str) -> str:
        """Return the title of an app or a search engine, with the words in it translated."""
        return self.phrases.pgettext(APP_NAME, title)

    def list_title(self, info: ListInfo) -> str:
        """Return the name of a list; of our own lists in the reader's language."""
        if info.kind is ListKind.SERVICE and info.title:
            return self.app_name(info.title)
        ours = self.phrases.gettext(info.title) if info.title else info.slug
        return self._starter_title(info.slug) or ours

    def title(self, kind: str, slug: str) -> str:
        """Return the name of a service, list or category."""
        if kind == "service":
            found = self.service(slug)
            return self.app_name(found.title) if found else slug
        if kind == "category":
            category = self.library.categories.get(slug)
            return category.title if category else slug
        infos = self.library.index.infos
        shown_title = next((each.title for each in infos if each.slug == slug), slug)
        return self._starter_title(slug) or shown_title

    def _starter_title(self, slug: str) -> str:
        """Return the name of one of our own lists in the reader's language; "" for other lists,
        which keep the names of their makers."""
        start, _, about = slug.partition("-")
        title = {"starter": child.STARTER, "services": child.SERVICES}.get(start)
        name = self._category_name(about) if title else None
        if title is None or name is None:
            return ""
        what = self.phrases.pgettext(*name)
        return self.phrases.fill(self.phrases.gettext(title.text), {"what": what})

    def _say(self, sentence: Said | None) -> str:
        if sentence is None:
            return ""
        zone = self.household.timezone
        return child.sentence(
            sentence, self.phrases, self.title, self.now, zone, self._category_name
        )

    def _category_name(self, slug: str) -> Phrase | None:
        """Return what the reader calls a category."""
        return child.category_name(slug, self.level)

    def _category_note(self, slug: str) -> Phrase | None:
        """Return what a category is about, for the reader."""
        return child.about_category(slug)


class DeskWording(Wording):
    """Sentences for a guardian about somebody else."""

    __slots__ = ()

    def _category_name(self, slug: str) -> Phrase | None:
        return desk.category_name(slug)

    def _category_note(self, slug: str) -> Phrase | None:
        return desk.about_category(slug)

    def _hours(self, start: str, end: str, days: str) -> str:
        return self.phrases.pgettext(*desk.SLOT) % {"start": start, "end": end, "days": days}

    def _which_weeks(self, weeks: Weeks) -> str:
        if isinstance(weeks, WeekParity):
            return self.phrases.pgettext(*desk.WEEKS[weeks])
        return Wording._which_weeks(self, weeks)

    def _minutes(self, number: int, days: Sequence[str]) -> str:
        if not number or number % 60:
            return Wording._minutes(self, number, days)
        one = self.phrases.gettext("1 hour")
        hours = one if number == 60 else self.phrases.duration(number * 60)
        return f"{hours} {self.phrases.join_list(days)}"

    def _day(self, word: str) -> str:
        return self.phrases.pgettext(*desk.DAYS.get(word, child.DAYS[word]))

    def why(self, verdict: Verdict | ContestedVerdict) -> str:
        """Return why something is blocked or allowed, as guardians read it."""
        return self._say(desk.why(self._full_verdict(verdict)))

    def service_state(
        self, state: ServiceState, who: str, shared: ServiceState | None = None
    ) -> str:
        """Return what can be done with a service now, why, until when, and what comes then.

        who: the name of the person whose service it is.  shared: a state whose end the page tells
        for all services that have the same.
        """
        why = self._cause(state.verdict, who)
        if state.also is not None and state.extent is Extent.BLOCKED:
            also = self._cause(state.also, who)
            why = self.phrases.say(desk.BOTH_CAUSES, why=why, also=also)
        then = self._cause(state.then, who) if state.then else ""
        plain, because = desk.STATES[state.extent]
        if state.extent is Extent.BLOCKED and state.verdict.reason in _NOT_ITS_SWITCH:
            because = desk.ALREADY_BLOCKED
        parts = [self.phrases.say(because, why=why) if why else self.phrases.say(plain)]
        if state.until is not None and not _is_closed_anyway(state):
            # As a yes is told everywhere: not rounded up, since it may be over in that minute.
            at = self.next_minute(state.until) if state.verdict.blocks else state.until
            is_today = self.is_today(at)
            if then and not why and state.extent is Extent.OPEN:
                if shared is not None and ends_as(state, shared):
                    return parts[0]
                today, other_day = desk.OPEN_UNTIL
                phrase = today if is_today else other_day
                return self.phrases.say(phrase, when=self.soon(at), why=then)
            if then:
                today, other_day = desk.THEN[_what_comes(state)]
                phrase = today if is_today else other_day
                parts.append(self.phrases.say(phrase, when=self.soon(at), why=then))
            else:
                phrase = desk.UNTIL if is_today else desk.UNTIL_A_DAY
                parts.append(self.phrases.say(phrase, when=self.soon(at)))
        return DOT.join(parts)

    def still_blocked(self, state: ServiceState, who: str) -> str:
        """Return that something is blocked by more than what ends next, and by what; "" where it is
        not, or where nobody knows when that ends.  who: as in `service_state`."""
        if state.until is None or state.then is None or not stays_blocked(state):
            return ""
        at = self.next_minute(state.until)
        why = self._cause(state.then, who)
        phrase = desk.STILL_BLOCKED[0 if self.is_today(at) else 1]
        return self.phrases.say(phrase, when=self.soon(at), why=why)

    def _cause(self, verdict: Verdict, who: str) -> str:
        """Return why in a few words; "" where nothing blocks and nothing had to allow."""
        schedules = {each.id: each for each in self.household.schedules}
        schedule = schedules.get(verdict.period)
        is_night = schedule is not None and is_bedtime(schedule)
        said = desk.cause(verdict, is_bedtime=is_night)
        if said is not None and "%(who)s" in said.phrase.text:
            return self.phrases.say(said.phrase, who=who)
        return self._say(said)


def ends_as(state: ServiceState, other: ServiceState) -> bool:
    """Tell whether two services that are allowed end at one moment for one reason."""
    if state.then is None or other.then is None or state.extent is not other.extent:
        return False
    mine, others = ((e.reason, e.period) for e in (state.then, other.then))
    return state.until == other.until and mine == others


def _is_closed_anyway(state: ServiceState) -> bool:
    """Tell whether a setting blocks a service wholly: what time closes besides changes nothing."""
    is_lasting = state.extent is Extent.BLOCKED and state.verdict.reason not in _OF_TIME
    return is_lasting and _what_comes(state) == "still blocked"


def _what_comes(state: ServiceState) -> str:
    """Return which of `THEN` says what a service becomes."""
    if state.then is None or not state.then.blocks:
        return "open"
    return "still blocked" if stays_blocked(state) else "blocked"


def wording_for(request: web.Request, household: Household, level: Level) -> Wording:
    """Return how to tell a household's matters at a level, in the language of a request."""
    context = context_of(request)
    phrases = phrases_in(language_of(request))
    return Wording(phrases, level, household, context.snapshot().library, context.now())


def desk_wording(request: web.Request, household: Household) -> Wording:
    """Return sentences for a guardian; `wording_for` has the child's, which some pages preview."""
    context = context_of(request)
    phrases = phrases_in(language_of(request))
    return DeskWording(phrases, Level.FULL, household, context.snapshot().library, context.now())


def _full_verdict(verdict: Verdict | ContestedVerdict, contact: str = "") -> Verdict:
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
        contact=contact,
    )


def with_small_letter(words: str) -> str:
    """Return words as within a sentence, "social media" for "Social media"; "VPNs" stays."""
    return words[:1].lower() + words[1:] if words[1:2].islower() else words


_WHOLE_DAY = 24 * 60  # minutes


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"
