"""What a line has of a provider's addresses, as texts and as what they hold."""

from __future__ import annotations

import pytest

from copdns.provider.address_blocks import AddressError, keys_of, read_block


@pytest.mark.parametrize("text", ["192.0.2.7", "192.0.2.7:1024-2047", "2001:db8:0:100::/56"])
def test_a_block_reads_as_it_is_written(text: str) -> None:
    assert str(read_block(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "192.0.2", "192.0.2.7:", "192.0.2.7:x-y", "192.0.2.7:5", "192.0.2.7:2047-1024"),
        *("192.0.2.7:0-65536", "2001:db8::1", "2001:db8::1/56", "2001:db8::/129", "192.0.2.0/24"),
        *("2001:db8::/65", "2001::/16"),
    ],
)
def test_what_is_no_block_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        read_block(text)


def test_blocks_overlap_by_address_and_ports() -> None:
    low, high = read_block("192.0.2.7:0-99"), read_block("192.0.2.7:100-199")
    whole, other = read_block("192.0.2.7"), read_block("192.0.2.8")
    assert not low.overlaps(high)
    assert low.overlaps(whole)
    assert whole.overlaps(high)
    assert not whole.overlaps(other)
    assert low.overlaps(read_block("192.0.2.7:99-100"))


def test_an_address_is_looked_for_in_the_longest_prefix_first() -> None:
    found = keys_of("2001:db8:0:101::5", {48, 56})
    assert found == [read_block("2001:db8:0:100::/56").key, read_block("2001:db8::/48").key]
    assert keys_of("fe80::1%eth0", {64}) == [read_block("fe80::/64").key]
    assert keys_of("::ffff:192.0.2.7", {56}) == [read_block("192.0.2.7").key]
    with pytest.raises(ValueError, match="nonsense"):
        keys_of("nonsense", {56})
