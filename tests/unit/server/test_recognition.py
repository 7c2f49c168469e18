"""Tests of how a device is recognised while its question waits: the real kernel's part is faked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from copdns.server.recognition import MAX_LOOKUPS, MAX_TRUNCATED
from tests.household import asker
from tests.unit.kernel import GONE, Kernel, entry
from tests.unit.recognising import CARD, HOUSE, STRANGE, Recognising

NEW = "2001:db8::99"


@pytest.fixture
async def home() -> AsyncIterator[Recognising]:
    made = Recognising(Kernel({"192.0.2.8": CARD}))
    yield made
    made.close()


async def test_a_device_is_recognised_from_the_first_question(home: Recognising) -> None:
    assert home.whose("192.0.2.8") == "mia"
    home.kernel.neighbours[NEW] = CARD  # it gave itself an address, and the kernel knows
    assert home.whose(NEW) == "mia"


async def test_who_has_not_spoken_with_the_kernel_is_asked_to_come_by_tcp_once(
    home: Recognising,
) -> None:
    assert home.whose(NEW) == "tcp"
    assert home.whose(NEW) == "guest"  # it did not come by TCP, and waits no longer
    home.clock.wait(11)
    assert home.whose(NEW) == "tcp"


async def test_who_comes_by_tcp_is_known_by_then(home: Recognising) -> None:
    assert home.whose(NEW) == "tcp"
    home.kernel.neighbours[NEW] = CARD  # what the answer made the kernel find out
    assert home.whose(NEW, "tcp") == "mia"
    assert home.whose(NEW) == "mia"


async def test_who_came_by_tcp_and_is_no_neighbour_is_left_alone_for_long(
    home: Recognising,
) -> None:
    assert home.whose(NEW, "tcp") == "guest"
    home.clock.wait(300)
    assert home.whose(NEW) == "guest"


async def test_a_guest_whose_mac_is_seen_is_answered_at_once(home: Recognising) -> None:
    home.kernel.neighbours[NEW] = STRANGE
    before = home.kernel.asked
    for _ in range(3):
        assert home.whose(NEW) == "guest"
    assert home.kernel.asked == before + 2  # the way to it and who it is, once


async def test_who_is_behind_a_router_is_looked_for_once_a_minute(home: Recognising) -> None:
    far = "192.0.2.200"
    home.kernel.networks.clear()
    before = home.kernel.asked
    for _ in range(5):
        assert home.whose(far) == "guest"
        home.clock.wait(10)
    assert home.kernel.asked == before + 1


async def test_an_address_that_went_to_another_device_is_no_longer_the_first_ones(
    home: Recognising,
) -> None:
    assert home.whose("192.0.2.8") == "mia"
    home.kernel.tell(entry("192.0.2.8", STRANGE))
    home.recognition._neighbours._follow()
    assert home.whose("192.0.2.8") == "guest"


async def test_an_address_that_the_kernel_forgot_is_looked_for_again(home: Recognising) -> None:
    home.kernel.tell(entry("192.0.2.8", CARD, kind=GONE))
    home.recognition._neighbours._follow()
    assert home.whose("192.0.2.8") == "mia"


async def test_a_flood_of_addresses_is_not_looked_for_without_end(home: Recognising) -> None:
    before = home.kernel.asked
    for number in range(3 * MAX_LOOKUPS):
        home.whose(f"2001:db8::1:{number:x}")
    assert home.kernel.asked - before == 2 * MAX_LOOKUPS
    home.clock.wait(1)
    assert home.whose(NEW) == "tcp"


async def test_few_replies_go_where_nobody_may_be_and_nobody_else_waits_for_that(
    home: Recognising,
) -> None:
    home.kernel.tell(entry("192.0.2.99", STRANGE))
    home.recognition._neighbours._follow()
    flood = [f"2001:db8::1:{number:x}" for number in range(2 * MAX_LOOKUPS)]
    assert [home.whose(each) for each in flood].count("tcp") == MAX_TRUNCATED
    assert [home.whose(each) for each in flood] == [""] * len(flood)  # the same once more
    assert home.whose("192.0.2.8") == "mia"
    assert home.whose("192.0.2.99") == "guest"
    assert home.whose(flood[0], "tcp") == "guest"
    home.clock.wait(1)
    assert home.whose(flood[-1]) == "tcp"  # it asks again, and gets its turn


async def test_a_changed_household_is_dressed_with_what_is_seen(home: Recognising) -> None:
    home.change(HOUSE)
    assert home.whose("192.0.2.8") == "mia"


async def test_without_neighbours_nobody_is_looked_for(home: Recognising) -> None:
    home.recognition.start(neighbours=False)
    assert home.whose(NEW) == "guest"
    assert home.whose("192.0.2.8") == "guest"


async def test_what_is_no_plain_question_goes_its_usual_way(home: Recognising) -> None:
    assert home.send(b"\0\1\0", asker(NEW)) is None
    assert home.send(bytes(11) + b"\1", asker(NEW)) is not None  # an error, and at once
