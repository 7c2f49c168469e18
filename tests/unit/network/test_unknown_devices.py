"""Tests of the list of unknown devices: who gets on it, once, and who leaves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.model.errors import StoreError
from copdns.network.unknown_devices import (
    KEEP_SECONDS,
    MAX_DEVICES,
    MAX_NEWCOMERS,
    UnknownDevice,
    UpdatedUnknown,
    find_named,
    update_unknown,
)
from copdns.policy.snapshot import UnknownClient
from copdns.store.log_db.unknown_devices import (
    load_highest_numbers,
    load_unknown_devices,
    save_unknown_devices,
)

NOW = 1_774_800_000
TODAY = NOW // 86_400 * 86_400
CARD, OTHER = "02:00:00:00:00:99", "00:00:5e:00:53:01"


def notice(address: str = "192.0.2.99", mac: str = CARD, device: str = "") -> UnknownClient:
    return UnknownClient("home", device, address, mac)


def seen(
    *notices: UnknownClient, before: Iterable[UnknownDevice] = (), name: str = "", now: float = NOW
) -> UpdatedUnknown:
    return update_unknown(before, notices, lambda _: name, now)


def test_a_newcomer_is_noted_with_what_helps_to_tell_it() -> None:
    found = seen(notice(), name="tablet")
    (visitor,) = found.devices
    assert visitor == UnknownDevice("home", "u1", "", CARD, "192.0.2.99", "tablet", NOW, TODAY)
    assert found.newcomers == found.devices
    assert visitor.is_private
    assert not replace(visitor, mac=OTHER).is_private


def test_one_card_is_one_visitor_whatever_its_address() -> None:
    first = seen(notice(), notice("2001:db8::99"))
    again = seen(notice("2001:db8::9a"), before=first.devices, now=NOW + 86_400)
    assert [each.id for each in first.newcomers] == ["u1"]
    assert again.newcomers == ()
    assert again.devices == (
        replace(first.devices[0], address="2001:db8::9a", last=TODAY + 86_400),
    )


def test_a_card_that_is_seen_later_makes_no_second_visitor() -> None:
    first = seen(notice(mac=""))
    again = seen(notice(), before=first.devices)
    assert (again.newcomers, again.devices[0].mac) == ((), CARD)


def test_a_name_of_before_stays_when_no_lease_tells_one() -> None:
    first = seen(notice(), name="tablet")
    assert seen(notice(), before=first.devices).devices[0].name == "tablet"


@pytest.mark.parametrize("address", ["2001:db8::99", "127.0.0.9", "::1"])
def test_an_address_that_tells_no_device_is_not_noted_without_a_card(address: str) -> None:
    assert seen(notice(address, mac="")) == ((), ())


def test_ids_are_counted_by_household() -> None:
    there = UnknownClient("there", "", "192.0.2.99", CARD)
    found = seen(notice(), there, notice(mac=OTHER))
    assert [(each.household, each.id) for each in found.devices] == [
        ("home", "u1"),
        ("there", "u1"),
        ("home", "u2"),
    ]


def test_the_id_of_one_who_is_gone_is_nobody_elses(tmp_path: Path) -> None:
    gone = seen(notice(), notice(mac=OTHER)).devices
    save_unknown_devices(tmp_path, gone)
    save_unknown_devices(tmp_path, ())
    numbers = load_highest_numbers(tmp_path)
    assert numbers == {"home": 2}
    after = update_unknown((), [notice(mac="02:00:00:00:00:98")], lambda _: "", NOW, numbers)
    assert [each.id for each in after.devices] == ["u3"]


def test_who_was_not_seen_for_30_days_is_forgotten() -> None:
    first = seen(notice()).devices
    assert seen(before=first, now=TODAY + KEEP_SECONDS - 1).devices == first
    assert seen(before=first, now=TODAY + KEEP_SECONDS).devices == ()


def test_a_crowd_comes_in_by_and_by_and_only_so_many_stay() -> None:
    crowd = [
        notice(mac=f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}") for number in range(300)
    ]
    found = seen(*crowd)
    assert len(found.newcomers) == MAX_NEWCOMERS
    for _ in range(40):
        found = seen(*crowd, before=found.devices)
    assert len(found.devices) == MAX_DEVICES


def test_who_got_a_name_is_no_visitor_any_more() -> None:
    visitors = seen(notice(), notice(mac=OTHER)).devices
    owners = {CARD: "tablet"}
    assert list(find_named(visitors, lambda each: owners.get(each.mac, ""))) == [
        (visitors[0], "tablet")
    ]


def test_visitors_are_kept_and_read_back(tmp_path: Path) -> None:
    visitors = seen(notice(), notice("192.0.2.40", OTHER, "laptop"), name="x").devices
    assert load_unknown_devices(tmp_path) == ()
    assert not (tmp_path / "log.db").exists()
    save_unknown_devices(tmp_path, visitors)
    assert load_unknown_devices(tmp_path) == visitors
    save_unknown_devices(tmp_path, visitors[1:])
    assert load_unknown_devices(tmp_path) == visitors[1:]


def test_visitors_who_are_gone_leave_no_octet_on_the_disk(tmp_path: Path) -> None:
    save_unknown_devices(tmp_path, seen(notice(), name="tablet").devices)
    save_unknown_devices(tmp_path, ())
    octets = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert CARD.encode() not in octets


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        save_unknown_devices(tmp_path / "file", ())
