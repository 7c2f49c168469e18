"""The unit gives the program what it uses, and little else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[1] / "systemd" / "copdns.service"

pytestmark = pytest.mark.tools

Tool = Callable[[str], str]


def settings(name: str) -> list[str]:
    """Return the values of a setting of the unit, in the order of its lines."""
    lines = (line.partition("=") for line in UNIT.read_text().splitlines())
    return [value for key, _, value in lines if key == name]


def words(name: str) -> list[str]:
    return " ".join(settings(name)).split()


def test_the_unit_is_exposed_as_little_as_we_promise(tool: Tool) -> None:
    """At most 1.4 of 10; the threshold is in tenths."""
    result = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=true", "--threshold=14", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_systemd_understands_every_line(tool: Tool, tmp_path: Path) -> None:
    """The program itself is not installed here: `true` stands in for it."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/copdns/bin/copdns", "/bin/true"))
    result = subprocess.run(
        [tool("systemd-analyze"), "verify", unit], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_port_53_is_the_only_privilege() -> None:
    assert words("CapabilityBoundingSet") == words("AmbientCapabilities")
    assert words("AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]
    assert words("DynamicUser") == ["yes"]
    assert words("NoNewPrivileges") == ["yes"]


def test_bad_settings_are_not_tried_again_and_anything_else_is() -> None:
    assert words("Restart") == ["on-failure"]
    assert words("RestartPreventExitStatus") == ["78"]
    assert words("StartLimitIntervalSec") == ["0"]
