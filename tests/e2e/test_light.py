"""Small boxes: `copdns run --light`, rules and times without pages, in 128 MiB; and all in 256."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError

import dns.flags
import pytest

from copdns.store.log_db.querylog import QueryLog
from tests.e2e.house import eventually
from tests.replies import ede_of
from tests.running import Program, running

QUERIES = 1000
PAGES = ("/", "/ask", "/check?name=open.example", "/help", "/guardian/login", "/protection")
CGROUPS = Path("/sys/fs/cgroup")
FAMILY = """
household: Example family
profiles:
  mia:
    name: Mia
    band: 7-9
    privacy: blocked
    block_mode: page
    categories: [games]
    block: [games.example]
    devices: {tablet: [127.0.0.1]}
"""


def settings(folder: Path, **sections: object) -> dict[str, object]:
    (folder / "family.yaml").write_text(FAMILY)
    return {"household": str(folder / "family.yaml"), "sources": {"use": "none"}, **sections}


def is_blocked(program: Program, name: str) -> bool:
    return ede_of(program.ask(name)) is not None


def test_it_blocks_and_counts_and_serves_nothing_else(tmp_path: Path) -> None:
    with running(tmp_path, settings(tmp_path), words=["--light"]) as program:
        reply = program.ask("games.example")
        assert is_blocked(program, "games.example")
        assert not reply.answer  # no page's address
        assert reply.flags & dns.flags.RA
        assert program.ask("open.example").answer
        with pytest.raises(URLError):
            program.get("/")
        program.command("rule", "add", "block", "open.example", "--profile", "mia")
        eventually(lambda: is_blocked(program, "open.example"))
        code, said = program.stop()
    assert code == 0
    assert "there are no pages" in said
    assert "code" not in said.split("there are no pages")[1]  # that of the setup, which is a page
    assert not QueryLog(tmp_path / "data").rows("home")


class Box(NamedTuple):
    """A control group around all of a program.  group: its folder."""

    group: Path

    @property
    def under(self) -> list[str]:
        """The words that start a command in it."""
        return ["sh", "-c", f'echo $$ > "{self.group / "cgroup.procs"}" && exec "$@"', "sh"]

    def killed(self) -> int:
        """Return how many processes were ended for want of memory."""
        for file in ("memory.oom_control", "memory.events"):
            if (self.group / file).exists():
                lines = (self.group / file).read_text().splitlines()
                return sum(int(each.split()[1]) for each in lines if each.startswith("oom_kill "))
        raise AssertionError("no count of ended processes")


@contextmanager
def box(mib: int) -> Iterator[Box]:
    """Make a control group (version 1 or 2) with so much memory."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a control group")
    parent = CGROUPS / "memory" if (CGROUPS / "memory").is_dir() else CGROUPS
    group = parent / f"copdns-light-{os.getpid()}"
    file = "memory.limit_in_bytes" if parent.name == "memory" else "memory.max"
    try:
        group.mkdir()
        (group / file).write_text(str(mib << 20))
    except OSError as error:
        pytest.skip(f"needs control groups with a limit of memory: {error}")
    try:
        yield Box(group)
    finally:
        group.rmdir()


@pytest.mark.parametrize(
    ("mib", "names", "words"),
    [(128, 100_000, ["--light"]), (256, 1_000_000, [])],  # the second one with pages
)
def test_a_small_box_holds_a_list_that_was_compiled_elsewhere(
    tmp_path: Path, mib: int, names: int, words: list[str]
) -> None:
    many = tmp_path / "many.txt"
    many.write_text("".join(f"name-{number}.listed.example\n" for number in range(names)))
    lists = [{"slug": "many", "path": str(many), "category": "games"}]
    lists[0] |= {"format": "domains", "match": "subtree"}
    chosen = settings(tmp_path, lists=lists)
    last = f"name-{names - 1}.listed.example"
    with running(tmp_path, chosen) as elsewhere:
        eventually(lambda: is_blocked(elsewhere, last), 120)
    with box(mib) as made, running(tmp_path, chosen, under=made.under, words=words) as program:
        for number in range(0, names, names // QUERIES):
            assert is_blocked(program, f"name-{number}.listed.example")
        assert program.ask("open.example").answer
        for path in () if words else PAGES:
            assert "</html>" in program.get(path)
        assert program.process.poll() is None
        assert made.killed() == 0
        program.stop()
