"""The command line as a whole, and `run`."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import structlog
from click.testing import CliRunner

from copdns import __version__
from copdns.cli import main
from copdns.cli.base import Options
from copdns.cli.stderr_log import log_to_stderr
from copdns.model.build import core_text
from copdns.model.errors import ConfigError
from copdns.settings import config as settings_config


def test_the_version_is_told() -> None:
    said = CliRunner().invoke(main, ["--version"]).output
    assert said == f"copdns, version {__version__}; {core_text()}\n"


def test_an_unknown_command_is_a_mistake_of_usage() -> None:
    assert CliRunner().invoke(main, ["runn"]).exit_code == 2


def test_a_command_does_not_import_what_only_a_table_needs() -> None:
    code = "import sys; from copdns.cli import main; main.commands['check']; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "structlog" in said.stdout.split()
    assert "rich" not in said.stdout.split()


def test_a_missing_settings_file_is_told_without_a_traceback() -> None:
    result = CliRunner().invoke(main, ["-c", "no-such.yaml", "run"])
    assert result.exit_code == 78
    assert result.stderr == (
        "no-such.yaml: No such file or directory; name the settings file with -c FILE\n"
    )


def test_a_mistake_in_the_settings_ends_with_78_and_its_place(tmp_path: Path) -> None:
    file = tmp_path / "copdns.yaml"
    file.write_text("dns:\n  prt: 53\n")
    result = CliRunner().invoke(main, ["-c", str(file), "run"])
    assert result.exit_code == 78
    assert f"{file}:2:3" in result.stderr


def test_who_reads_households_on_demand_runs_with_none_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_config, "find_spec", lambda _: settings_config)
    file = tmp_path / "copdns.yaml"
    file.write_text("provider: {database: dbname=copdns, kept: 10, household: home}\n")
    for words in (("run",), ("config", "check")):
        result = CliRunner().invoke(main, ["-c", str(file), *words])
        assert result.exit_code == 78
        assert f"{file}: provider.household: whoever asks without the id" in result.stderr
    assert Options(file=file).settings().provider.household == "home"  # as commands take it


def test_data_is_taken_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc" / "copdns.yaml"
    file.write_text("data: state\n")
    monkeypatch.chdir(tmp_path)
    assert Options(file, Path("var")).settings().data == str(tmp_path / "var")
    assert Options(file).settings().data == str(tmp_path / "etc" / "state")


def test_settings_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "copdns.yaml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        Options(file).settings()


def test_a_short_command_imports_no_web_server() -> None:
    code = (
        "import sys; from copdns.cli import main; main(['--help'], standalone_mode=False);"
        "heavy = {'aiohttp', 'uvloop', 'dnslib', 'prometheus_client'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_only_a_calendar_file_needs_the_library_for_it() -> None:
    code = (
        "import sys; from copdns.cli import main;"
        "main(['schedule', '--help'], standalone_mode=False);"
        "sys.exit('icalendar' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def commands(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command by the words that call it; groups too, but for those that do nothing."""
    if not isinstance(command, click.Group) or (command.invoke_without_command and path):
        yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, f"{path} {name}".strip())


EVERY = list(commands(main))


def test_every_command_explains_itself_with_an_example() -> None:
    for path, command in EVERY:
        example = rf"Example:  copdns (-c \S+ )?(--data \S+ )?{path}\b"
        assert re.search(example, str(command.help)), path
        shown = CliRunner().invoke(main, [*path.split(), "-h"])
        assert shown.exit_code == 0, path
        options = [option for option in command.params if isinstance(option, click.Option)]
        assert all(option.help for option in options), path


CHANGES = {"add", "remove", "set", "import", "erase", "run", "day", "suggest", "end", "passwd"}
CHANGES |= {"repair", "confirm-age", "accept", "refuse", "rollback", "flush", "log-only", "keep"}
CHANGES |= {"revoke", "confirm", "withdraw", "decide"}
CHANGES |= {"look", "assign"}  # of a tenant of a provider
CHANGES |= {"make", "agree", "code"}  # of a child in two homes
# Of what reaches many households of a provider.
CHANGES |= {
    "begin",
    "undo",
    "stop",
    "resume",
    "freeze",
    "thaw",
    "take",
    "open",
    "close",
    "contract",
    "grant",
}
A_FILE_FOR_OTHERS = {"household export", "config schema", "lists export", "schedule export"}
A_FILE_FOR_OTHERS |= {
    "dhcp config",
    "provider law zone",
    "provider law seal",
    "provider statement",
    "provider report",
}
# These print one line.
A_FILE_FOR_OTHERS |= {"provider desk text", "provider verify", "provider serve"}
A_FILE_FOR_OTHERS |= {"provider welcome"}
# Programs that run until stopped, and what other programs read.
A_FILE_FOR_OTHERS |= {"node bindings", "node dnsdist", "node unbound", "node announce"}


def test_every_command_that_reads_speaks_json() -> None:
    silent = [
        path
        for path, command in EVERY
        if path.split()[-1] not in CHANGES
        and path not in A_FILE_FOR_OTHERS
        and "--json" not in [name for option in command.params for name in option.opts]
    ]
    assert silent == []


def test_the_help_of_a_group_is_not_cut_short() -> None:
    groups = ("profile", "device", "rule", "service", "household", "lists", "log")
    of_time = ("schedule", "budget", "grant", "ticket")
    for path in ("", *groups, *of_time):
        shown = CliRunner().invoke(main, [*path.split(), "-h"]).output
        assert "..." not in shown.partition("Commands:")[2], path


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    copdns = f"{sys.executable} -m copdns --data {tmp_path}"
    done = subprocess.run(
        ["sh", "-c", f"{copdns} service list --json | head -c 1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[", "")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> object:
    handlers = logging.root.handlers[:]
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # which the log replaces
    yield log_to_stderr
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers


@pytest.mark.usefixtures("events")
def test_events_are_json_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    structlog.get_logger("copdns").info("ready", port=53)
    logging.getLogger("asyncio").error("odd")
    ready, odd = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ready["event"], ready["level"], ready["port"]) == ("ready", "info", 53)
    assert (odd["event"], odd["level"]) == ("odd", "error")


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize("on_terminal", [True, False])
def test_no_event_shows_what_stood_in_variables(
    on_terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: on_terminal)
    log_to_stderr()
    qname = b"asked".hex()
    try:
        raise ValueError(len(qname))
    except ValueError:
        structlog.get_logger("copdns").exception("lost")
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert qname not in written


@pytest.mark.usefixtures("events")
def test_what_goes_wrong_where_nobody_can_be_told_is_logged_without_what_it_was_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Asked:
        def __del__(self) -> None:
            raise ValueError("games.example")

    log_to_stderr()
    asked = Asked()
    del asked
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert "in __del__" in written
    assert "games" not in json.loads(written)["event"] + json.loads(written)["error"]
