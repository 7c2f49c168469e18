"""`copdns doctor`: whether devices away from home can be answered, as far as this machine can tell.

Whether a port is open can only be seen from outside (docs/encrypted-dns.md has how).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path

from copdns.app.upstream_probe import query_resolver
from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.doctor.many_households import ManyHouseholds
from copdns.cli.doctor.upstreams import default_upstreams
from copdns.cli.home import Home
from copdns.dns.message import read_response
from copdns.dns.records import AAAA, A
from copdns.model.errors import UpstreamError, WireError
from copdns.model.household import Household
from copdns.network.machine import listen_addresses
from copdns.policy.listener_name import HomeLead, find_home_lead

ABOUT = "away"
# Between a provider and its customers: behind CGNAT (RFC 6598), and with DS-Lite (RFC 6333).
_SHARED = ip_network("100.64.0.0/10"), ip_network("192.0.0.0/29")


def check_away(home: Home) -> Iterator[Finding]:
    """Check certificate, name and tokens, where the settings name the encrypted listener."""
    chosen, web = home.settings.encrypted, home.settings.web
    if not chosen.name:
        return
    file = chosen.certificate or web.tls_certificate
    yield from check_certificate(
        file,
        [
            *([chosen.name] if chosen.https_port else []),
            *([f"*.{chosen.name}"] if chosen.tls_port or chosen.quic_port else []),
        ],
    )
    has_tokens = any(each.tokens for each in home.household.devices)
    if chosen.public:
        yield judge_addresses(chosen.name, find_addresses(home, chosen.name))
        if has_tokens:
            yield judge_home(chosen.name, find_leads(home, chosen.name))
            yield from tell_of_others(home.household)
        elif not isinstance(home, ManyHouseholds):  # of many, any may have tokens
            what = "encrypted.public is on, and no device has a token, so nobody is answered there"
            yield warn(ABOUT, what, "make one: copdns device token add ID")


def tell_of_others(household: Household) -> Iterator[Finding]:
    """Say what devices without a token get, which was another thing before `encrypted.public`."""
    others = [each.id for each in household.devices if not each.tokens]
    if others:
        what = (
            f"without a token, so with plain DNS only, at home too: {', '.join(others)}; what was"
        )
        yield ok(ABOUT, f"{what} set up there for encrypted DNS before gets no answer")


def find_leads(home: Home, name: str) -> Mapping[str, HomeLead]:
    """Return where the listener's name leads at home, for each person whose device has a token."""
    own, snapshot = listen_addresses(home.settings.dns.listen), home.make_snapshot()
    whose = sorted({each.profile for each in home.household.devices if each.tokens})
    house = home.household.id
    return {
        each: find_home_lead(snapshot.policy(house, each), name, own, home.now) for each in whose
    }


def judge_home(name: str, leads: Mapping[str, HomeLead]) -> Finding:
    """Say whether devices with a token find copdns in their own Wi-Fi.  leads: by profile."""
    todo = f"copdns local add {name} ADDRESS, with the address of this machine at home"
    for profile, lead in leads.items():
        if lead.elsewhere:
            where = ", ".join(lead.elsewhere)
            what = f"at home {name} leads {profile} to {where}, which this machine does not have"
            return warn(ABOUT, what, todo)
        if not lead.is_known:
            what = f"no local name says where {name} leads {profile} at home; unless the router "
            what = f"{what}leads its own address back in, phones find no sites, and neither do they"
            return warn(ABOUT, f"{what} where a bedtime or a pause closes the name", todo)
    return ok(ABOUT, f"at home {name} leads here, with a token before it too")


def check_certificate(file: str, wanted: Iterable[str]) -> Iterator[Finding]:
    """Check that a certificate is valid for the names that devices ask for.  file: "" for none."""
    if not file:
        what = "the certificate is the one that copdns makes, which phones and browsers refuse"
        yield warn(ABOUT, what, "set encrypted.certificate and encrypted.key")
        return
    try:
        there = names_of(Path(file).read_bytes())
    except (OSError, ValueError) as error:
        yield fail(ABOUT, f"{file} cannot be read as a certificate: {error}", "see its rights")
        return
    for name in wanted:
        if name in there or f"*.{name.partition('.')[2]}" in there:
            yield ok(ABOUT, f"the certificate is valid for {name}")
        else:
            todo = f"get one that has {name} too; for names with * it takes DNS-01"
            yield fail(ABOUT, f"the certificate is not valid for {name}: devices refuse it", todo)


def names_of(pem: bytes) -> frozenset[str]:
    """Return the names that the first certificate of a file is for; raise ValueError."""
    from cryptography import x509  # slow to import, and few ask

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(each.lower() for each in found.get_values_for_type(x509.DNSName))


def find_addresses(home: Home, name: str) -> tuple[str, ...]:
    """Return where the upstreams say that a name leads, which is what others see of it."""
    found: dict[str, None] = {}
    for upstream in default_upstreams(home):
        for qtype in (A, AAAA):
            try:
                facts = read_response(query_resolver(upstream, name, qtype)).facts
            except (UpstreamError, WireError):
                continue
            found |= {str(ip_address(each)): None for each in facts.addresses}
        if found:
            break
    return tuple(found)


def judge_addresses(name: str, addresses: Iterable[str]) -> Finding:
    """Say what the addresses of the listener's name mean for devices that are not at home."""
    found = [ip_address(each) for each in addresses]
    shown = ", ".join(map(str, found))
    if not found:
        what = f"{name} leads nowhere, so devices away from home do not find copdns"
        return fail(ABOUT, what, "make it lead to the address that your router has outside")
    reached = {each.version for each in found if each.is_global}
    if reached == {6}:
        what = f"{name} leads to {shown}: by IPv6 only, as behind DS-Lite or CGNAT"
        todo = (
            "phones in networks without IPv6 do not reach it; ask for an IPv4 address of your own"
        )
        return warn(ABOUT, what, todo)
    if reached:
        return ok(ABOUT, f"{name} leads to {shown}; from outside it shows whether it answers there")
    if any(each in shared for each in found for shared in _SHARED):
        what = f"{name} leads to {shown}, an address that your provider shares among customers"
        return warn(ABOUT, what, "ask for an address of your own, use IPv6, or a tunnel")
    what = f"{name} leads to {shown}, which only devices at home reach"
    return warn(ABOUT, what, "away from home it must lead to the address that your router has")
