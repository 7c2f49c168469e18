"""What a rule of a list says besides its name: for which types, people and devices it holds, what
it leaves out, and whether it beats the list's exceptions.

These are modifiers of ad blockers' lists (`||games.example^$dnstype=AAAA`).  Whoever reads one that
is not known leaves out the whole rule: without it, more would be blocked than its author meant.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from typing import Any, Final

from copdns.model.errors import NameTextError
from copdns.model.names import normalize
from copdns.model.record_types import qtype_name, qtype_number


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a rule; those of a plain rule say nothing.

    allow: the rule is an exception.
    important: it beats the exceptions of its list, and as an exception also important rules.
    types, not_types: numbers of the types that it is for, and of those that it is not for.
    clients, not_clients: names, addresses and networks of people and devices.  tags, not_tags:
        `user_child`, kinds of devices, and tags of the household.
    but_not: names that it does not cover, nor anything below them.
    is_of_gate: no line of the list, but an exception that the gate made (`gate.py`).
    """

    allow: bool = False
    important: bool = False
    types: tuple[int, ...] = ()
    not_types: tuple[int, ...] = ()
    clients: tuple[str, ...] = ()
    not_clients: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    but_not: tuple[str, ...] = ()
    is_of_gate: bool = False

    @property
    def is_personal(self) -> bool:
        """Tell whether the rule holds for some people or devices only."""
        return bool(self.clients or self.not_clients or self.tags or self.not_tags)

    @property
    def is_partial(self) -> bool:
        """Tell whether what it covers may be open to the same person: by type, or below a name."""
        return bool(self.types or self.not_types or self.but_not)

    def __str__(self) -> str:
        """Return the modifiers as a list has them, in one order; "" for none."""
        parts = ["important"] if self.important else []
        types = _with_signs(map(qtype_name, self.types), map(qtype_name, self.not_types))
        for name, values in (
            ("client", _with_signs(self.clients, self.not_clients)),
            ("ctag", _with_signs(self.tags, self.not_tags)),
            ("denyallow", list(self.but_not)),
            ("dnstype", types),
        ):
            if values:
                parts.append(f"{name}={'|'.join(values)}")
        return ",".join(parts)


PLAIN: Final = Terms()


def _with_signs(yes: Any, no: Any) -> list[str]:
    return [*yes, *(f"~{each}" for each in no)]


def terms_from(found: Mapping[str, Any]) -> Terms:
    """Return the terms that `dataclasses.asdict` and JSON made a mapping of."""
    values: dict[str, Any] = {}
    for each in fields(Terms):
        value = found[each.name]
        values[each.name] = tuple(value) if isinstance(value, list) else value
    return Terms(**values)


# Tags of AdGuard Home that nobody can tell here: a rule with one is left out.
_UNKNOWN_TAG: Final = re.compile(
    r"os_.*|user_(?!child$|regular$).*"
    r"|device_(?!(?:audio|gameconsole|laptop|other|pc|phone|tablet|tv)$).*"
)
_TAG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


_NO_ANSWER: Final = re.compile(
    r"(?i)(?:nxdomain|refused|servfail|noerror)(?:;;?)?|noerror;(?:a;0\.0\.0\.0|aaaa;::)|0\.0\.0\.0|::"
)


class GivesAnswerError(Exception):
    """The rule answers with data of its own (`dnsrewrite`)."""


def read_terms(text: str, allow: bool) -> tuple[Terms, bool] | None:
    """Return the terms of modifiers such as `important,dnstype=AAAA`; None for one not known here.

    The flag is true where `badfilter` is among them: the rule switches off another.  A `dnsrewrite`
    that answers with nothing is a plain block; any other raises GivesAnswerError.
    """
    values: dict[str, tuple[str, ...]] = {}
    flags: dict[str, bool] = {"important": False, "badfilter": False}
    for part in _split(text, ","):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if name in flags and not equals and not flags[name]:
            flags[name] = True
        elif name == "dnsrewrite":
            if allow or not _NO_ANSWER.fullmatch(value):
                raise GivesAnswerError
        elif name in _READERS and value and name not in values:
            values[name] = tuple(_split(value, "|"))
        else:
            return None
    found: dict[str, tuple[Any, ...]] = {}
    for name, each in values.items():
        read, yes, no = _READERS[name]
        signed = [(_bare(one, name), one.startswith("~")) for one in each]
        made = [(read(one), negated) for one, negated in signed]
        if any(one is None for one, _ in made):
            return None
        found[yes] = tuple(sorted({one for one, negated in made if not negated}))
        negative = tuple(sorted({one for one, negated in made if negated}))
        if negative and (not no or (name == "dnstype" and found[yes])):
            return None
        if no:
            found[no] = negative
    all_of_it: dict[str, Any] = {"allow": allow, "important": flags["important"], **found}
    return Terms(**all_of_it), flags["badfilter"]


def _bare(text: str, name: str) -> str:
    """Return a value without its sign, its quotes and its escapes."""
    text = text.strip().removeprefix("~")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return re.sub(r"\\(.)", r"\1", text) if name == "client" else text


def _split(text: str, at: str) -> Iterator[str]:
    """Yield the parts of a text between marks that are neither escaped nor quoted."""
    part, quote, escaped = "", "", False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and part[-1:] in ("", "=", "~", "|"):
            quote = char
        elif char == at:
            yield part
            part = ""
            continue
        part += char
    yield part


def _read_type(text: str) -> int | None:
    try:
        return qtype_number(text)
    except ValueError:
        return None


def _read_client(text: str) -> str | None:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return text.strip().casefold() or None
    return str(network.network_address if network.num_addresses == 1 else network)


def _read_tag(text: str) -> str | None:
    text = text.lower()
    return text if _TAG.fullmatch(text) and not _UNKNOWN_TAG.fullmatch(text) else None


def _read_name(text: str) -> str | None:
    if "*" in text or text.startswith(("/", ".")):
        return None
    try:
        return normalize(text) or None
    except NameTextError:
        return None


_READERS: Final[dict[str, tuple[Any, str, str]]] = {
    "dnstype": (_read_type, "types", "not_types"),
    "client": (_read_client, "clients", "not_clients"),
    "ctag": (_read_tag, "tags", "not_tags"),
    "denyallow": (_read_name, "but_not", ""),
}
