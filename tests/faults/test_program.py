"""The program itself: its settings, descriptors and memory, and whoever wants too much of it."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from time import monotonic

import dns.message
import pytest

from tests.e2e.house import ADA, House, eventually
from tests.e2e.test_kill import Load
from tests.e2e.test_kill import name as load_name
from tests.faults.place import (
    AT_ONCE,
    BLOCKED,
    EDE_BLOCKED,
    Place,
    asking,
    fresh,
    place,
    timed,
)
from tests.forwarding import proxied
from tests.list_server import list_server
from tests.running import PATIENCE
from tests.upstream_server import ADDRESS

FORWARDER, FLOODER = "127.0.0.9", "192.168.1.66"
IN_A_STORM = 300  # signals
KILLS = 20
RESTART = 5.0  # seconds within which a program that died answers again


def test_the_settings_have_a_mistake(home: Place) -> None:
    with asking(home.home), home.assert_shown("the_settings_have_a_mistake"):
        sound = home.file.read_text()
        home.file.write_text("dns: {prt: 53}")
        home.home.program.reload()
        assert home.home.ask(fresh("news")).data == [ADDRESS]
    home.file.write_text(sound)
    home.configure()


def test_a_reload_is_asked_for_again_and_again(home: Place) -> None:
    program = home.home.program
    with asking(home.home), home.assert_shown("a_reload_is_asked_for_again_and_again"):
        for _ in range(IN_A_STORM):
            program.send_reload()
            assert home.home.ask(BLOCKED).ede == EDE_BLOCKED
        home.configure(dns={**home.settings["dns"], "block_ttl": 33})  # type: ignore[dict-item]
        eventually(lambda: home.home.ask(BLOCKED).message.authority[0].ttl == 33, within=5)
    home.configure()


def test_a_device_floods(home: Place) -> None:
    """It is known by the header of a forwarder; loopback itself has no limit."""
    forwarder = {"network": f"{FORWARDER}/32", "proxy": True}
    home.configure(dns={"listen": ["127.0.0.1"], "forwarders": [forwarder]})
    with asking(home.home), home.assert_shown("a_device_floods"):
        got = flood(home.home, [load_name(5 * number) for number in range(4000)])
        assert 1000 <= got["answered"] < 3000
        assert got["answered"] + got["truncated"] < 4000
        assert home.home.ask(fresh("news"), source=ADA).data == [ADDRESS]


def test_made_up_names_flood_one_domain(home: Place) -> None:
    lot = Random(11)
    forwarder = {"network": f"{FORWARDER}/32", "proxy": True}
    home.configure(dns={"listen": ["127.0.0.1"], "forwarders": [forwarder]}, limits={"client": 0})
    home.home.upstream.says[""] = lambda asked: [no_such_name(asked.message)]
    with asking(home.home), home.assert_shown("made_up_names_flood_one_domain"):
        for _ in range(4):
            flood(home.home, [f"x{lot.getrandbits(40):x}.shop.example" for _ in range(300)])
        assert len([name for name in home.home.upstream.names if "shop" in name]) < 600
    home.home.upstream.asked.clear()
    home.configure()


def no_such_name(query: dns.message.Message) -> bytes:
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(dns.rcode.NXDOMAIN)
    return bytes(reply.to_wire())


def flood(home: House, names: list[str]) -> dict[str, int]:
    """Ask for names as fast as it goes, as a device behind the forwarder; count the replies."""
    got = {"answered": 0, "truncated": 0}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((FORWARDER, 0))
        sock.connect(("127.0.0.1", home.program.port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        head = proxied(FLOODER)
        for number, name in enumerate(names):
            sock.send(head + dns.message.make_query(name, "A").to_wire())
            if number % 50 == 0:
                _receive(sock, got, 0.005)
        _receive(sock, got, 0.5)
    return got


def _receive(sock: socket.socket, got: dict[str, int], patience: float) -> None:
    sock.settimeout(patience)
    while True:
        try:
            reply = sock.recv(4096)
        except TimeoutError:
            return
        got["truncated" if reply[2] & 2 else "answered"] += 1


def test_messages_that_are_no_queries_flood(home: Place) -> None:
    lot = Random(13)
    with asking(home.home), home.assert_shown("messages_that_are_no_queries_flood"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", home.home.program.port))
            for number in range(2000):
                # QR is not set: what claims to be a response is dropped, and not counted.
                sock.send(lot.randbytes(2) + b"\0" + lot.randbytes(lot.randrange(9, 300)))
                if number % 50 == 0:  # or the kernel would lose what others ask
                    _receive(sock, {"answered": 0, "truncated": 0}, 0.005)
        assert home.home.ask(fresh("news")).data == [ADDRESS]


def test_connections_are_left_open(home: Place) -> None:
    with (
        asking(home.home),
        home.assert_shown("connections_are_left_open"),
        open_connections(home.home.program.port, 400),
    ):
        assert home.home.ask(fresh("news"), over_tcp=True).data == [ADDRESS]


@contextmanager
def open_connections(port: int, count: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield


def test_no_file_descriptors_are_left(home: Place) -> None:
    pid, program = home.home.program.process.pid, home.home.program
    known = fresh("known")
    assert home.home.ask(known).data == [ADDRESS]
    with home.assert_shown("no_file_descriptors_are_left"):
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        with asking(home.home):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
            try:
                took, reply = timed(home.home, fresh("news"))
                assert took < PATIENCE
                assert reply.rcode in ("NOERROR", "SERVFAIL")
                assert home.home.ask(known).data == [ADDRESS]
            finally:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        eventually(lambda: home.home.ask(fresh("news"), over_tcp=True).data == [ADDRESS])
        assert program.process.poll() is None


@pytest.mark.long
def test_another_program_has_the_port(home: Place, tmp_path: Path) -> None:
    with home.assert_shown("another_program_has_the_port"):
        done = home.home.program.command("run")
        assert done.returncode == 1
        assert "another copdns" in done.stderr
        assert "Traceback" not in done.stderr
        assert timed(home.home, BLOCKED)[0] < AT_ONCE


@pytest.mark.long
def test_the_process_is_killed(tmp_path: Path) -> None:
    lot, saved = Random(17), []
    for number in range(KILLS):
        began = monotonic()
        with place(tmp_path) as it:
            assert number == 0 or monotonic() - began < RESTART
            assert all(it.home.ask(each).ede == (17, f"rule: {each}") for each in saved)
            load = Load(it.home.program.port)
            load.start()
            for each in range(3):
                name = f"film-{number}-{each}.example"
                it.home.at_once("rule", "add", "block", name)
                saved.append(name)
            if number % 2:
                it.home.program.send_reload()
            until = monotonic() + lot.random() / 2
            eventually(lambda until=until: monotonic() > until)  # type: ignore[misc]
            it.home.program.process.send_signal(signal.SIGKILL)
            it.home.program.process.wait()
            load.join()
            assert load.answered
    with place(tmp_path) as it, it.assert_shown("the_process_is_killed"):
        assert all(it.home.ask(each).ede == (17, f"rule: {each}") for each in saved)


@pytest.mark.long
def test_memory_runs_out(tmp_path: Path) -> None:
    names = "".join(f"toys-{number}.example\n" for number in range(700_000))
    with list_server() as server, ExitStack() as stack:
        server.put("/toys", names)
        toys = {"slug": "toys", "url": server.url("/toys"), "category": "games"}
        own = {"own": [{**toys, "format": "domains", "match": "subtree"}], "max_names": 10_000_000}
        it = stack.enter_context(place(tmp_path))
        limit = _resident(it.home) + (40 << 20)
        stack.enter_context(memory_limit(it.home.program.process.pid, limit))
        with asking(it.home, within=5.0), it.assert_shown("memory_runs_out"):
            it.configure(sources=own)
            eventually(lambda: it.home.metrics()["copdns_lists_failing"] == 1, within=120)
            assert it.home.ask(fresh("news")).data == [ADDRESS]
        assert it.home.program.process.poll() is None


def _resident(home: House) -> int:
    home.program.get("/readyz")  # the pages are loaded
    statm = Path(f"/proc/{home.program.process.pid}/statm").read_text()
    return int(statm.split()[1]) * resource.getpagesize()


@contextmanager
def memory_limit(pid: int, octets: int) -> Iterator[None]:
    """Let a process, and those that it starts, have so much memory together.  Needs root."""
    group = Path(f"/sys/fs/cgroup/memory/copdns-{os.getpid()}")
    try:
        group.mkdir()
    except OSError:
        pytest.skip("needs to limit memory: root, and the memory controller of cgroups")
    try:
        (group / "memory.limit_in_bytes").write_text(str(octets))
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for each in (group / "cgroup.procs").read_text().split():
            (group.parent / "cgroup.procs").write_text(each)
        group.rmdir()
