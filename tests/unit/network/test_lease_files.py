"""Tests of lease files that are followed: they come, change, go, and cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from copdns.network.lease_files import MAX_OCTETS, REREAD_AFTER, LeaseFiles
from copdns.network.leases import Lease

NOW = 1_774_800_000.0
TABLET = Lease("192.0.2.8", "02:00:00:00:00:08", "tablet")
PHONE = Lease("192.0.2.15", "02:00:00:00:00:15", "phone")


def line(lease: Lease, until: float = NOW + 60) -> str:
    return f"{int(until)} {lease.mac} {lease.address} {lease.name} *\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dnsmasq.leases"


@pytest.fixture
def files(path: Path) -> LeaseFiles:
    return LeaseFiles.from_settings([(str(path), "auto")])


def test_a_file_is_read_when_it_changed_and_only_then(path: Path, files: LeaseFiles) -> None:
    path.write_text(line(TABLET))
    assert files.read(NOW) == (TABLET,)
    assert files.read(NOW) is None
    path.write_text(line(TABLET) + line(PHONE))
    assert files.read(NOW) == (TABLET, PHONE)


def test_a_file_that_is_replaced_by_another_is_seen(path: Path, files: LeaseFiles) -> None:
    path.write_text(line(TABLET))
    files.read(NOW)
    stamp = path.stat()
    other = path.with_suffix(".new")
    other.write_text(line(PHONE).replace("phone", "phones"))  # as long as the first
    os.utime(other, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    other.rename(path)
    assert files.read(NOW) is not None


def test_a_lease_ends_though_the_file_does_not_change(path: Path, files: LeaseFiles) -> None:
    path.write_text(line(TABLET))
    files.read(NOW)
    assert files.read(NOW + REREAD_AFTER) == ()


def test_a_file_that_is_not_there_is_told_once_and_waited_for(
    path: Path, files: LeaseFiles
) -> None:
    with capture_logs() as logs:
        assert files.read(NOW) is None
        assert files.read(NOW) is None
        path.write_text(line(TABLET))
        assert files.read(NOW) == (TABLET,)
        path.unlink()
        assert files.read(NOW) == ()
    assert [each["event"] for each in logs] == ["a lease file cannot be read"] * 2


def test_several_files_are_put_together(path: Path) -> None:
    other = path.with_name("hosts")
    path.write_text(line(TABLET))
    other.write_text("2001:db8::15 phone\n")
    files = LeaseFiles.from_settings([(str(path), "dnsmasq"), (str(other), "odhcpd")])
    assert files.read(NOW) == (TABLET, Lease("2001:db8::15", "", "phone"))
    path.write_text("")
    assert files.read(NOW) == (Lease("2001:db8::15", "", "phone"),)


def test_a_file_without_end_is_read_to_a_bound(path: Path, files: LeaseFiles) -> None:
    path.write_text(line(TABLET) + "x" * MAX_OCTETS + "\n" + line(PHONE))
    assert files.read(NOW) == (TABLET,)
