"""Read the facts that are in force: those that ship, or newer ones from `<data>/facts`.

    facts/state.json     which set is in force, what waits, and what was decided
    facts/state.copy     the same, in case the other is damaged
    facts/<digest>.json  a set in its canonical form, written once
    facts/<digest>.copy  the same, in case the other is damaged

A set is named by its digest, so that it is whole or none; where both files of it are damaged, those
that ship are in force.  `facts_store.py` writes here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from copdns import __version__
from copdns.list_files.resources import read_bundled
from copdns.lists.facts import (
    FACT_FILES,
    FactSet,
    FactsState,
    fact_text,
    read_canonical,
    read_facts_state,
    require_sound,
)
from copdns.lists.shapes import FactsShape
from copdns.model import yaml_text
from copdns.model.errors import FactsError

STATE, STATE_COPY = "state.json", "state.copy"
SET_SUFFIXES: Final = (".json", ".copy")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts in force.  digest: of the set; "" for those that ship.  texts: by file.

    is_damaged: those that ship stand in for newer ones, which are damaged.
    """

    digest: str = ""
    texts: Mapping[str, str] = field(default_factory=dict, compare=False)
    is_damaged: bool = False

    def read(self, file: str) -> str:
        """Return the text of a file below `blocklists/`; raise ListError."""
        found = self.texts.get(file)
        return read_bundled("blocklists", file) if found is None else found


SHIPPED: Final = Facts()


def facts_folder(data: Path) -> Path:
    """Return the folder of newer facts, which need not exist."""
    return data / "facts"


def load_facts_state(data: Path) -> FactsState:
    """Return what was decided here; that of a fresh house where nothing can be read."""
    for name in (STATE, STATE_COPY):
        with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
            return read_facts_state((facts_folder(data) / name).read_text(encoding="utf-8"))
    return FactsState()


def load_facts(data: Path) -> Facts:
    """Return the facts in force."""
    state = load_facts_state(data)
    if not state.in_force:
        is_damaged = state == FactsState() and any(
            read_octets(facts_folder(data) / name) for name in (STATE, STATE_COPY)
        )
        return Facts(is_damaged=True) if is_damaged else SHIPPED
    try:
        found = load_set(data, state.in_force)
        if state.checked_by != __version__:  # another version of copdns may read them otherwise
            require_sound(found)
    except FactsError:
        return Facts(is_damaged=True)
    return facts_of(state.in_force, found)


def facts_of(digest: str, found: FactSet) -> Facts:
    """Return a set to read files of."""
    return Facts(digest, {file: fact_text(found.values[file]) for file in FACT_FILES})


def load_facts_of(data: Path, digest: str) -> Facts:
    """Return one set to read files of; "" for those that ship.  Raises FactsError."""
    return facts_of(digest, load_set(data, digest)) if digest else SHIPPED


def load_set(data: Path, digest: str) -> FactSet:
    """Return a stored set; raise FactsError where it is gone or damaged."""
    for path in set_paths(data, digest):
        if octets := read_set_file(path, digest):
            found = read_canonical(octets)
            break
    else:
        raise FactsError("it is gone or damaged")
    if found.values.keys() != set(FACT_FILES):  # of a version of copdns with other files
        raise FactsError("it has other files")
    return found


def read_set_file(path: Path, digest: str) -> bytes:
    """Return the contents of one file of a set; nothing where it is gone or damaged."""
    octets = read_octets(path)
    return octets if hashlib.sha256(octets).hexdigest() == digest else b""


def read_octets(path: Path) -> bytes:
    """Return the contents of a file; nothing where it cannot be read."""
    with suppress(OSError):
        return path.read_bytes()
    return b""


def set_paths(data: Path, digest: str) -> tuple[Path, Path]:
    """Return the paths of a stored set, which is there twice."""
    first, second = (facts_folder(data) / f"{digest}{each}" for each in SET_SUFFIXES)
    return first, second


def facts_mark(data: Path) -> object:
    """Return a value that changes when other facts come into force, without reading them."""
    try:
        found = (facts_folder(data) / STATE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


# --- those that ship ------------------------------------------------------------------------------


@cache
def shipped_facts() -> FactsShape:
    """Return the number of the facts that ship, and the keys that newer ones are signed with."""
    file = "facts.yaml"
    return yaml_text.read(read_bundled("blocklists", file), f"blocklists/{file}", FactsShape)


def shipped_set() -> FactSet:
    """Return the facts that ship, read anew: it takes some tenths of a second."""
    about = shipped_facts()
    values = {
        file: yaml_text.document(read_bundled("blocklists", file), file).value
        for file in FACT_FILES
    }
    return FactSet(about.number, about.made_at, values)
