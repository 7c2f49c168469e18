"""Fixtures of the pages' tests: a site and who visits it, and a Chromium with its browsers."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.conftest import find_tool, missing
from tests.home import Home
from tests.web.browsing import CHROMIUM, Browsers, launched
from tests.web.guardians import log_in, set_up
from tests.web.programs import Caller, caller
from tests.web.site import Client, Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def home() -> Home:
    return Home()


@pytest.fixture
def site(home: Home) -> Site:
    return Site(home)


@pytest.fixture
async def client(request: pytest.FixtureRequest, site: Site) -> AsyncIterator[Client]:
    """A visitor; logged in as Ada where a test or its file is marked `logged_in`."""
    async with site.visited() as visitor:
        if request.node.get_closest_marker("logged_in"):
            await set_up(site)
            await log_in(visitor)
        yield visitor


@pytest.fixture
async def ada(client: Client, site: Site) -> Caller:
    return await caller(client, site)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of a file, not of the whole run: while Playwright is there no other event loop runs."""
    path = find_tool(*CHROMIUM)
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
