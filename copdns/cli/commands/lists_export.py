"""`copdns lists export`: what is open to a person, as a file for another DNS server."""

from __future__ import annotations

import click

from copdns.cli.home import Home, pass_home
from copdns.cli.output import printable
from copdns.cli.params import required_profile_option
from copdns.policy.zone_export import zone_lines


@click.command("export")
@click.option("--rpz", is_flag=True, required=True, help="Write a response policy zone.")
@required_profile_option("Whose rules and lists are written.")
@pass_home
def export(home: Home, rpz: bool, profile: str) -> None:
    """Print what is open to someone, for another DNS server.

    The zone has the rules, lists, services and safe search of the profile, for unbound, BIND,
    Knot or PowerDNS. It has no times, no minutes and no temporary access, and says in a remark how
    many rules a zone cannot express.

    \b
    Example:  copdns lists export --rpz --profile mia > mia.rpz
    """
    who = home.profile(profile)
    policy = home.make_snapshot().policy(home.household.id, who.id)
    title = f"copdns: the profile {printable(who.id)}, without times"
    for line in zone_lines(policy, int(home.now) & 0xFFFFFFFF, title):
        click.echo(line)
