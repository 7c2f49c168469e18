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
from copdns.cli.params import moment, profile_option
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
    help="The record type that is asked for: A (default), AAAA, HTTPS, TXT ...",
)
@profile_option("The person that asks, by the profile's id.")
@click.option(
    "--client",
    metavar="IP",
    type=Read("address", _client),
    help="The address of the device that asks; 127.0.0.1 when nobody is named.",
)
@click.option(
    "--at",
    metavar="TIME",
    help="Decide as at another time, such as 20:15, 2026-11-24T20:15 (in the household's zone) or "
    "2026-11-24T19:15Z.",
)
@click.option("--week", is_flag=True, help="Say when in seven days the name is open, and when not.")
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
    """Say what happens to a NAME, and why.

    Every step of the decision is shown, in order.  Nothing is asked from the Internet and nothing
    is recorded.  The exit code is 0 when the name is allowed or answered by this machine, 3 when it
    is blocked or refused, 4 when it is answered with another name's data.  With --week it is 0.
    With --client, guests and whoever typed a PIN there count as they do now.

    \b
    Example:  copdns check www.youtube.com --profile mia
              copdns check www.youtube.com --profile mia --week
              copdns check games.example --client 192.168.1.20 --at 2026-11-24T20:15
    """
    if profile and client:
        raise click.UsageError("--profile and --client exclude each other; give one")
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
