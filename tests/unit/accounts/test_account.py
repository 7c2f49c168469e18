"""A guest has somebody's rules for a while, at its address and MAC, and then none."""

from __future__ import annotations

from copdns.accounts.account import Guest, GuestKind, with_guests
from copdns.model.verdict import Requestor
from copdns.policy.build_snapshot import build_snapshot
from tests.household import DEFAULTS, LISTENER, NOW, family, library

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


def test_a_guest_of_nobody_changes_nothing() -> None:
    assert with_guests(family(), [GUEST._replace(profile="")], NOW) == family()
    assert with_guests(family(), [GUEST._replace(profile="gone")], NOW) == family()
