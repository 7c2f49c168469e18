"""Two children of one line with opposite rules: what the road of a provider tells apart, and what
it does not."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import dns.edns
import dns.message
import dns.query
import psycopg
import pytest

from copdns.model.device_tokens import token_digest, token_text
from copdns.model.household import Band, Device, Household, Profile
from copdns.server.forwarders import OPTION_MAC
from copdns.store.household_db.provider import open_provider
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.heard_rows import HeardRows
from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.plane import told
from tests.e2e.provider_nodes import (
    BLOCKED,
    DATING,
    HELP,
    OPEN,
    STRANGER,
    ProviderNode,
    provider_node,
    session,
)
from tests.e2e.test_provider import postgres, server  # noqa: F401 - fixtures
from tests.encrypted_server import make_certificate
from tests.household import block
from tests.postgres_server import PostgresServer
from tests.running import PATIENCE, free_port

pytestmark = pytest.mark.tools

NAME = "dns.provider.example"
ADA, BO = "127.0.0.21", "127.0.0.22"  # lines of two families; Ada's has two addresses
NO_ROUTER = "127.0.0.41"  # where no router tells MAC addresses
AWAY = "127.0.0.200"  # in nobody's network here, such as mobile data of another provider
MIA, TOM, BOS, WRONG = (token_text(bytes([each] * 16)) for each in range(4))
MACS = {"tom": "02:00:00:00:00:02", "mia": "02:00:00:00:00:01"}
TOMS = "NOERROR 17 rule: film.example"
LINES = "NOERROR 17 rule: hall.example"


def ada() -> Household:
    """Mia's rules block what Tom's allow, and the other way round; the line has its own."""
    mia = Profile("mia", "Mia", Band.TO_9, categories=frozenset({"dating"}))
    return Household(
        "ada",
        "Home",
        guest="hall",
        profiles=(mia, Profile("tom", "Tom", Band.TO_15), Profile("hall", "Hall", Band.ADULT)),
        rules=(
            replace(block("film.example", "tom"), id="film"),
            replace(block("hall.example", "hall"), id="hall"),
        ),
        devices=(
            Device("tablet", "Tablet", "mia", (), (MACS["mia"],), tokens=(token_digest(MIA),)),
            Device("phone", "Phone", "tom", (), (MACS["tom"],), tokens=(token_digest(TOM),)),
        ),
    )


def bo() -> Household:
    """Nothing is blocked there, so that its token would open all at Ada's."""
    device = Device("laptop", "Laptop", "bo", (), tokens=(token_digest(BOS),))
    return Household(
        "bo", "Home", profiles=(Profile("bo", "Bo", Band.ADULT),), guest="bo", devices=(device,)
    )


@dataclass
class Encrypted:
    node: ProviderNode
    tls: int
    https: int

    def by_path(self, name: str, token: str, source: str) -> str:
        """Ask over HTTPS with a token; token: "" for none."""
        query = dns.message.make_query(name, "A", use_edns=0)
        path = f"/dns-query/{token}" if token else "/dns-query"
        at = {"port": self.https, "path": path, "source": source, "timeout": PATIENCE}
        return told(dns.query.https(query, "127.0.0.1", verify=False, **at))  # type: ignore[arg-type]

    def by_name(self, name: str, token: str, source: str) -> str:
        """Ask over TLS with a token in the server's name; token: "" for none."""
        query = dns.message.make_query(name, "A", use_edns=0)
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        at = {"port": self.tls, "source": source, "timeout": PATIENCE, "ssl_context": trust}
        asked = f"{token}.{NAME}" if token else NAME
        return told(dns.query.tls(query, "127.0.0.1", server_hostname=asked, **at))  # type: ignore[arg-type]

    def by_mac(self, name: str, mac: str, source: str) -> str:
        """Ask as a router does that adds the MAC address of the device."""
        kind = dns.edns.OptionType.make(OPTION_MAC)
        option = dns.edns.GenericOption(kind, bytes.fromhex(mac.replace(":", "")))
        query = dns.message.make_query(name, "A", use_edns=0, options=[option])
        at = {"port": self.node.port, "source": source, "timeout": PATIENCE}
        return told(dns.query.udp(query, "127.0.0.1", **at))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def encrypted(
    tmp_path_factory: pytest.TempPathFactory,
    server: PostgresServer,  # noqa: F811
) -> Iterator[Encrypted]:
    with closing(psycopg.connect(server.conninfo, autocommit=True)) as connection:
        connection.execute("drop schema if exists copdns cascade")
    with open_provider(server.conninfo) as store:
        for each in (ada(), bo()):
            asyncio.run(store.create(each, "test", 1))
    folder = tmp_path_factory.mktemp("encrypted")
    tls, https = free_port(), free_port()
    certificate = str(make_certificate(folder).path)
    more = {
        "COPDNS_NODE__TLS_LISTEN": f'["127.0.0.1:{tls}"]',
        "COPDNS_NODE__HTTPS_LISTEN": f'["127.0.0.1:{https}"]',
        "COPDNS_NODE__CERTIFICATE": certificate,
        "COPDNS_NODE__KEY": certificate,
        "COPDNS_NODE__ENCRYPTED_NAME": NAME,
        "COPDNS_NODE__MAC_NETWORKS": '["127.0.0.16/28"]',
        "COPDNS_NODE__NETWORKS": '["127.0.0.0/25"]',
        "COPDNS_NODE__PUBLIC": "true",
        "COPDNS_DNS__FORWARDERS": json.dumps(
            [{"network": "127.0.0.1", "proxy": True, "mac": True}]
        ),
    }
    with provider_node(folder, server, more=more) as node:
        lines = [{"line": "l1", "household": "ada"}, {"line": "l2", "household": "bo"}]
        assert node.tell("/v1/lines", lines) == 204
        both = {**session("l1", ADA), "addresses": [ADA, NO_ROUTER]}
        assert node.tell("/v1/sessions", [both, session("l2", BO)]) == 204
        eventually(lambda: node.ask("hall.example", ADA) == LINES)
        yield Encrypted(node, tls, https)


def test_a_child_with_a_token_has_rules_of_their_own_and_the_line_those_of_all(
    encrypted: Encrypted,
) -> None:
    asked = DATING, "film.example", "hall.example"
    assert [encrypted.by_path(each, MIA, ADA) for each in asked] == [BLOCKED, OPEN, OPEN]
    assert [encrypted.by_name(each, TOM, ADA) for each in asked] == [OPEN, TOMS, OPEN]
    assert [encrypted.by_path(each, "", ADA) for each in asked] == [OPEN, OPEN, LINES]
    assert [encrypted.node.ask(each, ADA) for each in asked] == [OPEN, OPEN, LINES]
    command = [find_tool("kdig"), "@127.0.0.1", "-p", str(encrypted.https), "-b", ADA]
    path = f"+https=/dns-query/{TOM.upper()}"
    done = subprocess.run(
        [*command, path, "film.example"], capture_output=True, text=True, check=True
    )
    assert "rule: film.example" in done.stdout


def test_a_token_counts_on_a_line_of_nobody_and_not_on_that_of_another_family(
    encrypted: Encrypted,
) -> None:
    assert encrypted.node.ask(DATING, STRANGER) == OPEN
    assert encrypted.by_path(DATING, MIA, STRANGER) == BLOCKED
    assert encrypted.by_name("film.example", TOM, STRANGER) == TOMS
    # Nothing is blocked for Bo's laptop, and at Ada's it is as any device there.
    assert encrypted.by_path("hall.example", BOS, STRANGER) == OPEN
    assert encrypted.by_path("hall.example", BOS, ADA) == LINES
    assert encrypted.by_name("film.example", TOM, BO) == OPEN


def test_a_device_with_a_token_has_its_rules_on_mobile_data_and_nothing_else_is_answered_there(
    encrypted: Encrypted,
) -> None:
    asked = DATING, "film.example", "hall.example"
    assert [encrypted.by_path(each, MIA, AWAY) for each in asked] == [BLOCKED, OPEN, OPEN]
    assert [encrypted.by_name(each, TOM, AWAY) for each in asked] == [OPEN, TOMS, OPEN]
    assert encrypted.by_path(HELP, WRONG, AWAY) == OPEN  # of a token that was revoked just now
    for name in ("film.example", HELP):
        with pytest.raises(ValueError, match="404"):
            encrypted.by_path(name, "", AWAY)
        with pytest.raises((EOFError, OSError)):
            encrypted.by_name(name, "", AWAY)
        query = dns.message.make_query(name, "A")
        at = {"port": encrypted.node.port, "source": AWAY, "timeout": PATIENCE}
        with pytest.raises((EOFError, OSError)):
            dns.query.tcp(query, "127.0.0.1", **at)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="404"):
        encrypted.by_path("film.example", WRONG, AWAY)
    # By UDP: what dnsdist answers from its cache, it would have answered before the next question.
    assert encrypted.node.ask("open.example", STRANGER) == OPEN
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((AWAY, 0))
        sock.sendto(
            dns.message.make_query("open.example", "A", use_edns=0).to_wire(),
            ("127.0.0.1", encrypted.node.port),
        )
        assert encrypted.node.ask("open.example", STRANGER) == OPEN
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(4096)


def test_a_token_that_nobody_has_gets_no_answer_but_about_help(encrypted: Encrypted) -> None:
    assert encrypted.by_path(HELP, WRONG, ADA) == OPEN
    with pytest.raises(ValueError, match="404"):
        encrypted.by_path("film.example", WRONG, ADA)
    with pytest.raises((EOFError, OSError)):
        encrypted.by_name("film.example", WRONG, ADA)


def test_a_mac_address_counts_where_a_router_tells_it(encrypted: Encrypted) -> None:
    assert encrypted.by_mac("film.example", MACS["tom"], ADA) == TOMS
    assert encrypted.by_mac(DATING, MACS["mia"], ADA) == BLOCKED
    assert encrypted.by_mac("hall.example", MACS["tom"], ADA) == OPEN
    assert encrypted.by_mac("hall.example", MACS["tom"], NO_ROUTER) == LINES
    assert encrypted.by_mac("film.example", MACS["tom"], BO) == OPEN


def test_which_devices_are_told_apart_is_measured(
    encrypted: Encrypted,
    server: PostgresServer,  # noqa: F811
) -> None:
    assert encrypted.by_path(DATING, MIA, AWAY) == BLOCKED
    assert encrypted.by_mac("film.example", MACS["tom"], ADA) == TOMS
    with closing(PostgresPool(server.conninfo, most=1)) as pool:
        rows, today = HeardRows(pool), int(time.time()) // 86_400
        eventually(lambda: rows.of("ada", today).keys() == {"tablet", "phone"})
        assert rows.of("ada", today + 8) == {}
        assert "tablet" not in rows.of("bo", today)


def test_a_token_is_revoked_within_a_second(encrypted: Encrypted) -> None:
    made = json.loads(encrypted.node.command("ada", "device", "token", "add", "phone", "--json"))
    at = f"https://{NAME}:{encrypted.https}/dns-query/{made['secret']}"
    assert (made["https_address"], made["tls_name"]) == (at, f"{made['secret']}.{NAME}")

    def is_known() -> bool:
        try:
            return encrypted.by_path("film.example", made["secret"], ADA) == TOMS
        except ValueError:
            return False

    eventually(is_known)
    encrypted.node.command("ada", "device", "token", "revoke", "phone", made["token"])
    assert eventually(lambda: not is_known()) < 1.0
    assert encrypted.by_path("film.example", TOM, ADA) == TOMS
