"""`copdns check`: the whole decision about one name, step by step.

It is made by `decide` and `explain` (`policy/decide.py`) with a snapshot such as answers queries.
"""

from __future__ import annotations

from ipaddress import IPv6Address

import click

from copdns.as_json.check import Case, case_json
from copdns.cli.base import NAME, ParsedParam, json_option
from copdns.cli.check_show import THIS_MACHINE, print_case
from copdns.cli.check_week import ClientSelector, compute_week, print_week
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json
from copdns.cli.params import conflict_error, parse_moment, profile_option
from copdns.model.addresses import address
from copdns.model.household import Household
from copdns.model.record_types import qtype_number
from copdns.model.verdict import Action
from copdns.network.neighbours import read_table
from copdns.policy.decide import decide, explain
from copdns.policy.snapshot import NO_SIGHTINGS, Sightings
from copdns.settings.config import AUTO

EXIT_CODES = {
    Action.ALLOW: 0,
    Action.LOCAL: 0,
    Action.BLOCK: 3,
    Action.REFUSE: 3,
    Action.REWRITE: 4,
}


def _parse_client(text: str) -> str:
    """Return an address as a requestor has it: without zone, IPv4-mapped IPv6 as IPv4."""
    found = address(text)
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or IPv6Address(int(found))
    return str(found)


@click.command()
@click.argument("name", type=NAME)
@click.option(
    "--type",
    "qtype",
    type=ParsedParam("type", qtype_number),
    default="A",
    help="The record type: A (default), AAAA, HTTPS, TXT ...",
)
@profile_option("Check for this person.")
@click.option(
    "--client",
    metavar="IP",
    type=ParsedParam("address", _parse_client),
    help="Check for the device with this address. Default: 127.0.0.1.",
)
@click.option(
    "--at",
    metavar="TIME",
    help="Check for another time: 20:15, 2026-11-24T20:15 (in the household's time zone) or "
    "2026-11-24T19:15Z.",
)
@click.option(
    "--week", is_flag=True, help="Show when NAME is allowed and blocked in the next seven days."
)
@json_option
@pass_home
def check(
    home: Home,
    name: str,
    qtype: int,
    profile: str,
    client: str | None,
    at: str | None,
    week: bool,
    as_json: bool,
) -> None:
    """Show whether NAME is allowed or blocked, and why.

    Shows every step of the decision, in order. Nothing is sent to the internet and nothing is
    recorded. The exit code is 0 if NAME is allowed or answered by this machine, 3 if it is blocked
    or refused, and 4 if it is answered with the data of another domain. With --week it is 0. With
    --client, current guests and people who entered a PIN there are taken into account.

    \b
    Example:  copdns check www.youtube.com --profile mia
              copdns check www.youtube.com --profile mia --week
              copdns check games.example --client 192.168.1.20 --at 2026-11-24T20:15
    """
    if profile and client:
        raise conflict_error("--profile", "--client")
    zone = home.local(profile).timezone
    now = parse_moment(at, zone, home.now, "--at") if at else home.now
    selector = _select_client(home, profile, client)
    if week:
        print_week(home, compute_week(home, selector, name, qtype, now), as_json=as_json)
        return
    snapshot = home.make_snapshot(now)
    who = selector.find_client(snapshot)
    case = Case(
        name,
        qtype,
        now,
        _local_household(snapshot.households[home.household.id], who.policy.profile),
        who,
        selector.address,
        decide(who.policy, name, qtype, now),
        explain(who.policy, name, qtype, now),
        home.is_clock_wrong_at(now),
    )
    if as_json:
        print_json(case_json(case))
    else:
        print_case(case, home, named=bool(profile or client))
    click.get_current_context().exit(EXIT_CODES[case.verdict.action])


def _local_household(household: Household, profile_id: str) -> Household:
    """Return a household with the clock of whose policy it is, guests and their devices too."""
    person = household.profile(profile_id)
    return household if person is None else household.local_to(person)


def _select_client(home: Home, profile: str, client: str | None) -> ClientSelector:
    if profile:
        return ClientSelector(home.household.id, home.profile(profile).id)
    sightings = _read_sightings() if client and home.settings.identity.neighbours == AUTO else None
    return ClientSelector(home.household.id, "", client or THIS_MACHINE, sightings)


def _read_sightings() -> Sightings:
    """Return the MAC addresses behind addresses, as the running copdns reads them too."""
    try:
        return Sightings(read_table())
    except OSError:
        return NO_SIGHTINGS  # the running one sees nothing either; `copdns doctor` says so
