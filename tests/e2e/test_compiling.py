"""Lists that are compiled while the real program answers: nothing is lost, wrong, or half there."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from select import POLLIN, poll
from typing import Any

import pytest

from tests.e2e.asking import How, ask_over_udp, message
from tests.e2e.house import LONG, eventually
from tests.running import READY, Program, running

LOOPBACK = "127.0.0.1"
HOUSEHOLD = """
household: Example family
profiles:
  mia: {name: Mia, band: 7-9, categories: [games], devices: {tablet: [127.0.0.1]}}
"""
COUNT = 40_000  # names: too many to be read at once
BIG = 250_000  # names that take a second or two: a process that compiles them can be caught


def names(first: int, count: int = COUNT) -> str:
    return "".join(f"toys-{number}.example\n" for number in range(first, first + count))


@contextmanager
def home(folder: Path, **settings: Any) -> Iterator[Program]:
    (folder / "family.yaml").write_text(HOUSEHOLD)
    toys = {"slug": "toys", "category": "games", "format": "domains", "match": "subtree"}
    lists = [{**toys, "path": str(folder / "toys.txt")}]
    wanted = {"household": str(folder / "family.yaml"), "lists": lists, **settings}
    with running(folder, wanted) as program:
        yield program


def is_blocked(program: Program, name: str) -> bool:
    return not program.ask(name).answer


def is_compiled(program: Program) -> bool:
    return "being prepared" not in program.get("/readyz")


def indexes(folder: Path) -> list[str]:
    return [each.name for each in (folder / "data" / "lists" / "index").glob("*.index")]


def compiler(program: Program) -> int:
    """Wait until a process compiles, and return its id."""
    found: list[int] = []

    def there() -> bool:
        here = program.process.pid
        children = Path(f"/proc/{here}/task/{here}/children").read_text().split()
        found.extend(
            int(each) for each in children if "copdns.list_files.compiling" in command(each)
        )
        return bool(found)

    def command(child: str) -> str:
        return Path(f"/proc/{child}/cmdline").read_text()

    eventually(there)
    return found[0]


def query(name: str) -> bytes:
    labels = [bytes([len(label)]) + label.encode() for label in name.split(".")]
    return message(b"".join(labels) + b"\0", 1, How())


def answers(reply: bytes) -> int:
    return int.from_bytes(reply[6:8], "big")


def test_a_reload_under_load_loses_no_answer_and_gives_none_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "toys.txt").write_text(names(0))
    listed = [query(f"www.toys-{number}.example") for number in range(COUNT // 2, COUNT, 100)]
    others = [query(f"www.books-{number}.example") for number in range(200)]
    messages = [*listed, *others] * 20

    def rounds(reloading: Future[None]) -> int:
        count = 0
        while not reloading.done():
            replies = ask_over_udp((LOOPBACK, program.port), LOOPBACK, messages, window=8)
            expected = [*[0] * len(listed), *[1] * len(others)] * 20
            assert list(map(answers, replies)) == expected
            count += 1
        return count

    with home(tmp_path) as program, ThreadPoolExecutor(1) as pool:
        eventually(lambda: is_compiled(program), within=LONG)
        # Half of the names stay, half go, as many come: what stays is blocked all the time.
        (tmp_path / "toys.txt").write_text(names(COUNT // 2))
        assert rounds(pool.submit(program.reload)) > 0
        assert is_blocked(program, f"toys-{COUNT + 1}.example")
        assert not is_blocked(program, "toys-1.example")


def test_at_the_next_start_the_lists_are_there_at_once(tmp_path: Path) -> None:
    (tmp_path / "toys.txt").write_text(names(0))
    with home(tmp_path) as program:
        eventually(lambda: is_blocked(program, "toys-1.example"), within=LONG)
        eventually(lambda: is_compiled(program))
    with home(tmp_path) as program:
        assert is_blocked(program, "toys-1.example")
        assert program.get("/readyz") == READY
        # A command looks into the same file.
        held = json.loads(program.command("lists", "search", "toys-7.example", "--json").stdout)
        assert [each["list"] for each in held["entries"]] == ["toys"]


def test_one_index_stays_and_is_the_only_one_that_is_mapped(tmp_path: Path) -> None:
    (tmp_path / "toys.txt").write_text(names(0))
    with home(tmp_path) as program:
        eventually(lambda: is_compiled(program), within=LONG)
        before = indexes(tmp_path)
        (tmp_path / "toys.txt").write_text(names(5))
        program.reload()
        after = indexes(tmp_path)
        assert len(before) == len(after) == 1
        assert before != after

        def mapped() -> set[str]:
            maps = Path(f"/proc/{program.process.pid}/maps").read_text().split()
            return {Path(each).name for each in maps if each.endswith(".index")}

        eventually(lambda: mapped() == set(after))


def kill_the_compiler(program: Program, folder: Path) -> None:
    """Kill the process that compiles a list of other names."""
    (folder / "toys.txt").write_text(names(COUNT, BIG))
    program.send_reload()
    os.kill(compiler(program), signal.SIGKILL)
    program.hear("READY=1")  # done with the reload, one way or the other


def test_when_the_compiler_is_killed_the_lists_stay_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "toys.txt").write_text(names(0))
    with home(tmp_path) as program:
        eventually(lambda: is_compiled(program), within=LONG)
        before = indexes(tmp_path)
        kill_the_compiler(program, tmp_path)
        assert is_blocked(program, "toys-1.example")
        assert indexes(tmp_path) == before
        program.reload()  # and the next one goes well
        assert is_blocked(program, f"toys-{COUNT + 1}.example")
        _, said = program.stop()
    assert "the lists were not compiled: the process ended with -9" in said


def test_a_compile_that_failed_is_told_everywhere_and_tried_again_by_itself(tmp_path: Path) -> None:
    (tmp_path / "toys.txt").write_text(names(0))
    with home(tmp_path) as program:
        eventually(lambda: is_compiled(program), within=LONG)
        kill_the_compiler(program, tmp_path)
        told = "lists could not be compiled, so the previous ones stay active: toys"
        assert told in program.get("/readyz")
        assert told in program.command("doctor").stdout
        status = program.command("lists", "status").stdout
        assert told in status
        assert f" {COUNT} " in status  # what is in force, and not what is here
        assert is_blocked(program, "toys-1.example")
        eventually(lambda: is_blocked(program, f"toys-{COUNT + 1}.example"), within=LONG)
        eventually(lambda: program.get("/readyz") == READY)
        assert told not in program.command("lists", "status").stdout
        _, said = program.stop()
    assert "the lists could not be compiled" in said
    assert "the settings were not reloaded" not in said


def test_when_the_program_is_killed_its_compiler_ends_and_the_old_lists_are_there_at_once(
    tmp_path: Path,
) -> None:
    (tmp_path / "toys.txt").write_text(names(0))
    with home(tmp_path) as program:
        eventually(lambda: is_compiled(program), within=LONG)
        before = indexes(tmp_path)
        (tmp_path / "toys.txt").write_text(names(COUNT, BIG))
        program.send_reload()
        child = os.pidfd_open(compiler(program))
        program.process.kill()
        ended = poll()
        ended.register(child, POLLIN)
        assert ended.poll(30_000)
        os.close(child)
        assert indexes(tmp_path) == before
    with home(tmp_path) as program:
        assert is_blocked(program, "toys-1.example")
        assert "lists are being prepared" in program.get("/readyz")
        eventually(lambda: is_blocked(program, f"toys-{COUNT + 1}.example"), within=LONG)


@pytest.mark.parametrize("change", [b"", b"no index"])
def test_a_broken_index_is_told_of_and_made_anew(tmp_path: Path, change: bytes) -> None:
    (tmp_path / "toys.txt").write_text(names(0))
    with home(tmp_path) as program:
        eventually(lambda: is_compiled(program), within=LONG)
    (path,) = (tmp_path / "data" / "lists" / "index").iterdir()
    path.write_bytes(change)
    with home(tmp_path) as program:
        eventually(lambda: is_blocked(program, "toys-1.example"), within=LONG)
        _, said = program.stop()
    assert f"{path} is not a list index" in said
