"""`copdns doctor`: do the upstreams answer, and do they answer protected names?

Queries go only to upstreams of the settings and of the household.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import Enum
from ipaddress import ip_address
from itertools import islice

from copdns.app.self_test import safe_hosts
from copdns.app.upstream_probe import ProbeResult, probe_encrypted_or_udp, probe_tcp, query_resolver
from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.home import Home
from copdns.dns.message import read_response
from copdns.dns.records import A
from copdns.list_files.facts import SHIPPED, Facts, load_facts
from copdns.list_files.load import filtering_resolvers
from copdns.lists.shapes import ProtectedShape
from copdns.model import yaml_text
from copdns.model.addresses import UpstreamAddress
from copdns.model.encrypted_addresses import server_address
from copdns.model.errors import NXDOMAIN, UpstreamError, WireError
from copdns.model.household import Household
from copdns.model.scoped_names import EVERY_NAME
from copdns.network.machine import listen_addresses, system_resolvers
from copdns.policy.judge import RebindingGuard, guarded_splits
from copdns.settings.config import SYSTEM

ABOUT = "upstreams"
MAX_PARALLEL = 16  # queries


def check_upstreams(home: Home) -> Iterator[Finding]:
    """Query each upstream for the root's NS, by UDP and TCP or encrypted, and protected names.

    The first one that answers is asked for the safe hosts of search engines that are in use, too.
    """
    groups = {"": default_upstreams(home)} | {
        each.key: tuple(map(server_address, each.upstreams))
        for each in home.household.split_upstreams
        if each.key != EVERY_NAME
    }
    if not groups[""]:
        what = "there is none, so only blocked and local domains are answered"
        yield fail(ABOUT, what, "set one in upstreams.servers, such as the router's address")
    every = list(dict.fromkeys(each for group in groups.values() for each in group))
    with ThreadPoolExecutor(MAX_PARALLEL) as pool:
        udp = dict(zip(every, pool.map(probe_encrypted_or_udp, every), strict=True))
        tcp = dict(zip(every, pool.map(probe_tcp, every), strict=True))
    for domain, group in groups.items():
        alone = all(udp[each].error for each in group)
        for each in group:
            who = f"{each} for {domain}" if domain else str(each)
            yield _probe_finding(who, udp[each], tcp[each], alone=alone)
    answering = [each for each in groups[""] if not udp[each].error]
    yield from _check_filtering(home, answering)
    yield from _check_safe_hosts(home, answering)
    yield from check_splits(home.household, home.rebinding)


def check_splits(household: Household, rebinding: RebindingGuard) -> Iterator[Finding]:
    """Warn of domains that are forwarded into the home network, whose addresses are withheld."""
    for domain in sorted(guarded_splits(household, rebinding)):
        what = f"answers for {domain} that point into the home network are blocked (DNS rebinding)"
        yield warn(ABOUT, what, f"if it has such addresses, add {domain} to rebinding.names")


def default_upstreams(home: Home) -> tuple[UpstreamAddress, ...]:
    """Return the upstreams of all names that no other is for."""
    chosen = home.settings
    own = listen_addresses(chosen.dns.listen)
    found: dict[UpstreamAddress, None] = {}
    for server in chosen.upstreams.usual_servers(home.household.usual_upstreams):
        if server == SYSTEM:
            found |= dict.fromkeys(system_resolvers(own, chosen.dns.port))
        else:
            found[server if server.host else _locate(server, chosen.upstreams.bootstrap)] = None
    return tuple(found)


def _locate(server: UpstreamAddress, bootstrap: Iterable[UpstreamAddress]) -> UpstreamAddress:
    """Return an encrypted upstream with its address, where one of these knows it."""
    for each in bootstrap:
        try:
            found = read_response(query_resolver(each, server.name, A)).facts.addresses
        except (UpstreamError, WireError):
            continue
        if found:
            return replace(server, host=str(ip_address(found[0])))
    return server


def _probe_finding(who: str, udp: ProbeResult, tcp: ProbeResult | None, *, alone: bool) -> Finding:
    """Return the finding on an upstream.  alone: no other one works, so that names fail.

    udp: how an encrypted one answered.  tcp: None for that.
    """
    if tcp is None:
        if not udp.error:
            return ok(ABOUT, f"{who} answers encrypted ({udp.seconds * 1000:.0f} ms)")
        todo = (
            "check that this machine is online and its clock is right, and that name and address "
            "are right"
        )
        bad = fail if alone else warn
        return bad(ABOUT, f"{who} does not answer correctly: {udp.error}", todo)
    if udp.error:
        both = udp.error if udp.error == tcp.error else f"{udp.error} (TCP: {tcp.error or 'works'})"
        bad = fail if alone else warn
        todo = "check that this machine is online, and that the address is right"
        return bad(ABOUT, f"{who} does not answer correctly: {both}", todo)
    if tcp.error:
        what = f"{who} answers by UDP but not by TCP: {tcp.error}"
        return warn(ABOUT, what, "allow TCP to its port: long answers need it")
    return ok(ABOUT, f"{who} answers by UDP ({udp.seconds * 1000:.0f} ms) and TCP")


# --- protected names ------------------------------------------------------------------------------


class NameState(Enum):
    """What an upstream says of a protected name."""

    OPEN = "open"
    BLOCKED = "blocked"  # it says so (RFC 8914 section 4.16 to 4.18)
    NULLED = "nulled"  # 0.0.0.0 or ::
    MISSING = "missing"  # no such name
    UNKNOWN = "unknown"  # no answer


FILTERED = (NameState.BLOCKED, NameState.NULLED)
UNREACHABLE = (*FILTERED, NameState.MISSING)


def protected_sample(facts: Facts = SHIPPED) -> tuple[str, ...]:
    """Return one protected name of each group of the facts in force."""
    file = "protected.yaml"
    shape = yaml_text.read(facts.read(file), file, ProtectedShape)
    return tuple(
        entry.name.name for group in shape.groups.values() for entry in islice(group.names, 1)
    )


def _check_filtering(home: Home, upstreams: Sequence[UpstreamAddress]) -> Iterator[Finding]:
    names = protected_sample(load_facts(home.folder))
    with ThreadPoolExecutor(MAX_PARALLEL) as pool:
        pairs = [(each, name) for each in upstreams for name in names]
        states = dict(zip(pairs, pool.map(lambda pair: _look_up_state(*pair), pairs), strict=True))
    filtered = {each: tuple(_filtered_names(each, names, upstreams, states)) for each in upstreams}
    clean = [each for each in upstreams if not filtered[each]]
    for each in upstreams:
        if not filtered[each]:
            yield ok(ABOUT, f"{each} leaves protected domains alone ({len(names)} checked)")
            continue
        nulled = any(states[each, name] is NameState.NULLED for name in filtered[each])
        known = filtering_resolvers()
        is_marked = each in home.settings.upstreams.filtering or {each.host, each.name} & known
        unlisted = nulled and not is_marked
        yield _filtering_finding(each, filtered[each], clean, unlisted=unlisted)


def _check_safe_hosts(home: Home, upstreams: Sequence[UpstreamAddress]) -> Iterator[Finding]:
    """Look whether the safe hosts in use are there: without one, its engine does not work."""
    hosts = safe_hosts(home.catalogue.engines, home.household.profiles)
    if not hosts or not upstreams:
        return
    with ThreadPoolExecutor(MAX_PARALLEL) as pool:
        states = list(pool.map(lambda host: _look_up_state(upstreams[0], host), hosts))
    found = dict(zip(hosts, states, strict=True))
    gone = [host for host in hosts if found[host] in UNREACHABLE]
    unknown = [host for host in hosts if found[host] is NameState.UNKNOWN]
    for host in gone:
        what = (
            f"{hosts[host]} does not work with safe search: {upstreams[0]} says nothing of {host}"
        )
        yield warn(ABOUT, what, "ask another upstream, or turn safe search off for this engine")
    if unknown:
        what = f"{upstreams[0]} gives no answer about safe hosts of search engines: "
        yield warn(ABOUT, what + ", ".join(unknown), "try again, or ask another upstream")
    if not gone and not unknown:
        yield ok(ABOUT, f"the safe hosts of search engines are there ({len(hosts)} checked)")


def _look_up_state(upstream: UpstreamAddress, name: str) -> NameState:
    try:
        message = query_resolver(upstream, name, A)
        answer = read_response(message)
        if answer.facts.is_filtered:
            return NameState.BLOCKED
        if read_response(message, filtering=True).facts.is_filtered:
            return NameState.NULLED
    except (UpstreamError, WireError):
        return NameState.UNKNOWN
    if answer.rcode == NXDOMAIN:
        return NameState.MISSING
    return NameState.OPEN if answer.rcode == 0 else NameState.UNKNOWN


def _filtered_names(
    upstream: UpstreamAddress,
    names: Iterable[str],
    upstreams: Iterable[UpstreamAddress],
    states: Mapping[tuple[UpstreamAddress, str], NameState],
) -> Iterator[str]:
    """Yield the names that an upstream filters.

    NXDOMAIN counts where another upstream has the name, or this one has others: an upstream that
    has none of them is offline, or makes up its answers.
    """
    knows_some = any(states[upstream, name] is NameState.OPEN for name in names)
    for name in names:
        mine = states[upstream, name]
        elsewhere = any(states[each, name] is NameState.OPEN for each in upstreams)
        if mine in FILTERED or (mine is NameState.MISSING and (elsewhere or knows_some)):
            yield name


def _filtering_finding(
    upstream: UpstreamAddress,
    names: Sequence[str],
    clean: Sequence[UpstreamAddress],
    *,
    unlisted: bool,
) -> Finding:
    what = f"{upstream} blocks protected domains: {', '.join(names)}"
    if not clean:
        return fail(
            ABOUT, what, "add an upstream that does not filter: help sites must always work"
        )
    if unlisted:
        return warn(ABOUT, what, f"add {upstream} to upstreams.filtering, so that copdns notices")
    return warn(ABOUT, f"{what}; copdns uses {clean[0]} for them", "nothing, or remove it")
