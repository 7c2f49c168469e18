"""`copdns doctor`: do the upstreams answer, and do they leave protected names alone?

Only upstreams of the settings and of the household are asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from itertools import islice
from typing import NamedTuple

from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.doctor.probe import ask
from copdns.cli.home import Home
from copdns.config import SYSTEM
from copdns.dns.message import read_response
from copdns.dns.records import NS, A
from copdns.list_files.resources import folder
from copdns.lists.shapes import ProtectedShape
from copdns.model import yaml_text
from copdns.model.addresses import UpstreamAddress, upstream_address
from copdns.model.errors import NXDOMAIN, REFUSED, SERVFAIL, UpstreamError, WireError
from copdns.network.machine import listen_addresses, system_resolvers

ABOUT = "upstreams"
AT_ONCE = 16  # questions

_BROKEN = {SERVFAIL: "it answered SERVFAIL", REFUSED: "it answered REFUSED"}


class Reply(NamedTuple):
    """How an upstream answered a first question.  error: "" when well; seconds: how long."""

    error: str
    seconds: float


def upstreams(home: Home) -> Iterator[Finding]:
    """Ask each upstream for the root's servers by UDP and TCP, then for protected names."""
    groups = {"": _usual(home)} | {
        each.name: tuple(map(upstream_address, each.upstreams))
        for each in home.household.split_upstreams
    }
    if not groups[""]:
        what = "there is none, so only blocked and local domains are answered"
        yield fail(ABOUT, what, "set one in upstreams.servers, such as the router's address")
    every = list(dict.fromkeys(each for group in groups.values() for each in group))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        udp = dict(zip(every, pool.map(_by_udp, every), strict=True))
        tcp = dict(zip(every, pool.map(_by_tcp, every), strict=True))
    for domain, group in groups.items():
        alone = all(udp[each].error for each in group)
        for each in group:
            who = f"{each} for {domain}" if domain else str(each)
            yield _answers(who, udp[each], tcp[each], alone=alone)
    yield from _filtering(home, [each for each in groups[""] if not udp[each].error])


def _usual(home: Home) -> tuple[UpstreamAddress, ...]:
    chosen = home.settings
    own = listen_addresses(chosen.dns.listen)
    found: dict[UpstreamAddress, None] = {}
    for server in chosen.upstreams.servers:
        if server == SYSTEM:
            found |= dict.fromkeys(system_resolvers(own, chosen.dns.port))
        else:
            found[server] = None
    return tuple(found)


def _by_udp(upstream: UpstreamAddress) -> Reply:
    return _reply(upstream, tcp=False)


def _by_tcp(upstream: UpstreamAddress) -> Reply:
    return _reply(upstream, tcp=True)


def _reply(upstream: UpstreamAddress, *, tcp: bool) -> Reply:
    begun = time.monotonic()
    try:
        error = _BROKEN.get(read_response(ask(upstream, "", NS, tcp=tcp)).rcode, "")
    except (UpstreamError, WireError) as failure:
        error = str(failure)
    return Reply(error, time.monotonic() - begun)


def _answers(who: str, udp: Reply, tcp: Reply, *, alone: bool) -> Finding:
    """alone: nobody else is there to be asked, so that the family feels a failure."""
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


class Seen(Enum):
    """What an upstream says of a protected name."""

    OPEN = "open"
    BLOCKED = "blocked"  # it says so (RFC 8914 section 4.16 to 4.18)
    NULLED = "nulled"  # 0.0.0.0 or ::
    MISSING = "missing"  # no such name
    UNKNOWN = "unknown"  # no answer


FILTERED = (Seen.BLOCKED, Seen.NULLED)


def protected_sample() -> tuple[str, ...]:
    """Return a protected name of each group that copdns brings, as the data has them."""
    path = folder("blocklists") / "protected.yaml"
    shape = yaml_text.read(path.read_text(encoding="utf-8"), str(path), ProtectedShape)
    return tuple(
        entry.name.name for group in shape.groups.values() for entry in islice(group.names, 1)
    )


def _filtering(home: Home, asked: Sequence[UpstreamAddress]) -> Iterator[Finding]:
    names = protected_sample()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pairs = [(each, name) for each in asked for name in names]
        seen = dict(zip(pairs, pool.map(lambda pair: _look(*pair), pairs), strict=True))
    taken = {each: tuple(_taken(each, names, asked, seen)) for each in asked}
    clean = [each for each in asked if not taken[each]]
    for each in asked:
        if not taken[each]:
            yield ok(ABOUT, f"{each} leaves protected domains alone ({len(names)} checked)")
            continue
        nulled = any(seen[each, name] is Seen.NULLED for name in taken[each])
        unlisted = nulled and each not in home.settings.upstreams.filtering
        yield _filters(each, taken[each], clean, unlisted=unlisted)


def _look(upstream: UpstreamAddress, name: str) -> Seen:
    try:
        message = ask(upstream, name, A)
        answer = read_response(message)
        if answer.facts.is_filtered:
            return Seen.BLOCKED
        if read_response(message, filtering=True).facts.is_filtered:
            return Seen.NULLED
    except (UpstreamError, WireError):
        return Seen.UNKNOWN
    if answer.rcode == NXDOMAIN:
        return Seen.MISSING
    return Seen.OPEN if answer.rcode == 0 else Seen.UNKNOWN


def _taken(
    upstream: UpstreamAddress,
    names: Iterable[str],
    asked: Iterable[UpstreamAddress],
    seen: Mapping[tuple[UpstreamAddress, str], Seen],
) -> Iterator[str]:
    """Yield the names that an upstream takes away.

    One that it does not know counts when another upstream knows it, or when it does know others:
    an upstream that knows none of them is cut off, or makes its answers up.
    """
    knows_some = any(seen[upstream, name] is Seen.OPEN for name in names)
    for name in names:
        mine = seen[upstream, name]
        elsewhere = any(seen[each, name] is Seen.OPEN for each in asked)
        if mine in FILTERED or (mine is Seen.MISSING and (elsewhere or knows_some)):
            yield name


def _filters(
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
