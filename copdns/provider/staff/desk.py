"""The desk of a provider's reviewers: is a list right about a site?

Family rules are answered by the family and do not come here.  A case has a site, a list and reasons
of closed lists: no words of anybody, and nobody's name but the reviewers'.  To take a site off a
list for all takes two reviewers drawn by lot, and ends after 90 days.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from copdns.appeals.review import GRANTING, PAGE, VERSION, DecisionReason
from copdns.model.errors import RegisterError
from copdns.provider.plane.snapshot import Layer, NameList
from copdns.provider.staff.duties import ROLE_WORDS, Duty, StaffMember, has_duty

HOUR: Final = 3600
OPENS_FOR: Final = 90 * 24 * HOUR  # seconds
AGAIN_AFTER: Final = 180 * 24 * HOUR  # seconds after a no until a new case can be about the line
REVIEWERS: Final = 2


class CaseOrigin(StrEnum):
    """Who asks.  More is not known of them."""

    GUARDIAN = "guardian"  # passed on an appeal of their family
    SITE_OWNER = "site_owner"
    STAFF = "staff"


class CaseReason(StrEnum):
    """Why somebody thinks that a list is wrong; a closed list, so that no words come here."""

    HARMLESS = "harmless"  # nothing of what the list is about is on the site
    OTHER_CATEGORY = "other_category"  # it belongs to another category
    CHANGED = "changed"  # it has another owner or other content now
    HELP = "help"  # it is about health, faith, identity, school or support


TARGETS: Final = {
    CaseOrigin.GUARDIAN: 72 * HOUR,
    CaseOrigin.SITE_OWNER: 7 * 24 * HOUR,
    CaseOrigin.STAFF: 7 * 24 * HOUR,
}
# Of the review policy, those that can be said of a list.
REASONS: Final = frozenset(
    {
        DecisionReason.LIST_ERROR,
        DecisionReason.ALREADY_OPEN,
        DecisionReason.HARMFUL_CONTENT,
        DecisionReason.WAY_ROUND,
        DecisionReason.SECURITY_RISK,
        DecisionReason.COSTS_MONEY,
        DecisionReason.UNSAFE_CONTACT,
        DecisionReason.NOT_YET_FOR_AGE,
    }
)


class CaseState(StrEnum):
    """Where a case stands."""

    WAITING = "waiting"
    SECOND = "second"  # the first reviewer would open it; the second has to agree
    OPENED = "opened"
    OVER = "over"  # it was opened, and its time is over
    REFUSED = "refused"


_ANSWERING: Final = (CaseState.WAITING, CaseState.SECOND, CaseState.OPENED)


@dataclass(frozen=True, slots=True)
class DeskDecision:
    """What a reviewer decided.  reason: of the review policy; policy: its version."""

    by: str
    at: int
    reason: DecisionReason
    policy: str = VERSION

    @property
    def opens(self) -> bool:
        return self.reason in GRANTING


@dataclass(frozen=True, slots=True)
class DeskCase:
    """A question about a list.  Seconds since 1970.

    number: 0 before it is stored.  tenant: of who asks; "" for the public.  name: the site; entry:
    the line of the list that covers it.  drawn: ids of the reviewers.  asked_again: this is the
    second time, by other reviewers.
    """

    number: int
    tenant: str
    origin: CaseOrigin
    name: str
    list: str
    entry: str
    reason: CaseReason
    asked: int
    due: int
    drawn: tuple[str, ...]
    decisions: tuple[DeskDecision, ...] = ()
    asked_again: bool = False

    def state(self, now: int) -> CaseState:
        """Return where it stands."""
        if not self.decisions:
            return CaseState.WAITING
        if not self.decisions[-1].opens:
            return CaseState.REFUSED
        if len(self.decisions) < REVIEWERS:
            return CaseState.SECOND
        return CaseState.OPENED if now < self.opened_until else CaseState.OVER

    @property
    def opened_until(self) -> int:
        """When it is blocked again, if two opened it."""
        return self.decisions[-1].at + OPENS_FOR

    @property
    def decided_at(self) -> int | None:
        """When it was decided for good; None while somebody has to."""
        if self.state(0) in (CaseState.WAITING, CaseState.SECOND):
            return None
        return self.decisions[-1].at

    def waits_for(self, reviewer: str) -> bool:
        """Tell whether a reviewer has to decide, by their id."""
        has_decided = any(each.by == reviewer for each in self.decisions)
        return self.decided_at is None and reviewer in self.drawn and not has_decided

    def is_overdue(self, now: int) -> bool:
        """Tell whether it waits for longer than it should."""
        return self.decided_at is None and now > self.due


Draw = Callable[[Sequence[str], int], list[str]]  # some of these by lot, such as `Random.sample`


def open_case(new: DeskCase, staff: Iterable[StaffMember], draw: Draw) -> DeskCase:
    """Return a case with its target and its reviewers; raise RegisterError without two of them.

    Staff of one tenant are not drawn, also for its cases: what they opened would be open for all.
    """
    return replace(with_target(new), drawn=_draw((), staff, draw))


def with_target(new: DeskCase) -> DeskCase:
    """Return a case with its target, for which reviewers are drawn later (`draw_reviewers`): the
    pages of families know nobody of the staff."""
    return replace(new, due=new.asked + TARGETS[new.origin])


def draw_reviewers(case: DeskCase, staff: Iterable[StaffMember], draw: Draw) -> DeskCase:
    """Return a case with reviewers, if it has none yet; raise RegisterError without two."""
    return case if case.drawn else replace(case, drawn=_draw((), staff, draw))


def case_for(cases: Iterable[DeskCase], tenant: str, now: int) -> DeskCase | None:
    """Return the case that answers a guardian's question about a line, if there is one: open, or
    decided lately.

    cases: about this line, the oldest first.
    """
    found = None
    for each in cases:
        if each.origin is CaseOrigin.GUARDIAN and each.tenant == tenant:
            is_recent_no = (
                each.state(now) is CaseState.REFUSED and now < each.decisions[-1].at + AGAIN_AFTER
            )
            found = each if is_recent_no or each.state(now) in _ANSWERING else None
    return found


def require_no_recent_no(
    cases: Iterable[DeskCase], now: int, sees: Callable[[DeskCase], bool]
) -> None:
    """Refuse a new case about a line while a no of reviewers holds; raise RegisterError.

    cases: about this line, of all tenants: a line is opened for all.  sees: tells whether who asks
    may know of a case.  Else whoever asks could ask until others are drawn by lot.
    """
    for each in cases:
        if each.state(now) is CaseState.REFUSED and now < each.decisions[-1].at + AGAIN_AFTER:
            if not sees(each):
                raise RegisterError("reviewers said no about this entry less than 180 days ago")
            raise RegisterError(
                "case %(number)s was a no about this entry; it can be asked again once",
                number=each.number,
            )


def decide_case(case: DeskCase, by: StaffMember, reason: DecisionReason, now: int) -> DeskCase:
    """Return a case with the next decision; only who was drawn decides, and each of them once."""
    if not has_duty(by, Duty.DECIDE_DESK):
        raise RegisterError(
            "%(who)s may not do this; the role is %(role)s", who=by.name, role=ROLE_WORDS[by.role]
        )
    if case.state(now) not in (CaseState.WAITING, CaseState.SECOND):
        raise RegisterError("case %(number)s is decided already", number=case.number)
    if by.id not in case.drawn:
        raise RegisterError(
            "case %(number)s was drawn by others: %(names)s",
            number=case.number,
            names=", ".join(case.drawn),
        )
    if any(each.by == by.id for each in case.decisions):
        raise RegisterError("another reviewer has to agree; you have decided")
    if reason not in REASONS:
        raise RegisterError("of a list one says: %(names)s", names=", ".join(sorted(REASONS)))
    return replace(case, decisions=(*case.decisions, DeskDecision(by.id, now, reason)))


def ask_again(case: DeskCase, staff: Iterable[StaffMember], draw: Draw, now: int) -> DeskCase:
    """Return a refused case for two other reviewers; that goes once."""
    if case.state(now) is not CaseState.REFUSED or case.asked_again:
        raise RegisterError("case %(number)s cannot be asked again", number=case.number)
    drawn = _draw(case.drawn, staff, draw)
    return replace(
        case, drawn=drawn, decisions=(), asked_again=True, due=now + TARGETS[case.origin]
    )


def replace_gone(case: DeskCase, staff: Iterable[StaffMember], draw: Draw) -> DeskCase:
    """Return an open case with others in place of reviewers who left before they decided."""
    people = {each.id: each for each in staff}
    stays = tuple(
        each
        for each in case.drawn
        if not case.waits_for(each) or has_duty(people.get(each), Duty.DECIDE_DESK)
    )
    missing = len(case.drawn) - len(stays)
    if case.decided_at is not None or not missing:
        raise RegisterError("all who review case %(number)s are here", number=case.number)
    others = _draw(case.drawn, people.values(), draw, missing)
    return replace(case, drawn=tuple(sorted((*stays, *others))))


def no_case(number: int) -> RegisterError:
    """Return what is said of a case that is not there, or is another tenant's: one as the other."""
    return RegisterError(
        "there is no case %(number)s; see `copdns provider desk list`", number=number
    )


def open_lists(
    lists: Iterable[NameList], cases: Iterable[DeskCase], now: int
) -> tuple[NameList, ...]:
    """Return lists without the lines that reviewers took out; those of the law stay whole."""
    gone = opened_lines(cases, now)
    return tuple(
        replace(each, names=tuple(line for line in each.names if str(line) not in gone[each.slug]))
        if each.slug in gone and each.layer is not Layer.LAW
        else each
        for each in lists
    )


def opened_lines(cases: Iterable[DeskCase], now: int) -> dict[str, set[str]]:
    """Return the lines that reviewers took out, by list."""
    gone: dict[str, set[str]] = {}
    for each in cases:
        if each.state(now) is CaseState.OPENED:
            gone.setdefault(each.list, set()).add(each.entry)
    return gone


def next_closing(cases: Iterable[DeskCase], now: int) -> int | None:
    """Return the next second at which a line is blocked again; None where none is open."""
    return min(
        (each.opened_until for each in cases if each.state(now) is CaseState.OPENED), default=None
    )


def maintainer_text(case: DeskCase) -> str:
    """Return what to send to a list's maintainer; nothing in it says who asked."""
    last = case.decisions[-1].reason if case.decisions else "not decided yet"
    return (
        f"List: {case.list}\n"
        f"Entry: {case.entry}\n"
        f"Site: {case.name}\n"
        f"Said about it: {case.reason}\n"
        f"Decided by two reviewers: {last} ({PAGE}, version {VERSION})\n"
    )


def _draw(
    without: Sequence[str], staff: Iterable[StaffMember], draw: Draw, many: int = REVIEWERS
) -> tuple[str, ...]:
    reviewers = sorted(
        each.id for each in staff if has_duty(each, Duty.DECIDE_DESK) and each.id not in without
    )
    if len(reviewers) < many:
        raise RegisterError(
            "a case takes two reviewers, and there are not enough; add some with "
            "copdns provider staff add"
        )
    return tuple(sorted(draw(reviewers, many)))
