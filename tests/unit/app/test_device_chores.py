"""Tests of what happens beside the answering: unknown devices are noted once, and told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from copdns.app.device_chores import IDENTIFY_ANEW_EVERY, DeviceChores
from copdns.events.bus import EventBus
from copdns.model.events import DeviceEvent, Event, EventKind
from copdns.model.household import Device
from copdns.network.same_client import MIN_QUESTIONS, MIN_SECONDS
from copdns.settings.config import IdentitySettings, LeaseFile
from copdns.store.log_db.unknown_devices import load_unknown_devices
from tests.unit.kernel import Kernel, entry
from tests.unit.recognising import CARD, HOUSE, STRANGE, Recognising


class Desk:
    """A reception, and the events that it told."""

    def __init__(self, folder: Path, kernel: Kernel) -> None:
        self.folder = folder
        self.home = Recognising(kernel)
        self.heard: list[Event] = []
        self.questions = 0
        self.names: list[str] = []
        self.reception = self.another()

    def another(self) -> DeviceChores:
        """Return a reception as after a start."""
        events = EventBus()
        events.subscribe(self.heard.append)
        return DeviceChores(
            self.folder,
            self.home.recognition,
            self.home.clock,
            lambda: self.questions,
            events,
            lambda records: self.names.__setitem__(slice(None), records),
        )

    async def ask(self, *addresses: str) -> list[Event]:
        """Let devices ask, and return what was told of it."""
        for each in addresses:
            self.home.whose(each)
        before = len(self.heard)
        await self.reception.run_once()
        return self.heard[before:]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path, Kernel({"192.0.2.8": CARD, "192.0.2.99": STRANGE}))
    await made.reception.configure(IdentitySettings())
    yield made
    made.home.close()


UNKNOWN = DeviceEvent(EventKind.UNKNOWN_DEVICE, "home", "u1", private=True)


async def test_an_unknown_device_is_told_once(desk: Desk) -> None:
    assert await desk.ask("192.0.2.8") == []  # Mia's tablet
    assert await desk.ask("192.0.2.99") == [UNKNOWN]
    desk.home.kernel.tell(entry("2001:db8::99", STRANGE))
    assert await desk.ask("192.0.2.99", "2001:db8::99") == []
    (visitor,) = load_unknown_devices(desk.folder)
    assert (visitor.mac, visitor.address) == (STRANGE, "2001:db8::99")


async def test_an_unknown_device_is_not_told_again_after_a_start(desk: Desk) -> None:
    await desk.ask("192.0.2.99")
    desk.reception = desk.another()
    desk.home.change()
    assert await desk.ask("192.0.2.99") == []


async def test_who_is_recognised_a_moment_later_was_never_unknown(desk: Desk) -> None:
    assert desk.home.whose("192.0.2.50") == "tcp"
    desk.home.kernel.tell(entry("192.0.2.50", CARD))
    assert await desk.ask("192.0.2.50") == []


async def test_a_card_that_is_seen_after_the_answer_is_noted(desk: Desk) -> None:
    desk.home.change(replace(HOUSE, devices=()))  # nobody is looked for where no MAC is written
    desk.home.whose("192.0.2.50")
    desk.home.kernel.tell(entry("192.0.2.50", STRANGE))
    desk.home.recognition._neighbours._follow()
    assert await desk.ask() == [UNKNOWN]


async def test_a_device_that_got_a_name_is_told_and_leaves_the_list(desk: Desk) -> None:
    await desk.ask("192.0.2.99")
    phone = Device("phone", "", "mia", (), (STRANGE,))
    desk.home.change(replace(HOUSE, devices=(*HOUSE.devices, phone)))
    assert await desk.ask("192.0.2.99") == [
        DeviceEvent(EventKind.DEVICE_RECOGNISED, "home", "u1", "phone")
    ]
    assert load_unknown_devices(desk.folder) == ()


async def test_a_card_at_the_address_of_a_known_device_is_told(desk: Desk) -> None:
    laptop = Device("laptop", "", "mia", ("192.0.2.99",))
    desk.home.change(replace(HOUSE, devices=(*HOUSE.devices, laptop)))
    assert await desk.ask("192.0.2.99") == [
        DeviceEvent(EventKind.UNKNOWN_MAC, "home", "u1", "laptop", private=True)
    ]
    desk.home.change(replace(HOUSE, devices=(replace(laptop, macs=(STRANGE,)),)))
    assert await desk.ask() == [DeviceEvent(EventKind.DEVICE_RECOGNISED, "home", "u1", "laptop")]


async def test_who_asks_all_the_time_is_not_forgotten(desk: Desk) -> None:
    for _ in range(40):
        await desk.ask("192.0.2.99")
        desk.home.clock.wait(86_400)
    assert len(load_unknown_devices(desk.folder)) == 1
    assert desk.heard == [UNKNOWN]
    assert IDENTIFY_ANEW_EVERY < 86_400


async def test_leases_give_names_and_macs_that_the_kernel_does_not_tell(desk: Desk) -> None:
    path = desk.folder / "dnsmasq.leases"
    path.write_text(f"0 {CARD} 192.0.2.60 tablet *\n0 {STRANGE} 192.0.2.61 visitor *\n")
    off = IdentitySettings(neighbours="off", leases=(LeaseFile(path=str(path)),))
    await desk.reception.configure(off)
    assert desk.home.whose("192.0.2.60") == "mia"
    assert await desk.ask("192.0.2.61") == [UNKNOWN]
    assert load_unknown_devices(desk.folder)[0].name == "visitor"
    path.write_text(f"0 {CARD} 192.0.2.61 tablet *\n")
    await desk.ask()
    assert (desk.home.whose("192.0.2.61"), desk.home.whose("192.0.2.60")) == ("mia", "guest")


async def test_leased_devices_have_names_only_where_the_settings_say_so(desk: Desk) -> None:
    path = desk.folder / "dnsmasq.leases"
    path.write_text(f"0 {CARD} 192.168.1.60 tablet *\n")
    leases = (LeaseFile(path=str(path)),)
    await desk.reception.configure(IdentitySettings(leases=leases))
    assert desk.names == []
    await desk.reception.configure(IdentitySettings(leases=leases, lease_domain="lan"))
    assert desk.names == ["tablet.lan", "60.1.168.192.in-addr.arpa"]
    path.write_text("")
    await desk.ask()
    assert desk.names == []


async def test_a_disk_that_fails_is_told_once_and_tried_again(desk: Desk) -> None:
    await desk.reception.run_once()
    (desk.folder / "log.db").mkdir()
    with capture_logs() as logs:
        await desk.ask("192.0.2.99")
        await desk.ask("192.0.2.99")
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == [
        "unknown devices are not recorded"
    ]
    (desk.folder / "log.db").rmdir()
    await desk.ask()
    assert len(load_unknown_devices(desk.folder)) == 1


async def test_when_all_look_alike_that_is_a_warning_until_it_is_over(desk: Desk) -> None:
    desk.home.change(replace(HOUSE, devices=()))
    desk.home.clock.wait(MIN_SECONDS)
    desk.questions = MIN_QUESTIONS
    with capture_logs() as logs:
        await desk.ask("192.0.2.99")
        await desk.ask("192.0.2.99")
    assert "come from one address" in desk.reception.warning
    assert [each["event"] for each in logs].count("all queries come from one device") == 1
    await desk.ask("192.0.2.8")
    assert desk.reception.warning == ""
