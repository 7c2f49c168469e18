"""The addresses of the pages, as they are told: another port than usual stands in them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.model.hosts import child_page_url, desk_url
from copdns.policy.build_snapshot import build_snapshot
from copdns.server.status_names import status_answer
from tests.household import DEFAULTS, NOW, asker, block, family, library


@pytest.mark.parametrize(
    ("port", "address"), [(80, "http://why.home.arpa/"), (8080, "http://why.home.arpa:8080/")]
)
def test_the_door(port: int, address: str) -> None:
    assert child_page_url(port) == address


@pytest.mark.parametrize(
    ("port", "tls_port", "host", "address"),
    [
        (80, 443, "copdns.home.arpa", "https://copdns.home.arpa/guardian/"),
        (80, 8443, "copdns.home.arpa", "https://copdns.home.arpa:8443/guardian/"),
        (80, 0, "copdns.home.arpa", "http://copdns.home.arpa/guardian/"),
        (8080, 0, "127.0.0.1", "http://127.0.0.1:8080/guardian/"),
        (8080, 8443, "::1", "https://[::1]:8443/guardian/"),
    ],
)
def test_the_desk(port: int, tls_port: int, host: str, address: str) -> None:
    assert desk_url(port, tls_port, host) == address


def test_what_is_told_over_dns_leads_to_the_port_of_the_pages() -> None:
    home = replace(family(), rules=(block("toys.example"),))
    defaults = replace(DEFAULTS, door=child_page_url(8080))
    live = build_snapshot(None, library(), defaults, [home], NOW)
    policy = live.identify(asker("mia")).policy
    for name in ("why.toys.example", "appeal"):
        answer, _ = status_answer(policy, f"{name}.q.home.arpa", NOW)
        assert "http://why.home.arpa:8080/" in str(answer.records[-1].data)
