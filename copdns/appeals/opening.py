"""What a yes to an appeal opens: exactly what was appealed, and what that needs.

`opening` can be shown before anybody decides; `carry_out` does it to a household.  Content is
opened against what judges content, time against what closes by time, and nothing opens against
safety lists or the law.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from copdns.appeals.age import change_age
from copdns.appeals.appeal import (
    TIME_RULES,
    Appeal,
    AppealKind,
    AppealRequest,
    AppealState,
    ContestedVerdict,
    Decider,
    WantedLength,
)
from copdns.appeals.life import LENGTHS
from copdns.appeals.review import DecisionReason
from copdns.household.check import KnownIds
from copdns.household.edit_checks import require_profile, validate
from copdns.household.rule_edits import set_rules
from copdns.household.time_edits import add_bonus, end_grant, give_grant
from copdns.model.errors import AppealError
from copdns.model.household import Band, Household, RuleAction
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.sentences import sentence
from copdns.model.times import DAY_MINUTES, Extra, Grant, Origin, Subject, Topic, TopicKind
from copdns.model.verdict import Reason
from copdns.time.days import budget_day, zone_of

CONTENT = frozenset(
    {
        Reason.RULE,
        Reason.BYPASS,
        Reason.SERVICE,
        Reason.CONTACT,
        Reason.CATEGORY,
        Reason.NO_SAFE_SEARCH,
        Reason.NOT_ON_ALLOWLIST,
        Reason.ADDRESS,
    }
)
LONGEST = 366 * 86_400  # seconds of a permission; what is to stay is a rule
UNTIL_ANSWERED = 10 * LONGEST  # a permission has an end, an appeal that nobody answers has none

Services = Mapping[str, tuple[Matcher, ...]]  # by slug, the household's own among them


@dataclass(frozen=True, slots=True)
class Opening:
    """What a yes opens.

    about: the subject of each permission; None is every name.
    names: the names that these cover; () where that is every name, or a whole category or list.
    service: the slug of the service that these names belong to, or "".
    content, time: what the permissions lift, as of a Grant.
    minutes: refunded, of an appeal against counted minutes; else 0.
    band: the age group that it brings, of an appeal against that; else None.
    """

    about: tuple[Subject | None, ...] = ()
    names: tuple[Matcher, ...] = ()
    service: str = ""
    content: bool = False
    time: bool = False
    minutes: int = 0
    band: Band | None = None


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """How far a yes goes.

    lasts: seconds, or a wish; None: as long as was asked for.  everyone: a rule for the whole
    household, with ALWAYS.  narrow: the name alone, without what else its service needs.
    minutes: how many are given back; None: all that were asked for.  besides: what else closes the
    name (`appeals/other_closures.py`) is opened as well, for as long; of a yes that ends.
    band: another age group than the one that was asked for.  only_age: without its usual settings.
    """

    lasts: int | WantedLength | None = None
    everyone: bool = False
    narrow: bool = False
    minutes: int | None = None
    besides: bool = False
    band: Band | None = None
    only_age: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody answers.  state: GRANTED, REFUSED or TALK.  yes: used for GRANTED only.

    reason: None raises an error that lists the reasons that fit.
    """

    state: AppealState
    reason: DecisionReason | None
    text: str = ""
    yes: ApprovalTerms = ApprovalTerms()


@dataclass(frozen=True, slots=True)
class ApprovalResult:
    """The household after a yes.  state: GRANTED or LIMITED.

    made, until: as of an AppealAnswer.
    """

    household: Household
    made: tuple[str, ...]
    until: float | None
    state: AppealState


def services_of(shipped: Services, household: Household) -> Services:
    """Return the names of all services that a household knows."""
    return {**shipped, **{each.slug: each.names for each in household.services}}


def opening(
    ask: AppealRequest, household: Household, services: Services, *, narrow: bool = False
) -> Opening:
    """Return what a yes would open; raise AppealError where nothing can.

    services: those that ship.
    """
    to = ask.to
    if ask.kind is AppealKind.MINUTES:
        return Opening(minutes=ask.minutes)
    if ask.kind is AppealKind.AGE:
        return Opening(band=ask.wanted_band)
    if to.reason not in CONTENT | TIME_RULES:
        raise AppealError(_CLOSED.get(to.reason, _NOTHING))
    content = to.reason in CONTENT
    if ask.kind is AppealKind.TIME:
        about = _closed_by(to, household)
        names = tuple(each for each in about if isinstance(each, Matcher))
        return Opening(about, names, time=True)
    own = _own(ask)
    every = services_of(services, household)
    service = "" if narrow else to.service or service_of(ask.name, every)
    if not service:
        return Opening((own,), (own,), content=content, time=not content)
    needed = every.get(service, ())
    inside = any(each.covers(ask.name) for each in needed)
    topic = Topic(TopicKind.SERVICE, service)
    return Opening(
        (topic,) if inside else (own, topic),
        needed if inside else (own, *needed),
        service,
        content=content,
        time=not content,
    )


_NOTHING = sentence(
    "this is not blocked by your household's rules, so allowing it here would change nothing"
)
_CLOSED = {
    Reason.SECURITY: sentence(
        "a malware or phishing list blocks this, and answering a request cannot allow it; if the "
        "list is wrong, tell its maintainer, or add a rule that overrides security lists"
    ),
    Reason.LEGAL: sentence("this is blocked by law, and nobody at home can allow it"),
    Reason.REBINDING: sentence(
        "this site's answer pointed into your home network, and blocking that protects your "
        "devices; a request cannot allow it"
    ),
    Reason.UPSTREAM_FILTERED: sentence(
        "your DNS server blocks this; to change that, choose another one in the settings"
    ),
}


def service_of(name: str, services: Services) -> str:
    """Return the service that a name belongs to, by the longest of their names; "" for none."""
    found = [
        (len(matcher.name), slug)
        for slug, matchers in services.items()
        for matcher in matchers
        if matcher.covers(name)
    ]
    return max(found)[1] if found else ""


def _own(ask: AppealRequest) -> Matcher:
    """Return the name itself and what is below it; by a rule for one name, that name alone."""
    exact = ask.to.reason is Reason.RULE and ask.to.rule == str(Matcher(ask.name, MatchKind.EXACT))
    # A whole top-level domain is nobody's to open.
    return Matcher(ask.name, MatchKind.EXACT if exact or "." not in ask.name else MatchKind.SUBTREE)


def _closed_by(to: ContestedVerdict, household: Household) -> tuple[Subject | None, ...]:
    """Return what a time rule closes, each of which a permission can be about."""
    if to.reason is Reason.PAUSED:
        return (None,)
    rules = household.budgets if to.reason is Reason.BUDGET else household.schedules
    about = next((each.about for each in rules if each.id == to.period), None)
    if about is None:
        raise AppealError("this time rule no longer exists, so there is nothing left to allow")
    return about or (None,)


def carry_out(
    household: Household,
    appeal: Appeal,
    yes: ApprovalTerms,
    known: KnownIds,
    services: Services,
    by: Decider,
    now: int,
) -> ApprovalResult:
    """Return the household in which a yes holds; raise AppealError or HouseholdError."""
    ask = appeal.ask
    require_profile(household, ask.profile)
    if ask.kind is AppealKind.AGE:
        return _give_age(household, ask, yes, known, now)
    if yes.band is not None or yes.only_age:
        raise AppealError("this request is not about an age group")
    if yes.everyone and not by.for_everyone:
        raise AppealError(
            "only a guardian can allow this for everyone; allow it for the person who asked, and "
            "tell a guardian"
        )
    household = close_provisional(household, appeal, now)
    if ask.kind is AppealKind.MINUTES:
        return _refund_minutes(household, ask, yes, by, now)
    opens = opening(ask, household, services, narrow=yes.narrow)
    lasts = ask.wanted if yes.lasts is None else yes.lasts
    if yes.besides:
        if lasts is WantedLength.ALWAYS:
            raise AppealError(
                "the other block can only be lifted for a limited time; choose how long",
                name="besides",
            )
        opens = replace(opens, content=True, time=True)
    if lasts is WantedLength.ALWAYS:
        return _for_always(household, ask, opens, yes, known, now)
    if yes.everyone:
        raise AppealError(
            "allowing it for everyone adds a rule, which does not expire; choose always"
        )
    end = ends_at(lasts, local_household(household, ask.profile), now)
    before = len(household.grants)
    household = _add_grants(household, ask, opens, known, by.name, now, end)
    made = tuple(f"grant {each.id}" for each in household.grants[before:])
    return ApprovalResult(
        household, made, end, _fully(ask.wanted, end, local_household(household, ask.profile), now)
    )


def _give_age(
    household: Household, ask: AppealRequest, yes: ApprovalTerms, known: KnownIds, now: int
) -> ApprovalResult:
    changed = change_age(household, ask, yes.band, known, now, only_age=yes.only_age)
    band = yes.band or ask.wanted_band
    state = AppealState.GRANTED if band is ask.wanted_band else AppealState.LIMITED
    return ApprovalResult(changed, (f"band {band}",), None, state)


def open_provisionally(
    household: Household, appeal: Appeal, known: KnownIds, services: Services, now: int
) -> tuple[Household, str]:
    """Return the household in which an overdue appeal holds until it is answered, and the grant."""
    opens = opening(appeal.ask, household, services)
    opened = _add_grants(
        household, appeal.ask, opens, known, "copdns", now, now + UNTIL_ANSWERED, _MEANWHILE
    )
    return opened, opened.grants[-1].id


_MEANWHILE = sentence("Allowed until someone answers your request.").text


def close_provisional(household: Household, appeal: Appeal, now: int) -> Household:
    """Return the household without what was open only until there is an answer."""
    running = next((each for each in household.grants if is_meanwhile(each, appeal, now)), None)
    return household if running is None else end_grant(household, running.id, now)


def is_meanwhile(grant: Grant, appeal: Appeal, now: float) -> bool:
    """Tell whether a permission is what holds until an overdue appeal is answered."""
    # Ids come back some time after a permission ended, so its id alone does not tell.
    return (
        grant.id == appeal.provisional
        and grant.origin is Origin.APPEAL
        and grant.profile == appeal.ask.profile
        and grant.given == appeal.overdue
        and grant.end > now
    )


def _add_grants(
    household: Household,
    ask: AppealRequest,
    opens: Opening,
    known: KnownIds,
    author: str,
    now: int,
    end: float,
    note: str = "",
) -> Household:
    for about in opens.about:
        household = give_grant(
            household,
            Grant(
                about,
                start=now,
                end=end,
                given=now,
                content=opens.content,
                time=opens.time,
                origin=Origin.APPEAL,
                author=author,
                note=note,
                profile=ask.profile,
            ),
            known,
        )
    return household


def _refund_minutes(
    household: Household, ask: AppealRequest, yes: ApprovalTerms, by: Decider, now: int
) -> ApprovalResult:
    minutes = ask.minutes if yes.minutes is None else yes.minutes
    if not 1 <= minutes <= DAY_MINUTES:
        raise AppealError("give back from 1 to 1440 minutes")
    assert ask.day is not None
    changed = add_bonus(
        household,
        ask.profile,
        ask.to.period,
        ask.day,
        minutes,
        kind=Extra.CREDIT,
        author=by.name,
        at=now,
    )
    state = AppealState.GRANTED if minutes >= ask.minutes else AppealState.LIMITED
    return ApprovalResult(changed, (f"bonus {changed.bonuses[-1].id}",), None, state)


def _for_always(
    household: Household,
    ask: AppealRequest,
    opens: Opening,
    yes: ApprovalTerms,
    known: KnownIds,
    now: int,
) -> ApprovalResult:
    if ask.kind is AppealKind.TIME:
        raise AppealError(
            "a request cannot change a time rule for good; allow it for a limited time, or "
            "change the time rule itself"
        )
    if opens.time:
        return _always_open(household, ask, opens, yes)
    if yes.everyone and ask.to.reason is Reason.RULE:
        raise AppealError(
            "a rule set at home blocks this; change that rule, or allow it for one person"
        )
    changed = set_rules(
        household,
        RuleAction.ALLOW,
        opens.names,
        known,
        scope="" if yes.everyone else ask.profile,
        note=_note(ask, opens),
        created=now,
    )
    made = tuple(f"rule {each.id}" for each in changed.rules if each not in household.rules)
    return ApprovalResult(changed, made, None, AppealState.GRANTED)


_AFTER_A_REQUEST = sentence("Allowed after a request.").text


def _note(ask: AppealRequest, opens: Opening) -> str:
    """Return why a rule is there, for whoever reads the rules; who asked stands elsewhere.

    It is stored in English; pages know it again by its form (`words/composed_notes.py`).
    """
    if ask.kind is AppealKind.CATEGORY:
        not_in = ask.to.category
        return str(sentence("This is not %(category)s: decided after a request.", category=not_in))
    if opens.service:
        part_of = opens.service
        return str(sentence("Allowed after a request. Part of %(service)s.", service=part_of))
    return _AFTER_A_REQUEST


def _always_open(
    household: Household, ask: AppealRequest, opens: Opening, yes: ApprovalTerms
) -> ApprovalResult:
    if yes.everyone:
        raise AppealError(
            "each person has their own list of what is always allowed; allow it for this person"
        )
    profile = require_profile(household, ask.profile)
    new = tuple(each for each in opens.about if each is not None and each not in profile.always)
    changed = replace(profile, always=(*profile.always, *new))
    profiles = tuple(changed if each is profile else each for each in household.profiles)
    household = validate(replace(household, profiles=profiles))
    return ApprovalResult(
        household, tuple(f"always {each}" for each in new), None, AppealState.GRANTED
    )


def local_household(household: Household, profile_id: str) -> Household:
    """Return the household with the clock of a person: a request for today ends when their day
    does."""
    person = household.profile(profile_id)
    return household if person is None else household.local_to(person)


def ends_at(lasts: int | WantedLength, household: Household, now: int) -> float:
    """Return when a permission of a length, in seconds or in words, ends; raise AppealError."""
    if lasts is WantedLength.TODAY:
        return budget_day(now, zone_of(household.timezone), household.day_starts).end
    seconds = LENGTHS[lasts] if isinstance(lasts, WantedLength) else lasts
    if not 0 < seconds <= LONGEST:
        raise AppealError("temporary access lasts at most 366 days; to keep it, choose always")
    return now + seconds


def _fully(wanted: WantedLength, end: float, household: Household, now: int) -> AppealState:
    full = inf if wanted is WantedLength.ALWAYS else ends_at(wanted, household, now)
    return AppealState.GRANTED if end >= full else AppealState.LIMITED
