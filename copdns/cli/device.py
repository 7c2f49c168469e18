"""`copdns device`: which device is whose."""

from __future__ import annotations

from functools import partial

import click

from copdns.cli.base import DEVICE_ADDRESS, ID, json_option
from copdns.cli.describe import device_json
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, table
from copdns.cli.params import complete_profile, profile_option
from copdns.household import add_device, remove_device


@click.group()
def device() -> None:
    """Say which device belongs to whom."""


@device.command()
@click.argument("device", metavar="ID", type=ID)
@click.argument("addresses", metavar="ADDRESS...", type=DEVICE_ADDRESS, nargs=-1, required=True)
@click.option(
    "--profile",
    metavar="ID",
    required=True,
    shell_complete=complete_profile,
    help="Whose device it is.",
)
@click.option("--name", metavar="TEXT", default="", help="What people call it.")
@pass_home
def add(home: Home, device: str, addresses: tuple[str, ...], profile: str, name: str) -> None:
    """Add a device, known by its addresses.

    An ADDRESS may be a network, such as 192.168.1.0/28.  Of two networks that hold an address the
    smaller one decides.  ID is a short word of your own, in small letters.

    \b
    Example:  copdns device add mia-tablet 192.168.1.20 --profile mia --name "Mia's tablet"
    """
    edit = partial(add_device, device_id=device, profile_id=profile, addresses=addresses, name=name)
    home.change(f"device {device} added for {profile}", edit)


@device.command()
@click.argument("device", metavar="ID")
@pass_home
def remove(home: Home, device: str) -> None:
    """Remove a device, which counts as unknown then.

    \b
    Example:  copdns device remove mia-tablet
    """
    home.change(f"device {device} removed", partial(remove_device, device_id=device))


@device.command("list")
@profile_option("Only the devices of one person.")
@json_option
@pass_home
def list_(home: Home, profile: str, as_json: bool) -> None:
    """List the devices and whose they are.

    \b
    Example:  copdns device list
    """
    found = [each for each in home.household.devices if profile in ("", each.profile)]
    if as_json:
        print_json([device_json(each) for each in found])
        return
    rows = [(each.id, each.name, each.profile, ", ".join(each.addresses)) for each in found]
    table(("device", "name", "profile", "addresses"), rows)
