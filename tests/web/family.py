"""The example family with the real program, a clock that can be set on, and dig.

    with family(folder) as home:
        mia, ada = home.mia(browsers), home.ada(browsers)
        ...
        home.wait(HOUR)

Only the wall clock of the program and its commands is set on (`tests/fake_clock.py`).
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
from tests.fake_clock import clock_environment, set_ahead
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
        set_ahead(self.clock, self.ahead)

    def dig(self, name: str, source: str) -> tuple[str, ...]:
        """Return the addresses that a device gets for a name; none where it is blocked."""
        where = ["@127.0.0.1", "-p", str(self.program.port), "-b", source]
        command = [find_tool("dig"), *where, name, "A", "+short", "+tries=1", "+time=5"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return tuple(re.findall(r"^[0-9.]+$", done.stdout, re.MULTILINE))

    def opens(self, name: str, source: str) -> None:
        """Wait until a name is open, which has to be soon, and see what dig says."""
        eventually(lambda: self.program.ask(name, source=source).answer, within=SOON)
        assert self.dig(name, source)

    def closes(self, name: str, source: str) -> None:
        eventually(lambda: not self.program.ask(name, source=source).answer)
        assert not self.dig(name, source)

    def command(self, *arguments: str) -> None:
        done = self.program.command(*arguments)
        assert done.returncode == 0, done.stderr

    def mia(self, browsers: Browsers, **more: Any) -> Device:
        return browsers.child(self.program, MIA, **more)

    def tom(self, browsers: Browsers, **more: Any) -> Device:
        return browsers.child(self.program, TOM, PHONE, **more)

    def ada(self, browsers: Browsers, scheme: str = "http", **more: Any) -> Device:
        """Give Ada's phone, on which she is logged in."""
        ada = browsers.guardian(self.program, ADA, **more)
        log_in(ada, self.program, scheme)
        return ada


@contextmanager
def family(
    folder: Path,
    settings: dict[str, object] | None = None,
    ahead: int = 0,
    environment: dict[str, str] | None = None,
) -> Iterator[Family]:
    """Run the program with the example family and its data in a folder.

    ahead: by how many seconds the program's clock is ahead of ours from the start.  environment: of
    the program, such as settings.
    """
    clock = folder / "clock"
    set_ahead(clock, ahead)
    household = ROOT / "config" / "household-example.yaml"
    with running(
        folder,
        {**(settings or {}), "household": str(household)},
        environment={**clock_environment(clock), **(environment or {})},
    ) as program:
        yield Family(program, clock, ahead)
