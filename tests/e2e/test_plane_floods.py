"""Floods through dnsdist and unbound: names that nobody has, below zones whose servers are silent
or slow."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from select import select
from threading import Event, Thread
from time import monotonic

import dns.message
import dns.query
import dns.rcode
import pytest

from copdns.model.matchers import Matcher
from copdns.provider.plane.snapshot import ListedNames, PlaneSnapshot, SpecialNames
from tests.e2e.plane import resolver, running_node, told
from tests.e2e.test_unbound import unbound
from tests.running import PATIENCE

pytestmark = pytest.mark.tools

SILENT, SLOW, SHOP, HELP = "silent.example", "slow.example", "shop.example", "help.example"
SPECIAL = SpecialNames(help=(Matcher(HELP),))
ADDRESS = "127.0.0.80"
SUBSCRIBERS = 1_000
OTHERS, OTHERS_A_SECOND = 2_800, 700  # queries
AT_ONCE = 300  # of them, without an answer
FLOOD_FOR_EACH = 4
AGAIN, TRIES = 2.0, 3  # seconds until a device asks again, and how often it asks
LOST = 0.001  # of the others' answers, at most


def stub(zone: str, port: int) -> str:
    return f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{port}\n  stub-prime: no\n'


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The Internet, where each name has an address; gives its port."""
    zone = ['local-zone: "example" redirect', f'local-data: "example 300 A {ADDRESS}"']
    with unbound(tmp_path_factory.mktemp("outside") / "unbound", zone) as port:
        yield port


@contextmanager
def silent_server() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextmanager
def slow_server(delay: float, *, has_names: bool) -> Iterator[int]:
    """Run a server where each name has an address, or that says there is none, after some seconds;
    give its port."""
    stopped = Event()
    head = b"\x84\x80\0\1\0\1" if has_names else b"\x84\x83\0\1\0\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\x7f\0\0\x50" if has_names else b""

    def serve(sock: socket.socket) -> None:
        due: deque[tuple[float, bytes, tuple[str, int]]] = deque()
        while not stopped.is_set():
            if select([sock], [], [], 0.01)[0]:
                query, asker = sock.recvfrom(4096)
                reply = query[:2] + head + b"\0\0\0\0" + _question(query) + record
                due.append((monotonic() + delay, reply, asker))
            while due and due[0][0] < monotonic():
                _, reply, asker = due.popleft()
                sock.sendto(reply, asker)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        thread = Thread(target=serve, args=[sock])
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            stopped.set()
            thread.join()


def _question(query: bytes) -> bytes:
    return query[12 : query.index(b"\0", 12) + 5]


def ask(port: int, name: str) -> dns.message.Message:
    query = dns.message.make_query(name, "A", use_edns=0)
    return dns.query.udp(query, "127.0.0.1", PATIENCE, port)


def test_a_flood_of_random_names_through_subscribers_costs_others_next_to_nothing(
    tmp_path: Path,
) -> None:
    """dnsdist and unbound as they are generated.  The others' names are in no cache, and their
    servers are far away."""
    listed = ListedNames((), SPECIAL)
    with ExitStack() as stack:
        clauses = stub(SILENT, stack.enter_context(silent_server()))
        clauses += stub(SLOW, stack.enter_context(slow_server(1.5, has_names=False)))
        far = stack.enter_context(slow_server(0.3, has_names=True))
        to = stack.enter_context(resolver(tmp_path / "unbound", far, listed, {}, clauses))
        node = stack.enter_context(running_node(tmp_path, PlaneSnapshot(1, listed=listed), to))
        rcodes = flood(node.port)
    failed = OTHERS - rcodes.count(dns.rcode.NOERROR)
    assert failed <= LOST * OTHERS, (failed, rcodes.count(dns.rcode.SERVFAIL))


def flood(port: int) -> list[int | None]:
    """Ask for random names from a thousand addresses, and for others' beside; return the rcodes of
    these.  As a device does, ask again after some seconds; None if that does not help either.

    On a machine that is slow just then, others wait for answers, and the flood waits with them.
    """
    answered: dict[int, int] = {}
    lost: set[int] = set()
    waiting: deque[tuple[float, int, int]] = deque()  # until when, for which number, which try
    asked = 0
    begun = monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind(("127.9.9.9", 0))
        sock.connect(("127.0.0.1", port))

        def ask_for(number: int, tried: int) -> None:
            kind = HELP if number % 10 == 0 else "other.example"
            sock.send(_query(f"n{number}.{kind}", number))
            waiting.append((monotonic() + AGAIN, number, tried))

        while len(answered) + len(lost) < OTHERS:
            gone = monotonic() - begun
            while asked < min(gone * OTHERS_A_SECOND, OTHERS, len(answered) + len(lost) + AT_ONCE):
                for number in range(asked * FLOOD_FOR_EACH, (asked + 1) * FLOOD_FOR_EACH):
                    _send_once(port, number)
                ask_for(asked, 1)
                asked += 1
            while select([sock], [], [], 0.001)[0]:
                reply = sock.recv(4096)
                answered.setdefault(int.from_bytes(reply[:2]), reply[3] & 15)
            while waiting and waiting[0][0] < monotonic():
                _, number, tried = waiting.popleft()
                if number not in answered:
                    ask_for(number, tried + 1) if tried < TRIES else lost.add(number)
    return [answered.get(number) for number in range(OTHERS)]


def _send_once(port: int, number: int) -> None:
    """Ask as one of the subscribers, whose socket is closed before an answer comes."""
    one = number % SUBSCRIBERS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((f"127.1.{one // 250}.{1 + one % 250}", 0))
        sock.sendto(_query(f"x{number}.{SLOW if number % 2 else SILENT}", 1), ("127.0.0.1", port))


def _query(name: str, number: int) -> bytes:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    head = number.to_bytes(2) + b"\1\0\0\1\0\0\0\0\0\0"
    return head + labels + b"\0\0\1\0\1"


def test_the_limit_of_a_zone_does_not_touch_help_names(tmp_path: Path, outside: int) -> None:
    listed = ListedNames((), SPECIAL)
    clauses = stub(SHOP, outside) + stub(HELP, outside)
    with resolver(tmp_path / "unbound", outside, listed, {}, clauses, zone_limit=5) as port:
        of_shop = [told(ask(port, f"n{number}.{SHOP}")) for number in range(60)]
        of_help = [told(ask(port, f"n{number}.{HELP}")) for number in range(60)]
    assert [each for each in of_shop if each != ADDRESS]
    assert of_help == [ADDRESS] * 60
