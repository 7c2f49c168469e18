"""Whatever happens to a file of the data folder: rules and help names are answered, what was
confirmed is there, and damage to the household is told.

`make damage` does this at 50 places of each file; `make test-whole` does less, and `make test` half
of that, since each start takes a second or two; the rest is in
tests/unit/store/test_household_copy.py.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from time import monotonic

import pytest

from copdns.app.control import SOCKET
from copdns.list_files.facts_bundle import sign_bundle
from tests.damaging import Damage, damages
from tests.e2e.house import ADA, MIA, House, eventually, house
from tests.e2e.test_trouble import readiness
from tests.e2e.visitor import Visitor, set_up
from tests.unit.list_files.test_facts_store import KEY, NEW, PUBLIC, add, newer, shipped
from tests.whole import choose

PLACES = int(os.environ.get("DAMAGED_PLACES", "1"))
DEATH = 2.0  # seconds, at most, from the last answer of a program that a signal ends
RESTART = 5.0  # seconds within which a program that died answers again

FAMILY = {
    "id": "home",
    "profiles": {
        "mia": {"band": "7-9", "devices": {"mia-tablet": [MIA]}, "categories": ["games"]},
    },
    "block": ["games.example"],
}
BLOCKED = (17, "rule: games.example")
PASTED = (17, "category: games (list boards)")
# One that copdns knows, and one that came with newer facts and is on a list of games.
HELP, NEW_HELP = "childline.org.uk", str(NEW["name"])
COUNT = 20_000  # names, so many that the list is compiled
DATABASE, COPY, LOG, INDEX = "household.db", "household.db.copy", "log.db", "*.index"
# The newest facts and the lists that the household pasted, each file twice.
SET = "facts/" + "[0-9a-f]" * 64  # it is called by its digest
TWICE = {
    *("facts/state.json", "facts/state.copy", f"{SET}.json", f"{SET}.copy"),
    *("own-lists/book.json", "own-lists/book.copy", "own-lists/boards-*.txt"),
    "own-lists/boards-*.copy",
}
# What is damaged at once: never a file together with its copy.
GROUPS = (
    (DATABASE,),
    ("household.db-wal",),
    (COPY, f"{SET}.json", "own-lists/boards-*.txt", "own-lists/lock"),
    (LOG, "facts/state.json", "own-lists/book.json", "server.lock"),
    ("log.db-wal", "facts/state.copy", "own-lists/book.copy", "facts/lock"),
    (f"{SET}.copy", "own-lists/boards-*.copy"),
    (INDEX,),
)
# What is mapped into memory: reading past the end of one ends a process (SIGBUS), and so may a trie
# of random octets.
MAPPED = (INDEX, "household.db-shm", "log.db-shm")


@contextmanager
def home_of(folder: Path, toys: Path) -> Iterator[House]:
    """toys: the list; always the same one, or it would be compiled again."""
    form = {"category": "games", "format": "domains", "match": "subtree"}
    settings = {
        "lists": [{"slug": "toys", "path": str(toys), **form}],
        "facts": {"keys": [PUBLIC]},
    }
    with house(folder, settings, FAMILY) as home:
        yield home


def is_answering(home: House) -> bool:
    """Tell whether rules, help names and what a guardian was told last are answered."""
    # `begin` hears at once that nobody listens any more.
    return (
        home.begin("games.example")().ede == BLOCKED
        and home.begin("confirmed.example")().ede == (17, "rule: confirmed.example")
        and bool(home.begin(HELP)().data)
        and bool(home.begin(NEW_HELP)().data)
    )


def is_whole(home: House) -> bool:
    """Tell whether lists are in force too: after damage to the index they are compiled first."""
    return is_answering(home) and home.begin("chess.example")().ede == PASTED


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a family whose program was killed, with all files of one that runs."""
    folder = tmp_path_factory.mktemp("lived-in")
    toys = folder / "toys.txt"
    names = [NEW_HELP, *(f"toys-{number}.example" for number in range(COUNT))]
    toys.write_text("".join(f"{each}\n" for each in names))
    newest, boards = folder / "copdns.facts", folder / "boards.txt"
    newest.write_bytes(sign_bundle(newer(add, made_at=shipped().made_at), KEY))
    boards.write_text("chess.example\n")
    with home_of(folder, toys) as home:
        eventually(lambda: "being prepared" not in readiness(home))
        set_up(home.program, Visitor(ADA))
        home.command("rule", "add", "block", "confirmed.example")
        home.command("facts", "update", "--file", newest)
        home.command("lists", "add", "Boards", "--from", boards, "--category", "games")
        eventually(lambda: is_whole(home))
        eventually(lambda: home.written()[0])
        home.program.process.kill()
        home.program.process.wait()
    return folder


def copy_of(lived_in: Path, folder: Path) -> Path:
    # Of a program that was killed, the socket for commands is still there.
    no_socket = shutil.ignore_patterns(SOCKET)
    shutil.copytree(lived_in / "data", folder / "data", ignore=no_socket)
    return folder


def find(folder: Path, name: str) -> Path:
    (found,) = (folder / "data").rglob(name)
    return found


def await_file(home: House, folder: Path, name: str) -> None:
    """Wait for a file: a -wal is there from the first row that is written after a start."""
    eventually(lambda: home.ask("toys.example") and [*(folder / "data").rglob(name)])


# A command gets home and words, and gives its exit code and what it says.
Command = Callable[..., tuple[int, str]]


def by_itself(home: House, *words: str) -> tuple[int, str]:
    """Run a command in a process of its own, for files whose damage can end a process."""
    done = home.program.command_by_itself(*words)
    return done.returncode, done.stdout


def in_here(home: House, *words: str) -> tuple[int, str]:
    done = home.program.command(*words)
    return done.returncode, done.stdout


def accounts(home: House, run: Command = in_here) -> str:
    """Return who may log in."""
    return command(home, "account", "list", "--json", run=run)


def command(home: House, *words: str, run: Command = in_here) -> str:
    """Return what a command says once it works: the program may hold the folder while it mends or
    compiles."""
    done = [run(home, *words)]
    eventually(lambda: done[-1][0] == 0 or done.append(run(home, *words)))
    return done[-1][1]


ALL = [(names, damage) for names in GROUPS for damage in damages(PLACES)]
CASES = [((DATABASE,), each) for each in damages(1)] + ALL[4 :: choose(3, 6)]


def id_of(case: Damage | Sequence[str]) -> str:
    """Return what a case is called: files by the first of them."""
    return str(case) if isinstance(case, Damage) else case[0].replace("[0-9a-f]" * 64, "set")


@pytest.mark.parametrize(("names", "damage"), ALL if PLACES > 1 else CASES, ids=id_of)
def test_a_start_after_any_damage_answers(
    lived_in: Path, tmp_path: Path, names: Sequence[str], damage: Damage
) -> None:
    folder, toys = copy_of(lived_in, tmp_path), lived_in / "toys.txt"
    if DATABASE in names:  # else its -wal would have all that is read of it
        with closing(sqlite3.connect(find(folder, DATABASE))) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
    for name in names:
        damage.apply(find(folder, name))
    with home_of(folder, toys) as home:
        assert is_answering(home)
        assert "Ada" in accounts(home)
        if DATABASE in names and damage.way != "flip":
            assert "household.db is damaged" in readiness(home)
        command(home, "rule", "add", "block", "later.example")
        eventually(lambda: home.ask("later.example").ede and is_whole(home))
        home.program.process.kill()
        home.program.process.wait()
    with home_of(folder, toys) as home:
        assert is_answering(home)
        assert home.ask("later.example").ede


NAMES = [*GROUPS, ("household.db-shm",), ("log.db-shm",)]


PART = [
    pytest.param(each, marks=pytest.mark.whole) if PLACES == 1 and number % 2 else each
    for number, each in enumerate(NAMES)
]


@pytest.mark.parametrize("names", PART, ids=id_of)
def test_a_program_that_runs_answers_through_any_damage(
    lived_in: Path, tmp_path: Path, names: Sequence[str]
) -> None:
    folder, toys = copy_of(lived_in, tmp_path), lived_in / "toys.txt"
    run = by_itself  # as people do: in this process, SQLite would share its locks with the test
    with ExitStack() as stack:
        home = stack.enter_context(home_of(folder, toys))
        eventually(lambda: "being prepared" not in readiness(home))
        for damage in damages(PLACES):
            before = readiness(home)
            assert "damaged" not in before, before
            for name in names:
                await_file(home, folder, name)
            paths = [find(folder, name) for name in names]
            written = {
                path: path.read_bytes()
                for path, name in zip(paths, names, strict=True)
                if name in TWICE
            }
            for path in paths:
                damage.apply(path)
            alive = survives(home, run)
            if not alive:
                assert names[0] in MAPPED, damage
                began = monotonic()
                stack.close()
                home = stack.enter_context(home_of(folder, toys))
                assert is_answering(home)
                assert monotonic() - began < RESTART, damage
            assert "Ada" in accounts(home, run)
            assert is_ready_again(home, run), (damage, readiness(home))
            if names != (INDEX,):
                await_all(home, written)
        await_all(home, {})


def await_all(home: House, written: Mapping[Path, bytes]) -> None:
    """Wait for all that was confirmed, lists as well.

    written: what files that are kept twice have again, before the other of them is damaged.
    """
    eventually(lambda: is_whole(home))
    eventually(lambda: all(path.read_bytes() == octets for path, octets in written.items()))


def is_ready_again(home: House, run: Command) -> bool:
    """Say yes to a new file where damage is told; tell whether all is well then."""
    if "household.db is damaged" in readiness(home):
        command(home, "household", "repair", run=run)
    try:
        eventually(lambda: readiness(home).startswith("ready"), within=20.0)
    except AssertionError:
        return False
    return True


def survives(home: House, run: Command) -> bool:
    """Ask, change something and let the files be compared; tell whether the program still runs."""
    try:
        assert is_answering(home)
        run(home, "rule", "add", "block", f"{monotonic()}.example")
        assert is_answering(home)
        home.program.reload()
        assert is_answering(home)
    except (OSError, EOFError, AssertionError):
        with suppress(TimeoutExpired):  # it may still be dying
            home.program.process.wait(DEATH)
        if home.program.process.poll() is None:
            raise
        return False
    return home.program.process.poll() is None
