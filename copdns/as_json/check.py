"""A decision about one name, whole, as a JSON object."""

from __future__ import annotations

from typing import NamedTuple

from copdns.as_json.plain import utc
from copdns.as_json.times import grant_json
from copdns.model.household import Household
from copdns.model.reasons import text_of
from copdns.model.record_types import qtype_name
from copdns.model.times import Grant
from copdns.model.verdict import Reason, Verdict
from copdns.policy.decide import StepResult
from copdns.policy.snapshot import Client
from copdns.time.minutes import MINUTE


class Case(NamedTuple):
    """One name that is checked for one client, and the verdict.

    now: seconds since the epoch.  address: the client's; "" where a profile was named.
    steps: what each step of the decision says, in order.
    wrong_clock: the clock of this machine is certainly wrong.
    """

    name: str
    qtype: int
    now: float
    household: Household
    client: Client
    address: str
    verdict: Verdict
    steps: tuple[StepResult, ...]
    wrong_clock: bool = False

    @property
    def grace(self) -> int:
        """The minutes for which names that were in use may be open, though the verdict says
        otherwise: which they are, only the running copdns knows."""
        verdict, timed = self.verdict, self.client.policy.time_rules
        if timed is None or verdict.reason not in (Reason.SCHEDULE, Reason.BUDGET):
            return 0
        home = self.household
        ends = home.schedules if verdict.reason is Reason.SCHEDULE else home.budgets
        grace = next((each.grace for each in ends if each.id == verdict.period), 0)
        # When a budget was used up is not stored.
        just_closed = verdict.reason is Reason.BUDGET or any(
            each.reason is Reason.SCHEDULE
            and each.period == verdict.period
            and each.start <= self.now < each.start + grace * MINUTE
            for each in timed.plan.closures
        )
        return grace if just_closed else 0

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The permissions that hold for the name now."""
        policy = self.client.policy
        if policy.time_rules is None:
            return ()
        entries = policy.index.find(self.name)
        return tuple(
            grant
            for grant, reach in policy.time_rules.grants
            if grant.start <= self.now < grant.end
            and (reach is None or reach.covers(self.name, entries))
        )


def case_json(case: Case) -> dict[str, object]:
    """Return the verdict, and what each step says of it, in the order of decision."""
    return {
        "name": case.name,
        "type": qtype_name(case.qtype),
        "household": case.client.household,
        "profile": case.client.policy.profile,
        "device": case.client.device,
        "client": case.address,
        "at": utc(case.now),
        "step": case.verdict.step,
        **_verdict_json(case.verdict),
        "until": utc(case.verdict.valid_until),
        "ends": case.verdict.ends_text,
        "grants": [grant_json(each) for each in case.grants],
        "ttl": case.verdict.ttl,
        "grace": case.grace,
        "wrong_clock": case.wrong_clock,
        "steps": [_step_json(each) for each in case.steps],
    }


def _step_json(step: StepResult) -> dict[str, object]:
    place = {"number": step.number, "title": step.title, "decides": step.is_decisive}
    if step.verdict is None:
        return {**place, "action": None}
    return {**place, **_verdict_json(step.verdict)}


def _verdict_json(verdict: Verdict) -> dict[str, object]:
    return {
        "action": verdict.action,
        "reason": verdict.reason,
        "text": text_of(verdict),
        "category": verdict.category,
        "service": verdict.service,
        "contact": verdict.contact,
        "list": verdict.list,
        "list_version": verdict.list_version,
        "rule": verdict.rule,
        "via": verdict.via,
        "target": verdict.target,
        "log_only": verdict.log_only,
        "period": verdict.period,
    }
