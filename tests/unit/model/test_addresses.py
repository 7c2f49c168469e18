"""Addresses as people write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from copdns.model.addresses import (
    KnownBy,
    UpstreamAddress,
    device_address,
    is_private_mac,
    known_by,
    mac_address,
    network,
    upstream_address,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:5353", "192.0.2.1", 5353),
        ("2001:DB8::1", "2001:db8::1", 53),
        ("[2001:db8::1]", "2001:db8::1", 53),
        ("[2001:db8::1]:5353", "2001:db8::1", 5353),
        ("[fe80::1%eth0]:53", "fe80::1%eth0", 53),
    ],
)
def test_an_upstream_is_an_address_with_or_without_a_port(text: str, host: str, port: int) -> None:
    assert upstream_address(text) == UpstreamAddress(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dns.example",
        "192.0.2.1:",
        "192.0.2.1:x",
        "192.0.2.1:000053999999",
        "[::1]x",
        "[::1",
        "::",
        "ff02::1",
        "1.2.3",
    ],
)
def test_what_is_no_upstream_is_told_as_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"^'") as caught:
        upstream_address(text)
    assert str(caught.value).startswith(repr(text))


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_upstream_reads_back_as_it_is_written(
    host: IPv4Address | IPv6Address, port: int
) -> None:
    assume(not host.is_unspecified and not host.is_multicast)
    address = UpstreamAddress(str(host), port)
    assert upstream_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        (" 2001:0DB8::1 ", "2001:db8::1"),
        ("2001:db8::/64", "2001:db8::/64"),
    ],
)
def test_an_address_of_a_device_has_one_normal_form(text: str, normal: str) -> None:
    assert device_address(text) == normal


@pytest.mark.parametrize("text", ["", "tablet", "192.0.2.300", "192.0.2.0/33", "fe80::1%eth0"])
def test_what_is_no_address_of_a_device_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a valid network|leave out the"):
        device_address(text)


def test_bits_after_a_prefix_are_forgiven() -> None:
    assert str(network("198.51.100.77/24")) == "198.51.100.0/24"


@pytest.mark.parametrize(
    "text", ["02:00:00:00:00:0a", "02-00-00-00-00-0A", " 02:00:00:00:00:0A\n", "02-00-00-00-00-0a"]
)
def test_a_mac_address_is_one_text_however_it_is_written(text: str) -> None:
    assert mac_address(text) == "02:00:00:00:00:0a"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is not a valid MAC"),
        ("02:00:00:00:00", "is not a valid MAC"),
        ("02:00:00:00:00:0a:00", "is not a valid MAC"),
        ("02:00-00:00:00:0a", "is not a valid MAC"),
        ("02:00:00:00:00:0g", "is not a valid MAC"),
        ("02000000000a", "is not a valid MAC"),
        ("00:00:00:00:00:00", "does not belong to any"),
        ("01:00:5e:00:00:01", "group of devices"),
        ("ff:ff:ff:ff:ff:ff", "group of devices"),
    ],
)
def test_what_is_no_devices_mac_address_is_told_as_written(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        mac_address(text)
    assert str(caught.value).startswith(repr(text))


def test_a_mac_address_that_a_device_made_up_is_told_by_one_bit() -> None:
    assert is_private_mac("da:00:00:00:00:01")
    assert not is_private_mac("00:00:5e:00:53:01")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("02-00-00-00-00-0A", KnownBy((), ("02:00:00:00:00:0a",))),
        ("192.0.2.7", KnownBy(("192.0.2.7",), ())),
        (
            "192.0.2.7, 2001:DB8::/64\n02:00:00:00:00:01 192.0.2.7",
            KnownBy(("192.0.2.7", "2001:db8::/64"), ("02:00:00:00:00:01",)),
        ),
        (" \n", KnownBy((), ())),
    ],
)
def test_what_a_device_is_known_by_is_told_apart(text: str, found: KnownBy) -> None:
    assert known_by(text) == found


def test_what_is_no_address_is_told_both_kinds_that_are() -> None:
    """The field asks for an IP address: an answer with a MAC address alone asks for another one."""
    with pytest.raises(ValueError, match=r"like 192\.0\.2\.1, or six pairs .* 02:00:00:00:00:01"):
        known_by("nonsense")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = known_by(text)
    except ValueError:
        return
    assert known_by(" ".join((*found.addresses, *found.macs))) == found
