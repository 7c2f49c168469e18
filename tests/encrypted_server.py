"""An upstream that speaks DNS over TLS and HTTPS on loopback, with a certificate of the test's own.

What it says is as in `tests/upstream_server.py`.  It has nothing of copdns's own reading of HTTP/2
or TLS but the library h2.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from copdns.model.addresses import USUAL_PATH, Transport, UpstreamAddress
from tests.upstream_server import UpstreamServer

NAME = "dns.example"


class Certificate(NamedTuple):
    """A certificate that signed itself, with its key.  path: of both, in PEM form; pin: its
    key's digest."""

    path: Path
    pin: str


def make_certificate(
    folder: Path,
    name: str = NAME,
    *,
    begins: datetime | None = None,
    days: int = 30,
    kind: str = "ECDSA",
) -> Certificate:
    """Make a certificate for a name, those one label below it, and 127.0.0.1.

    begins: aware; by default an hour ago.  kind: of its key, "ECDSA" or "RSA".
    """
    key = _make_key(kind)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begins = begins or datetime.now(UTC) - timedelta(hours=1)
    names = [x509.DNSName(name), x509.DNSName(f"*.{name}")]
    alternatives = [*names, x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Certificate(path, b64encode(sha256(spki).digest()).decode())


def _make_key(kind: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


class EncryptedServer(UpstreamServer):
    """An upstream; use it as `async with EncryptedServer(certificate) as server`.

    connections: how many were made.  paths: of requests by HTTPS.
    """

    def __init__(
        self,
        certificate: Certificate,
        transport: Transport = Transport.TLS,
        host: str = "127.0.0.1",
        alpn: str = "",
    ) -> None:
        super().__init__(host)
        self._certificate = certificate
        self._transport = transport
        self._alpn = alpn or {Transport.TLS: "dot", Transport.HTTPS: "h2"}[transport]
        self.connections = 0
        self.paths: list[str] = []
        self._live: list[asyncio.Transport] = []

    async def _listen(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate.path)
        context.set_alpn_protocols([self._alpn])
        loop = asyncio.get_running_loop()
        kind = _Dot if self._transport is Transport.TLS else _Doh
        self._tls = await loop.create_server(lambda: kind(self), self.host, 0, ssl=context)
        port = self._tls.sockets[0].getsockname()[1]
        path = USUAL_PATH if self._transport is Transport.HTTPS else ""
        self.address = UpstreamAddress(self.host, port, self._transport, NAME, path)
        return True

    async def __aexit__(self, *_: object) -> None:
        self._tls.close()
        self.hang_up()
        await self._tls.wait_closed()

    def hang_up(self) -> None:
        """Close all connections, as upstreams do with those that were idle."""
        live, self._live = self._live, []
        for each in live:
            each.abort()

    def connected(self, transport: asyncio.BaseTransport) -> asyncio.Transport:
        assert isinstance(transport, asyncio.Transport)
        self.connections += 1
        self._live.append(transport)
        return transport


class _Dot(asyncio.Protocol):
    def __init__(self, server: EncryptedServer) -> None:
        self._server = server
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._server.connected(transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (size := int.from_bytes(self._unread[:2], "big")) and len(self._unread) >= size + 2:
            wire, self._unread = self._unread[2 : size + 2], self._unread[size + 2 :]
            self._server.answer(wire, "tls", 0, self._send)

    def _send(self, reply: bytes) -> None:
        self._transport.write(len(reply).to_bytes(2, "big") + reply)


class _Doh(asyncio.Protocol):
    def __init__(self, server: EncryptedServer) -> None:
        self._server = server
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="ascii"))
        self._bodies: dict[int, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._server.connected(transport)
        self._http.initiate_connection()
        self._transport.write(self._http.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._http.receive_data(data):
            if isinstance(event, RequestReceived):
                headers = dict(event.headers)
                assert headers[":method"] == "POST"
                assert headers["content-type"] == "application/dns-message"
                self._server.paths.append(f"{headers[':authority']} {headers[':path']}")
                self._bodies[event.stream_id] = b""
            elif isinstance(event, DataReceived):
                self._bodies[event.stream_id] += event.data
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                stream = event.stream_id
                body = self._bodies.pop(stream)
                self._server.answer(body, "https", 0, partial(self._send, stream))
        self._transport.write(self._http.data_to_send())

    def _send(self, stream: int, reply: bytes) -> None:
        if not reply:  # what the server has is no answer
            self._http.send_headers(stream, [(":status", "503")], end_stream=True)
        else:
            headers = [(":status", "200"), ("content-type", "application/dns-message")]
            self._http.send_headers(stream, headers)
            self._http.send_data(stream, reply, end_stream=True)
        self._transport.write(self._http.data_to_send())
