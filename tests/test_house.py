"""The order of the house, read off the code: who may import whom, and what stands where.

`rooms.py` has the table of rooms.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.rooms import (
    BELOW_ALL,
    ROOMS,
    Source,
    arrows,
    circles,
    floors,
    imports,
    own_imports,
    sources,
)

ROOT = Path(__file__).parents[1]

# Here everything decides: nothing waits, asks the machine, reads a clock or logs ...
PURE = {
    *("model", "settings", "accounts", "time", "dns", "lists", "household", "policy"),
    *("appeals", "privacy", "words", "as_json"),
}
# ... but for these, which draw secrets, hold sockets or read files.
NOT_PURE = {
    *("accounts.codes", "accounts.passwords", "dns.bug_log", "dns.datagrams", "dns.mmsg"),
    *("dns.connections", "dns.doh", "dns.host_finder", "dns.socket_pool", "dns.stream_pool"),
    *("dns.upstream", "dns.upstream_groups", "dns.upstream_queries", "dns.upstream_tcp"),
}
# Rooms within a room that do not know each other ...
APART = (("web.child", "web.desk", "web.api"), ("store.household_db", "store.log_db"))
# ... and the only modules outside that know them.
KNOWS_ALL = {
    "web.child": {"web.routes"},
    "web.desk": {"web.routes"},
    "web.api": {"web.routes"},
    "store.household_db": {
        *("store.backup", "store.rollback", "store.provider_backup", "store.schema_stages")
    },
    "store.log_db": {"store.backup", "store.rollback", "store.schema_stages"},
    "cli.doctor": {"cli.commands.doctor"},
}
MOST_FILES = 40  # in one folder

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


def lines(wrong: list[str]) -> str:
    return "\n".join(["", *wrong])


def of_ours(source: Source) -> Iterator[tuple[ast.AST, str]]:
    return own_imports(source, _names())


@cache
def _names() -> frozenset[str]:
    return frozenset(each.name for each in sources("copdns"))


def is_in(name: str, room: str) -> bool:
    return f"{name}.".startswith(f"{room}.")


def pure_sources() -> list[Source]:
    return [
        each
        for each in sources("copdns")
        if (each.top in PURE and each.name not in NOT_PURE) or says_pure(each)
    ]


def says_pure(source: Source) -> bool:
    return bool(re.search(r"\bPure[.:]", ast.get_docstring(source.tree) or ""))


def test_a_room_imports_what_the_table_says_and_no_more() -> None:
    found = arrows(sources("copdns"))
    assert found.keys() == ROOMS.keys()
    told = {room: set(below.split()) for room, below in ROOMS.items()}
    assert {room: below - {BELOW_ALL} for room, below in found.items()} == told


def test_imports_point_down() -> None:
    order = list(ROOMS)
    wrong = [
        (room, to)
        for room, below in ROOMS.items()
        for to in below.split()
        if order.index(to) <= order.index(room)
    ]
    assert not wrong
    assert not circles(arrows(sources("copdns")))


def test_the_architecture_page_draws_each_room_on_its_floor() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^  (\d)  ([a-z_ ]+)$", page, re.MULTILINE)
    drawn = {room: int(floor) for floor, rooms in rows for room in rooms.split()}
    found = floors(arrows(sources("copdns")))
    assert drawn == {room: floor for room, floor in found.items() if room != "__main__"}


def test_rooms_within_a_room_do_not_know_each_other() -> None:
    wrong = [
        source.at(node, f"{source.name} must not know {name}")
        for source in sources("copdns")
        for node, name in of_ours(source)
        for rooms in APART
        for room in rooms
        if is_in(name, room) and any(is_in(source.name, other) for other in {*rooms} - {room})
    ]
    wrong += [
        source.at(node, f"only {' and '.join(sorted(knows))} may know {name}")
        for source in sources("copdns")
        for node, name in of_ours(source)
        for room, knows in KNOWS_ALL.items()
        if is_in(name, room)
        and is_in(source.name, room.partition(".")[0])
        and not is_in(source.name, room)
        and source.name not in {*knows, room}
    ]
    assert not wrong, lines(wrong)


def test_the_root_holds_rooms_and_the_settings() -> None:
    files = {path.name for path in (ROOT / "copdns").iterdir() if path.suffix == ".py"}
    assert files == {"__init__.py", "__main__.py"}


def test_no_folder_is_a_heap() -> None:
    folders = [each.path.parent for each in sources("copdns")]
    heaps = {str(each): folders.count(each) for each in folders if folders.count(each) > MOST_FILES}
    assert not heaps


def test_a_folder_opens_with_its_subject() -> None:
    """One docstring and nothing else, so that importing a folder costs nothing."""
    wrong = [
        source.at(source.tree, "more or less than one docstring")
        for source in sources("copdns")
        if source.path.name == "__init__.py"
        and source.name not in {"", "cli"}
        and (len(source.tree.body) != 1 or not ast.get_docstring(source.tree))
    ]
    assert not wrong, lines(wrong)


def test_a_pure_module_imports_pure_modules_only() -> None:
    pure = {each.name for each in pure_sources()}
    wrong = [
        source.at(node, f"{source.name} is pure, {name} is not")
        for source in pure_sources()
        for node, name in of_ours(source)
        if name and name not in pure
    ]
    assert not wrong, lines(wrong)


def test_what_answers_is_imported_at_the_start() -> None:
    """No query waits for an import: these rooms, on its way, import nothing within a function."""
    wrong = [
        source.at(node, f"{source.name} imports {name} when it is called")
        for source in sources("copdns")
        if source.top in {"dns", "lists", "network", "policy", "server", "time"}
        for function in ast.walk(source.tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node, name in imports(source._replace(tree=ast.Module([function], [])))
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
    [
        ("babel", "words.phrases"),
        ("dnslib", "dns.wire"),
        ("icalendar", "time.ics"),
        ("segno", "web.device_setup.qr"),
    ],
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
        if source.top != "cli" and source.name != "app.answering_parts"
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


def test_nothing_that_runs_at_home_imports_what_providers_install() -> None:
    """A family does not install psycopg, pyrad, lmdb and authlib (the extra `provider`).

    Some modules import what needs them where a setting says so, inside a function.
    """
    of_providers = (
        *("provider", "store.postgres", "store.household_db.provider", "store.provider_backup"),
        *("store.log_db.provider_log", "store.log_db.provider_usage"),
        "store.household_db.family_codes",
        *("app.provider_source", "app.node"),
        "app.many_households",
        *("store.provider_db", "store.schema_stages", "cli.provider"),
        *("web.staff", "cli.doctor.rollouts", "cli.doctor.provider_roles"),
    )
    if_set = {"app.answering_parts", "cli.home", "cli.commands.backup", "cli.commands.doctor"}
    wrong = [
        source.at(node, f"{source.name} imports {name}")
        for source in sources("copdns")
        if not any(is_in(source.name, each) for each in of_providers)
        for node, name in (*imports(source), *of_ours(source))
        if node in source.tree.body or source.name not in if_set
        if any(
            is_in(name, each)
            for each in ("psycopg", "pyrad", "lmdb", "authlib", "joserfc", *of_providers)
        )
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


SAYS_WHY = re.compile(r"#(?: noqa: \w+ -)? \w+ \w+")


def test_what_catches_every_error_says_why() -> None:
    """Where a bug must not end more than it has to, it is logged or raised as another error."""
    wrong = []
    for source in sources("copdns"):
        text = source.path.read_text().splitlines()
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = ast.unparse(node.type) if node.type else "BaseException"
            if re.search(r"\b(Base)?Exception\b", caught):
                if not SAYS_WHY.search(text[node.lineno - 1]):
                    wrong.append(source.at(node, "every error is caught: say why"))
                if not any(isinstance(each, ast.Call | ast.Raise) for each in ast.walk(node)):
                    wrong.append(source.at(node, "every error is caught, and none is told"))
    assert not wrong, lines(wrong)


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


MIGRATIONS = re.compile(r"store\.\w+_db\.(?:migrations|first_migrations\.\w+)")


def test_what_is_public_says_what_it_is_for() -> None:
    """Classes, functions, and methods that do more than one thing; not what a Protocol only names.

    A migration says it in its name, and is not edited once it has shipped.
    """
    silent = [
        source.at(node, f"{name} has no docstring")
        for source in sources("copdns")
        if not MIGRATIONS.fullmatch(source.name)
        for name, node in _public(source.tree, "")
        if not ast.get_docstring(node)
    ]
    assert not silent, lines(silent)


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Definition]]:
    """Yield public definitions with their names, without methods of a single plain statement."""
    for node in parent.body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        name = f"{prefix}{node.name}"
        is_plain = len(node.body) == 1 and isinstance(node.body[0], ast.Return | ast.Expr)
        if not (prefix and is_plain):
            yield name, node
        if isinstance(node, ast.ClassDef) and "Protocol" not in map(ast.unparse, node.bases):
            yield from _public(node, f"{name}.")


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


def test_a_public_class_has_a_name_of_its_own() -> None:
    """Of two models of the API with one name, programs would see the paths of their modules."""
    places: dict[str, list[str]] = {}
    for source in sources("copdns"):
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(source.name)
    assert not {name: found for name, found in places.items() if len(found) > 1}


PARTICIPLE = (
    r"_*(told|said|kept|held|made|given|known|seen|asked|noted|shown|taken|gone|sent|met|written"
    r"|chosen|thrown|drawn|spent|lost|caught|heard|meant|brought|begun|[a-z]+ed)"
)
# What follows a participle that is no adjective of a noun after it.
NO_NOUN = "as_json|from_json|json|with|over|again|besides|after_all|apart|otherwise|open"
NO_NOUN += "|in_vain|in_force|for_everyone|of|of_app|state|ttl"
PARTICIPLES = re.compile(rf"{PARTICIPLE}(_({NO_NOUN}))?")
# Verbs that end so; and an operation of the API, whose id programs see.
NO_PARTICIPLES = frozenset({"feed", "need", "seed", "speed", "suggested"})


def test_no_function_is_named_by_a_participle() -> None:
    """A function is a verb, a value a noun: `record()`, not `told()`."""
    wrong = [
        source.at(node, node.name)
        for source in sources("copdns")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and PARTICIPLES.fullmatch(node.name)
        and node.name.strip("_") not in NO_PARTICIPLES
    ]
    assert not wrong, lines(wrong)


# A participle or an adjective, alone or with a word that makes no noun of it.
BARE = re.compile(
    rf"(\w+_)?{PARTICIPLE}(_({NO_NOUN}|by|on|off|out))?|(\w+_)?(waiting|pending|special|static|sure"
    r"|light|ready|mine|others?|private|public|unknown|lean|soft|live|quiet|away|broad|small"
    r"|read_only|log_only|last_known|in_force)"
)
# The command has this name, and operations of the API have these in their ids: others use both.
# What comes before "in_force" says of what.
BARE_BUT_RIGHT = frozenset(
    {
        *("cli.commands.encrypted", "web.api.people.kept", "web.api.people.mine"),
        *("web.api.people.unknown", "web.api.events.feed", "app.seed"),
        *("app.household_in_force", "app.lists_in_force", "app.upstreams_in_force"),
        "provider.law.register_in_force",
    }
)


def test_no_module_is_named_by_a_participle_or_an_adjective() -> None:
    """A module has the name of what it holds or does: `ignored_devices`, not `ignored`."""
    wrong = {
        source.name
        for source in sources("copdns")
        if BARE.fullmatch(source.name.rpartition(".")[2])
    }
    assert wrong == BARE_BUT_RIGHT


MOST_LINES, MOST_PARAMETERS = 60, 9  # of a function
# These lists only get shorter.  A migration is not edited once it has shipped.
LONG = {
    "server.answer._reply": 72,  # its steps share too many values to stand apart
    "policy.order.decision_order": 79,  # a table: most of its lines are the reasons for its rows
}
MANY_PARAMETERS = {
    "app.housekeeping.__init__": 12,
    "app.many_households.subscriber_chores.__init__": 10,
    "app.monitoring.__init__": 13,
    "cli.commands.appeal.decide": 13,  # of a command: one each argument and option
    "cli.commands.schedule.add": 11,
    "cli.provider.law.add": 15,
    "cli.provider.preserve.add": 11,
    "cli.provider.serve.serve": 10,
    "dns.message.__init__": 12,  # made for each response, where a value in between would cost
    "household.time_edits.add_ticket": 10,
    "server.answer.__init__": 10,
    "web.desk.change.change_household": 10,
}


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for source in sources("copdns"):
        if MIGRATIONS.fullmatch(source.name):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{source.name}.{node.name}", node


def test_a_function_is_read_at_one_look() -> None:
    long = {
        name: lines
        for name, node in _functions()
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES
    }
    assert long == LONG


def test_a_function_takes_few_values() -> None:
    """Many that belong together are one value; `self` is not counted."""
    many = {
        name: number
        for name, node in _functions()
        if (number := _count_parameters(node.args)) > MOST_PARAMETERS
    }
    assert many == MANY_PARAMETERS


def _count_parameters(args: ast.arguments) -> int:
    named = [each.arg for each in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    return len([each for each in named if each not in {"self", "cls"}])


FIELD_LINE = re.compile(r"^ {4}([a-z_]+(?:, [a-z_]+)*): ", re.MULTILINE)


def test_a_docstring_of_a_value_lists_fields_that_it_has() -> None:
    wrong = []
    for source in sources("copdns"):
        for node in ast.walk(source.tree):
            is_value = isinstance(node, ast.ClassDef) and any(
                "dataclass" in ast.unparse(each) for each in node.decorator_list
            )
            is_value |= isinstance(node, ast.ClassDef) and "NamedTuple" in map(
                ast.unparse, node.bases
            )
            if not is_value:
                continue
            assert isinstance(node, ast.ClassDef)
            there = {
                each.target.id
                for each in node.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            } | {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
            doc = ast.get_docstring(node, clean=False) or ""
            listed = {name for line in FIELD_LINE.findall(doc) for name in line.split(", ")}
            wrong += [source.at(node, f"{node.name}: {each}") for each in listed - there]
    assert not wrong, lines(wrong)
