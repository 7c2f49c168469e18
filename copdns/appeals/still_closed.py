"""What closes a name although its question was answered with a yes.

A yes opens what was appealed and nothing else: what was asked for at bedtime may be closed by a
service, too, and the other way round.  Whoever answers, and whoever reads the answer, is told so.
Pure; moments are seconds since the epoch, UTC.
"""

from __future__ import annotations

from math import inf

from copdns.appeals.appeal import Appeal, AppealRequest, AppealState
from copdns.appeals.opening import TIME
from copdns.dns.records import A
from copdns.model.times import Grant
from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy, decide_with_grant

_YES = frozenset({AppealState.GRANTED, AppealState.LIMITED})


def closed_besides(policy: Policy, ask: AppealRequest, given: float, now: float) -> Verdict | None:
    """Return what closes the name under a yes of the moment `given`; None where nothing does.

    policy: of whoever asked, in which the yes need not be yet.
    """
    if not ask.name:
        return None
    time = ask.to.reason in TIME
    yes = Grant(None, given, inf, given, content=not time, time=time)
    verdict = decide_with_grant(policy, ask.name, A, yes, now)
    return verdict if verdict.blocks else None


def closed_after_all(policy: Policy, appeal: Appeal, now: float) -> Verdict | None:
    """Return what closes the name of a question whose answer says that it is open now."""
    answer = appeal.answer
    if answer is None or appeal.state not in _YES:
        return None
    if answer.until is not None and answer.until <= now:
        return None
    return closed_besides(policy, appeal.ask, answer.at, now)
