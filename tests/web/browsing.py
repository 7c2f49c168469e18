"""People with browsers: real Chromium, each on a device with an address of its own.

    def test_a_child_reads_why(browsers: Browsers, home: House) -> None:
        mia = browsers.child(home.program, "127.0.0.1")
        mia.open("http://games.example/")
        assert mia.sees_an_error
        mia.open("http://why.home.arpa/")
        mia.reads("games.example")
        assert_accessible(mia)

The fixtures `chromium` and `browsers` stand in tests/web/conftest.py; without a Chromium, or what
drives it, their tests are skipped, and fail where CI is set.  One is there for all files that a
process runs.  Playwright works without an event loop of ours: tests with a browser are plain
functions.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.e2e.house import eventually
from tests.running import PATIENCE, Program
from tests.web.proxy import HTTP, Way, outside, proxy

if TYPE_CHECKING:  # it is there only where a browser is, too
    from playwright.sync_api import Browser, Locator, Page, Playwright, Request

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")  # what it is called, by system
# The same without windows, which has no tabs and bars of its own to draw: half the work.  Where
# there is no way to a place it shows nothing; the other says so (tests/web/test_browsing.py).
WINDOWLESS = "chromium-headless-shell"
COLOURS = ("color-contrast", "link-in-text-block")  # axe-core's rules that take longest
MOST_TABS = 200  # presses of the Tab key after which we take it that something is not reached


class Screen(NamedTuple):
    """Width and height in CSS pixels; touched: by fingers, as a phone."""

    width: int
    height: int
    touched: bool = False


PHONE, TABLET, DESK = Screen(390, 844, True), Screen(768, 1024, True), Screen(1280, 800)


@dataclass
class Device:
    """A browser in somebody's hands.

    page: Playwright's, for what is not here.  way: its way into the network; `way.asked` tells
    which names it wanted.  scripts: whether JavaScript is on.  actions: what the person did: places
    opened, things tapped, chosen or written.  complaints: what the browser found wrong with pages,
    such as a breach of their CSP.
    """

    page: Page
    way: Way
    scripts: bool = True
    actions: int = 0
    complaints: list[str] = field(default_factory=list)
    _fetched: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfinished", lambda request: self._fetched.append(request))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    # --- what a person does ----------------------------------------------------------------------

    def open(self, address: str) -> None:
        """Go to an address, as by typing it, an icon or a QR card; it may well not be reached."""
        from playwright.sync_api import Error

        self.actions += 1
        if self.sees_an_error:  # or the next error page could not be told from this one
            self.page.goto("about:blank")
        self._fetched.clear()
        try:
            self.page.goto(address)
        except Error as error:
            if "net::ERR_" not in error.message:
                raise
            self.page.wait_for_url("chrome-error://**")

    def reload(self) -> None:
        self.actions += 1
        self._fetched.clear()
        self.page.reload()

    def tap(self, words: str | re.Pattern[str]) -> None:
        """Press the link or button that is called so."""
        self.actions += 1
        self._fetched.clear()
        self.pressable(words).click()

    def choose(self, label: str | re.Pattern[str]) -> None:
        """Choose what is labelled so: one of several, or a box to tick."""
        self.actions += 1
        self.page.get_by_label(label).check()

    def pick(self, label: str | re.Pattern[str], option: str) -> None:
        """Pick an option of a list that opens."""
        self.actions += 1
        self.page.get_by_label(label).select_option(option)

    def write(self, label: str | re.Pattern[str], words: str) -> None:
        self.actions += 1
        self.page.get_by_label(label).fill(words)

    def tab_to(self, words: str | re.Pattern[str]) -> None:
        """Reach a link, a button, a field or what folds away with the Tab key alone, as one who
        has no mouse."""
        folded = self.page.locator("summary", has_text=words)
        wanted = self.pressable(words).or_(self.page.get_by_label(words)).or_(folded)
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if wanted.and_(self.page.locator(":focus")).count():
                return
        raise AssertionError(f"the Tab key does not reach {words!r}")

    def press(self, *keys: str) -> None:
        """Press keys: press("Enter"); `page.keyboard.type` writes."""
        self.actions += 1
        for key in keys:
            self.page.keyboard.press(key)

    def follow(self, *keys: str) -> None:
        """Press keys of which the last one leads to another page, and wait until that is loaded:
        keys alone do not wait, so that what comes next could find the page before."""
        with self.page.expect_navigation():
            self.press(*keys)

    def close(self) -> None:
        """Put the device away; at the end of a test that is done anyhow."""
        self.page.context.close()

    # --- what a person sees ----------------------------------------------------------------------

    def pressable(self, words: str | re.Pattern[str]) -> Locator:
        link = self.page.get_by_role("link", name=words)
        return link.or_(self.page.get_by_role("button", name=words))

    def reads(self, words: str | re.Pattern[str], within: float = PATIENCE) -> None:
        """Fail where words are not to be seen on the page within so many seconds."""
        shown = self.page.get_by_text(words).filter(visible=True)
        shown.first.wait_for(timeout=within * 1000)

    @property
    def text(self) -> str:
        """All that can be read on the page now."""
        return self.page.locator("body").inner_text()

    @property
    def sees_an_error(self) -> bool:
        """Whether it is the browser's own page that says that there was no way."""
        return self.page.url.startswith("chrome-error:")

    def measure(self, function: str, argument: object = None) -> Any:
        """Return what JavaScript says of the page that is open, once it is loaded: before, its
        style sheet may not be there, and nothing has the focus."""
        self.page.wait_for_load_state()
        return self.page.evaluate(function, argument)

    @property
    def weight(self) -> int:
        """Octets that came for the page and all it needs, since the last place opened or tapped."""
        sizes = [request.sizes() for request in self._fetched]
        return sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)

    @property
    def too_wide(self) -> int:
        """By how many pixels the page is wider than the screen: 0, or it has to be pushed about."""
        assert self.page.viewport_size is not None
        width = int(self.measure("document.documentElement.scrollWidth"))
        return width - self.page.viewport_size["width"]

    @property
    def direction(self) -> str:
        """Where the page's lines go: "ltr" or "rtl"."""
        return str(self.measure("getComputedStyle(document.documentElement).direction"))

    def screenshot(self, path: Path) -> None:
        """Take a picture of the whole page."""
        self.page.wait_for_load_state()
        self.page.screenshot(path=path, full_page=True, animations="disabled")


class Browsers:
    """Gives everybody a browser of their own, with cookies of its own."""

    def __init__(self, chromium: Browser, stack: ExitStack) -> None:
        self._chromium = chromium
        self._stack = stack
        self._outside = stack.enter_context(outside())

    def device(
        self,
        program: Program,
        address: str,
        screen: Screen = DESK,
        *,
        scripts: bool = True,
        dark: bool = False,
        language: str = "en",
        ports: dict[int, int] | None = None,
        **more: Any,
    ) -> Device:
        """Give a device that has this address of loopback.

        scripts: JavaScript.  ports: of the program's further pages, by the port that a browser
        asks for ({443: 8443}).  more: as for Playwright's Browser.new_context.
        """
        served = {HTTP: program.web_port, **(ports or {})}
        way = Way(program, address, served, self._outside)
        port = self._stack.enter_context(proxy(way))
        context = self._chromium.new_context(
            proxy={"server": f"socks5://127.0.0.1:{port}"},
            viewport={"width": screen.width, "height": screen.height},
            has_touch=screen.touched,
            is_mobile=screen.touched,
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
            locale=language,
            ignore_https_errors=True,  # the certificate is of the program's own making
            service_workers="block",
            **more,
        )
        self._stack.callback(context.close)
        context.set_default_timeout(PATIENCE * 1000)
        return Device(context.new_page(), way, scripts)

    def child(self, program: Program, address: str, screen: Screen = TABLET, **more: Any) -> Device:
        """Give a child's device; more: as for `device`."""
        return self.device(program, address, screen, **more)

    def guardian(
        self, program: Program, address: str = "127.0.0.3", screen: Screen = PHONE, **more: Any
    ) -> Device:
        """Give a guardian's phone; more: as for `device`."""
        return self.device(program, address, screen, **more)


class Drive:
    """Playwright and the browsers that it drives, kept from one file of tests to the next.

    Its event loop runs, for Python, from here on: `awake` is where browsers are used; elsewhere it
    is out of the way of the loops that other tests run.
    """

    def __init__(self) -> None:
        from playwright.sync_api import sync_playwright

        self.playwright = sync_playwright().start()
        self._loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        self._browsers: dict[str, Browser] = {}

    @contextmanager
    def awake(self) -> Iterator[None]:
        before = asyncio._get_running_loop()  # ours, where it is awake already
        asyncio._set_running_loop(self._loop)
        try:
            yield
        finally:
            asyncio._set_running_loop(before)

    def browser(self, path: str) -> Browser:
        """Return the Chromium that stands there; it is started where it does not run (any more)."""
        there = self._browsers.get(path)
        if there is None or not there.is_connected():
            self._browsers[path] = there = launch(self.playwright, path)
        return there

    def close(self) -> None:
        with self.awake():
            for each in self._browsers.values():
                each.close()
            self.playwright.stop()


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """Start a Chromium for what follows, and end it then."""
    with closing(Drive()) as drive, drive.awake():
        yield drive.browser(path)


def launch(playwright: Playwright, path: str) -> Browser:
    """Start a Chromium that by itself can look up nothing and so reach nothing."""
    return playwright.chromium.launch(
        executable_path=path,
        args=[
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            # One process less that starts with each, and copies to it: a fifteenth of the work.
            "--in-process-gpu",
            # What would make a long-lived page's scripts fast is a tenth of the work here.
            "--js-flags=--no-opt --no-maglev",
        ],
        timeout=PATIENCE * 1000,
    )


def wait_until(page: Page, condition: str, argument: object = None) -> None:
    """Wait until a JavaScript function, which may be async, returns something true.

    Playwright's own wait takes a promise for true, and looks a second time by `eval`, which a
    page's Content-Security-Policy refuses.
    """
    eventually(lambda: page.evaluate(condition, argument))


def assert_accessible(device: Device) -> None:
    """Look for what axe-core finds wrong: nothing."""
    found = violations(device)
    where = f"{device.page.url} ({len(found)} violations)"
    assert not found, "\n".join([where, *found])


def violations(
    device: Device, *, only: Collection[str] = (), without: Collection[str] = ()
) -> list[str]:
    """Return what axe-core finds wrong with a page, a line each; all its rules but the
    experimental ones, and that targets are large enough for fingers.

    only, without: ids of rules, for a page that was looked at already in other colours or words.
    """
    # Style sheets are fetched again for an experimental rule only.
    options: dict[str, object] = {"resultTypes": ["violations"], "preload": False}
    if only:
        options["runOnly"] = [*only]
    else:
        left_out = {rule: {"enabled": False} for rule in without}
        options["rules"] = {"target-size": {"enabled": True}, **left_out}
    return lines_of(ask_axe(device, _LOOK, options))


def ask_axe(device: Device, question: str, argument: object) -> Any:
    """Return what a JavaScript function says that asks axe-core; null where that is missing."""
    assert device.scripts, "axe is a script itself: look at the page with scripts on"
    from axe_playwright_python.sync_playwright import Axe

    found = device.measure(question, argument)
    if found is None:  # half a megabyte of script, which no page brings along
        script = Axe().axe_script
        device.page.evaluate(script)
        device.page.context.add_init_script(script)  # in pages to come: sent once for all
        found = device.page.evaluate(question, argument)
    return found


def lines_of(found: Any) -> list[str]:
    """Return axe-core's violations as text, a line each."""
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['target']} {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
    ]


# In one go, since each call takes the browser and what drives it some milliseconds.  A bar that
# sticks to the edge of the screen lies over something, but for the end of the page; what has the
# focus is scrolled clear of it (scroll-padding).
_LOOK = """async (options) => {
    if (!("axe" in window)) return null;
    scrollTo(0, document.documentElement.scrollHeight);
    const found = await axe.run(document, options);
    scrollTo(0, 0);
    return found.violations;
}"""
