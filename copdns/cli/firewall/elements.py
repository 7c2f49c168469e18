"""Which devices and addresses the sets of the firewall hold.

A set's name ends in what it holds: `_mac`, `4`, `6`.  `rules.py` writes what comes of it.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from copdns.model.addresses import Network
from copdns.model.household import Device

Elements = Mapping[str, Sequence[str]]  # by the name of the set


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """By what a router can tell devices.

    macs: sorted.  networks: of devices without a MAC address; none overlaps another.
    """

    macs: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class ClosedPerson:
    """Somebody for whom time closes every name now.

    profile: the id.  open_to: networks that stay open to them, besides those for everyone.
    """

    profile: str
    open_to: tuple[Network, ...] = ()


def find_known_by(devices: Sequence[Device], has: Callable[[str], bool]) -> DeviceKeys:
    """Return how the devices of those people are told whose profile `has` says so.

    As a query's client is found: the last device with a MAC address or network wins, and of
    networks the smallest.  An address of a device that has MAC addresses is left out, since another
    device that is there is a guest.
    """
    profile_by_mac = {mac: each.profile for each in devices for mac in each.macs}
    profile_by_network = {
        ip_network(text): each.profile
        for each in devices
        if not each.macs
        for text in each.addresses
    }
    ours = [each for each, profile in profile_by_network.items() if has(profile)]
    others = [each for each, profile in profile_by_network.items() if not has(profile)]
    left = [part for each in ours for part in _without(each, others)]
    return DeviceKeys(
        tuple(sorted(mac for mac, profile in profile_by_mac.items() if has(profile))),
        tuple(_collapse(left)),
    )


def _without(network: Network, others: Sequence[Network]) -> Iterator[Network]:
    """Yield what is left of a network without smaller ones in it that are somebody else's."""
    inside = next((each for each in others if _contains(network, each)), None)
    if inside is None:
        yield network
        return
    if isinstance(network, IPv4Network) and isinstance(inside, IPv4Network):
        parts: Iterable[Network] = network.address_exclude(inside)
    elif isinstance(network, IPv6Network) and isinstance(inside, IPv6Network):
        parts = network.address_exclude(inside)
    else:  # `_contains` is true within one family alone
        raise AssertionError(network, inside)
    for part in parts:
        yield from _without(part, others)


def _contains(network: Network, other: Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(other, IPv4Network) and other.subnet_of(network)
    return isinstance(other, IPv6Network) and other.subnet_of(network)


def _collapse(networks: Iterable[Network]) -> Iterator[Network]:
    """Yield the same addresses in the fewest networks, in order, IPv4 first."""
    found = tuple(networks)
    yield from collapse_addresses(each for each in found if isinstance(each, IPv4Network))
    yield from collapse_addresses(each for each in found if isinstance(each, IPv6Network))


def address_elements(name: str, networks: Iterable[Network]) -> dict[str, tuple[str, ...]]:
    """Return the sets of addresses, `name4` and `name6`."""
    found: dict[str, list[str]] = {f"{name}4": [], f"{name}6": []}
    for each in _collapse(networks):
        found[f"{name}{each.version}"].append(network_text(each))
    return {key: tuple(texts) for key, texts in found.items()}


def device_elements(name: str, known: DeviceKeys) -> dict[str, tuple[str, ...]]:
    """Return the sets of devices, `name_mac`, `name4` and `name6`."""
    return {f"{name}_mac": known.macs, **address_elements(name, known.networks)}


def pair_elements(
    closed: Iterable[ClosedPerson], known: Mapping[str, DeviceKeys]
) -> dict[str, tuple[str, ...]]:
    """Return the sets of devices with what stays open to each: `open_mac4`, `open_mac6`, `open4`,
    `open6`.  known: by the profile."""
    found: dict[str, list[str]] = {"open_mac4": [], "open_mac6": [], "open4": [], "open6": []}
    for person in closed:
        by = known[person.profile]
        for to in _collapse(person.open_to):
            text = network_text(to)
            found[f"open_mac{to.version}"] += [f"{mac} . {text}" for mac in by.macs]
            found[f"open{to.version}"] += [
                f"{network_text(each)} . {text}"
                for each in by.networks
                if each.version == to.version
            ]
    return {key: tuple(texts) for key, texts in found.items()}


def network_text(network: Network) -> str:
    """Return a network as nft writes it: plain for a single address."""
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if single else network)
