"""What the machine says of its network, read from its own files."""

from __future__ import annotations

import errno
from ipaddress import ip_address
from pathlib import Path

import pytest

from copdns.list_files.memory import available_memory
from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import ListenError
from copdns.network.machine import (
    machine_timezone,
    private_addresses,
    resolv_conf_stamp,
    system_resolvers,
)
from tests.unit.kernel import Kernel

OWN = ("127.0.0.1", "192.0.2.1", "::1")


def resolvers(tmp_path: Path, text: str, port: int = 53) -> list[str]:
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    return [each.host for each in system_resolvers(OWN, port, path)]


def test_the_resolvers_are_those_of_resolv_conf_in_their_order(tmp_path: Path) -> None:
    text = """
# made by a program
search home.example
nameserver 192.0.2.53
  nameserver\t2001:db8::53 # the second
nameserver fe80::1%eth0
nameserver 192.0.2.53
options edns0 trust-ad
"""
    assert resolvers(tmp_path, text) == ["192.0.2.53", "2001:db8::53", "fe80::1%eth0"]


def test_we_never_ask_ourselves(tmp_path: Path) -> None:
    text = "nameserver 127.0.0.1\nnameserver ::1\nnameserver 127.0.0.53\n"
    assert resolvers(tmp_path, text) == ["127.0.0.53"]
    assert resolvers(tmp_path, text, port=5300) == ["127.0.0.1", "::1", "127.0.0.53"]


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_who_listens_everywhere_is_all_of_loopback(tmp_path: Path, everywhere: str) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\nnameserver ::1\nnameserver 192.0.2.53\n")
    assert system_resolvers([everywhere], 53, path) == (UpstreamAddress("192.0.2.53", 53),)


@pytest.mark.parametrize(
    "text",
    ["", "nameserver", "nameserver here", "nameserver 0.0.0.0", "#nameserver 192.0.2.53", "\0\xff"],
)
def test_what_another_program_wrote_there_is_no_reason_to_fail(tmp_path: Path, text: str) -> None:
    assert resolvers(tmp_path, text) == []


def test_octets_that_are_no_text_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_bytes(b"\xff\xfe\nnameserver 192.0.2.53\n")
    assert system_resolvers(OWN, 53, path) == (UpstreamAddress("192.0.2.53", 53),)


def test_a_missing_file_names_no_resolver(tmp_path: Path) -> None:
    assert system_resolvers(OWN, 53, tmp_path / "none") == ()
    assert resolv_conf_stamp(tmp_path / "none") is None


def test_a_changed_file_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.53\n")
    before = resolv_conf_stamp(path)
    assert resolv_conf_stamp(path) == before
    beside = tmp_path / "new"
    beside.write_text("nameserver 192.0.2.54\n")
    beside.rename(path)  # as the programs that manage it do
    assert resolv_conf_stamp(path) != before


def test_the_own_addresses_are_loopback_and_private_ones_alone() -> None:
    found = private_addresses()
    assert {"127.0.0.1", "::1"} <= set(found)
    assert list(found) == sorted(found)
    assert all(ip_address(each).is_private for each in found)
    assert not any(ip_address(each).is_link_local for each in found)


def test_addresses_that_the_world_or_one_link_reaches_are_not_among_them() -> None:
    own = ("192.168.1.2", "11.0.0.1", "fd00::2", "fe80::2", "2001:4860::2")
    assert private_addresses(Kernel({}, own=own).connect) == (
        "127.0.0.1",
        "192.168.1.2",
        "::1",
        "fd00::2",
    )


def test_a_kernel_that_tells_no_addresses_is_told_with_the_remedy() -> None:
    kernel = Kernel({})
    kernel.error = errno.EPERM
    with pytest.raises(ListenError, match="write the addresses instead"):
        private_addresses(kernel.connect)


@pytest.mark.parametrize(
    ("own", "limits", "expected"),
    [
        ("0::/\n", {"": "max\n"}, None),
        ("0::/\n", {"": "268435456\n"}, 256 << 20),  # a container sees its own limit so
        ("0::/system.slice/copdns.service\n", {"system.slice": "1048576"}, 1 << 20),
        ("0::/a/b\n", {"a": "2097152", "a/b": "1048576"}, 1 << 20),
        ("0::/a/b\n", {"a": "max", "a/b": "max"}, None),
        ("12:memory:/old\n", {}, None),
    ],
)
def test_memory_is_the_machines_or_what_a_container_may_take(
    tmp_path: Path, own: str, limits: dict[str, str], expected: int | None
) -> None:
    (tmp_path / "own").write_text(own)
    for folder, limit in limits.items():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "memory.max").write_text(limit)
    everything = available_memory(tmp_path, tmp_path / "nowhere")
    assert everything > 16 << 20
    assert available_memory(tmp_path, tmp_path / "own") == (expected or everything)


def test_the_zone_of_the_machine_is_the_variables_then_the_files(tmp_path: Path) -> None:
    assert machine_timezone("", tmp_path) == ""
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    assert machine_timezone("", tmp_path) == "Asia/Tokyo"
    (tmp_path / "timezone").write_text("Europe/Paris\n")
    assert machine_timezone("", tmp_path) == "Europe/Paris"
    assert machine_timezone(":America/Lima", tmp_path) == "America/Lima"


@pytest.mark.parametrize("told", ["", "CET-1CEST", "/etc/localtime", "../x", "Mars/Base", "\0"])
def test_what_names_no_zone_is_passed_over(tmp_path: Path, told: str) -> None:
    (tmp_path / "timezone").write_bytes(told.encode() + b"\xff\n")
    assert machine_timezone(told, tmp_path) == ""


@pytest.mark.parametrize("path", ["", "/", "/box", "/box/inner"])
def test_a_limit_of_an_older_control_group_counts_too(tmp_path: Path, path: str) -> None:
    """Version 1: memory has a tree of its own, and in a container its root is the group itself."""
    (tmp_path / "own").write_text(f"9:pids:/elsewhere\n7:memory:{path or '/gone'}\n")
    group = tmp_path / "memory" / ("box" if path.startswith("/box") else "")
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("134217728\n")
    assert available_memory(tmp_path, tmp_path / "own") == 128 << 20
