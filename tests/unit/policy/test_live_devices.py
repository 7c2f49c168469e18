"""Tests of whose device asks, by what is seen of the network beside its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from copdns.model.device_tokens import token_digest
from copdns.model.household import Device, Household
from copdns.model.verdict import AnswerDefaults, Requestor
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.guest import GUEST
from copdns.policy.snapshot import Client, Sightings, Snapshot, UnknownClient
from tests.household import BO, DEFAULTS, NOW, family, library

LISTS = library()
TABLET, PHONE, LAPTOP = "02:00:00:00:00:08", "02:00:00:00:00:15", "02:00:00:00:00:40"
STRANGE = "02:00:00:00:00:99"

HOUSE = family(
    devices=(
        Device("tablet", "", "mia", (), (TABLET, "02:00:00:00:00:09")),
        Device("phone", "", "tom", ("192.0.2.15",), (PHONE,)),
        Device("laptop", "", "ada", ("192.0.2.40",)),
        Device("rooms", "", "tom", ("192.0.2.96/28",)),
    )
)


def snapshot(
    house: Household = HOUSE,
    near: Mapping[str, str] | None = None,
    leases: Mapping[str, str] | None = None,
) -> Snapshot:
    """Return the live state of a house that sees its neighbours, and what leases say."""
    return build_snapshot(None, LISTS, DEFAULTS, (house,), NOW).with_sightings(
        Sightings(near or {}, leases or {})
    )


def who(live: Snapshot, address: str, mac: str = "") -> str:
    client = live.identify(Requestor("", address, "udp", mac))
    return client.device or client.policy.profile


# --- evidence, the strongest first ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "near", "leased", "address", "device"),
    [
        (PHONE, TABLET, TABLET, "192.0.2.40", "phone"),  # a forwarder knows best
        ("", PHONE, TABLET, "192.0.2.40", "phone"),  # then the neighbours of this machine
        ("", "", PHONE, "192.0.2.40", "phone"),  # then who was given the address
        ("", "", "", "192.0.2.40", "laptop"),  # then the address itself
        ("", "", "", "192.0.2.97", "rooms"),  # then the network
        ("", "", "", "192.0.2.200", GUEST),
    ],
)
def test_the_strongest_evidence_decides(
    told: str, near: str, leased: str, address: str, device: str
) -> None:
    live = snapshot(near={address: near}, leases={address: leased} if leased else {})
    assert who(live, address, told) == device


@pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8::77", "2001:db8::a:b", "192.0.2.40"])
def test_a_device_keeps_its_profile_at_every_address(address: str) -> None:
    assert who(snapshot(near={address: TABLET}), address) == "tablet"


def test_a_device_is_known_by_each_of_its_macs() -> None:
    live = snapshot(near={"192.0.2.77": "02:00:00:00:00:09"})
    assert who(live, "192.0.2.77") == "tablet"


def test_a_device_that_is_known_is_served_at_an_address_of_any_network() -> None:
    assert who(snapshot(near={BO: TABLET}), BO) == "tablet"


# --- when evidence disagrees ----------------------------------------------------------------------


def test_an_address_that_another_known_device_took_is_that_device() -> None:
    assert who(snapshot(near={"192.0.2.15": TABLET}), "192.0.2.15") == "tablet"


def test_an_unknown_mac_takes_no_address_from_a_device_with_macs_of_its_own() -> None:
    live = snapshot(near={"192.0.2.15": STRANGE})
    assert who(live, "192.0.2.15") == GUEST


def test_a_device_without_macs_is_known_by_its_address_whatever_mac_is_there() -> None:
    assert who(snapshot(near={"192.0.2.40": STRANGE}), "192.0.2.40") == "laptop"
    assert who(snapshot(near={"192.0.2.97": STRANGE}), "192.0.2.97") == "rooms"


def test_a_network_of_a_device_with_macs_is_no_way_round_them() -> None:
    devices = (Device("rooms", "", "ada", ("192.0.2.96/28",), (LAPTOP,)),)
    live = snapshot(replace(HOUSE, devices=devices), near={"192.0.2.97": STRANGE})
    assert who(live, "192.0.2.97") == GUEST
    assert who(live, "192.0.2.98") == "rooms"


def test_an_old_lease_does_not_stand_against_what_is_seen_now() -> None:
    live = snapshot(near={"192.0.2.77": STRANGE}, leases={"192.0.2.77": TABLET})
    assert who(live, "192.0.2.77") == GUEST


def test_whom_a_forwarder_tells_is_not_taken_for_the_forwarder() -> None:
    live = snapshot(near={"192.0.2.77": TABLET})
    assert who(live, "192.0.2.77", STRANGE) == GUEST
    assert who(live, "192.0.2.77", PHONE) == "phone"
    assert who(live, "192.0.2.77") == "tablet"


# --- who may be somebody else yet -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "mac", "sure"),
    [
        ("192.0.2.200", "", False),  # a guest, or a tablet with a new address
        ("192.0.2.97", "", False),
        (BO, "", False),
        ("192.0.2.15", "", True),  # its own address
        ("192.0.2.200", STRANGE, True),
        ("192.0.2.200", TABLET, True),
        ("127.0.0.1", "", True),
    ],
)
def test_only_who_has_neither_mac_nor_address_of_a_device_is_looked_for(
    address: str, mac: str, sure: bool
) -> None:
    live = snapshot(near={address: mac} if mac else {})
    assert live.identify(Requestor("", address, "udp")).is_certain is sure


def test_nobody_is_looked_for_where_no_mac_is_written_or_none_can_be_seen() -> None:
    asker = Requestor("", "192.0.2.200", "udp")
    assert snapshot(family()).identify(asker).is_certain
    assert build_snapshot(None, LISTS, DEFAULTS, (HOUSE,), NOW).identify(asker).is_certain


# --- what changes when the network does -----------------------------------------------------------


def test_what_is_seen_of_the_network_changes_no_policy_and_no_snapshot_before() -> None:
    before = snapshot()
    assert who(before, "192.0.2.77") == GUEST
    after = before.with_sightings(Sightings({"192.0.2.77": TABLET}))
    assert after is not before
    assert after.policies is before.policies
    assert (who(before, "192.0.2.77"), who(after, "192.0.2.77")) == (GUEST, "tablet")


def test_a_change_of_the_household_keeps_what_was_seen() -> None:
    before = snapshot(near={"192.0.2.77": LAPTOP})
    assert who(before, "192.0.2.77") == GUEST
    claimed = replace(HOUSE, devices=(Device("laptop", "", "ada", (), (LAPTOP,)),))
    after = build_snapshot(before, LISTS, DEFAULTS, (claimed,), NOW)
    assert who(after, "192.0.2.77") == "laptop"


# --- whom a guardian may want to name -------------------------------------------------------------


def test_who_is_not_named_is_noticed_once_and_others_are_not() -> None:
    live = snapshot(near={"192.0.2.77": TABLET, "192.0.2.78": STRANGE, "2001:db8::78": STRANGE})
    for address in ("192.0.2.77", "192.0.2.78", "2001:db8::78", "192.0.2.15", "192.0.2.9", BO):
        for _ in range(2):
            live.identify(Requestor("", address, "udp"))
    assert set(live.take_unknown()) == {
        UnknownClient("home", "", "2001:db8::78", STRANGE),
        UnknownClient("home", "", "192.0.2.9", ""),
    }
    live.identify(Requestor("", "192.0.2.78", "udp"))
    assert live.take_unknown() == ()


def test_the_mac_of_a_device_that_is_known_by_address_only_is_noticed() -> None:
    live = snapshot(near={"192.0.2.40": STRANGE})
    live.identify(Requestor("", "192.0.2.40", "udp"))
    assert live.take_unknown() == (UnknownClient("home", "laptop", "192.0.2.40", STRANGE),)


def test_many_unknown_devices_are_noticed_up_to_a_bound() -> None:
    live = snapshot()
    for number in range(1100):
        live.identify(Requestor("", f"2001:db8::{number:x}", "udp"))
    assert len(live.take_unknown()) == 1024


# --- tokens -----------------------------------------------------------------------------------


TOKEN, REVOKED = token_digest("a" * 26), token_digest("b" * 26)
AWAY = "203.0.113.7"


def with_token(*tokens: str) -> Household:
    tablet, *others = HOUSE.devices
    return replace(HOUSE, devices=(replace(tablet, tokens=tokens), *others))


def shows(live: Snapshot, token: str, address: str = AWAY, mac: str = "") -> Client:
    return live.identify(Requestor("", address, "tls", mac, token=token))


def live_with(defaults: AnswerDefaults, *tokens: str) -> Snapshot:
    return build_snapshot(None, LISTS, defaults, (with_token(*tokens),), NOW)


def test_a_token_wins_over_all_that_the_network_shows() -> None:
    live = live_with(DEFAULTS, TOKEN)
    for address, mac in ((AWAY, ""), ("192.0.2.40", ""), ("192.0.2.40", PHONE)):
        found = shows(live, TOKEN, address, mac)
        assert (found.device, found.policy.profile, found.is_certain) == ("tablet", "mia", True)
    # It is the same client as the one at home, so that limits and minutes are shared.
    assert shows(live, TOKEN) == live.identify(Requestor("", "192.0.2.9", "udp", TABLET))


@pytest.mark.parametrize("token", [REVOKED, token_digest("")])
@pytest.mark.parametrize("address", [AWAY, "192.0.2.40"])
def test_a_wrong_token_is_a_guest_or_refused_wherever_it_comes_from(
    token: str, address: str
) -> None:
    guests = live_with(replace(DEFAULTS, unknown_is_guest=True), TOKEN)
    refuses = live_with(DEFAULTS, TOKEN)
    found = shows(guests, token, address, PHONE)
    assert (found.device, found.policy.profile) == ("", GUEST)
    assert shows(refuses, token, address, PHONE).household == ""
    assert guests.has_token(TOKEN)
    assert not guests.has_token(token)


def test_nothing_is_remembered_of_where_a_token_was_shown() -> None:
    live = live_with(replace(DEFAULTS, unknown_is_guest=True), TOKEN)
    shows(live, TOKEN)
    shows(live, REVOKED)
    shows(live, TOKEN, AWAY, STRANGE)
    assert list(live.recent_requestors(10)) == []
    assert live.take_unknown() == ()
