"""Sockets that the service manager holds are taken where they belong, and the others are let go."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from copdns.model.errors import ListenError
from copdns.server.held_sockets import HeldSockets, passed_sockets
from tests.running import free_port

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


class Manager:
    """What a service manager was asked to hold, by name, and to let go."""

    def __init__(self) -> None:
        self.holds: dict[str, socket.socket] = {}
        self.released: list[str] = []

    def hold(self, sock: socket.socket, name: str) -> None:
        self.holds[name] = sock

    def release(self, name: str) -> None:
        self.released.append(name)


@pytest.fixture
def manager() -> Manager:
    return Manager()


@pytest.fixture
def passed() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, UDP) as sock:
        sock.bind(("127.0.0.1", free_port()))  # free for TCP as well
        yield sock


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def test_a_socket_that_was_passed_is_taken(passed: socket.socket, manager: Manager) -> None:
    sockets = HeldSockets([("copdns.socket", passed)], manager.hold, manager.release)
    assert sockets.open("127.0.0.1", port_of(passed), UDP) is passed
    assert manager.holds == {}  # it holds this one already


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_new_one_is_held_under_a_name_without_colons(manager: Manager, address: str) -> None:
    sockets = HeldSockets((), manager.hold, manager.release)
    with closing(sockets.open(address, 0, TCP)) as opened:
        assert [*manager.holds.values()] == [opened]
    (name,) = manager.holds
    assert ":" not in name
    assert name.isascii()
    assert len(name) < 256
    sockets.release(address, 0)
    assert name in manager.released


def test_one_of_another_transport_is_no_match(passed: socket.socket, manager: Manager) -> None:
    sockets = HeldSockets([("dns-x", passed)], manager.hold, manager.release)
    with closing(sockets.open("127.0.0.1", port_of(passed), TCP)) as opened:
        assert opened is not passed


def test_what_we_had_held_and_need_no_more_is_closed(
    passed: socket.socket, manager: Manager
) -> None:
    sockets = HeldSockets([("dns-udp-53-127.0.0.1", passed)], manager.hold, manager.release)
    sockets.drop_unused()
    assert manager.released == ["dns-udp-53-127.0.0.1"]
    assert passed.fileno() == -1


def test_a_socket_of_the_unit_that_nobody_wants_is_told(
    passed: socket.socket, manager: Manager
) -> None:
    sockets = HeldSockets([("copdns.socket", passed)], manager.hold, manager.release)
    with capture_logs() as said:
        sockets.drop_unused()
    assert [each["event"] for each in said] == ["nobody answers at a socket of the unit"]
    assert manager.released == []


def test_an_address_in_use_is_an_error_and_held_by_nobody(
    passed: socket.socket, manager: Manager
) -> None:
    with pytest.raises(ListenError, match="another program"):
        HeldSockets((), manager.hold, manager.release).open("127.0.0.1", port_of(passed), UDP)
    assert manager.holds == {}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_FDS": "2"},
        {"LISTEN_FDS": "2", "LISTEN_PID": "1"},  # for another process
        {"LISTEN_FDS": "x", "LISTEN_PID": str(os.getpid())},
    ],
)
def test_nothing_is_passed_to_us_unless_all_says_so(environment: dict[str, str]) -> None:
    assert passed_sockets(environment, os.getpid()) == ()
