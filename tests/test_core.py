"""The core: modules on the way of a query that can be compiled, and what keeps them so.

docs/architecture.md has the rules and their reasons.  What mypyc refuses shows when it is built;
here is what it would take and then do slowly, or otherwise than Python does.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping

import pytest

from tests.rooms import Source, imports, sources
from tests.test_house import ROOT, lines

# Classes of these take values of a class as Python does.
_MADE_RARELY = "NamedTuple", "Enum", "StrEnum", "IntEnum"
# What is made for each query, or for each response.
PER_QUERY = {
    "CacheEntry",
    "CacheMiss",
    "CachedReply",
    "Exchange",
    "FoundCookie",
    "Lookup",
    "Moment",
    "PendingQuery",
    "Query",
    "ResponseFacts",
    "SentQuery",
    "UpstreamResponse",
}
SLOW = {"OrderedDict", "partial", "lru_cache", "cache"}


def core() -> list[Source]:
    """Return the modules that hatch_build.py compiles."""
    hook = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = hook["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"]
    found = [each for each in sources("copdns") if str(each.path.relative_to(ROOT)) in named]
    assert len(found) == len(named), "a module of the core is not there"
    return found


def classes() -> Iterator[tuple[Source, ast.ClassDef]]:
    for source in core():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                yield source, node


def test_no_class_outside_the_core_inherits_from_one_that_cannot_be_inherited_from() -> None:
    """Compiled, the core would refuse each object of it."""
    rare = {*_MADE_RARELY, "Protocol", "Exception"}
    closed = {
        node.name
        for _, node in classes()
        if not any("allow_interpreted" in ast.unparse(each) for each in node.decorator_list)
        and rare.isdisjoint(ast.unparse(base) for base in node.bases)
    }
    inside = {each.path for each in core()}
    wrong = [
        source.at(node, f"{node.name} inherits from a compiled class")
        for source in sources("copdns")
        if source.path not in inside
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and closed & {ast.unparse(base) for base in node.bases}
    ]
    assert not wrong, lines(wrong)


def test_the_core_waits_for_nothing() -> None:
    """A compiled coroutine does not take what is thrown into it as Python's does."""
    wrong = [
        source.at(node, "asynchronous code in the core")
        for source in core()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await)
    ]
    assert not wrong, lines(wrong)


def test_the_core_knows_no_structures_of_c_and_copies_no_objects() -> None:
    wrong = [
        source.at(node, f"{name} in the core")
        for source in core()
        for node, name in imports(source)
        if name.partition(".")[0] in {"ctypes", "copy", "pickle"}
    ]
    assert not wrong, lines(wrong)


CONSTANT = re.compile(r"_?[A-Z0-9][A-Z0-9_]*")


def test_constants_of_the_core_are_final() -> None:
    """Else each look at one is a look into the dict of its module."""
    wrong = [
        source.at(node, f"{target.id} is not Final")
        for source in core()
        for node in source.tree.body
        if isinstance(node, ast.Assign)
        for each in node.targets
        for target in (each.elts if isinstance(each, ast.Tuple) else [each])
        if isinstance(target, ast.Name) and CONSTANT.fullmatch(target.id)
    ]
    assert not wrong, lines(wrong)


# It takes part in no cycle, so the collector of garbage need not look at it.
UNTRACKED = "mypyc_attr(acyclic=True)"


def test_what_is_made_for_each_query_is_a_plain_class_with_slots() -> None:
    """A named tuple takes several times as long to make."""
    found = set()
    wrong = []
    for source, node in classes():
        if node.name not in PER_QUERY:
            continue
        found.add(node.name)
        has_slots = any("__slots__" in ast.unparse(each) for each in node.body)
        decorators = [*map(ast.unparse, node.decorator_list)]
        if (
            not has_slots
            or decorators != [UNTRACKED]
            or "NamedTuple" in map(ast.unparse, node.bases)
        ):
            wrong.append(source.at(node, f"{node.name} is no plain class, {UNTRACKED}"))
    assert found == PER_QUERY
    assert not wrong, lines(wrong)


def test_no_class_of_the_core_has_what_mypyc_takes_otherwise() -> None:
    wrong = []
    for source, node in classes():
        is_dataclass = any("dataclass" in ast.unparse(each) for each in node.decorator_list)
        if is_dataclass and any("Generic[" in ast.unparse(each) for each in node.bases):
            wrong.append(source.at(node, f"{node.name} is generic and a dataclass"))
        if any(ast.unparse(each) in _MADE_RARELY for each in node.bases):
            continue
        for each in node.body:
            if not isinstance(each, ast.Assign) or ast.unparse(each.targets[0]) == "__slots__":
                continue
            if is_dataclass or isinstance(each.value, ast.Lambda | ast.Call):
                wrong.append(source.at(each, "a value of a class: a module's constant instead"))
    assert not wrong, lines(wrong)


def test_nothing_slow_is_imported_by_the_core() -> None:
    wrong = [
        source.at(node, f"{name} in the core")
        for source in core()
        for node, name in imports(source)
        if name.rpartition(".")[2] in SLOW and (source.name, name) not in RARE
    ]
    assert not wrong, lines(wrong)


# Where they are for what few queries need, or none: a response that did not fit a datagram, a
# rewrite, the reason of a block without the packet cache, plans of time.
RARE = {
    ("dns.upstream", "functools.partial"),
    ("dns.wire", "functools.lru_cache"),
    ("model.reasons", "functools.lru_cache"),
    ("time.budget", "functools.lru_cache"),
    ("time.plan", "functools.lru_cache"),
}


# Functions that make another or take any number of arguments, and that no query comes by.
MAY_MAKE_FUNCTIONS = {
    ("model.build", "mypyc_attr"),
    ("policy.snapshot", "__init__"),  # of the index of devices
    ("policy.time_steps", "_closure_changes"),
    ("server.lazy_free", "add"),
    ("time.ledger", "_new_day"),
}


def test_no_function_of_the_core_makes_another_one_for_each_query() -> None:
    wrong = [
        source.at(each, f"a function in {node.name}, or any number of arguments")
        for source in core()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef) and (source.name, node.name) not in MAY_MAKE_FUNCTIONS
        for each in ast.walk(node)
        if (each is not node and isinstance(each, ast.Lambda | ast.FunctionDef))
        or (each is node and (node.args.vararg or node.args.kwarg))
    ]
    assert not wrong, lines(wrong)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"COPDNS_COMPILE": "0"}, "COPDNS_COMPILE is 0"),
        ({"CC": "no-such-compiler -O2"}, "there is no C compiler (no-such-compiler)"),
        ({"CC": "no-such-compiler", "COPDNS_COMPILE": "1"}, "there is no C compiler"),
    ],
)
def test_it_is_told_why_the_core_will_not_be_compiled(
    environment: Mapping[str, str], reason: str
) -> None:
    command = [sys.executable, ROOT / "hatch_build.py"]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    assert done.stderr.startswith(f"The core will not be compiled: {reason}")
