"""The browsers of the suite: what reaches the program is what a device on the network sends, and
what they tell of a page is true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import find_tool
from tests.e2e.house import ADA, MIA, ROOT, TOM, House, house
from tests.web.browsing import (
    CHROMIUM,
    DESK,
    PHONE,
    Browsers,
    Device,
    Drive,
    assert_accessible,
    violations,
    wait_until,
)
from tests.web.proxy import HTTP, serving

PAGE = """<!doctype html>
<html lang="{language}" dir="{direction}">
<meta name="viewport" content="width=device-width">
<title>A small page</title>
<style>
body {{ background: #fff; color: #111 }} a {{ color: #00c }} .pale {{ color: {pale} }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #111; color: #eee }} a {{ color: #9cf }}
}}
</style>
<main>
<h1>Hello {address}</h1>
<p id="scripts">No scripts.</p>
<p class="pale">You said: {words}</p>
<form>
<label>Why? <input name="words"></label>
<label>Now <input name="when" type="radio" value="now" required></label>
<label>How long? <select name="long"><option>an hour<option>a day</select></label>
<button>Ask</button>
</form>
<a href="http://ads.example/">Elsewhere</a>
</main>
<script>document.getElementById("scripts").textContent = "Scripts run."</script>
"""


class _SmallPage(BaseHTTPRequestHandler):
    """A page in the language that is asked for, that tells what it was sent and from where.

    /pale: with letters too pale to read on white.  /wide: wider than a phone.
    """

    def do_GET(self) -> None:
        there = urlsplit(self.path)
        rtl = self.headers["Accept-Language"].startswith("ar")
        page = PAGE.format(
            language="ar" if rtl else "en",
            direction="rtl" if rtl else "ltr",
            pale="#888" if there.path == "/pale" else "inherit",
            address=self.client_address[0],
            words=parse_qs(there.query).get("words", ["nothing"])[0],
        )
        if there.path == "/wide":
            page = page.replace("<main>", "<main style='width: 500px'>")
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICIES.get(there.path, ""))
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


POLICIES = {"/strict": "script-src 'self'"}


@pytest.fixture
def windows(drive: Drive) -> Iterator[Browsers]:
    """Browsers with windows, as people have them: they say where they got nowhere."""
    with drive.awake(), ExitStack() as stack:
        yield Browsers(drive.browser(find_tool(*CHROMIUM)), stack)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), ROOT / "config" / "home.yaml") as found:
        yield found


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[int, int]]:
    """The small page in place of the program's."""
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), _SmallPage)) as port:
        yield {HTTP: port}


# --- the way into the network ------------------------------------------------------------------


OF_TOOLS = pytest.mark.whole  # what is about the tests themselves


@pytest.mark.parametrize("name", ["copdns.home.arpa", "why.home.arpa", "127.0.0.1"])
def test_the_programs_pages_are_reached_by_its_names_and_address(
    windows: Browsers, home: House, name: str
) -> None:
    mia = windows.child(home.program, MIA)
    mia.open(f"http://{name}/readyz")
    mia.reads("ready")
    assert not mia.sees_an_error
    assert mia.actions == 1
    assert 0 < mia.weight < 2000


@pytest.mark.parametrize("address", [MIA, TOM, "127.0.0.77"])
def test_every_device_comes_from_its_own_address(
    browsers: Browsers, home: House, ports: dict[int, int], address: str
) -> None:
    somebody = browsers.device(home.program, address, ports=ports)
    somebody.open("http://copdns.home.arpa/")
    somebody.reads(f"Hello {address}")


def test_a_blocked_name_ends_at_the_browsers_own_error_page(windows: Browsers, home: House) -> None:
    mia, ada = windows.child(home.program, MIA), windows.guardian(home.program, ADA)
    for each in (mia, ada):
        each.open("http://games.example/")
    assert mia.sees_an_error
    assert "can’t be reached" in mia.text
    assert not ada.sees_an_error
    ada.reads("This is games.example")


def test_a_block_that_comes_is_felt_by_a_page_that_was_open(windows: Browsers, home: House) -> None:
    tom = windows.child(home.program, TOM)
    tom.open("http://films.example/")
    tom.reads("This is films.example")
    home.command("rule", "add", "block", "films.example", "--profile", "tom")
    wait_until(tom.page, "() => fetch('/').then(() => false, () => true)")


@pytest.mark.parametrize(
    "place", ["https://open.example/", "http://127.0.0.1:8079/", "http://192.0.2.1:8080/"]
)
def test_no_browser_gets_anywhere_else(windows: Browsers, home: House, place: str) -> None:
    ada = windows.guardian(home.program, ADA)
    ada.open(place)
    assert ada.sees_an_error
    assert ada.way.asked


@OF_TOOLS
def test_where_a_browser_went_is_known(
    windows: Browsers, home: House, ports: dict[int, int]
) -> None:
    mia = windows.child(home.program, MIA, ports=ports)
    mia.open("http://why.home.arpa/")
    assert set(mia.way.asked) == {"why.home.arpa"}
    mia.tap("Elsewhere")
    mia.page.wait_for_url("chrome-error://**")
    assert set(mia.way.asked) == {"why.home.arpa", "ads.example"}


# --- what a person does and sees ---------------------------------------------------------------


def small_page(browsers: Browsers, home: House, path: str = "", **more: object) -> Device:
    device = browsers.device(home.program, MIA, **more)  # type: ignore[arg-type]
    device.open(f"http://why.home.arpa/{path}")
    return device


@OF_TOOLS
def test_what_a_person_does_is_done_and_counted(
    browsers: Browsers, home: House, ports: dict[int, int]
) -> None:
    mia = small_page(browsers, home, ports=ports)
    mia.write("Why?", "for chess")
    mia.choose("Now")
    mia.pick("How long?", "a day")
    mia.tap("Ask")
    mia.reads("You said: for chess")
    assert mia.actions == 5
    assert mia.page.url.endswith("/?words=for+chess&when=now&long=a+day")


@OF_TOOLS
def test_all_can_be_done_by_keyboard(
    browsers: Browsers, home: House, ports: dict[int, int]
) -> None:
    mia = small_page(browsers, home, ports=ports)
    mia.tab_to("Why?")
    mia.page.keyboard.type("for chess")
    mia.tab_to("Now")
    mia.press("Space")
    mia.tab_to("Ask")
    mia.follow("Enter")
    mia.reads("You said: for chess")


@OF_TOOLS
def test_what_the_tab_key_does_not_reach_is_told(
    browsers: Browsers, home: House, ports: dict[int, int]
) -> None:
    with pytest.raises(AssertionError, match="does not reach"):
        small_page(browsers, home, ports=ports).tab_to("Nothing of this name")


@OF_TOOLS
@pytest.mark.parametrize("scripts", [True, False])
def test_scripts_run_or_do_not(
    browsers: Browsers, home: House, ports: dict[int, int], scripts: bool
) -> None:
    mia = small_page(browsers, home, ports=ports, scripts=scripts)
    mia.reads("Scripts run." if scripts else "No scripts.")
    mia.choose("Now")
    mia.write("Why?", "for chess")
    mia.tap("Ask")
    mia.reads("You said: for chess")


@OF_TOOLS
@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("ar", "rtl")])
def test_the_browsers_language_is_sent(
    browsers: Browsers, home: House, ports: dict[int, int], language: str, direction: str
) -> None:
    assert small_page(browsers, home, ports=ports, language=language).direction == direction


@OF_TOOLS
def test_a_page_that_is_wider_than_the_screen_is_told(
    browsers: Browsers, home: House, ports: dict[int, int]
) -> None:
    assert small_page(browsers, home, "", ports=ports, screen=PHONE).too_wide == 0
    assert small_page(browsers, home, "wide", ports=ports, screen=PHONE).too_wide > 0
    assert small_page(browsers, home, "wide", ports=ports, screen=DESK).too_wide == 0


@OF_TOOLS
@pytest.mark.parametrize("dark", [True, False])
def test_letters_that_cannot_be_read_are_told(
    browsers: Browsers, home: House, ports: dict[int, int], dark: bool
) -> None:
    assert_accessible(small_page(browsers, home, ports=ports, dark=dark))
    pale = small_page(browsers, home, "pale", ports=ports, dark=dark)
    if dark:
        assert_accessible(pale)  # grey on black can be read
    else:
        (violation,) = violations(pale)
        assert violation.startswith("color-contrast (serious): ")
        assert "You said: nothing" in violation


@OF_TOOLS
def test_a_breach_of_the_pages_own_policy_is_told(
    browsers: Browsers, home: House, ports: dict[int, int]
) -> None:
    strict = small_page(browsers, home, "strict", ports=ports)
    strict.reads("No scripts.")
    assert any("script-src 'self'" in complaint for complaint in strict.complaints)
    assert_accessible(strict)


@OF_TOOLS
def test_a_picture_shows_the_whole_page(
    browsers: Browsers, home: House, ports: dict[int, int], tmp_path: Path
) -> None:
    small_page(browsers, home, ports=ports, screen=PHONE).screenshot(tmp_path / "page.png")
    picture = (tmp_path / "page.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == PHONE.width
