"""For which devices of a provider's subscriber a person's rules hold."""

from __future__ import annotations

from dataclasses import replace

from copdns.model.household import Band, Device, Household, Profile
from copdns.model.times import FailureChoices, OnFailure
from copdns.policy.rules_reach import devices_told_apart, find_reach

MIA, TOM = Profile("mia", "Mia", Band.TO_9), Profile("tom", "Tom", Band.TO_15)
TABLET = Device("tablet", "Tablet", "mia", (), tokens=("a" * 64,))
PHONE = Device("phone", "Phone", "tom", (), ("02:00:00:00:00:02",))
CONSOLE = Device("console", "Console", "tom", ("192.0.2.7",))
HOME = Household("ada", "Home", profiles=(MIA, TOM), guest="tom", devices=(TABLET, PHONE, CONSOLE))


def test_a_token_tells_a_device_apart_and_a_mac_address_where_routers_tell_it() -> None:
    assert devices_told_apart(HOME, has_macs_told=False) == (TABLET,)
    assert devices_told_apart(HOME, has_macs_told=True) == (TABLET, PHONE)


def test_a_persons_rules_hold_for_the_line_or_for_what_is_told_apart() -> None:
    mias = find_reach(HOME, MIA, has_macs_told=False)
    assert (mias.is_line, mias.devices, mias.line.name) == (False, (TABLET,), "Tom")
    toms = find_reach(HOME, TOM, has_macs_told=False)
    assert (toms.is_line, toms.devices) == (True, ())
    off = replace(HOME, failures=FailureChoices(devices=OnFailure.OPEN))
    assert not find_reach(off, MIA, has_macs_told=False).is_on
    assert not find_reach(replace(HOME, guest=""), MIA, has_macs_told=False).is_on
