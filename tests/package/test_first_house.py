"""From a bare Debian to a household whose protection was checked: two commands, and the setup.

The box is in a network of its own, with a child's tablet at the other end of the cable.  The
program runs there with the rights that its unit gives it, on the ports that it has at home.
Whoever sets it up sits at the box, and sends each form of the setup as a browser does.  In place of
the lists of others it fetches one of ours, which has as many names as all of those together.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from html import unescape
from http.client import HTTPConnection, HTTPSConnection
from http.cookies import SimpleCookie
from pathlib import Path
from time import monotonic
from urllib.parse import urlencode

import dns.message
import dns.query
import pytest

from tests.e2e.house import eventually
from tests.e2e.network import BOX4, Network, network
from tests.e2e.visitor import PASSWORD
from tests.list_server import list_server
from tests.package.conftest import Packages, copy_of, run_in
from tests.replies import ede_of
from tests.running import upstream

PATIENCE = 120.0
NAMES = 600_000  # as docs/lists.md has it of all lists that are used as soon as they are needed
NOT_YET = "Not fully protected yet"
TABLET, TABLET_MAC = "192.168.77.50", "02:00:00:00:00:08"
USER = "64053"  # as one that systemd makes for the time that the unit runs
RIGHT = "net_bind_service"  # of the unit

pytestmark = pytest.mark.tools


class Browser:
    """Opens pages of the box over HTTPS, or of the child over HTTP, from one of the namespaces."""

    def __init__(self, home: Network, where: str) -> None:
        self._home = home
        self._where = where
        self._cookies: dict[str, str] = {}

    def open(self, path: str, *, host: str = BOX4, secure: bool = True) -> str:
        return self._follow("GET", path, host, secure)

    def send(self, path: str, **fields: str) -> str:
        return self._follow("POST", path, BOX4, True, urlencode(fields))

    def _follow(self, method: str, path: str, host: str, secure: bool, body: str = "") -> str:
        headers = {
            "Accept": "text/html",
            "Cookie": "; ".join(f"{key}={value}" for key, value in self._cookies.items()),
            "Origin": f"https://{BOX4}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        with closing(self._connect(host, secure)) as connection:
            connection.request(method, path, body or None, headers)
            reply = connection.getresponse()
            page = unescape(reply.read().decode())
        for each in reply.headers.get_all("Set-Cookie", []):
            self._cookies |= {key: found.value for key, found in SimpleCookie(each).items()}
        if reply.status == 303:
            return self._follow("GET", reply.headers["Location"], host, secure)
        assert reply.status == 200, page
        return page

    def _connect(self, host: str, secure: bool) -> HTTPConnection:
        sock = self._home.stream(self._where)
        sock.settimeout(PATIENCE)
        sock.connect((BOX4, 443 if secure else 80))
        connection: HTTPConnection
        if secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = HTTPSConnection(host)
            connection.sock = context.wrap_socket(sock)
        else:
            connection = HTTPConnection(host)
            connection.sock = sock
        return connection


@pytest.fixture
def home() -> Iterator[Network]:
    with network(TABLET_MAC) as made:
        made.give(f"{TABLET}/24")
        yield made


@contextmanager
def serving(root: Path, home: Network) -> Iterator[None]:
    """Run the program in the box as its unit does, and wait until it says that it is ready."""
    data = root / "var" / "lib" / "copdns"
    subprocess.run(["install", "-d", "-m", "700", "-o", USER, "-g", USER, data], check=True)
    rights = [f"--{each}=-all,+{RIGHT}" for each in ("inh-caps", "ambient-caps", "bounding-set")]
    user = [f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", *rights]
    run = ["copdns", "-c", "/etc/copdns/copdns.yaml", "--data", "/var/lib/copdns", "run"]
    ear = root / "run" / "notify"
    with (
        list_server(home.stream(home.box)) as lists,
        upstream(home.datagrams()) as port,
        closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as heard,
    ):
        heard.bind(str(ear))
        ear.chmod(0o666)
        heard.settimeout(PATIENCE)
        names = "".join(f"name-{number}.listed.example\n" for number in range(NAMES))
        own = {"slug": "many", "url": lists.put("/many", names), "category": "adult"}
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "NOTIFY_SOCKET": "/run/notify",
            "COPDNS_SOURCES__USE": "none",
            "COPDNS_SOURCES__OWN": json.dumps([own | {"format": "domains", "match": "subtree"}]),
            "COPDNS_UPSTREAMS__SERVERS": f'["127.0.0.1:{port}"]',
        }
        # In a view of files that ends with it.
        there = ["sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', root]
        words = [*home.prefix(home.box), *there, "setpriv", *user, *run]
        with subprocess.Popen(words, env=environment) as process:
            try:
                while b"READY=1" not in heard.recv(4096):
                    assert process.poll() is None, "it ended before it was ready"
                yield
                process.terminate()
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()


def asked(home: Network, name: str) -> dns.message.Message:
    """Ask from the tablet."""
    query = dns.message.make_query(name, "A", use_edns=0)
    with home.datagrams(home.tablet) as sock:
        sock.setblocking(False)
        return dns.query.udp(query, BOX4, PATIENCE, sock=sock)


def test_two_commands_and_the_setup_protect_a_house(
    bare: Path, packages: Packages, home: Network, capfd: pytest.CaptureFixture[str]
) -> None:
    ada, mia = Browser(home, home.box), Browser(home, home.tablet)
    with copy_of(bare) as root:
        (root / "tmp" / "copdns.deb").write_bytes(packages.after.read_bytes())
        began = monotonic()
        run_in(root, "apt-get", "update")
        run_in(root, "apt-get", "install", "--yes", "/tmp/copdns.deb")
        installed = monotonic()
        with serving(root, home):
            ready = monotonic()
            found = re.search(r"\b\w{4}-\w{4}\b", run_in(root, "copdns", "account", "code"))
            assert found
            set_up(ada, found[0])
            done = monotonic()
            check(home, mia, ada)
            checked = monotonic()
            for name in ("roblox.com", f"name-{NAMES - 1}.listed.example"):
                assert ede_of(asked(home, name)) is not None
            assert asked(home, "open.example").answer
            assert asked(home, "childline.org.uk").answer
    figures = zip(
        ("installing", "starting", "account and setup", "checks"),
        (began, installed, ready, done),
        (installed, ready, done, checked),
        strict=True,
    )
    parts = ", ".join(f"{what} {end - start:.1f} s" for what, start, end in figures)
    with capfd.disabled():
        print(f"\nFrom a bare Debian to a protected house: {checked - began:.1f} s ({parts})")


def set_up(ada: Browser, code: str) -> None:
    """Make the account, and go through all steps of the setup, with one child and one device."""
    ada.send("/guardian/setup", code=code, name="Ada", password=PASSWORD, again=PASSWORD)
    assert NOT_YET in ada.open("/guardian/wizard")
    step = "/guardian/wizard/{}".format
    ada.send(step("place"), name="Example family", timezone="Europe/London", country="GB")
    ada.send(step("school"), names="")
    ada.send(step("children"), add="1", name="Mia", band="7-9")
    assert f'<bdi class="code">{BOX4}</bdi>' in ada.send(step("children"), name="")
    ada.send(step("router"))
    ada.send(step("devices"), known=TABLET_MAC, profile="mia", name="Mia's tablet")
    ada.send(step("devices"))
    ada.send(step("helplines"))
    assert "The setup is done." in ada.send(step("door"))


def check(home: Network, mia: Browser, ada: Browser) -> None:
    """Open the check on the tablet, look at it on the dashboard, and answer what the machine, with
    the rights of its unit, cannot find out: what else the router hands out."""
    page = mia.open("/protection", secure=False)
    names = set(re.findall(r"http://([\w-]+\.probe\.home\.arpa)/", page))
    (code,) = {each.partition("-")[0] for each in names}
    for name in names:
        assert asked(home, name).answer
        mia.open(f"/protection/dot/{code}", host=name, secure=False)
    assert "uses your home filter" in mia.open(f"/protection/{code}", secure=False)
    assert NOT_YET in ada.send("/guardian/checks")
    ada.send("/guardian/checks/confirm")
    eventually(lambda: NOT_YET not in ada.send("/guardian/checks"), PATIENCE)  # the list is there
    assert NOT_YET not in ada.open("/guardian/")
