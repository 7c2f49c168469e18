"""What is in the container, and what it may and may not do."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.engine import Engine
from tests.e2e.house import eventually

USER = 10053
NET_BIND_SERVICE = 1 << 10  # capabilities(7)
PATIENCE = 60.0

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def process(engine: Engine) -> Iterator[subprocess.Popen[bytes]]:
    """The running container, once it answers."""
    with engine.ready():
        environment = {**ENVIRONMENT, "COPDNS_UPSTREAMS__SERVERS": "[127.0.0.9]"}
        with subprocess.Popen(engine.command("copdns", "run"), env=environment) as started:
            try:
                eventually(lambda: health(engine).returncode == 0)
                yield started
            finally:
                started.terminate()
                started.wait(PATIENCE)
            assert health(engine).returncode == 1


ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
}


def inside(engine: Engine, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        engine.command(*words), env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def health(engine: Engine) -> subprocess.CompletedProcess[str]:
    return inside(engine, *engine.settings_of("localhost/copdns")["Healthcheck"]["Test"][1:])


def test_the_image_says_how_it_is_run(engine: Engine) -> None:
    settings = engine.settings_of("localhost/copdns")
    assert settings["User"] == f"{USER}:{USER}"
    assert (settings["Entrypoint"], settings["Cmd"]) == (["copdns"], ["run"])
    assert settings["Healthcheck"]["Test"] == ["CMD", "copdns-health"]
    assert [*settings["Volumes"]] == ["/var/lib/copdns"]


def test_it_has_no_compiler_and_nothing_that_makes_somebody_root(engine: Engine) -> None:
    folders = ("usr/bin", "usr/sbin", "usr/local/bin", "opt/copdns/bin")
    programs = {path.name for each in folders for path in (engine.root / each).iterdir()}
    assert not programs & {"gcc", "cc", "c++", "ld", "as", "make", "git", "pip", "pip3", "setcap"}
    assert {"copdns", "copdns-health", "python3"} <= programs
    files = [path for path in engine.root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID)]
    able = [path for path in files if "security.capability" in os.listxattr(path)]
    assert able == [engine.root / "opt/copdns/bin/python3"]


def test_its_user_may_change_the_data_and_nothing_else(engine: Engine) -> None:
    def may_write(path: Path) -> bool:
        about = path.lstat()
        if stat.S_ISLNK(about.st_mode) or stat.S_ISCHR(about.st_mode):
            return False
        return about.st_uid == USER or about.st_gid == USER or bool(about.st_mode & stat.S_IWOTH)

    found = {
        str(path.relative_to(engine.root)) for path in engine.root.rglob("*") if may_write(path)
    }
    assert found == {"var/lib/copdns", "tmp", "var/tmp", "run/lock"} & found
    assert "var/lib/copdns" in found


def test_it_answers_at_port_53_with_that_one_privilege(
    engine: Engine, process: subprocess.Popen[bytes]
) -> None:
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    assert status["Uid"].split() == [str(USER)] * 4
    for kind in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status[kind], 16) == NET_BIND_SERVICE, kind
    assert health(engine).stderr == ""


def test_commands_change_the_household_in_the_running_container(
    engine: Engine, process: subprocess.Popen[bytes]
) -> None:
    assert process.poll() is None
    for words in (("profile", "add", "mia", "--band", "7-9"), ("profile", "list")):
        done = inside(engine, "copdns", *words)
        assert done.returncode == 0, done.stderr
    assert "mia" in done.stdout
    refused = inside(engine, "sh", "-c", "echo >/opt/copdns/x || echo >/etc/copdns/x")
    assert refused.returncode != 0
    assert refused.stderr.count("Read-only file system") + refused.stderr.count("denied") == 2
