"""`copdns upstream unbound`: what it writes, and that unbound takes it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from copdns.cli import main
from copdns.cli.commands.upstream import time_servers
from copdns.cli.unbound import EXAMPLE_ANCHOR, unbound_config
from tests.conftest import find_tool
from tests.e2e.test_unbound import unbound
from tests.running import free_port
from tests.upstream_server import UpstreamServer


def run(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["upstream", "unbound", str(folder), *options])


def test_configuration_and_unit_are_written_and_written_again(tmp_path: Path) -> None:
    assert run(tmp_path).exit_code == 0
    assert "servers: [127.0.0.1:5335]" in run(tmp_path).stdout
    unit = (tmp_path / "copdns-unbound.service").read_text()
    assert f"-c {tmp_path}/unbound.conf" in unit
    found = json.loads(run(tmp_path, "--port", "5400", "--json").stdout)
    assert found["server"] == "127.0.0.1:5400"
    assert "port: 5400" in Path(found["config"]).read_text()


def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "unbound.conf"
    mine.write_text("server:\n")
    done = run(tmp_path)
    assert done.exit_code == 78
    assert "is not from this command" in done.stderr
    assert mine.read_text() == "server:\n"
    assert not (tmp_path / "copdns-unbound.service").exists()


def test_time_servers_are_answered_unvalidated_and_nothing_is_forwarded() -> None:
    text = unbound_config(5335, time_servers())
    assert '  domain-insecure: "pool.ntp.org"\n' in text
    assert "forward" not in text.replace("forwards nothing", "")


@pytest.mark.tools
def test_unbound_takes_it_and_starts(tmp_path: Path) -> None:
    find_tool("unbound-checkconf")
    assert json.loads(run(tmp_path, "--json").stdout)["checked"] is True
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "root.key").write_text(EXAMPLE_ANCHOR)
    text = unbound_config(free_port(), time_servers(), str(folder))
    lines = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    own = ("interface:", "port:", "verbosity:", "logfile:", "#")
    server = [line for line in lines if not line.startswith(own)]
    with unbound(tmp_path / "unbound", [*server, "verbosity: 1"]) as port:
        assert port


def copdns(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(folder / "data"), *words])


async def test_upstreams_are_tried_set_listed_and_removed(tmp_path: Path) -> None:
    async def call(*words: str) -> Result:
        return await asyncio.to_thread(copdns, tmp_path, *words)

    family = "household: Example family\nprofiles:\n  mia: {band: 7-9}\n"
    (tmp_path / "home.yaml").write_text(family)
    await call("household", "import", str(tmp_path / "home.yaml"))
    async with UpstreamServer() as server:
        answers, silent = str(server.address), f"127.0.0.1:{free_port()}"
        tried = await call("upstream", "try", answers, silent)
        assert tried.exit_code == 1
        assert f"{answers} answers" in tried.output
        assert f"{silent} does not answer: " in tried.output
        refused = await call("upstream", "set", answers, silent)
        assert refused.exit_code == 1
        assert "nothing was saved; use --anyway" in refused.output
        done = await call("upstream", "set", answers)
        assert done.exit_code == 0, done.output
    listed = json.loads((await call("upstream", "list", "--json")).output)
    assert listed == {"upstreams": [answers], "chosen_by": "the household"}
    assert (await call("upstream", "set", silent, "--anyway")).exit_code == 0
    assert json.loads((await call("split", "list", "--json")).output) == []
    assert (await call("upstream", "remove")).exit_code == 0
    assert "chosen by: this machine" in (await call("upstream", "list")).output
