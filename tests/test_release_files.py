"""What a release is made by, as far as that can be said without making one (tests/release)."""

from __future__ import annotations

import hashlib
import re
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from copdns import __version__

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "make-release"
CHANGES = """# Changes

## Unreleased

Later.

## 1.2.0 (2027-03-01)

### Upgrading

Nothing.

## 1.2.0rc1 (2027-02-01)

Before.
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_loader("make_release", SourceFileLoader("make_release", str(SCRIPT)))
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_notes_are_the_section_of_that_version_alone(script: ModuleType) -> None:
    notes = script.notes_of(CHANGES, "1.2.0")
    assert notes == "## 1.2.0 (2027-03-01)\n\n### Upgrading\n\nNothing.\n"
    assert script.notes_of(CHANGES, "1.2") == script.notes_of(CHANGES, "1x2.0") == ""


def test_files_that_are_not_alike_are_named(script: ModuleType, tmp_path: Path) -> None:
    one, another = tmp_path / "one", tmp_path / "another"
    for folder in (one, another):
        folder.mkdir()
        (folder / "same").write_text("same")
        (folder / "differs").write_text(folder.name)
    (one / "alone").touch()
    assert script.differences(one, another) == ["alone", "differs"]
    assert script.checksums(another).splitlines() == [
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}"
        for name, text in (("differs", "another"), ("same", "same"))
    ]


def test_only_the_folder_of_a_release_is_replaced(script: ModuleType, tmp_path: Path) -> None:
    assert script.may_not_replace(tmp_path / "none") == script.may_not_replace(tmp_path) == ""
    (tmp_path / "copdns-1.2.0.tar.gz").touch()
    (tmp_path / "SHA256SUMS").touch()
    assert script.may_not_replace(tmp_path) == ""
    (tmp_path / "letters").mkdir()
    assert "something else" in script.may_not_replace(tmp_path)
    (tmp_path / "copdns-1.2.0.tar.gz").rename(tmp_path / "letters" / "one")
    assert "something else" in script.may_not_replace(tmp_path)
    assert "something else" in script.may_not_replace(tmp_path / "SHA256SUMS")


def test_the_version_stands_in_one_place() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project
    assert f'"{__version__}"' not in project
    number = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.])")
    files = ["Makefile", "Containerfile", *(f"packaging/{each}" for each in PACKAGING)]
    assert not [name for name in files if number.search((ROOT / name).read_text())]


PACKAGING = ("nfpm.yaml", "compose.yaml", "postinst", "prerm", "postrm", "README.Debian")
