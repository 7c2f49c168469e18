"""`copdns firewall`: rules for the firewall of a router, printed for whoever applies them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_network
from operator import eq
from pathlib import Path
from typing import Any, TypeVar

import click

from copdns.cli.base import ParsedParam, json_option
from copdns.cli.firewall.elements import (
    ClosedPerson,
    Elements,
    address_elements,
    device_elements,
    find_known_by,
    pair_elements,
)
from copdns.cli.firewall.memory import HELP, SeenAddresses
from copdns.cli.firewall.rules import LIVE_SETS, FirewallPlan, Port53, live_sets, ruleset
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json
from copdns.cli.stderr_log import log_beside_output
from copdns.list_files.load import resolver_networks
from copdns.model.addresses import address
from copdns.model.errors import ConfigError, FirewallError
from copdns.model.household import Device, Household, Profile
from copdns.model.matchers import Matcher
from copdns.model.times import Subject, TopicKind
from copdns.policy.decide import Policy, full_closure
from copdns.policy.filter_break import has_break
from copdns.policy.snapshot import Snapshot

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])

# What the kernel takes for an interface, less what nft would read as something else.
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}")
_EMERGENCIES = "health_emergency_rights"  # protected at every hour, and no help group
_LEARNING = "education_reference"  # open in homework mode
_NFT = shutil.which("nft", path="/usr/sbin:/usr/local/sbin:/usr/bin:/sbin")


def _interface(text: str) -> str:
    if not _INTERFACE.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a network interface, such as br-lan")
    return text


@click.group("firewall")
def firewall() -> None:
    """Print rules for a router's firewall."""


def _rules_options(command: AnyCommand) -> AnyCommand:
    for option in reversed(
        (
            click.option(
                "--lan",
                metavar="INTERFACE",
                multiple=True,
                type=ParsedParam("interface", _interface),
                help="The router's interface to the devices, such as br-lan; may be repeated.",
            ),
            click.option(
                "--port-53",
                type=click.Choice([each.value for each in Port53]),
                default=Port53.ROUTER.value,
                show_default=True,
                help="Where plain DNS to others is led: `router`, if copdns or a dnsmasq that "
                "passes on who asks is there; `box`, if copdns is in another network of the "
                "router; `reject`, if it is in the network of the devices.",
            ),
            click.option(
                "--address",
                "addresses",
                metavar="IP",
                multiple=True,
                type=ParsedParam("address", address),
                help="An address of copdns that devices reach; may be repeated. Default: those of "
                "this machine at home.",
            ),
            click.option(
                "--close-router",
                is_flag=True,
                help="With `reject`: the router itself answers no plain DNS either. Only once it "
                "hands out copdns alone.",
            ),
            click.option(
                "--check", is_flag=True, help="Let `nft -c` check the rules; print nothing else."
            ),
            json_option,
            pass_home,
        )
    ):
        command = option(command)
    return command


@firewall.command()
@_rules_options
def nft(home: Home, lan: tuple[str, ...], as_json: bool, check: bool, **choices: Any) -> None:
    """Print rules for nftables, each with its reason; nothing is applied.

    Plain DNS is answered at home, and encrypted DNS elsewhere is closed for devices of people whose
    rules close ways around the filter. Connections end with a person's time, but not those to help
    sites, to what is `always` allowed, and calls over Wi-Fi. `copdns firewall sets` says each
    minute whose time is over.

    \b
    Example:  copdns firewall nft --lan eth1
              copdns firewall nft --lan eth1 --port-53 reject --address 192.168.1.2
    """
    if not lan:
        raise ConfigError("name the router's interface to the devices, such as --lan eth1")
    _print_rules(home, _plan(home, lan, **choices), _NFT_HEAD, as_json=as_json, check=check)


@firewall.command()
@_rules_options
def openwrt(home: Home, lan: tuple[str, ...], as_json: bool, check: bool, **choices: Any) -> None:
    """Print the same rules for OpenWrt, with the lines by which it reads them.

    Without --lan they are for `br-lan`.

    \b
    Example:  copdns firewall openwrt --address 192.168.1.2
    """
    plan = _plan(home, lan or ("br-lan",), **choices)
    _print_rules(home, plan, _OPENWRT_HEAD, as_json=as_json, check=check)


@firewall.command()
@click.option(
    "--remember",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep in FILE which addresses open sites had in the last 24 hours, so that a connection "
    "outlives a change of them.",
)
@json_option
@pass_home
def sets(home: Home, remember: Path | None, as_json: bool) -> None:
    """Print whose time is over now, and what stays open, for the rules of `nft` and `openwrt`.

    To be run every minute, and given to `nft -f -`.

    \b
    Example:  copdns firewall sets --remember /run/copdns-firewall | nft -f -
    """
    from copdns.cli.firewall.addresses import load_seen, save_seen

    seen = load_seen(remember)
    with log_beside_output():  # such as of an upstream that does not answer
        elements, unknown = _live_elements(home, seen)
    save_seen(remember, seen)
    if as_json:
        print_json({each.name: [*elements.get(each.name, ())] for each in LIVE_SETS})
        return
    for each in unknown:
        # Not into what nft reads: whoever runs this each minute gets it by mail.
        click.echo(f"not spared, since nobody knows all its addresses: {each}", err=True)
    click.echo(live_sets(elements), nl=False)


# --- what is printed ------------------------------------------------------------------------------


def _plan(
    home: Home,
    lan: tuple[str, ...],
    port_53: str,
    addresses: tuple[IPv4Address | IPv6Address, ...],
    close_router: bool,
) -> FirewallPlan:
    from copdns.cli.firewall.addresses import own_addresses

    box = addresses or tuple(own_addresses(home))
    if not box and port_53 != Port53.ROUTER:
        raise ConfigError("this machine has no address at home now; name one with --address")
    return FirewallPlan(lan, Port53(port_53), box, close_router)


def _print_rules(
    home: Home, plan: FirewallPlan, head: Sequence[str], *, as_json: bool, check: bool
) -> None:
    with log_beside_output():
        elements = _fixed_elements(home, plan)
    text = ruleset(plan, elements, head)
    if check:
        _check(text)
        click.echo("nft finds nothing wrong; nothing was applied")
    elif as_json:
        print_json({"rules": text, "sets": {name: [*found] for name, found in elements.items()}})
    else:
        click.echo(text, nl=False)


def _check(text: str) -> None:
    """Raise FirewallError where nft refuses the rules, or is not there."""
    if _NFT is None:
        raise FirewallError("nft is not installed here (Debian: apt install nftables)")
    done = subprocess.run(
        [_NFT, "-c", "-f", "-"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FirewallError(f"nft refuses the rules: {done.stderr.strip()[:1000]}")


_NFT_HEAD = (
    "Printed by `copdns firewall nft`.  Nothing was changed: read it, and apply it on the router.",
    "",
    "  apply:      nft -f FILE",
    "  take back:  nft delete table inet copdns",
    "  each minute: copdns firewall sets --remember /run/copdns-firewall | nft -f -",
    "",
    "docs/router.md has the whole recipe, and what it cannot do.",
)
_OPENWRT_HEAD = (
    "Printed by `copdns firewall openwrt`.  Nothing was changed: read it, and put it on the router",
    "as /etc/copdns.nft (and into /etc/sysupgrade.conf, so that an upgrade keeps it).",
    "",
    "  apply:      uci set firewall.copdns=include",
    "              uci set firewall.copdns.type=nftables",
    "              uci set firewall.copdns.path=/etc/copdns.nft",
    "              uci set firewall.copdns.position=ruleset-post",
    "              uci commit firewall && service firewall restart",
    "  take back:  uci delete firewall.copdns && uci commit firewall",
    "              nft delete table inet copdns",
    "",
    "Software and hardware flow offloading have to be off (Network > Firewall): what is offloaded",
    "does not come by here any more.  docs/router.md has the whole recipe, and what it cannot do.",
)


# --- what is in the sets --------------------------------------------------------------------------


def _fixed_elements(home: Home, plan: FirewallPlan) -> Elements:
    """Return the sets of a file: those that do not end, and help as it is now.

    Whose time is over now is none of it: the file may be read again at another hour.
    """
    from copdns.cli.firewall.addresses import (
        find_nat64,
        help_networks,
        home_resolvers,
        with_translated,
    )

    box = [*(ip_network(each) for each in plan.box), *home_resolvers(home)]
    snapshot = home.make_snapshot()
    return {
        **address_elements("box", box),
        **address_elements("doh", resolver_networks()),
        **address_elements("help", with_translated(help_networks(home.folder), find_nat64(home))),
        **_device_sets(snapshot.households[home.household.id]),
    }


def _device_sets(household: Household) -> Elements:
    bypass = {each.id for each in household.profiles if each.bypass}
    return {
        "known_mac": find_known_by(household.devices, lambda _: True).macs,
        **device_elements("named", find_known_by(household.devices, bypass.__contains__)),
    }


def _live_elements(home: Home, seen: SeenAddresses) -> tuple[Elements, list[str]]:
    """Return the live sets now, and what of what is open cannot be spared; see new addresses."""
    from copdns.cli.firewall.addresses import find_nat64, help_networks, with_translated

    nat64 = find_nat64(home)
    snapshot = home.make_snapshot()
    household = snapshot.households[home.household.id]
    seen.see(HELP, help_networks(home.folder), home.now)
    closed, unknown = _closed_people(home, snapshot, household, seen)
    closed = [replace(each, open_to=with_translated(each.open_to, nat64)) for each in closed]
    ids = {each.profile for each in closed}
    devices = _ruled_devices(household, home.now)
    known = {each: find_known_by(devices, partial(eq, each)) for each in ids}
    return {
        **address_elements("help", with_translated(seen.of(HELP, home.now), nat64)),
        **_device_sets(household),
        **device_elements("closed", find_known_by(devices, ids.__contains__)),
        **pair_elements(closed, known),
    }, unknown


def _ruled_devices(household: Household, now: float) -> tuple[Device, ...]:
    """Return the devices, those as nobody's that are tried without the filter now: times do not
    hold for them meanwhile."""
    return tuple(
        replace(each, profile="") if has_break(household, each, now) else each
        for each in household.devices
    )


def _closed_people(
    home: Home, snapshot: Snapshot, household: Household, seen: SeenAddresses
) -> tuple[list[ClosedPerson], list[str]]:
    from copdns.cli.firewall.addresses import fetch, lookups_of

    lookups, names, unknown = [], dict[str, set[str]](), dict[str, None]()
    for profile in household.profiles:
        policy = snapshot.policy(household.id, profile.id)
        if full_closure(policy, home.now) is None:
            continue
        matchers = _find_open(home, snapshot, household, profile, policy, unknown)
        found = [*lookups_of(policy, matchers, home.now)]
        names[profile.id] = {each.name for each in found}
        lookups += [each for each in found if seen.is_due(each.name, home.now)]
    for name, addresses in fetch(home, [*dict.fromkeys(lookups)]).items():
        seen.see(name, addresses, home.now)
    seen.keep_only({HELP}.union(*names.values()))
    closed = [
        ClosedPerson(each, tuple(to for name in found for to in seen.of(name, home.now)))
        for each, found in names.items()
    ]
    return closed, [*unknown]


def _find_open(
    home: Home,
    snapshot: Snapshot,
    household: Household,
    profile: Profile,
    policy: Policy,
    unknown: dict[str, None],
) -> Iterable[Matcher]:
    """Yield the names that stay open to somebody whose time is over.

    unknown: gets what stands for more names than anybody knows: a category, or a list.
    """
    now, rules = home.now, policy.time_rules
    about: list[Subject] = [*profile.always]
    about += [
        each.about
        for each in household.grants
        if each.profile == profile.id and each.time and each.start <= now < each.end
        if each.about is not None
    ]
    start, end = rules.homework_span if rules is not None else (0.0, 0.0)
    groups = [_EMERGENCIES]
    if rules is not None and (rules.has_learning or start <= now < end):
        about += profile.homework
        groups.append(_LEARNING)
    protected = snapshot.library.protected
    for group in groups:
        yield from protected[group].names if group in protected else ()
    services = snapshot.contexts[household.id].services
    for each in about:
        if isinstance(each, Matcher):
            yield each
        elif each.kind is TopicKind.SERVICE and each.slug in services:
            yield from services[each.slug].names
        else:
            unknown[str(each)] = None
