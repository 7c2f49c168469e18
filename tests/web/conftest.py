"""What tests of pages and the API share: a house, who visits it, and a Chromium for a file."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from tests.conftest import find_tool, missing
from tests.home import Home
from tests.running import Program
from tests.web.browsing import CHROMIUM, WINDOWLESS, Browsers, Drive
from tests.web.guardians import guardian_client, hash_quickly
from tests.web.pages import example
from tests.web.programs import Caller, caller
from tests.web.site import Client, Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def drive() -> Iterator[Drive]:
    """What drives browsers, which takes a second of the processor to start: once for all files."""
    for package in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(package) is None:
            missing(f"needs {package}, which `make test` installs where it has wheels")
    with closing(Drive()) as found:
        yield found


@pytest.fixture(scope="module")
def chromium(drive: Drive) -> Iterator[Browser]:
    """Of a file, since no other event loop runs while it is there; it is the one of the file
    before, whose pages are closed."""
    with drive.awake():
        yield drive.browser(find_tool(WINDOWLESS, *CHROMIUM))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program with the example family, for the browsers of a file."""
    with example(tmp_path_factory.mktemp("family")) as found:
        yield found


@pytest.fixture
def browsers(chromium: Browser) -> Iterator[Browsers]:
    with ExitStack() as stack:
        yield Browsers(chromium, stack)


@pytest.fixture
def home() -> Home:
    """A house with the usual people and lists; a file that needs another has its own."""
    return Home()


@pytest.fixture(autouse=True)
def _closed_sites() -> Iterator[None]:
    yield
    Site.close_all()


@pytest.fixture
def site(home: Home) -> Site:
    return Site(home)


@pytest.fixture
async def client(request: pytest.FixtureRequest, site: Site) -> AsyncIterator[Client]:
    """A browser: of Ada, logged in, where the file is marked `logged_in`, else of nobody."""
    is_adas = request.node.get_closest_marker("logged_in") is not None
    async with guardian_client(site) if is_adas else site.visited() as made:
        yield made


@pytest.fixture
async def ada(client: Client, site: Site) -> Caller:
    """A program of Ada's, who may do everything."""
    return await caller(client, site)


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    hash_quickly(monkeypatch)


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `Site` puts in force what is stored when its test says so; no page waits for that."""
    monkeypatch.setattr("copdns.web.child.page.MAX_WAIT", 0.0)
