"""Tests of where the bundled folders are found."""

from pathlib import Path

import pytest

from copdns.list_files.resources import find_folder, read_bundled
from copdns.model.errors import ListError


@pytest.mark.parametrize("name", ["blocklists", "config", "web-ui"])
def test_every_bundled_folder_is_found_here(name: str) -> None:
    assert find_folder(name).is_dir()


def test_the_folder_inside_the_package_wins_over_one_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "copdns"
    (package / "_data" / "config").mkdir(parents=True)
    (tmp_path / "config").mkdir()
    assert find_folder("config", package) == package / "_data" / "config"


def test_a_checkout_has_the_folder_beside_the_package(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    assert find_folder("config", tmp_path / "copdns") == tmp_path / "config"


def test_a_missing_folder_is_an_error_that_names_both_places(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file, no folder")
    with pytest.raises(ListError, match=r"folder config is missing.*_data.*install") as error:
        find_folder("config", tmp_path / "copdns")
    assert str(tmp_path / "config") in str(error.value)


def test_a_bundled_file_that_is_missing_is_told_with_its_path() -> None:
    assert "games" in read_bundled("blocklists", "catalogue.yaml")
    with pytest.raises(ListError, match=r"blocklists/none\.yaml: .*; install copdns again"):
        read_bundled("blocklists", "none.yaml")
