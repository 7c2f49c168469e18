"""Answer TXT queries below q.home.arpa: why a name is blocked, and the time that is left.

For screens without a browser, such as `why.games.example.q.home.arpa`, sent by the device that it
is about.  The answer tells no more than a query for the name itself would, and a query about a help
name is untraced like one for it.  Pure.
"""

from __future__ import annotations

from copdns.dns.records import TXT, A
from copdns.model.reasons import text_of
from copdns.model.verdict import Action, LocalAnswer, LocalRecord, Reason, Verdict
from copdns.policy.decide import Policy, decide, full_closure, has_help_prefix
from copdns.policy.special_names import LOCAL_NXDOMAIN, STATUS_ZONE
from copdns.time.budget import PLENTY, RemainingBudget


def status_answer(policy: Policy, qname: str, now: float) -> tuple[LocalAnswer, bool]:
    """Return the answer to a name below q.home.arpa, and whether the query is untraced.

    qname: the whole name, with that end.
    """
    front = qname[: -len(STATUS_ZONE)].rstrip(".")
    word, _, name = front.partition(".")
    if word == "why" and name:
        verdict = decide(policy, name, A, now)
        is_untraced = verdict.is_untraced or has_help_prefix(policy, front)
        return _texts(qname, _why(verdict, policy.child_page)), is_untraced
    if front == "time":
        return _texts(qname, _time(policy, now)), False
    if front == "appeal":
        return _texts(qname, (policy.child_page,)), False
    if front == "status":
        return _texts(qname, ("copdns answers",)), False
    return (LocalAnswer() if front in ("", "why") else LOCAL_NXDOMAIN), False


def _why(verdict: Verdict, child_page: str) -> tuple[str, ...]:
    """Return what happens to a name, why, and where to object to it."""
    if verdict.action is Action.BLOCK:
        return f"blocked; {text_of(verdict)}", f"ask: {child_page}"
    if verdict.reason is Reason.SAFE_SEARCH:
        return (f"open; {text_of(verdict)}",)
    return ("open",)


def _time(policy: Policy, now: float) -> tuple[str, ...]:
    """Return what closes everything now, and the minutes that are left."""
    closed = full_closure(policy, now)
    time_rules = policy.time_rules
    first = "open" if closed is None else f"closed; {text_of(closed)}"
    left = time_rules.plan.remaining if time_rules else ()
    return first, *(f"{each.id}: {_minutes(each)} left" for each in left)


def _minutes(left: RemainingBudget) -> str:
    more = " or more" if left.minutes >= PLENTY else ""
    return f"{left.minutes} minutes{more}"


def _texts(qname: str, texts: tuple[str, ...]) -> LocalAnswer:
    # TTL 0: the answer differs by device and by moment.
    return LocalAnswer(records=tuple(LocalRecord(qname, TXT, each, 0) for each in texts))
