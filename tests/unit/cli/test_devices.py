"""Tests of commands about devices that are recognised: `device unknown`, `check`, `doctor`."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from copdns.cli.commands import check
from copdns.cli.doctor import devices
from copdns.network.same_client import ALIKE
from copdns.network.unknown_devices import UnknownDevice
from copdns.store.log_db.unknown_devices import save_unknown_devices
from tests.unit.calling import Home

CARD, STRANGE = "02:00:00:00:00:08", "02:00:00:00:00:99"
DAY = 1_774_742_400  # 2026-03-29
VISITORS = (
    UnknownDevice("home", "u1", "", STRANGE, "192.0.2.99", "phone", DAY, DAY),
    UnknownDevice("home", "u2", "", "", "192.0.2.98", "", DAY, DAY),
    UnknownDevice("home", "u3", "tablet", "00:00:5e:00:53:01", "127.0.0.1", "", DAY, DAY),
    UnknownDevice("there", "u1", "", CARD, "192.0.2.97", "", DAY, DAY),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    set_up(made)
    save_unknown_devices(made.data, VISITORS)
    return made


def set_up(home: Home, port: int = 9, **sections: object) -> None:
    """Write settings by which nothing but loopback is asked.  port: of the web pages."""
    nobody = {"servers": ["127.0.0.1:9"]}
    home.set(upstreams=nobody, web={"listen": ["127.0.0.1"], "port": port}, **sections)


def sees(table: Mapping[str, str] | OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands see these neighbours instead of this machine's."""

    def read_once() -> Mapping[str, str]:
        if isinstance(table, OSError):
            raise table
        return table

    for module in (check, devices):
        monkeypatch.setattr(module, "read_table", read_once)


# --- device unknown -------------------------------------------------------------------------------


def test_unknown_devices_are_listed_with_what_helps_to_tell_them(home: Home) -> None:
    assert home.json("device", "unknown")[0] == {
        "id": "u1",
        "mac": STRANGE,
        "private": True,
        "address": "192.0.2.99",
        "name": "phone",
        "first": "2026-03-29T00:00:00Z",
        "last": "2026-03-29T00:00:00Z",
        "device": "",
    }
    lines = home.ok("device", "unknown").splitlines()
    assert len(lines) == 4
    assert lines[1].split() == ["u1", STRANGE, "yes", "192.0.2.99", "phone", "2026-03-29", "01:00"]
    assert lines[3].split()[-1] == "tablet"


def test_who_was_named_is_unknown_no_longer(home: Home) -> None:
    home.ok("device", "add", "handset", "--mac", STRANGE, "--profile", "tom")
    home.ok("device", "add", "radio", "192.0.2.98", "--profile", "ada")
    home.ok("device", "set", "tablet", "--mac", "00:00:5e:00:53:01")
    assert home.json("device", "unknown") == []


# --- check ----------------------------------------------------------------------------------------


def test_check_knows_a_client_as_the_running_copdns_does(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.ok("device", "set", "tablet", "--mac", CARD)
    asked = ("check", "games.example", "--client", "192.0.2.200")
    sees({"192.0.2.200": CARD}, monkeypatch)
    assert home.json(*asked)["device"] == "tablet"
    sees(PermissionError(errno.EPERM, "no"), monkeypatch)
    assert home.json(*asked)["device"] == ""


# --- doctor ---------------------------------------------------------------------------------------


def found(home: Home) -> list[tuple[str, str, str]]:
    said = json.loads(home.call("doctor", "--json").stdout)["findings"]
    return [
        (each["status"], each["what"], each["todo"])
        for each in said
        if each["about"] == "neighbours"
    ]


def test_the_doctor_counts_who_is_near_and_who_is_unknown(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    sees({"192.0.2.8": CARD, "2001:db8::8": CARD}, monkeypatch)
    assert found(home) == [
        ("ok", "1 MAC addresses seen on the network", ""),
        ("ok", "3 unknown devices; `copdns device unknown` lists them", ""),
    ]


def test_the_doctor_says_when_no_mac_can_be_seen(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    sees(PermissionError(errno.EPERM, "Operation not permitted"), monkeypatch)
    status, what, todo = found(home)[0]
    assert (status, what) == ("warn", "MAC addresses cannot be read: Operation not permitted")
    assert "identity.neighbours" in todo


def test_the_doctor_says_when_macs_are_written_and_not_read(home: Home) -> None:
    set_up(home, identity={"neighbours": "off"})
    assert found(home)[0] == ("ok", "MAC addresses are not read, as configured", "")
    home.ok("device", "set", "tablet", "--mac", CARD)
    assert found(home)[0][:2] == ("warn", "the MAC addresses of tablet are not read")


@contextmanager
def serving(text: str) -> Iterator[int]:
    """Serve a text under every path, as a running copdns would."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_the_doctor_repeats_what_the_running_copdns_warns_of(home: Home) -> None:
    with serving(f"ready\n{ALIKE} one address: do this\nlists are missing: do that\n") as port:
        set_up(home, port)
        assert found(home)[-1] == ("warn", f"{ALIKE} one address", "do this")
