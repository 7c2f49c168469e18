"""A Chromium for the tests of a file, and browsers of its own for each of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.conftest import find_tool, missing
from tests.web.browsing import CHROMIUM, WINDOWLESS, Browsers, launched

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of a file, not of the whole run: while Playwright is there no other event loop runs."""
    with one_of(WINDOWLESS, *CHROMIUM) as browser:
        yield browser


@contextmanager
def one_of(*names: str) -> Iterator[Browser]:
    """Start the first of these browsers that is there, and skip the test where none is."""
    path = find_tool(*names)
    for package in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(package) is None:
            missing(f"needs {package}, which `make test` installs where it has wheels")
    with launched(path) as browser:
        yield browser


@pytest.fixture
def browsers(chromium: Browser) -> Iterator[Browsers]:
    with ExitStack() as stack:
        yield Browsers(chromium, stack)


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `Site` puts in force what is stored when its test says so; no page waits for that."""
    monkeypatch.setattr("copdns.web.child.in_force.PATIENCE", 0.0)
