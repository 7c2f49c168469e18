"""Tests of who asks, and of what a change leaves as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

import pytest

from copdns.dns.records import PTR, A
from copdns.lists.index import ListKind
from copdns.model.bypass_signs import OTHERS_HEARD, UNHEARD, Heard
from copdns.model.household import (
    AnnouncedBandChange,
    Band,
    Contact,
    Device,
    Household,
    LocalName,
    NameRewrite,
    OwnService,
    Profile,
    Rule,
    SplitUpstream,
)
from copdns.model.matchers import parse_matcher
from copdns.model.times import Budget
from copdns.model.verdict import Action, Reason, Requestor
from copdns.policy.build_snapshot import build_in_steps, build_snapshot
from copdns.policy.decide import Policy, decide
from copdns.policy.guest import GUEST
from copdns.policy.snapshot import Snapshot
from copdns.time.budget import RECHECK_BEFORE
from tests.household import ADA, BO, DEFAULTS, MIA, NOW, TOM, asker, block, family, library
from tests.household import GUEST as VISITOR

LISTS = library(categories={"games": ["games.example"], "adult": ["adult.example"]})


def snapshot(*houses: Household, before: Snapshot | None = None, now: float = NOW) -> Snapshot:
    return build_snapshot(before, LISTS, DEFAULTS, houses or (family(),), now)


def who(live: Snapshot, address: str) -> tuple[str, str, str]:
    """Return household, profile and device of whoever asks from an address."""
    client = live.identify(asker(address))
    return client.household, client.policy.profile, client.device


def devices(**addresses: Sequence[str]) -> tuple[Device, ...]:
    """Return devices by profile, with a number behind each."""
    return tuple(
        Device(f"{profile}-{number}", "", profile, (text,))
        for profile, texts in addresses.items()
        for number, text in enumerate(texts)
    )


# --- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "profile", "device"),
    [
        ("192.0.2.8", "mia", "mia-0"),
        ("192.0.2.15", "tom", "tom-0"),  # its own address before any network
        ("192.0.2.17", "mia", "mia-1"),  # the longer prefix before the shorter
        ("192.0.2.33", "tom", "tom-1"),
        ("2001:db8:0:8::1", "mia", "mia-2"),
        ("2001:db8:0:15::9", "tom", "tom-2"),
        ("2001:db8:0:16::9", GUEST, ""),
        ("192.0.2.99", GUEST, ""),
    ],
)
def test_a_device_is_known_by_its_address_or_by_the_longest_prefix(
    address: str, profile: str, device: str
) -> None:
    house = family(
        devices=devices(
            mia=["192.0.2.8", "192.0.2.16/30", "2001:db8:0:8::/64"],
            tom=["192.0.2.15", "192.0.2.0/26", "2001:db8:0:15::/64"],
        )
    )
    assert who(snapshot(house), address) == ("home", profile, device)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (VISITOR, ("home", GUEST, "")),
        (BO, ("", "", "")),
        ("2001:db8::99", ("home", GUEST, "")),
        ("2001:4860::1", ("", "", "")),
    ],
)
def test_whoever_is_near_is_a_guest_and_all_others_are_strangers(
    address: str, expected: tuple[str, str, str]
) -> None:
    assert who(snapshot(), address) == expected


@pytest.mark.parametrize(
    ("address", "heard"),
    [
        (VISITOR, OTHERS_HEARD),
        ("192.0.2.15", OTHERS_HEARD),  # a device whose silences nobody looks at
        ("127.0.0.1", UNHEARD),
        ("192.0.2.1", UNHEARD),  # from where this machine asks the address that it listens at
        (BO, UNHEARD),
    ],
)
def test_what_this_machine_asks_does_not_show_that_somebody_is_at_home(
    address: str, heard: Heard
) -> None:
    live = snapshot(family(devices=devices(tom=["192.0.2.15"])))
    assert live.identify(Requestor("192.0.2.1", address, "udp")).heard is heard


def test_a_device_is_served_wherever_it_is_because_somebody_named_it() -> None:
    house = family(devices=devices(mia=["203.0.113.66", "198.51.100.0/24"]))
    assert who(snapshot(house), BO) == ("home", "mia", "mia-0")
    assert who(snapshot(house), "198.51.100.7") == ("home", "mia", "mia-1")


def test_a_household_can_choose_whose_rules_a_visitor_gets() -> None:
    assert who(snapshot(family(guest="tom")), VISITOR) == ("home", "tom", "")


def test_a_visitor_is_the_first_households_guest() -> None:
    there = replace(family(), id="there", devices=())
    assert who(snapshot(family(), there), VISITOR)[0] == "home"


def test_without_a_household_everybody_is_a_stranger() -> None:
    live = build_snapshot(None, LISTS, DEFAULTS, (), NOW)
    assert who(live, "192.0.2.8") == ("", "", "")


def test_the_devices_of_two_households_are_kept_apart() -> None:
    here = family(MIA)
    there = replace(
        family(TOM, rules=(block("a.example"),)), id="there", devices=devices(tom=["192.0.2.77"])
    )
    live = snapshot(here, there)
    assert who(live, "192.0.2.8") == ("home", "mia", "mia-phone")
    assert who(live, "192.0.2.77") == ("there", "tom", "tom-0")
    mia, tom = (live.identify(asker(each)).policy for each in ("192.0.2.8", "192.0.2.77"))
    assert decide(mia, "a.example", A, NOW).reason is Reason.DEFAULT
    assert decide(tom, "a.example", A, NOW).reason is Reason.RULE


def test_many_strangers_do_not_fill_the_memory() -> None:
    live = snapshot()
    for number in range(5000):
        live.identify(asker(f"203.0.{number // 250}.{number % 250 + 1}"))
    assert len(live._client_by_requestor) <= 4200
    assert who(live, "192.0.2.8") == ("home", "mia", "mia-phone")


def test_the_guest_rules_are_security_and_what_is_for_adults_only() -> None:
    guest = snapshot().policy("home", GUEST)
    assert not guest.is_child
    assert decide(guest, "adult.example", A, NOW).category == "adult"
    assert decide(guest, "games.example", A, NOW).reason is Reason.DEFAULT


# --- what a change leaves as it was ---------------------------------------------------------------

HOUSE = family(rules=(block("a.example", "mia"), block("b.example", "#children")))


def changed(before: Household, after: Household) -> set[str]:
    """Return the profiles whose policy is another object after a change."""
    old = snapshot(before)
    new = snapshot(after, before=old)
    return {
        profile
        for (household, profile), (_, policy) in new.policies.items()
        if old.policies.get((household, profile), (None, None))[1] is not policy
    }


def with_rule(rule: Rule) -> Household:
    return replace(HOUSE, rules=(*HOUSE.rules, rule))


EVERYBODY = {"mia", "tom", "ada", GUEST}


@pytest.mark.parametrize(
    ("after", "whose"),
    [
        (HOUSE, set()),
        (replace(HOUSE, revision=9, name="Other"), set()),
        (replace(HOUSE, devices=HOUSE.devices[:1]), set()),
        (with_rule(block("c.example", "mia")), {"mia"}),
        (with_rule(block("c.example", "#children")), {"mia", "tom"}),
        (with_rule(block("c.example")), EVERYBODY),
        (replace(HOUSE, rules=HOUSE.rules[1:]), {"mia"}),
        (replace(HOUSE, profiles=(replace(MIA, name="M."), TOM, ADA)), set()),
        (replace(HOUSE, profiles=(replace(MIA, bypass=True), TOM, ADA)), {"mia"}),
        (replace(HOUSE, protected=("school.example",)), EVERYBODY),
        (replace(HOUSE, local_names=(LocalName("nas.example", ()),)), EVERYBODY),
        (
            replace(HOUSE, split_upstreams=(SplitUpstream("w.example", ("192.0.2.53:53",)),)),
            EVERYBODY,
        ),
    ],
)
def test_a_change_makes_new_policies_for_those_whom_it_is_about(
    after: Household, whose: set[str]
) -> None:
    assert changed(HOUSE, after) == whose


def test_a_new_profile_leaves_the_others_as_they_are() -> None:
    lea = Profile("lea", "Lea", Band.TO_12)
    assert changed(HOUSE, replace(HOUSE, profiles=(*HOUSE.profiles, lea))) == {"lea"}


def test_other_lists_or_defaults_make_everything_anew() -> None:
    before = snapshot(HOUSE)
    lists = build_snapshot(before, library(), DEFAULTS, [HOUSE], NOW)
    defaults = build_snapshot(before, LISTS, replace(DEFAULTS, block_ttl=20), [HOUSE], NOW)
    for after in (lists, defaults):
        assert after.policy("home", "mia") is not before.policy("home", "mia")
    made = defaults.policy("home", "mia")
    assert decide(made, "a.example", A, NOW).ttl == 20


def test_the_snapshot_before_is_not_touched() -> None:
    before = snapshot(HOUSE)
    old = before.policy("home", "mia")
    snapshot(with_rule(block("c.example")), before=before)
    assert before.policy("home", "mia") is old
    assert decide(old, "c.example", A, NOW).reason is Reason.DEFAULT


# --- announced changes ----------------------------------------------------------------------------


def test_the_next_announced_band_says_when_to_build_anew() -> None:
    def change(after: int) -> AnnouncedBandChange:
        return AnnouncedBandChange(Band.TO_12, int(NOW) + after)

    house = family(
        replace(TOM, band_change=change(60)),
        replace(ADA, band_change=change(30)),
        replace(MIA, band_change=change(-5)),  # is due already
    )
    live = snapshot(house)
    assert live.rebuild_at == NOW + 30
    assert not live.policy("home", "ada").is_child
    later = snapshot(house, before=live, now=NOW + 30)
    assert later.policy("home", "ada").is_child
    assert later.policy("home", "tom") is live.policy("home", "tom")
    assert later.rebuild_at == NOW + 60
    assert snapshot().rebuild_at is None


# --- what the household adds ----------------------------------------------------------------------


def own(live: Snapshot) -> Policy:
    return live.policy("home", "mia")


def test_the_households_own_names_stand_beside_the_lists() -> None:
    house = family(
        replace(MIA, services=frozenset({"club"}), categories=frozenset({"games"})),
        protected=("school.example",),
        services=(OwnService("club", "Club", (parse_matcher("club.example"),), Contact.KNOWN),),
        local_names=(LocalName("nas.example", ("192.168.1.5",)),),
    )
    made = own(snapshot(house))
    kinds = [info.kind for info in made.index.infos if info.version == "household"]
    assert kinds == [ListKind.PROTECTED, ListKind.SERVICE, ListKind.LOCAL, ListKind.LOCAL]
    assert [info.number for info in made.index.infos] == list(range(len(made.index.infos)))
    reasons = {
        name: str(decide(made, f"{name}.example", A, NOW).reason)
        for name in ("school", "club", "nas", "games")
    }
    assert reasons == {
        "school": "protected",
        "club": "service",
        "nas": "local",
        "games": "category",
    }


def test_without_own_names_all_households_share_one_index() -> None:
    live = snapshot(family(), replace(family(), id="there", devices=()))
    assert own(live).index is LISTS.index
    assert live.policy("there", "mia").index is LISTS.index


def test_two_names_of_one_address_are_both_found_by_it() -> None:
    names = (LocalName("nas.example", ("192.168.1.5",)), LocalName("box.example", ("192.168.1.5",)))
    local = decide(
        own(snapshot(family(local_names=names))), "5.1.168.192.in-addr.arpa", PTR, NOW
    ).local
    assert local is not None
    assert [record.data for record in local.records] == ["nas.example", "box.example"]


def test_who_is_asked_for_a_split_domain_is_known_to_the_policy() -> None:
    house = family(split_upstreams=(SplitUpstream("w.example", ("192.0.2.53:53",)),))
    splits = own(snapshot(house)).splits
    assert splits is not None
    assert (splits.zone_of("a.w.example"), splits.zone_of("example")) == ("w.example", "")
    assert own(snapshot()).splits is None


def test_the_longest_split_domain_comes_first_whatever_the_order() -> None:
    upstream = ("192.0.2.53:53",)
    splits = (SplitUpstream("w.example", upstream), SplitUpstream("deep.w.example", upstream))
    for each in (splits, splits[::-1]):
        found = own(snapshot(family(split_upstreams=each))).splits
        assert found is not None
        assert [str(split.matcher) for split in found.splits] == ["deep.w.example", "w.example"]


def test_what_everybodys_sites_lie_below_is_neither_answered_nor_forwarded() -> None:
    house = family(
        split_upstreams=(SplitUpstream("com", ("192.0.2.53:53",)),),
        local_names=(LocalName("co.uk", ("192.0.2.1",)),),
        rewrites=(NameRewrite(parse_matcher("*.github.io"), "portal.example"),),
    )
    live = snapshot(house)
    assert own(live).splits is None
    for name in ("shop.co.uk", "co.uk", "pages.github.io", "shop.com"):
        assert decide(own(live), name, 1, NOW).action is Action.ALLOW


def test_networks_that_are_served_come_from_the_settings() -> None:
    narrow = replace(DEFAULTS, allow=(ip_network("192.0.2.200/32"),))
    live = build_snapshot(None, LISTS, narrow, [family()], NOW)
    assert who(live, VISITOR)[1] == GUEST
    assert who(live, "192.0.2.201")[1] == ""


def test_a_build_can_be_left_after_each_profile_and_changes_nothing_until_its_end() -> None:
    before = snapshot(HOUSE)
    steps = build_in_steps(before, LISTS, DEFAULTS, [replace(HOUSE, rules=())], NOW)
    for _ in (*HOUSE.profiles, GUEST):
        next(steps)
    assert decide(own(before), "a.example", A, NOW).action is Action.BLOCK
    with pytest.raises(StopIteration) as done:
        next(steps)
    assert decide(own(done.value.value), "a.example", A, NOW).action is Action.ALLOW


def test_households_share_what_they_do_not_define_themselves() -> None:
    bo = replace(family(), id="bo")
    live = build_snapshot(None, LISTS, DEFAULTS, [family(), bo], NOW)
    assert live.contexts["bo"].engines is live.contexts["home"].engines
    assert live.contexts["bo"].household == "bo"


def test_a_snapshot_in_which_no_policy_changed_has_the_very_same_ones() -> None:
    """So that whoever remembers something by them need not look through it."""
    first = snapshot()
    assert snapshot(before=first, now=NOW + 60).policies is first.policies
    other = family(rules=(block("games.example", "mia"),))
    assert snapshot(other, before=first).policies is not first.policies
    assert snapshot(family(ADA), before=first).policies is not first.policies


def test_how_long_minutes_surely_last_is_found_out_before_nobody_knows() -> None:
    films = Budget("films", "mia", (("daily", 60),))
    live = snapshot(family(budgets=(films,)))
    (left,) = live.policy("home", "mia").time_rules.plan.remaining  # type: ignore[union-attr]
    assert live.refresh_at == left.sure_until - RECHECK_BEFORE
    assert (
        live.is_due(left.sure_until - RECHECK_BEFORE - 1),
        live.is_due(left.sure_until - RECHECK_BEFORE),
    ) == (
        False,
        True,
    )
    assert snapshot().refresh_at is None
