"""What the service manager hears, through a real datagram socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from copdns.app.service_manager import ServiceManager, find_service_manager

ME, ANOTHER = str(os.getpid()), str(os.getpid() + 1)


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    """A manager's socket, in the file system."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(5)
        yield sock


def heard(ear: socket.socket) -> list[str]:
    return ear.recv(4096).decode().split("\n")


def manager(ear: socket.socket) -> ServiceManager:
    return find_service_manager({"NOTIFY_SOCKET": ear.getsockname()})


def test_ready_carries_the_status_line(ear: socket.socket) -> None:
    assert manager(ear).notify_ready("answering on 2 addresses")
    assert heard(ear) == ["READY=1", "STATUS=answering on 2 addresses"]


def test_a_reload_says_when_it_began(ear: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    assert manager(ear).notify_reloading()
    state, moment = heard(ear)
    assert state == "RELOADING=1"
    name, _, value = moment.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= time.monotonic_ns() // 1000


def test_stopping_and_the_watchdog_are_one_line_each(ear: socket.socket) -> None:
    assert manager(ear).notify_stopping()
    assert heard(ear) == ["STOPPING=1"]
    assert manager(ear).notify_alive()
    assert heard(ear) == ["WATCHDOG=1"]


def test_a_status_cannot_smuggle_in_another_message(ear: socket.socket) -> None:
    assert manager(ear).notify_ready("all is well\nSTOPPING=1")
    assert heard(ear) == ["READY=1", "STATUS=all is well STOPPING=1"]


def test_an_abstract_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("")  # Linux chooses a free abstract name
        ear.settimeout(5)
        name = ear.getsockname().decode()
        assert find_service_manager({"NOTIFY_SOCKET": f"@{name[1:]}"}).notify_alive()
        assert heard(ear) == ["WATCHDOG=1"]


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "notify"])
def test_without_a_manager_nothing_happens(address: str) -> None:
    nobody = find_service_manager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    assert nobody == ServiceManager()
    assert not nobody.notify_ready()


def test_a_manager_that_went_away_is_no_error(tmp_path: Path) -> None:
    assert not find_service_manager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).notify_ready()


def test_a_manager_that_does_not_read_holds_nobody_up(ear: socket.socket) -> None:
    silent = manager(ear)
    told = [silent.notify_alive() for _ in range(10_000)]
    assert told[0]
    assert not told[-1]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": ME}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": ANOTHER}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_only_when_it_names_us(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert find_service_manager({"NOTIFY_SOCKET": "/run/notify", **environment}).watchdog == seconds


def test_a_socket_is_given_to_hold_and_let_go_by_its_name(ear: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        assert manager(ear).hold(held, "dns-udp-53-127.0.0.1")
        octets, given, *_ = socket.recv_fds(ear, 4096, 4)
        assert octets == b"FDSTORE=1\nFDNAME=dns-udp-53-127.0.0.1\nFDPOLL=0"
        with socket.socket(fileno=given[0]) as same:
            assert same.getsockname() == held.getsockname()
    assert manager(ear).release("dns-udp-53-127.0.0.1")
    assert heard(ear) == ["FDSTOREREMOVE=1", "FDNAME=dns-udp-53-127.0.0.1"]
