"""The manual pages and the completion of shells, which are made from the commands."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import click
import pytest

from copdns import __version__
from copdns.cli import COMMANDS, main
from copdns.cli.man_pages import man_pages
from copdns.cli.manual import write_manual

PROMPT = "ready> "
MADE = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    write_manual(folder, MADE)
    return folder


def read_manual(page: Path, tool: Callable[[str], str]) -> str:
    """Return what `man` shows of a page, on lines without end and without fonts."""
    done = subprocess.run(
        [tool("man"), "--local-file", page],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "1000"},
    )
    assert done.stderr == ""
    return done.stdout


def commands_below(group: click.Group, context: click.Context) -> Iterator[click.Context]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield inner
        if isinstance(command, click.Group):
            yield from commands_below(command, inner)


def test_each_command_has_a_page_that_names_all_below_it_with_their_options() -> None:
    pages = man_pages(main, "copdns", __version__, date(2026, 11, 28))
    assert pages.keys() == {"copdns", *(f"copdns-{name}" for name in COMMANDS)}
    for inner in commands_below(main, click.Context(main, info_name="copdns")):
        words = inner.command_path.split()
        page = pages["-".join(words[:2])].replace(r"\-", "-")
        assert inner.command_path in page
        for option in inner.command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert rf"\fB{option.opts[-1]}\fR" in page, (words, option.opts)


def test_a_page_reads_as_its_help_does(share: Path, tool: Callable[[str], str]) -> None:
    read = read_manual(share / "man" / "man1" / "copdns-check.1", tool)
    assert "copdns-check - show whether NAME is allowed or blocked, and why\n" in read
    assert "copdns check [OPTIONS] NAME\n" in read
    assert re.search(
        r"^ +--client IP\n +Check for the device with this address\.", read, re.MULTILINE
    )
    examples = read.partition("EXAMPLES\n")[2]
    assert examples.lstrip().startswith("copdns check www.youtube.com --profile mia\n")


def test_the_page_of_copdns_says_what_holds_for_all(
    share: Path, tool: Callable[[str], str]
) -> None:
    read = read_manual(share / "man" / "man1" / "copdns.1", tool)
    headings = re.findall(r"^([A-Z][A-Z ]+)$", read, re.MULTILINE)
    assert headings == [
        *("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT"),
        *("FILES", "EXAMPLES", "SEE ALSO"),
    ]
    assert f"copdns {__version__}" in read
    assert "2026-11-28" in read
    assert "copdns-rollback(1)" in read


def test_mandoc_and_groff_find_nothing_in_any_page(share: Path, tool: Callable[[str], str]) -> None:
    pages = sorted((share / "man" / "man1").iterdir())
    for words in (["mandoc", "-Tlint"], ["groff", "-wall", "-Kutf8", "-Tutf8", "-man", "-Z"]):
        found = subprocess.run(
            [tool(words[0]), *words[1:], *pages], capture_output=True, text=True, check=False
        )
        said = found.stdout if words[0] == "mandoc" else ""
        assert (found.returncode, said, found.stderr) == (0, "", "")


def test_the_same_sources_make_the_same_files(tmp_path: Path, share: Path) -> None:
    words = [sys.executable, "-m", "copdns.cli.manual", str(tmp_path)]
    moment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(MADE.timestamp())), "TZ": "Asia/Tokyo"}
    subprocess.run(words, check=True, env=moment)
    assert contents(tmp_path) == contents(share)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def on_path(tmp_path: Path) -> str:
    """Put a `copdns` of these sources first; return the PATH."""
    script = tmp_path / "bin" / "copdns"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nfrom copdns.cli import main\n\nmain()\n")
    script.chmod(0o755)
    return f"{script.parent}:{os.environ['PATH']}"


@pytest.mark.once
@pytest.mark.tools
def test_bash_completes_a_command_and_its_options(
    share: Path, tmp_path: Path, tool: Callable[[str], str], on_path: str
) -> None:
    made = share / "bash-completion" / "completions" / "copdns"
    settings = tmp_path / "bashrc"
    settings.write_text(f". {made}; PS1='{PROMPT}'")
    with typing_into([tool("bash"), "--rcfile", str(settings), "-i"], on_path) as shell:
        shell.assert_shows("copdns household sho\t", "household show ")
        shell.assert_shows("--js\t", "--json ")


@pytest.mark.once
@pytest.mark.tools
def test_zsh_completes_a_command_and_its_options(
    share: Path, tmp_path: Path, tool: Callable[[str], str], on_path: str
) -> None:
    functions = share / "zsh" / "site-functions"
    (tmp_path / ".zshrc").write_text(
        f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D; PS1='{PROMPT}'"
    )
    with typing_into([tool("zsh"), "-d", "-i"], on_path, ZDOTDIR=str(tmp_path)) as shell:
        shell.assert_shows("copdns household sho\t", "household show ")
        shell.assert_shows("--js\t", "--json ")


@pytest.mark.once
@pytest.mark.tools
def test_fish_completes_a_command_and_its_options(
    share: Path, tmp_path: Path, tool: Callable[[str], str], on_path: str
) -> None:
    made = share / "fish" / "vendor_completions.d" / "copdns.fish"
    asked = "; ".join(f"complete -C '{line}'" for line in ("copdns hous", "copdns check --prof"))
    done = subprocess.run(
        [tool("fish"), "--no-config", "-c", f"source {made}; {asked}"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": on_path, "HOME": str(tmp_path)},
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["household", "--profile"]


class Shell:
    """A shell at a terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._shown = ""

    def assert_shows(self, keys: str, shown: str) -> None:
        """Press keys; what the shell shows must come to have a text that was not typed."""
        os.write(self._terminal, keys.encode())
        self.wait_for(shown)

    def wait_for(self, until: str) -> None:
        limit = time.monotonic() + 30
        while until not in self._shown:
            ready, _, _ = select.select([self._terminal], [], [], limit - time.monotonic())
            assert ready, self._shown
            shown = os.read(self._terminal, 4096).decode()
            self._shown += re.sub("[\r\a\b]", "", shown)


@contextmanager
def typing_into(command: list[str], path: str, **more: str) -> Iterator[Shell]:
    """Start a shell, and wait until it reads keys: what is pressed before is lost."""
    pid, terminal = pty.fork()
    if pid == 0:
        ours = {"PATH": path, "TERM": "dumb", "HISTFILE": "", **more}
        os.execve(command[0], command, {**os.environ, **ours})
    shell = Shell(terminal)
    try:
        shell.wait_for(PROMPT)
        yield shell
    finally:
        os.close(terminal)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
