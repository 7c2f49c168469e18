"""A guest has somebody's rules for a while, at its address and MAC, and then none."""

from __future__ import annotations

from dataclasses import replace

from copdns.accounts.account import Guest, GuestKind, with_guests
from copdns.model.device_tokens import token_digest
from copdns.model.household import Device
from copdns.model.verdict import Requestor
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.snapshot import Sightings
from tests.household import ADA, DEFAULTS, LISTENER, MIA, NOW, TOM, family, library

GUEST = Guest("home", "g1", GuestKind.GUEST, "192.0.2.200", "", "mia", "Ada", 0, int(NOW) + 60)


def profile_at(address: str, *guests: Guest, now: float = NOW) -> str:
    live = build_snapshot(None, library(), DEFAULTS, [with_guests(family(), guests, now)], now)
    return live.identify(Requestor(LISTENER, address, "udp")).policy.profile


def test_an_unknown_device_is_somebodys_until_its_time_is_over() -> None:
    assert profile_at("192.0.2.200") == "guest"
    assert profile_at("192.0.2.200", GUEST) == "mia"
    assert profile_at("192.0.2.200", GUEST, now=GUEST.until) == "guest"


def test_who_said_by_pin_who_it_is_outranks_the_device() -> None:
    person = GUEST._replace(address="192.0.2.40", profile="tom")
    assert profile_at("192.0.2.40") == "ada"
    assert profile_at("192.0.2.40", person) == "tom"


MIAS, TOMS = (token_digest(each) for each in ("mias", "toms"))
TABLETS = (
    Device("mia-tablet", "Tablet", "mia", (), tokens=(MIAS,)),
    Device("tom-tablet", "Tablet", "tom", (), tokens=(TOMS,)),
)


def profile_with(token: str, address: str, *guests: Guest, mac: str = "") -> str:
    house = with_guests(family(MIA, TOM, ADA, devices=TABLETS), guests, NOW)
    live = build_snapshot(None, library(), DEFAULTS, [house], NOW)
    seen = live.with_sightings(Sightings({address: mac}) if mac else Sightings())
    return seen.identify(Requestor(LISTENER, address, "tls", token=token)).policy.profile


def test_a_guest_for_a_while_outranks_the_token_of_the_device_where_it_is() -> None:
    tom = GUEST._replace(profile="tom", mac="02:00:00:00:00:01")
    assert profile_with(MIAS, GUEST.address) == "mia"
    assert profile_with(MIAS, GUEST.address, tom) == "tom"
    assert profile_with(MIAS, "192.0.2.201", tom) == "mia"  # it went away, or is another one
    assert profile_with(MIAS, "2001:db8::1", tom, mac=tom.mac) == "tom"
    assert profile_with(token_digest("wrong"), GUEST.address, tom) != "tom"


def test_nobody_becomes_a_guest_in_place_of_a_token_of_somebody_older() -> None:
    """Else what a teenager does would be kept as a child's."""
    assert profile_with(TOMS, GUEST.address, GUEST) == "tom"
    assert profile_with(TOMS, GUEST.address, GUEST._replace(profile="tom")) == "tom"


PHONE, ROUTER = "02:00:00:00:00:01", "02:00:00:00:00:99"
LISTED = Device("mia-phone", "Phone", "mia", ("192.0.2.9",), (PHONE,), tokens=(MIAS,))
AT_TABLET = GUEST._replace(profile="tom", mac=ROUTER)


def is_toms(guest: Guest, *devices: Device) -> bool:
    """Tell whether a guest with Tom's rules counts in place of Mia's token at its address."""
    house = with_guests(family(MIA, TOM, ADA, devices=devices), [guest], NOW)
    live = build_snapshot(None, library(), DEFAULTS, [house], NOW)
    live = live.with_sightings(Sightings({guest.address: guest.mac}))
    asker = Requestor(LISTENER, guest.address, "tls", token=MIAS)
    return live.identify(asker).policy.profile == "tom"


def test_a_guest_counts_in_place_of_the_device_that_is_listed_there_and_of_no_other() -> None:
    """Behind a second router all devices have its address, and its MAC address."""
    assert not is_toms(AT_TABLET, LISTED)
    assert is_toms(AT_TABLET._replace(mac=PHONE), LISTED)
    by_address = replace(LISTED, macs=())
    assert not is_toms(AT_TABLET, by_address)
    assert is_toms(AT_TABLET._replace(address="192.0.2.9"), by_address)
    assert is_toms(AT_TABLET, replace(by_address, addresses=("192.0.2.192/26",)))


def test_a_guest_counts_in_place_of_devices_that_are_listed_nowhere_if_none_is_there() -> None:
    unlisted = replace(LISTED, addresses=(), macs=())
    assert is_toms(AT_TABLET, unlisted)
    tablet = Device("tablet", "Tablet", "ada", (), (ROUTER,))
    assert not is_toms(AT_TABLET, unlisted, tablet)


def test_a_guest_of_nobody_changes_nothing() -> None:
    assert with_guests(family(), [GUEST._replace(profile="")], NOW) == family()
    assert with_guests(family(), [GUEST._replace(profile="gone")], NOW) == family()
