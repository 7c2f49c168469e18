"""The rooms of the house: who may import whom.  `python -m tests.rooms [COMMIT]` prints the table.

A room is a folder of copdns/, or a module beside them.  `test_house.py` holds the table.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

# From the top down.  A room imports `model`, and of the others just what its line names.
ROOMS: Mapping[str, str] = {
    "__main__": "cli",
    "cli": "app web as_json store following privacy list_files network provider appeals policy"
    " household lists dns time accounts settings",
    "app": "web server store following words privacy list_files network appeals policy household"
    " events lists dns time accounts settings",
    "web": "as_json store following words privacy list_files network provider appeals policy"
    " household events lists dns time accounts settings",
    "server": "privacy network policy lists dns time settings",
    "as_json": "privacy network appeals policy household lists time accounts",
    "store": "following privacy network provider appeals household time accounts",
    "words": "appeals time",
    "privacy": "appeals policy household lists time accounts",
    "list_files": "following policy household lists settings",
    "following": "appeals time",
    "network": "policy dns settings",
    "provider": "appeals lists",
    "appeals": "policy household lists dns time",
    "policy": "lists dns time",
    "household": "lists time",
    "events": "settings",
    "lists": "",
    "dns": "",
    "time": "",
    "accounts": "",
    "settings": "",
    "model": "",
}
BELOW_ALL = "model"


class Source(NamedTuple):
    """A Python file.  name: dotted, below its package ("store.db"); a package has its own."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}: {what}"


@cache
def sources(folder: str) -> tuple[Source, ...]:
    return tuple(
        _source(path.relative_to(ROOT / folder), path, path.read_text())
        for path in sorted((ROOT / folder).rglob("*.py"))
    )


def sources_at(commit: str) -> tuple[Source, ...]:
    """Return the sources of copdns/ as they were at a commit."""
    names = _git("ls-tree", "-r", "--name-only", commit, "copdns/").splitlines()
    return tuple(
        _source(Path(name).relative_to("copdns"), ROOT / name, _git("show", f"{commit}:{name}"))
        for name in names
        if name.endswith(".py")
    )


def _source(relative: Path, path: Path, text: str) -> Source:
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Source(name, path, ast.parse(text))


def _git(*args: str) -> str:
    return subprocess.run(
        ["git", *args], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


@cache
def imports(source: Source) -> tuple[tuple[ast.AST, str], ...]:
    """Return everything that is imported, as a dotted name, wherever in the file it stands."""
    found: list[tuple[ast.AST, str]] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found += ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, source.at(node, "imports are written out in full")
            found += ((node, f"{node.module}.{alias.name}") for alias in node.names)
    return tuple(found)


def own_imports(source: Source, all_names: frozenset[str]) -> Iterator[tuple[ast.AST, str]]:
    """Yield the modules of copdns that a file imports, as dotted names below the package."""
    for node, imported in imports(source):
        package, _, name = imported.partition(".")
        if package == "copdns":
            yield node, name if name in all_names else name.rpartition(".")[0]


def arrows(found: tuple[Source, ...]) -> dict[str, set[str]]:
    """Return which rooms each room imports, itself and the package's root left out."""
    names = frozenset(each.name for each in found)
    drawn: dict[str, set[str]] = {each.top: set() for each in found if each.top}
    for source in found:
        for _, name in own_imports(source, names):
            to = name.partition(".")[0]
            if source.top and to and to != source.top:
                drawn[source.top].add(to)
    return drawn


def circles(drawn: Mapping[str, set[str]]) -> set[str]:
    """Return the rooms that lie on a circle, or between two: what peeling off both ends leaves."""
    left = {room: set(below) for room, below in drawn.items()}
    while True:
        leaves = {room for room, below in left.items() if not below & left.keys()}
        roots = left.keys() - {to for below in left.values() for to in below}
        if not leaves | roots:
            return set(left)
        left = {room: below for room, below in left.items() if room not in leaves | roots}


def floors(drawn: Mapping[str, set[str]]) -> dict[str, int]:
    """Return on which floor each room stands: 1 where it imports none, else above all it does.

    Rooms of a circle have none.
    """
    floor: dict[str, int] = {}
    while True:
        ready = {
            room: 1 + max((floor[to] for to in below), default=0)
            for room, below in drawn.items()
            if room not in floor and all(to in floor for to in below)
        }
        if not ready:
            return floor
        floor |= ready


def main() -> None:
    found = sources_at(sys.argv[1]) if len(sys.argv) > 1 else sources("copdns")
    drawn = arrows(found)
    floor = floors(drawn)
    heaps = [each.path.parent for each in found]
    for room in sorted(drawn, key=lambda each: (-floor.get(each, 0), each)):
        modules = sum(each.top == room for each in found)
        print(
            f"{floor.get(room, '-'):>2}  {room:<12} {modules:>3}  {' '.join(sorted(drawn[room]))}"
        )
    up = sum(
        floor.get(to, len(floor)) >= floor.get(room, 0)
        for room, below in drawn.items()
        for to in below
    )
    print(
        f"{len(drawn)} rooms, {sum(map(len, drawn.values()))} arrows, {up} of them up, "
        f"{len(circles(drawn))} rooms in circles, {max(floor.values())} floors; "
        f"{len(found)} files, at most {max(map(heaps.count, heaps))} in one folder"
    )


if __name__ == "__main__":
    main()
