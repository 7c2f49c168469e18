"""A disk of its own, small enough to be filled.  Needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import find_tool


@dataclass(frozen=True)
class Disk:
    """folder: where it is mounted."""

    folder: Path

    def fill(self) -> None:
        """Leave no room, not for one octet."""
        with self._filling.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                return

    def make_room(self) -> None:
        self._filling.unlink()

    @property
    def _filling(self) -> Path:
        return self.folder / "filling"

    def allow_writing(self, allowed: bool) -> None:
        _run("mount", "-o", f"remount,{'rw' if allowed else 'ro'}", self.folder)


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """Mount a disk of 2 MiB at a folder."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a disk")
    folder.mkdir()
    done = _mounted(folder)
    if done.returncode:
        pytest.skip(f"needs to mount a disk: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        _run("umount", "--lazy", folder)


def _mounted(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [find_tool("mount"), "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _run(program: str, *arguments: str | Path) -> None:
    subprocess.run([find_tool(program), *arguments], check=True)
