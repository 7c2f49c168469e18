"""`copdns doctor`: look for what does not work, and say what to do about it."""

from __future__ import annotations

import click

from copdns.cli.base import json_option
from copdns.cli.doctor.finding import Check, Finding, Status, fail
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, safe
from copdns.model.errors import EXIT_FAILED, CopdnsError


@click.command()
@click.option(
    "--network",
    is_flag=True,
    help="Also ask the network which DNS servers it hands out. Needs root, and takes some seconds.",
)
@json_option
@pass_home
def doctor(home: Home, network: bool, as_json: bool) -> None:
    """Check this installation for problems.

    Each finding says what it means and what to do. Checked are the ports, the upstreams (also
    whether they block protected domains), the clock, the databases and their disk, the lists, the
    household, and whether devices can be told apart. Nothing is sent except to your upstreams and
    to this machine, unless you give --network. The exit code is 1 if something does not work.

    \b
    Example:  copdns doctor
    """
    found = examined(home, network=network)
    failed = any(each.status is Status.FAIL for each in found)
    if as_json:
        print_json({"ok": not failed, "findings": [each._asdict() for each in found]})
    else:
        for each in found:
            click.echo(f"{each.status:4}  {each.about}: {safe(each.what)}")
            if each.todo:
                click.echo(f"      do: {safe(each.todo)}")
    click.get_current_context().exit(EXIT_FAILED if failed else 0)


def examined(home: Home, *, network: bool = False) -> list[Finding]:
    """Return what all checks find; one that cannot go on is a finding itself, told once."""
    found: dict[str, Finding] = {}
    for about, check in _checks(network):
        try:
            for each in check(home):
                found[each.what] = each
        except CopdnsError as error:
            found.setdefault(str(error), fail(about, str(error), "fix that, and run this again"))
    return list(found.values())


def _checks(network: bool) -> tuple[tuple[str, Check], ...]:
    # Here, because they import the server, and the help of copdns need not wait for that.
    from copdns.cli.doctor import devices, household, machine, upstreams
    from copdns.cli.doctor import network as network_checks

    return (
        ("ports", machine.ports),
        ("upstreams", upstreams.upstreams),
        ("clock", machine.clock),
        ("databases", machine.databases),
        ("lists", household.lists),
        ("household", household.references),
        ("devices", household.told_apart),
        ("neighbours", devices.recognised),
        *([("network", network_checks.network)] if network else []),
    )
