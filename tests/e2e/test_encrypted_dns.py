"""DNS over TLS, HTTPS and QUIC as clients that are not ours ask it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import dns.edns
import dns.message
import dns.query
import pytest
from dns.message import Message

from tests.conftest import find_tool, missing
from tests.e2e.house import eventually
from tests.e2e.test_unbound import FAMILY, ask, authority, unbound
from tests.encrypted_server import NAME, Certificate, make_certificate
from tests.reading import has_word
from tests.replies import ede_of
from tests.running import PATIENCE, Program, free_port, running

pytestmark = pytest.mark.tools

HERE = "127.0.0.1"
BLOCKED = "games.example"
FREE = "school.example"


class Encrypted(NamedTuple):
    """A copdns, with its ports and its certificate."""

    program: Program
    tls: int
    https: int
    quic: int
    certificate: Certificate


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("encrypted")
    (folder / "family.yaml").write_text(json.dumps(FAMILY))
    made = make_certificate(folder)
    if find_spec("aioquic") is None:
        missing("needs aioquic, which make installs for tests")
    over_tls, over_https, over_quic = free_port(), free_port(), free_port()
    chosen = {"tls_port": over_tls, "https_port": over_https, "quic_port": over_quic}
    chosen = {**chosen, "name": NAME}
    settings = {
        "household": "family.yaml",
        "rebinding": {"enabled": False},
        "encrypted": {**chosen, "certificate": str(made.path), "key": str(made.path)},
    }
    with ExitStack() as stack:
        upstream = stack.enter_context(unbound(folder / "upstream", *authority(folder)))
        program = stack.enter_context(running(folder, settings, upstreams=[upstream]))
        yield Encrypted(program, over_tls, over_https, over_quic, made)


def said_by(tool: str, *words: str | Path) -> str:
    """Return what a program says, which must end well."""
    done = subprocess.run(
        [find_tool(tool), *words], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_kdig_gets_answers_and_reasons_over_each(encrypted: Encrypted) -> None:
    trust = [f"+tls-ca={encrypted.certificate.path}", f"+tls-hostname={NAME}"]
    for port, how in [
        (encrypted.tls, "+tls"),
        (encrypted.https, "+https"),
        (encrypted.https, "+https-get"),
        (encrypted.quic, "+quic"),
    ]:
        more = ["+https"] if how == "+https-get" else []
        where = [f"@{HERE}", "-p", str(port), *more, how, *trust]
        said = said_by("kdig", *where, "+edns", FREE, "A", BLOCKED, "A")
        found = re.findall(r"^\S+\s+\d+\s+IN\s+A\s+(\S+)$", said, re.MULTILINE)
        assert sorted(found) == ["127.0.0.1", "127.0.0.2"]
        assert "EDE: 17 (Filtered)" in said


def test_dig_gets_answers_over_tls_and_https(encrypted: Encrypted) -> None:
    trust = [f"+tls-ca={encrypted.certificate.path}", f"+tls-hostname={NAME}"]
    for port, how in [
        (encrypted.tls, ["+tls"]),
        (encrypted.https, ["+https"]),
        (encrypted.https, ["+https-get"]),
    ]:
        said = said_by("dig", f"@{HERE}", "-p", str(port), *how, *trust, "+short", FREE)
        assert sorted(said.split()) == ["127.0.0.1", "127.0.0.2"]
        said = said_by("dig", f"@{HERE}", "-p", str(port), *how, *trust, BLOCKED)
        assert "EDE: 17 (Filtered)" in said
        assert "status: NOERROR" in said


def test_curl_finds_by_https_what_is_allowed_and_not_what_is_blocked(encrypted: Encrypted) -> None:
    doh = f"https://{HERE}:{encrypted.https}/dns-query"
    # It prints the status of our own web server, which serves no such name.
    words = ["-s", "-o", "/dev/null", "-w", "%{http_code} %{remote_ip}", "--doh-insecure"]
    url = f"http://{{}}:{encrypted.program.web_port}/"
    said = said_by("curl", *words, "--doh-url", doh, url.format(FREE))
    assert said.split()[1] in ("127.0.0.1", "127.0.0.2")
    failed = subprocess.run(
        [find_tool("curl"), *words, "--doh-url", doh, url.format(BLOCKED)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert failed.returncode == 6  # "could not resolve host"


def ask_over_tls(encrypted: Encrypted, query: Message) -> Message:
    context = ssl.create_default_context(cafile=str(encrypted.certificate.path))
    return dns.query.tls(
        query, HERE, PATIENCE, encrypted.tls, ssl_context=context, server_hostname=NAME
    )


def ask_over_http_1(encrypted: Encrypted, query: Message) -> Message:
    return ask_over_https(encrypted, query, dns.query.HTTPVersion.H1)


def ask_over_http_2(encrypted: Encrypted, query: Message) -> Message:
    return ask_over_https(encrypted, query, dns.query.HTTPVersion.H2)


def ask_over_https(encrypted: Encrypted, query: Message, version: dns.query.HTTPVersion) -> Message:
    url = f"https://{HERE}:{encrypted.https}/dns-query"
    trust = ssl.create_default_context(cafile=str(encrypted.certificate.path))
    return dns.query.https(query, url, PATIENCE, http_version=version, verify=trust)


def ask_over_quic(encrypted: Encrypted, query: Message) -> Message:
    # As dnspython's client sends it by itself: the id is 0 (RFC 9250 section 4.2.1).
    trust = str(encrypted.certificate.path)
    return dns.query.quic(query, HERE, PATIENCE, encrypted.quic, verify=trust, server_hostname=NAME)


# dnspython's client leaves a socket to the garbage collection.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "ask_over", [ask_over_tls, ask_over_http_1, ask_over_http_2, ask_over_quic]
)
def test_dnspython_gets_answers_and_reasons(
    encrypted: Encrypted, ask_over: Callable[[Encrypted, Message], Message]
) -> None:
    (found,) = ask_over(encrypted, dns.message.make_query(FREE, "A")).answer
    assert {str(each) for each in found} == {"127.0.0.1", "127.0.0.2"}
    reply = ask_over(encrypted, dns.message.make_query(BLOCKED, "A", use_edns=0, pad=128))
    told = ede_of(reply)
    assert told is not None
    assert told[0] == 17
    assert not has_word(told[1], "Mia")
    assert dns.edns.OptionType.PADDING in [each.otype for each in reply.options]


@contextmanager
def stubby(folder: Path, encrypted: Encrypted) -> Iterator[int]:
    """Run stubby, which asks us over TLS, on a free port; yield that."""
    port, file = free_port(), folder / "stubby.yml"
    file.write_text(
        f"""
resolution_type: GETDNS_RESOLUTION_STUB
dns_transport_list:
  - GETDNS_TRANSPORT_TLS
tls_authentication: GETDNS_AUTHENTICATION_REQUIRED
tls_ca_file: "{encrypted.certificate.path}"
idle_timeout: 10000
listen_addresses:
  - {HERE}@{port}
upstream_recursive_servers:
  - address_data: {HERE}
    tls_port: {encrypted.tls}
    tls_auth_name: "{NAME}"
"""
    )
    words = [find_tool("stubby"), "-l", "-C", file]
    with (folder / "log").open("w") as log, subprocess.Popen(words, stderr=log) as process:
        try:
            eventually(lambda: is_taken(port))
            yield port
        finally:
            process.terminate()


def is_taken(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((HERE, port)) == 0


def test_stubby_asks_us_over_tls(encrypted: Encrypted, tmp_path: Path) -> None:
    with stubby(tmp_path, encrypted) as port:
        assert {str(each) for each in ask(port, FREE, "A").answer[0]} == {"127.0.0.1", "127.0.0.2"}
        assert ask(port, BLOCKED, "A").answer == []


STRUCTURED = dns.edns.GenericOption(26, b"")


def ask_by_https(
    encrypted: Encrypted, query: dns.message.Message, folder: Path
) -> dns.message.Message:
    """Ask with curl, which knows nothing of DNS messages, and read what came with dnspython."""
    asked, came = folder / "query", folder / "reply"
    asked.write_bytes(query.to_wire())
    said_by(
        "curl",
        *("-sf", "--cacert", encrypted.certificate.path, "--data-binary", f"@{asked}"),
        *("--resolve", f"{NAME}:{encrypted.https}:{HERE}", "-o", came),
        *("-H", "Content-Type: application/dns-message"),
        f"https://{NAME}:{encrypted.https}/dns-query",
    )
    return dns.message.from_wire(came.read_bytes())


@pytest.mark.parametrize("asks", [True, False], ids=["asks for it", "does not"])
def test_who_asks_for_it_over_an_encrypted_connection_reads_the_reason_as_i_json(
    encrypted: Encrypted, tmp_path: Path, asks: bool
) -> None:
    wish = [dns.edns.GenericOption(26, b"")] if asks else []
    query = dns.message.make_query(BLOCKED, "A", use_edns=0, options=wish)
    context = ssl.create_default_context(cafile=str(encrypted.certificate.path))
    by_tls = dns.query.tls(
        query, HERE, PATIENCE, encrypted.tls, ssl_context=context, server_hostname=NAME
    )
    by_https = ask_by_https(encrypted, query, tmp_path)
    in_clear = dns.query.udp(query, HERE, PATIENCE, encrypted.program.port)
    assert ede_of(in_clear) == (17, "rule: games.example")  # who wrote that, nobody knows
    page = f"why.home.arpa:{encrypted.program.web_port}"
    for reply in (by_tls, by_https):
        found = ede_of(reply)
        assert found is not None
        if asks:
            assert json.loads(found[1], object_pairs_hook=list) == [
                ("j", f"A grown-up blocked games.example. Find out more: {page}"),
                ("l", "en"),
            ]
        else:
            assert found == (17, "rule: games.example")


def test_dig_and_kdig_find_the_encrypted_ports_and_what_the_resolver_can_do(
    encrypted: Encrypted,
) -> None:
    where = [f"@{HERE}", "-p", str(encrypted.program.port), "+norec"]
    said = said_by("dig", *where, "_dns.resolver.arpa", "SVCB")
    flags = re.search(r"flags: ([a-z ]+);", said)
    assert flags is not None
    assert "aa" in flags[1].split()
    assert re.search(rf'SVCB\s+1 {NAME}\. alpn="dot" port={encrypted.tls}\n', said)
    path = r'(key7|dohpath)="/dns-query{\?dns}"'
    assert re.search(rf'SVCB\s+2 {NAME}\. alpn="doq" port={encrypted.quic}\n', said)
    assert re.search(rf'SVCB\s+3 {NAME}\. alpn="h2" port={encrypted.https} {path}\n', said)
    assert re.search(rf"{NAME}\.\s+\d+\s+IN\s+A\s+{HERE}\n", said)
    said = said_by("kdig", *where, NAME, "TYPE261")
    assert b"exterr=0-25,27,31,33,35".hex() in said.replace(" ", "").lower()


def test_unbound_asks_us_over_tls_for_whom_it_asks(encrypted: Encrypted, tmp_path: Path) -> None:
    clause = (
        f'forward-zone:\n  name: "."\n  forward-tls-upstream: yes\n'
        f"  forward-addr: {HERE}@{encrypted.tls}#{NAME}"
    )
    server = ['module-config: "iterator"', f'tls-cert-bundle: "{encrypted.certificate.path}"']
    with unbound(tmp_path / "front", server, clause) as front:
        assert {str(each) for each in ask(front, FREE, "A").answer[0]} == {"127.0.0.1", "127.0.0.2"}
        assert ask(front, BLOCKED, "A").answer == []


@pytest.mark.parametrize("how", ["udp", "tcp", "dot", "doh POST", "doh GET"])
def test_dnsperf_loses_no_query(encrypted: Encrypted, tmp_path: Path, how: str) -> None:
    names = tmp_path / "names"
    names.write_text(f"{FREE} A\n{BLOCKED} A\n" * 500)
    mode, _, method = how.partition(" ")
    ports = {"dot": encrypted.tls, "doh": encrypted.https}
    port = ports.get(mode, encrypted.program.port)
    more = ["-O", f"doh-uri=https://{HERE}/dns-query", "-O", f"doh-method={method}"]
    where = ["-s", HERE, "-p", str(port), "-m", mode, *(more if method else [])]
    said = said_by("dnsperf", *where, "-d", names, "-n", "1", "-c", "4", "-q", "40")
    assert re.search(r"Queries completed:\s+1000 \(100", said), said
    assert re.search(r"Response codes:\s+NOERROR 1000 \(100", said), said


@pytest.mark.parametrize("protocols", ["h2", "http/1.1"])
def test_h2load_gets_an_answer_to_each_request(encrypted: Encrypted, protocols: str) -> None:
    query = urlsafe_b64encode(dns.message.make_query(FREE, "A").to_wire()).rstrip(b"=").decode()
    url = f"https://{HERE}:{encrypted.https}/dns-query?dns={query}"
    words = ["-n", "1000", "-c", "4", "-m", "25", f"--alpn-list={protocols}"]
    said = said_by("h2load", *words, url)
    assert re.search(r"1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed", said), said
    assert re.search(r"status codes: 1000 2xx", said), said


def test_doctor_asks_each_and_metrics_tell_of_them(encrypted: Encrypted) -> None:
    findings = json.loads(encrypted.program.command("doctor", "--json").stdout)["findings"]
    told = [each["what"] for each in findings if "(encrypted)" in each["what"]]
    assert told == [
        f"{HERE} port {port} (encrypted): copdns answers"
        for port in (encrypted.tls, encrypted.https, encrypted.quic)
    ]
    said_by("kdig", f"@{HERE}", "-p", str(encrypted.quic), "+quic", FREE)
    metrics = encrypted.program.get("/metrics")
    names = [f'copdns_queries_total{{transport="{each}"}}' for each in ("tls", "https", "quic")]
    for name in (*names, 'copdns_handshakes_total{result="done"}'):
        found = re.search(rf"^{re.escape(name)} (\S+)$", metrics, re.MULTILINE)
        assert found is not None
        assert float(found[1]) > 0
