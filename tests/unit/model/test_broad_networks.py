"""Networks that are most of the internet, and those that a rule can be about."""

from __future__ import annotations

import pytest

from copdns.model.broad_networks import is_broad_network


@pytest.mark.parametrize(
    "network",
    [
        *("0.0.0.0/0", "128.0.0.0/1", "192.0.0.0/7"),
        *("::/0", "2000::/3", "2001::/16", "2a00::/12", "2000::/18"),
        *("::ffff:0:0/96", "::/64", "64:ff9b::/96", "64:ff9b::/64", "64:ff9b:1::/48"),
    ],
)
def test_most_of_the_internet_is_too_broad(network: str) -> None:
    assert is_broad_network(network)


@pytest.mark.parametrize(
    "network",
    [
        *("10.0.0.0/8", "17.0.0.0/8", "198.51.100.0/24", "192.0.2.1/32", "224.0.0.0/4"),
        *("2001:db8::/32", "2a00::/19", "fc00::/7", "fe80::/10", "2001:db8::1/128"),
        *("64:ff9b::1100:0/104", "240.0.0.0/4"),
    ],
)
def test_one_provider_and_private_ranges_are_not(network: str) -> None:
    assert not is_broad_network(network)
