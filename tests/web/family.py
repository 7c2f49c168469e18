"""The example family with the real program, a clock that can be set on, and dig.

    with family(folder) as home:
        mia, ada = home.mia(browsers), home.ada(browsers)
        ...
        home.wait(HOUR)

libfaketime sets the wall clock of the program and its commands by a file; the other clock, by
which they wait, goes on as it is.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, find_tool
from tests.e2e.house import ADA, MIA, TOM, eventually
from tests.running import Program, running
from tests.web.browsing import PHONE, Browsers, Device
from tests.web.pages import log_in

HOUR = 3600  # seconds
SOON = 1.0  # seconds from an answer to the changed reply of DNS
DOOR = "http://why.home.arpa/"  # what the icon and the QR card open


@dataclass
class Family:
    """clock: the file by which the program's clock is ahead of ours; ahead: by how many seconds."""

    program: Program
    clock: Path
    ahead: int = 0

    def wait(self, seconds: int) -> None:
        """Let time go by for the program at once."""
        self.ahead += seconds
        _set(self.clock, self.ahead)

    def dig(self, name: str, source: str) -> tuple[str, ...]:
        """Return the addresses that a device gets for a name; none where it is blocked."""
        where = ["@127.0.0.1", "-p", str(self.program.port), "-b", source]
        command = [find_tool("dig"), *where, name, "A", "+short", "+tries=1", "+time=5"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return tuple(re.findall(r"^[0-9.]+$", done.stdout, re.MULTILINE))

    def opens(self, name: str, source: str) -> None:
        """Wait until a name is open, which has to be soon."""
        eventually(lambda: self.dig(name, source), within=SOON)

    def closes(self, name: str, source: str) -> None:
        eventually(lambda: not self.dig(name, source))

    def command(self, *arguments: str) -> None:
        done = self.program.command(*arguments)
        assert done.returncode == 0, done.stderr

    def mia(self, browsers: Browsers, **more: Any) -> Device:
        return browsers.child(self.program, MIA, **more)

    def tom(self, browsers: Browsers, **more: Any) -> Device:
        return browsers.child(self.program, TOM, PHONE, **more)

    def ada(self, browsers: Browsers, **more: Any) -> Device:
        """Give Ada's phone, on which she is logged in."""
        ada = browsers.guardian(self.program, ADA, **more)
        log_in(ada, self.program)
        return ada


@contextmanager
def family(
    folder: Path, settings: dict[str, object] | None = None, ahead: int = 0
) -> Iterator[Family]:
    """Run the program with the example family and its data in a folder.

    ahead: by how many seconds the program's clock is ahead of ours from the start.
    """
    clock = folder / "clock"
    _set(clock, ahead)
    environment = {
        "LD_PRELOAD": _libfaketime(),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",  # or the file is read every ten seconds only
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # or a thread that waits for another spins
        "NO_FAKE_STAT": "1",
    }
    household = ROOT / "config" / "household-example.yaml"
    with running(
        folder, {**(settings or {}), "household": str(household)}, environment=environment
    ) as program:
        yield Family(program, clock, ahead)


def _set(clock: Path, ahead: int) -> None:
    """Write as a whole: the program may read it at any moment."""
    new = clock.with_suffix(".new")
    new.write_text(f"{ahead:+d}s\n")
    new.replace(clock)


def _libfaketime() -> str:
    """Return the library that the program faketime puts before others."""
    command = [find_tool("faketime"), "-f", "+0s", "printenv", "LD_PRELOAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
