"""The order of the house, read off the code: who may import whom, and what stands where.

A module that no room below names is pure: it decides, and neither waits, reads a clock nor logs.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

# From the top down; a module imports from its own room and from those below it.
ROOMS = (
    ("cli", "__main__"),
    ("app",),
    (
        *("server", "web", "answer", "record", "upstream", "pool", "fetch", "seed", "system"),
        *("notify", "unpack", "updates", "neighbours", "recognition", "reception", "leasefiles"),
        *("kernel", "compiling", "shelving", "lean", "listening", "targets", "timekeeper"),
        *("reminders", "stored", "calendars", "apprised"),
        *("certificate", "https", "logins", "porter", "lookout", "lists_in_force"),
        *("background", "collector", "first_account", "gauges", "household_in_force", "readiness"),
        *("relisting", "snapshots", "upstreams_in_force"),
    ),
    ("store",),
    (
        "metrics",
        "recent",
        "languages",
        "ledger",
        "library",
        "resources",
        "codes",
        "passwords",
        "archive",
        "audited",
        "copies",
        "indexfile",
        "events",
        "batch",
    ),
)
PURE = len(ROOMS)

WAITS_OR_ASKS_THE_MACHINE = {
    *("aiohttp", "asyncio", "concurrent", "http", "selectors", "socket"),
    *("urllib.request", "uvloop"),
    *("fcntl", "glob", "os", "pyroute2", "select", "shutil", "signal", "sys", "tempfile"),
    *("multiprocessing", "subprocess", "threading"),
    *("logging", "structlog", "sqlite3", "sqlite_utils"),
    *("random", "secrets", "time", "uuid"),
}
WALL_CLOCK = {
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
}
SQL = re.compile(
    r"\b(select\s.+\sfrom|insert\s+(or\s+\w+\s+)?into|update\s+\w+\s+set|delete\s+from"
    r"|(create|drop|alter)\s+(table|index|trigger|view)|pragma\s+\w+)\b",
    re.IGNORECASE | re.DOTALL,
)


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
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Source(name, path, ast.parse(path.read_text())))
    return tuple(found)


def imports(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield everything that is imported, as a dotted name, wherever in the file it stands."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, source.at(node, "imports are written out in full")
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def room(name: str) -> int:
    """Return the number of the room of a module of ours, from the top."""
    top = name.partition(".")[0]
    return next((at for at, names in enumerate(ROOMS) if top in names), PURE)


def of_ours(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield the modules of copdns that a file imports, as dotted names below the package."""
    names = {each.name for each in sources("copdns")}
    for node, imported in imports(source):
        package, _, name = imported.partition(".")
        if package == "copdns":
            yield node, name if name in names else name.rpartition(".")[0]


def lines(wrong: list[str]) -> str:
    return "\n".join(["", *wrong])


def pure_sources() -> list[Source]:
    return [each for each in sources("copdns") if each.name and room(each.name) == PURE]


def test_imports_point_down() -> None:
    wrong = [
        source.at(node, f"{source.name} must not know {name}, which stands above it")
        for source in sources("copdns")
        for node, name in of_ours(source)
        if source.name and name and room(name) < room(source.name)
    ]
    assert not wrong, lines(wrong)


def test_no_module_needs_itself_to_be_imported() -> None:
    below = {
        source.name: {name for _, name in of_ours(source)} - {source.name}
        for source in sources("copdns")
    }
    while leaves := [name for name, needs in below.items() if not needs & below.keys()]:
        for leaf in leaves:
            del below[leaf]
    assert below == {}, "these import each other in a circle"


def test_pure_modules_do_not_wait_and_do_not_ask_the_machine() -> None:
    wrong = [
        source.at(node, f"{source.name} is pure and must not import {name}")
        for source in pure_sources()
        for node, name in imports(source)
        if _waits_or_asks(name) or name == "pathlib.Path"
    ]
    assert not wrong, lines(wrong)


def _waits_or_asks(name: str) -> bool:
    return any(f"{name}.".startswith(f"{each}.") for each in WAITS_OR_ASKS_THE_MACHINE)


def test_pure_modules_open_no_file_and_print_nothing() -> None:
    wrong = [
        source.at(node, f"{node.func.id}() in {source.name}, which is pure")
        for source in pure_sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"open", "print", "input"}
    ]
    assert not wrong, lines(wrong)


@pytest.mark.parametrize(
    ("library", "module"),
    [("babel", "phrases"), ("dnslib", "wire"), ("icalendar", "ics"), ("segno", "qr")],
)
def test_only_one_module_knows_a_library(library: str, module: str) -> None:
    users = {
        source.name
        for source in sources("copdns")
        for _, name in imports(source)
        if name.partition(".")[0] == library
    }
    assert users <= {module}


def test_the_wall_clock_is_read_at_the_top_and_handed_down() -> None:
    wrong = [
        source.at(node, f"{ast.unparse(node)} in {source.name}: take the moment as an argument")
        for source in sources("copdns")
        if room(source.name) > room("app")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
        and ".".join(ast.unparse(node).rsplit(".", 2)[-2:]) in WALL_CLOCK
    ]
    assert not wrong, lines(wrong)


def test_sql_stands_in_the_store_only() -> None:
    wrong = [
        source.at(node, f"SQL in {source.name}")
        for source in sources("copdns")
        if source.top != "store"
        for node in _texts(source.tree)
        if SQL.search(node.value)
    ]
    wrong += [
        source.at(node, f"{source.name} imports {name}")
        for source in sources("copdns")
        if source.top != "store"
        for node, name in imports(source)
        if name.partition(".")[0] in {"sqlite3", "sqlite_utils"}
    ]
    assert not wrong, lines(wrong)


def _texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the string constants that are no docstrings."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if text and id(node) not in docstrings:
            yield node


def test_no_test_sleeps() -> None:
    wrong = [
        source.at(node, "a sleep: wait for the event itself")
        for source in sources("tests")
        if source.top != "bench"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"time.sleep", "asyncio.sleep"}
    ]
    assert not wrong, lines(wrong)


def test_every_module_opens_with_what_it_is_for() -> None:
    silent = [
        source.at(source.tree, "no docstring")
        for source in (*sources("copdns"), *sources("tests"))
        if source.tree.body and not ast.get_docstring(source.tree)
    ]
    assert not silent, lines(silent)


# Written so that this file does not match itself.
UNWANTED = {
    "an unfinished mark": r"\b(?:T[O]DO|FI[X]ME|X[X]X)\b",
    "an id of a paper that is not here": r"\b(?:STD|CR)-\d|\bissue [#]?\d",
    "a path of one machine": r"(?<![\w.:/])/(?:work|farm|root)(?:/[\w.-]+)+",
    "the host of a package registry": r"\b(?:pypi[.]org|python[h]osted[.]org|deb[.]debian[.]org)",
}


@cache
def tracked_texts() -> dict[str, str]:
    """Every text file under version control; in an unpacked archive there is nothing to read."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    texts = {}
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        try:
            texts[name] = path.read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # a picture, or a file that is being taken away
    return texts


@pytest.mark.parametrize("what", UNWANTED)
def test_the_project_speaks_only_of_itself(what: str) -> None:
    wrong = [
        f"{name}:{number}: {what}: {line.strip()[:80]}"
        for name, text in tracked_texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(UNWANTED[what], line)
    ]
    assert not wrong, lines(wrong)


def test_pages_fetch_nothing_from_elsewhere() -> None:
    remote = re.compile(r"""(?:src|href|action|url)\s*[=(]\s*["']?(?:https?:)?//""")
    wrong = [
        name
        for name, text in tracked_texts().items()
        if name.startswith("web-ui/") and not name.endswith(".md") and remote.search(text)
    ]
    assert not wrong, lines(wrong)
