"""A browser that asks us alone, over HTTPS: Chromium with secure DNS in the mode `secure`."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import find_tool, missing
from tests.e2e.house import eventually
from tests.e2e.test_unbound import FAMILY, authority, unbound
from tests.encrypted_server import make_certificate
from tests.running import PATIENCE, Program, free_port, running
from tests.web.browsing import CHROMIUM

pytestmark = pytest.mark.tools

WORDS = "the lesson of today"


class Lesson(BaseHTTPRequestHandler):
    """A page of a school."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.end_headers()
        self.wfile.write(WORDS.encode())

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def school() -> Iterator[int]:
    """Serve a page of a school at one of the addresses that its name leads to."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Lesson) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_chromium_reads_what_is_allowed_and_the_log_knows_whose_device_asked(
    tmp_path: Path,
) -> None:
    if importlib.util.find_spec("playwright") is None:
        missing("needs playwright, which `make test` installs where it has wheels")
    from playwright.sync_api import Error, sync_playwright

    chromium = find_tool(*CHROMIUM)
    made = make_certificate(tmp_path / "certificate")
    https = free_port()
    (tmp_path / "family.yaml").write_text(json.dumps(FAMILY))
    settings = {
        "household": "family.yaml",
        "rebinding": {"enabled": False},
        "encrypted": {"https_port": https, "certificate": str(made.path), "key": str(made.path)},
    }
    profile = tmp_path / "profile"
    profile.mkdir()
    secure = {"mode": "secure", "templates": f"https://127.0.0.1:{https}/dns-query"}
    (profile / "Local State").write_text(json.dumps({"dns_over_https": secure}))
    with (
        unbound(tmp_path / "upstream", *authority(tmp_path)) as upstream,
        running(tmp_path, settings, upstreams=[upstream]) as program,
        school() as port,
        sync_playwright() as playwright,
    ):
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            args=[f"--ignore-certificate-errors-spki-list={made.pin}"],
            timeout=PATIENCE * 1000,
        )
        page = context.new_page()
        page.goto(f"http://school.example:{port}/")
        assert WORDS in page.content()
        with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
            page.goto(f"http://games.example:{port}/")
        context.close()
        # Of what is allowed she is told in numbers.  The log is written once a second.
        eventually(lambda: ("games.example", "mia", "block") in asked(program))


def asked(program: Program) -> set[tuple[str, str, str]]:
    """Return the name, person and action of each row of the log."""
    said = program.command("log", "--json").stdout
    return {(each["name"], each["profile"], each["action"]) for each in json.loads(said)}
