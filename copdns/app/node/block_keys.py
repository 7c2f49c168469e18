"""Under which keys of the tables a block of addresses stands.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from copdns.provider.address_blocks import AddressBlock, AddressError, read_block
from copdns.provider.plane.snapshot import IPV6_PREFIX, ports_key

MOST_PREFIXES: Final = 256  # of 56 bits, within a shorter one


def keys_of_text(text: str) -> tuple[bytes, ...]:
    """Return the keys of a block, as `AddressBlock` is written; () for what is none."""
    try:
        block = read_block(text)
    except AddressError:
        return ()
    if block.length > IPV6_PREFIX:
        return (key_around(block),)
    if block.length:
        return tuple(keys_within(block))
    address = IPv4Address(block.network).packed
    if block == AddressBlock(block.network):
        return (address,)
    return (ports_key(address, block.first_port, block.last_port),)


def key_around(block: AddressBlock) -> bytes:
    """Return the key of the prefix of 56 bits that a longer one lies in."""
    step = 1 << (128 - IPV6_PREFIX)
    return IPv6Address(block.network // step * step).packed


def keys_within(block: AddressBlock) -> Iterator[bytes]:
    """Yield the keys of a prefix; none of one so short that no line has it."""
    many = 1 << (IPV6_PREFIX - block.length)
    if many <= MOST_PREFIXES:
        for number in range(many):
            yield IPv6Address(block.network + (number << (128 - IPV6_PREFIX))).packed
