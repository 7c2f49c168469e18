"""The facts that ship, as one value: how a new set of them changes those in force.

Facts are the data files of `FACT_FILES`, as plain values.  What a newer set adds is taken; what it
takes away of protected names and helplines stays until a guardian decides (`HeldFact`); each other
file is taken as a list's new version is, within the same bounds, or stays as it is.
docs/facts.md explains it.  Pure.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from copdns.lists.fact_entries import (
    HELPLINES,
    HOTLINES,
    PROTECTED,
    EntryChange,
    lasting_entries,
    merge_helplines,
    merge_hotlines,
    merge_protected,
    names_in,
    steady_entries,
)
from copdns.lists.sealed_text import seal, unseal
from copdns.lists.shapes import (
    BypassShape,
    InfrastructureShape,
    MistakesShape,
    ProtectedShape,
    SafeSearchShape,
    ServicesShape,
    TopShape,
)
from copdns.lists.versions import MAX_SHOWN, HoldReason, VersionDiff, find_reasons
from copdns.model.errors import ConfigError, FactsError
from copdns.model.helpline_shapes import HelplinesShape, HotlinesShape
from copdns.model.yaml_text import YamlDocument, document

FACT_FORMAT: Final = 1
FACT_SHAPES: Final[Mapping[str, type[BaseModel]]] = {
    PROTECTED: ProtectedShape,
    HELPLINES: HelplinesShape,
    HOTLINES: HotlinesShape,
    "services.yaml": ServicesShape,
    "safesearch.yaml": SafeSearchShape,
    "bypass.yaml": BypassShape,
    "infrastructure.yaml": InfrastructureShape,
    "mistakes.yaml": MistakesShape,
    "top.yaml": TopShape,
}
FACT_FILES: Final = tuple(FACT_SHAPES)
_ESCAPED: Final = re.compile(r"\\(?!\")")  # a control character, or a backslash
MAX_AHEAD: Final = 10_000  # numbers that a set may be ahead of the one before
MAX_EARLY: Final = 86_400.0  # seconds that a set may be from the future: clocks differ

FactValues = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FactSet:
    """A numbered set of facts.  made_at: seconds since the epoch.  values: by file."""

    number: int
    made_at: int
    values: FactValues

    def canonical(self) -> bytes:
        """Return the one form in which a set is signed: JSON with sorted keys, without spaces."""
        found = {
            "facts": self.values,
            "format": FACT_FORMAT,
            "made_at": self.made_at,
            "number": self.number,
        }
        return json.dumps(
            found, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of its canonical form."""
        return hashlib.sha256(self.canonical()).hexdigest()


class HeldKind(StrEnum):
    """What waits for a guardian."""

    PROTECTED = "protected"  # a name would be protected no more, or less
    HELPLINE = "helpline"  # a helpline or number would be gone, or another
    OPENS = "opens"  # a name would be protected that an app or a known way around uses
    FILE = "file"  # a file differs too much


class HeldFact(NamedTuple):
    """A change that waits.  key: the name, helpline or file that it is about.

    was, becomes: what stands there, in words of the file; "" for nothing.
    reasons, names_before, names, added, removed: of a whole file, as of a list's version; added and
        removed have its first 50 entries.
    content: a digest of that file as it is and as it would be; "" for a single entry.
    """

    kind: HeldKind
    key: str
    was: str = ""
    becomes: str = ""
    reasons: tuple[HoldReason, ...] = ()
    names_before: int = 0
    names: int = 0
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    content: str = ""

    @property
    def id(self) -> str:
        """Return a short text that differs for every other change."""
        words = [self.kind, self.key, self.was, self.becomes, *self.added, *self.removed]
        said = json.dumps([*words, self.content] if self.content else words)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


class FactsChange(NamedTuple):
    """What comes of a newer set.  values: to put in force now.  held: what is not in them."""

    values: dict[str, Any]
    held: tuple[HeldFact, ...]


# --- reading --------------------------------------------------------------------------------------


def read_canonical(octets: bytes) -> FactSet:
    """Return the set of a canonical form; raise FactsError for anything else."""
    try:
        found = json.loads(octets.decode("utf-8"))
        if not isinstance(found, dict) or found.get("format") != FACT_FORMAT:
            raise FactsError("it has a format that this version of copdns does not know")
        made = FactSet(found["number"], found["made_at"], found["facts"])
        sound = type(made.number) is type(made.made_at) is int and isinstance(made.values, dict)
        if not sound or made.number < 1 or made.made_at < 0 or made.canonical() != octets:
            raise FactsError("it is not written in the one form that can be checked")
    except (ValueError, LookupError, TypeError, RecursionError):
        raise FactsError("it is damaged") from None
    return made


def require_sound(facts: FactSet) -> None:
    """Raise FactsError where a file is missing, unknown, or does not have its shape."""
    if facts.values.keys() != FACT_SHAPES.keys():
        odd = ", ".join(sorted(facts.values.keys() ^ FACT_SHAPES.keys()))
        raise FactsError(f"it has other files than this version of copdns knows: {odd}")
    for file, shape in FACT_SHAPES.items():
        value = facts.values[file]
        try:
            if not isinstance(value, dict) or not _is_plain(value, file):
                raise FactsError(f"its file {file} cannot be read")
            YamlDocument(file, value, {}).parse_as(shape)
        except (ConfigError, RecursionError, ValueError) as error:
            why = str(error).partition("\n")[0]
            raise FactsError(f"its file {file} has a mistake: {why}") from None


def _is_plain(value: dict[str, Any], file: str) -> bool:
    """Tell whether values read the same as text, with nothing that a screen would not show."""
    text = fact_text(value)
    shown = text.replace("\n", "").isprintable() and not _ESCAPED.search(text)
    return shown and document(text, file).value == value


def require_next(facts: FactSet, highest: int, now: float) -> None:
    """Raise FactsError for a set that no honest server would give now.

    highest: the highest number that was ever taken here.  now: seconds since the epoch.
    """
    if facts.number < highest:
        raise FactsError(
            f"it is number {facts.number}, and number {highest} was taken here before: its server "
            "gives older ones"
        )
    if facts.number > highest + MAX_AHEAD:
        raise FactsError(f"its number {facts.number} is too far ahead")
    if facts.made_at > now + MAX_EARLY:
        raise FactsError("it is from the future; check the clock of this machine")


def fact_text(value: Mapping[str, Any]) -> str:
    """Return a file's values as its text: JSON, which is YAML as well."""
    return json.dumps(value, ensure_ascii=False, indent=1)


# --- comparing ------------------------------------------------------------------------------------


def merge_facts(
    before: FactValues,
    after: FactValues,
    *,
    needed_count: int = 0,
    was_rolled_back: bool = False,
) -> FactsChange:
    """Return what a newer set puts in force, and what of it waits.

    before: the values in force.  needed_count: entries of services and ways around it that newly
    take away what is needed.  was_rolled_back: a person went back to those in force, so no newer
    ones come unseen.
    """
    values: dict[str, Any] = {}
    held: list[HeldFact] = []
    for file in FACT_FILES:
        values[file], waiting = _merge_file(file, before, after, needed_count, was_rolled_back)
        held += waiting
    return FactsChange(values, tuple(held))


def _merge_file(
    file: str, before: FactValues, after: FactValues, needed_count: int, was_rolled_back: bool
) -> tuple[Mapping[str, Any], list[HeldFact]]:
    if before[file] == after[file]:
        return before[file], []
    waiting = _hold_file(file, before, after, needed_count, was_rolled_back)
    if waiting is not None:
        return before[file], [waiting]
    merged = deepcopy(dict(after[file]))
    return merged, list(_hold_entries(file, before, after, merged))


def _hold_entries(
    file: str, before: FactValues, after: FactValues, merged: dict[str, Any]
) -> Iterator[HeldFact]:
    """Put back what stays for now into the merged file; yield what waits."""
    if file == PROTECTED:
        closable = {*names_in("services.yaml", before), *names_in("bypass.yaml", before)}
        closable |= {*names_in("services.yaml", after), *names_in("bypass.yaml", after)}
        changes = merge_protected(
            before[file], merged, {each.partition(" ")[2] for each in closable}
        )
        yield from (_hold(_kind_of(each), each) for each in changes)
    elif file == HELPLINES:
        yield from (
            _hold(HeldKind.HELPLINE, each) for each in merge_helplines(before[file], merged)
        )
    elif file == HOTLINES:
        yield from (_hold(HeldKind.HELPLINE, each) for each in merge_hotlines(before[file], merged))


def _kind_of(change: EntryChange) -> HeldKind:
    return HeldKind.PROTECTED if change.was else HeldKind.OPENS


def _hold(kind: HeldKind, change: EntryChange) -> HeldFact:
    return HeldFact(kind, change.key, change.was, change.becomes)


def _hold_file(
    file: str, before: FactValues, after: FactValues, needed_count: int, was_rolled_back: bool
) -> HeldFact | None:
    """Return a file as held where it differs by more than a list's new version may."""
    old, new = names_in(file, before), names_in(file, after)
    added, removed = sorted(new - old), sorted(old - new)
    by_entry = file in (PROTECTED, HELPLINES, HOTLINES)  # what they lose is held entry by entry
    diff = VersionDiff(
        names_before=len(old),
        names=len(new),
        added=len(added),
        removed=len(removed),
        grown=len(added),
        lost=0 if by_entry else len(removed),
        needed_count=needed_count if file in ("services.yaml", "bypass.yaml") else 0,
    )
    reasons = find_reasons(diff, was_rolled_back=was_rolled_back)
    steady = steady_entries(file, before), steady_entries(file, after)
    lasting = lasting_entries(file, before, after), lasting_entries(file, after, before)
    if HoldReason.LOSS not in reasons and (steady[0] != steady[1] or lasting[0] - lasting[1]):
        reasons = (*reasons, HoldReason.LOSS)
    if not reasons:
        return None
    # With these an exchange shows as well.
    added = sorted({*added, *(steady[1] - steady[0]), *(lasting[1] - lasting[0])})
    removed = sorted({*removed, *(steady[0] - steady[1]), *(lasting[0] - lasting[1])})
    shown = tuple(added[:MAX_SHOWN]), tuple(removed[:MAX_SHOWN])
    texts = json.dumps([before[file], after[file]], sort_keys=True)
    content = hashlib.sha256(texts.encode()).hexdigest()
    return HeldFact(HeldKind.FILE, file, "", "", reasons, len(old), len(new), *shown, content)


class FactsChoice(StrEnum):
    """What a person decided about the facts."""

    ACCEPT = "accept"
    KEEP = "keep"
    ROLL_BACK = "rollback"


_CHOICE_TEXT = {
    FactsChoice.ACCEPT: "the changes that waited are accepted",
    FactsChoice.KEEP: "what newer ones would change is kept",
    FactsChoice.ROLL_BACK: "back to earlier ones",
}


def facts_choice_line(choice: FactsChoice, state: FactsState) -> str:
    """Return the line of the history.  state: afterwards."""
    return f"facts: {_CHOICE_TEXT[choice]}; in use: {state.in_force[:12] or 'those of copdns'}"


def held_version(held: tuple[HeldFact, ...]) -> str:
    """Return a text that stands for all that waits, and changes as soon as any of it does."""
    return hashlib.sha256("".join(sorted(each.id for each in held)).encode()).hexdigest()[:12]


# --- as JSON --------------------------------------------------------------------------------------


def held_fact_json(held: HeldFact) -> dict[str, Any]:
    """Return a held change as JSON has it."""
    return {**held._asdict(), "id": held.id}


def read_held_fact(found: Mapping[str, Any]) -> HeldFact:
    """Return the change of a JSON object; raise ValueError, TypeError or LookupError."""
    return HeldFact(
        HeldKind(found["kind"]),
        str(found["key"]),
        str(found["was"]),
        str(found["becomes"]),
        tuple(map(HoldReason, found["reasons"])),
        int(found["names_before"]),
        int(found["names"]),
        tuple(map(str, found["added"])),
        tuple(map(str, found["removed"])),
        str(found.get("content", "")),  # as the version before wrote it
    )


@dataclass(frozen=True, slots=True)
class EarlierFacts:
    """Facts that were in force.  digest: of the set; "" for those that ship.  at: until when."""

    digest: str
    number: int
    made_at: int
    at: float


@dataclass(frozen=True, slots=True)
class FactsState:
    """What a house decided and knows about its facts, kept in `facts/state.json`.

    in_force: the digest of the set in force; "": those that ship.  number, made_at: of the newest
    set that was taken, 0 for none; digest: of that set, as it was signed.
    highest: the highest number that was ever taken.  held: what waits, and what was kept;
    kept: ids of what a guardian decided to keep.  told: `held_version` of what an event told of.
    earlier: those that were in force, the newest first.  is_rolled_back: a guardian went back.
    checked_by: the version of copdns that found the set in force sound.
    tried_at, checked_at: when the server was last asked, and when it last gave a good set.
    error: why the last try failed; is_refused: what came was not right; failures: in a row.
    """

    in_force: str = ""
    number: int = 0
    made_at: int = 0
    digest: str = ""
    highest: int = 0
    held: tuple[HeldFact, ...] = ()
    kept: tuple[str, ...] = ()
    told: str = ""
    earlier: tuple[EarlierFacts, ...] = ()
    is_rolled_back: bool = False
    checked_by: str = ""
    tried_at: float | None = None
    checked_at: float | None = None
    error: str = ""
    is_refused: bool = False
    failures: int = 0

    @property
    def waiting(self) -> tuple[HeldFact, ...]:
        """Return what waits for a decision: what is held and was not kept."""
        return tuple(each for each in self.held if each.id not in self.kept)

    @property
    def version(self) -> str:
        """Return the text that stands for all that is held (`held_version`)."""
        return held_version(self.held)

    def for_readers(self) -> FactsState:
        """Return the state for whoever does not look after the facts: what is in force, without
        what waits for others, what failed at the machine, and ways back."""
        return replace(self, held=(), kept=(), earlier=(), error="", tried_at=None)


def dump_facts_state(state: FactsState) -> str:
    """Return a state as the text of its file."""
    return seal({**asdict(state), "held": [held_fact_json(each) for each in state.held]})


def read_facts_state(text: str) -> FactsState:
    """Return the state of a text; raise ValueError, TypeError or LookupError."""
    found = unseal(text)
    earlier = tuple(EarlierFacts(**each) for each in found["earlier"])
    digests = (found["in_force"], found["digest"], *(each.digest for each in earlier))
    if not all(each == "" or (len(each) == 64 and each.isalnum()) for each in digests):
        raise ValueError("a digest is none")  # it becomes the name of a file
    return FactsState(
        **{
            **found,
            "held": tuple(map(read_held_fact, found["held"])),
            "kept": tuple(map(str, found["kept"])),
            "earlier": earlier,
        }
    )
