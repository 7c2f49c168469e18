"""What single entries of the facts say, and which of them a newer set would take away.

Protected names, helplines and report offices that a newer set lacks, or has weaker or otherwise,
are put back into it, and returned as what waits for a guardian.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from copdns.lists.catalogue import TIME_SERVERS
from copdns.lists.line import is_shared_suffix
from copdns.model.helpline_shapes import AGREEING
from copdns.model.matchers import Matcher, MatchKind, parse_matcher
from copdns.model.names import suffixes

PROTECTED: Final = "protected.yaml"
HELPLINES: Final = "helplines.yaml"
HOTLINES: Final = "hotlines.yaml"

Values = Mapping[str, Any]


class EntryChange(NamedTuple):
    """An entry that differs.  key: whose.  was: "" for a new one.  becomes: "" for none."""

    key: str
    was: str
    becomes: str


# --- protected names ------------------------------------------------------------------------------


class _Protection(NamedTuple):
    """How a name is protected.  entry, group: as the file has them."""

    matcher: Matcher
    slug: str
    group: Values
    entry: Values

    @property
    def strength(self) -> tuple[bool, ...]:
        """Return what holds for it: each of these more is stronger."""
        group = self.group
        if self.entry.get("unopened", False):
            return False, False, False, False
        return (
            True,
            bool(group["help"]),
            bool(group["beats_time"]),
            bool(group["help"]) or not group.get("recorded", True),
        )

    def holds_as_much_as(self, other: _Protection) -> bool:
        """Tell whether all that another one protects is protected as well here."""
        wider = self.matcher == other.matcher or (
            self.matcher.match is MatchKind.SUBTREE and self.matcher.covers(other.matcher.name)
        )
        freed = set(self.entry.get("but_not", ())) - set(other.entry.get("but_not", ()))
        name = other.matcher.name
        touches = any(each in suffixes(name) or name in suffixes(each) for each in freed)
        stronger = all(
            mine or not its for mine, its in zip(self.strength, other.strength, strict=True)
        )
        # Of these alone it is known that they may be asked in clear text.
        alike = (self.slug == TIME_SERVERS) is (other.slug == TIME_SERVERS)
        return wider and stronger and alike and not touches


def _protections(file: Values) -> dict[str, _Protection]:
    found = {}
    for slug, group in file["groups"].items():
        for entry in group["names"]:
            matcher = parse_matcher(entry["name"])
            found[str(matcher)] = _Protection(matcher, slug, group, entry)
    return found


def merge_protected(
    before: Values, merged: dict[str, Any], closable: Collection[str]
) -> Iterator[EntryChange]:
    """Put back into `merged`, the newer file, what it would protect less; yield what waits.

    closable: names of apps and of known ways around the filter: no new name opens one of them.
    """
    old, new = _protections(before), _protections(merged)
    lost = [each for key, each in old.items() if not _is_held_up(key, each, new)]
    for each in lost:
        now = new.get(str(each.matcher))
        yield EntryChange(str(each.matcher), each.group["title"], now.group["title"] if now else "")
    opening = [key for key, each in new.items() if key not in old and _opens(each, closable)]
    for key in opening:
        yield EntryChange(key, "", new[key].group["title"])
    for each in lost:
        _put_back(each, merged)
    for key in opening:
        _take_out(key, merged)
    yield from _mend_parts(before, merged)


def _mend_parts(before: Values, merged: dict[str, Any]) -> Iterator[EntryChange]:
    """Take out of entries of `merged` what would free a part of an older one; yield what waits.

    An exception counts in every group (`policy/steps.py`), also that of another entry; and what is
    among time servers may be asked in clear text.
    """
    opened = [each for each in _protections(before).values() if not each.entry.get("unopened")]
    freed = {name for each in opened for name in each.entry.get("but_not", ())}

    def owner(name: str) -> _Protection | None:
        if not freed.isdisjoint(suffixes(name)):
            return None
        covers = (e for e in opened if e.matcher.covers(name) or name in suffixes(e.matcher.name))
        return next(covers, None)

    told = set()
    for slug, group in merged["groups"].items():
        helping = [each for each in opened if each.group["help"] and slug == TIME_SERVERS]
        kept = []
        for entry in group["names"]:
            name = parse_matcher(entry["name"]).name
            weaker = [each for each in entry.get("but_not", ()) if owner(each)]
            closes = entry.get("unopened") and any(e.matcher.name == name for e in opened)
            closes = closes or any(e.matcher.covers(name) for e in helping)
            told |= {*weaker, *([name] if closes else ())}
            if weaker:
                left = [each for each in entry["but_not"] if each not in weaker]
                entry = {**entry, "but_not": left}
            kept += [] if closes else [entry]
        group["names"] = kept
    for name in sorted(told):
        was = owner(name)
        yield EntryChange(name, was.group["title"] if was else name, "")


def _is_held_up(key: str, each: _Protection, new: Mapping[str, _Protection]) -> bool:
    same = new.get(key)
    if same is not None:  # the one that is asked for first
        return same.holds_as_much_as(each)
    above = (new.get(name) for name in suffixes(each.matcher.name))
    return any(other is not None and other.holds_as_much_as(each) for other in above)


def _opens(each: _Protection, closable: Collection[str]) -> bool:
    """Tell whether a new name would open what a family may have closed."""
    matcher = each.matcher
    if is_shared_suffix(matcher.name) or not set(suffixes(matcher.name)).isdisjoint(closable):
        return True
    return any(map(matcher.covers, closable))


def _put_back(each: _Protection, merged: dict[str, Any]) -> None:
    _take_out(str(each.matcher), merged)
    group = merged["groups"].setdefault(each.slug, {**each.group, "names": []})
    group["help"] = group["help"] or each.group["help"]
    group["beats_time"] = group["beats_time"] or each.group["beats_time"]
    if not each.group.get("recorded", True):
        group["recorded"] = False
    group["names"] = [*group["names"], dict(each.entry)]


def _take_out(key: str, merged: dict[str, Any]) -> None:
    for group in merged["groups"].values():
        group["names"] = [
            each for each in group["names"] if str(parse_matcher(each["name"])) != key
        ]


# --- helplines ------------------------------------------------------------------------------------

_REACHED_BY: Final = ("country", "number", "text_to", "text_word", "site", "for")


def merge_helplines(before: Values, merged: dict[str, Any]) -> Iterator[EntryChange]:
    """Put back into `merged`, the newer file, lines and numbers that it lacks; yield what waits."""
    yield from _merge_listed("lines", "id", before, merged, _is_line_worse)
    yield from _merge_listed("directories", "name", before, merged, _is_reached_otherwise)
    emergency = merged["emergency"] = dict(merged["emergency"])
    for country, numbers in before["emergency"].items():
        now = emergency.get(country, [])
        lost = [each for each in numbers if each not in now]
        if lost:
            yield EntryChange(country, ", ".join(lost), "")
            emergency[country] = [*now, *lost]


def merge_hotlines(before: Values, merged: dict[str, Any]) -> Iterator[EntryChange]:
    """As `merge_helplines`, for offices that take reports."""
    for key in ("takedown", "bodies"):
        yield from _merge_listed(key, "id", before, merged, _is_office_worse)
    if _is_reached_otherwise(before["directory"], merged["directory"]):
        yield EntryChange("directory", _text_of(before["directory"]), _text_of(merged["directory"]))
        merged["directory"] = dict(before["directory"])


def _merge_listed(
    key: str,
    named: str,
    before: Values,
    merged: dict[str, Any],
    is_worse: Callable[[Values, Values], bool],
) -> Iterator[EntryChange]:
    now = {each[named]: each for each in merged[key]}
    lost = {}
    for each in before[key]:
        other = now.get(each[named])
        if other is None or is_worse(each, other):
            lost[each[named]] = dict(each)
            yield EntryChange(each[named], _text_of(each), _text_of(other) if other else "")
    kept = [lost.pop(each[named], each) for each in merged[key]]
    merged[key] = [*kept, *lost.values()]


def _is_reached_otherwise(old: Values, new: Values) -> bool:
    return any(old.get(each) and old.get(each) != new.get(each) for each in _REACHED_BY)


def _is_line_worse(old: Values, new: Values) -> bool:
    """Tell whether a helpline would be reached otherwise, or be shown no more."""
    return (not _is_agreed(new) and _is_agreed(old)) or _is_office_worse(old, new)


def _is_office_worse(old: Values, new: Values) -> bool:
    """Tell whether an office would be reached otherwise, or be shown no more: for want of a
    source (`words/helplines.py`)."""
    return _is_reached_otherwise(old, new) or bool(old["sources"] and not new["sources"])


def _is_agreed(line: Values) -> bool:
    return len(set(line["sources"])) >= AGREEING and not line.get("conflict", False)


def _text_of(entry: Values) -> str:
    ways = (entry.get("number"), entry.get("text_to"), entry.get("site"))
    doubt = "?" if entry.get("conflict", False) else ""
    return ", ".join(filter(None, (f"{entry['name']}{doubt}", *ways)))


# --- names of each file ---------------------------------------------------------------------------


def names_in(file: str, values: Mapping[str, Values]) -> frozenset[str]:
    """Return the entries of a file, each with what it belongs to: "youtube youtu.be"."""
    return frozenset(_ENTRIES[file](values[file]))


def steady_entries(file: str, values: Mapping[str, Values]) -> frozenset[str]:
    """Return the entries of a file that no newer set changes unseen, as in `names_in`.

    Where safe search leads to is protected, and the gate looks at no signal to devices: either
    opens or closes what it names, whatever else is said of that.
    """
    if file == "bypass.yaml":
        return frozenset(each for each in names_in(file, values) if each.startswith(_SIGNAL))
    if file != "safesearch.yaml":
        return frozenset()
    return frozenset(
        f"{slug} {mode} {host}"
        for slug, each in values[file]["engines"].items()
        for mode, host in each["modes"].items()
    )


def lasting_entries(
    file: str, values: Mapping[str, Values], others: Mapping[str, Values]
) -> frozenset[str]:
    """Return what a file says that does not go unseen.

    Of an app "service group contact", for what families closed by it, its category, or whom it
    brings contact with.  Of a name that the other set has as well, what the gate lets lists do with
    it: either way, more or fewer lists could take it away.
    """
    if file == "services.yaml":
        services = values[file]["services"].items()
        return frozenset(f"{slug} {each['group']} {each['contact']}" for slug, each in services)
    if file not in _GATE_MARKS:
        return frozenset()
    marks, theirs = _GATE_MARKS[file](values[file]), _GATE_MARKS[file](others[file])
    return frozenset(f"{name} {marks[name]}" for name in marks.keys() & theirs.keys())


def _marks_of_infrastructure(file: Values) -> dict[str, str]:
    """Return how much of each name is kept, and which lists may take it away all the same."""
    groups = file["groups"].values()
    keys: dict[str, set[str]] = {}
    for key in ("whole", "below"):
        for each in groups:
            for name in each.get(key, ()):
                keys.setdefault(name, set()).add(key)
    claims = {name: by for each in groups for name, by in each.get("claimed_by", {}).items()}
    return {
        name: f"{' '.join(sorted(found))} claimed_by {_join(claims.get(name, ()))}"
        for name, found in keys.items()
    }


def _marks_of_mistakes(file: Values) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for each in file["mistakes"]:
        found.setdefault(str(parse_matcher(each["name"])), set()).update(each["not_in"])
    return {name: f"not_in {_join(subjects)}" for name, subjects in found.items()}


def _marks_of_top(file: Values) -> dict[str, str]:
    groups = file["groups"].values()
    return {name: f"not_in {_join(each['not_in'])}" for each in groups for name in each["names"]}


def _join(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "-"


_GATE_MARKS: Final[Mapping[str, Callable[[Values], Mapping[str, str]]]] = {
    "infrastructure.yaml": _marks_of_infrastructure,
    "mistakes.yaml": _marks_of_mistakes,
    "top.yaml": _marks_of_top,
}


_SIGNAL: Final = "canary-"


def _of_services(file: Values) -> Iterator[str]:
    for slug, each in file["services"].items():
        yield from (f"{slug} {parse_matcher(name).name}" for name in each["names"])


def _of_safe_search(file: Values) -> Iterator[str]:
    for slug, each in file["engines"].items():
        yield from (f"{slug} {mode} {host}" for mode, host in each["modes"].items())
        yield from (f"{slug} {host}" for host in each.get("hosts", ()))
        made = each.get("generated") or {"templates": (), "suffixes": ()}
        yield from (f"{slug} {one}{end}" for one in made["templates"] for end in made["suffixes"])
    yield from (f"none {each['name']}" for each in file["no_safe_search"])


def _of_bypass(file: Values) -> Iterator[str]:
    yield from (f"bypass {parse_matcher(each['name']).name}" for each in file["names"])
    for slug, each in file["canaries"].items():
        yield from (f"{_SIGNAL}{slug} {name}" for name in each["names"])


def _of_infrastructure(file: Values) -> Iterator[str]:
    yield from (f"contested {name}" for name in file.get("contested", ()))
    for slug, group in file["groups"].items():
        for key in ("whole", "below", "numbered"):
            yield from (f"{slug} {name}" for name in group.get(key, ()))


def _of_groups(file: Values) -> Iterator[str]:
    for slug, group in file["groups"].items():
        for each in group["names"]:
            yield f"{slug} {each['name'] if isinstance(each, dict) else each}"


def _of_helplines(file: Values) -> Iterator[str]:
    yield from (f"line {each['id']}" for each in file["lines"])
    yield from (f"directory {each['name']}" for each in file["directories"])
    for country, numbers in file["emergency"].items():
        yield from (f"emergency {country} {each}" for each in numbers)


def _of_hotlines(file: Values) -> Iterator[str]:
    for key in ("takedown", "bodies"):
        yield from (f"{key} {each['id']}" for each in file[key])


_ENTRIES: Final[Mapping[str, Callable[[Values], Iterator[str]]]] = {
    PROTECTED: _of_groups,
    HELPLINES: _of_helplines,
    HOTLINES: _of_hotlines,
    "services.yaml": _of_services,
    "safesearch.yaml": _of_safe_search,
    "bypass.yaml": _of_bypass,
    "infrastructure.yaml": _of_infrastructure,
    "mistakes.yaml": lambda file: (each["name"] for each in file["mistakes"]),
    "top.yaml": _of_groups,
}
