"""A decision as `copdns check` shows it: every step, and the outcome."""

from __future__ import annotations

import click

from copdns.accounts.account import GUEST_PREFIX
from copdns.as_json.check import Case
from copdns.cli.home import Home
from copdns.cli.output import align, local_text, printable
from copdns.cli.time_words import grant_text, lifted_text
from copdns.model.errors import NXDOMAIN
from copdns.model.names import display
from copdns.model.reasons import text_of
from copdns.model.record_types import qtype_name
from copdns.model.scripts import may_imitate, shown_name
from copdns.model.verdict import Action, LocalAnswer, Reason, StepNumber
from copdns.policy.decide import StepResult

THIS_MACHINE = "127.0.0.1"  # the client without --profile and --client

_ACTION_TEXT = {
    Action.ALLOW: "Allowed",
    Action.LOCAL: "Answered by this machine",
    Action.BLOCK: "Blocked",
    Action.REFUSE: "Refused",
    Action.REWRITE: "Answered with the data of another domain",
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
    """Print the client, what each step says, and the outcome.

    named: by --profile or --client; otherwise the output says for whom it was checked.
    """
    name, client = printable(display(case.name)), _client_text(case)
    click.echo(f"{name}, type {qtype_name(case.qtype)}, for {client}")
    if may_imitate(case.name):
        click.echo("(careful: it has letters of other alphabets, and may imitate another site)")
    if not named:
        click.echo(f"(checked for {THIS_MACHINE}; choose someone with --profile or --client)")
    click.echo(f"at {local_text(case.now, case.household.timezone)} ({case.household.timezone})")
    if case.wrong_clock:
        click.echo(
            "(this machine's clock is wrong, so failures.clock applies: "
            f"{case.household.failures.clock})"
        )
    click.echo()
    for line in align([_step_row(each, case) for each in case.steps]):
        click.echo(printable(line))
    click.echo()
    for line in _outcome_lines(case, home):
        click.echo(printable(line))


def _client_text(case: Case) -> str:
    client = case.client
    profile = case.household.profile(client.policy.profile)
    device = next((each for each in case.household.devices if each.id == client.device), None)
    if not client.household:
        return f"{case.address}, which is not a client of copdns"
    who = f"{profile.name} (profile {profile.id})" if profile else "the built-in guest profile"
    if device is not None and device.id.startswith(GUEST_PREFIX):
        return printable(f"{who}, temporarily on a device that is not theirs, {case.address}")
    if device is not None:
        return printable(f"{who} on {device.name}, {case.address}")
    return printable(f"{who} on an unknown device, {case.address}" if case.address else who)


def _step_row(step: StepResult, case: Case) -> tuple[str, str, str, str, str]:
    mark = ">" if step.is_decisive else ""
    outcome = (step.verdict.action.value, text_of(step.verdict)) if step.verdict else ("-", "")
    if step.number == StepNumber.GRANTS and case.grants:
        outcome = ("lifts", ", ".join(f"{each.id} ({lifted_text(each)})" for each in case.grants))
    return (mark, f"{step.number:2}", step.title, *outcome)


def _outcome_lines(case: Case, home: Home) -> list[str]:
    verdict = case.verdict
    lines = [f"{_ACTION_TEXT[verdict.action]} at step {verdict.step}: {text_of(verdict)}"]
    lines += [f"  matched by {shown_name(verdict.rule)}"] if verdict.rule else []
    lines += [f"  by {verdict.period}"] if verdict.period else []
    if verdict.list:
        version = f", version {verdict.list_version}" if verdict.list_version else ""
        lines.append(f"  list {verdict.list}{version}")
    if verdict.log_only:
        lines.append(f"  the list {verdict.log_only} would block it, but only counts for now")
    if verdict.target:
        lines.append(f"  data of {display(verdict.target)}")
    if verdict.local is not None:
        lines.append(f"  answer: {_local_text(verdict.local)}")
    zone = case.household.timezone
    if verdict.valid_until is not None:
        lines.append(f"  at least until {local_text(verdict.valid_until, zone)}")
    lines += [f"  grant {each.id}: {grant_text(each, zone)}" for each in case.grants]
    if case.grace:
        lines.append(
            f"  domains in use keep working for {case.grace} min after the block starts; only the "
            "running copdns knows which they are"
        )
    if verdict.blocks:
        profile = case.household.profile(case.client.policy.profile)
        mode = "nxdomain" if verdict.reason is Reason.LEGAL else case.client.policy.block_mode
        lines.append(f"  answered in block mode {mode}, cached for up to {verdict.ttl} s")
        lines += _report_lines(home, verdict.list)
        lines += _remedy_lines(case, profile.id if profile else "")
    if verdict.action in (Action.ALLOW, Action.REWRITE):
        lines.append(
            "  The answer is checked again when it arrives: the domains it points to, and its "
            "addresses."
        )
    return lines


def _report_lines(home: Home, slug: str) -> list[str]:
    reports = [each.info.report for each in home.catalogue.statuses if each.info.slug == slug]
    return [f"  report mistakes of the list at: {reports[0]}"] if any(reports) else []


def _remedy_lines(case: Case, profile: str) -> list[str]:
    """Return a line with the command that would allow the name; [] where none would."""
    if case.verdict.reason is Reason.RULE:
        return ["  to change that: copdns rule list"]
    if case.verdict.step in _LIFTED_BY_A_GRANT and profile:
        return [
            f"  to allow it for a while: copdns grant {profile} {case.name} --for 1h --lifts time"
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
    return "no such domain" if answer.rcode == NXDOMAIN else "no data of this type"
