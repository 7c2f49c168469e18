"""The upstreams that a household chose for all names: who decides, and how they are written."""

from __future__ import annotations

import pytest

from copdns.app.upstreams_in_force import chosen_by
from copdns.household.announcements import changed_lookups
from copdns.household.check import KnownIds
from copdns.household.dump import dump
from copdns.household.file import parse
from copdns.household.name_edits import (
    remove_usual_upstreams,
    set_split_upstream,
    set_usual_upstreams,
)
from copdns.model.encrypted_addresses import server_address
from copdns.model.errors import HouseholdError, TextError
from copdns.model.scoped_names import ScopedName, read_scoped_name
from copdns.settings.config import SYSTEM, UpstreamSettings, are_encrypted
from tests.household import MIA, family, policy

HOUSE = family(MIA)
ENCRYPTED = "tls://dns.example@192.0.2.1"
KNOWN = KnownIds(
    filters=lambda each: each.host == "192.0.2.9",
    is_copdns=lambda each: each.host == "127.0.0.1",
)


def test_they_are_set_changed_and_given_back() -> None:
    house = set_usual_upstreams(HOUSE, ["192.0.2.1", "192.0.2.1:53"], KNOWN)
    assert house.usual_upstreams == ("192.0.2.1:53",)
    house = set_usual_upstreams(house, [ENCRYPTED], KNOWN)
    assert house.usual_upstreams == (ENCRYPTED,)
    assert len(house.split_upstreams) == 1
    assert remove_usual_upstreams(house) == remove_usual_upstreams(HOUSE) == HOUSE


@pytest.mark.parametrize(
    "servers",
    [["dns.example"], ["tls://dns.example"], ["127.0.0.1"], ["fe80::1"], ["192.0.2.1", "x"], []],
)
def test_what_could_never_answer_is_refused(servers: list[str]) -> None:
    with pytest.raises(HouseholdError):
        set_usual_upstreams(HOUSE, servers, KNOWN)


def test_one_that_filters_does_not_stand_beside_one_that_does_not() -> None:
    mixed = ["192.0.2.1", "192.0.2.9"]
    with pytest.raises(HouseholdError, match=r"192\.0\.2\.9:53 blocks some sites on its own"):
        set_usual_upstreams(HOUSE, mixed, KNOWN)
    with pytest.raises(HouseholdError, match="of one kind"):
        set_split_upstream(HOUSE, "work.example", mixed, KNOWN)
    assert set_usual_upstreams(HOUSE, ["192.0.2.9"], KNOWN).usual_upstreams == ("192.0.2.9:53",)


def test_what_the_settings_name_goes_before() -> None:
    house = set_usual_upstreams(HOUSE, [ENCRYPTED], KNOWN)
    free, named = UpstreamSettings(), UpstreamSettings(servers=("192.0.2.7",))
    assert (free.are_fixed, named.are_fixed) == (False, True)
    assert free.usual_servers(()) == (SYSTEM,)
    assert free.usual_servers(house.usual_upstreams) == (server_address(ENCRYPTED),)
    assert named.usual_servers(house.usual_upstreams) == (server_address("192.0.2.7"),)
    assert are_encrypted(free.usual_servers(house.usual_upstreams))
    assert not are_encrypted(free.usual_servers(()))


def test_where_several_households_share_a_machine_none_chooses_for_all() -> None:
    house = set_usual_upstreams(HOUSE, [ENCRYPTED], KNOWN)
    assert chosen_by([house]) == (ENCRYPTED,)
    assert chosen_by([house, HOUSE]) == chosen_by([]) == ()


def test_a_dot_alone_is_read_only_where_the_usual_ones_can_stand() -> None:
    assert read_scoped_name(".", usual=True) == ScopedName("")
    with pytest.raises(TextError):
        read_scoped_name(".")


def test_the_file_of_a_household_has_them() -> None:
    house = set_usual_upstreams(HOUSE, [ENCRYPTED], KNOWN)
    assert parse(dump(house), "house.yaml", KNOWN).usual_upstreams == (ENCRYPTED,)


def test_they_are_no_forwarded_domain() -> None:
    house = set_usual_upstreams(HOUSE, [ENCRYPTED], KNOWN)
    assert changed_lookups(HOUSE, house) == ()
    assert policy(house=house).splits is None
