"""Devices away from home, by a token: as clients that are not ours ask, and what stays unknown."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import dns.message
import pytest

from copdns.model.device_tokens import https_address, tls_name
from tests.conftest import find_tool, missing
from tests.e2e.attackers import eventually
from tests.e2e.test_unbound import FAMILY, MIA, authority, unbound
from tests.e2e.visitor import Visitor, set_up
from tests.encrypted_server import NAME, Certificate, make_certificate
from tests.running import PATIENCE, Program, free_port, running
from tests.unit import certificates

pytestmark = pytest.mark.tools

HERE = "127.0.0.1"
ELSEWHERE = "127.0.77.77"  # where the device is, which nobody is to learn
BLOCKED, FREE = "games.example", "school.example"
WRONG = "a" * 26


class Public(NamedTuple):
    """A copdns whose encrypted ports are open to everyone, and its data folder."""

    program: Program
    tls: int
    https: int
    quic: int
    certificate: Certificate
    data: Path

    def make_token(self, device: str) -> dict[str, str]:
        done = self.program.command("device", "token", "add", device, "--json")
        assert done.returncode == 0, done.stderr
        made: dict[str, str] = json.loads(done.stdout)
        return made

    def kdig(self, *words: str, name: str = NAME) -> subprocess.CompletedProcess[str]:
        trust = [f"+tls-ca={self.certificate.path}", f"+tls-hostname={name}"]
        source = ["-b", ELSEWHERE, "+timeout=5", "+retry=0"]
        where = [f"@{HERE}", *source, *words, *trust]
        return subprocess.run(
            [find_tool("kdig"), *where, "+edns", FREE, "A", BLOCKED, "A"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def over_tls(self, token: str) -> subprocess.CompletedProcess[str]:
        return self.kdig("-p", str(self.tls), "+tls", name=tls_name(NAME, token))

    def over_quic(self, token: str) -> subprocess.CompletedProcess[str]:
        return self.kdig("-p", str(self.quic), "+quic", name=tls_name(NAME, token))

    def over_https(self, path: str) -> subprocess.CompletedProcess[str]:
        return self.kdig("-p", str(self.https), f"+https={path}")


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    folder = tmp_path_factory.mktemp("public")
    (folder / "family.yaml").write_text(json.dumps(FAMILY))
    made = make_certificate(folder)
    if find_spec("aioquic") is None:
        missing("needs aioquic, which make installs for tests")
    tls, https, quic = free_port(), free_port(), free_port()
    settings = {
        "household": "family.yaml",
        "rebinding": {"enabled": False},
        "encrypted": {
            "tls_port": tls,
            "https_port": https,
            "quic_port": quic,
            "name": NAME,
            "public": True,
            "certificate": str(made.path),
            "key": str(made.path),
        },
    }
    with ExitStack() as stack:
        upstream = stack.enter_context(unbound(folder / "upstream", *authority(folder)))
        program = stack.enter_context(running(folder, settings, upstreams=[upstream]))
        yield Public(program, tls, https, quic, made, folder)


def is_mias(done: subprocess.CompletedProcess[str]) -> bool:
    """Tell whether what is allowed came, and what is blocked for Mia did not."""
    said = done.stdout + done.stderr
    return "127.0.0.2" in said and "EDE: 17 (Filtered)" in said


def test_a_device_is_known_by_name_and_by_path_and_nobody_else_is_answered(public: Public) -> None:
    token = public.make_token("tablet")
    assert token["tls_name"] == tls_name(NAME, token["secret"])
    assert token["https_address"] == https_address(NAME, public.https, token["secret"])
    path = f"/dns-query/{token['secret']}"
    eventually(lambda: is_mias(public.over_tls(token["secret"])))
    assert is_mias(public.over_https(path))
    assert is_mias(public.over_quic(token["secret"]))
    refused = [
        public.over_quic(WRONG),
        public.over_tls(WRONG),
        public.kdig("-p", str(public.tls), "+tls"),
    ]
    refused += [public.over_https(each) for each in ("/dns-query", f"/dns-query/{WRONG}")]
    for done in refused:
        assert "127.0.0.2" not in done.stdout
        assert "HEADER" not in done.stdout


def wait_for_end(connection: ssl.SSLSocket) -> None:
    """Read until the other side ends the connection; TimeoutError where it does not."""
    with suppress(ConnectionError, ssl.SSLError):
        while connection.recv(4096):
            pass


def test_a_revoked_token_ends_its_open_connections(public: Public) -> None:
    token = public.make_token("phone")
    name = tls_name(NAME, token["secret"])
    eventually(lambda: "127.0.0.2" in public.over_tls(token["secret"]).stdout)
    context = ssl.create_default_context(cafile=str(public.certificate.path))
    with (
        socket.create_connection((HERE, public.tls), PATIENCE, (ELSEWHERE, 0)) as sock,
        context.wrap_socket(sock, server_hostname=name) as connection,
    ):
        query = dns.message.make_query(FREE, "A").to_wire()
        connection.sendall(len(query).to_bytes(2, "big") + query)
        assert connection.recv(2) != b""
        done = public.program.command("device", "token", "revoke", "phone", token["token"])
        assert done.returncode == 0, done.stderr
        wait_for_end(connection)
    assert "HEADER" not in public.over_tls(token["secret"]).stdout


def test_where_a_token_was_used_is_told_to_nobody(public: Public) -> None:
    """No page, log, event, metric, file or backup has the address, or whether it is at home."""
    token = public.make_token("tablet")
    eventually(lambda: is_mias(public.over_tls(token["secret"])))
    for path in ("/metrics", "/readyz", "/"):
        assert ELSEWHERE not in public.program.get(path)
    backup = public.data / "a.backup"
    assert public.program.command("backup", str(backup)).returncode == 0
    for words in (("log", "--json"), ("device", "list", "--json"), ("device", "unknown", "--json")):
        assert ELSEWHERE not in public.program.command(*words).stdout
    shown = ELSEWHERE.encode()
    packed = socket.inet_aton(ELSEWHERE)
    for file in public.data.rglob("*"):
        if file.is_file():
            octets = file.read_bytes()
            assert shown not in octets, file
            assert packed not in octets, file
    assert shown not in b"".join(public.program.output._parts)
    log = json.loads(public.program.command("log", "--json").stdout)
    assert {each["profile"] for each in log if each["name"] == BLOCKED} == {"mia"}


@pytest.mark.parametrize("port", ["tls", "https"])
def test_a_server_name_that_is_no_text_is_refused_and_told_nobody(
    public: Public, port: str
) -> None:
    context = ssl.create_default_context(cafile=str(public.certificate.path))
    name = f"{'q' * 26}.{NAME}"
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    assert hello.count(b"q" * 26) == 1
    with socket.create_connection((HERE, getattr(public, port)), PATIENCE) as sock:
        sock.sendall(hello.replace(b"q" * 26, b"q" * 24 + b"\xff\xfe"))
        answer = sock.recv(4096)
        assert answer[:1] == b"\x15"  # an alert (RFC 8446 section 6)
        assert sock.recv(4096) == b""
    right = public.make_token("phone")["secret"]  # others go on, and the log has what came before
    eventually(lambda: "127.0.0.2" in public.over_tls(right).stdout)
    assert "qqqq" not in b"".join(public.program.output._parts).decode()


def test_a_restart_ends_what_is_shown_of_a_token_and_not_the_token(tmp_path: Path) -> None:
    """Within its ten minutes: pages and files are gone, kindly, and the device goes on."""
    (tmp_path / "family.yaml").write_text(json.dumps(FAMILY))
    begin = datetime.now(UTC) - timedelta(days=1)
    own = certificates.server(names=(certificates.NAME, f"*.{certificates.NAME}"), begin=begin)
    (tmp_path / "known.pem").write_bytes(certificates.root().pem)
    (tmp_path / "dns.pem").write_bytes(own.pem + certificates.between().pem)
    (tmp_path / "dns.key").write_bytes(own.key_pem)
    encrypted = {
        "tls_port": free_port(),
        "https_port": free_port(),
        "name": certificates.NAME,
        "public": True,
        "certificate": str(tmp_path / "dns.pem"),
        "key": str(tmp_path / "dns.key"),
    }
    settings = {"household": "family.yaml", "encrypted": encrypted}
    environment = {"SSL_CERT_FILE": str(tmp_path / "known.pem")}
    ada, mia = Visitor(HERE), Visitor(MIA)
    with running(tmp_path, settings, environment=environment) as program:
        set_up(program, ada)
        sent = ada.send(program, "/guardian/devices/tablet/away", read="on", off_at_home="on")
        assert sent.status == 303, sent.text
        code = sent.location.rpartition("/")[2]
        paths = [(ada, sent.location), (ada, f"{sent.location}/policies.json")]
        paths += [(mia, f"/device/away/{code}"), (mia, f"/device/away/{code}/policies.json")]
        pages = [who.open(program, path) for who, path in paths]
        assert [each.status for each in pages] == [200] * 4
        found = re.search(
            rf"https://{certificates.NAME}:[0-9]+/dns-query/([a-z2-7]{{26}})", pages[0].text
        )
        assert found
        assert all(found[1] in each.text for each in pages)
        assert program.stop()[0] == 0
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert found[1].encode() not in file.read_bytes(), file
    with running(tmp_path, settings, environment=environment) as program:
        pages = [who.open(program, path) for who, path in paths]
        assert [each.status for each in pages] == [404] * 4
        assert "or until copdns was started again" in pages[0].text  # who is still logged in
        assert "Ask for a new one" in pages[2].text
        devices = ada.open(program, "/guardian/devices").text
        assert "/guardian/devices/tablet/tokens/" in devices
        done = subprocess.run(
            [
                *(find_tool("kdig"), f"@{HERE}", "-b", ELSEWHERE, "+timeout=5", "+retry=0"),
                *("-p", str(encrypted["https_port"]), f"+https=/dns-query/{found[1]}"),
                *(f"+tls-ca={tmp_path / 'known.pem'}", f"+tls-hostname={certificates.NAME}"),
                *("+edns", BLOCKED, "A"),
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "EDE: 17 (Filtered)" in done.stdout, done.stdout + done.stderr
        again = ada.send(program, "/guardian/devices/tablet/away", read="on", off_at_home="on")
        assert ada.open(program, again.location).status == 200


def test_doctor_says_that_strangers_get_nothing(public: Public) -> None:
    done = public.program.command("doctor")
    said = done.stdout
    for port in (public.tls, public.https):
        answers = f"port {port} (encrypted): answers only devices with a token, at home too"
        assert answers in said, done.stderr
    assert f"port {public.quic} (encrypted): copdns answers" in said  # QUIC is spoken there
    assert "answers without a token" not in said
