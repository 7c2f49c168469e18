"""Upstreams over TLS and HTTPS: strictly checked, never in clear text, on few connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog.testing

from copdns.dns import stream_pool, tls
from copdns.dns.connections import BOOTSTRAP_ZONE
from copdns.dns.stream_pool import SILENCE
from copdns.dns.upstream_queries import SWEEP_INTERVAL
from copdns.model.addresses import Transport
from tests.encrypted_server import NAME, Certificate, EncryptedServer, make_certificate
from tests.unit.upstreams import ATTEMPT, FOUND, WWW, Asker, Make
from tests.upstream_server import UpstreamServer, authenticated, data, failing, silent

pytestmark = pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have this one certificate in the place of all the authorities of the system."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    monkeypatch.setenv("SSL_CERT_DIR", str(certificate.path.parent / "none"))
    tls.client_context.cache_clear()
    yield
    tls.client_context.cache_clear()


@pytest.fixture(params=[Transport.TLS, Transport.HTTPS])
async def dns(
    request: pytest.FixtureRequest, certificate: Certificate
) -> AsyncIterator[EncryptedServer]:
    async with EncryptedServer(certificate, request.param) as made:
        yield made


@pytest.fixture
async def dot(certificate: Certificate) -> AsyncIterator[EncryptedServer]:
    async with EncryptedServer(certificate) as made:
        yield made


def told(logs: list[dict[str, object]]) -> list[object]:
    return [each["error"] for each in logs if "error" in each]


# --- the usual case ----------------------------------------------------------------------------


async def test_a_question_is_answered_and_those_after_it_share_its_connection(
    dns: EncryptedServer, make: Make
) -> None:
    asker = make(dns)
    for number in range(3):
        assert await asker.ask(f"{number}.example").found() == (FOUND,)
    asked = [asker.ask(f"{number}.more.example") for number in range(150)]
    assert [await each.found() for each in asked] == [(FOUND,)] * 150
    assert asker.numbers() == (153, 0, 0)
    assert dns.connections <= 3
    assert asker.upstreams._pending == 0


async def test_what_is_asked_in_one_turn_is_answered_in_any_order(
    dns: EncryptedServer, make: Make
) -> None:
    asker = make(dns)
    await asker.ask().one()
    dns.hold()
    slow = asker.ask("slow.example")
    await dns.heard(2)
    held, dns._held = dns._held, None
    assert await asker.ask("quick.example").found() == (FOUND,)
    for send in held or []:
        send()
    assert await slow.found() == (FOUND,)


async def test_a_query_is_padded_in_its_own_letters_and_without_a_cookie(
    dns: EncryptedServer, make: Make
) -> None:
    asker = make(dns)
    for name in ("a.example", "a-name-that-is-much-longer-than-the-other.example"):
        await asker.ask(WWW._replace(qname=name, do=True)).one()
        asked = dns.asked[-1]
        assert asked.name == f"{name}."
        assert (asked.do, asked.options) == (True, [26, 12])
        assert len(asked.message.to_wire()) == 128


async def test_http_is_asked_for_the_path_of_the_settings(
    certificate: Certificate, make: Make
) -> None:
    async with EncryptedServer(certificate, Transport.HTTPS) as doh:
        doh.address = replace(doh.address, path="/family")
        await make(doh).ask().one()
        assert doh.paths == [f"{NAME}:{doh.address.port} /family"]


async def test_who_has_proved_who_it_is_may_say_authenticated(
    dot: EncryptedServer, make: Make
) -> None:
    dot.says[""] = authenticated
    answer = await make(dot).ask().one()
    assert answer is not None
    assert answer.ad


# --- who it is ---------------------------------------------------------------------------------


async def assert_refused(asker: Asker, why: str) -> None:
    """Check that no query reaches an upstream, and why."""
    with structlog.testing.capture_logs() as logs:
        assert await asker.ask().one() is None
    (error,) = told(logs)
    assert why in str(error)


async def test_a_certificate_for_another_name_is_not_accepted(
    dns: EncryptedServer, make: Make
) -> None:
    dns.address = replace(dns.address, name="other.example")
    await assert_refused(make(dns), "other.example")
    assert dns.asked == []


async def test_a_certificate_of_an_unknown_authority_is_not_accepted(
    dns: EncryptedServer, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path).path))
    await assert_refused(make(dns), "certificate verify failed")
    assert dns.asked == []


async def test_a_certificate_that_is_not_valid_yet_is_not_accepted(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = make_certificate(tmp_path, begins=datetime(2100, 1, 1, tzinfo=UTC))
    monkeypatch.setenv("SSL_CERT_FILE", str(early.path))
    async with EncryptedServer(early) as dot:
        await assert_refused(make(dot), "not yet valid")
        assert dot.asked == []


async def test_the_key_of_a_pin_counts_whoever_signed_it(
    dns: EncryptedServer, make: Make, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    dns.address = replace(dns.address, name="other.example", pin=certificate.pin)
    assert await make(dns).ask().found() == (FOUND,)


async def test_another_key_than_that_of_the_pin_is_not_accepted(
    dns: EncryptedServer, make: Make, tmp_path: Path
) -> None:
    dns.address = replace(dns.address, pin=make_certificate(tmp_path).pin)
    await assert_refused(make(dns), "its key is not the one that the settings name")
    assert dns.asked == []


async def test_who_speaks_no_http_2_is_not_asked_by_https(
    certificate: Certificate, make: Make
) -> None:
    async with EncryptedServer(certificate, Transport.HTTPS, alpn="http/1.1") as old:
        await assert_refused(make(old), "it does not speak HTTP/2")


async def test_a_trouble_is_told_once_and_nothing_goes_out_in_clear_text(
    server: UpstreamServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain upstream on the very port that was to be encrypted hears nothing."""
    monkeypatch.setattr(stream_pool, "CONNECT_PATIENCE", 0.05)
    wrong = replace(server.address, transport=Transport.TLS, name=NAME)
    asker = make()
    asker.upstreams.configure({"": [wrong]})
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert await asker.ask().one() is None
    assert len(told(logs)) == 1
    assert server.asked == []


# --- where it is -------------------------------------------------------------------------------


async def test_an_upstream_without_an_address_is_looked_up_once_by_name(
    dot: EncryptedServer, make: Make
) -> None:
    dot.address = replace(dot.address, host="")
    async with UpstreamServer() as plain:
        plain.says[NAME] = lambda asked: (
            [wire.replace(FOUND, b"\x7f\0\0\1") for wire in data(asked)]
        )
        asker = make()
        asker.upstreams.configure({"": [dot.address], BOOTSTRAP_ZONE: [plain.address]})
        assert await asker.ask().found() == (FOUND,)
        dot.hang_up()
        assert await asker.ask("next.example").found() == (FOUND,)
        assert sorted((each.name.lower(), each.rtype) for each in plain.asked) == [
            (f"{NAME}.", "A"),
            (f"{NAME}.", "AAAA"),
        ]


async def test_without_its_address_an_upstream_cannot_be_asked(
    dot: EncryptedServer, make: Make
) -> None:
    dot.address = replace(dot.address, host="")
    async with UpstreamServer() as plain:
        plain.says[NAME] = failing(3)
        asker = make()
        asker.upstreams.configure({"": [dot.address], BOOTSTRAP_ZONE: [plain.address]})
        await assert_refused(asker, "its address was not found")


# --- trouble on the way ------------------------------------------------------------------------


async def test_a_connection_that_was_closed_costs_no_question_and_is_no_failure(
    dns: EncryptedServer, make: Make
) -> None:
    asker = make(dns)
    await asker.ask().one()
    dns.hold()
    answers = asker.ask("next.example")
    await dns.heard(2)
    dns._held = None
    dns.hang_up()
    assert await answers.found() == (FOUND,)
    assert asker.numbers() == (2, 0, 0)
    assert dns.connections == 2


async def test_a_silent_connection_gets_no_more_questions(dns: EncryptedServer, make: Make) -> None:
    asker = make(dns)
    await asker.ask().one()
    dns.says["lost.example"] = silent
    lost = asker.ask("lost.example")
    await dns.heard(2)
    asker.clock.wait(SILENCE + SWEEP_INTERVAL)
    assert await asker.ask("next.example").found() == (FOUND,)
    assert dns.connections == 2
    assert lost.all == []


async def test_beside_a_silent_upstream_a_second_encrypted_one_is_asked_and_no_plain_one(
    dot: EncryptedServer, certificate: Certificate, server: UpstreamServer, make: Make
) -> None:
    dot.says[""] = silent
    async with EncryptedServer(certificate) as second:
        asker = make(dot, server, second)
        answers = asker.ask()
        await dot.heard()
        asker.clock.wait(ATTEMPT / 3 + SWEEP_INTERVAL)
        assert await answers.found() == (FOUND,)
        assert server.asked == []


async def test_an_answer_to_another_question_is_not_taken(
    dns: EncryptedServer, server: UpstreamServer, make: Make
) -> None:
    dns.says[""] = lambda asked: [wire.replace(b"\3www", b"\3wwv") for wire in data(asked)]
    asker = make(dns, server)
    assert await asker.ask().found() == (FOUND,)
    assert asker.numbers(1) == (1, 1, 0)
    assert server.names == ["www.example"]


async def test_an_error_of_http_is_left_for_the_next_upstream(
    certificate: Certificate, server: UpstreamServer, make: Make
) -> None:
    async with EncryptedServer(certificate, Transport.HTTPS) as doh:
        doh.says[""] = lambda _: [b""]
        asker = make(doh, server)
        assert await asker.ask().found() == (FOUND,)
        assert asker.numbers(1) == (1, 1, 0)


async def test_a_quiet_question_leaves_no_trace(dns: EncryptedServer, make: Make) -> None:
    asker = make(dns)
    answers = asker.ask("helpline.example", untraced=True, protected=True)
    assert await answers.found() == (FOUND,)
    assert asker.numbers() == (0, 0, 0)
    health, _ = asker.upstreams.numbers()[0]
    assert (health.rtt, health.failures) == (0.0, 0)


async def test_an_upstream_that_the_settings_name_no_more_is_left_when_it_has_answered(
    dot: EncryptedServer, make: Make
) -> None:
    asker = make(dot)
    dot.hold()
    answers = asker.ask()
    await dot.heard()
    asker.upstreams.configure({"": []})
    dot.release()
    assert await answers.found() == (FOUND,)
    asker.clock.wait(2 * SWEEP_INTERVAL)
    assert asker.upstreams._groups.gone == []
