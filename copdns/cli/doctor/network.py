"""`copdns doctor --network`: which DNS servers does the network hand out?"""

from __future__ import annotations

from collections.abc import Iterator

from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.home import Home
from copdns.network.machine import listen_addresses
from copdns.network.other_resolvers import Assessment, BlindSpot, parse_offers
from copdns.network.resolver_scan import scan_resolvers
from copdns.network.setup_steps import Check, SetupState
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.setup import Setups
from copdns.store.household_db.thread import StoreThread

_BLIND = {
    BlindSpot.RIGHTS: (
        "the network could not be asked which DNS servers it hands out",
        "run it as root: sudo copdns doctor --network",
    ),
    BlindSpot.NO_NETWORK: (
        "copdns answers only on this machine, not on a network",
        "set an address of the network, or `auto`, in dns.listen",
    ),
    BlindSpot.SILENT: (
        "nothing on the network hands out a DNS server",
        "set copdns as DNS server in the router's DHCP settings, or on each device",
    ),
}
_TODO = "set only copdns as DNS server in the router, for IPv4 and IPv6 (docs/install.md)"


def check_network(home: Home) -> Iterator[Finding]:
    """Ask the network as a new device does, and save the result for the dashboard."""
    dns = home.settings.dns
    found = scan_resolvers(listen_addresses(dns.listen), dns.in_front)
    if home.is_stored:
        _save_assessment(home, found)
    if found.state is SetupState.PASSED:
        yield ok("network", "copdns is the only DNS server on the network")
    elif found.state is SetupState.UNKNOWN:
        yield warn("network", *_BLIND[BlindSpot(found.detail)])
    for each in parse_offers(found.detail) if found.state is SetupState.FAILED else ():
        resolvers = ", ".join(each.resolvers)
        yield fail("network", f"{each.server} hands out {resolvers} ({each.by})", _TODO)


def _save_assessment(home: Home, found: Assessment) -> None:
    household, now = home.household.id, home.now

    async def save(store: HouseholdStore) -> None:
        setups = Setups(StoreThread(store))
        before = await setups.progress(household)
        # Where the network says nothing, what a guardian confirmed stays.
        if found.state is not SetupState.UNKNOWN or not before.is_done(Check.ALONE):
            await setups.save(household, Check.ALONE, found.state, now, detail=found.detail)

    home.with_store(save)
