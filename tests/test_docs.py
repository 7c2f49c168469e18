"""The documentation is whole: every setting, command, metric and reason stands where it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from copdns.appeals.appeal import AppealKind, AppealMotive, AppealState, WantedLength
from copdns.appeals.review import DecisionReason
from copdns.cli import main
from copdns.model.household import BlockMode, PrivacyMode
from copdns.model.verdict import Reason
from copdns.server.metrics import METRICS
from copdns.settings.config import Settings
from copdns.web.api.table import OPERATIONS
from copdns.web.routes import ROUTES
from tests.rooms import ROOMS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"(?<!!)\[[^]]*\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def targets(of: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and the anchor that each link within the project points to."""
    for link in LINK.findall(_without_code(of.read_text())):
        if "://" not in link and not link.startswith("mailto:"):
            path, _, anchor = link.partition("#")
            yield ((of.parent / path).resolve() if path else of), anchor


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(of: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual Markdown viewers make them."""
    headings = re.findall(r"^#+ (.+)$", _without_code(of.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("of", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(of: Path) -> None:
    broken = [
        f"{path.name}#{anchor}"
        for path, anchor in targets(of)
        if not path.exists() or (anchor and anchor not in anchors(path))
    ]
    assert not broken


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    ahead = {ROOT / "README.md"}
    while ahead:
        of = ahead.pop()
        seen.add(of)
        ahead |= {path for path, _ in targets(of) if path.suffix == ".md"} - seen
    assert {path.name for path in set(PAGES) - seen} == set()


def test_the_readme_shows_every_picture_that_there_is_and_no_other() -> None:
    shown = re.findall(r'(?:src|srcset)="(docs/[^"]+)"', (ROOT / "README.md").read_text())
    there = [str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "pictures").iterdir()]
    assert sorted(shown) == sorted(there)


def test_the_table_of_rooms_says_what_each_folder_says_itself() -> None:
    rooms = page("architecture.md").partition("## The rooms")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `(\w+)/` \| (.*) \|$", rooms, re.MULTILINE))
    opens = {
        path.parent.name: ast.get_docstring(ast.parse(path.read_text())) or ""
        for path in ROOT.glob("copdns/*/__init__.py")
    }
    assert list(told) == [room for room in ROOMS if room != "__main__"]
    assert told == {room: text.partition("\n")[0] for room, text in opens.items()}


# What stands in backticks for another thing than a name of the code.
NO_NAMES = {
    *("household.db", "household.db.copy", "log.db", "last-known.db"),  # files of a running copdns
    "copdns.yaml",  # and its settings
    *("probe.home.arpa", "why.q.home.arpa"),  # domains
    *("page", "restore"),  # a block mode, a command
    *("chromium", "chromium-headless-shell"),  # packages of Debian
    *("-n 6 --dist loadfile", "ARGS"),  # arguments of pytest, and of make
    "../shared/data",  # a folder beside the project
    *("is_", "has_", "may_"),  # how names begin
    *("*args", "Final", "NamedTuple", "OrderedDict", "__slots__", "copy"),  # of Python,
    *(
        "ctypes",
        "dict",
        "is",
        "lru_cache",
        "mypyc_attr",
        "mypyc_attr(acyclic=True)",
        "partial",
    ),  # or of its compiler
    *("band", "budget", "appeal"),  # words of the API
    "test_a_listed_name_covers_its_subtree_and_no_more",  # a test's name, as an example
}


@cache
def paths() -> tuple[str, ...]:
    """Return the paths of the project's files and of their folders."""
    folders = ("copdns", "tests", "blocklists", "config", "docs", "scripts", "systemd", "web-ui")
    found = [ROOT / ".ci" / "run", *ROOT.glob("*.*")]
    for folder in folders:
        found += [ROOT / folder, *(ROOT / folder).rglob("*")]
    return tuple(f"/{path.relative_to(ROOT)}" for path in found)


@cache
def names_of_the_code() -> set[str]:
    """Return every name that Python files define, alone and as Class.member, and their modules."""
    found: set[str] = set()
    for path in (*ROOT.glob("copdns/**/*.py"), *ROOT.glob("tests/**/*.py")):
        found |= {path.stem, path.parent.name}
        for owner, name in _defined(ast.parse(path.read_text()), ""):
            found |= {name, f"{owner}.{name}"}
    return found


def _defined(node: ast.AST, owner: str) -> Iterator[tuple[str, str]]:
    for each in ast.iter_child_nodes(node):
        match each:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield owner, each.name
                yield from _defined(each, each.name)
            case ast.Assign() | ast.AnnAssign():
                for target in each.targets if isinstance(each, ast.Assign) else [each.target]:
                    if isinstance(target, ast.Name):
                        yield owner, target.id


def is_there(span: str) -> bool:
    """Tell whether a name in backticks exists: of code, a file, a setting, a route or a command."""
    if span.startswith(("copdns ", "make ", "python ", "apt ", "/", '"')):
        return not span.startswith("/") or span in {route.path for route in ROUTES}
    if "/" in span or span.endswith((".py", ".md", ".yaml", ".toml")):
        return any(path.endswith(f"/{span.rstrip('/')}") for path in paths())
    return span.removesuffix("()") in names_of_the_code() or span in settings(Settings)


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_name_that_developers_read_is_in_the_code(name: str) -> None:
    spans = set(re.findall(r"`([^`\n]+)`", _without_code((ROOT / name).read_text())))
    assert sorted(each for each in spans - NO_NAMES if not is_there(each)) == []


def test_the_drawings_of_the_architecture_name_files_that_are_there() -> None:
    drawings = "".join(
        re.findall(r"^```text.*?^```", page("architecture.md"), re.DOTALL | re.MULTILINE)
    )
    files = set(re.findall(r"[\w/]+\.py", drawings))
    assert sorted(each for each in files if not is_there(each)) == []


def test_a_name_that_is_not_in_the_code_is_noticed() -> None:
    assert is_there("server/answer.py")
    assert is_there("Resolver.answer")
    assert is_there("dns.fast_lane")
    assert is_there("/readyz")
    assert not is_there("server/question.py")
    assert not is_there("Resolver.ask_nobody")


def test_every_page_that_the_code_names_is_there() -> None:
    named = {
        found
        for path in (*ROOT.glob("copdns/**/*.py"), *ROOT.glob("config/**/*.yaml"))
        for found in re.findall(r"docs/[\w-]+\.md", path.read_text())
    }
    assert {name for name in named if not (ROOT / name).exists()} == set()


def missing(words: Iterable[str], text: str) -> list[str]:
    """Return the words that do not stand in a page as `code`."""
    spans = " ".join(re.findall(r"`([^`\n]+)`", text)).replace(",", " ").split()
    return [word for word in words if word not in spans]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("reasons.md", Reason),
        ("privacy.md", PrivacyMode),
        ("blocking.md", BlockMode),
        *(
            ("appeals.md", each)
            for each in (AppealKind, AppealState, AppealMotive, WantedLength, DecisionReason)
        ),
    ],
)
def test_every_value_that_people_meet_is_explained(name: str, values: type[StrEnum]) -> None:
    assert missing([str(value) for value in values], page(name)) == []


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every setting; a section's own name is not one."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_setting_is_explained() -> None:
    assert missing(settings(Settings), page("settings.md")) == []


def test_every_metric_is_explained() -> None:
    assert missing(METRICS, page("metrics.md")) == []


def test_every_operation_of_the_api_is_in_its_table() -> None:
    rows = [
        f"| `{each.method} {each.path}` | `{each.permission}`{' + `step_up`' * each.step_up} "
        f"| {each.summary} |"
        for each in OPERATIONS
    ]
    lines = page("api.md").splitlines()
    assert [row for row in rows if row not in lines] == []
    told = [line for line in lines if re.match(r"\| `(GET|POST|PUT|PATCH|DELETE) /", line)]
    assert [line for line in told if line not in rows] == []


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with the words that call it."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, f"{path} {name}")
    else:
        yield path, command


def options(command: click.Command) -> list[str]:
    """Return the long names of a command's options."""
    return [
        name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    ]


def section(text: str, heading: str) -> str:
    """Return a page's part from the heading that names a command to the next of its kind."""
    found = re.search(rf"^(#+) `{re.escape(heading)}\b.*?(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    return found[0] if found else ""


def test_every_command_and_option_is_explained() -> None:
    text = page("commands.md")
    for path, command in commands(main, "copdns"):
        part = section(text, path)
        assert part, f"docs/commands.md needs a heading ### `{path} ...`"
        assert missing(options(command), part) == [], path


def test_the_options_of_all_commands_are_explained() -> None:
    assert missing(options(main), page("commands.md")) == []
