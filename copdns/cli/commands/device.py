"""`copdns device`: which device is whose."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from copdns.as_json.household import device_json, visitor_json
from copdns.cli.base import DEVICE_ADDRESS, ID, MAC, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local, print_json, table
from copdns.cli.params import complete_profile, profile_option
from copdns.household.edits import add_device, remove_device, set_device
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import load_visitors

_MACS = click.option(
    "--mac",
    "macs",
    metavar="MAC",
    type=MAC,
    multiple=True,
    help="A MAC address of it, which tells it at any address; may be given more than once.",
)


@click.group()
def device() -> None:
    """Say which device belongs to whom."""


@device.command()
@click.argument("device", metavar="ID", type=ID)
@click.argument("addresses", metavar="[ADDRESS]...", type=DEVICE_ADDRESS, nargs=-1)
@_MACS
@click.option(
    "--profile",
    metavar="ID",
    required=True,
    shell_complete=complete_profile,
    help="Whose device it is.",
)
@click.option("--name", metavar="TEXT", default="", help="What people call it.")
@pass_home
def add(
    home: Home,
    device: str,
    addresses: tuple[str, ...],
    macs: tuple[str, ...],
    profile: str,
    name: str,
) -> None:
    """Add a device, known by its MAC addresses or its addresses.

    An ADDRESS may be a network, such as 192.168.1.0/28.  Of two networks that hold an address the
    smaller one decides.  ID is a short word of your own, in small letters.

    \b
    Example:  copdns device add mia-tablet --mac 02:00:00:00:00:01 --profile mia
              copdns device add tv 192.168.1.20 --profile ada --name "The television"
    """
    if not addresses and not macs:
        raise click.UsageError("a device is known by something; give --mac or an ADDRESS")
    edit = partial(
        add_device,
        device_id=device,
        profile_id=profile,
        addresses=addresses,
        name=name,
        macs=macs,
    )
    home.change(f"device {device} added for {profile}", edit)


@device.command("set")
@click.argument("device", metavar="ID")
@_MACS
@click.option(
    "--address",
    "addresses",
    metavar="ADDRESS",
    type=DEVICE_ADDRESS,
    multiple=True,
    help="An address or network of it; may be given more than once.",
)
@click.option("--profile", metavar="ID", shell_complete=complete_profile, help="Whose it is.")
@click.option("--name", metavar="TEXT", help="What people call it.")
@pass_home
def set_(
    home: Home,
    device: str,
    macs: tuple[str, ...],
    addresses: tuple[str, ...],
    profile: str | None,
    name: str | None,
) -> None:
    """Change what a device is known by, its name, or whose it is.

    The MAC addresses that are given take the place of all that it had, and so do the addresses.

    \b
    Example:  copdns device set mia-tablet --mac 02:00:00:00:00:01 --mac 02:00:00:00:00:02
    """
    given: dict[str, Any] = {"macs": macs, "addresses": addresses, "profile": profile, "name": name}
    values = {key: value for key, value in given.items() if value}
    if not values:
        raise click.UsageError("nothing to set; see --help")
    home.change(f"device {device} changed", partial(set_device, device_id=device, **values))


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
    rows = [
        (each.id, each.name, each.profile, ", ".join((*each.macs, *each.addresses)))
        for each in found
    ]
    table(("device", "name", "profile", "known by"), rows)


@device.command()
@json_option
@pass_home
def unknown(home: Home, as_json: bool) -> None:
    """List the devices that asked and that nobody named.

    They get the rules of guests until one is named, by its MAC address where there is one.  Each is
    forgotten 30 days after it asked last.  PRIVATE: the device made its MAC address up and may
    change it; for this network that can be switched off in its Wi-Fi settings.

    \b
    Example:  copdns device unknown
              copdns device add mia-tablet --mac 02:00:00:00:00:01 --profile mia
    """
    found = _unknown(home)
    if as_json:
        print_json([visitor_json(each) for each in found])
        return
    zone = home.household.timezone
    rows = [
        (
            each.id,
            each.mac,
            "yes" if each.is_private else "",
            each.address,
            each.name,
            local(each.first, zone),
            each.device,
        )
        for each in found
    ]
    table(("id", "mac", "private", "address", "says it is", "since", "at the address of"), rows)


def _unknown(home: Home) -> list[UnknownDevice]:
    """Return the unknown devices of the household that nobody named since."""
    devices = home.household.devices
    named = {text for each in devices for text in (*each.macs, *each.addresses)}
    return [
        each
        for each in load_visitors(home.folder)
        if each.household == home.household.id and (each.mac or each.address) not in named
    ]
