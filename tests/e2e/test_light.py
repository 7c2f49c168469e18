"""`copdns run --light`: rules and times without pages, in a box with 128 MiB."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import dns.flags
import pytest

from copdns.store.log_db.querylog import QueryLog
from tests.e2e.house import eventually
from tests.replies import ede_of
from tests.running import Program, running

NAMES = 100_000
LIMIT = 128 << 20
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


@contextmanager
def memory_group() -> Iterator[tuple[Path, str]]:
    """Make a control group with little memory; give its folder, and the file for its processes."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a control group")
    parent = CGROUPS / "memory" if (CGROUPS / "memory").is_dir() else CGROUPS
    group = parent / f"copdns-light-{os.getpid()}"
    file = "memory.limit_in_bytes" if parent.name == "memory" else "memory.max"
    try:
        group.mkdir()
        (group / file).write_text(str(LIMIT))
    except OSError as error:
        pytest.skip(f"needs control groups with a limit of memory: {error}")
    try:
        yield group, "cgroup.procs"
    finally:
        group.rmdir()


def oom_kills(group: Path) -> int:
    for file in ("memory.oom_control", "memory.events"):
        if (group / file).exists():
            lines = (group / file).read_text().splitlines()
            return sum(int(each.split()[1]) for each in lines if each.startswith("oom_kill "))
    raise AssertionError("no count of killed processes")


def test_it_holds_100_000_names_in_128_mib_from_a_list_that_was_compiled_elsewhere(
    tmp_path: Path,
) -> None:
    many = tmp_path / "many.txt"
    many.write_text("".join(f"name-{number}.listed.example\n" for number in range(NAMES)))
    lists = [{"slug": "many", "path": str(many), "category": "games"}]
    lists[0] |= {"format": "domains", "match": "subtree"}
    chosen = settings(tmp_path, lists=lists)
    last = f"name-{NAMES - 1}.listed.example"
    with running(tmp_path, chosen) as elsewhere:
        eventually(lambda: is_blocked(elsewhere, last), 120)
    with memory_group() as (group, processes):
        under = ["sh", "-c", f'echo $$ > "{group / processes}" && exec "$@"', "sh"]
        with running(tmp_path, chosen, under=under, words=["--light"]) as program:
            for number in range(0, NAMES, 97):
                assert is_blocked(program, f"name-{number}.listed.example")
            assert program.ask("open.example").answer
            assert program.process.poll() is None
            assert oom_kills(group) == 0
            program.stop()
