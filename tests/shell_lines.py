"""Commands that a page gives, run by a shell with files of their own in place of the system's."""

from __future__ import annotations

import re
import subprocess
from configparser import ConfigParser
from html import unescape
from pathlib import Path

RESOLVED = "etc/systemd/resolved.conf.d"


def lines_in(page: str) -> list[str]:
    """Return the commands of a page, block by block."""
    blocks = re.findall(r'<pre class="lines"[^>]*>(.*?)</pre>', page, re.DOTALL)
    return [unescape(each) for each in blocks]


def run(lines: str, folder: Path, commands: str = "", has: str = "systemctl service apk") -> str:
    """Run commands, and return what those were told that are not here.  has: their names.
    commands: functions of a shell for others."""
    for path in ("/etc", "/tmp/resolv.conf.d"):
        lines = lines.replace(path, str(folder / path[1:]))
    log = folder / "told"
    told = f"{commands}\nfor each in {has}; do\n"
    told += f'  eval "$each() {{ echo $each \\"\\$@\\" >> {log}; }}"\ndone\n'
    subprocess.run(["sh", "-eu", "-c", told + lines], check=True, capture_output=True)
    return log.read_text()


def resolved_conf(folder: Path) -> dict[str, str]:
    """Return what was written for systemd-resolved, read as its kind of file is."""
    found = ConfigParser(delimiters=("=",), interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read(folder / RESOLVED / "copdns.conf")
    assert found.sections() == ["Resolve"]
    return dict(found["Resolve"])
