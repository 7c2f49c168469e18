"""Names that were made to harm, in a real browser: nothing runs, and no page grows wider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.name
import dns.query
import pytest

from tests.e2e.house import ADA, MIA
from tests.running import PATIENCE
from tests.web.browsing import PHONE, Browsers, Device, violations
from tests.web.family import DOOR, Family, family

ENDING = (b"games", b"example", b"")
NAMES = {
    "markup": [b"<img src=x onerror=alert(1)>"],
    "turned round": ["\u202egpj.exe".encode()],
    "253 octets": [b"w" * 63, b"w" * 63, b"w" * 63, b"w" * 44],
    "a lookalike": ["аpple".encode("idna")],
}
DESK = "http://copdns.home.arpa/guardian/"

pytestmark = pytest.mark.tools


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Family]:
    with family(tmp_path) as found:
        yield found


def test_no_page_runs_or_breaks_by_a_name(browsers: Browsers, home: Family) -> None:
    mia, ada = home.mia(browsers, screen=PHONE), home.ada(browsers)
    mia.open(DOOR)
    mia.page.locator('form[action="/device"] button').click()
    alerts: list[str] = []
    for each in (mia, ada):
        each.page.on("dialog", lambda dialog: alerts.append(dialog.message))
    for labels in NAMES.values():
        query = dns.message.make_query(dns.name.Name([*labels, *ENDING]), "A")
        dns.query.udp(query, MIA, PATIENCE, home.program.port, source=MIA)
    wrong = [f"{DOOR}: {each}" for each in looked_at(mia, DOOR)]
    asks = [each.get_attribute("href") for each in mia.page.locator('a[href^="/ask?code="]').all()]
    assert len(asks) == len(NAMES)
    for path in asks:
        assert path is not None
        why = path.replace("/ask?code=", "/why/")
        wrong += [f"{why}: {each}" for each in looked_at(mia, DOOR.rstrip("/") + why)]
        wrong += [f"{path}: {each}" for each in looked_at(mia, DOOR.rstrip("/") + path)]
        mia.tap("Send")
        wrong += [f"{mia.page.url}: {each}" for each in seen(mia)]
    wrong += [f"the inbox: {each}" for each in looked_at(ada, f"{DESK}inbox")]
    for _ in NAMES:
        ada.open(f"{DESK}inbox")
        ada.page.locator('form[action$="/look"] button').first.click()
        wrong += [f"{ada.page.url}: {each}" for each in seen(ada)]
        ada.page.locator("summary", has_text="Say no").click()
        ada.page.locator("form", has=ada.page.locator('[value="refused"]')).locator(
            "[name=text]"
        ).fill("Let us look at it.")
        ada.page.locator("form", has=ada.page.locator('[value="refused"]')).locator(
            "button"
        ).click()
    wrong += [f"the inbox: {each}" for each in looked_at(ada, f"{DESK}inbox")]
    assert not wrong, "\n".join(["", *wrong])
    assert not alerts
    assert ada.way.source == ADA


def looked_at(device: Device, address: str) -> list[str]:
    device.open(address)
    return seen(device)


def seen(device: Device) -> list[str]:
    """Return what is wrong with the page that somebody has before them."""
    found = violations(device) + device.complaints
    device.complaints.clear()
    if device.too_wide > 0:
        found.append(f"{device.too_wide} pixels wider than the screen")
    if "\u202e" in device.page.content():
        found.append("a name turns the text round")
    return found
