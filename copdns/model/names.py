"""Domain names as text: one normal form inside, U-labels for people, wire form outside.

The normal form of a qname is lower case ASCII without a trailing dot; "" is the root.  Octets
that are no letter, digit, hyphen or underscore are written as `\\DDD` (RFC 1035 section 5.1),
so a dot in the text always separates two labels and `rpartition(".")` is exact: a crafted
label can neither dodge a rule nor trigger one.
"""

from __future__ import annotations

from typing import Final

import idna

from copdns.model.errors import NameTextError, WireError

MAX_LABEL: Final = 63
MAX_WIRE: Final = 255

_PLAIN: Final = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
_DOT: Final = b"."
_LONG: Final = 45  # shorter labels have lengths that are no code of a plain octet
# The text of a name that has only such labels and plain octets, octet by octet: a dot in place of a
# length, letters in lower case, and a dot too in place of all that is to be escaped.
_TEXT: Final = bytes(
    ord(chr(octet).lower()) if octet in _PLAIN + _PLAIN.upper() else _DOT[0] for octet in range(256)
)


def read_name_text(message: bytes, at: int) -> tuple[str, int]:
    """Return the normal form of an uncompressed name in a message, and the place after it.

    Raise WireError for any other name.
    """
    start, dots, longest = at, -1, 0
    try:
        while size := message[at]:
            if size > longest:
                longest = size
                if size > MAX_LABEL:
                    raise WireError("the name of the question is compressed or malformed")
            dots += 1
            at += size + 1
    except IndexError:
        raise WireError("the name of the question is cut short") from None
    at += 1
    if at - start > MAX_WIRE:
        raise WireError("the name of the question is longer than 255 octets")
    if 0 < longest < _LONG:  # not the root, whose slice would end before it begins
        text = message[start + 1 : at - 1].translate(_TEXT)
        if text.count(_DOT) == dots:  # else there is something to escape, as in hardly any name
            return text.decode("ascii"), at
    return ".".join(map(_label_text, _labels(message, start))), at


def from_wire(labels: bytes) -> str:
    """Return the normal form of an uncompressed name in wire form, root label included."""
    return read_name_text(labels, 0)[0]


def _labels(message: bytes, at: int) -> list[bytes]:
    """Return the labels of a name that was found to be whole."""
    labels: list[bytes] = []
    while size := message[at]:
        at += size + 1
        labels.append(message[at - size : at])
    return labels


def _label_text(label: bytes) -> str:
    label = label.lower()
    if not label.translate(None, _PLAIN):
        return label.decode("ascii")
    return "".join(chr(octet) if octet in _PLAIN else f"\\{octet:03d}" for octet in label)


def to_wire(name: str) -> bytes:
    """Return the uncompressed wire form of a normal form; raise NameTextError when too long."""
    wire = bytearray()
    for label in name.split(".") if name else ():
        octets = _label_octets(label)
        if not 0 < len(octets) <= MAX_LABEL:
            raise NameTextError(
                "'%(called)s' is not a valid domain; each part between dots can have 1 to 63 "
                "characters",
                called=name,
            )
        wire.append(len(octets))
        wire += octets
    wire.append(0)
    if len(wire) > MAX_WIRE:
        raise NameTextError(
            "'%(called)s' is too long; a domain can have at most 253 characters", called=name
        )
    return bytes(wire)


def _label_octets(label: str) -> bytes:
    if "\\" not in label:
        return label.encode("ascii")
    octets = bytearray()
    at = 0
    while at < len(label):
        if label[at] == "\\":
            octets.append(int(label[at + 1 : at + 4]))
            at += 4
        else:
            octets.append(ord(label[at]))
            at += 1
    return bytes(octets)


def normalize(text: str) -> str:
    """Return the normal form of a name that a person or a list wrote.

    Upper case, one trailing dot and U-labels (RFC 5890) are welcome.  Names that IDNA refuses
    but DNS carries, such as `_dns.example` or `a_b.example`, pass as they are.
    """
    text = text.strip().removesuffix(".")
    if text and not text.isascii():
        try:
            # Only now the full stops of other scripts have become dots: one may stand at the end.
            text = idna.encode(text, uts46=True).decode("ascii").removesuffix(".")
        except idna.IDNAError as error:
            raise NameTextError(
                "'%(written)s' is not a valid domain: %(error)s", written=text, error=str(error)
            ) from None
    text = text.lower()
    for label in text.split(".") if text else ():
        if label.encode().translate(None, _PLAIN):
            raise NameTextError(
                "'%(written)s' is not a valid domain; use letters, digits, hyphens and dots",
                written=text,
            )
    to_wire(text)
    return text


def display(name: str) -> str:
    """Return the name as people write it: U-labels where they are valid (RFC 5891)."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name  # a made-up A-label: the letters themselves are the honest thing to show


def suffixes(name: str) -> tuple[str, ...]:
    """Return the name itself, then every parent, the longest first; never the root."""
    found = []
    while name:
        found.append(name)
        _, _, name = name.partition(".")
    return tuple(found)


def is_below(name: str, parent: str) -> bool:
    """Tell whether a name stands under another (and is not that name itself)."""
    return name.endswith(f".{parent}") if parent else bool(name)


def name_of(typed: str) -> str:
    """Return the name that was meant, in its normal form; "" for none."""
    try:
        return normalize(host_of(typed))
    except NameTextError:
        return ""


def host_of(typed: str) -> str:
    """Return what stands for the name in what was typed: people copy whole addresses."""
    before, scheme, after = typed.partition("://")
    return (
        (after if scheme else before)
        .partition("/")[0]
        .partition("?")[0]
        .rpartition("@")[2]
        .partition(":")[0]
    )
