"""`copdns check`: the whole decision about one name, step by step.

Nothing is decided here: `policy.explain` and `policy.decide` are asked, with the same snapshot
that answers queries.
"""

from __future__ import annotations

import time
from datetime import datetime
from ipaddress import IPv6Address
from zoneinfo import ZoneInfo

import click

from copdns.addresses import address
from copdns.cli.base import NAME, Read, json_option
from copdns.cli.check_show import THIS_MACHINE, Case, case_json, print_case
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json
from copdns.cli.params import profile_option
from copdns.cli.qtypes import qtype_number
from copdns.config import AUTO
from copdns.live import NOTHING_SEEN, Client, Live, Sightings
from copdns.model import Action, Asker
from copdns.neighbours import read_once
from copdns.policy import decide, explain

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
    help="Decide as at another time, such as 2026-11-24T20:15 (in the household's zone) or "
    "2026-11-24T19:15Z.",
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
    as_json: bool,
) -> None:
    """Say what happens to a NAME, and why.

    Every step of the decision is shown, in order.  Nothing is asked from the Internet and nothing
    is recorded.  The exit code is 0 when the name is allowed or answered by this machine, 3 when it
    is blocked or refused, 4 when it is answered with another name's data.

    \b
    Example:  copdns check www.youtube.com --profile mia
              copdns check games.example --client 192.168.1.20 --at 2026-11-24T20:15
    """
    if profile and client:
        raise click.UsageError("--profile and --client exclude each other; give one")
    now = _moment(at, home.household.timezone) if at else time.time()
    live = home.live(now)
    if client and home.settings.identity.neighbours == AUTO:
        live = live.with_sightings(_near())
    asked_as = "" if profile else client or THIS_MACHINE
    who = live.who(Asker("", asked_as, "udp")) if asked_as else _by_profile(home, live, profile)
    case = Case(
        name,
        qtype,
        now,
        home.household,
        who,
        asked_as,
        decide(who.policy, name, qtype, now),
        explain(who.policy, name, qtype, now),
    )
    if as_json:
        print_json(case_json(case))
    else:
        print_case(case, home, named=bool(profile or client))
    click.get_current_context().exit(EXIT[case.verdict.action])


def _near() -> Sightings:
    """Return what the running copdns sees of this network too."""
    try:
        return Sightings(read_once())
    except OSError:
        return NOTHING_SEEN  # the running one sees nothing either; `copdns doctor` says so


def _moment(text: str, timezone: str) -> float:
    """Return the seconds since the epoch of a time that a person typed."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or not 1970 < at.year < 9999:
        raise click.BadParameter(
            f"{text!r} is no time; write 2026-11-24T20:15 or 2026-11-24T19:15Z", param_hint="--at"
        )
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))).timestamp()


def _by_profile(home: Home, live: Live, profile: str) -> Client:
    policy = live.policy(home.household.id, home.profile(profile).id)
    return Client(home.household.id, "", policy)
