"""python -m tests.e2e.scan_tokens [TRIES]: time wrong, revoked and malformed tokens.

The running program refuses all three.  They are tried in turn, in an order that is drawn anew each
time, so that what else the machine does hits each of them alike; a rank test (Mann and Whitney's)
says whether one of them took longer than another.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import combinations
from pathlib import Path

from copdns.model.device_tokens import token_text
from tests.e2e.attackers import eventually
from tests.e2e.test_unbound import FAMILY
from tests.encrypted_server import NAME, make_certificate
from tests.running import PATIENCE, free_port, running

HERE = "127.0.0.1"
TRIES = 3000  # of each token, over each transport
AT_ONCE = 20  # requests of a connection: it ends after 25 without a query
FAR = 4.0  # standard deviations: by chance once in 16,000 comparisons
REFUSED = b"HTTP/1.1 404 "
Timed = Callable[[str], float]


def main(tries: int = TRIES) -> None:
    with tempfile.TemporaryDirectory() as work, _refusing(Path(work)) as (tls, https, revoked):
        tokens = {
            "wrong": token_text(random.randbytes(16)),
            "revoked": revoked,
            "malformed": "0189" + revoked[4:],
        }
        far = _told("TLS", _time_all(tokens, _OverTls(tls), tries))
        far |= _told("HTTPS", _time_all(tokens, _OverHttps(https), tries))
    if far:
        raise SystemExit("some tokens can be told apart")


@contextmanager
def _refusing(folder: Path) -> Iterator[tuple[int, int, str]]:
    """Run a copdns that refuses unknown tokens; yield its ports and a token that was revoked."""
    made = make_certificate(folder)
    (folder / "family.yaml").write_text(json.dumps(FAMILY))
    tls, https = free_port(), free_port()
    encrypted = {
        "tls_port": tls,
        "https_port": https,
        "name": NAME,
        "unknown": "refused",
        "certificate": str(made.path),
        "key": str(made.path),
        "handshakes": 10_000,
    }
    settings = {"household": "family.yaml", "encrypted": encrypted}
    with running(folder, settings) as program:
        added = program.command("device", "token", "add", "tablet", "--json")
        token = json.loads(added.stdout)
        done = program.command("device", "token", "revoke", "tablet", token["token"])
        assert done.returncode == 0, done.stderr
        scan = _OverHttps(https)
        eventually(lambda: scan.answer(token["secret"]).startswith(REFUSED))
        yield tls, https, token["secret"]


class _OverTls:
    """Seconds from the end of a handshake to that of the connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._context = _trusting("dot")

    def __call__(self, token: str) -> float:
        name = f"{token}.{NAME}"
        with (
            socket.create_connection((HERE, self._port), PATIENCE) as sock,
            self._context.wrap_socket(sock, server_hostname=name) as connection,
        ):
            began = time.perf_counter()
            with suppress(ConnectionError, ssl.SSLError):
                assert connection.recv(4096) == b""
            return time.perf_counter() - began


class _OverHttps:
    """Seconds from a request to its 404."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._context = _trusting("http/1.1")
        self._connection: ssl.SSLSocket | None = None
        self._left = 0

    def __call__(self, token: str) -> float:
        connection = self._connect()
        request = _request(token)
        began = time.perf_counter()
        connection.sendall(request)
        assert connection.recv(4096).startswith(REFUSED)
        return time.perf_counter() - began

    def answer(self, token: str) -> bytes:
        """Return how a request with a token is answered, on a connection of its own."""
        with self._connect() as connection:
            self._connection = None
            connection.sendall(_request(token))
            return connection.recv(4096)

    def _connect(self) -> ssl.SSLSocket:
        if self._connection is None or not self._left:
            if self._connection is not None:
                self._connection.close()
            sock = socket.create_connection((HERE, self._port), PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = self._context.wrap_socket(sock, server_hostname=NAME)
            self._left = AT_ONCE
        self._left -= 1
        return self._connection


def _request(token: str) -> bytes:
    return f"GET /dns-query/{token}?dns=AAABAAABAAAAAAAAAWEAAAEAAQ HTTP/1.1\r\n\r\n".encode()


def _trusting(protocol: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


def _time_all(tokens: Mapping[str, str], timed: Timed, tries: int) -> dict[str, list[float]]:
    """Return the seconds of each try, by what the token is."""
    found: dict[str, list[float]] = {kind: [] for kind in tokens}
    for _ in range(tries):
        for kind in random.sample([*tokens], len(tokens)):
            found[kind].append(timed(tokens[kind]))
    return found


def _told(over: str, found: Mapping[str, Sequence[float]]) -> bool:
    """Print how the tokens compare; tell whether two can be told apart."""
    for kind, seconds in found.items():
        middle = statistics.median(seconds) * 1e6
        sys.stdout.write(f"{over}, {kind}: {len(seconds)} tries, half within {middle:.1f} us\n")
    is_far = False
    for one, other in combinations(found, 2):
        distance = rank_distance(found[one], found[other])
        is_far = is_far or abs(distance) > FAR
        sys.stdout.write(f"{over}, {one} and {other}: {distance:+.2f} standard deviations\n")
    return is_far


def rank_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return how far the ranks of two samples are from those of chance, in standard deviations."""
    order = sorted([(value, True) for value in one] + [(value, False) for value in other])
    ranks = sum(rank for rank, (_, is_one) in enumerate(order, 1) if is_one)
    count, more = len(one), len(other)
    expected = count * (count + more + 1) / 2
    deviation = (count * more * (count + more + 1) / 12) ** 0.5
    return float((ranks - expected) / deviation)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
