"""python -m tests.bench.h2_ceiling PORT CERTIFICATE: the most that the library h2 gives here.

The same library and TLS as copdns has, one connection after the other read whole, and a constant
reply with nothing behind it: what is missing to that is what copdns takes for itself.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import H2Error

REPLY = bytes.fromhex("0000818000010000000000000667616d6573076578616d706c650000010001")
HEAD = [
    (b":status", b"200"),
    (b"content-type", b"application/dns-message"),
    (b"content-length", b"%d" % len(REPLY)),
    (b"cache-control", b"private, max-age=10"),
]


class Constant(asyncio.Protocol):
    """Answers each request of a connection with the same octets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._http = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._http.initiate_connection()
        self._transport.write(self._http.data_to_send())

    def data_received(self, data: bytes) -> None:
        try:
            self._answer(data)
        except H2Error:  # a client that has what it wanted says goodbye, and its last requests too
            self._transport.close()

    def _answer(self, data: bytes) -> None:
        for event in self._http.receive_data(data):
            if isinstance(event, RequestReceived):
                dict(event.headers)
            elif isinstance(event, DataReceived):
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self._http.send_headers(event.stream_id, HEAD)
                self._http.send_data(event.stream_id, REPLY, end_stream=True)
        self._transport.write(self._http.data_to_send())


async def main(port: int, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    server = await asyncio.get_running_loop().create_server(
        Constant, "127.0.0.1", port, ssl=context
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
