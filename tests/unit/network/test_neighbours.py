"""Tests of the followed table of neighbours, over a kernel that answers as Linux does."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from copdns.network.neighbours import Neighbours, NeighbourState
from tests.unit.kernel import GONE, Kernel, entry

CARD, OTHER = "02:00:00:00:00:08", "02:00:00:00:00:15"


class Followed:
    """Neighbours of a kernel, and how often they said that something changed."""

    def __init__(self, kernel: Kernel) -> None:
        self.changes = 0
        self.told = asyncio.Event()
        self.neighbours = Neighbours(asyncio.get_running_loop(), self._changed, kernel.connect)
        self.neighbours.open()

    def _changed(self) -> None:
        self.changes += 1
        self.told.set()

    async def change(self) -> None:
        """Wait until the next change is told."""
        self.told.clear()
        await asyncio.wait_for(self.told.wait(), 10)

    @property
    def table(self) -> dict[str, str]:
        assert self.neighbours.table is not None
        return dict(self.neighbours.table)


@pytest.fixture
def kernel() -> Kernel:
    return Kernel({"192.0.2.8": CARD, "2001:db8::8": CARD})


@pytest.fixture
async def followed(kernel: Kernel) -> AsyncIterator[Followed]:
    made = Followed(kernel)
    yield made
    made.neighbours.close()
    for each in kernel.sockets:
        each.close()


async def test_the_table_is_read_at_the_start(followed: Followed) -> None:
    assert followed.table == {"192.0.2.8": CARD, "2001:db8::8": CARD}
    assert followed.changes == 1


async def test_what_comes_and_goes_is_followed(kernel: Kernel, followed: Followed) -> None:
    kernel.tell(entry("192.0.2.15", OTHER), entry("192.0.2.8", CARD, kind=GONE))
    await followed.change()
    assert followed.table == {"192.0.2.15": OTHER, "2001:db8::8": CARD}
    kernel.tell(entry("192.0.2.15", CARD))
    await followed.change()
    assert followed.table["192.0.2.15"] == CARD


async def test_a_sign_of_life_is_no_change(kernel: Kernel, followed: Followed) -> None:
    kernel.tell(entry("192.0.2.8", CARD))
    assert followed.neighbours.look_up("192.0.2.8") is NeighbourState.KNOWN
    assert followed.changes == 1


async def test_an_address_that_two_networks_have_is_nobodys(
    kernel: Kernel, followed: Followed
) -> None:
    kernel.tell(entry("fe80::1", CARD, interface=2), entry("fe80::1", OTHER, interface=3))
    followed.neighbours.look_up("192.0.2.8")
    assert "fe80::1" not in followed.table
    kernel.tell(entry("fe80::1", interface=3, kind=GONE))
    followed.neighbours.look_up("192.0.2.8")
    assert followed.table["fe80::1"] == CARD


async def test_a_new_address_is_looked_for_at_once(kernel: Kernel, followed: Followed) -> None:
    kernel.neighbours["2001:db8::99"] = CARD  # and the news of it is still on its way
    assert followed.neighbours.look_up("2001:db8::99") is NeighbourState.KNOWN
    assert followed.table["2001:db8::99"] == CARD
    assert followed.changes == 2


async def test_news_that_waits_is_read_before_the_kernel_is_asked(
    kernel: Kernel, followed: Followed
) -> None:
    kernel.tell(entry("192.0.2.77", CARD))
    before = kernel.asked
    assert followed.neighbours.look_up("192.0.2.77") is NeighbourState.KNOWN
    assert kernel.asked == before


async def test_who_is_not_a_neighbour_is_told_from_who_has_not_spoken_yet(
    followed: Followed,
) -> None:
    assert followed.neighbours.look_up("192.0.2.99") is NeighbourState.SILENT
    assert followed.neighbours.look_up("203.0.113.9") is NeighbourState.BEYOND


async def test_when_too_much_changed_at_once_all_is_read_anew(
    kernel: Kernel, followed: Followed
) -> None:
    kernel.neighbours = {"192.0.2.15": OTHER}
    kernel.tell(OSError(errno.ENOBUFS, "full"), entry("192.0.2.15", CARD))  # old news
    await followed.change()
    assert followed.table == {"192.0.2.15": OTHER}


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
async def test_without_a_table_copdns_says_so_and_goes_on(kernel: Kernel, number: int) -> None:
    kernel.error = number
    with capture_logs() as logs:
        followed = Followed(kernel)
    assert followed.neighbours.table is None
    assert followed.neighbours.look_up("192.0.2.8") is NeighbourState.BEYOND
    assert [each["event"] for each in logs] == ["neighbours could not be read"]


async def test_where_there_is_no_netlink_copdns_says_so_and_goes_on() -> None:
    def refuse(_groups: int) -> socket.socket:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with capture_logs() as logs:
        found = Neighbours(asyncio.get_running_loop(), lambda: None, refuse)
        found.open()
    assert found.table is None
    assert logs[0]["error"] == "Operation not permitted"


async def test_a_table_that_fails_later_is_no_evidence_any_more(
    kernel: Kernel, followed: Followed
) -> None:
    kernel.tell(OSError(errno.EIO, "broken"))
    await followed.change()
    assert followed.neighbours.table is None


async def test_the_table_of_this_machine_is_read_without_a_privilege() -> None:
    found = Neighbours(asyncio.get_running_loop(), lambda: None)
    with capture_logs() as logs:
        found.open()
    try:
        assert logs or found.table is not None
        assert found.look_up("127.0.0.1") is NeighbourState.BEYOND
    finally:
        found.close()
