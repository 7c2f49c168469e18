"""What the container is made from and run by, as far as that needs no engine: `make test-container`
builds it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.running import free_port, running

ROOT = Path(__file__).parents[1]
HEALTH = ROOT / "packaging" / "container-health"
CONTAINERFILE = (ROOT / "Containerfile").read_text()


def test_the_example_gives_the_container_what_it_needs_and_no_more() -> None:
    (service,) = yaml.safe_load((ROOT / "packaging" / "compose.yaml").read_text())[
        "services"
    ].values()
    assert service["read_only"] is True
    assert (service["cap_drop"], service["cap_add"]) == (["ALL"], ["NET_BIND_SERVICE"])
    assert service["network_mode"] == "host"
    assert service["healthcheck"]["test"] == ["CMD", "copdns-health"]
    assert "privileged" not in service
    # Under it the right to open port 53, which that Python gives, would be taken away.
    assert "no-new-privileges" not in str(service.get("security_opt"))


def test_what_is_copied_into_the_build_is_sent_to_it() -> None:
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    needed = ["pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "copdns", "scripts"]
    needed += ["requirements-run.lock", "requirements.lock", "packaging/container-health"]
    project = (ROOT / "pyproject.toml").read_text()
    needed += re.findall(r'^"?([\w-]+)"? = "copdns/_data/', project, re.MULTILINE)
    assert set(sent) == set(needed)
    assert all((ROOT / each).exists() for each in sent)


def test_the_user_of_the_container_is_not_root() -> None:
    assert re.findall(r"^USER (.+)$", CONTAINERFILE, re.MULTILINE) == ["10053:10053"]


@pytest.mark.parametrize("is_there", [True, False])
def test_its_health_is_whether_it_answers(tmp_path: Path, is_there: bool) -> None:
    if is_there:
        with running(tmp_path, ROOT / "config" / "home.yaml") as program:
            done = ask_health(program.port)
        assert (done.returncode, done.stderr) == (0, "")
    else:
        done = ask_health(free_port())
        assert done.returncode == 1
        assert "Connection refused" in done.stderr


def ask_health(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-IS", HEALTH],
        env={**os.environ, "COPDNS_DNS__PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )
