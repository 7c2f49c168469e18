"""A first-time user sets up a phone that leaves the house, from the dashboard alone: Chromium asks
us by the address that the page shows, until the token is revoked there."""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.test_unbound import authority, unbound
from tests.running import PATIENCE, Program, free_port, running
from tests.unit.certificates import issue, root
from tests.web.browsing import CHROMIUM, Browsers, Device, Drive, assert_accessible
from tests.web.pages import DOOR, log_in
from tests.web.test_secure_dns import WORDS, school

if TYPE_CHECKING:  # it is there only where a browser is, too
    from playwright.sync_api import BrowserContext, Playwright

pytestmark = pytest.mark.tools

NAME = "dns.localhost"  # browsers know themselves where that is (RFC 6761 section 6.3)
DESK = "127.0.0.3"
# At home the phone has an address; 127.0.0.1, from which Chromium asks, is nobody's.
PHONE = {"addresses": ["127.0.0.4"]}
FAMILY = {
    "household": "Example family",
    "profiles": {
        "mia": {"name": "Mia", "band": "7-9", "devices": {"mia-phone": PHONE}},
        "ada": {"name": "Ada", "band": "adult", "devices": {"ada-laptop": [DESK]}},
    },
    "block": ["games.example"],
}
MINUTES = 5


@contextmanager
def house(folder: Path) -> Iterator[tuple[Program, str]]:
    """Run a home that is open to the internet; also give the digest of its certificate's key."""
    begin = datetime.now(UTC) - timedelta(days=1)
    own = issue(NAME, root(), names=(NAME, f"*.{NAME}"), begin=begin)
    (folder / "dns.pem").write_bytes(own.pem)
    (folder / "dns.key").write_bytes(own.key_pem)
    (folder / "known.pem").write_bytes(root().pem)
    (folder / "family.yaml").write_text(json.dumps(FAMILY))
    settings = {
        "household": "family.yaml",
        "rebinding": {"enabled": False},
        "encrypted": {
            "name": NAME,
            "https_port": free_port(),
            "public": True,
            "certificate": str(folder / "dns.pem"),
            "key": str(folder / "dns.key"),
        },
    }
    known = {"SSL_CERT_FILE": str(folder / "known.pem")}
    key = own.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with (
        unbound(folder / "upstream", *authority(folder)) as upstream,
        running(folder, settings, upstreams=[upstream], environment=known) as program,
    ):
        yield program, b64encode(sha256(key).digest()).decode()


def make_address(ada: Device) -> str:
    """Go the way that the dashboard shows, and return the address that it says to enter."""
    ada.open(f"{DOOR}guardian/devices")
    ada.page.get_by_role("heading", name=re.compile("mia-phone")).click()
    ada.tap("Protect it away from home too")
    ada.reads("a phone may open no sites, not even helplines")
    ada.choose("I have read what happens when copdns cannot be reached")
    ada.tap("Create a token")
    assert_accessible(ada)
    ada.page.get_by_role("heading", name="Chrome or Edge").click()
    return shown_in(ada, "chrome")


def shown_in(ada: Device, section: str) -> str:
    """Return the address that a section of the page shows."""
    shown = ada.page.locator(f'section[aria-labelledby="{section}"] .address').inner_text()
    return re.sub("[\u2066-\u2069]", "", shown)


def open_phone(playwright: Playwright, folder: Path, address: str, pin: str) -> BrowserContext:
    """Start a browser that asks by this address alone, as its settings say.  pin: of the key that
    it trusts."""
    folder.mkdir()
    secure = {"mode": "secure", "templates": address}
    (folder / "Local State").write_text(json.dumps({"dns_over_https": secure}))
    return playwright.chromium.launch_persistent_context(
        folder,
        executable_path=find_tool(*CHROMIUM),
        args=[f"--ignore-certificate-errors-spki-list={pin}"],
        timeout=PATIENCE * 1000,
    )


def revoke(ada: Device, program: Program) -> None:
    """Revoke the token, and wait until that is in force: within a second, says the page."""
    before = revision(program)
    ada.tap("Revoke")
    ada.tap("Yes, do it")
    ada.reads("it works nowhere any more")
    eventually(lambda: revision(program) != before)


def revision(program: Program) -> str:
    """Return the line of the metrics that tells which rules are in force."""
    lines = program.get("/metrics").splitlines()
    return next(each for each in lines if each.startswith("copdns_policy_revision"))


def test_a_phone_is_set_up_from_the_dashboard_in_minutes_and_stopped_by_one_button(
    tmp_path: Path, drive: Drive, browsers: Browsers
) -> None:
    from playwright.sync_api import Error

    with house(tmp_path) as (program, pin), school() as port:
        ada = browsers.guardian(program, DESK)
        log_in(ada, program)
        began, actions = time.monotonic(), ada.actions
        address = make_address(ada)
        mia = browsers.child(program, "127.0.0.4")
        mia.open(DOOR + shown_in(ada, "copy").partition("home.arpa")[2].partition("/")[2])
        mia.reads(address)
        assert_accessible(mia)
        context = open_phone(drive.playwright, tmp_path / "phone", address, pin)
        phone = context.new_page()
        phone.goto(f"http://school.example:{port}/")
        assert WORDS in phone.content()
        assert ada.actions - actions <= 4
        ada.tap("See the result")
        ada.reads("We have not heard from this device yet.")
        with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):  # there is no page
            phone.goto(shown_in(ada, "test"))
        ada.tap("See the result")  # where it was pressed before
        ada.reads("This device uses copdns, with Mia's rules.")
        ada.reads("It is encrypted: DNS over HTTPS.")
        assert time.monotonic() - began < MINUTES * 60
        with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
            phone.goto(f"http://games.example:{port}/")
        revoke(ada, program)
        for name in ("alias.example", "chess.games.example"):  # one allowed, one blocked
            with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
                phone.goto(f"http://{name}:{port}/")
        context.close()
        said = program.command("log", "--json").stdout
    rows = [(each["name"], each["profile"], each["action"]) for each in json.loads(said)]
    assert ("games.example", "mia", "block") in rows  # by her privacy mode, without the device
    assert not [each for each in rows if each[0] == "chess.games.example"]
