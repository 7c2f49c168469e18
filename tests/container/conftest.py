"""The container, as `make test-container` tests it: built by buildah, and run as an engine would.

On a Debian of its own, made by debootstrap, so that no registry of images is asked.  Needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import find_tool, missing
from tests.container.engine import Engine

ROOT = Path(__file__).parents[2]
# Of whoever looks into what is sent to the index, as some networks do.
CERTIFICATES = Path("usr/local/share/ca-certificates")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The image, built, and a container of it."""
    if os.geteuid():
        pytest.skip("needs root, to build without an engine")
    buildah = shutil.which("buildah") or missing("needs buildah (Debian: apt install buildah)")
    folder = tmp_path_factory.mktemp("container")
    made = Engine(buildah, folder)
    with ExitStack() as stack:
        stack.callback(made.remove_all)
        made.import_base("localhost/debian", debian(folder / "debian"))
        made.build(ROOT, "localhost/copdns", BASE="localhost/debian", COPDNS_COMPILE="0")
        made.open_container("localhost/copdns")
        yield made


def debian(folder: Path) -> Path:
    lines = Path("/etc/os-release").read_text().splitlines()
    release = dict(each.split("=", 1) for each in lines if "=" in each)["VERSION_CODENAME"]
    words = [find_tool("debootstrap"), "--variant=minbase", release.strip('"'), folder]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    if (Path("/") / CERTIFICATES).is_dir():
        shutil.copytree(Path("/") / CERTIFICATES, folder / CERTIFICATES, dirs_exist_ok=True)
    return folder
