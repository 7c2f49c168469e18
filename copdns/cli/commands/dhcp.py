"""`copdns dhcp`: DHCP and router advertisements from this machine, in a router's place."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from ipaddress import IPv4Address, IPv4Interface, IPv6Network
from pathlib import Path

import click

from copdns.cli.base import ParsedParam, json_option
from copdns.cli.dhcp_plan import DhcpPlan, configuration, make_plan, other_servers
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json
from copdns.model.errors import ConfigError, DhcpError
from copdns.network.machine import listen_addresses
from copdns.network.resolver_scan import find_offers

_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}")


def _interface(text: str) -> str:
    if not _INTERFACE.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a network interface, such as eth0")
    return text


@click.group("dhcp")
def dhcp() -> None:
    """Hand out addresses in place of a router."""


@dhcp.command()
@click.option(
    "--lan",
    required=True,
    metavar="INTERFACE",
    type=ParsedParam("interface", _interface),
    help="This machine's interface to the devices, such as eth0.",
)
@click.option(
    "--address",
    "own",
    required=True,
    metavar="IP/BITS",
    type=ParsedParam("address", IPv4Interface),
    help="This machine's address with its network, such as 192.168.1.2/24.",
)
@click.option(
    "--router",
    required=True,
    metavar="IP",
    type=ParsedParam("address", IPv4Address),
    help="The router's address: the way to the internet.",
)
@click.option(
    "--first",
    metavar="IP",
    type=ParsedParam("address", IPv4Address),
    help="The first address to give out. Default: number 100 of the network.",
)
@click.option(
    "--last",
    metavar="IP",
    type=ParsedParam("address", IPv4Address),
    help="The last one. Default: number 199.",
)
@click.option(
    "--ula",
    metavar="PREFIX",
    type=ParsedParam("prefix", IPv6Network),
    help="The unique local network to announce (/64). Default: one of this machine's own, the "
    "same each time.",
)
@click.option("--check", is_flag=True, help="Let `dnsmasq --test` check it; print nothing else.")
def config(
    lan: str,
    own: IPv4Interface,
    router: IPv4Address,
    first: IPv4Address | None,
    last: IPv4Address | None,
    ula: IPv6Network | None,
    check: bool,
) -> None:
    """Print a configuration for dnsmasq, each part with its reason; nothing is applied.

    For routers that hand out themselves alone, by DHCP or by router advertisements. Its first
    lines say how it is used, and how all is as before again.

    \b
    Example:  copdns dhcp config --lan eth0 --address 192.168.1.2/24 --router 192.168.1.1
    """
    plan = make_plan(lan, own, router, first, last, ula, _seed(lan))
    if check:
        _check(plan)
        click.echo("dnsmasq takes this configuration.")
    else:
        click.echo(configuration(plan), nl=False)


def _seed(lan: str) -> bytes:
    """Return what is the same on this machine each time: the address of its network card."""
    try:
        return Path(f"/sys/class/net/{lan}/address").read_bytes()
    except OSError as error:
        raise ConfigError(f"this machine has no interface {lan}; see: ip link") from error


def _check(plan: DhcpPlan) -> None:
    """Raise DhcpError where dnsmasq does not take the configuration."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(configuration(plan))
        file.flush()
        tool = shutil.which("dnsmasq", path="/usr/sbin:/usr/local/sbin:/usr/bin:/sbin")
        if tool is None:
            raise DhcpError("there is no dnsmasq here; install it: apt install dnsmasq-base")
        words = [tool, "--test", f"--conf-file={file.name}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DhcpError(f"dnsmasq does not take this configuration: {done.stderr.strip()}")


@dhcp.command("check")
@json_option
@pass_home
def check_servers(home: Home, as_json: bool) -> None:
    """Ask the network who hands out addresses and DNS servers; status 1 where that is not copdns
    alone.

    Asks as a new device does, by DHCP, DHCPv6 and for router advertisements; takes some seconds,
    and needs root.

    \b
    Example:  copdns dhcp check
    """
    scan, own = find_offers(listen_addresses(home.settings.dns.listen))
    wrong = other_servers(scan, own)
    if as_json:
        print_json({"ok": not wrong, "wrong": wrong})
    elif not wrong:
        click.echo("Nobody else hands out addresses or DNS servers.")
    if wrong and not as_json:
        click.echo("\n".join(wrong))
    if wrong:
        click.get_current_context().exit(1)
