"""Disks that are full, read-only, slow or damaged, and databases that someone else holds."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import find_tool
from tests.damaging import Damage
from tests.e2e.disk import disk
from tests.e2e.house import eventually
from tests.e2e.test_trouble import busy
from tests.faults.place import (
    BLOCKED,
    EDE_BLOCKED,
    Place,
    asking,
    command,
    fresh,
    place,
    readiness,
    timed,
)
from tests.upstream_server import ADDRESS

SLOW = 0.5  # seconds for each time that the disk is waited for
FILMS = (17, "rule: films.example")


def test_a_database_is_locked(home: Place) -> None:
    with asking(home.home), home.assert_shown("a_database_is_locked"):
        with busy(home.home.data / "log.db"):
            home.home.ask(BLOCKED)
            eventually(lambda: "nothing can be recorded" in readiness(home.home)[1])
        with busy(home.home.data / "household.db"):
            assert home.home.ask(fresh("news")).data == [ADDRESS]
    eventually(lambda: readiness(home.home)[1].startswith("ready\nthe core"))


@pytest.mark.long
def test_a_backup_cannot_be_made(home: Place, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with asking(home.home), home.assert_shown("a_backup_cannot_be_made"):
        home.configure(backup={"folder": str(folder)})
        failures = "copdns_backup_failures_total"
        eventually(lambda: home.home.metrics()[failures], within=90)  # a look each minute
    folder.mkdir()
    assert "is not there" not in command(home.home, "doctor")
    home.configure()


@pytest.mark.long
def test_the_disk_is_full(tmp_path: Path) -> None:
    with disk(tmp_path / "data") as small, place(tmp_path) as it:
        it.home.command("rule", "add", "block", "films.example")
        with asking(it.home), it.assert_shown("the_disk_is_full"):
            small.fill()
            for _ in range(20):
                it.home.ask(fresh("n") + "." + BLOCKED)
            refused = it.home.program.command("rule", "add", "block", "music.example")
            assert refused.returncode == 1
            assert "free some space" in refused.stderr
            assert it.home.ask("films.example").ede == FILMS
        small.make_room()
        eventually(lambda: readiness(it.home)[1].startswith("ready\nthe core"))
        it.home.command("rule", "add", "block", "music.example")
        eventually(lambda: it.home.ask("music.example").ede == (17, "rule: music.example"))


@pytest.mark.long
def test_the_disk_is_full_at_the_start(tmp_path: Path) -> None:
    with disk(tmp_path / "data") as small:
        with place(tmp_path) as it:
            it.home.command("rule", "add", "block", "films.example")
            it.home.program.stop()
        small.fill()
        with (
            place(tmp_path) as it,
            asking(it.home),
            it.assert_shown("the_disk_is_full_at_the_start"),
        ):
            assert it.home.ask("films.example").ede == FILMS


@pytest.mark.long
def test_the_disk_becomes_read_only(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "data") as fail, place(tmp_path) as it:
        it.home.command("rule", "add", "block", "films.example")
        with asking(it.home), it.assert_shown("the_disk_becomes_read_only"):
            fail()
            for _ in range(20):
                it.home.ask(fresh("n") + "." + BLOCKED)
            refused = it.home.program.command("rule", "add", "block", "music.example")
            assert refused.returncode == 1
            assert "Traceback" not in refused.stderr
            assert it.home.ask("films.example").ede == FILMS
            assert it.home.ask(fresh("news")).data == [ADDRESS]


@contextmanager
def failing_disk(folder: Path) -> Iterator[object]:
    """Mount a disk that the kernel makes read-only when told, as after an error.  Needs root."""
    image = folder.with_suffix(".img")
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(24 << 20)
    subprocess.run([find_tool("mkfs.ext4"), "-q", image], check=True)
    mount = [find_tool("mount"), "-o", "loop,errors=remount-ro", image, folder]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs to mount a disk: {done.stderr.strip()}")
    try:
        again = [find_tool("mount"), "-o", "remount,abort", folder]
        yield lambda: subprocess.run(again, check=True)
    finally:
        subprocess.run([find_tool("umount"), "--lazy", folder], check=True)


@pytest.mark.long
def test_the_disk_is_slow(tmp_path: Path) -> None:
    """strace delays each fsync, as a card that is worn out does."""
    delay = f"inject=fsync,fdatasync:delay_enter={SLOW * 1e6:.0f}"
    words = ("-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync")
    under = (find_tool("strace"), *words, "-e", delay)
    with place(tmp_path, under=under) as it, asking(it.home), it.assert_shown("the_disk_is_slow"):
        for _ in range(30):
            took, reply = timed(it.home, fresh("n") + "." + BLOCKED)
            assert (reply.ede, took < SLOW) == (EDE_BLOCKED, True)
        it.home.command("rule", "add", "block", "films.example")
        eventually(lambda: it.home.ask("films.example").ede == FILMS)


@pytest.mark.long
def test_the_household_is_damaged(tmp_path: Path) -> None:
    with place(tmp_path) as it:
        it.home.command("rule", "add", "block", "films.example")
        with asking(it.home), it.assert_shown("the_household_is_damaged"):
            with closing(sqlite3.connect(it.home.data / "household.db")) as connection:
                # Else all that is read of it stands in its -wal.
                connection.execute("pragma wal_checkpoint(truncate)")
            Damage("page", 0.0).apply(it.home.data / "household.db")
            it.home.program.reload()  # or half a minute later
            eventually(lambda: not readiness(it.home)[0], within=60)
            assert it.home.ask("films.example").ede == FILMS
            it.home.command("rule", "add", "block", "music.example")
            eventually(lambda: it.home.ask("music.example").ede == (17, "rule: music.example"))
        it.home.command("household", "repair")
        eventually(lambda: readiness(it.home)[1].startswith("ready\nthe core"))


@pytest.mark.long
def test_the_log_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "log.db").write_bytes(b"no database at all" * 1000)
    with place(tmp_path) as it, asking(it.home), it.assert_shown("the_log_is_damaged"):
        assert it.home.ask(BLOCKED).ede == EDE_BLOCKED
        eventually(lambda: it.home.written()[0] >= 1)


@pytest.mark.long
def test_compiled_lists_are_damaged(tmp_path: Path) -> None:
    toys = tmp_path / "toys.txt"
    toys.write_text("".join(f"toys-{number}.example\n" for number in range(20_000)))
    form = {"category": "games", "format": "domains", "match": "subtree"}
    settings = {"lists": [{"slug": "toys", "path": str(toys), **form}]}
    with place(tmp_path, settings) as it:
        eventually(lambda: it.home.ask("toys-7.example").ede)
        (index,) = it.home.data.rglob("*.index")
        whole = index.read_bytes()
        with asking(it.home), it.assert_shown("compiled_lists_are_damaged"):
            Damage("flip", 0.5).apply(index)
            assert index.read_bytes() != whole
            it.home.program.reload()
            eventually(lambda: index.read_bytes() == whole)
            assert it.home.ask("toys-7.example").ede
