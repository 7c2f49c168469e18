"""Encrypted upstreams that are not ours: unbound over TLS and HTTPS, and a clock that is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import NamedTuple

import pytest

from copdns.app.encrypted_upstreams import connect
from copdns.cli.doctor.upstreams import check_upstreams
from copdns.cli.home import Home
from copdns.dns import tls
from copdns.dns.connections import HostLookup
from copdns.dns.message import UpstreamResponse
from copdns.dns.records import A
from copdns.dns.upstream import UpstreamClient
from copdns.model.encrypted_addresses import server_address
from copdns.model.errors import NXDOMAIN
from copdns.settings.config import DnsSettings, Settings, UpstreamSettings
from tests.e2e.house import eventually
from tests.e2e.test_unbound import authority, unbound
from tests.encrypted_server import NAME, Certificate, make_certificate
from tests.fake_clock import clock_environment, set_ahead
from tests.replies import ede_of
from tests.running import PATIENCE, free_port, running

pytestmark = pytest.mark.tools

TXT = 16
TIME_SERVER = "time.cloudflare.com"


class Resolver(NamedTuple):
    """unbound, with its ports."""

    certificate: Certificate
    plain: int
    tls: int
    https: int


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resolver]:
    folder = tmp_path_factory.mktemp("encrypted")
    certificate = make_certificate(folder)
    over_tls, over_https = free_port(), free_port()
    server, clause = authority(folder)
    server += [
        f"interface: 127.0.0.1@{over_tls}",
        f"interface: 127.0.0.1@{over_https}",
        f"tls-port: {over_tls}",
        f"https-port: {over_https}",
        f'tls-service-key: "{certificate.path}"',
        f'tls-service-pem: "{certificate.path}"',
        'local-data: ". 300 NS ns.example."',
        f'local-zone: "{TIME_SERVER}" static',
        f'local-data: "{TIME_SERVER} 300 A 127.0.0.9"',
    ]
    with unbound(folder / "unbound", server, clause) as plain:
        yield Resolver(certificate, plain, over_tls, over_https)


def ask(
    upstreams: UpstreamClient, name: str, rtype: int = A
) -> asyncio.Future[UpstreamResponse | None]:
    came: asyncio.Future[UpstreamResponse | None] = asyncio.get_running_loop().create_future()
    upstreams.ask(HostLookup(name, rtype, came.set_result))
    return came


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize("scheme", ["tls", "https"])
async def test_unbound_answers_encrypted(resolver: Resolver, scheme: str) -> None:
    port = resolver.tls if scheme == "tls" else resolver.https
    upstreams = UpstreamClient(asyncio.get_running_loop())
    upstreams.connect = connect
    upstreams.configure({"": [server_address(f"{scheme}://{NAME}@127.0.0.1:{port}")]})
    try:
        asked = [ask(upstreams, f"{number}.example") for number in range(300)]
        school, large = ask(upstreams, "school.example"), ask(upstreams, "large.example", TXT)
        async with asyncio.timeout(PATIENCE):
            for each in asked:
                answer = await each
                assert answer is not None
                assert answer.rcode == NXDOMAIN
            answer = await school
            assert answer is not None
            assert set(answer.facts.addresses) == {b"\x7f\0\0\1", b"\x7f\0\0\2"}
            answer = await large
            assert answer is not None
            assert answer.section_counts[0] == 20
    finally:
        upstreams.close()


@pytest.fixture
def _trusted(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(resolver.certificate.path))
    tls.client_context.cache_clear()
    yield
    tls.client_context.cache_clear()


@pytest.mark.usefixtures("_trusted")
def test_doctor_says_whether_an_encrypted_upstream_answers_and_if_not_why(
    resolver: Resolver, tmp_path: Path
) -> None:
    good = [f"tls://{NAME}@127.0.0.1:{resolver.tls}", f"https://{NAME}@127.0.0.1:{resolver.https}"]
    bad = [f"tls://other.example@127.0.0.1:{resolver.tls}", f"tls://{NAME}@127.0.0.1:{free_port()}"]
    chosen = UpstreamSettings(servers=tuple(map(server_address, [*good, *bad])))
    home = Home(Settings(upstreams=chosen, data=str(tmp_path), dns=DnsSettings(listen=("::1",))))
    texts = [each.what for each in check_upstreams(home)]
    for server in good:
        assert any(text.startswith(f"{server} answers encrypted") for text in texts), texts
    assert any(text.startswith(bad[0]) and "other.example" in text for text in texts), texts
    assert any(text.startswith(bad[1]) and "Connect call failed" in text for text in texts), texts


def test_at_a_start_in_1970_the_time_is_found_and_then_all_else(
    resolver: Resolver, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    set_ahead(clock, -int(time()) + 86_400)
    environment = clock_environment(clock) | {
        "SSL_CERT_FILE": str(resolver.certificate.path),
        "COPDNS_UPSTREAMS__SERVERS": f'["tls://{NAME}@127.0.0.1:{resolver.tls}"]',
        "COPDNS_UPSTREAMS__BOOTSTRAP": f'["127.0.0.1:{resolver.plain}"]',
        "COPDNS_REBINDING__ENABLED": "false",
    }
    with running(tmp_path, environment=environment) as program:
        reply = program.ask(TIME_SERVER)
        assert [each.to_text() for each in reply.answer[0]] == ["127.0.0.9"]
        assert ede_of(reply) == (0, "the name of a time server, which is not validated")
        assert program.ask("school.example").rcode() == 2  # no certificate is valid in 1970
        set_ahead(clock, 0)
        # What failed is not asked for again within a second (RFC 9520).
        eventually(lambda: program.ask("school.example").rcode() == 0)
        reply = program.ask("school.example")
        assert len(reply.answer[0]) == 2
