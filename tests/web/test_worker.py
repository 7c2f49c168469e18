"""The workers in a real browser that trusts the connection: notices from a child's request to the
words on Ada's screen, and what is shown without a connection."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import find_tool
from tests.e2e.house import ROOT, eventually
from tests.push_service import HOST, ReadingBrowser, write_certificate
from tests.reading import has_word
from tests.running import PATIENCE, Program, free_port, running
from tests.web.browsing import CHROMIUM, PHONE, Device, Drive, assert_accessible, wait_until
from tests.web.pages import PASSWORD, ask, beside, done
from tests.web.proxy import Way

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

# What the browser's maker would give its browser; the test has no way to the maker.
_SUBSCRIBE = """
    const given = %s;
    const one = {
      endpoint: given.endpoint,
      toJSON: () => ({endpoint: given.endpoint, keys: {p256dh: given.p256dh, auth: given.auth}}),
      unsubscribe: async () => true,
    };
    let there = null;
    PushManager.prototype.subscribe = async () => (there = one);
    PushManager.prototype.getSubscription = async () => there;
"""


class TrustedHouse(NamedTuple):
    """A copdns with a certificate that the browser trusts.

    got: the bodies that the push service got.  reader: the browser's keys.
    """

    program: Program
    url: str
    context: BrowserContext
    got: queue.Queue[bytes]
    reader: ReadingBrowser

    @property
    def way(self) -> Way:
        """The way into the network: straight to loopback, without a proxy."""
        return Way(self.program, "127.0.0.1", {}, 0)


def issued(folder: Path) -> tuple[str, str, str]:
    """Return files of a certificate that somebody else signed, its key, and the digest by which the
    browser is told to trust it."""
    theirs, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
    now = datetime.now(UTC)
    names = [x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "desk.example")]))
        .issuer_name(name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(theirs, hashes.SHA256())
    )
    pem, key = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(own.private_bytes(serialization.Encoding.PEM, *private))
    public = own.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return str(pem), str(key), b64encode(sha256(public).digest()).decode()


@contextmanager
def push_service(certificate: Path) -> Iterator[tuple[str, queue.Queue[bytes]]]:
    """Give the address of a push service, and what it gets.  certificate: where its own is written
    to."""
    got: queue.Queue[bytes] = queue.Queue()

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        server.socket = write_certificate(certificate).wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://{HOST}:{server.server_port}/p/1", got
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def house(drive: Drive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustedHouse]:
    folder = tmp_path_factory.mktemp("house")
    pem, key, digest = issued(folder)
    port = free_port()
    web = {"listen": ["127.0.0.1"], "tls_certificate": pem, "tls_key": key}
    push = {"hosts": [HOST], "private_addresses": True}
    family = str(ROOT / "config" / "household-example.yaml")
    settings = {"web": web, "push": push, "household": family}
    with ExitStack() as stack:
        trusted = folder / "push.pem"
        endpoint, got = stack.enter_context(push_service(trusted))
        environment = {
            "COPDNS_WEB__TLS_PORT": str(port),
            "SSL_CERT_FILE": str(trusted),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        }
        command = (sys.executable, ROOT / "tests/web/push_to_loopback.py")
        program = stack.enter_context(
            running(folder, settings, environment=environment, command=command)
        )
        stack.enter_context(drive.awake())
        browser = drive.playwright.chromium.launch(
            executable_path=find_tool(*CHROMIUM),  # the other one shows no notices
            args=["--headless=new", f"--ignore-certificate-errors-spki-list={digest}"],
        )
        stack.callback(browser.close)
        size = {"width": PHONE.width, "height": PHONE.height}
        context = browser.new_context(viewport=size, permissions=["notifications"])  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE * 1000)
        reader = ReadingBrowser(endpoint)
        context.add_init_script(_SUBSCRIBE % json.dumps(reader.browser._asdict()))
        yield TrustedHouse(program, f"https://127.0.0.1:{port}", context, got, reader)


def worked(page: Page) -> None:
    """Wait until the worker of a page is there, and has kept what it keeps."""
    wait_until(page, "() => navigator.serviceWorker.controller !== null")


def kept(page: Page, base: str) -> list[str]:
    """Return what a worker has kept, but for files that ship."""
    found: list[str] = page.evaluate(
        """async (name) => (await (await caches.open(name)).keys())
             .map((each) => new URL(each.url).pathname)
             .filter((each) => !each.startsWith("/static/"))""",
        f"copdns {base}",
    )
    return sorted(found)


def wait_for_kept(page: Page, base: str, *paths: str) -> None:
    wait_until(
        page,
        """async ([name, paths]) => {
             const there = (await (await caches.open(name)).keys())
               .map((each) => new URL(each.url).pathname)
               .filter((each) => !each.startsWith("/static/"));
             return JSON.stringify(there.sort()) === paths;
           }""",
        [f"copdns {base}", json.dumps(sorted(paths), separators=(",", ":"))],
    )


def test_a_request_reaches_adas_screen_and_logging_out_empties_her_browser(
    house: TrustedHouse,
) -> None:
    page = house.context.new_page()
    code = json.loads(house.program.command("account", "code", "--json").stdout)["code"]
    page.goto(f"{house.url}/guardian/setup")
    for field, value in (("code", code), ("name", "Ada"), ("password", PASSWORD)):
        page.fill(f"#{field}", value)
    page.fill("#again", PASSWORD)
    page.click("main form button")
    page.goto(f"{house.url}/guardian/app")
    page.get_by_role("button", name="Turn on notifications").click()
    page.get_by_text("this browser", exact=True).wait_for()
    assert_accessible(Device(page, house.way))

    ask(house.program)  # Mia and Tom do
    told = house.reader.read(house.got.get(timeout=PATIENCE))
    assert told["title"] == "A child has sent a request"
    assert not [name for name in ("Mia", "Tom", "example") if name in json.dumps(told)]

    shown = deliver(house, page, json.dumps(told), f"{house.url}/guardian/")
    assert shown == [["A child has sent a request", told["body"], "requests"]]

    wait_for_kept(page, "/guardian/", "/guardian/offline", "/guardian/offline/empty")
    page.goto(f"{house.url}/guardian/me")
    with page.expect_navigation():
        page.evaluate("document.querySelector('form[action=\"/guardian/logout\"]').submit()")
    wait_for_kept(page, "/guardian/", "/guardian/offline/empty")
    with beside(house.program) as thread:
        left = done(
            thread.read(
                lambda each: each.execute("select count(*) from push_subscription").fetchone()
            )
        )
    assert left == (0,)
    page.close()


def deliver(house: TrustedHouse, page: Page, text: str, scope: str) -> list[list[str]]:
    """Let the browser's debugger deliver a message to a worker; return what it shows."""
    session = house.context.new_cdp_session(page)
    ids: dict[str, str] = {}

    def note(event: Any) -> None:
        ids.update({each["scopeURL"]: each["registrationId"] for each in event["registrations"]})

    session.on("ServiceWorker.workerRegistrationUpdated", note)
    session.send("ServiceWorker.enable")
    is_ready = "navigator.serviceWorker.ready.then(() => true)"
    # Each look at the page also lets the browser tell what happened.
    eventually(lambda: page.evaluate(is_ready) and scope in ids)
    message = {"origin": house.url, "registrationId": ids[scope], "data": text}
    shown = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
                 .map((each) => [each.title, each.body, each.tag])"""
    found: list[list[str]] = []

    def is_shown() -> bool:
        # One that comes before the browser has stored the worker is lost without a word; a second
        # one takes the place of the first, which has the same tag.
        session.send("ServiceWorker.deliverPushMessage", message)
        found[:] = page.evaluate(shown)
        return bool(found)

    eventually(is_shown)
    return found


def test_without_a_connection_a_child_reads_what_held_and_only_while_it_may(
    house: TrustedHouse,
) -> None:
    """The last test of the file: it ends the program."""
    page = house.context.new_page()
    page.goto(f"{house.url}/")
    worked(page)
    wait_for_kept(page, "/", "/offline/empty")  # not linked yet: nothing of hers
    page.get_by_role("button", name="This is my device: show me").click()
    wait_for_kept(page, "/", "/offline", "/offline/empty")

    page.goto(f"{house.url}/")
    page.get_by_role("link", name="Messages from copdns").click()
    page.get_by_text("Notifications are for the browser of your own device").or_(
        page.get_by_text("On your home screen")
    ).first.wait_for()
    assert_accessible(Device(page, house.way))
    page.goto(f"{house.url}/")

    house.program.process.kill()
    house.program.process.wait()
    reply = page.goto(f"{house.url}/rules")
    assert reply is not None
    assert reply.status == 503
    assert "What this page said on" in page.inner_text("main")
    assert_accessible(Device(page, house.way))
    assert not has_word(page.inner_text("body"), "Mia")
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") != "0px"

    page.evaluate(  # the moment until which it held is over
        """async () => {
             const kept = await caches.open("copdns /"), old = await kept.match("/offline");
             const headers = new Headers(old.headers);
             headers.set("Copdns-Until", "1");
             await kept.put("/offline", new Response(await old.text(), { headers }));
           }"""
    )
    page.goto(f"{house.url}/")
    assert "This page is not working right now" in page.inner_text("main")
    assert "What this page said on" not in page.inner_text("main")
    page.close()
