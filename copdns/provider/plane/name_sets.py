"""Put all lists together: for each listed name, one value that says which lists it is on.

dnsdist looks a name up with the parts at its front cut off one after the other, and takes the first
entry that it finds.  So an entry holds what the names above it bring as well, and what is protected
has been worked out before: nothing is decided about it later.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import from_wire, to_wire
from copdns.provider.plane.snapshot import Layer, ListedNames

# What a set of slugs has beside slugs, none of which begins with these.
HELP: Final = "!help"
PROTECTED: Final = "!protected"
REFERENCE: Final = "!reference"
UNTRACED: Final = "!untraced"
ENGINE: Final = "@"  # before the id of an engine
OPENED: Final = "-"  # before the slug of a list that has an exception

NameSet = frozenset[str]
EMPTY: Final[NameSet] = frozenset()


def compile_names(listed: ListedNames) -> dict[bytes, bytes]:
    """Return the value of each listed name, by its wire form.

    The value is the text of a set where it holds for the name and all below it; else
    `LENGTH:SET/SET`: the octets of the name's wire form, what holds for the name itself, and for
    the names below.
    """
    layers = {each.slug: each.layer for each in listed.lists}
    laws = {slug for slug, layer in layers.items() if layer is Layer.LAW}
    at, below = _sets_by_name(listed)
    values: dict[tuple[NameSet, NameSet], bytes] = {}  # where length does not matter
    found: dict[bytes, bytes] = {}
    for name in sorted(at, key=_depth):
        above = _above(name, below)
        both = below[name] | above if above else below[name]
        if both & {HELP, PROTECTED} and UNTRACED not in both:
            both -= laws  # a person decides about those, not this table
        below[name] = both
        exact = at[name] | above if above else at[name]
        wire = to_wire(name)
        value = values.get((exact, both))
        if value is None:
            value = _value(reduce_set(exact, layers), reduce_set(both, layers), len(wire))
            if b":" not in value:
                values[exact, both] = value
        found[wire] = value
    return found


def names_in_rows(
    rows: Iterable[tuple[bytes, bytes]], is_wanted: Callable[[str], bool]
) -> dict[str, tuple[Matcher, ...]]:
    """Return what the rows of the table say of some slugs: the names that each is about.

    A name below a listed one may be among them, too, which changes nothing.
    """
    found: dict[str, list[Matcher]] = {}
    for key, value in rows:
        exact, *rest = map(_set_of, _texts(value))
        below = rest[0] if rest else exact
        for slug in filter(is_wanted, exact | below):
            is_both = slug in exact and slug in below
            one = MatchKind.EXACT if slug in exact else MatchKind.BELOW
            match = MatchKind.SUBTREE if is_both else one
            found.setdefault(slug, []).append(Matcher(from_wire(key), match))
    return {slug: tuple(names) for slug, names in found.items()}


def sets_of(values: Iterable[bytes]) -> set[NameSet]:
    """Return all sets that occur in values."""
    texts = set(values)
    return {_set_of(text) for value in texts for text in _texts(value)}


def sets_by_part(value: bytes) -> tuple[NameSet, NameSet]:
    """Return what a value says of the name itself, and of the names below it."""
    texts = _texts(value)
    return _set_of(texts[0]), _set_of(texts[-1])


def set_text(names: NameSet) -> str:
    """Return how a set stands in values and keys."""
    return ",".join(sorted(names))


def suffix_key(name: str) -> bytes:
    """Return the key of a name in normal form; raise ValueError for the root."""
    if not name:
        raise ValueError("the root is no name of a list")
    return to_wire(name)


def reduce_set(names: NameSet, layers: Mapping[str, Layer]) -> NameSet:
    """Return a set without what can no longer matter: protected names are on no list."""
    if HELP in names and UNTRACED not in names:
        return frozenset({HELP})
    names -= {HELP}
    if opened := {each for each in names if each.startswith(OPENED)}:
        names -= opened | {each.removeprefix(OPENED) for each in opened}
    if PROTECTED in names:
        return names & {PROTECTED, UNTRACED}
    if REFERENCE in names:
        names = frozenset(each for each in names if layers.get(each) is not Layer.FAMILY)
    return names


def _names_by_mark(listed: ListedNames) -> Iterator[tuple[str, tuple[Matcher, ...]]]:
    special = listed.special
    yield HELP, special.help
    yield PROTECTED, special.protected
    yield REFERENCE, special.reference
    yield UNTRACED, special.untraced
    for engine, hosts in special.engines.items():
        yield f"{ENGINE}{engine}", hosts
    for each in listed.lists:
        yield each.slug, each.names
        yield f"{OPENED}{each.slug}", each.opens


def _sets_by_name(listed: ListedNames) -> tuple[dict[str, NameSet], dict[str, NameSet]]:
    """Return what holds for each listed name itself, and for the names below it.

    Equal sets, of which there are few, are one object.
    """
    at: dict[str, NameSet] = {}
    below: dict[str, NameSet] = {}
    known: dict[tuple[NameSet, str], NameSet] = {}
    for mark, names in _names_by_mark(listed):
        for name, match in ((each.name, each.match) for each in names):
            for sets, is_meant in (
                (at, match is not MatchKind.BELOW),
                (below, match is not MatchKind.EXACT),
            ):
                before = sets.setdefault(name, EMPTY)
                if is_meant:
                    sets[name] = known.setdefault((before, mark), before | {mark})
    return at, below


def _depth(name: str) -> int:
    return name.count(".")


def _above(name: str, below: Mapping[str, NameSet]) -> NameSet:
    """Return what the nearest listed name above brings; those have all of theirs by now."""
    while name:
        name = name.partition(".")[2]
        if (found := below.get(name)) is not None:
            return found
    return EMPTY


def _value(exact: NameSet, rest: NameSet, length: int) -> bytes:
    if exact == rest:
        return set_text(exact).encode()
    return f"{length}:{set_text(exact)}/{set_text(rest)}".encode()


def _texts(value: bytes) -> list[str]:
    text = value.decode()
    return text.partition(":")[2].split("/") if ":" in text else [text]


def _set_of(text: str) -> NameSet:
    return frozenset(filter(None, text.split(",")))
