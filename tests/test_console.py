"""The examples of the documentation do what it says, against the family that `make run` starts."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.console import fits, steps
from tests.running import Program, run_here, running

ROOT = Path(__file__).parents[1]
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))
    if steps(path.read_text())
]

pytestmark = pytest.mark.tools


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Program]:
    with running(tmp_path, ROOT / "config" / "home.yaml") as program:
        yield program


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_examples_of_a_page_do_what_it_says(
    page: Path,
    example: Program,
    tmp_path: Path,
    tool: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tool("dig")
    monkeypatch.chdir(ROOT)
    for step in steps(page.read_text()):
        result = done(here(step.command, example, tmp_path), example.environment)
        told = f"{page.name}:{step.line}: $ {step.command}\n{result.stdout}{result.stderr}"
        assert result.returncode == 0, told
        if step.expected:
            assert fits(here(step.expected, example, tmp_path), result.stdout), told


OF_A_SHELL = frozenset("|&;<>()$`*?[#~!")


def done(command: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command: a plain one of copdns in this process, since a start of it takes longer than
    what it does, and all others as a shell does."""
    words = shlex.split(command)
    if words[0] == "copdns" and not OF_A_SHELL & {*command}:
        return run_here(words[1:], environment)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command],
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def here(text: str, example: Program, folder: Path) -> str:
    """Put the test's ports, data and program in place of those of `make run`."""
    text = re.sub(r"\b5300\b", str(example.port), text)
    text = re.sub(r"\b8053\b", str(example.web_port), text)
    text = text.replace("--data var", f"--data {folder / 'data'}")
    return text.replace(".venv/bin/", "")


PAGE = """
```console
$ first
one
two
$ second
```
```sh
$ for people
```
```console
$ third; echo $?
3
```
"""


def test_commands_are_found_with_what_they_print() -> None:
    assert [tuple(step) for step in steps(PAGE)] == [
        (3, "first", "one\ntwo"),
        (6, "second", ""),
        (12, "third; echo $?", "3"),
    ]


@pytest.mark.parametrize(
    ("expected", "printed", "fit"),
    [
        ("192.0.2.1", "192.0.2.1\n", True),
        ("192.0.2.1", "192.0.2.2\n", False),
        ("until ...", "until 20:30", True),
        ("first\n...\nlast", "first\nmore\nand more\nlast\n", True),
        ("a  b", "a b", True),
        ("one", "one\ntwo", False),
    ],
)
def test_printed_text_fits_as_written_with_dots_for_what_varies(
    expected: str, printed: str, fit: bool
) -> None:
    assert fits(expected, printed) is fit
