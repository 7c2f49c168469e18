"""Read lines that were written for another DNS server: dnsmasq, unbound, and response policy zones.

Of a dnsmasq or unbound file only what blocks or opens a name is read; an option that names a file,
a program or another server is never followed.  A response policy zone (RPZ,
draft-vixie-dnsop-dns-rpz) is read line by line by a `ZoneReader`, since a line may leave out its
owner, and an SOA record may take several.  How a blocked name is answered is a setting of the
profile, so every action that withholds the answer reads as a block.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from copdns.lists.line import (
    ListedName,
    ListedNetwork,
    ListedRule,
    Outcome,
    SkipReason,
    read_name,
    read_network,
)
from copdns.lists.terms import Terms
from copdns.model.matchers import MatchKind
from copdns.model.names import suffixes

_NULL: Final = frozenset({"", "#", "0.0.0.0", "::", "::1", "127.0.0.1"})  # noqa: S104 - in a list
_DNSMASQ: Final = re.compile(r"(address|server|local)=/(.*)/([^/]*)")


def read_dnsmasq(line: str) -> Iterator[Outcome]:
    """Yield the names of an `address=`, `server=` or `local=` line, each with all below it.

    `server=/name/#` leaves a name to the ordinary servers, so it is an exception.
    """
    line = line.partition(" #")[0].strip()
    if not line or line.startswith("#"):
        return
    found = _DNSMASQ.fullmatch(line)
    if found is None:
        yield SkipReason.OPTION
        return
    option, names, value = found.groups()
    opens = option == "server" and value == "#"
    if not opens and value and option != "address":
        yield SkipReason.OPTION  # another server answers
        return
    for name in names.split("/"):
        if name in ("", "#"):
            yield SkipReason.SUFFIX  # every name there is
        else:
            yield _allowing(read_name(name, MatchKind.SUBTREE), opens)


_ZONE: Final = re.compile(r'local-zone:\s*"?([^"\s]+)"?\s+"?([a-z_]+)"?')
_DATA: Final = re.compile(r"""local-data:\s*(["'])([^"'\s]+)\s+(.*)\1""")
# Types that answer with something else than the name's own data, and those that do not.
_WITHHELD: Final = frozenset(
    {
        *("always_null", "always_nxdomain", "always_nodata", "always_refuse", "always_deny"),
        *("static", "deny", "refuse", "redirect", "inform_deny", "inform_redirect"),
    }
)
_NOT_WITHHELD: Final = frozenset(
    {"transparent", "typetransparent", "nodefault", "inform", "block_a"}
)


def read_unbound(line: str) -> Iterator[Outcome]:
    """Yield what a `local-zone:` or `local-data:` line blocks; a zone covers all below it too."""
    line = line.strip()
    if not line or line.startswith("#") or re.fullmatch(r"server:\s*(?:#.*)?", line):
        return
    line = re.sub(r"\s#.*", "", line).rstrip()
    if zone := _ZONE.fullmatch(line):
        name, kind = zone.groups()
        if kind in _WITHHELD or kind == "always_transparent":
            outcome = read_name(name, MatchKind.SUBTREE)
            yield _allowing(outcome, kind == "always_transparent")
        elif kind not in _NOT_WITHHELD:
            yield SkipReason.OPTION
    elif data := _DATA.fullmatch(line):
        rtype, _, value = _without_ttl(data[3].split())
        is_address = rtype in ("A", "AAAA") and bool(value)
        yield read_name(data[2], MatchKind.EXACT) if is_address else SkipReason.ANSWER
    else:
        yield SkipReason.OPTION


def _allowing(outcome: Outcome, allow: bool) -> Outcome:
    if allow and isinstance(outcome, ListedName):
        return outcome._replace(allow=True)
    return outcome


def _without_ttl(fields: list[str]) -> tuple[str, str, str]:
    """Return the type of a record, its data, and the first word of that."""
    while fields and (fields[0].isdigit() or fields[0].upper() in ("IN", "CH", "HS")):
        fields = fields[1:]
    if not fields:
        return "", "", ""
    return fields[0].upper(), " ".join(fields[1:]), fields[1] if len(fields) > 1 else ""


_TTL: Final = re.compile(r"(?i)[0-9]+|(?:[0-9]+[smhdw])+")
_TYPE: Final = re.compile(r"(?i)[a-z]+[0-9a-z-]*")
_FURNITURE: Final = frozenset({"SOA", "NS"})
_TRIGGER: Final = re.compile(r"(?:(.+)\.)?rpz-(ip|client-ip|nsdname|nsip)")


class ZoneReader:
    """Reads a response policy zone (RPZ), a line at a time."""

    def __init__(self) -> None:
        self._origin = ""
        self._owner = ""
        self._open = False  # inside the parentheses of a record

    def read(self, line: str) -> Iterator[Outcome]:
        """Yield what a line blocks or opens; nothing for a comment and for what every zone has."""
        line = line.partition(";")[0].rstrip()
        if self._open:
            self._open = ")" not in line
            return
        fields = line.split()
        if not fields or line.startswith("#"):
            return  # a zone has no such comment, but some lists do
        if fields[0].startswith("$"):
            if fields[0].upper() == "$ORIGIN" and len(fields) == 2:
                self._origin = fields[1].strip(".").lower()
            elif fields[0].upper() != "$TTL":
                yield SkipReason.OPTION
            return
        if not line[0].isspace():
            self._owner = fields.pop(0)
        while fields and (_TTL.fullmatch(fields[0]) or fields[0].upper() == "IN"):
            fields.pop(0)
        rtype = fields[0].upper() if fields else ""
        if rtype in _FURNITURE:
            self._open = "(" in line and ")" not in line
            if rtype == "SOA" and self._owner != "@" and self._owner.endswith("."):
                self._origin = self._origin or self._owner.strip(".").lower()
        elif len(fields) < 2 or not _TYPE.fullmatch(rtype):
            yield SkipReason.SYNTAX
        else:
            yield self._read_record(rtype, fields[1])

    def _read_record(self, rtype: str, data: str) -> Outcome:
        owner = self._relative(self._owner)
        if owner is None:
            return SkipReason.NAME  # of another zone
        allow = _opens(rtype, data, owner)
        if allow is None:
            return SkipReason.ANSWER
        trigger = _TRIGGER.fullmatch(owner)
        if trigger is not None:
            return _read_trigger(trigger[2], trigger[1] or "", allow)
        if owner.startswith("*."):
            found = read_name(owner[2:], MatchKind.BELOW)
        elif owner == "*":
            return SkipReason.SUFFIX
        else:
            found = read_name(owner, MatchKind.EXACT)
        return _allowing(found, allow)

    def _relative(self, owner: str) -> str | None:
        """Return an owner without the zone's own name; None for one outside the zone."""
        owner = owner.lower()
        if not owner.endswith("."):
            return owner
        owner = owner.rstrip(".")
        if not self._origin:
            return owner
        end = "." + self._origin
        return owner.removesuffix(end) if owner.endswith(end) else None


def _opens(rtype: str, data: str, owner: str) -> bool | None:
    """Tell whether a record opens its name, or withholds it; None: it answers with other data."""
    data = data.lower()
    if rtype == "CNAME":
        if data in (".", "*.", "rpz-drop."):
            return False
        # Asking again over TCP, the device gets the answer.
        if data in ("rpz-passthru.", "rpz-tcp-only."):
            return True
        return True if data.rstrip(".") == owner else None
    if rtype in ("A", "AAAA"):
        return False if data in _NULL else None
    return None


def _read_trigger(kind: str, text: str, allow: bool) -> Outcome:
    network = read_rpz_network(text) if kind in ("ip", "client-ip") else None
    if network is None:
        return SkipReason.TRIGGER
    if kind == "client-ip":
        return ListedRule("*", None, Terms(allow=allow, clients=(network,)))
    found = read_network(network)
    return found._replace(allow=allow) if isinstance(found, ListedNetwork) else found


def read_rpz_network(text: str) -> str | None:
    """Return the network of an address trigger such as `24.0.2.0.192`, as CIDR text, or None.

    The prefix length comes first, then the octets or groups from the last to the first; `zz` stands
    for `::`.
    """
    length, _, rest = text.partition(".")
    parts = rest.split(".")[::-1]
    try:
        if len(parts) == 4 and all(each.isdigit() for each in parts):
            return str(ip_network(f"{'.'.join(parts)}/{length}"))
        joined = ":".join("" if each == "zz" else each for each in parts)
        if "zz" in parts:
            joined = joined if joined.strip(":") else "::"
            joined = f":{joined}" if parts[0] == "zz" else joined
            joined = f"{joined}:" if parts[-1] == "zz" else joined
        address = ip_address(joined.replace(":::", "::"))
        assert isinstance(address, IPv6Address)
        return str(ip_network(f"{address}/{length}"))
    except (ValueError, AssertionError):
        return None


def settle_zone(
    blocks: dict[str, MatchKind], allows: dict[str, MatchKind]
) -> dict[Terms, dict[str, MatchKind]]:
    """Give the names of a zone the meaning that they have in a list, and return important ones.

    In a zone the closest owner decides: what is below an owner that has no wildcard is not covered
    by a wildcard above it (RFC 4592 section 3.3.1), and a block may stand below an exception.  A
    name that is only there because of one below it is covered, as unbound has it.  In a
    list, an exception lifts whatever its list blocks, so exceptions are added for the first, and
    the second becomes an important rule.  Deeper than an exception from such a rule is not gone.
    """
    for owner in (*blocks, *allows):
        own = blocks.get(owner, MatchKind.EXACT), allows.get(owner, MatchKind.EXACT)
        uncovered = [owner] if own == (MatchKind.EXACT, MatchKind.EXACT) else []
        for name in suffixes(owner)[1:]:
            block, allow = blocks.get(name), allows.get(name)
            if allow is not None and allow is not MatchKind.EXACT:
                break
            if block is not None and block is not MatchKind.EXACT:
                for each in uncovered:
                    _widen(allows, each, MatchKind.BELOW)
                break
            uncovered.append(name)
    important: dict[str, MatchKind] = {}
    exceptions: dict[str, MatchKind] = {}
    if allows:
        for name in [each for each in blocks if _is_below_one(each, allows)]:
            important[name] = blocks.pop(name)
    if important:
        for name in [each for each in allows if _is_below_one(each, important)]:
            exceptions[name] = allows.pop(name)
    return {
        terms: names
        for terms, names in (
            (Terms(important=True), important),
            (Terms(allow=True, important=True), exceptions),
        )
        if names
    }


def _widen(names: dict[str, MatchKind], name: str, match: MatchKind) -> None:
    before = names.setdefault(name, match)
    if before is not match:
        names[name] = MatchKind.SUBTREE


def _is_below_one(name: str, names: dict[str, MatchKind]) -> bool:
    """Tell whether a name is below one that covers all below it."""
    above = suffixes(name)[1:]
    return any(names.get(each, MatchKind.EXACT) is not MatchKind.EXACT for each in above)
