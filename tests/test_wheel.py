"""What a wheel carries: the program with its lists, its settings and its pages."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build a wheel and return the paths in it; needs hatchling, or an index to get it from."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder]
    if importlib.util.find_spec("hatchling"):
        command.append("--no-build-isolation")
    elif not os.environ.get("CI"):
        pytest.skip("needs hatchling, which a run in CI gets from the package index")
    environment = {**os.environ, "COPDNS_COMPILE": "0"}  # `make test-compiled` does that
    subprocess.run([*command, ROOT], check=True, env=environment)
    (wheel,) = folder.glob("copdns-*.whl")
    return set(ZipFile(wheel).namelist())


@pytest.mark.parametrize("folder", ["blocklists", "config", "web-ui"])
def test_the_wheel_carries_every_file_of_a_folder(carried: set[str], folder: str) -> None:
    listing = subprocess.run(
        ["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    ours = {f"copdns/_data/{name}" for name in listing.stdout.split("\0") if name}
    assert ours <= carried
    assert any(name.startswith(f"copdns/_data/{folder}/") for name in carried)


def test_the_wheel_carries_the_program_and_no_tests(carried: set[str]) -> None:
    assert {"copdns/__init__.py", "copdns/cli/__init__.py", "copdns/py.typed"} <= carried
    assert not any(name.startswith(("tests/", "docs/", ".ci/")) for name in carried)
