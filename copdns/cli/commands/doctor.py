"""`copdns doctor`: find what does not work, and say what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from copdns.cli.base import json_option
from copdns.cli.doctor.finding import Check, Finding, FindingStatus, fail
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, printable
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

    Each finding says what it means and what to do. Checked are the ports, the certificate of
    encrypted DNS, the upstreams (also whether they block protected domains), the clock, the
    databases and their disk, a provider's rollouts and roles of PostgreSQL, backups, second boxes,
    the broker of home automation, the lists and facts, the household, and whether devices can be
    told apart. Nothing is sent except to your upstreams, to that broker, to a provider's database
    and to this machine, unless you give --network. The exit code is 1 if something does not work.

    \b
    Example:  copdns doctor
    """
    found = run_checks(home, network=network)
    failed = any(each.status is FindingStatus.FAIL for each in found)
    if as_json:
        print_json({"ok": not failed, "findings": [each._asdict() for each in found]})
    else:
        for each in found:
            click.echo(f"{each.status:4}  {each.about}: {printable(each.what)}")
            if each.todo:
                click.echo(f"      do: {printable(each.todo)}")
    click.get_current_context().exit(EXIT_FAILED if failed else 0)


def run_checks(home: Home, *, network: bool = False) -> list[Finding]:
    """Return the findings of all checks.  A check that fails is a finding, reported once."""
    from copdns.cli.doctor.many_households import ManyHouseholds, whom_to_check

    home = whom_to_check(home)
    found: dict[str, Finding] = {}
    for about, check in _load_checks(network, is_of_many=isinstance(home, ManyHouseholds)):
        try:
            for each in check(home):
                found[each.what] = each
        except CopdnsError as error:
            found.setdefault(str(error), fail(about, str(error), "fix that, and run this again"))
    return list(found.values())


def _check_roles(home: Home) -> Iterator[Finding]:
    """Look at a provider's roles of PostgreSQL; at home there are none."""
    if home.is_providers:
        from copdns.cli.doctor.provider_roles import check_roles  # no home has psycopg

        yield from check_roles(home)


def _check_rollouts(home: Home) -> Iterator[Finding]:
    """Look at a provider's rollouts and nodes; at home there are none."""
    if home.is_providers:
        from copdns.cli.doctor.rollouts import check_rollouts  # no home has psycopg

        yield from check_rollouts(home)


def _load_checks(network: bool, *, is_of_many: bool) -> tuple[tuple[str, Check], ...]:
    """Return the checks in their order.  is_of_many: without those that look at one household."""
    # Imported here: they import the server, which would slow down `copdns --help`.
    from copdns.cli.doctor import (
        away_devices,
        backups,
        certificate,
        devices,
        home_automation,
        household,
        machine,
        many_households,
        second_box,
        upstreams,
    )
    from copdns.cli.doctor import network as network_checks

    return (
        ("ports", machine.check_ports),
        ("certificate", certificate.check_certificate),
        ("upstreams", upstreams.check_upstreams),
        ("away", away_devices.check_away),
        ("clock", machine.check_clock),
        ("databases", machine.check_databases),
        ("database roles", _check_roles),
        ("rollouts", _check_rollouts),
        ("backups", backups.check_backups),
        ("second box", second_box.check_second_box),
        ("home automation", home_automation.check_broker),
        ("lists", household.check_lists),
        ("facts", household.check_facts),
        *(
            [("household", many_households.check_one)]
            if is_of_many
            else [
                ("household", household.check_references),
                ("devices", household.check_devices),
                ("phones", household.check_phones),
            ]
        ),
        ("neighbours", devices.check_neighbours),
        *([("network", network_checks.check_network)] if network else []),
    )
