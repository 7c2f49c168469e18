r"""Read what Pi-hole keeps: its tables of domains, lists, clients and groups, and its settings.

Version 5 gives tables as JSON and settings as text (a Teleporter archive, tar.gz); version 6 gives
`gravity.db` and `pihole.toml` (zip).  Whoever opens archives and databases hands over their parts.

A group becomes a tag, and each set of groups that clients have together becomes a person.  Of
regular expressions those that stand for a name, such as `(\.|^)games\.example$`, become rules.
Tables: Pi-hole's documentation, "Database / Gravity" and "Regex".  Pure.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any, Final, NamedTuple

from copdns.household.edit_checks import free_slug
from copdns.household.moving_in.rule_lines import rule_for
from copdns.household.moving_in.wishes import (
    EVERYONE,
    NO_COUNTERPART,
    NOT_THE_FAMILY,
    TURNED_OFF,
    WRONG_SHAPE,
    DeviceWish,
    EntryCollector,
    FoundSettings,
    LineWish,
    ListWish,
    LocalWish,
    NoWish,
    PersonWish,
    Product,
    RewriteWish,
    RuleWish,
    UpstreamsWish,
    Wish,
)
from copdns.lists.line import ListFormat, read_line
from copdns.model.addresses import is_address
from copdns.model.household import RuleAction
from copdns.model.matchers import MatchKind
from copdns.model.sentences import sentence

Row = Mapping[str, Any]
# The tables of gravity.db that say what a family chose.
TABLES: Final = (
    *("group", "client", "client_by_group", "domainlist", "domainlist_by_group"),
    *("adlist", "adlist_by_group"),
)
_DEFAULT: Final = 0  # the id of the group of whoever has no other
_DEFAULT_NAME: Final = "Everyone"
# The files of version 5 that are tables, with the type of their domains.
_FILES: Final = {
    "whitelist.exact.json": ("domainlist", 0),
    "blacklist.exact.json": ("domainlist", 1),
    "whitelist.regex.json": ("domainlist", 2),
    "blacklist.regex.json": ("domainlist", 3),
    **{f"{each}.json": (each, None) for each in TABLES if each != "domainlist"},
}
_TYPES: Final = {  # of a row of domainlist: what it does, whether it is a regular expression
    0: (RuleAction.ALLOW, False),
    1: (RuleAction.BLOCK, False),
    2: (RuleAction.ALLOW, True),
    3: (RuleAction.BLOCK, True),
}
_LABEL: Final = r"[a-z0-9_-]+(?:\\\.[a-z0-9_-]+)+"
_NAME_FORMS: Final = (  # how regular expressions stand for a name, and what they cover
    (re.compile(rf"\((?:\\\.\|\^|\^\|\\\.)\)({_LABEL})\$", re.IGNORECASE), MatchKind.SUBTREE),
    (re.compile(rf"\^\(\.[*+]\\\.\)\?({_LABEL})\$", re.IGNORECASE), MatchKind.SUBTREE),
    (re.compile(rf"\^?(?:\.\*|\.\+)\\\.({_LABEL})\$", re.IGNORECASE), MatchKind.BELOW),
    (re.compile(rf"\^({_LABEL})\$", re.IGNORECASE), MatchKind.EXACT),
)
_QUERY_TYPE: Final = re.compile(r";querytype=(!?)([a-z0-9,]+)", re.IGNORECASE)
_HARDWARE: Final = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.IGNORECASE)
_OTHER_SERVERS: Final = sentence("copdns already has its own setting for this")


class Table(NamedTuple):
    """Rows of a table.  place: the file that has it."""

    place: str
    rows: Sequence[Row]


class PiHoleParts(NamedTuple):
    """The parts of what was given.

    tables: of a gravity.db, by name.  files: texts by their names, without folders.
    """

    tables: Mapping[str, Table]
    files: Mapping[str, str]


def read_pi_hole(parts: PiHoleParts, read_json: Callable[[str, str], object]) -> FoundSettings:
    """Return what the parts say.  read_json: reads a text, by its name; raises MoveInError."""
    return _Reader(parts, read_json).read()


class _Reader:
    def __init__(self, parts: PiHoleParts, read_json: Callable[[str, str], object]) -> None:
        self.out = EntryCollector()
        self.files = dict(parts.files)
        self.tables: dict[str, list[tuple[str, Row]]] = {each: [] for each in TABLES}
        for name, table in parts.tables.items():
            self._take(name, f"{table.place}: {name}", table.rows, None)
        for file, (name, kind) in _FILES.items():
            if file in self.files:
                rows = read_json(self.files.pop(file), file)
                self._take(name, file, rows, kind)
        self.names: dict[int, str] = {}
        self.keys: dict[int, str] = {}
        self.off: set[int] = set()
        self.people: dict[frozenset[int], str] = {}

    def _take(self, name: str, place: str, rows: object, kind: int | None) -> None:
        if not isinstance(rows, list | tuple):
            self.out.leave(place, name, WRONG_SHAPE)
            return
        for number, row in enumerate(rows, 1):
            at = f"{place} {number}"
            if not isinstance(row, Mapping):
                self.out.leave(at, row, WRONG_SHAPE)
            else:
                self.tables[name].append((at, row if kind is None else {**row, "type": kind}))

    def read(self) -> FoundSettings:
        """Return all that a Pi-hole archive or database has, each entry with its place in it."""
        self._groups()
        self._clients()
        self._domains()
        self._lists()
        for name in sorted(self.files):
            self._file(name, self.files[name])
        return FoundSettings(Product.PI_HOLE, tuple(self.out.entries))

    # --- groups and clients ---------------------------------------------------------------------

    def _groups(self) -> None:
        for place, row in self.tables["group"]:
            key, name = _number(row.get("id")), row.get("name")
            if key is None or not isinstance(name, str) or not name.strip():
                self.out.leave(place, row, WRONG_SHAPE)
                continue
            self.names[key] = name
            if key != _DEFAULT and not row.get("enabled", 1):
                self.off.add(key)
                self.out.leave(place, name, TURNED_OFF)
        self.names.setdefault(_DEFAULT, "Default")
        for group, name in self.names.items():
            self.keys[group] = free_slug(name, self.keys.values(), "group")

    def _links(self, table: str, column: str) -> dict[int, set[int]]:
        """Return the groups of each row that has any."""
        found: dict[int, set[int]] = {}
        for place, row in self.tables[table]:
            key, group = _number(row.get(column)), _number(row.get("group_id"))
            if key is None or group is None:
                self.out.leave(place, row, WRONG_SHAPE)
            else:
                found.setdefault(key, set()).add(group)
        return found

    def _clients(self) -> None:
        links = self._links("client_by_group", "client_id")
        devices: list[tuple[str, str, DeviceWish | NoWish]] = []
        there = self.names.keys() - self.off
        known = {client: frozenset(groups & there) for client, groups in links.items()}
        default = frozenset({_DEFAULT} & there)
        for place, row in self.tables["client"]:
            key, address = _number(row.get("id")), row.get("ip")
            if key is None or not isinstance(address, str):
                self.out.leave(place, row, WRONG_SHAPE)
                continue
            person = self._person_key(known.get(key, default))
            comment = row.get("comment")
            name = comment.strip() if isinstance(comment, str) and comment.strip() else address
            devices.append((place, f"{name}: {address}", _device(person, name, address)))
        others = set(self.names) - self.off - {each for groups in self.people for each in groups}
        for group in (*sorted(others - {_DEFAULT}), _DEFAULT):
            self._person_key(frozenset({group}))
        self.is_split = any(groups != {_DEFAULT} for groups in self.people)
        for groups, key_of_person in self.people.items():
            names = [_group_name(self.names, each) for each in sorted(groups)] or ["No group"]
            tags = frozenset(self.keys[each] for each in groups)
            is_for_all = groups == {_DEFAULT}
            wish = PersonWish(key_of_person, ", ".join(names), tags, stands_for_all=is_for_all)
            self.out.add("groups", ", ".join(names), wish)
        for place, text, device in devices:
            self.out.add(place, text, device)

    def _person_key(self, groups: frozenset[int]) -> str:
        """Return the key of whoever has these groups: a short one, since each device repeats it."""
        return self.people.setdefault(groups, f"person {len(self.people) + 1}")

    def _scopes(self, groups: set[int] | None) -> tuple[str, ...]:
        """Return for whom something with these groups holds; () for nobody.

        Where all clients are in the default group, that is everyone.
        """
        groups = {_DEFAULT} if groups is None else groups
        there = set(self.names) - self.off
        if there <= groups or (_DEFAULT in groups and not self.is_split):
            return (EVERYONE,)
        return tuple(f"#{self.keys[each]}" for each in sorted(groups & there))

    # --- domains and lists ----------------------------------------------------------------------

    def _domains(self) -> None:
        links = self._links("domainlist_by_group", "domainlist_id")
        for place, row in self.tables["domainlist"]:
            kind = _TYPES.get(_number(row.get("type")) or 0)
            domain = row.get("domain")
            if kind is None or not isinstance(domain, str) or not domain.strip():
                self.out.leave(place, row, WRONG_SHAPE)
                continue
            key = _number(row.get("id"))
            has_links = bool(self.tables["domainlist_by_group"])
            scopes = self._scopes(links.get(key or 0, set()) if has_links else None)
            if not row.get("enabled", 1):
                self.out.leave(place, domain, TURNED_OFF)
            elif not scopes:
                self.out.leave(
                    place, domain, sentence("it is in no group, so it applied to nobody")
                )
            else:
                self.out.add(place, domain, _domain_wish(domain.strip(), *kind, scopes, row))

    def _lists(self) -> None:
        links = self._links("adlist_by_group", "adlist_id")
        for place, row in self.tables["adlist"]:
            url, key = row.get("address"), _number(row.get("id"))
            if not isinstance(url, str):
                self.out.leave(place, row, WRONG_SHAPE)
                continue
            has_links = bool(self.tables["adlist_by_group"])
            scopes = self._scopes(links.get(key or 0, set()) if has_links else None)
            comment = row.get("comment")
            title = comment if isinstance(comment, str) else ""
            if not row.get("enabled", 1):
                self.out.leave(place, url, TURNED_OFF)
            else:
                self.out.add(place, url, ListWish(url, title, row.get("type") == 1, scopes))

    # --- settings -------------------------------------------------------------------------------

    def _file(self, name: str, text: str) -> None:
        if name == "pihole.toml":
            self._toml(name, text)
        elif name in ("custom.list", "hosts"):
            for number, line in enumerate(text.splitlines(), 1):
                self._host(f"{name} {number}", line)
        elif name.endswith(".conf"):
            for number, line in enumerate(text.splitlines(), 1):
                self._option(f"{name} {number}", line.strip())
            if name == "setupVars.conf":
                self._reverse_server(name, text)
        else:
            self.out.leave(name, name, NOT_THE_FAMILY)

    def _host(self, place: str, line: str) -> None:
        fields = line.partition("#")[0].split()
        if not fields:
            return
        if len(fields) < 2 or not is_address(fields[0]):
            self.out.leave(place, line, WRONG_SHAPE)
            return
        for each in fields[1:]:
            machine = [*read_line(f"0.0.0.0 {each}", ListFormat.HOSTS, MatchKind.EXACT)]
            if machine == ["local"]:
                self.out.leave(place, line, sentence("it names the device itself"))
            else:
                self.out.add(place, line, LocalWish(each, fields[0]))

    def _option(self, place: str, line: str) -> None:
        key, equals, value = line.partition("=")
        if line.startswith("#") or not equals:
            return
        if key == "cname":
            self._alias(place, value)
        elif key == "dhcp-host":
            self._reservation(place, value)
        elif key == "server" and value.startswith("/"):
            _, name, server = (*value.split("/", 2), "")[:3]
            self.out.add(place, line, UpstreamsWish(name, (_server(server),)))
        elif key in ("PIHOLE_DNS_1", "PIHOLE_DNS_2", "server"):
            self.out.leave(place, line, _OTHER_SERVERS)

    def _alias(self, place: str, value: str) -> None:
        """Read `name,other,target`, perhaps with a TTL at the end."""
        fields = [each.strip() for each in value.split(",")]
        if fields and fields[-1].isdigit():
            del fields[-1]
        if len(fields) < 2 or not all(fields):
            self.out.leave(place, value, WRONG_SHAPE)
            return
        for each in fields[:-1]:
            self.out.add(place, value, RewriteWish(f"={each}", fields[-1]))

    def _reservation(self, place: str, value: str) -> None:
        """Read a device that always gets the same address: `MAC,address,name`."""
        fields = [each.strip() for each in value.split(",")]
        known_by = [each for each in fields if _HARDWARE.fullmatch(each) or is_address(each)]
        names = [each for each in fields if each not in known_by and not each.startswith("set:")]
        if not known_by:
            self.out.leave(place, value, NO_COUNTERPART)
            return
        person = self._person_key(frozenset({_DEFAULT}))
        name = names[0] if names and names[0] else known_by[0]
        self.out.add(place, value, DeviceWish(person, name, tuple(known_by)))

    def _reverse_server(self, name: str, text: str) -> None:
        values = dict(line.partition("=")[::2] for line in text.splitlines())
        if values.get("REV_SERVER") == "true" and values.get("REV_SERVER_TARGET"):
            server = _server(values["REV_SERVER_TARGET"])
            for each in (values.get("REV_SERVER_DOMAIN"), _zone(values.get("REV_SERVER_CIDR", ""))):
                if each:
                    self.out.add(name, f"{each}: {server}", UpstreamsWish(each, (server,)))

    def _toml(self, name: str, text: str) -> None:
        try:
            root = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            self.out.leave(name, str(error), sentence("the file is damaged, so it was not read"))
            return
        for part, section in root.items():
            if part not in ("dns", "dhcp") or not isinstance(section, dict):
                self.out.leave(f"{name}: {part}", part, NOT_THE_FAMILY)
                continue
            for key, value in section.items():
                self._toml_value(f"{name}: {part}.{key}", (part, key), value)

    def _toml_value(self, place: str, path: tuple[str, str], value: object) -> None:
        readers: dict[tuple[str, str], Callable[[str, str], None]] = {
            ("dns", "hosts"): self._host,
            ("dns", "cnameRecords"): self._alias,
            ("dns", "revServers"): self._reverse,
            ("dhcp", "hosts"): self._reservation,
            ("dns", "upstreams"): lambda at, line: self.out.leave(at, line, _OTHER_SERVERS),
        }
        read = readers.get(path)
        if read is None:
            self.out.leave(place, path[1], NOT_THE_FAMILY)
            return
        if not isinstance(value, list):
            self.out.leave(place, value, WRONG_SHAPE)
            return
        for number, each in enumerate(value, 1):
            if isinstance(each, str):
                read(f"{place} {number}", each)
            else:
                self.out.leave(f"{place} {number}", each, WRONG_SHAPE)

    def _reverse(self, place: str, value: str) -> None:
        """Read `true,network,server,name`: who knows the names of the home."""
        fields = [each.strip() for each in value.split(",")]
        is_on, network, server, name = (*fields, "", "", "")[:4]
        if is_on != "true" or not server:
            self.out.leave(place, value, TURNED_OFF if is_on == "false" else WRONG_SHAPE)
            return
        for each in filter(None, (name, _zone(network))):
            self.out.add(place, value, UpstreamsWish(each, (_server(server),)))


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, int) and 0 <= value < 1 << 53 else None


def _group_name(names: Mapping[int, str], group: int) -> str:
    return _DEFAULT_NAME if group == _DEFAULT else names[group]


def _device(person: str, name: str, address: str) -> DeviceWish | NoWish:
    """Return a client as a device; Pi-hole also knows them by host name and interface."""
    if _HARDWARE.fullmatch(address) or is_address(address.partition("/")[0]):
        return DeviceWish(person, name, (address,))
    return NoWish(
        sentence("copdns cannot recognise a device by this name; add it again under Devices")
    )


def _domain_wish(
    domain: str, action: RuleAction, is_regex: bool, scopes: tuple[str, ...], row: Row
) -> Wish:
    comment = row.get("comment")
    note = " ".join(comment.split()) if isinstance(comment, str) else ""
    allow = action is RuleAction.ALLOW
    if not is_regex:
        return RuleWish(action, f"={domain}", scopes, note)
    for form, match in _NAME_FORMS:
        if found := form.fullmatch(domain):
            rule = rule_for(found[1].replace("\\.", ".").lower(), match, allow=allow)
            return RuleWish(action, rule.target, scopes, note)
    return _pattern_wish(domain, allow, scopes)


def _pattern_wish(regex: str, allow: bool, scopes: tuple[str, ...]) -> Wish:
    types = _QUERY_TYPE.search(regex)
    plain = _QUERY_TYPE.sub("", regex)
    if ";" in plain:
        return NoWish(sentence("it has a condition that copdns does not have"))
    line = f"{'@@' * allow}/{plain}/"
    if types:
        signed = "|".join(f"{'~' * bool(types[1])}{each}" for each in types[2].upper().split(","))
        line += f"$dnstype={signed}"
    return LineWish(line, scopes)


def _server(text: str) -> str:
    """Return the address of a server, whose port stands behind `#`."""
    address, _, port = text.strip().partition("#")
    if not port or port == "53":
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _zone(network: str) -> str:
    """Return the reverse zone of a network, cut to whole labels; "" for what is none."""
    try:
        found = ip_network(network.strip(), strict=False)
    except ValueError:
        return ""
    size = 8 if found.version == 4 else 4
    labels = found.network_address.reverse_pointer.split(".")
    kept = found.prefixlen // size
    return ".".join(labels[len(labels) - 2 - kept :]) if kept else ""
