"""Who shows dnsdist two tokens, another one than before, a forged sender, or too much at once."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
from contextlib import suppress
from ipaddress import ip_address

import dns.message
import dns.query
import pytest

from copdns.model.device_tokens import token_text
from copdns.provider.plane.dnsdist import CONNECTION_RATE
from copdns.provider.plane.road import HOUSEHOLD_TLV
from tests.e2e.plane import told
from tests.e2e.provider_nodes import BLOCKED, DATING, OPEN, STRANGER
from tests.e2e.test_device_at_provider import (
    ADA,
    AWAY,
    LINES,
    MIA,
    NAME,
    TOM,
    TOMS,
    WRONG,
    Encrypted,
    encrypted,  # noqa: F401 - a fixture
)
from tests.e2e.test_provider import postgres, server  # noqa: F401 - fixtures
from tests.running import COPDNS, PATIENCE

pytestmark = pytest.mark.tools

FLOODING = "127.0.0.201"  # as AWAY, and of nobody else


def by_both(at: Encrypted, name: str, host: str, path: str, source: str = AWAY) -> str:
    """Ask over HTTPS.  host: the server's name; path: what stands behind the usual path."""
    query = dns.message.make_query(name, "A", use_edns=0)
    url = f"https://{host}:{at.https}/dns-query{path}"
    options = {"bootstrap_address": "127.0.0.1", "source": source, "timeout": PATIENCE}
    return told(dns.query.https(query, url, verify=False, **options))  # type: ignore[arg-type]


def test_of_two_tokens_the_one_in_the_path_counts_and_a_wrong_one_is_not_made_up_for(
    encrypted: Encrypted,  # noqa: F811
) -> None:
    """Mia may not date, and Tom may not see the film."""
    toms = f"{TOM}.{NAME}"
    assert by_both(encrypted, "film.example", toms, "") == TOMS
    assert by_both(encrypted, DATING, toms, f"/{MIA}") == BLOCKED
    assert by_both(encrypted, "film.example", toms, f"/{MIA}") == OPEN
    for host, path in ((toms, f"/{WRONG}"), (f"{WRONG}.{NAME}", ""), (NAME, "")):
        with pytest.raises(ValueError, match="404"):
            by_both(encrypted, "film.example", host, path)


@pytest.mark.parametrize(
    "path", ["/{}/", "//{}", "/{}x", "/x/{}", "{}", "/{}%00", "/%2f{}", "/.{}"]
)
def test_what_is_nearly_a_token_is_none(encrypted: Encrypted, path: str) -> None:  # noqa: F811
    with pytest.raises(ValueError, match="404"):
        by_both(encrypted, "film.example", NAME, path.format(TOM))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_that_would_be_resumed_has_the_token_of_its_new_connection(
    encrypted: Encrypted,  # noqa: F811
    version: ssl.TLSVersion,
) -> None:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    trust.minimum_version = trust.maximum_version = version

    def ask(
        name: str, host: str | None, session: ssl.SSLSession | None = None
    ) -> tuple[str, ssl.SSLSession | None]:
        at = ("127.0.0.1", encrypted.tls)
        plain = socket.create_connection(at, PATIENCE, source_address=(AWAY, 0))
        with trust.wrap_socket(plain, server_hostname=host, session=session) as sock:
            query = dns.message.make_query(name, "A", use_edns=0)
            try:
                said = told(dns.query.tls(query, "127.0.0.1", PATIENCE, sock=sock))
            except (EOFError, OSError):
                said = "nothing"
            return said, sock.session

    said, session = ask(DATING, f"{MIA}.{NAME}")
    assert said == BLOCKED
    assert ask(DATING, f"{MIA}.{NAME}", session)[0] == BLOCKED
    assert ask(DATING, f"{TOM}.{NAME}", session)[0] == OPEN
    assert ask("film.example", f"{TOM}.{NAME}", session)[0] == TOMS
    for host in (f"{WRONG}.{NAME}", NAME, None):
        assert ask(DATING, host, session)[0] == "nothing"


def test_a_refusal_is_the_same_whatever_was_shown(encrypted: Encrypted) -> None:  # noqa: F811
    never, odd = token_text(bytes([99] * 16)), "x" * 200

    def refuse(shown: str) -> str:
        with pytest.raises(ValueError, match="404") as refused:
            by_both(encrypted, "film.example", NAME, shown)
        return str(refused.value).replace(shown, "")

    assert len({refuse(each) for each in (f"/{WRONG}", f"/{never}", f"/{odd}")}) == 1
    assert by_both(encrypted, "film.example", NAME, f"/{TOM}") == TOMS


def forged(source: str, is_stream: bool) -> bytes:
    """Return a PROXY header, of version 2, that names another sender and a household."""
    household = bytes([HOUSEHOLD_TLV]) + struct.pack("!H", 3) + b"ada"
    here = ip_address("127.0.0.1").packed
    ends = ip_address(source).packed + here + struct.pack("!HH", 5353, 53) + household
    begins = b"\r\n\r\n\x00\r\nQUIT\n\x21" + (b"\x11" if is_stream else b"\x12")
    return begins + struct.pack("!H", len(ends)) + ends


def test_a_forged_sender_brings_nobodys_rules(encrypted: Encrypted) -> None:  # noqa: F811
    """At dnsdist, which is open to all, and at copdns behind it, which knows dnsdist's address."""
    query = dns.message.make_query("hall.example", "A", use_edns=0).to_wire()
    home = encrypted.node.home.program.port
    for port, source in (
        (encrypted.node.port, STRANGER),
        (encrypted.node.port, AWAY),
        (home, AWAY),
    ):
        said = b""
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0)) as sock,
            suppress(OSError),
        ):
            sock.sendall(forged(ADA, True) + struct.pack("!H", len(query)) + query)
            sock.shutdown(socket.SHUT_WR)
            while more := sock.recv(4096):
                said += more
        assert LINES.partition(" 17 ")[2].encode() not in said
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            sock.bind((source, 0))
            sock.sendto(forged(ADA, False) + query, ("127.0.0.1", port))
            with suppress(OSError):
                said = sock.recv(4096)
        assert LINES.partition(" 17 ")[2].encode() not in said
    assert encrypted.node.ask("hall.example", ADA) == LINES


def test_who_opens_too_many_connections_opens_none_for_a_while_and_others_do(
    encrypted: Encrypted,  # noqa: F811
) -> None:
    assert encrypted.by_name("film.example", TOM, FLOODING) == TOMS
    with pytest.raises((EOFError, OSError)):  # noqa: PT012 - after one burst or another
        for _ in range(60):
            for _ in range(2 * CONNECTION_RATE):
                at = ("127.0.0.1", encrypted.tls)
                socket.create_connection(at, PATIENCE, (FLOODING, 0)).close()
            encrypted.by_name("film.example", TOM, FLOODING)
    assert encrypted.by_name("film.example", TOM, AWAY) == TOMS
    assert encrypted.node.ask("hall.example", ADA) == LINES


def test_a_second_agent_of_a_node_ends_and_says_why(encrypted: Encrypted) -> None:  # noqa: F811
    node = encrypted.node
    words = [*COPDNS, *map(str, node.home.program.options), "node", "run"]
    options = {"env": node.environment, "capture_output": True, "text": True, "timeout": PATIENCE}
    done = subprocess.run(words, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode != 0
    assert "another `copdns node run` writes these tables" in done.stderr
    assert node.ask("hall.example", ADA) == LINES
