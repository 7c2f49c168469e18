"""What a name of this house can have: addresses, and TXT and SRV records as in zone files.

    192.168.1.20
    TXT sold by the florist
    SRV 0 0 631 printer.home.arpa

A name that stands for another has no CNAME here, but a rewrite.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from copdns.model.addresses import address, domain, is_address
from copdns.model.errors import NameTextError, TextError
from copdns.model.scoped_names import ScopedName, split_scope

MAX_TEXT: Final = 1000  # octets of a TXT record, so that it fits a datagram
_WILDCARD: Final = "*."
_SRV_FIELDS: Final = 4  # priority, weight, port, target (RFC 2782)


class LocalValues(NamedTuple):
    """addresses: in normal form.  records: type and data, in normal form."""

    addresses: tuple[str, ...]
    records: tuple[str, ...]


def local_value(text: str) -> str:
    """Return the normal text of an address or a record; raise TextError or NameTextError."""
    kind, _, data = text.strip().partition(" ")
    if kind.upper() == "TXT" and data.strip():
        return f"TXT {_read_text(text, data.strip())}"
    if kind.upper() == "SRV":
        return f"SRV {_read_srv(text, data)}"
    if kind.upper() == "CNAME":
        raise TextError(
            "'%(written)s': a domain that stands for another is a DNS rewrite; add one instead",
            written=text,
        )
    return str(address(text))


def split_values(texts: Iterable[str]) -> LocalValues:
    """Return values in normal form, each once, addresses and records apart."""
    values = tuple(dict.fromkeys(texts))
    addresses = tuple(each for each in values if is_address(each))
    return LocalValues(addresses, tuple(each for each in values if not is_address(each)))


def local_domain(text: str) -> str:
    """Return a name of this house in normal form; `*.dev.home.arpa` stands for all below it."""
    written = text.strip()
    if written.startswith(_WILDCARD):
        return _WILDCARD + domain(written[len(_WILDCARD) :])
    return domain(written)


def scoped_local_domain(text: str) -> ScopedName:
    """Read a name of this house that may be for some only: `nas.home.arpa@mia`.

    Raise NameTextError or TextError.
    """
    written, scope = split_scope(text)
    return ScopedName(local_domain(written), scope)


def _read_text(written: str, data: str) -> str:
    inside = data[1:-1]
    found = inside if inside and '"' not in inside and data[0] == data[-1] == '"' else data
    if len(found.encode()) > MAX_TEXT or not found.isprintable():
        raise TextError(
            "'%(written)s' cannot be a TXT record; write at most %(most)s characters, without line "
            "breaks",
            written=written[:60],
            most=MAX_TEXT,
        )
    return found


def _read_srv(written: str, data: str) -> str:
    fields = data.split()
    numbers = fields[:-1]
    is_whole = len(fields) == _SRV_FIELDS and all(
        each.isascii() and each.isdigit() and int(each) < 65536 for each in numbers
    )
    try:
        if is_whole:
            return " ".join((*(str(int(each)) for each in numbers), domain(fields[-1])))
    except (NameTextError, ValueError):
        pass
    raise TextError(
        "'%(written)s' is not a valid SRV record; write one such as %(example)s",
        written=written,
        example="SRV 0 0 631 printer.home.arpa",
    )
