"""`copdns check`: the whole decision about one name, step by step.

Nothing is decided here: `policy.explain` and `policy.decide` are asked, with the same snapshot
that answers queries.
"""

from __future__ import annotations

from ipaddress import IPv6Address

import click

from copdns.as_json.check import Case, case_json
from copdns.cli.base import NAME, Read, json_option
from copdns.cli.commands.check_show import THIS_MACHINE, print_case
from copdns.cli.commands.check_week import Asking, tell_week, week_of
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json
from copdns.cli.params import both_given, moment, profile_option
from copdns.config import AUTO
from copdns.dns.qtypes import qtype_number
from copdns.model.addresses import address
from copdns.model.verdict import Action
from copdns.network.neighbours import read_once
from copdns.policy.decide import decide, explain
from copdns.policy.snapshot import NO_SIGHTINGS, Sightings

EXIT = {
    Action.ALLOW: 0,
    Action.LOCAL: 0,
    Action.BLOCK: 3,
    Action.REFUSE: 3,
    Action.REWRITE: 4,
}


def _client(text: str) -> str:
    """Return an address as a query's sender is looked up: without zone, IPv4 as IPv4."""
    found = address(text)
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or IPv6Address(int(found))
    return str(found)


@click.command()
@click.argument("name", type=NAME)
@click.option(
    "--type",
    "qtype",
    type=Read("type", qtype_number),
    default="A",
    help="The record type: A (default), AAAA, HTTPS, TXT ...",
)
@profile_option("Check for this person.")
@click.option(
    "--client",
    metavar="IP",
    type=Read("address", _client),
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
        raise both_given("--profile", "--client")
    zone = home.household.timezone
    now = moment(at, zone, home.now, "--at") if at else home.now
    asker = _asker(home, profile, client)
    if week:
        tell_week(home, week_of(home, asker, name, qtype, now), as_json=as_json)
        return
    live = home.live(now)
    who = asker.client(live)
    case = Case(
        name,
        qtype,
        now,
        live.households[home.household.id],
        who,
        asker.address,
        decide(who.policy, name, qtype, now),
        explain(who.policy, name, qtype, now),
        home.is_wrong_at(now),
    )
    if as_json:
        print_json(case_json(case))
    else:
        print_case(case, home, named=bool(profile or client))
    click.get_current_context().exit(EXIT[case.verdict.action])


def _asker(home: Home, profile: str, client: str | None) -> Asking:
    if profile:
        return Asking(home.household.id, home.profile(profile).id)
    sightings = _near() if client and home.settings.identity.neighbours == AUTO else None
    return Asking(home.household.id, "", client or THIS_MACHINE, sightings)


def _near() -> Sightings:
    """Return what the running copdns sees of this network too."""
    try:
        return Sightings(read_once())
    except OSError:
        return NO_SIGHTINGS  # the running one sees nothing either; `copdns doctor` says so
