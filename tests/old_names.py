"""Old names that still stand: `python -m tests.old_names [COMMIT]` lists what a renaming forgot.

Looked for is what copdns/ defined at that commit (default: the last one before the names of the
whole program changed) and defines no longer: modules, functions, classes, constants and
attributes; and each pair of an owner that is still there and a member that is not, as in
`Resolver.answer`.  It counts as left over

- as an identifier in code, unless its file gives that name to something of its own, today's tests
  define it (in a file of tests), or the standard library or a dependency has an attribute of that
  spelling; a keyword is known, too, if a parameter or a template has it;
- in texts (comments, docstrings, pages of docs/ and all else that git knows): between backticks,
  if the span reads as code (`name`, `owner.name`, `name(...)`, `folder/name.py`); and anywhere in
  prose, if the word can be no English word (an underscore or a capital inside), or is a class by
  its capital ("of a Resolver").  Left out are contracts: what a whole string of copdns says (a
  setting, key, value or command), words of its SQL, labels in capitals that tests have as data,
  names of files, and in Python the names and words of strings of the same file.

CHANGELOG.md tells of the past and is not read.  Nothing is fetched: in a shallow clone without the
commit, get the history first (`git fetch --unshallow`).
"""

from __future__ import annotations

import ast
import importlib
import io
import re
import subprocess
import sys
import tokenize
import warnings
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from typing import NamedTuple

from tests.rooms import ROOT, sources_at

BEFORE_THE_NAMES_CHANGED = "14b73a8"
TEXTS = (".md", ".yaml", ".html", ".toml", ".js", ".css", ".c", "Makefile", ".ci/run")
HISTORY = "CHANGELOG.md"
WORD = re.compile(r"[A-Za-z_]\w*")
# What a span in backticks looks like that is code: names with dots, perhaps called; or a module.
CODE = re.compile(r"(?:[\w/]+/)?_*[A-Za-z]\w*(?:\.\w+)*(?:\(.*\))?")
A_CLASS = re.compile(r"\b(?:an?|the|each|every|one) ([A-Z][a-z]+)\b")
IN_BACKTICKS = re.compile(r"`+([^`\n]+)`+")


class Names(NamedTuple):
    """What sources define.  members: (owner, name), the owner being a class or a module."""

    plain: frozenset[str]
    members: frozenset[tuple[str, str]]


class File(NamedTuple):
    """A text of today.  path: from the root; tree: of Python only."""

    path: str
    text: str
    tree: ast.Module | None = None

    @property
    def is_of_tests(self) -> bool:
        return self.path.startswith(("tests/", "scripts/", "CONTRIBUTING"))


class Leftover(NamedTuple):
    name: str
    place: str


class Known(NamedTuple):
    """What today's names may be besides definitions of copdns.

    tests: what tests define.  attributes: of libraries.  parameters: of functions and templates.
    contracts: strings of copdns and their parts between dots, and labels.  in_strings: all words
    in strings of copdns.  files: the names of all files, with any number of their folders.
    """

    tests: AbstractSet[str] = frozenset()
    attributes: AbstractSet[str] = frozenset()
    parameters: AbstractSet[str] = frozenset()
    contracts: AbstractSet[str] = frozenset()
    in_strings: AbstractSet[str] = frozenset()
    files: AbstractSet[str] = frozenset()


def old_names(then: Iterable[tuple[str, ast.Module]], now: Names) -> Names:
    """Return what modules defined then and none does now.  then: (dotted name, tree) of each."""
    before = definitions(then)
    gone = before.plain - now.plain
    members = {
        (owner, name)
        for owner, name in before.members - now.members
        if owner in now.plain and name not in gone
    }
    return Names(gone, frozenset(members))


def definitions(modules: Iterable[tuple[str, ast.Module]]) -> Names:
    plain, members = set[str](), set[tuple[str, str]]()
    for dotted, tree in modules:
        package, _, module = dotted.rpartition(".")
        plain.add(module)
        members.add((package.rpartition(".")[2], module))
        for node in ast.walk(tree):
            owned = set(_defined_in(node))
            plain |= owned
            if isinstance(node, ast.Module | ast.ClassDef):
                owner = node.name if isinstance(node, ast.ClassDef) else module
                members |= {(owner, name) for name in owned}
                if isinstance(node, ast.ClassDef):
                    inside = (attribute for each in ast.walk(node) for attribute in _set_on(each))
                    members |= {(owner, name) for name in inside}
            plain |= set(_set_on(node))
    return Names(frozenset(plain), frozenset(members))


def _defined_in(node: ast.AST) -> Iterator[str]:
    """Yield what a module, class or function defines right in its body; a function only functions.

    A function's other names are its own, and nobody else can use them.
    """
    for each in getattr(node, "body", ()) if isinstance(node, _WITH_BODY) else ():
        for part in _unfolded(each):
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield part.name
            elif not isinstance(node, ast.Module | ast.ClassDef):
                continue
            elif isinstance(part, ast.Assign):
                yield from (name for target in part.targets for name in _names(target))
            elif isinstance(part, ast.AnnAssign):
                yield from _names(part.target)


_WITH_BODY = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _unfolded(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield a statement, or what stands inside an `if` or `try` in its place."""
    if not isinstance(node, ast.If | ast.Try | ast.With):
        yield node
        return
    for field in ("body", "orelse", "finalbody"):
        for each in getattr(node, field, ()):
            yield from _unfolded(each)


def _names(target: ast.expr) -> Iterator[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _set_on(node: ast.AST) -> Iterator[str]:
    """Yield the attributes of `self` that a statement sets."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    for target in targets if isinstance(node, ast.Assign | ast.AnnAssign) else ():
        for each in ast.walk(target) if target else ():
            if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "self":
                yield each.attr


def left_as_identifiers(file: File, old: Names, known: Known) -> Iterator[Leftover]:
    if file.tree is None:
        return
    own = bound(file.tree)
    elsewhere = known.tests if file.is_of_tests else frozenset[str]()
    libraries = {*known.attributes, *elsewhere, *own}
    for node in ast.walk(file.tree):
        place = f"{file.path}:{getattr(node, 'lineno', 1)}"
        if isinstance(node, ast.Name):
            found = {node.id} - own
        elif isinstance(node, ast.Attribute):
            found = {node.attr} - libraries
        elif isinstance(node, ast.keyword):
            found = {node.arg or ""} - own - known.attributes - known.parameters
        elif isinstance(node, ast.ImportFrom) and _is_ours(node.module or ""):
            parts = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
            found = parts - elsewhere
        elif isinstance(node, ast.Import):
            ours = (alias.name for alias in node.names if _is_ours(alias.name))
            found = {part for name in ours for part in name.split(".")} - elsewhere
        else:
            continue
        yield from (Leftover(name, place) for name in sorted(found & old.plain))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("copdns", "tests")


def bound(tree: ast.AST) -> set[str]:
    """Return the names that a file gives to things of its own."""
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            found.add(node.name or "")
    return found


def left_in_texts(file: File, old: Names, known: Known) -> Iterator[Leftover]:
    if file.tree:  # a docstring speaks of parameters and variables too, a comment of its SQL
        own = bound(file.tree) | words_in_strings([file.tree])
    else:
        own = set(known.tests) if file.is_of_tests else set()
    contracts = own | known.contracts
    is_prose = file.tree is not None or file.path.endswith(".md")
    for number, line in _lines(file):
        place = f"{file.path}:{number}"
        for word in sorted(
            words_of_code(line, known.files, is_prose=is_prose) & old.plain - contracts
        ):
            if not (_is_no_english(word) and word in known.in_strings):
                yield Leftover(word, place)
        for name in set(A_CLASS.findall(line) if is_prose else ()) & old.plain - own:
            yield Leftover(name, place)
        for span in IN_BACKTICKS.findall(line):
            for pair in re.findall(r"(?<![\w.])(\w+)\.(\w+)", span):
                if pair in old.members and ".".join(pair) not in known.contracts:
                    yield Leftover(".".join(pair), place)


def words_of_code(line: str, files: Collection[str], *, is_prose: bool = True) -> set[str]:
    """Return the words of a line that can be names of code: see the head of this file."""
    said = line if is_prose else " ".join(IN_BACKTICKS.findall(line))
    words = {each for each in WORD.findall(said) if _is_no_english(each)}
    for span in IN_BACKTICKS.findall(line):
        if span in files:
            words -= set(WORD.findall(span))
        elif CODE.fullmatch(span):
            words |= set(WORD.findall(span))
    return words


def _is_no_english(word: str) -> bool:
    return "_" in word or bool(re.search("[a-z][A-Z]", word))


def _lines(file: File) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page outside its blocks of code, or comments and docstrings."""
    if file.tree is None:
        in_block = False
        for number, line in enumerate(file.text.splitlines(), 1):
            in_block ^= line.lstrip().startswith("```")
            if not in_block:
                yield number, line
        return
    for token in tokenize.generate_tokens(io.StringIO(file.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield from enumerate(str(node.value.value).splitlines(), node.lineno)


def todays_files() -> Iterator[File]:
    """Yield the texts that git knows: Python, pages and all that has comments."""
    for path in sorted(tracked()):
        if path == HISTORY or not (ROOT / path).is_file():
            continue
        is_python = path.endswith(".py") or path.startswith("scripts/")
        if is_python or path.endswith(TEXTS):
            text = (ROOT / path).read_text()
            is_python = path.endswith(".py") or text.startswith("#!/usr/bin/env python3")
            yield File(path, text, ast.parse(text) if is_python else None)


@cache
def tracked() -> tuple[str, ...]:
    return tuple(_git("ls-files").splitlines())


def known_today(files: Iterable[File]) -> Known:
    trees = [(each, each.tree) for each in files if each.tree is not None]
    everything = [node for _, tree in trees for node in ast.walk(tree)]
    ours = [tree for each, tree in trees if each.path.startswith("copdns/")]
    strings = set(strings_in(ours))
    templates = " ".join(path.read_text() for path in (ROOT / "web-ui").rglob("*.html"))
    placeholders = " ".join(re.findall(r"%\((\w+)\)", " ".join(strings)))
    parameters = {node.arg for node in everything if isinstance(node, ast.arg)}
    return Known(
        tests=_plain(trees, "tests/", "scripts/"),
        attributes=frozenset(library_attributes(everything)),
        parameters={*parameters, *WORD.findall(templates), *WORD.findall(placeholders)},
        contracts={
            *(part for each in strings for part in (each, *re.split(r"[./-]", each))),
            *(each for each in strings_in(tree for _, tree in trees) if each.isupper()),
        },
        in_strings=words_in_strings(ours),
        files={end for path in tracked() for end in _ends(path)},
    )


def _plain(trees: Iterable[tuple[File, ast.Module]], *folders: str) -> frozenset[str]:
    return definitions(
        (module_name(each.path), tree) for each, tree in trees if each.path.startswith(folders)
    ).plain


def module_name(path: str) -> str:
    """Return the dotted name that a module is imported by."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def strings_in(trees: Iterable[ast.AST]) -> Iterator[str]:
    """Yield all strings but docstrings."""
    for tree in trees:
        nodes = list(ast.walk(tree))
        docstrings = [node.value for node in nodes if isinstance(node, ast.Expr)]
        for node in {*nodes} - {*docstrings}:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def words_in_strings(trees: Iterable[ast.AST]) -> set[str]:
    return {word for text in strings_in(trees) for word in WORD.findall(text)}


def _ends(path: str) -> Iterator[str]:
    """Yield a path, and what is left of it without its first folders."""
    parts = path.split("/")
    return ("/".join(parts[number:]) for number in range(len(parts)))


def library_attributes(nodes: Iterable[ast.AST]) -> set[str]:
    """Return what the imported modules that are not ours have, and what their classes have."""
    modules = {
        name
        for node in nodes
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name and not _is_ours(name)
    }
    found = {attribute for kind in (str, bytes, int, float, dict, list) for attribute in dir(kind)}
    for name in sorted(modules):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                module = importlib.import_module(name)
            except ImportError:  # of the attack or the browser tests, and not installed
                continue
        found |= set(dir(module))
        for each in vars(module).values():
            if isinstance(each, type):
                found |= set(dir(each)) | set(getattr(each, "__annotations__", ()))
    return found


class NoSuchCommitError(Exception):
    """Git does not have the commit."""


def modules_at(commit: str) -> list[tuple[str, ast.Module]]:
    """Return the modules of copdns/ at a commit; raise NoSuchCommitError if git lacks it."""
    try:
        _git("cat-file", "-e", f"{commit}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise NoSuchCommitError(
            f"git has no commit {commit} here, so its names cannot be read; in a shallow clone, "
            "get the whole history with `git fetch --unshallow`, or name a later commit"
        ) from error
    return [(f"copdns.{each.name}".rstrip("."), each.tree) for each in sources_at(commit)]


def _git(*args: str) -> str:
    return subprocess.run(
        ["git", *args], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def main() -> None:
    commit = sys.argv[1] if len(sys.argv) > 1 else BEFORE_THE_NAMES_CHANGED
    try:
        then = modules_at(commit)
    except NoSuchCommitError as error:
        sys.exit(f"old_names: {error}")
    files = list(todays_files())
    now = definitions(
        (module_name(each.path), each.tree)
        for each in files
        if each.tree is not None and each.path.startswith("copdns/")
    )
    report(old_names(then, now), files)


def report(old: Names, files: Collection[File]) -> None:
    known = known_today(files)
    totals = []
    for kind, look in (
        ("as identifiers", left_as_identifiers),
        ("in texts", left_in_texts),
    ):
        found = [each for file in files for each in look(file, old, known)]
        for name in sorted({each.name for each in found}):
            places = [each.place for each in found if each.name == name]
            print(f"{name}  {kind} at {', '.join(places)}")
        totals.append(f"{len({each.name for each in found})} {kind} ({len(found)} places)")
    looked_for = f"{len(old.plain)} old names and {len(old.members)} pairs looked for"
    print(f"{looked_for}; left over: {', '.join(totals)}")


if __name__ == "__main__":
    main()
