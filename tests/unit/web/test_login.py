"""A browser is told from another by a short name."""

from __future__ import annotations

import pytest

from copdns.web.browser_input import browser_name

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("says", "name"),
    [
        (f"Mozilla/5.0 (Linux; Android 14) {WEBKIT} Chrome/140.0 Mobile Safari/537.36",
         "Chrome, Android"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0 Safari/537 Edg/140.0",
         "Edge, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
         "Firefox, Linux"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {WEBKIT} Version/18 Safari/604.1",
         "Safari, iPhone"),
        ("curl/8.0", ""),
        ("", ""),
        ("<script>", ""),
    ],
)  # fmt: skip
def test_a_browser_has_a_short_name(says: str, name: str) -> None:
    assert browser_name(says) == name
