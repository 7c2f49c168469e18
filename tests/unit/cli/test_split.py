"""`copdns split` and `copdns local`: for everyone, one person or a tag."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from copdns.cli import main

HOUSE = """\
household: Example family
profiles:
  mia: {band: 7-9, tags: [children]}
"""


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(folder / "data"), *words])


def test_a_split_is_added_listed_and_removed_for_whom_it_is(tmp_path: Path) -> None:
    (tmp_path / "home.yaml").write_text(HOUSE)
    assert run(tmp_path, "household", "import", str(tmp_path / "home.yaml")).exit_code == 0
    mia = ("--profile", "mia")
    dot = "tls://dns.example@192.0.2.1"
    assert run(tmp_path, "split", "add", "work.example", "192.0.2.53").exit_code == 0
    assert run(tmp_path, "split", "add", ".", dot, *mia).exit_code == 0
    assert run(tmp_path, "split", "add", ".", dot).exit_code == 2  # for everyone: the settings
    assert (
        run(tmp_path, "split", "add", "a.example", "192.0.2.53", "--profile", "bo").exit_code == 1
    )
    listed = json.loads(run(tmp_path, "split", "list", "--json").output)
    assert [(each["name"], each["scope"]) for each in listed] == [("work.example", ""), ("", "mia")]
    assert run(tmp_path, "split", "remove", ".", *mia).exit_code == 0
    assert run(tmp_path, "split", "remove", "work.example", *mia).exit_code == 1
    assert run(tmp_path, "split", "remove", "work.example").exit_code == 0


def test_a_local_name_is_added_listed_and_removed_for_whom_it_is(tmp_path: Path) -> None:
    (tmp_path / "home.yaml").write_text(HOUSE)
    assert run(tmp_path, "household", "import", str(tmp_path / "home.yaml")).exit_code == 0
    mia, name = ("--profile", "mia"), "nas.home.arpa"
    assert run(tmp_path, "local", "add", name, "192.0.2.5").exit_code == 0
    assert run(tmp_path, "local", "add", name, "192.0.2.6", *mia).exit_code == 0
    assert run(tmp_path, "local", "add", name, "192.0.2.6", "--profile", "bo").exit_code == 1
    listed = json.loads(run(tmp_path, "local", "list", "--json").output)
    assert [(each["addresses"], each["scope"]) for each in listed] == [
        (["192.0.2.5"], ""),
        (["192.0.2.6"], "mia"),
    ]
    assert run(tmp_path, "local", "remove", name, *mia).exit_code == 0
    assert run(tmp_path, "local", "remove", name, *mia).exit_code == 1
    assert run(tmp_path, "local", "remove", name).exit_code == 0
