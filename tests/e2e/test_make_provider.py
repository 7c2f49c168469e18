"""What `make provider` runs answers its made-up subscribers, and ends as a whole."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import dns.message
import dns.query
import pytest

from tests.conftest import find_tool
from tests.e2e.house import POINTS_HOME, eventually
from tests.e2e.plane import told
from tests.e2e.started import started
from tests.e2e.upstream import upstream
from tests.running import PATIENCE

pytestmark = pytest.mark.tools
ROOT = Path(__file__).parents[2]


def test_a_provider_on_loopback_answers_and_says_what_to_try(tmp_path: Path) -> None:
    for tool in ("dnsdist", "unbound"):
        find_tool(tool)
    folder = tmp_path / "provider"
    environment = {**os.environ, **POINTS_HOME, "PYTHONPATH": str(ROOT)}
    with upstream() as answering:
        resolver = f"127.0.0.1@{answering.address.port}"
        command: list[str | Path] = [
            sys.executable,
            ROOT / "scripts/provider",
            folder,
            "8",
            resolver,
        ]
        with started(command, "@127.0.0.1", None, environment) as process:
            look(folder, process)
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def look(folder: Path, process: subprocess.Popen[str]) -> None:
    """Ask for some of the subscribers, go to each page that is printed, and end all of it."""
    (port,) = re.findall(r"addLocal\(\"127.0.0.1:(\d+)", (folder / "dnsdist.conf").read_text())

    def ask(source: str, name: str = "parship.de") -> str:
        query = dns.message.make_query(name, "A", use_edns=0)
        return told(dns.query.udp(query, "127.0.0.1", PATIENCE, int(port), source=source))

    # Whatever time it is here: the clocks of these homes are such that one child sleeps.
    eventually(lambda: ask("127.1.0.1") == "NOERROR 17 category: dating (list starter-dating)")
    assert ask("127.1.0.2") == "NOERROR 17 schedule"
    assert ask("127.1.0.4") == "127.0.0.80"  # of adults
    eventually(lambda: ask("127.1.0.4", "example.net") == "NXDOMAIN 16 legal")
    assert ask("127.1.0.4", "childline.org.uk") == "127.0.0.80", "the order names it, too"
    beside = json.loads((folder / "portal.json").read_text())
    browser = build_opener(HTTPCookieProcessor())
    staff = beside["callback"].removesuffix("/staff/callback")
    with browser.open(f"{staff}/blocked/statement/statement.json", timeout=PATIENCE) as answer:
        (order,) = json.load(answer)["document"]["law"]["orders"]
    assert (order["blocked"], order["held"]) == (["example.net"], ["childline.org.uk"])
    assert log_in(browser, staff, beside["port"], "4713")["id"] == "rev"
    become_a_subscriber(browser, beside["port"])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)


def log_in(browser: OpenerDirector, staff: str, port: int, who: str) -> dict[str, str]:
    """Choose somebody at the made-up sign-on; return what the staff's site says of this person."""
    with browser.open(f"{staff}/staff/login", timeout=PATIENCE) as answer:
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.read().decode())
    form = {name: unescape(value) for name, value in hidden} | {"who": who}
    page = f"http://127.0.0.1:{port}/authorize"
    wrong = form | {"redirect_uri": "http://127.0.0.1:1/"}
    with pytest.raises(HTTPError) as refused:
        browser.open(page, urlencode(wrong).encode(), timeout=PATIENCE)
    with refused.value:
        assert refused.value.code == 400
    with browser.open(page, urlencode(form).encode(), timeout=PATIENCE) as answer:
        found: dict[str, str] = json.load(answer)
    return found


def become_a_subscriber(browser: OpenerDirector, port: int) -> None:
    """Take a line at the made-up portal, and open the page that its code is for."""
    name = urlencode({"name": "Ada <Lovelace>"}).encode()
    with browser.open(f"http://127.0.0.1:{port}/subscribe", name, timeout=PATIENCE) as answer:
        page = answer.read().decode()
    assert "Ada &lt;Lovelace&gt;" in page
    assert re.search(r"<strong>[0-9A-Z]{4}-[0-9A-Z]{4}</strong>", page)
    (join,) = re.findall(r'href="([^"]+/guardian/join)"', page)
    request = Request(join, headers={"Accept": "text/html"})
    with browser.open(request, timeout=PATIENCE) as answer:
        assert 'name="code"' in answer.read().decode()
