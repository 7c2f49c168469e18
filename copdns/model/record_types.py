"""Names of record types, and their numbers on the wire.  Pure."""

from __future__ import annotations

from typing import Final

# What homes ask for, of the IANA registry of DNS parameters.
_NUMBERS: Final = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "HINFO": 13,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "LOC": 29,
    "SRV": 33,
    "NAPTR": 35,
    "DNAME": 39,
    "DS": 43,
    "SSHFP": 44,
    "RRSIG": 46,
    "NSEC": 47,
    "DNSKEY": 48,
    "TLSA": 52,
    "SVCB": 64,
    "HTTPS": 65,
    "SPF": 99,
    "ANY": 255,
    "URI": 256,
    "CAA": 257,
}
_NAMES: Final = {number: name for name, number in _NUMBERS.items()}


def qtype_name(number: int) -> str:
    """Return `AAAA`, or `TYPE4711` for one without a name here (RFC 3597 section 5)."""
    return _NAMES.get(number, f"TYPE{number}")


def qtype_number(text: str) -> int:
    """Return the number of `AAAA`, `TYPE28` or `28`; raise ValueError."""
    name = text.upper()
    digits = name.removeprefix("TYPE")
    if name in _NUMBERS:
        return _NUMBERS[name]
    if digits.isascii() and digits.isdigit() and len(digits) <= 5 and 0 < int(digits) < 65536:
        return int(digits)
    raise ValueError(
        f"{text!r} is not a valid record type; write one such as A, AAAA, HTTPS or TYPE65"
    )
