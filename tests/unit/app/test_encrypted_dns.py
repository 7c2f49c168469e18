"""The certificate and the ports of encrypted DNS: followed while it runs, and told where not."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from copdns.app.encrypted_dns import EncryptedDns
from copdns.model.household import Device
from copdns.settings.config import Settings
from copdns.web import certificate
from tests.conftest import find_tool
from tests.encrypted_server import make_certificate
from tests.home import Home
from tests.household import MIA, family
from tests.running import PATIENCE, free_port
from tests.unit.messages import query
from tests.unit.streams import HOST, trusting, turn

Make = Callable[..., EncryptedDns]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[EncryptedDns] = []

    def one(**encrypted: Any) -> EncryptedDns:
        here = Device("laptop", "Laptop", "mia", (HOST,))
        home = Home(family(MIA, devices=(here,)))
        settings = Settings.model_validate({"encrypted": encrypted})
        own = EncryptedDns(tmp_path, settings, home.resolver, home.clock, lambda: False)
        made.append(own)
        return own

    yield one
    for each in made:
        each.close()


def given(folder: Path) -> dict[str, str]:
    """Return settings with a certificate in a folder."""
    made = make_certificate(folder).path
    path = folder / "dns.pem"
    shutil.copy(made, path)
    return {"certificate": str(path), "key": str(path)}


async def shown_at(port: int, protocol: str) -> bytes:
    """Return the certificate that a server shows, which must agree on a protocol."""
    _, writer = await asyncio.open_connection(HOST, port, ssl=trusting([protocol]))
    peer: ssl.SSLObject = writer.get_extra_info("ssl_object")
    assert peer.selected_alpn_protocol() == protocol
    found = peer.getpeercert(binary_form=True)
    writer.close()
    assert found is not None
    return found


def der(path: str | Path) -> bytes:
    text = Path(path).read_text()
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERT") :])


async def test_off_as_usual_it_does_nothing(make: Make, tmp_path: Path) -> None:
    own = make()
    await own.follow([HOST])
    assert (own.warning, own.count_connections(), own.count_handshakes()) == ("", {}, {})
    assert [*tmp_path.iterdir()] == []


async def test_without_a_certificate_it_has_that_of_the_pages(make: Make, tmp_path: Path) -> None:
    port = free_port()
    own = make(tls_port=port)
    await own.follow([HOST])
    assert await shown_at(port, "dot") == der(tmp_path / certificate.FILE)


async def test_both_ports_have_the_certificate_and_follow_it(make: Make, tmp_path: Path) -> None:
    dot, doh = free_port(), free_port()
    files = given(tmp_path / "first")
    own = make(tls_port=dot, https_port=doh, **files)
    await own.follow([HOST])
    first = der(files["certificate"])
    assert [await shown_at(dot, "dot"), await shown_at(doh, "h2")] == [first] * 2
    reader, writer = await asyncio.open_connection(HOST, dot, ssl=trusting(["dot"]))
    shutil.copy(make_certificate(tmp_path / "second").path, files["certificate"])
    await own.follow([HOST])
    second = der(files["certificate"])
    assert [await shown_at(dot, "dot"), await shown_at(doh, "http/1.1")] == [second] * 2
    assert second != first
    message = query("copdns.home.arpa")
    writer.write(len(message).to_bytes(2, "big") + message)
    assert len(await reader.readexactly(2)) == 2  # the connection of before stays
    writer.close()


async def test_it_tells_what_is_open_and_what_the_certificate_is_for(
    make: Make, tmp_path: Path
) -> None:
    dot, doh = free_port(), free_port()
    files = given(tmp_path / "first")
    own = make(tls_port=dot, https_port=doh, **files)
    assert (own.ports_at(HOST), own.names) == ((), ())
    await own.follow([HOST])
    assert [*own.ports_at(HOST)] == [("tls", dot), ("https", doh)]
    assert [*own.ports_at("127.0.0.2")] == []
    assert own.names == ("dns.example", "*.dns.example", HOST)
    other = make_certificate(tmp_path / "second", "other.example").path
    await asyncio.to_thread(shutil.copy, other, files["certificate"])
    await own.follow([HOST])
    assert own.names == ("other.example", "*.other.example", HOST)
    await own.follow([])
    assert [*own.ports_at(HOST)] == []


async def test_files_that_do_not_fit_are_told_and_the_old_ones_stay(
    make: Make, tmp_path: Path
) -> None:
    port = free_port()
    files = given(tmp_path / "first")
    own = make(tls_port=port, **files)
    await own.follow([HOST])
    first = der(files["certificate"])
    Path(files["certificate"]).write_text("nonsense")
    await own.follow([HOST])
    assert own.warning.startswith("encrypted DNS: ")
    assert await shown_at(port, "dot") == first
    await asyncio.to_thread(
        shutil.copy, make_certificate(tmp_path / "second").path, files["certificate"]
    )
    await own.follow([HOST])
    assert own.warning == ""


async def test_a_certificate_that_is_not_there_is_told_and_looked_for_again(
    make: Make, tmp_path: Path
) -> None:
    port, path = free_port(), tmp_path / "later.pem"
    own = make(tls_port=port, certificate=str(path), key=str(path))
    await own.follow([HOST])
    assert str(path) in own.warning
    shutil.copy(make_certificate(tmp_path).path, path)
    await own.follow([HOST])
    assert own.warning == ""
    assert await shown_at(port, "dot") == der(path)


async def test_a_port_that_is_taken_is_told_and_tried_again(make: Make) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        own = make(https_port=port)
        await own.follow([HOST])
        told = f"{HOST} port {port} (DNS over HTTPS): "
        assert own.warning.startswith(told)
        assert own.warning.endswith("; see encrypted.https_port")
    await own.follow([HOST])
    assert own.warning == ""
    await shown_at(port, "h2")
    async with asyncio.timeout(PATIENCE):  # in which the server hears of it too
        while own.count_handshakes()["done"] != 1:
            await turn()


async def test_it_listens_where_plain_dns_does(make: Make) -> None:
    port = free_port()
    own = make(tls_port=port)
    await own.follow([HOST, "192.0.2.1"])  # an address that this machine does not have yet
    assert own.warning == ""
    await shown_at(port, "dot")
    await own.follow([])
    with pytest.raises(OSError, match=r"refused|Connect"):
        await shown_at(port, "dot")


@pytest.mark.tools
@pytest.mark.parametrize("mode", ["dot", "doh"])
async def test_no_question_is_lost_while_the_certificate_is_exchanged(
    make: Make, tmp_path: Path, mode: str
) -> None:
    port, asked = free_port(), 1200
    kinds = ("RSA", "ECDSA", "RSA")
    certificates = [
        make_certificate(tmp_path / str(number), kind=kind).path
        for number, kind in enumerate(kinds)
    ]
    files = given(tmp_path / "in use")
    key = "tls_port" if mode == "dot" else "https_port"
    own = make(**{key: port}, handshakes=10_000, **files)
    await own.follow([HOST])
    names = tmp_path / "names"
    names.write_text("copdns.home.arpa A\n" * asked)
    words = ["-s", HOST, "-p", str(port), "-m", mode, "-d", names, "-n", "1", "-c", "4", "-q", "8"]
    words += ["-O", "num-queries-per-conn=20"]  # so that there are handshakes all the time
    words += ["-O", f"doh-uri=https://{HOST}/dns-query"] if mode == "doh" else []
    dnsperf = await asyncio.create_subprocess_exec(
        find_tool("dnsperf"), *words, stdout=asyncio.subprocess.PIPE
    )
    said = asyncio.create_task(dnsperf.communicate())
    seen = set()
    for other in certificates:
        before = own.count_handshakes()["done"]
        await asyncio.to_thread(shutil.copy, other, files["certificate"])
        await own.follow([HOST])
        seen.add(await shown_at(port, "dot" if mode == "dot" else "h2"))
        async with asyncio.timeout(PATIENCE):
            while own.count_handshakes()["done"] < before + 10:
                assert not said.done(), "it ended before the last certificate"
                await turn()
    told = (await said)[0].decode()
    assert len(seen) == 3
    assert re.search(rf"Queries completed:\s+{asked} \(100", told), told
    assert re.search(rf"Response codes:\s+NOERROR {asked} \(100", told), told


@pytest.mark.parametrize("public", [False, True])
async def test_devices_are_told_of_ports_only_where_they_are_answered(
    make: Make, tmp_path: Path, public: bool
) -> None:
    port = free_port()
    own = make(tls_port=port, name="dns.example", public=public, **given(tmp_path))
    await own.follow([HOST])
    assert own.warning == ""
    assert [each.port for each in own.ports_at(HOST)] == ([] if public else [port])
