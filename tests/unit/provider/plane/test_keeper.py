"""What a node's tables get of households, lines and addresses, as they come and go."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from copdns.model.device_tokens import token_digest
from copdns.model.household import Band, Device, Household, Profile
from copdns.model.times import FailureChoices, OnFailure, Schedule, Slot, Topic, TopicKind
from copdns.model.verdict import Reason
from copdns.provider.plane.keeper import LAW_ALONE, STRANGERS, PlaneKeeper
from copdns.provider.plane.line_shares import SOON, share_of
from copdns.provider.plane.list_slugs import ListSlugs
from copdns.provider.plane.rows import PlaneTable, change_rows, snapshot_rows
from copdns.provider.plane.snapshot import (
    ListedNames,
    PlaneChange,
    PolicyClass,
    Subscriber,
    TokenOwner,
    address_key,
    ports_key,
)
from tests.household import NOW, block

SLUGS = ListSlugs({Topic(TopicKind.CATEGORY, "games"): frozenset({"starter-games"})})
ONE, TWO = address_key("192.0.2.1"), address_key("192.0.2.2")
NINE = NOW + 5 * 3600
NIGHT = Schedule("bedtime", "", (Slot(frozenset({"daily"}), 21 * 60, 600),))
MIA = Profile("mia", "Mia", Band.TO_9, categories=frozenset({"games"}))
HOME = Household("ada", "Home", profiles=(MIA,), guest="mia")


@pytest.fixture
def keeper() -> PlaneKeeper:
    """Two families of one preset, each with a line and an address."""
    keeper = PlaneKeeper(SLUGS, NOW)
    for household, line, address in (("ada", "l1", ONE), ("bo", "l2", TWO)):
        keeper.put_household(household, share_of(replace(HOME, id=household), NOW), NOW)
        keeper.put_line(line, household)
        keeper.bind(address, line)
    keeper.snapshot(1, ListedNames())
    return keeper


def changed(keeper: PlaneKeeper) -> PlaneChange:
    found = keeper.take_change(keeper.revision + 1)
    assert found is not None
    return found


def put(keeper: PlaneKeeper, household: Household, now: float = NOW) -> None:
    keeper.put_household(household.id, share_of(household, now), now)


def test_families_of_one_preset_are_one_group_and_nothing_is_told_twice(
    keeper: PlaneKeeper,
) -> None:
    whole = keeper.snapshot(2, ListedNames())
    groups = {each.address: each.group for each in whole.subscribers}
    assert groups == {ONE: 1, TWO: 1}
    assert whole.classes[whole.groups[1].policy_class].blocks == frozenset({"starter-games"})
    assert keeper.take_change(2) is None
    nothing = keeper.take_change(3)
    assert nothing is not None
    assert not [*nothing.subscribers, *nothing.groups, *nothing.new_exceptions]


def test_a_rule_moves_one_subscriber_and_its_end_moves_it_back(keeper: PlaneKeeper) -> None:
    put(keeper, replace(HOME, rules=(block("films.example"),)))
    change = changed(keeper)
    assert list(change.subscribers) == [Subscriber(ONE, 1, "ada")]
    assert list(change.new_exceptions) == ["films.example"]
    assert not change.groups
    put(keeper, replace(HOME, id="bo", rules=(block("films.example"),)))
    changed(keeper)
    put(keeper, HOME)
    change = changed(keeper)
    assert list(change.subscribers) == [Subscriber(ONE, 1)]
    assert list(change.gone_exceptions) == []  # somebody else has a rule about it
    put(keeper, replace(HOME, id="bo"))
    assert list(changed(keeper).gone_exceptions) == ["films.example"]


def test_a_group_that_nobody_has_is_forgotten_and_its_number_is_not_given_again(
    keeper: PlaneKeeper,
) -> None:
    other = replace(HOME, schedules=(NIGHT,))
    put(keeper, other)
    assert list(changed(keeper).groups) == [2]
    put(keeper, HOME)
    assert list(changed(keeper).gone_groups) == [2]
    put(keeper, other)
    assert list(changed(keeper).groups) == [3]


def test_bedtime_is_a_change_of_a_group_and_of_no_subscriber(keeper: PlaneKeeper) -> None:
    for household in ("ada", "bo"):
        put(keeper, replace(HOME, id=household, schedules=(NIGHT,)))
    changed(keeper)
    for now, closed, soon in (
        (NINE - SOON, None, True),
        (NINE, Reason.SCHEDULE, False),
        (NINE + 36_000, None, False),
    ):
        assert keeper.take_due(now - 1) == ()
        assert keeper.take_change(keeper.revision) is None
        keeper.take_due(now)
        change = changed(keeper)
        assert not [*change.subscribers, *change.gone_addresses]
        (group,) = change.groups.values()
        assert group.is_closing_soon is soon
        assert keeper.classes[group.policy_class].closed is closed


def test_an_address_follows_its_line_and_the_line_its_household(keeper: PlaneKeeper) -> None:
    put(keeper, replace(HOME, id="bo", schedules=(NIGHT,)))
    changed(keeper)
    keeper.bind(ONE, "l2")
    assert list(changed(keeper).subscribers) == [Subscriber(ONE, 2)]
    keeper.put_line("l2", "ada")
    assert set(changed(keeper).subscribers) == {Subscriber(ONE, 1), Subscriber(TWO, 1)}
    keeper.put_line("l2", "")
    assert set(changed(keeper).gone_addresses) == {ONE, TWO}
    keeper.put_line("l2", "bo")
    keeper.drop_household("bo")
    assert set(changed(keeper).gone_addresses) == {ONE, TWO}
    put(keeper, replace(HOME, id="bo"))  # the line is still that one's
    assert set(changed(keeper).subscribers) == {Subscriber(ONE, 1), Subscriber(TWO, 1)}


def test_a_part_of_an_address_or_what_two_have_is_nobodys(keeper: PlaneKeeper) -> None:
    keeper.bind_other(ONE, "192.0.2.1:1-99", "\0some ports")
    assert list(changed(keeper).gone_addresses) == [ONE]
    keeper.bind_other(ONE, "192.0.2.1:1-99", "")
    assert list(changed(keeper).subscribers) == [Subscriber(ONE, 1)]
    prefix = address_key("2001:db8:0:100::/56")
    keeper.bind_other(prefix, "2001:db8::/48", "l1")
    assert list(changed(keeper).subscribers) == [Subscriber(prefix, 1)]
    keeper.bind(prefix, "l2")
    assert list(changed(keeper).gone_addresses) == [prefix]


def test_who_is_not_known_has_the_group_of_strangers(keeper: PlaneKeeper) -> None:
    whole = keeper.snapshot(2, ListedNames())
    assert whole.classes[whole.groups[STRANGERS].policy_class].has_security


def test_lines_that_share_an_address_have_each_their_ports(keeper: PlaneKeeper) -> None:
    """A row is found by its last port, so what ends where another begins must not take it away."""
    shared = address_key("192.0.2.9")
    put(keeper, replace(HOME, id="bo", rules=(block("films.example"),)))
    keeper.bind_ports(shared, 1024, 2047, "l1")
    keeper.bind_ports(shared, 2048, 4095, "l2")
    rows, state = snapshot_rows(keeper.snapshot(2, ListedNames()))
    by_table = {table: dict(found) for table, found in rows.new.items()}
    assert by_table[PlaneTable.SUBSCRIBERS][shared] == b"port"
    assert by_table[PlaneTable.PORTS] == {
        shared + b"\x07\xff": shared + b"\x04\x00001-",
        shared + b"\x0f\xff": shared + b"\x08\x00001p",
    }
    assert by_table[PlaneTable.PERSONAL_PORTS] == {shared + b"\x0f\xff": shared + b"\x08\x00bo"}

    keeper.bind_ports(shared, 3072, 4095, "l1")  # overlaps: nobody has either of them
    change = changed(keeper)
    assert list(change.gone_addresses) == [ports_key(shared, 2048, 4095)]
    keeper.bind_ports(shared, 2048, 4095, "")
    rows, _ = change_rows(changed(keeper), state)
    assert (shared + b"\x0f\xff", shared + b"\x0c\x00001-") in list(rows.new[PlaneTable.PORTS])
    assert not list(rows.gone[PlaneTable.PORTS])
    assert shared + b"\x0f\xff" in list(rows.gone[PlaneTable.PERSONAL_PORTS])

    keeper.bind(shared, "l2")  # the whole of it, and some ports: not both can be true
    assert shared in changed(keeper).gone_addresses


def test_a_token_is_of_one_household_and_follows_its_group(keeper: PlaneKeeper) -> None:
    """Of a household that was copied, nobody knows whose it is."""
    digest = token_digest("m" * 26)
    device = Device("tablet", "Tablet", "mia", (), tokens=(digest,))
    with_token = replace(HOME, devices=(device,))
    put(keeper, with_token)
    change = changed(keeper)
    assert list(change.tokens) == [TokenOwner(bytes.fromhex(digest), 1, "ada")]
    assert list(change.subscribers) == [Subscriber(ONE, 1, "ada")], "so that its line is known"
    rows, _ = change_rows(change, snapshot_rows(keeper.snapshot(3, ListedNames()))[1])
    assert list(rows.new[PlaneTable.TOKENS]) == [(bytes.fromhex(digest), b"001pada")]
    put(keeper, replace(with_token, schedules=(NIGHT,)))
    assert [each.group for each in changed(keeper).tokens] == [2]
    put(keeper, replace(with_token, id="bo"))
    assert list(changed(keeper).gone_tokens) == [bytes.fromhex(digest)]
    keeper.drop_household("bo")
    assert [each.household for each in changed(keeper).tokens] == ["ada"]
    put(keeper, HOME)
    assert list(changed(keeper).gone_tokens) == [bytes.fromhex(digest)]


def test_where_routers_tell_macs_copdns_decides_for_a_household_with_a_child_apart() -> None:
    tom = Profile("tom", "Tom", Band.TO_15)
    phone = Device("phone", "Phone", "tom", (), ("02:00:00:00:00:02",))
    home = replace(HOME, profiles=(MIA, tom), devices=(phone,))
    mias = replace(home, devices=(replace(phone, profile="mia"),))
    off = replace(home, failures=FailureChoices(devices=OnFailure.OPEN))
    for household, told, asks in (
        (home, True, True),
        (home, False, False),
        (mias, True, False),
        (off, True, False),
    ):
        keeper = PlaneKeeper(SLUGS, NOW, has_macs_told=told)
        put(keeper, household)
        groups = keeper.snapshot(1, ListedNames()).groups.values()
        assert any(each.asks_copdns for each in groups) is asks


def test_in_a_network_of_no_family_a_line_has_no_rules() -> None:
    """An address of it, ports of one, or a prefix, whose line it may be; beside it all is usual."""
    wifi = ip_network("192.0.2.0/31"), ip_network("2001:db8:ff00::/40")
    keeper = PlaneKeeper(SLUGS, NOW, wifi)
    keeper.put_household("ada", share_of(HOME, NOW), NOW)
    keeper.put_line("l1", "ada")
    inside, outside = address_key("2001:db8:ff12::1"), address_key("2001:db8::1")
    for address in (ONE, TWO, inside, outside):
        keeper.bind(address, "l1")
    keeper.bind_ports(address_key("192.0.2.0"), 1024, 2047, "l1")
    subscribers = keeper.snapshot(1, ListedNames()).subscribers
    assert subscribers is not None
    assert {each.address for each in subscribers} == {TWO, outside}


def test_an_address_that_another_database_gives_to_another_line_is_nobodys(
    keeper: PlaneKeeper,
) -> None:
    """Which of both is older is not known, and no family may get the rules of another one."""
    keeper.put_line("l3", "bo")
    moved, gone, prefix = (address_key(each) for each in ("192.0.2.3", "192.0.2.4", "2001:db8::1"))
    for address in (moved, gone, prefix):
        keeper.bind(address, "l3")
    keeper.bind_ports(address_key("192.0.2.9"), 1024, 2047, "l1")
    keeper.snapshot(2, ListedNames())
    before = keeper.begin_lines()
    for line, household in (("l1", "ada"), ("l2", "bo"), ("l3", "bo")):
        keeper.put_line(line, household)
    for address, line in ((ONE, "l1"), (TWO, "l2"), (moved, "l1"), (prefix, "l3")):
        keeper.bind(address, line)
    keeper.bind_ports(address_key("192.0.2.9"), 1024, 2047, "l3")
    keeper.doubt_others(before)
    whole = keeper.snapshot(3, ListedNames())
    assert whole.subscribers is not None
    assert {each.address for each in whole.subscribers} == {ONE, TWO, prefix}
    keeper.bind(moved, "l3")  # what is told later counts
    assert [each.address for each in changed(keeper).subscribers] == [moved]


def test_a_line_that_a_backup_gives_to_another_family_is_nobodys_until_it_is_told_anew(
    keeper: PlaneKeeper,
) -> None:
    """As often as the same is read: what was told after the backup is not in it."""
    keeper.put_line("l3", "")
    three = address_key("192.0.2.3")
    backup = (("l1", "ada", ONE), ("l2", "ada", TWO), ("l3", "bo", three))

    def read_backup() -> None:
        for line, household, address in backup:
            keeper.put_line(line, household)
            keeper.bind(address, line)

    before = keeper.begin_lines()
    read_backup()
    keeper.doubt_homes(before)
    for begins_anew in (False, True, False):
        whole = keeper.snapshot(2, ListedNames())
        assert whole.subscribers is not None
        assert {each.address for each in whole.subscribers} == {ONE}
        if begins_anew:  # with another database, of which nothing is lost
            keeper.begin_lines()
        read_backup()
    changed(keeper)
    for household in ("bo", "ada"):
        keeper.put_line("l2", household)
        assert [each.address for each in changed(keeper).subscribers] == [TWO]


def test_strangers_of_a_network_without_security_lists_have_a_group_of_their_own() -> None:
    usual = PlaneKeeper(SLUGS, NOW).snapshot(1, ListedNames())
    assert LAW_ALONE not in usual.groups
    keeper = PlaneKeeper(SLUGS, NOW, has_law_alone=True)
    put(keeper, HOME)
    whole = keeper.snapshot(1, ListedNames())
    policy = whole.classes[whole.groups[LAW_ALONE].policy_class]
    assert policy == PolicyClass(has_security=False)
    assert whole.classes[whole.groups[STRANGERS].policy_class].has_security
    rows, _ = snapshot_rows(whole)
    assert f"{LAW_ALONE}-".encode() in {key for key, _ in rows.new[PlaneTable.GROUPS]}
