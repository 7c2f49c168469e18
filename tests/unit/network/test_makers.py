"""Who made a network card, read from the list of the IEEE where the machine has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from copdns.network.makers import maker_of

LIST = (
    "OUI/MA-L\r\n\r\n"
    "28-6F-B9   (hex)\t\tLamps and Sons, Inc.\r\n"
    "286FB9     (base 16)\t\tLamps and Sons, Inc.\r\n"
    "\t\t\t\t286FB0 Street\r\n"
    "FC-01-7C   (hex)\t\tÉlan\r\n"
    "FC017C     (base 16)\t\tÉlan\r\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "oui.txt"
    found.write_text(LIST, encoding="utf-8", newline="")
    return found


@pytest.mark.parametrize(
    ("mac", "maker"),
    [
        ("28:6f:b9:01:02:03", "Lamps and Sons, Inc."),
        ("fc:01:7c:00:00:00", "Élan"),
        ("28:6f:b0:01:02:03", ""),  # only in an address of a street
        ("2a:6f:b9:01:02:03", ""),  # random, so nobody's
        ("", ""),
    ],
)
def test_a_maker_is_known_by_the_first_half_of_an_address(mac: str, maker: str, path: Path) -> None:
    assert maker_of(mac, path) == maker


def test_a_machine_without_the_list_knows_none(tmp_path: Path) -> None:
    assert maker_of("28:6f:b9:01:02:03", tmp_path / "none") == ""
    (tmp_path / "empty").touch()
    assert maker_of("28:6f:b9:01:02:03", tmp_path / "empty") == ""
