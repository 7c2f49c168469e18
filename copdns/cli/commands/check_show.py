"""A decision as `copdns check` shows it: every step, and the outcome."""

from __future__ import annotations

import click

from copdns.accounts.guests import GUEST
from copdns.as_json.check import Case
from copdns.cli.home import Home
from copdns.cli.output import aligned, local, safe
from copdns.cli.time_words import grant_text, lifted
from copdns.dns.qtypes import qtype_name
from copdns.model.errors import NXDOMAIN
from copdns.model.names import display
from copdns.model.reasons import text_of
from copdns.model.verdict import Action, LocalAnswer, Reason, StepNumber
from copdns.policy.decide import StepResult

THIS_MACHINE = "127.0.0.1"  # who is asked for when nobody is named

_DONE = {
    Action.ALLOW: "Allowed",
    Action.LOCAL: "Answered by this machine",
    Action.BLOCK: "Blocked",
    Action.REFUSE: "Refused",
    Action.REWRITE: "Answered with another name's data",
}
_LIFTED_BY_A_GRANT = frozenset({StepNumber.PAUSE, StepNumber.SCHEDULES, StepNumber.BUDGETS})
_LIFTED_BY_A_RULE = frozenset(
    {
        StepNumber.SECURITY,
        StepNumber.BYPASS,
        StepNumber.SERVICES,
        StepNumber.CATEGORIES,
        StepNumber.SAFE_SEARCH,
        StepNumber.DEFAULT,
    }
)


def print_case(case: Case, home: Home, *, named: bool) -> None:
    """Print who asks, what each step says, and what comes of it.

    named: somebody was named to ask; otherwise it is told for whom it was taken.
    """
    asked = f"{safe(display(case.name))}, type {qtype_name(case.qtype)}, asked by {_who(case)}"
    click.echo(asked)
    if not named:
        click.echo(f"(nobody was named, so {THIS_MACHINE} was taken: see --profile and --client)")
    click.echo(f"at {local(case.now, case.household.timezone)} ({case.household.timezone})")
    if case.wrong_clock:
        click.echo(
            "(the clock of this machine is surely wrong, so this is as failures.clock: "
            f"{case.household.failures.clock} says)"
        )
    click.echo()
    for line in aligned([_row(each, case) for each in case.steps]):
        click.echo(safe(line))
    click.echo()
    for line in _outcome(case, home):
        click.echo(safe(line))


def _who(case: Case) -> str:
    client = case.client
    profile = case.household.profile(client.policy.profile)
    device = next((each for each in case.household.devices if each.id == client.device), None)
    if not client.household:
        return f"{case.address}, which is not served here"
    who = f"{profile.name} (profile {profile.id})" if profile else "the built-in guest profile"
    if device is not None and device.id.startswith(GUEST):
        return safe(f"{who} for a while on a device that is not their own, {case.address}")
    if device is not None:
        return safe(f"{who} on {device.name}, {case.address}")
    return safe(f"{who}, {case.address}, a device that nobody named" if case.address else who)


def _row(step: StepResult, case: Case) -> tuple[str, str, str, str, str]:
    mark = ">" if step.is_decisive else ""
    said = (step.verdict.action.value, text_of(step.verdict)) if step.verdict else ("-", "")
    if step.number == StepNumber.GRANTS and case.grants:
        said = ("lifts", ", ".join(f"{each.id} ({lifted(each)})" for each in case.grants))
    return (mark, f"{step.number:2}", step.title, *said)


def _outcome(case: Case, home: Home) -> list[str]:
    verdict = case.verdict
    lines = [f"{_DONE[verdict.action]} at step {verdict.step}: {text_of(verdict)}"]
    lines += [f"  matched by {verdict.rule}"] if verdict.rule else []
    lines += [f"  by {verdict.period}"] if verdict.period else []
    if verdict.list:
        version = f", version {verdict.list_version}" if verdict.list_version else ""
        lines.append(f"  list {verdict.list}{version}")
    if verdict.target:
        lines.append(f"  the data is that of {verdict.target}")
    if verdict.local is not None:
        lines.append(f"  the answer: {_local_text(verdict.local)}")
    zone = case.household.timezone
    if verdict.valid_until is not None:
        lines.append(f"  until {local(verdict.valid_until, zone)} at least")
    lines += [f"  grant {each.id}: {grant_text(each, zone)}" for each in case.grants]
    if case.grace:
        lines.append(
            f"  names that were in use stay open for {case.grace} min after it closed: which they "
            "are, only the running copdns knows"
        )
    if verdict.blocks:
        profile = case.household.profile(case.client.policy.profile)
        mode = "nxdomain" if verdict.reason is Reason.LEGAL else case.client.policy.block_mode
        lines.append(f"  answered in the block mode {mode}, kept for {verdict.ttl} s at most")
        lines += _report(home, verdict.list)
        lines += _way_out(case, profile.id if profile else "")
    if verdict.action in (Action.ALLOW, Action.REWRITE):
        lines.append(
            "  What the answer then holds, names it leads to and addresses, is judged once more "
            "when it comes."
        )
    return lines


def _report(home: Home, slug: str) -> list[str]:
    reports = [each.info.report for each in home.library.statuses if each.info.slug == slug]
    return [f"  mistakes of the list are told to: {reports[0]}"] if any(reports) else []


def _way_out(case: Case, profile: str) -> list[str]:
    """Return the command that would allow the name, where one would."""
    if case.verdict.reason is Reason.RULE:
        return ["  to change that: copdns rule list"]
    if case.verdict.step in _LIFTED_BY_A_GRANT and profile:
        return [
            f"  to open it for a while: copdns grant {profile} {case.name} --for 1h --lifts time"
        ]
    if case.verdict.step not in _LIFTED_BY_A_RULE:
        return []
    extra = " --over-security" if case.verdict.reason is Reason.SECURITY else ""
    scope = f" --profile {profile}" if profile else ""
    return [f"  to allow it: copdns rule add allow {case.name}{scope}{extra}"]


def _local_text(answer: LocalAnswer) -> str:
    if answer.is_own_address:
        return "this machine's own address"
    if answer.records:
        return ", ".join(record.data for record in answer.records)
    return "there is no such name" if answer.rcode == NXDOMAIN else "the name has no such data"
