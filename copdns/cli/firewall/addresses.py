"""The addresses that rules are about: of help names, of what stays open, of copdns itself.

Help names are not asked for here: their addresses are those that the running copdns fetched, in a
rhythm of its own.  What else stays open to somebody whose time is over is asked for like any other
query of this machine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

from copdns.app.help_chores import FILE
from copdns.app.nat64_chores import NAME as ZONE
from copdns.app.upstreams_in_force import UpstreamsInForce, chosen_by
from copdns.cli.firewall.memory import SeenAddresses, read_seen
from copdns.cli.home import Home
from copdns.dns.connections import NAT64_ZONE, HostLookup
from copdns.dns.help_answers import help_keys, unpack
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.query import CacheKey
from copdns.dns.records import AAAA, A
from copdns.dns.response_facts import is_home_address
from copdns.dns.upstream import UpstreamClient
from copdns.model.addresses import Network
from copdns.model.encrypted_addresses import server_address
from copdns.model.errors import FirewallError, HelpAnswersError
from copdns.model.household import Household
from copdns.model.matchers import Matcher
from copdns.model.nat64 import Nat64, learned_prefixes
from copdns.model.verdict import Action
from copdns.network.machine import listen_addresses, system_resolvers
from copdns.policy.decide import Policy, decide_query
from copdns.policy.response_key import response_key
from copdns.settings.config import AUTO, SYSTEM, defaults_of

_AT_ONCE = 20  # queries on their way
_PATIENCE = 20.0  # seconds for all of them


class NameQuestion(NamedTuple):
    """A question whose answer stays open to somebody.  name: as it was written."""

    name: str
    key: CacheKey


def help_networks(folder: Path) -> tuple[Network, ...]:
    """Return all addresses of all help names that the running copdns fetched.

    () where it fetched none yet; raise FirewallError where they cannot be read.
    """
    path = folder / FILE
    try:
        stored = unpack(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, HelpAnswersError) as error:
        raise FirewallError(f"{path}: {error}") from error
    packed = {
        address
        for each in stored.values()
        for address in read_response(each.message).facts.addresses
    }
    return tuple(ip_network(each) for each in packed)


def find_nat64(home: Home) -> Nat64 | None:
    """Return how the network translates, as the settings say; None where it does not, or where it
    is to be asked for (`dns64.prefix: auto`) and nobody answers."""
    chosen = home.settings.dns64
    learned: tuple[IPv6Network, ...] = ()
    if chosen.prefix == AUTO:
        lookup = NameQuestion(ZONE, CacheKey(ZONE, AAAA, do=False, cd=False, zone=NAT64_ZONE))
        found = fetch(home, [lookup]).get(ZONE, ())
        learned = learned_prefixes(each.network_address.packed for each in found)
    return defaults_of(home.settings, "", learned).nat64


def with_translated(networks: Iterable[Network], nat64: Nat64 | None) -> tuple[Network, ...]:
    """Return networks, and for each single IPv4 address also those that stand for it."""
    found = dict.fromkeys(networks)
    for each in [*found] if nat64 is not None else ():
        if nat64 is not None and each.version == 4 and each.prefixlen == 32:
            mapped = nat64.addresses_for(each.network_address.packed)
            found |= dict.fromkeys(ip_network(ipv6) for ipv6 in mapped)
    return tuple(found)


def home_resolvers(home: Home) -> Iterator[Network]:
    """Yield the addresses of resolvers at home that copdns asks."""
    settings = home.settings
    chosen = settings.upstreams
    own = listen_addresses(settings.dns.listen)
    servers = [*chosen.usual_servers(chosen_by((home.household,))), *chosen.private_reverse]
    servers += [server_address(s) for e in home.household.split_upstreams for s in e.upstreams]
    for server in servers:
        for each in system_resolvers(own, settings.dns.port) if server == SYSTEM else (server,):
            host = each.host.partition("%")[0]
            if (
                host
                and not ip_address(host).is_loopback
                and is_home_address(ip_address(host).packed)
            ):
                yield ip_network(host)


def own_addresses(home: Home) -> Iterator[IPv4Address | IPv6Address]:
    """Yield the addresses at which devices reach copdns."""
    for each in listen_addresses(home.settings.dns.listen):
        found = ip_address(each.partition("%")[0])
        if not found.is_loopback and not found.is_link_local:
            yield found


def lookups_of(policy: Policy, matchers: Iterable[Matcher], now: float) -> Iterator[NameQuestion]:
    """Yield the questions for names and their `www.`, as far as they are allowed now.

    What lies deeper below a name is not known here.
    """
    for each in help_keys(matchers):
        if each.do or each.qtype not in (A, AAAA):
            continue
        verdict = decide_query(policy, each.qname, each.qtype, now)
        # A help name is fetched by the running copdns, and by nobody else.
        if verdict.action in (Action.ALLOW, Action.REWRITE) and not verdict.is_untraced:
            key = CacheKey(each.qname, each.qtype, do=False, cd=False)
            yield NameQuestion(each.qname, response_key(key, policy, verdict))


def fetch(home: Home, lookups: Sequence[NameQuestion]) -> dict[str, tuple[Network, ...]]:
    """Return the addresses of each name that was answered; nobody is waited for long."""
    household = home.household  # which is read in a loop of its own
    return asyncio.run(_fetch(home, household, lookups)) if lookups else {}


async def _fetch(
    home: Home, household: Household, lookups: Sequence[NameQuestion]
) -> dict[str, tuple[Network, ...]]:
    loop = asyncio.get_running_loop()
    upstreams = UpstreamClient(loop)
    found: dict[str, tuple[Network, ...]] = {}
    turns = asyncio.Semaphore(_AT_ONCE)

    async def ask(lookup: NameQuestion) -> None:
        """Add what an upstream answers to `found`; nothing where it filters, or does not answer."""
        came: asyncio.Future[UpstreamResponse | None] = loop.create_future()

        def take(answer: UpstreamResponse | None) -> None:
            if not came.done():  # who waited may have given up
                came.set_result(answer)

        asked = HostLookup(lookup.key.qname, lookup.key.qtype, take, lookup.key.zone)
        async with turns:
            upstreams.ask(asked)
            answer = await came
        if answer is not None and not answer.facts.is_filtered:
            addresses = tuple(ip_network(each) for each in answer.facts.addresses)
            found[lookup.name] = (*found.get(lookup.name, ()), *addresses)

    try:
        await UpstreamsInForce(upstreams, lambda: home.settings).apply([household])
        async with asyncio.timeout(_PATIENCE), asyncio.TaskGroup() as tasks:
            for each in lookups:
                tasks.create_task(ask(each))
    except TimeoutError:
        pass  # what came is better than nothing, and the rest is asked for the next time
    finally:
        upstreams.close()
    return found


def load_seen(path: Path | None) -> SeenAddresses:
    """Return what a file remembers; nothing where there is none.  Raises FirewallError."""
    if path is None:
        return SeenAddresses()
    try:
        return read_seen(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return SeenAddresses()
    except (OSError, UnicodeDecodeError, FirewallError) as error:
        raise FirewallError(
            f"{path} cannot be used ({error}); delete it, and it is made anew"
        ) from error


def save_seen(path: Path | None, seen: SeenAddresses) -> None:
    """Replace the file as a whole, readable for its owner only; raise FirewallError."""
    if path is None:
        return
    unfinished = path.with_name(f"{path.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        with os.fdopen(
            os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as file:
            file.write(seen.dump())
        unfinished.replace(path)
    except OSError as error:
        raise FirewallError(f"{path}: {error.strerror}") from error
