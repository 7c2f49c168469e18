"""Where the children's page is by HTTPS, for whoever asks the resolver where to read more."""

from __future__ import annotations

from typing import Any

import pytest

from copdns.app.from_settings import secure_child_page
from copdns.settings.config import Settings
from copdns.web.https import HttpsOffer


@pytest.mark.parametrize(
    ("settings", "port", "known", "expected"),
    [
        ({}, 0, (), ""),  # no HTTPS
        ({}, 443, (), "https://why.home.arpa/"),
        ({}, 8443, (), "https://why.home.arpa:8443/"),
        ({"hosts": ["dns.example"]}, 443, ("dns.example",), "https://dns.example/"),
        ({"hosts": ["pages.example"]}, 443, ("pages.example",), "https://pages.example/"),
        ({"hosts": ["pages.example"]}, 443, (), "https://why.home.arpa/"),
        ({}, 443, ("dns.example",), "https://why.home.arpa/"),  # the pages refuse that name
    ],
)
def test_it_is_a_name_that_the_pages_answer_to(
    settings: dict[str, Any], port: int, known: tuple[str, ...], expected: str
) -> None:
    encrypted = {"tls_port": 853, "name": "dns.example"}
    chosen = Settings.model_validate({"encrypted": encrypted, "web": settings})
    assert secure_child_page(chosen, HttpsOffer(port, lambda host: host in known)) == expected
