"""The command line as a whole, and `run`."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner

from copdns import __version__
from copdns.cli import main
from copdns.cli.base import Options
from copdns.cli.events import to_stderr
from copdns.errors import ConfigError


def test_the_version_is_told() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_an_unknown_command_is_a_mistake_of_usage() -> None:
    assert CliRunner().invoke(main, ["runn"]).exit_code == 2


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


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> object:
    handlers = logging.root.handlers[:]
    yield to_stderr
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers


@pytest.mark.usefixtures("events")
def test_events_are_json_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr()
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
    to_stderr()
    qname = b"asked".hex()
    try:
        raise ValueError(len(qname))
    except ValueError:
        structlog.get_logger("copdns").exception("lost")
    written = capsys.readouterr().err
    assert "ValueError" in written
    assert qname not in written
