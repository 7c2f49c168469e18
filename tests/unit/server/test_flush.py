"""What `copdns cache flush` forgets: responses, failures and whole replies, and no decision."""

from __future__ import annotations

import pytest

from tests.fakes import SILENCE, FakeUpstream
from tests.home import Home

SCRIPT = {
    "shop.example": {"A": "198.51.100.7"},
    "www.shop.example": {"A": "198.51.100.8"},
    "other.example": {"A": "198.51.100.9"},
    "alias.example": {"CNAME": "www.shop.example."},
    "dead.shop.example": SILENCE,
}
NAMES = ("shop.example", "www.shop.example", "alias.example", "other.example", "dead.shop.example")


def asked_anew(name: str, below: bool, *, packets: bool) -> list[str]:
    """Return which names upstreams are asked for again after a flush."""
    home = Home(upstream=FakeUpstream(SCRIPT), lane=packets)
    for each in NAMES * 3:
        home.ask("ada", each)
    home.upstream.asked.clear()
    home.resolver.flush(name, below=below)
    for each in NAMES:
        home.ask("ada", each)
    return [each for each in NAMES if each in {key.qname for key in home.upstream.asked}]


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize(
    ("name", "below", "forgotten"),
    [
        ("shop.example", False, ["shop.example"]),
        ("www.shop.example", False, ["www.shop.example", "alias.example"]),
        ("dead.shop.example", False, ["dead.shop.example"]),
        (
            "shop.example",
            True,
            ["shop.example", "www.shop.example", "alias.example", "dead.shop.example"],
        ),
        ("hop.example", True, []),
        ("", False, list(NAMES)),
    ],
)
def test_a_flush_forgets_a_name_and_what_leads_to_it_and_no_more(
    name: str, below: bool, forgotten: list[str], packets: bool
) -> None:
    assert asked_anew(name, below, packets=packets) == forgotten
