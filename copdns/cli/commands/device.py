"""`copdns device`: who each device belongs to."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from copdns.as_json.household import device_json, visitor_json
from copdns.cli.base import DEVICE_ADDRESS, ID, MAC, json_option
from copdns.cli.device_token import token
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local_text, print_listing, printable
from copdns.cli.params import profile_option, required_profile_option
from copdns.household.edits import add_device, remove_device, set_device
from copdns.model.household import DeviceKind
from copdns.network.device_labels import with_labels
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import load_unknown_devices

_MACS = click.option(
    "--mac",
    "macs",
    metavar="MAC",
    type=MAC,
    multiple=True,
    help="A MAC address; it identifies the device at any IP address. Can be repeated.",
)

_KIND = click.option(
    "--kind",
    type=click.Choice([str(each) for each in DeviceKind]),
    help="What it is. The person's page shows what is blocked on one without a browser.",
)


@click.group()
def device() -> None:
    """Manage devices and who they belong to."""


device.add_command(token)


@device.command()
@click.argument("device", metavar="ID", type=ID)
@click.argument("addresses", metavar="[ADDRESS]...", type=DEVICE_ADDRESS, nargs=-1)
@_MACS
@required_profile_option("The person it belongs to.")
@click.option("--name", metavar="TEXT", default="", help="The device's name.")
@_KIND
@pass_home
def add(
    home: Home,
    device: str,
    addresses: tuple[str, ...],
    macs: tuple[str, ...],
    profile: str,
    name: str,
    kind: str | None,
) -> None:
    """Add a device by its MAC addresses or IP addresses.

    An ADDRESS may be a network, such as 192.168.1.0/28. If two networks contain an address, the
    smaller one counts. ID is a short word of your own, in lower case.

    \b
    Example:  copdns device add mia-tablet --mac 02:00:00:00:00:01 --profile mia
              copdns device add tv 192.168.1.20 --profile ada --name "The television"
    """
    if not addresses and not macs:
        raise click.UsageError("copdns cannot recognise this device; give --mac or an ADDRESS")
    edit = partial(
        add_device,
        device_id=device,
        profile_id=profile,
        addresses=addresses,
        name=name,
        macs=macs,
        kind=DeviceKind(kind or DeviceKind.OTHER),
    )
    home.change(f"device {device} added for {profile}", edit)
    _tell_moves(home)


@device.command("set")
@click.argument("device", metavar="ID")
@_MACS
@click.option(
    "--address",
    "addresses",
    metavar="ADDRESS",
    type=DEVICE_ADDRESS,
    multiple=True,
    help="An IP address or network. Can be repeated.",
)
@profile_option("The person it belongs to.")
@click.option("--name", metavar="TEXT", help="The device's name.")
@_KIND
@pass_home
def set_(
    home: Home,
    device: str,
    macs: tuple[str, ...],
    addresses: tuple[str, ...],
    profile: str,
    name: str | None,
    kind: str | None,
) -> None:
    """Change how a device is recognised, its name, or who it belongs to.

    The MAC addresses you give replace all it had, and so do the IP addresses.

    \b
    Example:  copdns device set mia-tablet --mac 02:00:00:00:00:01 --mac 02:00:00:00:00:02
    """
    options: dict[str, Any] = {
        "macs": macs,
        "addresses": addresses,
        "profile": profile,
        "name": name,
        "kind": DeviceKind(kind) if kind else None,
    }
    values = {key: value for key, value in options.items() if value}
    if not values:
        raise click.UsageError("nothing to set: give at least one option")
    home.change(f"device {device} changed", partial(set_device, device_id=device, **values))
    _tell_moves(home)


@device.command()
@click.argument("device", metavar="ID")
@pass_home
def remove(home: Home, device: str) -> None:
    """Remove a device. It becomes an unknown device.

    \b
    Example:  copdns device remove mia-tablet
    """
    home.change(f"device {device} removed", partial(remove_device, device_id=device))


@device.command("list")
@profile_option("Only the devices of one person.")
@json_option
@pass_home
def list_(home: Home, profile: str, as_json: bool) -> None:
    """List devices and who they belong to.

    \b
    Example:  copdns device list
    """
    found = [each for each in home.household.devices if profile in ("", each.profile)]
    print_listing(
        found,
        as_json,
        device_json,
        ("device", "name", "kind", "profile", "recognised by"),
        lambda each: (
            each.id,
            each.name,
            "" if each.kind is DeviceKind.OTHER else str(each.kind),
            each.profile,
            ", ".join((*each.macs, *each.addresses, *(["token"] if each.tokens else []))),
        ),
    )


@device.command()
@json_option
@pass_home
def unknown(home: Home, as_json: bool) -> None:
    """List unassigned devices that have sent queries.

    They get guest rules until you add them, by MAC address where possible. Each is forgotten 30
    days after its last query. PRIVATE means that the device made up its MAC address and may change
    it. You can turn that off for this network in the Wi-Fi settings of the device. Those
    without a name are asked what they call themselves.

    \b
    Example:  copdns device unknown
              copdns device add mia-tablet --mac 02:00:00:00:00:01 --profile mia
    """
    print_listing(
        with_labels(_load_unknown(home), home.settings),
        as_json,
        visitor_json,
        ("id", "mac", "private", "address", "calls itself", "since", "at the address of"),
        lambda each: (
            each.id,
            each.mac,
            "yes" if each.is_private else "",
            each.address,
            each.name,
            local_text(each.first, home.household.timezone),
            each.device,
        ),
    )


def _tell_moves(home: Home) -> None:
    """Say which devices still count as somebody else's (docs/privacy.md)."""
    for each in home.moves:
        if each.to and each.is_open(home.now):
            until = "they agree on it"
            if each.until is not None:
                until = local_text(each.until, home.household.timezone)
            if home.household.profile(each.profile) is None:  # who was removed
                click.echo(printable(f"{each.device}: has the guest rules until {until}"))
                continue
            click.echo(printable(f"{each.device}: still counts as {each.profile}'s until {until}"))


def _load_unknown(home: Home) -> list[UnknownDevice]:
    """Return the household's unknown devices, without those that were assigned since."""
    devices = home.household.devices
    named = {text for each in devices for text in (*each.macs, *each.addresses)}
    return [
        each
        for each in load_unknown_devices(home.folder)
        if each.household == home.household.id and (each.mac or each.address) not in named
    ]
