"""The unit gives the program what it uses, and little else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from copdns.cli import main
from tests.running import running

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd" / "copdns.service"
SOCKET = UNIT.with_name("copdns.socket")

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
    units = [tmp_path / each.name for each in (UNIT, SOCKET)]
    units[0].write_text(UNIT.read_text().replace("/opt/copdns/bin/copdns", "/bin/true"))
    units[1].write_text(SOCKET.read_text())
    result = subprocess.run(
        [tool("systemd-analyze"), "verify", *units], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_port_53_is_the_only_privilege() -> None:
    assert words("CapabilityBoundingSet") == words("AmbientCapabilities")
    assert words("AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]
    assert words("DynamicUser") == ["yes"]
    assert words("NoNewPrivileges") == ["yes"]


def test_what_the_documents_add_to_what_is_seen_is_bound_into_the_units_own_root() -> None:
    """Nothing else of the machine is there: paths to write to would name what is not seen."""
    assert words("RootDirectory") == ["%t/copdns"]
    texts = [(ROOT / "docs" / each).read_text() for each in ("install.md", "commands.md")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    assert "BindPaths=-/mnt/usb/copdns" in lines
    assert not any(line.startswith("ReadWritePaths=") for line in lines)


def test_bad_settings_are_not_tried_again_and_anything_else_is() -> None:
    assert words("Restart") == ["on-failure"]
    assert words("RestartPreventExitStatus") == ["78"]
    assert words("StartLimitIntervalSec") == ["0"]


def test_the_unit_calls_commands_that_there_are() -> None:
    lines = [line.split() for name in ("ExecStart", "ExecReload") for line in settings(name)]
    calls = [line for line in lines if line[0].endswith("/copdns")]
    assert len(calls) == 2
    for _, *arguments in calls:
        assert CliRunner().invoke(main, [*arguments, "--help"]).exit_code == 0, arguments


# Calls that the unit denies and that are tried all the same, and who goes on without.
TRIED_IN_VAIN = {
    "io_uring_setup": "libuv, which then tells epoll each change by itself",
    "fchown": "SQLite when root runs it, as here and not under the unit",
}


@pytest.fixture(scope="module")
def trace(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the program asks of the kernel from its start to its end, one call a line.

    The calls of TRIED_IN_VAIN fail as they do under the unit.
    """
    folder = tmp_path_factory.mktemp("traced")
    log = folder / "trace"
    denied = ",".join(TRIED_IN_VAIN)
    strace = [tool("strace"), "-D", "-f", "-q", "-o", log, "-e", f"inject={denied}:error=EPERM"]
    with running(folder, under=strace) as program:
        for name in ("chess.example", "games.example", "chess.example"):
            program.ask(name)
            program.ask(name, over_tcp=True)
        program.get("/healthz")
        program.get("/metrics")
        program.reload()
        code, said = program.stop()
        assert code == 0, said
    return log.read_text()


def test_the_unit_admits_every_call_that_the_program_makes(tool: Tool, trace: str) -> None:
    made = set(re.findall(r"^\d+ +(\w+)\(", trace, re.MULTILINE))
    assert {"setpriority", "sendto", "fdatasync"} <= made  # the log was written, too
    assert made - admitted(tool("systemd-analyze")) <= TRIED_IN_VAIN.keys()


def admitted(analyze: str) -> set[str]:
    """Return the calls that are left after each line of the unit's filter (systemd.exec(5))."""
    calls: set[str] = set()
    for line in settings("SystemCallFilter"):
        named = {call for word in line.removeprefix("~").split() for call in members(analyze, word)}
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def members(analyze: str, word: str) -> set[str]:
    """Return the calls of a group such as @file-system, with those of the groups in it."""
    if not word.startswith("@"):
        return {word}
    command = [analyze, "syscall-filter", "--no-pager", word]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = [line.strip() for line in listing.splitlines()[1:]]
    return {call for each in words if not each.startswith("#") for call in members(analyze, each)}


def test_only_the_promised_kinds_of_socket_are_opened(trace: str) -> None:
    opened = set(re.findall(r"\bsocket(?:pair)?\((AF_\w+)", trace))
    assert opened <= set(words("RestrictAddressFamilies"))


def test_no_memory_is_both_written_and_executed(trace: str) -> None:
    """As MemoryDenyWriteExecute checks it: mapped so at once, or made executable later."""
    wanted = re.findall(r"\bmmap\([^)]*PROT_WRITE\|PROT_EXEC|\bmprotect\([^)]*PROT_EXEC", trace)
    assert wanted == []
