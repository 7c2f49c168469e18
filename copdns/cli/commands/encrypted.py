"""`copdns encrypted`: what others need to know of encrypted DNS here."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import click

from copdns.cli.base import ParsedParam, json_option
from copdns.cli.dnr_snippets import LIFETIME, SNIPPETS
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json
from copdns.dns.dnr_options import Designation, dhcp4_data, dhcp6_data, ra_option
from copdns.dns.service_params import OpenPort, merge_usual, offers_of
from copdns.model.addresses import address
from copdns.model.errors import ConfigError
from copdns.network.machine import listen_addresses
from copdns.settings.config import Settings


@click.group("encrypted")
def encrypted_dns() -> None:
    """Tell routers where DNS is asked encrypted."""


encrypted = encrypted_dns  # by the command's name, as all commands are found


@encrypted_dns.command()
@click.argument("server", type=click.Choice([*SNIPPETS]))
@click.option(
    "--address",
    "addresses",
    metavar="IP",
    multiple=True,
    type=ParsedParam("address", address),
    help="An address of copdns that devices reach; may be repeated. Default: those of this machine "
    "at home.",
)
@json_option
@pass_home
def dnr(
    home: Home, server: str, addresses: tuple[IPv4Address | IPv6Address, ...], as_json: bool
) -> None:
    """Print lines for a DHCP server that tell devices of encrypted DNS (DNR, RFC 9463).

    Devices that know DNR then use it without being set up; others ignore it. They check the
    certificate for the name `encrypted.name`, so it needs one from an authority that they know. The
    addresses have to stay the same.

    \b
    Example:  copdns encrypted dnr dnsmasq
              copdns encrypted dnr kea --address 192.168.1.2
    """
    found = _designations(home.settings, addresses or tuple(_own_addresses(home.settings)))
    if not as_json:
        click.echo(SNIPPETS[server](found))
        return
    print_json(
        {
            "name": found[0].name,
            "addresses": [str(each) for each in found[0].addresses],
            "dhcp4": dhcp4_data(found).hex(),
            "dhcp6": [dhcp6_data(each).hex() for each in found],
            "router_advertisement": [ra_option(each, LIFETIME).hex() for each in found],
            "lines": SNIPPETS[server](found).splitlines(),
        }
    )


def _designations(
    settings: Settings, addresses: tuple[IPv4Address | IPv6Address, ...]
) -> list[Designation]:
    """Return how devices ask here; raise ConfigError where they cannot."""
    chosen = settings.encrypted
    ports = {"tls": chosen.tls_port, "quic": chosen.quic_port, "https": chosen.https_port}
    there = [OpenPort(over, port) for over, port in ports.items() if port]
    if not there:
        raise ConfigError("nothing encrypted is served here; set encrypted.tls_port")
    if chosen.public:
        raise ConfigError(
            "with encrypted.public only devices with a token are answered, so that no device may "
            "be told of these ports; leave encrypted.public out"
        )
    if not chosen.name:
        raise ConfigError(
            "devices check the certificate for a name; set encrypted.name, and have one for it"
        )
    if not addresses:
        raise ConfigError("this machine has no address at home now; name one with --address")
    offers = merge_usual(offers_of(there))
    return [Designation(at, chosen.name, addresses, each) for at, each in enumerate(offers, 1)]


def _own_addresses(settings: Settings) -> Iterable[IPv4Address | IPv6Address]:
    for each in listen_addresses(settings.dns.listen):
        found = ip_address(each.partition("%")[0])
        if not found.is_loopback and not found.is_link_local:
            yield found
