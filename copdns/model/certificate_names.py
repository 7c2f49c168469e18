"""The names and addresses that a certificate is for, read from its octets.

Without a library of cryptography, which takes 10 MB: nothing is verified here, and the certificate
is this machine's own.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

# The object identifier of subjectAltName, 2.5.29.17 (RFC 5280 section 4.2.1.6).
_ALTERNATIVE_NAMES: Final = b"\x06\x03\x55\x1d\x11"
_BOOLEAN: Final = 0x01
_OCTETS: Final = 0x04
_SEQUENCE: Final = 0x30
_DNS_NAME: Final = 0x82
_ADDRESS: Final = 0x87
_ADDRESS_SIZES: Final = (4, 16)


def names_in_certificate(der: bytes) -> tuple[str, ...]:
    """Return the names, in lower case, and the addresses; () where there are none, or nothing that
    can be read.  der: a certificate in DER form."""
    at = der.find(_ALTERNATIVE_NAMES)
    if at < 0:
        return ()
    try:
        return tuple(_read_names(der, at + len(_ALTERNATIVE_NAMES)))
    except (IndexError, ValueError):
        return ()


def covers(names: tuple[str, ...], wanted: str) -> bool:
    """Tell whether a name or an address is among those of a certificate; a `*` stands for one label
    (RFC 9525 section 6.3)."""
    _, _, above = wanted.partition(".")
    return wanted in names or (bool(above) and f"*.{above}" in names)


def _read_names(der: bytes, at: int) -> Iterator[str]:
    tag, start, end = _read_head(der, at)
    if tag == _BOOLEAN:  # whether it is critical
        tag, start, end = _read_head(der, end)
    if tag != _OCTETS:
        return
    tag, at, last = _read_head(der, start)
    if tag != _SEQUENCE:
        return
    while at < last:
        tag, start, end = _read_head(der, at)
        value, at = der[start:end], end
        if tag == _DNS_NAME:
            yield value.decode("ascii").lower()
        elif tag == _ADDRESS and len(value) in _ADDRESS_SIZES:
            yield str(ip_address(value))


def _read_head(der: bytes, at: int) -> tuple[int, int, int]:
    """Return the tag of what begins at a place, and where its value begins and ends."""
    tag, size = der[at], der[at + 1]
    at += 2
    if size & 0x80:
        count = size & 0x7F
        size, at = int.from_bytes(der[at : at + count], "big"), at + count
    if at + size > len(der):
        raise ValueError("cut short")
    return tag, at, at + size
